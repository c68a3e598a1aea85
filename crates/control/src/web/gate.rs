//! What every request has to pass: [`outer`] for all of them, then [`inner`] for each route by its [`Access`].

use crate::{
    text,
    web::{
        app::{App, Caller},
        reply::Failure,
    },
};
use axum::{
    Form,
    body::{Body, to_bytes},
    extract::{FromRequest, Multipart, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use broker_protocol::{Answer, Ask, Who};
use plugin::{Manifest, manifest::Role};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use webpage::{browser, server::Peer};

/// `__Host-`: only over TLS, for this host alone, for all paths (RFC 6265bis, section 4.1.3.2).
pub const COOKIE: &str = "__Host-appliance-session";
/// Bytes of a form without files, or with small ones.
const FORM_LIMIT: usize = 64 << 10;
/// Bytes of a form of somebody who is not signed in.
const DOOR_LIMIT: usize = 4 << 10;
const FORM_PATIENCE: Duration = Duration::from_secs(15);

/// Who may use a route. There is no route without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody, signed in or not.
    Open,
    Viewer,
    Administrator,
    /// Signed in; the role is the action's own. The handler looks, and the broker decides.
    Action,
}

/// Who asks, and how.
#[derive(Debug, Clone, Default)]
pub struct Visitor {
    pub who: Option<Who>,
    pub caller: Caller,
    /// A program that wants JSON.
    pub json: bool,
    /// The browser in a few words.
    pub agent: String,
    /// This machine's host name.
    pub host: String,
    pub plugins: Arc<Vec<Manifest>>,
}

/// The fields of a form, after its proof was checked.
#[derive(Debug, Clone, Default)]
pub struct Fields(pub BTreeMap<String, String>);

impl Visitor {
    pub fn role(&self) -> Option<Role> {
        self.who.as_ref().map(|w| w.role)
    }

    /// Whether the form was written for this session. Takes the same time for every wrong token.
    pub fn proves(&self, csrf: &str) -> bool {
        self.who.as_ref().is_some_and(|w| browser::same(&w.csrf, csrf))
    }

    fn new(app: &App, request: &Request) -> Visitor {
        let headers = request.headers();
        let text_of = |name: HeaderName| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("");
        let from = request.extensions().get::<Peer>().map(|p| p.0.to_string()).unwrap_or_default();
        Visitor {
            who: None,
            caller: Caller { session: browser::session(headers, COOKIE), from },
            json: text_of(header::ACCEPT).starts_with("application/json"),
            agent: text::browser(text_of(header::USER_AGENT)),
            host: app.hostname(),
            plugins: Arc::default(),
        }
    }
}

/// For every request: is it for us, and what no answer may lack.
pub async fn outer(State(app): State<App>, request: Request, next: Next) -> Response {
    let named = |name: &str| app.answers_to(name);
    let absolute = request.uri().authority().is_none_or(|a| named(a.as_str()));
    let mut response = if browser::host(request.headers()).is_some_and(named) && absolute {
        let visitor = Visitor::new(&app, &request);
        finish(next.run(request).await, &visitor)
    } else {
        let text = "This machine does not answer to that name.\nAn administrator can add the name, one a line, \
                    to /etc/appliance-control/hosts.\n";
        (StatusCode::MISDIRECTED_REQUEST, text).into_response()
    };
    browser::guard(&mut response);
    response
}

/// For one route: session, role, and for what changes something the proof that it was meant.
pub async fn inner(State((app, access)): State<(App, Access)>, mut request: Request, next: Next) -> Response {
    let mut visitor = Visitor::new(&app, &request);
    match admit(&app, access, &mut visitor, &mut request).await {
        Ok(()) => {
            request.extensions_mut().insert(visitor.clone());
            finish(next.run(request).await, &visitor)
        }
        Err(failure) => failure.render(&visitor),
    }
}

/// What went wrong becomes a page for whom it is.
fn finish(mut response: Response, visitor: &Visitor) -> Response {
    match response.extensions_mut().remove::<Failure>() {
        Some(failure) => failure.render(visitor),
        None => response,
    }
}

async fn admit(
    app: &App,
    access: Access,
    visitor: &mut Visitor,
    request: &mut Request,
) -> Result<(), Failure> {
    let changes = request.method() != Method::GET && request.method() != Method::HEAD;
    if changes && !browser::sent_from_here(request.headers()) {
        return Err(Failure::NotFromHere);
    }
    if access == Access::Open {
        if changes {
            // there is no session yet that it could prove to come from; that it was sent from here was looked at
            let fields = fields_of(request, DOOR_LIMIT).await?;
            request.extensions_mut().insert(fields);
        }
        return Ok(());
    }
    if visitor.caller.session.is_none() {
        return Err(Failure::SignIn);
    }
    let Answer::Who(who) = app.ask(&visitor.caller, Ask::Who {}).await?.0 else {
        return Err(Failure::strange());
    };
    let role = who.role;
    visitor.who = Some(who);
    if access == Access::Administrator && role < Role::Administrator {
        return Err(Failure::Forbidden("Your session may look, but not change anything.".into()));
    }
    if changes {
        prove(access, visitor, request).await
    } else {
        if !visitor.json {
            visitor.plugins = app.plugins(&visitor.caller).await.unwrap_or_default();
        }
        Ok(())
    }
}

/// Checks the form's token. Forms with files are read while they come in, so [`crate::web::upload`] does it for them.
async fn prove(access: Access, visitor: &Visitor, request: &mut Request) -> Result<(), Failure> {
    let kind = request.headers().get(header::CONTENT_TYPE).cloned();
    let text = |value: Option<&HeaderValue>| value.and_then(|v| v.to_str().ok()).unwrap_or("").to_owned();
    if access == Access::Action && text(kind.as_ref()).starts_with("multipart/form-data") {
        return Ok(());
    }
    let by_header = text(request.headers().get("x-csrf-token"));
    let fields = fields_of(request, FORM_LIMIT).await?;
    let token = fields.0.get("csrf").unwrap_or(&by_header);
    if !visitor.proves(token) {
        return Err(Failure::NotFromHere);
    }
    request.extensions_mut().insert(fields);
    Ok(())
}

async fn fields_of(request: &mut Request, limit: usize) -> Result<Fields, Failure> {
    let kind = request.headers().get(header::CONTENT_TYPE).cloned();
    let body = std::mem::replace(request.body_mut(), Body::empty());
    let late = |_| Failure::Invalid("The form did not arrive in time.".into());
    let bytes = tokio::time::timeout(FORM_PATIENCE, to_bytes(body, limit)).await.map_err(late)?;
    let bytes = bytes.map_err(|_| Failure::TooLarge)?;
    if bytes.is_empty() {
        return Ok(Fields::default());
    }
    let mut whole = Request::new(Body::from(bytes));
    *whole.method_mut() = Method::POST;
    let with_files = kind.as_ref().is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/form-data"));
    if let Some(kind) = kind {
        whole.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    let unreadable = || Failure::Invalid("The form cannot be read.".into());
    if with_files {
        return multipart(whole).await.ok_or_else(unreadable);
    }
    let fields = Form::<Vec<(String, String)>>::from_request(whole, &()).await;
    let fields = fields.map_err(|_| unreadable())?;
    Ok(Fields(fields.0.into_iter().collect()))
}

/// A form with files that are small enough to be fields like the others.
async fn multipart(request: Request) -> Option<Fields> {
    let mut form = Multipart::from_request(request, &()).await.ok()?;
    let mut fields = Fields::default();
    while let Some(field) = form.next_field().await.ok()? {
        let name = field.name().unwrap_or_default().to_owned();
        fields.0.insert(name, field.text().await.ok()?);
    }
    Some(fields)
}
