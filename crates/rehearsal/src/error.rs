//! Why there is no rehearsal.

use std::{io, path::PathBuf};

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No root, no tools, no Debian.
    #[error("{0}")]
    NotHere(String),
    #[error("{what}: {why}")]
    Network { what: String, why: String },
    /// An address that is none, or no address at all.
    #[error("{0}")]
    Mirror(String),
    /// apt cannot install what was asked for.
    #[error("apt cannot install {wanted} in {release}; it said:\n    {said}")]
    Unsatisfiable { wanted: String, release: String, said: String },
    #[error("cannot {operation} {path}")]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error(transparent)]
    Deb(#[from] deb::Error),
    #[error("cannot run the package manager")]
    Program(#[from] exec::Error),
    #[error("cannot make a Debian root of {release}")]
    Base { release: String, source: exec::Error },
}

impl Error {
    pub(crate) fn io(operation: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io { operation, path, source }
    }
}
