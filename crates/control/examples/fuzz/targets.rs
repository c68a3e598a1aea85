//! What is tried, and what counts as an answer.

use broker::{handle::Broker, peer::Peer, state::State, tasks::starter::Starter};
use broker_protocol::{Reply, Request, TaskId, wire};
use control::{
    log,
    summary::Scan,
    web::{api::Route, app::App, routes, site},
};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use plugin::frame::{self, Speaker};
use std::{
    io::{Seek, Write},
    time::Duration,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use webpage::network::Network;

pub const NAMES: &[&str] = &["requests", "protocol", "frames", "events"];

/// Something that takes bytes from outside. `run` panics when a promise is broken, and tells shortly what came of it.
pub trait Target {
    fn seeds(&self) -> Vec<Vec<u8>>;
    fn run(&mut self, input: &[u8]) -> String;
}

pub fn find(name: &str) -> Option<Box<dyn Target>> {
    Some(match name {
        "requests" => Box::new(Requests::new()),
        "protocol" => Box::new(Protocol::new()),
        "frames" => Box::new(Frames),
        "events" => Box::new(Events(tempfile::NamedTempFile::new().unwrap())),
        _ => return None,
    })
}

fn bytes(list: &[&str]) -> Vec<Vec<u8>> {
    list.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// The page's parser, gate and handlers, as they stand behind TLS, for somebody who is not signed in; there is no broker.
struct Requests {
    runtime: tokio::runtime::Runtime,
    router: axum::Router,
}

impl Requests {
    fn new() -> Requests {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let network = Network { names: vec!["wiki".into()], addresses: vec!["10.0.0.7".parse().unwrap()] };
        let router =
            site(App::new("/nonexistent/broker.socket".as_ref(), network, "/nonexistent".as_ref())).router;
        Requests { runtime, router }
    }
}

impl Target for Requests {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let of = |route: &Route| {
            let form = "csrf=0123456789abcdef&q=x";
            let more = match route.verb {
                "POST" => format!(
                    "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
                    form.len()
                ),
                _ => "\r\n".into(),
            };
            format!("{} {}?q=a&page=1 HTTP/1.1\r\nHost: wiki\r\n{more}", route.verb, route.path).into_bytes()
        };
        routes::table().iter().map(of).collect()
    }

    fn run(&mut self, input: &[u8]) -> String {
        let (mut ours, theirs) = tokio::io::duplex(256 << 10);
        let service = TowerToHyperService::new(self.router.clone());
        let answer = self.runtime.block_on(async {
            let mut http = http1::Builder::new();
            http.max_buf_size(32 << 10).max_headers(64);
            let serving = http.serve_connection(TokioIo::new(theirs), service);
            let asking = async {
                ours.write_all(input).await.unwrap_or(());
                ours.shutdown().await.unwrap_or(());
                let mut answer = vec![];
                ours.read_to_end(&mut answer).await.unwrap_or(0);
                answer
            };
            let both = async { tokio::join!(serving, asking).1 };
            tokio::time::timeout(Duration::from_secs(4), both).await.expect("an answer, or an end")
        });
        let text = String::from_utf8_lossy(&answer).into_owned();
        let mut outcome = String::new();
        for head in text.split("HTTP/1.1 ").skip(1) {
            let status = head.get(..3).unwrap_or_default().to_owned();
            // hyper itself answers what is no request; all else has passed the gate
            let from_us = head.to_ascii_lowercase().contains("content-security-policy: default-src 'none'");
            assert!(from_us || matches!(status.as_str(), "400" | "414" | "431" | "100"), "{head}");
            assert_ne!(status, "500", "{head}");
            assert!(!head.contains("Sign out"), "a stranger is let in: {head}");
            outcome += &status;
        }
        outcome
    }
}

struct Deaf;
impl Starter for Deaf {
    fn start(&self, _: &TaskId, _: &[String]) -> Result<(), String> {
        panic!("a stranger has started a task")
    }
    fn lives(&self, _: &TaskId) -> bool {
        true
    }
    fn stop(&self, _: &TaskId) -> Result<(), String> {
        panic!("a stranger has stopped a task")
    }
    fn wait(&self, _: &str, _: &[String], _: &std::path::Path) -> Result<(), String> {
        panic!("a stranger has asked a query")
    }
}

/// What the broker reads from its socket, and what it thinks of it when a stranger says it.
struct Protocol {
    broker: Broker,
    _folder: tempfile::TempDir,
}

impl Protocol {
    fn new() -> Protocol {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path().join("state")).unwrap();
        Protocol {
            broker: Broker::new(state, folder.path().join("plugins"), Box::new(Deaf)),
            _folder: folder,
        }
    }
}

