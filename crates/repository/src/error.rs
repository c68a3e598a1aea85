//! What can go wrong with a repository.

use std::{
    io,
    path::{Path, PathBuf},
};

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Package(#[from] deb::Error),
    #[error("cannot {operation} {}", .path.display())]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error("the repository {} is being changed by {holder}; try again when that has ended", .path.display())]
    Locked { path: PathBuf, holder: String },
    /// The package is published already and what was given differs.
    #[error(
        "{package} {version} ({architecture}) is already published with other content; raise the version of {}", .file.display()
    )]
    Conflict { package: String, version: String, architecture: String, file: PathBuf },
    /// What is published does not hold together.
    #[error("{}: {message}", .path.display())]
    Damaged { path: PathBuf, message: String },
    #[error("{}: {message}", .path.display())]
    Key { path: PathBuf, message: String },
    #[error("cannot sign: {0}")]
    Sign(String),
    #[error("gpg could not be used")]
    Gpg(#[from] exec::Error),
    #[error("{0}")]
    Settings(String),
}

impl Error {
    /// Whether the disk had no room left.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Error::Io { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            Error::Package(error) => error.is_disk_full(),
            _ => false,
        }
    }

    /// Whether somebody else was changing the repository.
    pub fn is_locked(&self) -> bool {
        matches!(self, Error::Locked { .. })
    }

    pub(crate) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_path_buf();
        move |source| Error::Io { operation, path, source }
    }

    pub(crate) fn damaged(path: &Path, message: impl Into<String>) -> Error {
        Error::Damaged { path: path.into(), message: message.into() }
    }
}
