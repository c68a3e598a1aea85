//! Services and the journal, as requests and answers carry them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Entries in one answer.
pub const MOST_ENTRIES: u32 = 500;

/// A service of the system manager (systemd.service(5)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Service {
    /// `apache2.service`
    pub name: String,
    pub description: String,
    /// `active`, `inactive`, `failed`, `activating` …: ActiveState of org.freedesktop.systemd1(5).
    pub active: String,
    /// `running`, `exited`, `dead` …: SubState.
    pub sub: String,
    /// `enabled`, `disabled`, `static`, `masked` …: what systemctl(1) says for is-enabled; empty when it has no file.
    pub enabled: String,
    /// The appliance whose health asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appliance: Option<String>,
}

/// More of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceState {
    #[serde(flatten)]
    pub service: Service,
    /// Seconds since 1970 of the last change of state.
    pub since: Option<u64>,
    /// Bytes.
    pub memory: Option<u64>,
    /// By the system manager, after a failure.
    pub restarts: u64,
    /// `success`, `exit-code`, `signal`, `timeout` …
    pub result: String,
    /// Its unit file.
    pub file: String,
    /// This page lives on it.
    pub ours: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    Start,
    Stop,
    Restart,
    /// Starts with the machine, and now.
    Enable,
    /// Does not start with the machine, and stops now.
    Disable,
}

impl Verb {
    pub const ALL: [Verb; 5] = [Verb::Start, Verb::Stop, Verb::Restart, Verb::Enable, Verb::Disable];

    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Start => "start",
            Verb::Stop => "stop",
            Verb::Restart => "restart",
            Verb::Enable => "enable",
            Verb::Disable => "disable",
        }
    }
}

impl std::str::FromStr for Verb {
    type Err = String;
    fn from_str(text: &str) -> Result<Verb, String> {
        let found = Verb::ALL.into_iter().find(|v| v.as_str() == text);
        found.ok_or_else(|| format!("“{text}” is nothing that is done to a service"))
    }
}

/// What of the journal is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalFilter {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// syslog(3): 0 emergency to 7 debug; this and what is graver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    /// Stands in the message, as it is written here or in other letters' case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Only what came after, or only what came before, the entry with this cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<From>,
    /// At most so many entries: the newest, but with [`From::After`] the oldest.
    pub lines: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum From {
    After(String),
    Before(String),
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Milliseconds since 1970.
    pub at: u64,
    pub priority: u8,
    pub unit: String,
    /// Who said it, e.g. `sshd`.
    pub identifier: String,
    /// At most 4000 characters of it.
    pub message: String,
    pub cursor: String,
}

/// Whether this is a service's name, as it may be handed to systemctl(1): no option, no pattern, no path.
pub fn is_service_name(name: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b":_.\\@-".contains(&b);
    name.len() <= 255
        && name.strip_suffix(".service").is_some_and(|stem| !stem.is_empty())
        && name.bytes().all(good)
        && !name.starts_with(['-', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_name() {
        for good in ["apache2.service", "user@1000.service", "dev-a\\x2db.service", "a.b:c_d.service"] {
            assert!(is_service_name(good), "{good}");
        }
        for bad in
            ["apache2", ".service", "-a.service", "*.service", "../a.service", "a b.service", "a.socket", ""]
        {
            assert!(!is_service_name(bad), "{bad}");
        }
    }
}
