//! What templates, seeds and defaults may know about the machine.

use serde::{Deserialize, Serialize};

/// The machine's own names. `{{ host.name }}`, `{{ host.fqdn }}` and `{{ host.address }}` are these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// The first label: `wiki`.
    pub name: String,
    /// With its domain: `wiki.example.org`; the same as `name` when there is none.
    pub fqdn: String,
    /// The address others reach it at, IPv4 where there is one.
    pub address: String,
}

/// The fields of [`Host`], as written in a placeholder after `host.`.
pub const FIELDS: [&str; 3] = ["name", "fqdn", "address"];
