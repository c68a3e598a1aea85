//! Exit statuses by kind of failure: 1 the work failed, 2 bad input, 3 not possible here, 4 network or repository, 5 disk full.

use std::{fmt, io, process::ExitCode};

/// A failure whose kind is known, with what the person shall read.
#[derive(Debug)]
pub struct Failure {
    pub kind: Kind,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Failed = 1,
    /// Usage, a definition, an answer.
    BadInput = 2,
    NotHere = 3,
    Network = 4,
    DiskFull = 5,
}

impl Failure {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Failure { kind, message: message.into() }
    }
    pub fn bad_input(message: impl Into<String>) -> Self {
        Failure::new(Kind::BadInput, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Prints the error with all its causes and gives its status.
pub fn report(program: &str, error: &anyhow::Error) -> ExitCode {
    eprintln!("{program}: {error:#}");
    let kind = kind(error);
    if kind == Kind::DiskFull {
        eprintln!(
            "{program}: the disk is full: make room and run the same command again; nothing half-written was left"
        );
    }
    ExitCode::from(kind as u8)
}

/// A full disk wherever it happened, else what the failure says of itself.
pub fn kind(error: &anyhow::Error) -> Kind {
    let full = |e: &io::Error| matches!(e.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    if error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).any(full) {
        return Kind::DiskFull;
    }
    error
        .chain()
        .find_map(|cause| {
            let failure = cause.downcast_ref::<Failure>().map(|failure| failure.kind);
            let made = || cause.downcast_ref::<crate::make::Error>().map(crate::make::Error::kind);
            let rehearsed = || cause.downcast_ref().map(of_rehearsal);
            failure.or_else(made).or_else(|| cause.downcast_ref().map(of_repository)).or_else(rehearsed)
        })
        .unwrap_or(Kind::Failed)
}

fn of_repository(error: &repository::Error) -> Kind {
    use repository::Error;
    match error {
        Error::Package(_) | Error::Conflict { .. } | Error::Key { .. } | Error::Settings(_) => Kind::BadInput,
        Error::Locked { .. } => Kind::NotHere,
        Error::Damaged { .. } => Kind::Network,
        Error::Io { .. } | Error::Sign(_) | Error::Gpg(_) => Kind::Failed,
    }
}

fn of_rehearsal(error: &rehearsal::Error) -> Kind {
    use rehearsal::Error;
    match error {
        Error::NotHere(_) => Kind::NotHere,
        Error::Network { .. } => Kind::Network,
        Error::Mirror(_) | Error::Unsatisfiable { .. } => Kind::BadInput,
        Error::Io { .. } | Error::Deb(_) | Error::Program(_) | Error::Base { .. } => Kind::Failed,
    }
}
