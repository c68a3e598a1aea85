//! Every address of the page, and what each of them does.

use super::{
    Shared,
    doors::Link,
    form::{Typed, languages},
    views::{DoorPage, EndedPage, FormPage, Frame, NoticePage, ProgressPage, SCRIPT, html},
};
use axum::{
    Extension, Router,
    body::{Body, to_bytes},
    extract::{DefaultBodyLimit, FromRequest, Path, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use std::{sync::Arc, time::Duration};
use webpage::{
    assets::{Asset, ICON, STYLE},
    browser,
    server::Peer,
};

/// `__Host-`: only over TLS, for this host alone, for all paths (RFC 6265bis, section 4.1.3.2).
const COOKIE: &str = "__Host-vainstall";
/// Bytes of a form.
const FORM_LIMIT: usize = 256 << 10;
const FORM_PATIENCE: Duration = Duration::from_secs(15);
/// Lines of output in sight.
const LINES: usize = 40;

type Page = State<Arc<Shared>>;

pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(show))
        .route("/answers", post(answers))
        .route("/link/{token}", get(door).post(enter))
        .route("/static/{name}", get(asset))
        .fallback(nothing)
        .method_not_allowed_fallback(nothing)
        // read with a limit and a patience of our own
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(shared.clone(), outer))
        .with_state(shared)
}

/// For every request: is it for us, was it meant, and what no answer may lack.
async fn outer(State(shared): Page, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let absolute = request.uri().authority().is_none_or(|a| shared.answers_to(a.as_str()));
    let mut response = if !browser::host(headers).is_some_and(|h| shared.answers_to(h)) || !absolute {
        (StatusCode::MISDIRECTED_REQUEST, "This machine does not answer to that name: use its address.\n")
            .into_response()
    } else if !reads && !browser::sent_from_here(headers) {
        shared.not_from_here()
    } else {
        next.run(request).await
    };
    browser::guard(&mut response);
    response
}

async fn nothing(State(shared): Page) -> Response {
    shared.notice(StatusCode::NOT_FOUND, "Not found", &["There is nothing at this address."], true)
}

async fn asset(State(shared): Page, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let all: [&'static Asset; 3] = [&STYLE, &SCRIPT, &ICON];
    match Asset::find(&all, &name) {
        Some(asset) => asset.answer(&headers),
        None => nothing(State(shared)).await,
    }
}

/// `GET /link/{token}`: one button. Programs that only look at links (mail filters, chat previews) do not press it,
/// so they do not use the link up.
async fn door(
    State(shared): Page,
    Extension(peer): Extension<Peer>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    if shared.session(&headers).is_some() {
        return Redirect::to("/").into_response();
    }
    match shared.try_link(&token, peer.0) {
        Link::Good => html(StatusCode::OK, &DoorPage { frame: shared.frame(&shared.title), token: &token }),
        bad => shared.bad_link(&bad),
    }
}

/// `POST /link/{token}`: uses the link up.
async fn enter(State(shared): Page, Extension(peer): Extension<Peer>, Path(token): Path<String>) -> Response {
    let session = match shared.try_link(&token, peer.0) {
        Link::Good => shared.let_in(peer.0),
        bad => return shared.bad_link(&bad),
    };
    let cookie =
        session.map(|session| format!("{COOKIE}={session}; Path=/; Secure; HttpOnly; SameSite=Strict"));
    let Some(cookie) = cookie.ok().and_then(|c| HeaderValue::from_str(&c).ok()) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
}

/// `GET /`: the questions, the progress, or the ending.
async fn show(State(shared): Page, method: Method, headers: HeaderMap) -> Response {
    let Some(session) = shared.session(&headers) else { return shared.closed() };
    let response = shared.page(&session, &headers, StatusCode::OK);
    shared.board.visited(method == Method::GET);
    response
}

/// `POST /answers`
async fn answers(State(shared): Page, Extension(peer): Extension<Peer>, request: Request) -> Response {
    let headers = request.headers().clone();
    let Some(session) = shared.session(&headers) else { return shared.closed() };
    let fields = match fields(request).await {
        Ok(fields) => fields,
        Err((status, why)) => return shared.notice(status, "That cannot be used", &[why], true),
    };
    let field = |name: &str| fields.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str());
    let number: u64 = field("number").parse().unwrap_or_default();
    let (asked, current) = {
        let state = shared.board.state();
        (state.asked.clone(), state.number)
    };
    let mut doors = shared.doors();
    let Some(browser) = doors.browser(&session) else { return shared.closed() };
    if !browser::same(&browser.csrf, field("csrf")) {
        return shared.not_from_here();
    }
    let Some(form) = asked.filter(|_| number == current) else { return shared.settled() };
    let before = if browser.draft.0 == number { std::mem::take(&mut browser.draft.1) } else { Typed::new() };
    let mut typed = form.read(&fields, &before);
    let wrong = form.check(&typed, &wanted(&headers));
    if wrong.is_empty() {
        browser.draft = (0, Typed::new());
        drop(doors);
        return match shared.board.answer(number, typed, peer.0) {
            true => Redirect::to("/").into_response(),
            false => shared.settled(),
        };
    }
    // a secret that does not fit cannot be mended unseen
    let secret = |name: &String| form.questions.iter().any(|q| q.name == *name && q.is_secret());
    typed.retain(|name, _| !(wrong.contains_key(name) && secret(name)));
    (browser.draft, browser.wrong) = ((number, typed), wrong);
    drop(doors);
    shared.page(&session, &headers, StatusCode::UNPROCESSABLE_ENTITY)
}

