//! What can go wrong with a package or a paragraph.

use std::{
    io,
    path::{Path, PathBuf},
};

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Text that is no deb822; `line` counts from 1.
    #[error("line {line}: {message}")]
    Paragraph { line: usize, message: String },
    #[error("`{text}` is no version: {message}")]
    Version { text: String, message: &'static str },
    #[error("`{text}` is no package relation: {message}")]
    Relation { text: String, message: &'static str },
    /// The package that was to be written contradicts itself or Debian Policy.
    #[error("cannot build the package {package}: {message}")]
    Build { package: String, message: String },
    /// The file is no sound Debian package.
    #[error("{}: not a sound Debian package: {message}", .file.display())]
    Archive { file: PathBuf, message: String },
    #[error("cannot {operation} {}", .path.display())]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
}

impl Error {
    /// Whether the disk had no room left.
    pub fn is_disk_full(&self) -> bool {
        match self {
            Error::Io { source, .. } => {
                matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            _ => false,
        }
    }

    /// For `map_err`: an input or output error with what was tried on which path.
    pub(crate) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_path_buf();
        move |source| Error::Io { operation, path, source }
    }
}
