//! Asking the broker as root.

use crate::text::harmless;
use anyhow::{Result, bail};
use broker_protocol::{Answer, Ask, Client, ClientError, Reason, Request, TaskId};
use std::{
    io::{self, IsTerminal, Write},
    os::fd::OwnedFd,
    path::Path,
};

/// The broker, and how to print.
pub struct Session {
    client: Client,
    pub json: bool,
    colour: bool,
}

/// Not possible here: no root.
#[derive(Debug, thiserror::Error)]
#[error("only root may do this, try: sudo appliance-control …")]
struct NotRoot;

/// What was given is wrong.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

impl Session {
    pub fn new(broker: &Path, json: bool) -> Result<Session> {
        if !rustix::process::geteuid().is_root() {
            return Err(NotRoot.into());
        }
        // no-color.org: set and not empty
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        Ok(Session { client: Client::new(broker), json, colour: !plain && io::stdout().is_terminal() })
    }

    pub fn ask(&self, ask: Ask) -> Result<Answer> {
        Ok(self.client.call(&Request { session: None, from: None, ask })?.0)
    }

    /// For what comes with a descriptor.
    pub fn ask_for_file(&self, ask: Ask) -> Result<(Answer, OwnedFd)> {
        match self.client.call(&Request { session: None, from: None, ask })? {
            (answer, Some(descriptor)) => Ok((answer, descriptor)),
            _ => Err(strange()),
        }
    }

    /// `text` in a colour of ECMA-48 (31 red, 32 green, 33 yellow, 1 bold), where colours are wanted.
    pub fn paint(&self, code: u8, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.into() }
    }

    pub fn print_json(&self, value: &impl serde::Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        Ok(writeln!(io::stdout(), "{text}")?)
    }
}

pub fn task_id(text: String) -> Result<TaskId> {
    match TaskId::try_from(text.clone()) {
        Ok(id) => Ok(id),
        Err(why) => {
            bail!(Usage(format!("“{}” is {why}; appliance-control task list shows them", harmless(&text))))
        }
    }
}

/// The broker's answer is not one to our question.
pub fn strange() -> anyhow::Error {
    anyhow::anyhow!(
        "the broker answers in another version: install appliance-control completely (apt-get -f install)"
    )
}

/// The exit status of an error: 2 wrong input, 3 not possible here or now, 5 disk full, 1 all else.
pub fn status(error: &anyhow::Error) -> u8 {
    let full = |e: &io::Error| matches!(e.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    for cause in error.chain() {
        if cause.is::<NotRoot>() {
            return 3;
        }
        if cause.is::<Usage>() {
            return 2;
        }
        if cause.downcast_ref::<io::Error>().is_some_and(full) {
            return 5;
        }
        match cause.downcast_ref::<ClientError>() {
            Some(ClientError::Connect { .. }) => return 3,
            Some(ClientError::Refused(refusal)) => {
                return match refusal.reason {
                    Reason::Invalid | Reason::NotFound => 2,
                    Reason::Busy | Reason::Forbidden | Reason::SignIn | Reason::TooMany => 3,
                    Reason::Failed => 1,
                };
            }
            _ => {}
        }
    }
    1
}
