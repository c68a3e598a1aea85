//! Whether an appliance works: each `[[health]]` of its definition, asked of the machine.
//!
//! The message of a check is for the owner: what was found and, when it is wrong, why.

use crate::http;
use appliance::model::Health;
use exec::Program;
use serde::{Deserialize, Serialize};
use std::{
    net::{TcpStream, ToSocketAddrs},
    time::{Duration, Instant},
};

/// One attempt takes no longer than this.
const ATTEMPT: Duration = Duration::from_secs(10);
/// Between two attempts: at first, growing, and at most.
const PAUSE: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(250)];
/// Waited for when the definition says nothing.
const WITHIN: u32 = 30;

/// One check and what it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was looked at, e.g. `http://127.0.0.1/`.
    pub name: String,
    pub ok: bool,
    pub message: String,
}

/// Looks once at everything, or with `wait` until each is right or its `within` has passed. The waits run together.
pub fn check(health: &[Health], wait: bool) -> Vec<Check> {
    let start = Instant::now();
    health
        .iter()
        .map(|h| {
            let within = Duration::from_secs(h.within.unwrap_or(WITHIN).into());
            check_until(h, wait.then(|| start + within))
        })
        .collect()
}

#[allow(clippy::disallowed_methods, reason = "a server tells nobody when it is ready")]
fn check_until(health: &Health, end: Option<Instant>) -> Check {
    let [mut pause, longest] = PAUSE;
    loop {
        let check = check_once(health);
        match end {
            Some(end) if !check.ok && Instant::now() < end => std::thread::sleep(pause),
            _ => return check,
        }
        pause = (pause * 3 / 2).min(longest);
    }
}

fn check_once(health: &Health) -> Check {
    let (name, found) = match (&health.url, &health.unit, &health.tcp) {
        (Some(url), _, _) => (url, page(url, health)),
        (_, Some(name), _) => (name, unit(name)),
        (_, _, Some(address)) => (address, tcp(address)),
        (None, None, None) => {
            return Check { name: "?".into(), ok: false, message: "nothing to check".into() };
        }
    };
    let ok = found.is_ok();
    Check { name: name.clone(), ok, message: found.unwrap_or_else(|e| e) }
}

/// `Ok` and `Err` both carry the message.
type Found = Result<String, String>;

fn page(url: &str, health: &Health) -> Found {
    let response = http::get(url, ATTEMPT).map_err(|e| e.to_string())?;
    let wanted = health.status.unwrap_or(200);
    if response.status != wanted {
        return Err(format!("answers with status {} instead of {wanted}", response.status));
    }
    match &health.contains {
        Some(text) if !contains(&response.body, text.as_bytes()) => {
            Err(format!("answers, but without the text {text:?}"))
        }
        _ => Ok(format!("answers with status {wanted}")),
    }
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|w| w == text)
}

fn unit(name: &str) -> Found {
    let output = Program::new("systemctl").args(["is-active", "--", name]).timeout(ATTEMPT).output();
    let output = output.map_err(|e| format!("cannot be asked: {e}"))?;
    match output.text().trim() {
        "active" => Ok("runs".into()),
        "" => Err("the system manager does not answer".into()),
        "inactive" => Err(format!("does not run; `systemctl start {name}` starts it")),
        "failed" => Err(format!("has failed; `journalctl -u {name}` says why")),
        other => Err(format!("is {other}")),
    }
}

fn tcp(address: &str) -> Found {
    let addresses = address.to_socket_addrs().map_err(|e| format!("is no address: {e}"))?;
    let mut last = "the name has no address".to_string();
    for address in addresses {
        match TcpStream::connect_timeout(&address, ATTEMPT) {
            Ok(_) => return Ok("accepts connections".into()),
            Err(e) => last = http::reason(&e),
        }
    }
    Err(last)
}
