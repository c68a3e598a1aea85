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
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use webpage::{certificate, network::Network, own, server};

/// What stands in the addresses; where a route needs another value, it says so with its path.
const PARTS: &[(&str, &str)] = &[
    ("GET /updates/history/{id}", "20261123-082011"),
    ("GET /tasks/{id}/artifacts/{name}", fake::BACKUP),
    ("GET /plugins/{plugin}/{action}", "tune"),
    ("{id}", DONE),
    ("{name}", "moinmoin-2026-11-23.tar.zst"),
    ("{token}", fake::LINK),
    ("{package}", "openssl"),
    ("{unit}", "apache2.service"),
    ("{verb}", "restart"),
    ("{what}", "restart"),
    ("{plugin}", "moinmoin"),
    ("{action}", "backup"),
    ("{query}", "users"),
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
            true if matches!(part, "{id}" | "{action}") => known(&whole).or(known(part)).unwrap(),
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

    /// The certificate that a new connection gets.
    pub fn shown(&self) -> Vec<u8> {
        let mut stream = self.connect();
        stream.write_all(b"GET /sign-in HTTP/1.1\r\nHost: wiki\r\nConnection: close\r\n\r\n").unwrap();
        let _ = stream.read_to_end(&mut vec![]);
        stream.conn.peer_certificates().unwrap()[0].to_vec()
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
    certificate::ensure(&folder.join("tls"), &network, control::text::now()).unwrap();
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate))
        .with_no_client_auth();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let own = server::Tls::Folder(own::Own::open(&folder.join("tls")).unwrap());
    let site = site(App::new(broker, network, &folder.join("tls")));
    let ended = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(server::serve(listener, own, site, idle)).unwrap();
    });
    (address, ended, Arc::new(tls))
}

/// A certificate for a name, good for ten days, and its key; the client trusts any.
pub fn certificate_for(name: &str) -> (String, String) {
    let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    let date = |days: u64| {
        rcgen::date_time_ymd(1970, 1, 1)
            + Duration::from_secs(control::text::now())
            + Duration::from_secs(days * 86_400)
    };
    (params.not_before, params.not_after) = (date(0), date(10));
    let key = rcgen::KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// The tests change the page's certificate, and look themselves which one is shown.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = ring::default_provider().signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, &known)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = ring::default_provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, &known)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
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
