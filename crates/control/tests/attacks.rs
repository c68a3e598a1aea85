//! What strangers try before they are signed in, and what other sites and proxies may say. docs/threat-model.md tells where the other
//! attacks are tried.

#![allow(clippy::unwrap_used, reason = "what breaks in here breaks the test")]

mod client;
mod fake;

use client::{FORM, Page, address, cookie};
use control::web::{api::Gives, routes};
use fake::{ADMINISTRATOR, VIEWER};
use std::io::{Read, Write};

/// Kilobytes of memory of this process, the page in it.
fn memory() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4
}

#[test]
fn what_comes_before_sign_in_is_bounded_and_leaves_nothing_behind() {
    let page = Page::start();
    // the status of the answer; empty when the connection was closed over so much
    let status = |head: &str, body: &str| {
        let mut stream = page.connect();
        let _ = write!(stream, "{head}Connection: close\r\nHost: {}\r\n\r\n{body}", page.address);
        let mut answer = vec![];
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).get(9..12).unwrap_or_default().to_owned()
    };
    let get = |headers: &str| status(&format!("GET /sign-in HTTP/1.1\r\n{headers}"), "");
    let long = |bytes: usize| format!("X-Long: {}\r\n", "x".repeat(bytes));
    assert_eq!(get(&long(20 << 10)), "200");
    let path = format!("GET /{} HTTP/1.1\r\n", "x".repeat(80 << 10));
    for refused in [get(&long(80 << 10)), get(&"X-Many: x\r\n".repeat(100)), status(&path, "")] {
        assert!(matches!(refused.as_str(), "431" | "414" | ""), "{refused}");
    }
    // of a stranger 4 kB are read, whatever he says how many there are
    for (path, length) in [("/sign-in", "5000"), ("/sign-in", "18446744073709551615"), ("/link/x", "5000000")]
    {
        let head = format!("POST {path} HTTP/1.1\r\n{FORM}\r\nContent-Length: {length}\r\n");
        let refused = status(&head, &format!("name={}", "x".repeat(5000)));
        assert!(matches!(refused.as_str(), "413" | "431" | ""), "{refused}");
    }

    // one connection, as fast as it goes: cookies that are none, sessions that are none
    let mut stream = page.connect();
    let mut ask = |number: usize| {
        let many: String = (0..100).map(|n| format!("c{n}-{number}=\"{}\"; ", "x".repeat(60))).collect();
        let made_up = cookie(&format!("made-up-session-{number:020}"));
        let head = format!("GET /sign-in HTTP/1.1\r\nHost: {}\r\n{made_up}; {many}\r\n\r\n", page.address);
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = vec![];
        let mut chunk = [0; 16 << 10];
        while !answer.windows(7).any(|w| w == b"</html>") {
            let count = stream.read(&mut chunk).unwrap();
            assert!(count > 0, "{}", String::from_utf8_lossy(&answer));
            answer.extend(&chunk[..count]);
        }
    };
    (0..100).for_each(&mut ask);
    let before = memory();
    // 20 MB of cookies
    (100..3000).for_each(&mut ask);
    let grown = memory().saturating_sub(before);
    assert!(grown < 4 << 10, "{grown} kB stayed");
}

#[test]
fn what_a_proxy_would_say_is_not_believed() {
    let page = Page::start();
    let told = [
        "X-Forwarded-For: 203.0.113.9",
        "Forwarded: for=203.0.113.9;host=evil.example;proto=http",
        "X-Real-IP: 203.0.113.9",
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Proto: http",
        "X-Original-URL: /audit",
        "X-Rewrite-URL: /audit",
        "X-HTTP-Method-Override: POST",
    ];
    let session = cookie(VIEWER);
    let with: Vec<&str> = told.iter().copied().chain([session.as_str()]).collect();
    let reply = page.request("GET", "/tasks", &with, b"");
    assert_eq!(reply.status, 200);
    assert!(!reply.text().contains("evil.example") && !reply.head.contains("evil.example"), "{}", reply.head);
    let form = b"name=bob&password=wrong";
    let with: Vec<&str> = told.iter().copied().chain([FORM]).collect();
    assert_eq!(page.request("POST", "/sign-in", &with, form).status, 401);
    // by this the broker counts attempts, and writes down who it was
    assert_eq!(page.fake.state(|s| s.from.clone()).as_deref(), Some("127.0.0.1"));
}

#[test]
fn no_answer_lets_itself_be_framed_or_run_what_is_not_ours() {
    let page = Page::start();
    let session = cookie(ADMINISTRATOR);
    for route in routes::table().iter().filter(|r| r.verb == "GET" && !matches!(r.gives, Gives::Events(_))) {
        for headers in [&[session.as_str()][..], &[]] {
            let reply = page.request("GET", &address(route), headers, b"");
            let policy = reply.header("content-security-policy").unwrap_or_default();
            for part in
                ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
            {
                assert!(policy.contains(part), "{}: {policy}", route.path);
            }
            assert!(!policy.contains("unsafe") && !policy.contains("http"), "{}: {policy}", route.path);
            for (name, value) in [("x-content-type-options", "nosniff"), ("referrer-policy", "same-origin")] {
                assert_eq!(reply.header(name), Some(value), "{}", route.path);
            }
            assert_eq!(reply.header("access-control-allow-origin"), None, "{}", route.path);
        }
    }
}
