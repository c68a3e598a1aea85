//! The page under test, and a client that speaks real TLS to it.

#![allow(clippy::unwrap_used, reason = "what breaks in here breaks the test")]
#![allow(dead_code, reason = "each test needs a part of it")]

use crate::fake::{self, DONE, Fake};
use control::web::{api::Route, app::App, site};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto::ring};
use webpage::{certificate, network::Network, server};

/// What stands in the addresses; where a route needs another value, it says so with its path.
const PARTS: &[(&str, &str)] = &[
    ("GET /updates/history/{id}", "20261123-082011"),
    ("GET /tasks/{id}/artifacts/{name}", fake::BACKUP),
    ("{id}", DONE),
    ("{name}", "moinmoin-2026-11-23.tar.zst"),
    ("{token}", fake::LINK),
    ("{package}", "openssl"),
    ("{unit}", "apache2.service"),
    ("{verb}", "restart"),
    ("{what}", "restart"),
    ("{plugin}", "moinmoin"),
    ("{action}", "backup"),
    ("{appliance}", "moinmoin"),
];

/// The route's address with something in each of its places.
pub fn address(route: &Route) -> String {
    let mut path = String::new();
    for part in route.path.split('/').skip(1) {
        let whole = format!("{} {}", route.verb, route.path);
        let known = |name: &str| PARTS.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
        path.push('/');
        path += match part.starts_with('{') {
            true if part == "{id}" => known(&whole).or(known(part)).unwrap(),
            true => known(part).unwrap_or("x"),
            false => part,
        };
    }
    path
}

/// A page on a port of its own, with a fake broker behind it.
pub struct Page {
    pub fake: Fake,
    pub address: SocketAddr,
    tls: Arc<ClientConfig>,
    pub ended: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|l| {
            l.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim())
        })
    }
}

impl Page {
    pub fn start() -> Page {
        Page::start_with(Duration::from_secs(30))
    }

    pub fn start_with(idle: Duration) -> Page {
        let folder = tempfile::tempdir().unwrap();
        let fake = Fake::start(&folder.path().join("broker"));
        let (address, ended, tls) = serve(folder.path(), &fake.socket(), idle);
        Page { fake, address, tls, ended, _folder: folder }
    }

    /// One request on a connection of its own; `headers` are lines, `Host` is the page's unless given.
    pub fn request(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Reply {
        let mut stream = self.send(method, path, headers, body);
        let mut bytes = vec![];
        // a server that closes without TLS' farewell has said all the same what it had to say
        let _ = stream.read_to_end(&mut bytes);
        parse(&bytes)
    }

    pub fn send(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> impl Read + use<> {
        let mut stream = self.connect();
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        if !headers.iter().any(|h| h.starts_with("Host:")) {
            head += &format!("Host: {}\r\n", self.address);
        }
        headers.iter().for_each(|h| head += &format!("{h}\r\n"));
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        let _ = stream.write_all(body);
        stream
    }

    pub fn connect(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let name = "localhost".try_into().unwrap();
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        StreamOwned::new(ClientConnection::new(self.tls.clone(), name).unwrap(), stream)
    }

    /// Waits until it is so, for 10 s at most.
    pub fn until(&self, otherwise: &str, so: impl Fn() -> bool) {
        let end = std::time::Instant::now() + Duration::from_secs(10);
        while !so() {
            assert!(std::time::Instant::now() < end, "{otherwise}");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    pub fn get(&self, path: &str, session: &str) -> Reply {
        self.request("GET", path, &[&cookie(session)], b"")
    }

    /// A form as a browser sends it, with the session's token.
    pub fn post(&self, path: &str, session: &str, form: &str) -> Reply {
        let origin = format!("Origin: https://{}", self.address);
        let headers = [cookie(session), origin, "Sec-Fetch-Site: same-origin".into(), FORM.into()];
        self.request("POST", path, &headers.each_ref().map(String::as_str), form.as_bytes())
    }
}

pub const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

pub fn cookie(session: &str) -> String {
    format!("Cookie: __Host-appliance-session={session}")
}

fn serve(folder: &Path, broker: &Path, idle: Duration) -> (SocketAddr, JoinHandle<()>, Arc<ClientConfig>) {
    let network = Network { names: vec!["wiki".into()], addresses: vec!["10.0.0.7".parse().unwrap()] };
    let identity = certificate::ensure(&folder.join("tls"), &network, control::text::now()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(identity.certificate.clone()).unwrap();
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (acceptor, site) = (server::tls(identity).unwrap(), site(App::new(broker, network)));
    let ended = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(server::serve(listener, acceptor, site, idle)).unwrap();
    });
    (address, ended, Arc::new(tls))
}

fn parse(bytes: &[u8]) -> Reply {
    let split = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("no answer");
    let head = String::from_utf8_lossy(&bytes[..split]).into_owned();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let rest = &bytes[split + 4..];
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Reply { status, body: if chunked { unchunk(rest) } else { rest.to_vec() }, head }
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = vec![];
    while let Some(line) = rest.windows(2).position(|w| w == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        if size == 0 {
            break;
        }
        body.extend_from_slice(&rest[line + 2..line + 2 + size]);
        rest = &rest[line + 4 + size..];
    }
    body
}
