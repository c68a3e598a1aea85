//! What outlives a run: the answers while they are needed, and what the machine was before.

use crate::{
    census::{self, Census},
    failure::Result,
    half_made::Coming,
    questions,
};
use anyhow::Context;
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
    /// The owner was there: what is not among them was left to its default.
    #[serde(default)]
    pub complete: bool,
    /// What was answered for packages in advance, by debconf's names of the questions. debconf cannot be given all of it before
    /// the seed package is there, and a run that was cut off may have had to go on without.
    #[serde(default)]
    pub given: BTreeMap<String, String>,
}

/// The machine before the appliance came.
#[derive(Default, Serialize, Deserialize)]
pub struct Before {
    /// By apt's names, those included of which only configuration files were there.
    pub packages: BTreeSet<String>,
    pub census: Census,
    /// Whose questions debconf had.
    pub owners: BTreeSet<String>,
    /// Installed by name, and not by the owner.
    #[serde(default)]
    pub servers: BTreeSet<String>,
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

    /// The answers are with the appliance now, and its databases are whole.
    pub fn forget(&self) {
        let _ = fs::remove_file(self.answers());
        let _ = fs::remove_file(self.coming_file());
    }

    pub fn has_coming(&self) -> bool {
        self.coming_file().exists()
    }

    /// Databases that the packages will make.
    pub fn keep_coming(&self, coming: &BTreeSet<Coming>) -> Result<()> {
        let json = serde_json::to_vec(coming).context("cannot write the databases as JSON")?;
        self.write(&self.coming_file(), &json)
    }

    /// Empty when there was no former run, or when its file cannot be read: then nothing is taken away.
    pub fn coming(&self) -> BTreeSet<Coming> {
        let text = fs::read(self.coming_file()).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// The machine of before, kept for giving it back; a later run does not overwrite it.
    pub fn keep_before(&self, servers: &[String]) -> Result<()> {
        if self.before_file().exists() {
            return Ok(());
        }
        let before = Before {
            packages: apt::installed::names()?,
            census: census::take(),
            owners: questions::owners(),
            servers: servers.iter().cloned().collect(),
        };
        let json = serde_json::to_vec(&before).context("cannot write the machine's state as JSON")?;
        self.write(&self.before_file(), &json)
    }

    /// None when no installation was ever begun here.
    pub fn before(&self) -> Result<Option<Before>> {
        let path = self.before_file();
        match fs::read(&path) {
            Ok(bytes) => {
                let read = serde_json::from_slice(&bytes);
                Ok(Some(read.with_context(|| format!("{} is no list of vainstall's", path.display()))?))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e).with_context(|| format!("cannot read {}", path.display()))?,
        }
    }

    /// Nothing is known of the appliance any more.
    pub fn remove(&self) -> Result<()> {
        match fs::remove_dir_all(&self.0) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(e).with_context(|| format!("cannot remove {}", self.0.display()))?
            }
            _ => Ok(()),
        }
    }

    fn before_file(&self) -> PathBuf {
        self.0.join("before.json")
    }

    fn coming_file(&self) -> PathBuf {
        self.0.join("databases.json")
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
            given: [("early/db".to_owned(), "true".to_owned())].into(),
            complete: true,
        };
        state.store(&stored).unwrap();
        assert_eq!(state.stored().answers, stored.answers);
        assert_eq!(state.stored().given, stored.given);
        let mode = fs::metadata(state.answers()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(state.answers(), "{ half").unwrap();
        assert!(state.stored().answers.is_empty());
        state.forget();
        assert!(!state.answers().exists());
    }
}
