//! What every request has to pass: [`outer`] for all of them, then [`inner`] for each route by its [`Access`].

use crate::web::{
    app::{App, Caller},
    reply::Failure,
};
use axum::{
    Form,
    body::{Body, to_bytes},
    extract::{FromRequest, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use broker_protocol::{Answer, Ask, Who};
use plugin::{Manifest, manifest::Role};
use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};

/// `__Host-`: only over TLS, for this host alone, for all paths (RFC 6265bis, section 4.1.3.2).
pub const COOKIE: &str = "__Host-appliance-session";
/// Bytes of a form without files.
const FORM_LIMIT: usize = 64 << 10;
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

/// Where the connection comes from.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// Who asks, and how.
#[derive(Debug, Clone, Default)]
pub struct Visitor {
    pub who: Option<Who>,
    pub caller: Caller,
    /// A program that wants JSON.
    pub json: bool,
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
        let Some(expected) = self.who.as_ref().map(|w| w.csrf.as_bytes()).filter(|c| !c.is_empty()) else {
            return false;
        };
        let differ = expected.iter().zip(csrf.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
        expected.len() == csrf.len() && differ == 0
    }

    fn new(app: &App, request: &Request) -> Visitor {
        let headers = request.headers();
        let text = |name: HeaderName| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("");
        let from = request.extensions().get::<Peer>().map(|p| p.0.to_string()).unwrap_or_default();
        Visitor {
            who: None,
            caller: Caller { session: session(headers), from },
            json: text(header::ACCEPT).starts_with("application/json"),
            host: app.hostname(),
            plugins: Arc::default(),
        }
    }
}

/// For every request: is it for us, and what no answer may lack.
pub async fn outer(State(app): State<App>, request: Request, next: Next) -> Response {
    let named = |name: &str| app.answers_to(name);
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (host, second) = (hosts.next().and_then(|h| h.to_str().ok()), hosts.next());
    let absolute = request.uri().authority().is_none_or(|a| named(a.as_str()));
    let mut response = if host.is_some_and(named) && second.is_none() && absolute {
        let visitor = Visitor::new(&app, &request);
        finish(next.run(request).await, &visitor)
    } else {
        let text = "This machine does not answer to that name.\nAn administrator can add the name, one a line, \
                    to /etc/appliance-control/hosts.\n";
        (StatusCode::MISDIRECTED_REQUEST, text).into_response()
    };
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// No HSTS: with a self-signed certificate it would take away the browser's way past the warning.
/// The referrer goes to ourselves only; with `no-referrer`, browsers send `Origin: null` with our own forms
/// (Fetch, "append a request Origin header").
const ALWAYS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

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
    if changes && !sent_from_here(request.headers()) {
        return Err(Failure::NotFromHere);
    }
    if access == Access::Open {
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
    let body = std::mem::replace(request.body_mut(), Body::empty());
    let fields = form(kind, body).await?;
    let token = fields.0.get("csrf").unwrap_or(&by_header);
    if !visitor.proves(token) {
        return Err(Failure::NotFromHere);
    }
    request.extensions_mut().insert(fields);
    Ok(())
}

async fn form(kind: Option<HeaderValue>, body: Body) -> Result<Fields, Failure> {
    let late = |_| Failure::Invalid("The form did not arrive in time.".into());
    let bytes = tokio::time::timeout(FORM_PATIENCE, to_bytes(body, FORM_LIMIT)).await.map_err(late)?;
    let bytes = bytes.map_err(|_| Failure::TooLarge)?;
    if bytes.is_empty() {
        return Ok(Fields::default());
    }
    let mut whole = Request::new(Body::from(bytes));
    *whole.method_mut() = Method::POST;
    if let Some(kind) = kind {
        whole.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    let fields = Form::<Vec<(String, String)>>::from_request(whole, &()).await;
    let fields = fields.map_err(|_| Failure::Invalid("The form cannot be read.".into()))?;
    Ok(Fields(fields.0.into_iter().collect()))
}

/// Browsers say where a form was sent from: by Sec-Fetch-Site, older ones by Origin alone. A program says nothing, and
/// still has to have the session and its token.
fn sent_from_here(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|v| v.to_str().unwrap_or("unreadable"));
    let origin = match (text("origin"), text("host")) {
        (Some(origin), Some(host)) => {
            origin.strip_prefix("https://").is_some_and(|o| o.eq_ignore_ascii_case(host))
        }
        (Some(_), None) => false,
        (None, _) => true,
    };
    origin && text("sec-fetch-site").is_none_or(|site| site == "same-origin")
}

/// The session's token in the cookie: 16 to 128 letters of base64url or hexadecimal. Anything else is no cookie of ours.
fn session(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    let value =
        cookies.flat_map(|c| c.split(';')).find_map(|c| c.trim().strip_prefix(COOKIE)?.strip_prefix('='))?;
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    ((16..=128).contains(&value.len()) && value.bytes().all(good)).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        list.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn forms_from_elsewhere_are_seen() {
        for (list, expect) in [
            (
                &[("host", "wiki:8080"), ("origin", "https://wiki:8080"), ("sec-fetch-site", "same-origin")]
                    [..],
                true,
            ),
            (&[("host", "wiki:8080"), ("origin", "https://wiki:8080")], true),
            (&[("host", "wiki:8080")], true),
            (&[("host", "wiki:8080"), ("origin", "https://evil.example")], false),
            (&[("host", "wiki:8080"), ("origin", "http://wiki:8080")], false),
            (&[("host", "wiki:8080"), ("origin", "https://wiki")], false),
            (&[("host", "wiki:8080"), ("origin", "null")], false),
            (&[("host", "wiki:8080"), ("sec-fetch-site", "cross-site")], false),
            (&[("host", "wiki:8080"), ("sec-fetch-site", "same-site")], false),
            (&[("host", "wiki:8080"), ("sec-fetch-site", "none")], false),
        ] {
            assert_eq!(sent_from_here(&headers(list)), expect, "{list:?}");
        }
    }

    #[test]
    fn only_a_well_formed_cookie_is_a_session() {
        for (cookie, expect) in [
            ("__Host-appliance-session=0123456789abcdef", Some("0123456789abcdef")),
            ("a=b; __Host-appliance-session=0123456789abcdef; c=d", Some("0123456789abcdef")),
            ("appliance-session=0123456789abcdef", None),
            ("__Host-appliance-session=short", None),
            ("__Host-appliance-session=0123456789abcde\"", None),
            ("__Host-appliance-sessionx=0123456789abcdef", None),
        ] {
            assert_eq!(session(&headers(&[("cookie", cookie)])).as_deref(), expect, "{cookie}");
        }
    }
}
