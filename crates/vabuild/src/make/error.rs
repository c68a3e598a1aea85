//! What can go wrong while packages are made, by kind.

use crate::exit::Kind;
use std::{
    io,
    path::{Path, PathBuf},
};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The definition asks for something that cannot be.
    #[error("{0}")]
    Definition(String),
    #[error("cannot {operation} {}", .path.display())]
    Io { operation: &'static str, path: PathBuf, source: io::Error },
    #[error(transparent)]
    Deb(#[from] deb::Error),
    #[error("the questions do not fit into debconf's templates")]
    Templates(#[from] debconf::templates::Error),
    #[error("cannot write the seeds")]
    Seeds(#[from] appliance::seeds::Error),
    #[error("cannot write the definition as JSON")]
    Json(#[source] serde_json::Error),
    #[error("cannot fetch {file}: {why}")]
    Fetch { file: String, why: String },
    #[error("{file}: {why}")]
    Archive { file: String, why: String },
    /// A program that the build needs is not on this machine.
    #[error("{0}")]
    Tool(String),
    #[error("no manual page can be made of {}: it does not run with --help", .program.display())]
    Manual { program: PathBuf, source: Box<exec::Error> },
    #[error("no completions for {shell} can be had from {}: it does not run with `completions {shell}`", .program.display())]
    Completions { program: PathBuf, shell: &'static str, source: Box<exec::Error> },
    #[error("{} is being written by another vabuild; wait for it, or name another folder", .0.display())]
    Busy(PathBuf),
}

impl Error {
    pub(crate) fn io(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Error::Io { operation, path: path.into(), source }
    }

    pub(crate) fn value(question: &str, mistake: appliance::names::Mistake) -> Self {
        Error::Definition(format!("the seed of {question}: {}", mistake.message))
    }

    /// For the exit status. A full disk is found by [`crate::exit::kind`].
    pub fn kind(&self) -> Kind {
        match self {
            Error::Definition(_) | Error::Archive { .. } | Error::Templates(_) => Kind::BadInput,
            Error::Deb(deb::Error::Build { .. }) => Kind::BadInput,
            Error::Fetch { .. } => Kind::Network,
            Error::Tool(_) | Error::Busy(_) => Kind::NotHere,
            Error::Io { .. } | Error::Deb(_) | Error::Seeds(_) | Error::Json(_) => Kind::Failed,
            Error::Manual { .. } | Error::Completions { .. } => Kind::Failed,
        }
    }
}
