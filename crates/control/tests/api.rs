//! Every line of the table of routes: who gets in, what the broker thinks of it, and whether the answers are what
//! docs/openapi.json says. All of it goes by the tables, so a new route is tried by itself.

#![allow(clippy::unwrap_used, reason = "what breaks in here breaks the test")]

mod client;
mod fake;
mod schema;

use broker::table::{self, Rights};
use client::{FORM, Page, Reply, address, cookie};
use control::web::{
    api::{Field, FieldKind, Gives, Route},
    gate::Access,
    routes,
};
use fake::{ADMINISTRATOR, CSRF, VIEWER, accounts};
use plugin::manifest::Role;
use serde_json::Value;
use std::sync::LazyLock;

const DOCUMENT: &str = include_str!("../../../docs/openapi.json");

/// A certificate for the machine and its key, as a form has them.
static CERTIFICATE: LazyLock<(String, String)> = LazyLock::new(|| {
    let encode = |pem: String| pem.bytes().map(|b| format!("%{b:02X}")).collect();
    let (chain, key) = client::certificate_for("wiki");
    (encode(chain), encode(key))
});

/// A form with what is needed in it.
fn form(route: &Route, csrf: Option<&str>) -> String {
    let value = |kind| match kind {
        FieldKind::OneOf(values) => values[0],
        FieldKind::Number => "1",
        FieldKind::Text | FieldKind::File => "x",
    };
    let value = |f: &Field| match f.name {
        "revision" => fake::REVISION.into(),
        "name" => "bob".into(),
        "password" => "right".into(),
        "token" => accounts::SIGN_IN.into(),
        "code" => accounts::CODE.into(),
        "chain" => CERTIFICATE.0.clone(),
        "key" => CERTIFICATE.1.clone(),
        "asked" => "[]".into(),
        _ => value(f.kind).to_owned(),
    };
    let needed = route.form.iter().filter(|f| f.needed).map(|f| format!("{}={}", f.name, value(f)));
    needed.chain(csrf.map(|token| format!("csrf={token}"))).collect::<Vec<_>>().join("&")
}

fn ask(page: &Page, route: &Route, session: Option<&str>, csrf: Option<&str>, more: &[&str]) -> Reply {
    page.fake.state(|s| (s.asked.clear(), s.ended.clear(), s.redeemed = 0));
    let session = session.map(cookie);
    let mut headers: Vec<&str> = session.iter().map(String::as_str).collect();
    headers.extend(more);
    let body = if route.verb == "GET" { String::new() } else { form(route, csrf) };
    headers.extend((route.verb != "GET").then_some(FORM));
    page.request(route.verb, &address(route), &headers, body.as_bytes())
}

fn asked(page: &Page) -> Vec<&'static str> {
    page.fake.state(|s| s.asked.clone())
}

#[test]
fn every_route_keeps_its_door() {
    let page = Page::start();
    let sessions = [None, Some("a-session-that-is-not-there"), Some(VIEWER), Some(ADMINISTRATOR)];
    for route in routes::table() {
        let name = format!("{} {}", route.verb, route.path);
        let changes = route.verb != "GET";
        for session in sessions {
            let who = format!("{name} as {session:?}");
            let role = match session {
                Some(VIEWER) => Some(Role::Viewer),
                Some(ADMINISTRATOR) => Some(Role::Administrator),
                _ => None,
            };
            let expect = match (route.access, role) {
                (Access::Open, _) => None,
                (_, None) => Some(401),
                (Access::Administrator, Some(Role::Viewer)) => Some(403),
                // the action that is tried is for administrators; its form may be looked at
                (Access::Action, Some(Role::Viewer)) if changes => Some(403),
                _ => None,
            };
            let reply = ask(&page, &route, session, Some(CSRF), &[]);
            match expect {
                Some(status) => {
                    assert_eq!(reply.status, status, "{who}");
                    let asked = asked(&page);
                    assert!(asked.iter().all(|a| matches!(*a, "who" | "plugins")), "{who}: {asked:?}");
                }
                None => assert!(!matches!(reply.status, 401 | 403 | 405), "{who}: {}", reply.status),
            }
            if changes {
                without_proof(&page, &route, session, &who);
            }
        }
    }
}

