//! A signed apt repository on disk, changed atomically.
//!
//! ```text
//! pool/main/m/moinmoin-appliance/moinmoin-appliance_1.0_all.deb     packages, several versions
//! pool/main/m/moinmoin-appliance/moinmoin-appliance_1.0_all.seeds   the seeds beside a metapackage
//! dists/stable/main/binary-amd64/by-hash/SHA256/…                   indices of this and earlier generations
//! dists/stable/main/binary-amd64/Packages, Packages.zst             the newest ones under their plain names
//! dists/stable/InRelease                                            the signed list of the indices
//! ```
//!
//! The rename of `InRelease` is the one moment at which a change happens. What it names lies there before, and
//! nothing that the old one names is touched, so a run that is killed leaves the old repository as it was.
//! The published index is also the memory of what was hashed: it is believed only when the chain from the
//! signature holds, so adding one package hashes one package and cannot be fooled by files changed underneath.
//!
//! - [`Repository`]: `add`, `refresh`, `list`, `verify`
//! - [`key`]: the repository's key, [`SecretKey`] and [`PublicKey`]; [`gpg`]: keys that only gpg can reach
//! - `scan` reads packages, `parallel` is its threads, `stanza` and `release` are the texts, `publish` writes, `recover` tidies up

mod add;
mod date;
mod disk;
mod error;
pub mod gpg;
pub mod key;
mod lock;
mod parallel;
mod publish;
mod recover;
mod release;
mod scan;
mod stanza;
mod state;
#[cfg(test)]
mod tests;
mod verify;

pub use add::{Added, Transfer};
pub use error::{Error, Result};
pub use gpg::GpgSigner;
pub use key::{PublicKey, SecretKey, Signer};
pub use stanza::{Package, Seeds};
pub use state::Repository;
pub use verify::{Problem, Verified};

use std::time::Duration;

/// How long clients accept the index when nothing else is said: 90 days. After that apt refuses it, which keeps
/// a mirror from holding machines back on an old state; `refresh` signs again.
pub const VALID_FOR: Duration = Duration::from_secs(90 * 24 * 3600);

/// What a repository says of itself. `None` keeps what is published, or takes the default.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name behind `dists/`, which apt's sources name.
    pub suite: String,
    /// Defaults to the suite's name.
    pub codename: Option<String>,
    pub origin: Option<String>,
    pub label: Option<String>,
    pub description: Option<String>,
    /// Architectures that get an index besides those of the packages. Packages for all architectures are in
    /// every index; amd64 is the default when there are no others.
    pub architectures: Vec<String>,
    /// From the date of signing; defaults to [`VALID_FOR`].
    pub valid_for: Option<Duration>,
    /// How many earlier generations of the indices stay, for clients in mid-update. Defaults to 3.
    pub generations: usize,
    /// Keys besides the signer's own that may have signed what is published: needed once, to change the key.
    pub trusted: Vec<PublicKey>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            suite: "stable".into(),
            codename: None,
            origin: None,
            label: None,
            description: None,
            architectures: vec![],
            valid_for: None,
            generations: 3,
            trusted: vec![],
        }
    }
}

/// The one component; an appliance repository has no use for more.
const COMPONENT: &str = "main";
