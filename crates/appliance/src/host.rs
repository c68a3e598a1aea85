//! What templates, seeds and defaults may know about the machine.

use serde::{Deserialize, Serialize};

/// The machine's own names: `{{ host.name }}` and so on, see [`FIELDS`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// The first label: `wiki`.
    pub name: String,
    /// With its domain: `wiki.example.org`; the same as `name` when there is none.
    pub fqdn: String,
    /// What `fqdn` has behind `name`: `example.org`; empty when there is none.
    #[serde(default)]
    pub domain: String,
    /// The address others reach it at, IPv4 where there is one.
    pub address: String,
    /// As in tzdata: `Europe/Berlin`; `Etc/UTC` when none is set.
    #[serde(default)]
    pub timezone: String,
}

/// The fields of [`Host`], as written in a placeholder after `host.`.
pub const FIELDS: [&str; 5] = ["name", "fqdn", "domain", "address", "timezone"];

impl Host {
    /// A field of [`FIELDS`].
    pub fn field(&self, name: &str) -> Option<&str> {
        match name {
            "name" => Some(&self.name),
            "fqdn" => Some(&self.fqdn),
            "domain" => Some(&self.domain),
            "address" => Some(&self.address),
            "timezone" => Some(&self.timezone),
            _ => None,
        }
    }

    /// The domain of a full name.
    pub fn domain_of(fqdn: &str) -> String {
        fqdn.split_once('.').map(|(_, domain)| domain.to_owned()).unwrap_or_default()
    }
}
