//! What can go wrong, and the exit status of each kind.

use std::{io, path::PathBuf};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error names the operation and the thing; its source is told apart, never repeated in the text.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {operation} {}", path.display())]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error("the disk is full: cannot {operation} {}. Nothing was left half-written; make room (df -h shows \
             where) and run the same command again", path.display())]
    DiskFull { operation: &'static str, path: PathBuf },
    #[error("no appliance {name:?} on this machine{}", known_text(known))]
    Unknown { name: String, known: Vec<String> },
    #[error("{}: {message}", path.display())]
    Definition { path: PathBuf, message: String },
    #[error("the answer to {question:?} is not usable: {message}")]
    Answer { question: String, message: String },
    #[error("answers are missing: {}. Give them with debconf (dpkg-reconfigure {appliance}-appliance-seed)", questions.join(", "))]
    Missing { appliance: String, questions: Vec<String> },
    #[error("{} is a configuration file of the package {package}, which the appliance must not edit \
             (Debian Policy 10.7.4): let the definition write a drop-in beside it instead", path.display())]
    Conffile { path: PathBuf, package: String },
    #[error("refusing to go through {}: {reason}", path.display())]
    Unsafe { path: PathBuf, reason: String },
    #[error("{what} {name:?} is not known on this machine; {hint}")]
    NoSuch { what: &'static str, name: String, hint: String },
    #[error("step {step:?}: {message}\n  running `appliance-configure apply {appliance}` again resumes here")]
    Step { appliance: String, step: String, message: String },
    #[error("database {name:?}: {message}")]
    Database { name: String, message: String },
    #[error("unit {unit} did not {action}{}", log_text(log))]
    Unit { unit: String, action: &'static str, log: Vec<String>, source: Option<Box<exec::Error>> },
    #[error("cannot {purpose}")]
    Program { purpose: String, source: Box<exec::Error> },
    #[error("another configuration run is at work{}; wait for it to end and run again", holder_text(holder))]
    Locked { holder: String },
    #[error("only root can do this; run it with sudo")]
    NotRoot,
    #[error("the record {} cannot be read: {message}", path.display())]
    Record { path: PathBuf, message: String },
    #[error("debconf: {message}")]
    Debconf { message: String },
    #[error("debconf did not take the answers: {why}; nothing was changed")]
    NotCopied { why: String },
    #[error("the new answers cannot be used: {message}")]
    Given { message: String },
    #[error(
        "the answers of {appliance} have changed since they were read: nothing was changed; read them again"
    )]
    Stale { appliance: String },
    #[error("after the run something is still not as it should be: {}", what.join("; "))]
    NotVerified { what: Vec<String> },
}

impl Error {
    /// 1 the work failed, 2 bad input, 3 not possible here, 5 disk full.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::DiskFull { .. } => 5,
            Error::Definition { .. }
            | Error::Unknown { .. }
            | Error::Answer { .. }
            | Error::Missing { .. }
            | Error::Given { .. }
            | Error::Conffile { .. } => 2,
            Error::Locked { .. } | Error::Stale { .. } | Error::NotCopied { .. } | Error::NotRoot => 3,
            _ => 1,
        }
    }

    /// For `map_err`: an I/O error with its operation and path, disk full being a kind of its own.
    pub fn io<E: Into<io::Error>>(
        operation: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(E) -> Error {
        let path = path.into();
        move |source| {
            let source = source.into();
            match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    Error::DiskFull { operation, path }
                }
                _ => Error::Io { operation, path, source },
            }
        }
    }
}

fn known_text(known: &[String]) -> String {
    if known.is_empty() {
        "; there is none at all".into()
    } else {
        format!("; there are: {}", known.join(", "))
    }
}

fn holder_text(holder: &str) -> String {
    if holder.is_empty() { String::new() } else { format!(" (process {holder})") }
}

fn log_text(log: &[String]) -> String {
    if log.is_empty() { String::new() } else { format!("; its last lines:\n    {}", log.join("\n    ")) }
}
