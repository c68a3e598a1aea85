//! Accepts connections: TLS, and on the same port plain HTTP, which is only told where to go.

use crate::{
    certificate::Identity,
    connection::{Patient, Place, Places},
    own::{Own, Trial},
};
use anyhow::{Context, Result};
use axum::Router;
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{
    net::{IpAddr, SocketAddr, TcpListener as StdListener},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, rustls};

/// To say the first byte, to shake hands, and to send a request's head. Also how long a connection may lie idle.
const PATIENCE: Duration = Duration::from_secs(15);
/// Bytes of a request's head, and of the buffer a body is read through.
const BUFFER: usize = 32 << 10;
/// Bytes of a plain request that are looked at.
const PLAIN_HEAD: usize = 8 << 10;

/// Where the connection comes from: an extension of every request.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// What is served, and how long.
#[derive(Clone)]
pub struct Site {
    pub router: Router,
    /// Whether this machine answers to that name (a `Host` header).
    pub ours: Arc<dyn Fn(&str) -> bool + Send + Sync>,
}

/// What is shown to the next connection: one certificate, or the one that is in use in a folder.
pub enum Tls {
    Fixed(TlsAcceptor),
    Folder(Own),
}

impl From<TlsAcceptor> for Tls {
    fn from(acceptor: TlsAcceptor) -> Tls {
        Tls::Fixed(acceptor)
    }
}

pub fn tls(identity: Identity) -> Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("cannot set up TLS")?
        .with_no_client_auth()
        .with_single_cert(identity.chain(), identity.key)
        .context("cannot use the certificate")?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.send_tls13_tickets = 1;
    Ok(Arc::new(config).into())
}

/// Until nobody has been connected for `idle`. What waits in the socket then starts us again.
pub async fn serve(listener: StdListener, tls: impl Into<Tls>, site: Site, idle: Duration) -> Result<()> {
    let mut tls = tls.into();
    listener.set_nonblocking(true).context("cannot set up the socket")?;
    let listener = TcpListener::from_std(listener).context("cannot use the socket")?;
    let places = Places::default();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = places.freed() => continue,
            () = sleep(idle), if places.empty() => return Ok(()),
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            // out of descriptors, or the peer is gone already: neither is a reason to end
            Err(_) => {
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Some(place) = places.take(peer.ip()) else { continue };
        let site = site.clone();
        let (acceptor, trial) = match &mut tls {
            Tls::Fixed(acceptor) => (acceptor.clone(), None),
            Tls::Folder(own) => own.now(),
        };
        // what a connection ends with is the peer's affair
        tokio::spawn(async move { drop(connection(stream, peer, place, acceptor, trial, site).await) });
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    _place: Place,
    tls: TlsAcceptor,
    trial: Option<Trial>,
    site: Site,
) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut first = [0];
    if timeout(PATIENCE, stream.peek(&mut first)).await?? == 0 {
        return Ok(());
    }
    // 0x16: a TLS handshake record (RFC 8446, section 5.1); no method of HTTP begins with it
    if first[0] != 0x16 {
        return timeout(PATIENCE, plain(stream, &site)).await?;
    }
    let stream = timeout(PATIENCE, tls.accept(Patient::new(stream))).await??;
    if let Some(trial) = trial {
        trial.served();
    }
    let router = TowerToHyperService::new(site.router);
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip().to_canonical()));
        router.call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(BUFFER).max_headers(64);
    Ok(http.serve_connection(TokioIo::new(stream), service).await?)
}

/// Somebody typed the address without `https`.
async fn plain(mut stream: TcpStream, site: &Site) -> Result<()> {
    let mut head = Vec::with_capacity(1024);
    while !head.windows(4).any(|w| w == b"\r\n\r\n") && head.len() < PLAIN_HEAD {
        if stream.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    let answer = match redirection(&String::from_utf8_lossy(&head), &*site.ours) {
        Some(location) => format!(
            "HTTP/1.1 308 Permanent Redirect\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ),
        None => {
            let port = stream.local_addr()?.port();
            let text = format!("This is a page of an appliance. Open it as https://ADDRESS:{port}/\n");
            format!(
                "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
                text.len()
            )
        }
    };
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(())
}

/// Where a plain request is sent: the same address with `https`, when the host is one of ours.
fn redirection(head: &str, ours: impl Fn(&str) -> bool) -> Option<String> {
    let mut lines = head.split("\r\n");
    let mut request = lines.next()?.split(' ');
    let (_method, target, version) = (request.next()?, request.next()?, request.next()?);
    let visible = |text: &str| text.bytes().all(|b| b.is_ascii_graphic());
    if !version.starts_with("HTTP/1.") || !visible(target) {
        return None;
    }
    let host = lines.find_map(|l| {
        let (name, value) = l.split_once(':')?;
        name.eq_ignore_ascii_case("host").then(|| value.trim())
    })?;
    // `//evil` would be another host's address
    let target = if target.starts_with('/') && !target.starts_with("//") { target } else { "/" };
    ours(host).then(|| format!("https://{host}{target}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_requests_are_sent_to_our_own_address_only() {
        let ours = |host: &str| host == "wiki:8080";
        for (head, expect) in [
            ("GET /updates?x=1 HTTP/1.1\r\nHost: wiki:8080\r\n\r\n", Some("https://wiki:8080/updates?x=1")),
            ("GET //evil.example/ HTTP/1.1\r\nhost:wiki:8080\r\n\r\n", Some("https://wiki:8080/")),
            ("GET http://evil.example/ HTTP/1.1\r\nHost: wiki:8080\r\n\r\n", Some("https://wiki:8080/")),
            ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", None),
            ("GET / HTTP/1.1\r\n\r\n", None),
            ("SSH-2.0-OpenSSH\r\n", None),
            ("GET /\u{e9} HTTP/1.1\r\nHost: wiki:8080\r\n\r\n", None),
        ] {
            assert_eq!(redirection(head, ours).as_deref(), expect, "{head}");
        }
    }
}
