//! Why it ended without an appliance, and with which status.

use crate::page::Late;
use apt::Cause;
use std::fmt;

/// Exit statuses, the same in all of the project's programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Failed = 1,
    Input = 2,
    Machine = 3,
    Repository = 4,
    DiskFull = 5,
}

#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub error: anyhow::Error,
    /// The last lines of the program that failed.
    pub lines: Vec<String>,
}

pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Failure { exit, error: anyhow::anyhow!("{message}"), lines: vec![] }
    }
    /// What was being done when it happened, before the error's own words.
    pub fn context(mut self, doing: impl fmt::Display + Send + Sync + 'static) -> Self {
        self.error = self.error.context(doing);
        self
    }
    /// The whole chain in one text.
    pub fn message(&self) -> String {
        format!("{:#}", self.error)
    }
}

/// Ends with an error of this kind.
pub fn fail<T>(exit: Exit, message: impl fmt::Display) -> Result<T> {
    Err(Failure::new(exit, message))
}

pub fn exit_of(cause: Cause) -> Exit {
    match cause {
        Cause::Network
        | Cause::Signature
        | Cause::Expired
        | Cause::Renamed
        | Cause::Altered
        | Cause::Missing => Exit::Repository,
        Cause::NoPackage => Exit::Input,
        Cause::DiskFull => Exit::DiskFull,
        Cause::Locked | Cause::Interrupted => Exit::Machine,
        Cause::Unsatisfiable | Cause::Script | Cause::Removal | Cause::Stopped | Cause::Other => Exit::Failed,
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let full = error
            .chain()
            .filter_map(|e| e.downcast_ref::<std::io::Error>())
            .any(|e| e.kind() == std::io::ErrorKind::StorageFull);
        let exit = match full {
            true => Exit::DiskFull,
            false if error.is::<Late>() => Exit::Input,
            false => Exit::Failed,
        };
        Failure { exit, error, lines: vec![] }
    }
}

impl From<apt::Error> for Failure {
    fn from(error: apt::Error) -> Self {
        let (exit, lines) = (exit_of(error.cause()), error.lines().to_vec());
        let exit = if matches!(error, apt::Error::BadName(_)) { Exit::Input } else { exit };
        Failure { exit, error: error.into(), lines }
    }
}

impl From<exec::Error> for Failure {
    fn from(error: exec::Error) -> Self {
        Failure { exit: Exit::Failed, error: error.into(), lines: vec![] }
    }
}
