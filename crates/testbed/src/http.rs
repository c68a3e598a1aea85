//! The lab's HTTP server: a folder of ours, and a caching proxy to the Debian mirror.
//!
//! Enough of HTTP/1.1 (RFC 9112) for apt: GET and HEAD, keep-alive, pipelining, conditional requests passed
//! on. What never changes under its name (`/pool/`, `/by-hash/`) is kept; everything else is fetched each time.
//! It can be told to fail, because failing networks and altered files are what tests are about.

use anyhow::{Context, Result};
use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Component, Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    served: Mutex<PathBuf>,
    cache: PathBuf,
    offline: AtomicBool,
    stop: AtomicBool,
    altered: Mutex<Vec<String>>,
    partial: AtomicU64,
}

struct Request {
    head_only: bool,
    target: String,
    since: Option<String>,
    close: bool,
}

/// What is sent back: a status, and a body that is a file or bytes.
enum Body {
    File(File),
    Bytes(Vec<u8>),
}

impl Server {
    pub fn start(ip: Ipv4Addr, served: &Path, cache: &Path) -> Result<Server> {
        fs::create_dir_all(cache).with_context(|| format!("cannot make {}", cache.display()))?;
        let listener = TcpListener::bind((ip, 0)).with_context(|| format!("cannot listen on {ip}"))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            served: Mutex::new(served.into()),
            cache: cache.into(),
            offline: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            altered: Mutex::new(vec![]),
            partial: AtomicU64::new(0),
        });
        let for_thread = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if for_thread.stop.load(Ordering::SeqCst) {
                    return;
                }
                let shared = for_thread.clone();
                thread::spawn(move || shared.serve(stream));
            }
        });
        Ok(Server { address, shared })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves another folder from now on.
    pub fn serve_folder(&self, dir: &Path) {
        *locked(&self.shared.served) = dir.into();
    }

    /// From now on every connection is closed without an answer, or no longer.
    pub fn set_offline(&self, offline: bool) {
        self.shared.offline.store(offline, Ordering::SeqCst);
    }

    /// Changes one byte in the middle of every file of ours whose path contains this text.
    pub fn alter(&self, part_of_path: &str) {
        locked(&self.shared.altered).push(part_of_path.into());
    }

    /// Serves everything as it is again.
    pub fn alter_nothing(&self) {
        locked(&self.shared.altered).clear();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let Ok(mut out) = stream.try_clone() else { return };
        let mut input = BufReader::new(stream);
        while let Ok(Some(request)) = read_request(&mut input) {
            if self.offline.load(Ordering::SeqCst)
                || self.answer(&request, &mut out).is_err()
                || request.close
            {
                return;
            }
        }
    }

    fn answer(&self, request: &Request, out: &mut TcpStream) -> io::Result<()> {
        let (status, body) = if request.target.starts_with("http://") {
            self.proxied(request).unwrap_or_else(|e| (502, Body::Bytes(format!("{e:#}\n").into_bytes())))
        } else {
            self.own(&request.target).unwrap_or_else(|_| (404, Body::Bytes(b"not here\n".to_vec())))
        };
        let reason = match status {
            200 => "OK",
            304 => "Not Modified",
            404 => "Not Found",
            _ => "Error",
        };
        let size = match &body {
            Body::File(file) => file.metadata()?.len(),
            Body::Bytes(bytes) => bytes.len() as u64,
        };
        write!(out, "HTTP/1.1 {status} {reason}\r\nContent-Length: {size}\r\n\r\n")?;
        if request.head_only {
            return Ok(());
        }
        match body {
            Body::File(mut file) => io::copy(&mut file, out).map(drop),
            Body::Bytes(bytes) => out.write_all(&bytes),
        }
    }

    /// A file of the served folder; the path never leaves it.
    fn own(&self, target: &str) -> Result<(u16, Body)> {
        let path = decode(target.split('?').next().unwrap_or_default());
        let relative = Path::new(path.trim_start_matches('/'));
        anyhow::ensure!(
            relative.components().all(|c| matches!(c, Component::Normal(_))),
            "a path that leaves the folder"
        );
        let file = locked(&self.served).join(relative);
        anyhow::ensure!(file.is_file(), "no such file");
        if locked(&self.altered).iter().any(|part| path.contains(part.as_str())) {
            let mut bytes = fs::read(&file)?;
            let middle = bytes.len() / 2;
            if let Some(byte) = bytes.get_mut(middle) {
                *byte ^= 1;
            }
            return Ok((200, Body::Bytes(bytes)));
        }
        Ok((200, Body::File(File::open(file)?)))
    }

    fn proxied(&self, request: &Request) -> Result<(u16, Body)> {
        let kept = ["/pool/", "/by-hash/"].iter().any(|p| request.target.contains(p));
        let path = self.cache.join(request.target.trim_start_matches("http://").replace('/', "_"));
        if kept && let Ok(file) = File::open(&path) {
            return Ok((200, Body::File(file)));
        }
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut call = agent.get(&request.target);
        if let Some(since) = &request.since {
            call = call.header("If-Modified-Since", since);
        }
        let mut response = call.call()?;
        let status = response.status().as_u16();
        let mut body = response.body_mut().as_reader();
        if !kept || status != 200 {
            let mut bytes = vec![];
            body.read_to_end(&mut bytes)?;
            return Ok((status, Body::Bytes(bytes)));
        }
        let number = self.partial.fetch_add(1, Ordering::SeqCst);
        let partial = path.with_extension(format!("{}-{number}.partial", std::process::id()));
        io::copy(&mut body, &mut File::create(&partial)?)?;
        fs::rename(&partial, &path)?;
        Ok((200, Body::File(File::open(&path)?)))
    }
}

/// None at the end of the connection.
fn read_request(input: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if input.take(8192).read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut request =
        Request { head_only: method == "HEAD", target: target.into(), since: None, close: false };
    if !matches!(method, "GET" | "HEAD") {
        return Ok(None);
    }
    loop {
        let mut header = String::new();
        if input.take(8192).read_line(&mut header)? == 0 || header.trim().is_empty() {
            return Ok(Some(request));
        }
        let Some((name, value)) = header.split_once(':') else { continue };
        match name.to_ascii_lowercase().as_str() {
            "if-modified-since" => request.since = Some(value.trim().into()),
            "connection" => request.close = value.trim().eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
}

/// Percent-decoding (RFC 3986): apt encodes `~` and `+` in file names.
fn decode(path: &str) -> String {
    let mut bytes = vec![];
    let mut rest = path.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = (first == b'%').then(|| after.get(..2)).flatten().and_then(|h| std::str::from_utf8(h).ok());
        match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