async fn fields(request: Request) -> Result<Vec<(String, String)>, (StatusCode, &'static str)> {
    let (parts, body) = request.into_parts();
    let large = (StatusCode::PAYLOAD_TOO_LARGE, "The form is larger than this page accepts.");
    let declared =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > FORM_LIMIT) {
        // answered before it is sent: who would have to send it all may not hear the answer
        return Err(large);
    }
    let late = |_| (StatusCode::REQUEST_TIMEOUT, "The form did not arrive in time. Send it again.");
    let bytes = tokio::time::timeout(FORM_PATIENCE, to_bytes(body, FORM_LIMIT)).await.map_err(late)?;
    let bytes = bytes.map_err(|_| large)?;
    let whole = Request::from_parts(parts, Body::from(bytes));
    let form = axum::Form::<Vec<(String, String)>>::from_request(whole, &()).await;
    form.map(|f| f.0).map_err(|_| (StatusCode::BAD_REQUEST, "The form cannot be read."))
}

fn wanted(headers: &HeaderMap) -> Vec<String> {
    let accept = headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok());
    languages(accept.unwrap_or_default())
}

impl Shared {
    fn session(&self, headers: &HeaderMap) -> Option<String> {
        let session = browser::session(headers, COOKIE)?;
        self.doors().browser(&session).is_some().then_some(session)
    }

    fn frame(&self, title: &str) -> Frame {
        Frame::new(title, &self.host())
    }

    fn notice(&self, status: StatusCode, heading: &str, paragraphs: &[&str], onward: bool) -> Response {
        html(status, &NoticePage { frame: self.frame(heading), heading, paragraphs, onward })
    }

    fn closed(&self) -> Response {
        let paragraphs = [
            "This page is for whoever has its link: it stands where vainstall was started, or on the console of this machine.",
            "Each link opens one browser. When it has been used, there is another one.",
        ];
        self.notice(StatusCode::UNAUTHORIZED, "Open the link first", &paragraphs, false)
    }

    fn bad_link(&self, link: &Link) -> Response {
        if *link == Link::TooMany {
            let text =
                ["Too many links from your address were wrong. Wait a minute, then open the right one."];
            return self.notice(StatusCode::TOO_MANY_REQUESTS, "Wait a minute", &text, false);
        }
        let text = [
            "This link was used before, or it never was one.",
            "Each link opens one browser, once. The next one stands where vainstall was started, or on the console.",
        ];
        self.notice(StatusCode::NOT_FOUND, "This link opens nothing", &text, false)
    }

    fn not_from_here(&self) -> Response {
        let text = ["The form did not come from this page, or from an old one. Nothing was done with it."];
        self.notice(StatusCode::FORBIDDEN, "Not from here", &text, true)
    }

    /// Somebody else was first.
    fn settled(&self) -> Response {
        let by = self.board.state().answered_by.map(|by| by.to_string());
        let who = by.map_or("The questions are not asked any more.".to_owned(), |by| {
            format!("The questions have been answered already, by a browser at {by}.")
        });
        let text = [who.as_str(), "Nothing of what you have sent was used."];
        self.notice(StatusCode::CONFLICT, "This is settled", &text, true)
    }

    /// What there is to see right now, for a browser that was let in.
    fn page(&self, session: &str, headers: &HeaderMap, status: StatusCode) -> Response {
        let (asked, number, work, ended) = {
            let state = self.board.state();
            (state.asked.clone(), state.number, state.work.clone(), state.ended.clone())
        };
        if let Some(told) = ended {
            let frame = self.frame(if told.ok { "Done" } else { "Failed" });
            return html(StatusCode::OK, &EndedPage { frame, told: &told, warnings: &work.warnings });
        }
        let Some(form) = asked else {
            let frame = Frame { refresh: 2, ..self.frame(&self.title) };
            let lines = work.lines.iter().skip(work.lines.len().saturating_sub(LINES)).map(String::as_str);
            let percent = work.percent.unwrap_or_default().clamp(0.0, 100.0) as u32;
            return html(
                StatusCode::OK,
                &ProgressPage { frame, work: &work, percent, lines: lines.collect() },
            );
        };
        let mut doors = self.doors();
        let Some(browser) = doors.browser(session) else { return self.closed() };
        let none = (Typed::new(), Typed::new());
        let (typed, wrong) = match browser.draft.0 == number {
            true => (&browser.draft.1, &browser.wrong),
            false => (&none.0, &none.1),
        };
        let groups = form.groups(typed, wrong, &wanted(headers));
        let page = FormPage {
            frame: self.frame(&form.title),
            csrf: &browser.csrf,
            number,
            title: &form.title,
            notes: &form.notes,
            groups: &groups,
            wrong: wrong.len(),
            warnings: &work.warnings,
        };
        html(status, &page)
    }
}
