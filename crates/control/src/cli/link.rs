//! Sign-in links.

use crate::{
    cli::session::{Session, strange},
    text,
    web::{CERTIFICATE, PORT},
};
use anyhow::Result;
use broker_protocol::{Answer, Ask};
use plugin::manifest::Role;
use serde_json::json;
use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    process::ExitCode,
    time::Duration,
};
use webpage::{network::Network, own};

/// `link`: one for every address of the machine; all are the same one, which works once.
pub fn link(session: &Session, minutes: u32, viewer: bool) -> Result<ExitCode> {
    let role = if viewer { Role::Viewer } else { Role::Administrator };
    let Answer::Token(token) = session.ask(Ask::CreateLink { role, minutes })? else { return Err(strange()) };
    let expires = text::now() + u64::from(minutes) * 60;
    let hosts = Network::read().hosts();
    let links: Vec<String> = hosts.iter().map(|h| format!("https://{h}:{PORT}/link/{token}")).collect();
    let fingerprint = fingerprint();
    if session.json {
        session.print_json(&json!({ "links": links, "fingerprint": fingerprint, "expires": expires }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let out = &mut io::stdout().lock();
    writeln!(
        out,
        "Open one of these in a browser. It signs in once, within {}:\n",
        text::span(u64::from(minutes) * 60)
    )?;
    for link in &links {
        writeln!(out, "  {}", session.paint(1, link))?;
    }
    writeln!(out, "\nThe browser warns about a certificate that the machine made itself.")?;
    match fingerprint {
        Some(fingerprint) => {
            writeln!(out, "It is the right one when its SHA-256 fingerprint is\n\n  {fingerprint}")?
        }
        None => writeln!(
            out,
            "Its fingerprint is not known: the page does not answer (systemctl status appliance-control.socket)."
        )?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The page makes its certificate when it starts, and any connection starts it: one is made before the file is read.
pub fn fingerprint() -> Option<String> {
    let read = || own::in_use(Path::new(CERTIFICATE)).ok().map(|(identity, _)| identity.fingerprint());
    read().or_else(|| {
        wake_up().ok()?;
        read()
    })
}

fn wake_up() -> io::Result<()> {
    let within = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)), within)?;
    stream.set_read_timeout(Some(within))?;
    stream.write_all(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    stream.read(&mut [0; 64]).map(drop)
}
