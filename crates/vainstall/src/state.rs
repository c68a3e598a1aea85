//! What outlives a run: the answers while they are needed, and the set of packages that was there before.

use crate::failure::Result;
use anyhow::Context;
use apt::installed::State as PackageState;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

const ROOT: &str = "/var/lib/vainstall";

/// The folder of one appliance, 0700.
pub struct State(PathBuf);

/// Answers of a run that did not come to its end, secrets among them: 0600, and gone after success.
#[derive(Default, Serialize, Deserialize)]
pub struct Stored {
    pub answers: BTreeMap<String, String>,
    /// Those that were made here, and that the owner has not seen yet.
    pub generated: BTreeSet<String>,
}

impl State {
    pub fn of(appliance: &str) -> Self {
        State(Path::new(ROOT).join(appliance))
    }

    /// Empty when there was no former run, or when its file cannot be read: then everything is asked again.
    pub fn stored(&self) -> Stored {
        let text = fs::read(self.answers()).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    pub fn store(&self, stored: &Stored) -> Result<()> {
        let json = serde_json::to_vec(stored).context("cannot write the answers as JSON")?;
        self.write(&self.answers(), &json)
    }

    /// The answers are with the appliance now.
    pub fn forget(&self) {
        let _ = fs::remove_file(self.answers());
    }

    /// The packages of before, kept for giving the machine back; a later run does not overwrite them.
    pub fn keep_packages(&self) -> Result<()> {
        let path = self.0.join("packages-before");
        if path.exists() {
            return Ok(());
        }
        let packages = apt::installed::packages()?;
        let there = packages.iter().filter(|p| p.state != PackageState::NotInstalled);
        let text: String = there.map(|p| format!("{} {}\n", p.name, p.version)).collect();
        // which of them came automatically: apt's own record
        if let Ok(marks) = fs::read("/var/lib/apt/extended_states") {
            self.write(&self.0.join("extended-states-before"), &marks)?;
        }
        self.write(&path, text.as_bytes())
    }

    fn answers(&self) -> PathBuf {
        self.0.join("answers.json")
    }

    /// Whole or not at all, on the disk when it returns, 0600.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let all = || -> std::io::Result<()> {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
            let mut file = tempfile::NamedTempFile::new_in(&self.0)?;
            file.as_file().set_permissions(fs::Permissions::from_mode(0o600))?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            fs::File::open(&self.0)?.sync_all()
        };
        Ok(all().with_context(|| format!("cannot write {}", path.display()))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_back_and_are_private() {
        let folder = tempfile::tempdir().unwrap();
        let state = State(folder.path().join("wiki"));
        assert!(state.stored().answers.is_empty());
        let stored = Stored {
            answers: [("a".to_owned(), "b c".to_owned())].into(),
            generated: ["a".to_owned()].into(),
        };
        state.store(&stored).unwrap();
        assert_eq!(state.stored().answers, stored.answers);
        let mode = fs::metadata(state.answers()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(state.answers(), "{ half").unwrap();
        assert!(state.stored().answers.is_empty());
        state.forget();
        assert!(!state.answers().exists());
    }
}
