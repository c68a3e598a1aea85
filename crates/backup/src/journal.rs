//! What is under way, on disk: so that the next run can repair what a killed one left.

use crate::{Error, Result, databases, place, quiesce};
use configure::Machine;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

const JOURNAL: &str = "backup-journal.json";

/// Where the work is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Nothing that counts has changed: what was extracted is thrown away.
    #[default]
    Preparing,
    /// Old and new are being swapped: the old comes back.
    Swapping,
    /// The new is in use: the old is thrown away.
    Done,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    pub phase: Phase,
    /// Stopped by us.
    pub units: Vec<String>,
    /// Absolute, as on the machine; whether something was there before.
    pub paths: Vec<(String, bool)>,
    /// What is carried over from the old to the new: one of the paths, and what lies below it.
    #[serde(default)]
    pub kept: Vec<(String, PathBuf)>,
    /// The databases' content is about to be replaced, and what it was lies dumped.
    #[serde(default)]
    pub databases: bool,
}

/// One backup or restore at a time, with its journal.
#[derive(Debug)]
pub struct Held {
    path: PathBuf,
    _lock: File,
}

impl Held {
    /// Takes the lock of this appliance and repairs what a killed run has left.
    pub fn take(machine: &Machine, name: &str, services: &dyn quiesce::Services) -> Result<(Self, bool)> {
        let state = machine.state(name);
        let mut private = fs::DirBuilder::new();
        private.recursive(true).mode(0o700).create(&state).map_err(Error::io("make the folder", &state))?;
        let lock = state.join("backup.lock");
        let file = File::options().write(true).create(true).truncate(false).open(&lock);
        let file = file.map_err(Error::io("open the lock", &lock))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| Error::Locked)?;
        let held = Held { path: state.join(JOURNAL), _lock: file };
        let repaired = held.repair(machine, name, services)?;
        Ok((held, repaired))
    }

    /// Whether a run is under way, or was killed.
    pub fn is_left(machine: &Machine, name: &str) -> bool {
        machine.state(name).join(JOURNAL).exists()
    }

    /// Writes the journal and syncs it.
    pub fn write(&self, journal: &Journal) -> Result<()> {
        let new = self.path.with_extension("new");
        let text = serde_json::to_vec(journal)
            .map_err(|e| Error::Journal { path: self.path.clone(), message: e.to_string() })?;
        let written = File::create(&new).and_then(|mut f| f.write_all(&text).and_then(|()| f.sync_all()));
        written.and_then(|()| fs::rename(&new, &self.path)).map_err(Error::io("write", &self.path))?;
        sync_folder_of(&self.path)
    }

    pub fn clear(&self) -> Result<()> {
        match fs::remove_file(&self.path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", &self.path)(e)),
            _ => sync_folder_of(&self.path),
        }
    }

    fn repair(&self, machine: &Machine, name: &str, services: &dyn quiesce::Services) -> Result<bool> {
        let text = match fs::read(&self.path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            other => other.map_err(Error::io("read", &self.path))?,
        };
        let journal: Journal = serde_json::from_slice(&text)
            .map_err(|e| Error::Journal { path: self.path.clone(), message: e.to_string() })?;
        resolve(machine, name, services, &journal)?;
        self.clear()?;
        if journal.phase == Phase::Done {
            // what the killed run had not come to; the data is there, and the next run of it says what is wrong
            let _ = services.configure(name);
        }
        Ok(true)
    }
}

/// Ends what the journal tells of, and lets the units run again: the old data is back, or the new is there whole.
pub fn resolve(
    machine: &Machine,
    name: &str,
    services: &dyn quiesce::Services,
    journal: &Journal,
) -> Result<()> {
    if journal.phase == Phase::Swapping {
        quiesce::stop_all(services, &journal.units)?;
    }
    settle(machine, journal)?;
    if journal.phase == Phase::Swapping && journal.databases {
        databases::load(machine, name, services)?;
    }
    databases::remove(machine, name)?;
    quiesce::start_all(services, &journal.units)
}

/// Ends a swap one way or the other: after it there is one version of each path, and nothing beside it.
fn settle(machine: &Machine, journal: &Journal) -> Result<()> {
    for (real, was_there) in &journal.paths {
        let (path, new, old) = names(machine, real);
        if journal.phase == Phase::Swapping {
            if old.symlink_metadata().is_ok() {
                // nothing is removed before the old is in its place again
                if path.symlink_metadata().is_ok() {
                    for (_, below) in journal.kept.iter().filter(|(of, _)| of == real) {
                        place::carry(&path, &old, below)
                            .map_err(Error::io("bring back", path.join(below)))?;
                    }
                    remove(&new)?;
                    fs::rename(&path, &new).map_err(Error::io("set aside", &path))?;
                }
                fs::rename(&old, &path).map_err(Error::io("bring back", &path))?;
            } else if !was_there && new.symlink_metadata().is_err() {
                remove(&path)?;
            }
        }
        if path.symlink_metadata().is_err() && old.symlink_metadata().is_ok() {
            fs::rename(&old, &path).map_err(Error::io("bring back", &path))?;
        }
        remove(&new)?;
        remove(&old)?;
        sync_folder_of(&path)?;
    }
    Ok(())
}

/// Throws away what a restore that succeeded has set aside.
pub fn finish(machine: &Machine, name: &str, journal: &Journal) -> Result<()> {
    settle(machine, journal)?;
    databases::remove(machine, name)
}

/// The path itself, where the new is extracted, where the old waits.
pub fn names(machine: &Machine, path: &str) -> (PathBuf, PathBuf, PathBuf) {
    let path = machine.path(path);
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let beside = |suffix: &str| path.with_file_name(format!(".{name}.{suffix}"));
    (path.clone(), beside("restore-new"), beside("restore-old"))
}

pub fn remove(path: &Path) -> Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(stat) if stat.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    };
    removed.map_err(Error::io("remove", path))
}

pub fn sync_folder_of(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    match File::open(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        opened => opened.and_then(|f| f.sync_all()).map_err(Error::io("sync", folder)),
    }
}
