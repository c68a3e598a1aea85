//! apt and dpkg, run as programs: plan, do with progress, look.
//!
//! * [`run`]: [`Apt`] plans, installs, upgrades and repairs, and tells its progress as [`events::Kind`]
//! * [`refresh`]: the list of packages, how old it is, and a new one
//! * [`plan`]: what apt would do, and what it takes
//! * [`conffiles`]: configuration files that the owner has changed, and new versions that lie beside them
//! * [`archive`]: what a downloaded package says of itself: changelog, news, configuration files
//! * [`history`]: every run of apt on this machine, from its own logs
//! * [`reboot`]: whether the machine has to be restarted, and why
//! * [`installed`]: what dpkg knows of the packages on the machine
//! * [`fetch`]: what the signed index says, and files fetched by its hashes
//! * [`locks`]: who holds the locks
//! * [`space`]: whether the disk has room
//! * [`output`]: why something failed, and what can be done
//! * [`status`], [`name`]: apt's progress lines; names of packages
//!
//! `apt-get` is run rather than libapt-pkg linked, which would tie a program to one Debian release. Errors carry a
//! [`Cause`], so that programs can choose their exit status and a page its words.

pub mod archive;
pub mod conffiles;
pub mod fetch;
pub mod history;
pub mod installed;
pub mod locks;
pub mod name;
pub mod output;
pub mod plan;
pub mod reboot;
pub mod refresh;
pub mod run;
pub mod space;
pub mod status;

pub use output::{Cause, SourceFailure};
pub use plan::{Change, KeptBack, Plan, Why};
pub use run::{Apt, Work};

use std::{io, path::PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0:?} is no name of a package")]
    BadName(String),
    #[error("the repository's index names a file that cannot be right: {0}")]
    BadEntry(String),
    #[error("cannot run the package manager")]
    Program(#[from] exec::Error),
    #[error("cannot see how much room {path} has")]
    Space { path: PathBuf, source: io::Error },
    #[error("cannot {operation} {path}")]
    File { operation: &'static str, path: PathBuf, source: io::Error },
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// A run of the package manager that failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{doing} failed{}: {}", of_packages(.packages), .cause.advice())]
pub struct Failure {
    /// What was being done, e.g. `installing moinmoin-appliance`.
    pub doing: String,
    pub cause: Cause,
    /// The packages dpkg could not work on.
    pub packages: Vec<String>,
    /// Its last lines.
    pub lines: Vec<String>,
}

fn of_packages(packages: &[String]) -> String {
    if packages.is_empty() { String::new() } else { format!(" at {}", packages.join(", ")) }
}

impl Error {
    pub fn cause(&self) -> Cause {
        match self {
            Error::Failed(failure) => failure.cause,
            _ => Cause::Other,
        }
    }
    /// The package manager's last lines.
    pub fn lines(&self) -> &[String] {
        match self {
            Error::Failed(failure) => &failure.lines,
            _ => &[],
        }
    }
}