impl Target for Protocol {
    fn seeds(&self) -> Vec<Vec<u8>> {
        bytes(&[
            r#"{"session":"0123456789abcdef","from":"192.0.2.7","ask":{"ask":"who"}}"#,
            r#"{"ask":{"ask":"start","work":{"work":"upgrade","packages":["openssl"],"restart":true}}}"#,
            r#"{"ask":{"ask":"start","work":{"work":"settings","appliance":"wiki","answers":{"name":"x","token":null}}}}"#,
            r#"{"ask":{"ask":"start","work":{"work":"action","plugin":"wiki","action":"x","parameters":{"a":"b"}}}}"#,
            r#"{"ask":{"ask":"start","work":{"work":"service","unit":"a.service","verb":"stop"}}}"#,
            r#"{"ask":{"ask":"journal","filter":{"unit":"a.service","text":"x","from":{"after":"s=1;i=2"},"lines":5}}}"#,
            r#"{"ask":{"ask":"audit","filter":{"who":"root","lines":5}}}"#,
            r#"{"ask":{"ask":"task","id":"20260101-000000-00000000"}}"#,
            r#"{"ask":{"ask":"redeem-link","token":"x"}}"#,
            r#"{"ask":{"ask":"create-link","role":"viewer","minutes":5}}"#,
            r#"{"from":"192.0.2.7","ask":{"ask":"sign-in","name":"ada","password":"x","agent":"curl"}}"#,
            r#"{"ask":{"ask":"give-code","token":"x","code":"123456"}}"#,
            r#"{"session":"0123456789abcdef","ask":{"ask":"end-sessions","which":"others"}}"#,
            r#"{"ask":{"ask":"schedule","what":"restart","when":{"at":"03:30"}}}"#,
            r#"{"ask":{"ask":"start","work":{"work":"network","interface":"eth0","addresses":"dhcp","within":60}}}"#,
            r#"{"ask":{"ask":"start","work":{"work":"host-name","name":"wiki.example.org"}}}"#,
        ])
    }

    fn run(&mut self, input: &[u8]) -> String {
        let request: Request = match wire::parse(input) {
            Ok(request) => request,
            Err(error) => return format!("{error}").chars().filter(|c| !c.is_ascii_digit()).collect(),
        };
        // what was understood is said again the same way
        let again: Request = wire::parse(&serde_json::to_vec(&request).unwrap()).unwrap();
        assert_eq!(format!("{again:?}"), format!("{request:?}"));
        let name = broker::table::name(&request.ask);
        match self.broker.handle(&Peer::Stranger(1000), request) {
            (Reply::Refused(refusal), None) => format!("{name} {:?}", refusal.reason),
            other => panic!("a stranger is answered: {:?}", other.0),
        }
    }
}

/// What a plugin's program says.
struct Frames;

impl Target for Frames {
    fn seeds(&self) -> Vec<Vec<u8>> {
        bytes(&[
            r#"{"event":"phase","id":"a","title":"A","index":1,"of":2}"#,
            r#"{"event":"progress","percent":50.5,"detail":"x"}"#,
            r#"{"event":"artifact","name":"a.tar","size":5}"#,
            r#"{"event":"fact","label":"Pages","value":"12"}"#,
            r#"{"event":"choice","value":"ada","text":"Ada"}"#,
            r#"{"event":"secret","label":"Key","value":"x"}"#,
            r#"{"event":"table","columns":["a","b"],"rows":[["c","d"]]}"#,
            r#"{"event":"result","status":"ok","message":"done","details":["x"]}"#,
        ])
    }

    fn run(&mut self, input: &[u8]) -> String {
        let said = [Speaker::Action, Speaker::Query].map(|speaker| match frame::parse(input, speaker) {
            Ok(kind) => {
                let again = frame::parse(&serde_json::to_vec(&kind).unwrap(), speaker);
                assert_eq!(again.as_ref(), Ok(&kind));
                format!("{kind:?}").chars().take_while(|c| c.is_alphabetic()).collect::<String>()
            }
            Err(why) => why.chars().filter(|c| c.is_alphabetic()).take(40).collect(),
        });
        said.concat()
    }
}

/// A task's log, as the page reads it.
struct Events(tempfile::NamedTempFile);

impl Target for Events {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let frames = Frames.seeds();
        let line = |frame: &Vec<u8>| [b"{\"v\":1,\"at\":1764000000123,", &frame[1..], b"\n"].concat();
        let log =
            b"{\"v\":1,\"at\":5,\"event\":\"log\",\"stream\":\"stdout\",\"line\":\"x\\u001b[1m\"}\n".to_vec();
        let mut seeds: Vec<Vec<u8>> = frames.iter().map(line).collect();
        seeds.push(log.repeat(200));
        seeds.push([seeds.concat(), log].concat());
        seeds
    }

    fn run(&mut self, input: &[u8]) -> String {
        let file = self.0.as_file_mut();
        file.set_len(0).unwrap();
        file.rewind().unwrap();
        // in two parts, as it comes
        let (one, two) = input.split_at(input.len() / 2);
        let mut scan = Scan::default();
        file.write_all(one).unwrap();
        scan.go_on(file).unwrap();
        file.write_all(two).unwrap();
        let summary = scan.go_on(file).unwrap();
        let whole = Scan::default().go_on(file).unwrap();
        assert_eq!(format!("{summary:?}"), format!("{whole:?}"), "read at once or in parts, it is the same");
        let (mut offset, mut count) = (0, 0);
        loop {
            let (events, after) = log::read(file, offset).unwrap();
            assert!(after >= offset && after <= input.len() as u64);
            if after == offset {
                break;
            }
            // as Debug writes what a terminal would obey
            assert!(!events.iter().any(|at| format!("{:?}", at.event).contains("\\u{1b}")));
            (offset, count) = (after, count + events.len());
        }
        format!("{} {} {:?}", count.min(9), summary.lines.len().min(3), summary.result.map(|r| r.0))
    }
}