/// What changes something is done only for a page of our own, and with the session's token.
fn without_proof(page: &Page, route: &Route, session: Option<&str>, who: &str) {
    for from in [
        "Origin: https://evil.example",
        "Origin: null",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        "Sec-Fetch-Site: none",
    ] {
        let reply = ask(page, route, session, Some(CSRF), &[from]);
        assert_eq!((reply.status, asked(page).len()), (403, 0), "{who}, {from}");
    }
    if route.access == Access::Open {
        return;
    }
    for csrf in [None, Some("wrong"), Some("")] {
        let reply = ask(page, route, session, csrf, &[]);
        assert!(matches!(reply.status, 401 | 403), "{who} with {csrf:?}: {}", reply.status);
        assert!(asked(page).iter().all(|a| *a == "who"), "{who} with {csrf:?}: {:?}", asked(page));
    }
    let by_header = format!("X-CSRF-Token: {CSRF}");
    let reply = ask(page, route, session, None, &[&by_header]);
    let same = ask(page, route, session, Some(CSRF), &[]);
    assert_eq!(reply.status, same.status, "{who}: the header counts as the field does");
}

#[test]
fn what_is_in_no_table_is_refused() {
    let page = Page::start();
    let table = routes::table();
    for route in &table {
        for verb in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            if table.iter().any(|r| r.path == route.path && r.verb == verb) {
                continue;
            }
            page.fake.state(|s| s.asked.clear());
            let headers = [cookie(ADMINISTRATOR), FORM.into()];
            let headers = headers.each_ref().map(String::as_str);
            let reply = page.request(verb, &address(route), &headers, format!("csrf={CSRF}").as_bytes());
            assert_eq!((reply.status, asked(&page).len()), (405, 0), "{verb} {}", route.path);
        }
    }
    assert_eq!(page.get("/nothing-here", ADMINISTRATOR).status, 404);
    assert_eq!(page.get("/tasks/", ADMINISTRATOR).status, 404);
}

/// The page's gate is one door, the broker's table of rights the other: what a route asks of the broker would be refused to
/// who may not use the route, had the page let him through.
#[test]
fn the_broker_would_refuse_what_the_page_refuses() {
    let page = Page::start();
    for route in routes::table().iter().filter(|r| r.access != Access::Open) {
        let name = format!("{} {}", route.verb, route.path);
        ask(&page, route, Some(ADMINISTRATOR), Some(CSRF), &[]);
        let asked = asked(&page);
        let may = |what: &str, rights| table::check(what, rights, Some(Role::Administrator)).is_ok();
        assert!(!asked.is_empty() && asked.iter().all(|a| !may(a, Rights::None)), "{name}: {asked:?}");
        let secret = route.verb != "GET" || !matches!(route.gives, Gives::Page);
        if matches!(route.access, Access::Administrator | Access::Action) && secret {
            let viewer = Rights::Session(Role::Viewer);
            assert!(asked.iter().any(|a| !may(a, viewer)), "{name} asks only {asked:?}");
        }
    }
}

#[test]
fn answers_are_what_the_document_says() {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let page = Page::start();
    for route in routes::table().iter().filter(|r| !matches!(r.gives, Gives::Page)) {
        let name = format!("{} {}", route.verb, route.path);
        let reply = ask(&page, route, Some(ADMINISTRATOR), Some(CSRF), &["Accept: application/json"]);
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
        let escaped = route.path.replace('/', "~1");
        let verb = route.verb.to_lowercase();
        let content = &document["paths"][route.path][&verb]["responses"]["200"]["content"];
        let (kind, says) = content.as_object().and_then(|c| c.iter().next()).expect(&escaped);
        assert!(reply.header("content-type").unwrap().starts_with(kind.as_str()), "{name}: {}", reply.head);
        match route.gives {
            Gives::Json(_) => {
                let value: Value = serde_json::from_slice(&reply.body).expect(&name);
                schema::fits(&value, &says["schema"], &document, &name).unwrap();
            }
            Gives::Events(_) => {
                let text = reply.text();
                let events: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix("data: ")).collect();
                assert!(events.len() > 2, "{text}");
                for event in events {
                    let value = serde_json::from_str(event).unwrap();
                    schema::fits(&value, &says["schema"]["contentSchema"], &document, &name).unwrap();
                }
            }
            Gives::Page | Gives::Text | Gives::File => {}
        }
    }
}

/// A refusal has one shape, wherever it comes from.
#[test]
fn refusals_are_what_the_document_says() {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let page = Page::start();
    let json = "Accept: application/json";
    let error = &document["components"]["schemas"]["Error"];
    for reply in [
        page.request("GET", "/tasks", &[json], b""),
        page.request("GET", "/nothing-here", &[json], b""),
        page.request("DELETE", "/tasks", &[json], b""),
        page.request("GET", "/log", &[json, &cookie(VIEWER)], b""),
        page.request("POST", "/updates/refresh", &[json, &cookie(ADMINISTRATOR)], b""),
    ] {
        let value: Value = serde_json::from_slice(&reply.body).unwrap();
        assert!(reply.status >= 400, "{}", reply.head);
        schema::fits(&value, error, &document, &reply.head).unwrap();
    }
}
