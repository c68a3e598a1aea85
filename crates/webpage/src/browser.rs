//! What every answer carries, and what a browser says of itself.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::Response,
};

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

/// What no answer may lack. Nothing is kept by browsers and proxies but what says so itself.
pub fn guard(response: &mut Response) {
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// The one name by which the request asks for this machine. None when there is none, or more than one.
pub fn host(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    hosts.next().is_none().then_some(host)
}

/// Browsers say where a form was sent from: by Sec-Fetch-Site, older ones by Origin alone. A program says nothing, and
/// still has to have the session and its token.
pub fn sent_from_here(headers: &HeaderMap) -> bool {
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

/// The session's token in a cookie: 16 to 128 letters of base64url or hexadecimal. Anything else is no cookie of ours.
pub fn session(headers: &HeaderMap, cookie: &str) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    let value =
        cookies.flat_map(|c| c.split(';')).find_map(|c| c.trim().strip_prefix(cookie)?.strip_prefix('='))?;
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    ((16..=128).contains(&value.len()) && value.bytes().all(good)).then(|| value.to_owned())
}

/// Whether two tokens are the same. Takes the same time for every wrong one.
pub fn same(expected: &str, given: &str) -> bool {
    let differ = expected.bytes().zip(given.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    !expected.is_empty() && expected.len() == given.len() && differ == 0
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
            assert_eq!(
                session(&headers(&[("cookie", cookie)]), "__Host-appliance-session").as_deref(),
                expect,
                "{cookie}"
            );
        }
    }
}
