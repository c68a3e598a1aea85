//! The page that asks an appliance's questions, of `vainstall --web` and of a first boot, and the browsers at it.

use crate::client::{Answer, Client};
use anyhow::{Context, Result, ensure};
use std::{
    fs,
    net::{SocketAddr, TcpStream},
    time::Duration,
};
use testbed::{Machine, machine::wait_until};

pub const LIMIT: Duration = Duration::from_secs(180);

/// `vainstall … --web`, as somebody starts it who then goes to a browser.
pub fn start(machine: &Machine, arguments: &str) -> Result<()> {
    let begin = format!("echo $$ > pid; exec vainstall {arguments} --web > out 2> said < /dev/null");
    let line = format!("cd /root; rm -f pid said status; (setsid sh -c '{begin}'; echo $? > status) &");
    machine.sh(&line)?;
    ensure!(wait_until(LIMIT, || machine.root().join("root/pid").exists()), "it was not started");
    Ok(())
}

/// What it has said to whoever started it.
pub fn said(machine: &Machine) -> String {
    fs::read_to_string(machine.root().join("root/said")).unwrap_or_default()
}

/// Waits for its end and gives its exit status.
pub fn status(machine: &Machine) -> Result<i32> {
    let read = || fs::read_to_string(machine.root().join("root/status")).ok()?.trim().parse().ok();
    let mut status = None;
    wait_until(LIMIT, || {
        status = read();
        status.is_some()
    });
    status.with_context(|| format!("it did not end:\n{}", said(machine)))
}

/// The newest link with the machine's own address in a text.
pub fn link_in(machine: &Machine, text: &str) -> Option<String> {
    let start = format!("https://{}:8443/link/", machine.address);
    text.split_whitespace().rfind(|word| word.starts_with(&start)).map(str::to_owned)
}

/// Waits for a link that is another one than `before`.
pub fn link(machine: &Machine, before: &str) -> Result<String> {
    let mut found = None;
    wait_until(LIMIT, || {
        found = link_in(machine, &said(machine)).filter(|link| link != before);
        found.is_some()
    });
    found.with_context(|| format!("there is no new link:\n{}", said(machine)))
}

/// A browser that has used the link.
pub fn browser_at(link: &str) -> Result<(Client, Answer)> {
    let client = Client::new()?;
    ensure!(client.get(link)?.ok()?.body.contains("This link works once"), "the link opens something else");
    let page = client.post(link, &[])?.ok()?;
    Ok((client, page))
}

/// Sends the form of a page.
pub fn send(client: &Client, page: &Answer, fields: &[(&str, &str)]) -> Result<Answer> {
    let (csrf, number) = (page.field("csrf")?, page.field("number")?);
    let own = [("csrf", csrf.as_str()), ("number", number.as_str())];
    client.post(&beside(&page.url, "answers"), &[&own, fields].concat())
}

/// Another address of the same server.
pub fn beside(url: &str, path: &str) -> String {
    format!("{}/{path}", url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/"))
}

/// Waits until the page shows the text.
pub fn wait_for(client: &Client, url: &str, text: &str) -> Result<Answer> {
    let mut last = None;
    let there = wait_until(LIMIT, || {
        last = client.get(url).ok();
        last.as_ref().is_some_and(|page| page.body.contains(text))
    });
    ensure!(there, "{text:?} is not shown, but {last:?}");
    last.context("no page")
}

/// Whether somebody outside the machine gets a connection.
pub fn is_open(machine: &Machine, port: u16) -> bool {
    let address = SocketAddr::from((machine.address, port));
    TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok()
}
