//! The smallest HTTP/1.1 client that can tell whether a page answers: plain HTTP, GET, bounded in time and bytes.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::{Duration, Instant},
};

/// Bytes of an answer that are read; the rest is of no interest to a check.
const LIMIT: usize = 1 << 20;
/// Redirects that are followed, on the same host only.
const REDIRECTS: usize = 5;

/// What came back.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub body: Vec<u8>,
    location: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0:?} is not a plain http address")]
    Address(String),
    #[error("{}", reason(.0))]
    Io(#[source] io::Error),
    #[error("the answer is not HTTP")]
    NotHttp,
    #[error("it redirects to another host ({0})")]
    OtherHost(String),
    #[error("it redirects in a circle")]
    Circle,
}

/// Fetches the address within `timeout`, following redirects on the same host.
pub fn get(url: &str, timeout: Duration) -> Result<Response, Error> {
    let end = Instant::now() + timeout;
    let (authority, mut path) = split(url)?;
    for _ in 0..=REDIRECTS {
        let response = once(authority, &path, end)?;
        match (&response.location, response.status) {
            (Some(to), 301 | 302 | 303 | 307 | 308) => path = follow(authority, &path, to)?,
            _ => return Ok(response),
        }
    }
    Err(Error::Circle)
}

/// `http://HOST[:PORT]/PATH` → (`HOST[:PORT]`, `/PATH`)
fn split(url: &str) -> Result<(&str, String), Error> {
    let bad = || Error::Address(url.into());
    let rest = url.strip_prefix("http://").ok_or_else(bad)?;
    let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(at);
    let path = path.split('#').next().unwrap_or_default();
    if authority.is_empty() || url.bytes().any(|c| c <= b' ' || c == 0x7f) {
        return Err(bad());
    }
    Ok((authority, if path.starts_with('/') { path.into() } else { format!("/{path}") }))
}

fn follow(authority: &str, path: &str, to: &str) -> Result<String, Error> {
    if to.starts_with("http://") {
        let (other, path) = split(to)?;
        return if other == authority { Ok(path) } else { Err(Error::OtherHost(to.into())) };
    }
    if to.contains("://") || to.starts_with("//") {
        return Err(Error::OtherHost(to.into()));
    }
    let path = match to.strip_prefix('/') {
        Some(_) => to.to_string(),
        None => format!("{}/{to}", path.rsplit_once('/').map_or("", |(folder, _)| folder)),
    };
    split(&format!("http://{authority}{path}")).map(|(_, path)| path)
}

fn once(authority: &str, path: &str, end: Instant) -> Result<Response, Error> {
    let mut stream = connect(authority, end)?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: appliance-configure\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    stream.set_write_timeout(Some(left(end)?)).map_err(Error::Io)?;
    stream.write_all(request.as_bytes()).map_err(Error::Io)?;
    parse(&read(stream, end)?)
}

fn connect(authority: &str, end: Instant) -> Result<TcpStream, Error> {
    let has_port = authority.rsplit_once(':').is_some_and(|(_, p)| p.parse::<u16>().is_ok());
    let target = if has_port { authority.to_string() } else { format!("{authority}:80") };
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in target.to_socket_addrs().map_err(Error::Io)? {
        match TcpStream::connect_timeout(&address, left(end)?) {
            Ok(stream) => return Ok(stream),
            Err(e) => last = e,
        }
    }
    Err(Error::Io(last))
}

fn read(mut stream: TcpStream, end: Instant) -> Result<Vec<u8>, Error> {
    let (mut bytes, mut buffer) = (vec![], [0; 16 << 10]);
    while bytes.len() < LIMIT {
        stream.set_read_timeout(Some(left(end)?)).map_err(Error::Io)?;
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
            // a server that closes hard after its answer has still answered
            Err(e) if e.kind() == io::ErrorKind::ConnectionReset && !bytes.is_empty() => break,
            Err(e) => return Err(Error::Io(e)),
        }
    }
    Ok(bytes)
}

fn parse(bytes: &[u8]) -> Result<Response, Error> {
    let at = bytes.windows(4).position(|w| w == b"\r\n\r\n").ok_or(Error::NotHttp)?;
    let head = std::str::from_utf8(&bytes[..at]).map_err(|_| Error::NotHttp)?;
    let mut lines = head.split("\r\n");
    let mut status = lines.next().unwrap_or_default().split(' ');
    if !status.next().is_some_and(|v| v.starts_with("HTTP/1.")) {
        return Err(Error::NotHttp);
    }
    let status = status.next().and_then(|s| s.parse().ok()).ok_or(Error::NotHttp)?;
    let header = |name: &str| {
        let of = |l: &str| {
            l.split_once(':').filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim().to_string())
        };
        head.split("\r\n").skip(1).find_map(of)
    };
    let chunked = header("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked"));
    let body = &bytes[at + 4..];
    Ok(Response {
        status,
        body: if chunked { join_chunks(body) } else { body.into() },
        location: header("location"),
    })
}

/// The text of a chunked body (RFC 9112, section 7.1), as far as it goes.
fn join_chunks(mut body: &[u8]) -> Vec<u8> {
    let mut joined = vec![];
    while let Some(at) = body.windows(2).position(|w| w == b"\r\n") {
        let size = std::str::from_utf8(&body[..at]).unwrap_or_default();
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16).unwrap_or(0);
        let rest = &body[at + 2..];
        joined.extend_from_slice(&rest[..size.min(rest.len())]);
        if size == 0 || size.saturating_add(2) > rest.len() {
            break;
        }
        body = &rest[size + 2..];
    }
    joined
}

fn left(end: Instant) -> Result<Duration, Error> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(Error::Io(io::ErrorKind::TimedOut.into())) } else { Ok(left) }
}

/// In the owner's words.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused: nothing listens there".into(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "no answer in time".into(),
        io::ErrorKind::ConnectionReset => "the connection was cut".into(),
        _ => error.to_string(),
    }
}
