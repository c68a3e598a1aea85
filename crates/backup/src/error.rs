//! What can go wrong.

use std::{io, path::PathBuf};

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {operation} {}", path.display())]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error("the disk is full: cannot {operation} {}. Nothing was left half-written; make room and run again", path.display())]
    DiskFull { operation: &'static str, path: PathBuf },
    #[error("not enough room on the file system of {}: {needed} bytes are needed, {free} are free", path.display())]
    NoRoom { path: PathBuf, needed: u64, free: u64 },
    #[error("the appliance {name} has no [backup] in its definition: there is nothing to save")]
    NoBackup { name: String },
    #[error("this is no usable backup: {0}. Nothing has been changed")]
    Archive(String),
    #[error("this is a backup of the appliance {found:?}, not of {wanted:?}. Nothing has been changed")]
    OtherAppliance { found: String, wanted: String },
    #[error(
        "the backup was written by a later release (format {found}, this program knows up to {known}): bring \
             appliance-tools up to date. Nothing has been changed"
    )]
    TooNew { found: u32, known: u32 },
    #[error("{} lies in a folder that users other than root can write to; a restore there would not be safe", path.display())]
    Untrusted { path: PathBuf },
    #[error("the backup has files of the {what} {name:?}, which this machine does not have")]
    NoSuchOwner { what: &'static str, name: String },
    #[error(
        "there are too many files for one backup ({most} with names of this length are the most): exclude some in `[backup]`"
    )]
    TooMany { most: usize },
    #[error("stopped on request")]
    Stopped,
    #[error("cannot {action} the unit {unit}")]
    Unit { action: &'static str, unit: String, source: Box<exec::Error> },
    #[error("the restored data was taken back, because the appliance could not be configured with it")]
    Configure(#[source] Box<exec::Error>),
    #[error("{0} changed while it was read: put the unit that writes it into `quiesce`")]
    Changed(String),
    #[error("the journal {} cannot be read: {message}", path.display())]
    Journal { path: PathBuf, message: String },
    #[error("another backup or restore of this appliance is at work; wait for it to end")]
    Locked,
    #[error(transparent)]
    Engine(Box<configure::Error>),
}

impl Error {
    /// 1 the work failed, 2 bad input, 3 not possible here, 5 disk full.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::DiskFull { .. } | Error::NoRoom { .. } => 5,
            Error::NoBackup { .. }
            | Error::TooMany { .. }
            | Error::Archive(_)
            | Error::OtherAppliance { .. }
            | Error::TooNew { .. } => 2,
            Error::Locked => 3,
            Error::Engine(e) => e.exit_code(),
            _ => 1,
        }
    }
    /// For `map_err`.
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

impl From<configure::Error> for Error {
    fn from(error: configure::Error) -> Self {
        Error::Engine(Box::new(error))
    }
}
