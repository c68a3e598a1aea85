//! Where everything lies on the machine.
//!
//! Every path is written as it is on the machine and read below a root, which is `/` except in tests.

use std::path::{Path, PathBuf};

/// Compiled definitions, `NAME/definition.json` each.
pub const DEFINITIONS: &str = "/usr/share/appliances";
/// What is known on this machine, `NAME/` each, mode 0700.
pub const STATE: &str = "/var/lib/appliances";
/// Held while the configuration of this machine is changed.
pub const LOCK: &str = "/run/appliance-configure.lock";

/// A machine, seen from its root.
#[derive(Debug, Clone)]
pub struct Machine {
    root: PathBuf,
}

impl Machine {
    /// The machine this process runs on.
    pub fn here() -> Self {
        Machine { root: "/".into() }
    }
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Machine { root: root.into() }
    }
    pub fn root(&self) -> &Path {
        &self.root
    }
    /// The path as this process reaches it.
    pub fn path(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let path = absolute.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }
    /// The folder with the appliance's compiled definition and its files.
    pub fn definition(&self, name: &str) -> PathBuf {
        self.path(DEFINITIONS).join(name)
    }
    /// The appliance's state folder.
    pub fn state(&self, name: &str) -> PathBuf {
        self.path(STATE).join(name)
    }
    /// `answers.json`: the answers that are no secrets, an object of question to text.
    pub fn answers(&self, name: &str) -> PathBuf {
        self.state(name).join("answers.json")
    }
    /// The secret of a question of type password: the bare text, no line end.
    pub fn secret(&self, name: &str, question: &str) -> PathBuf {
        self.state(name).join("secrets").join(question)
    }
    /// What was there before each change.
    pub fn record(&self, name: &str) -> PathBuf {
        self.state(name).join("record")
    }
}
