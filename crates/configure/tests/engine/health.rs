//! Health: what a check says of servers that answer, answer wrongly, or are not there.

use appliance::model::Health;
use configure::health::check;
use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

/// A server that gives each connection the next answer.
fn server(answers: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let n = stream.read(&mut request).unwrap();
            assert!(request[..n].ends_with(b"\r\n\r\n"));
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    address
}

fn found(answers: &[&str], contains: Option<&str>) -> (bool, String) {
    let url = Some(format!("http://{}/", server(answers.iter().map(|a| a.to_string()).collect())));
    let health = Health { url, contains: contains.map(str::to_owned), ..Health::default() };
    let check = check(&[health], false).remove(0);
    (check.ok, check.message)
}

#[test]
fn pages_are_judged_by_status_and_text() {
    let page = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nMoinMoin";
    let moved = "HTTP/1.1 302 Found\r\nLocation: /home\r\n\r\n";
    let away = "HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\n\r\n";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nMoin\r\n4\r\nMoin\r\n0\r\n\r\n";
    let cases: [(&[&str], Option<&str>, bool, &str); 7] = [
        (&[page], Some("MoinMoin"), true, "200"),
        (&[page], Some("phpBB"), false, "without the text"),
        (&[moved, page], Some("MoinMoin"), true, "200"),
        (&[chunked], Some("MoinMoin"), true, "200"),
        (&["HTTP/1.1 500 Oh\r\n\r\n"], None, false, "status 500 instead of 200"),
        (&["SSH-2.0\r\n\r\n"], None, false, "not HTTP"),
        (&[away], None, false, "another host"),
    ];
    for (answers, contains, ok, told) in cases {
        let (is, message) = found(answers, contains);
        assert!(is == ok && message.contains(told), "{answers:?}: {message}");
    }
    let (ok, message) = found(&[moved; 8], None);
    assert!(!ok && message.contains("circle"), "{message}");
}

#[test]
fn a_port_that_nobody_listens_on_is_told_and_one_that_opens_is_waited_for() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let tcp = |within| Health { tcp: Some(closed.to_string()), within, ..Health::default() };
    let found = check(&[tcp(Some(1))], true).remove(0);
    assert!(!found.ok && found.message.contains("connection refused"), "{found:?}");
    let opener = thread::spawn(move || TcpListener::bind(closed).map(|l| l.accept()));
    assert!(check(&[tcp(Some(20))], true).remove(0).ok);
    opener.join().unwrap().unwrap().unwrap();
}
