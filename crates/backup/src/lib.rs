//! Backup and restore of an appliance: the paths of its `[backup]`, its databases, its answers and its secrets, in one file.
//!
//! * [`archive`]: the format: a zstd-compressed tar, a manifest first, an index with all hashes last
//! * [`create`](create()): units held still, files read, archive written whole or not at all
//! * [`verify`](verify()): every rule on an archive, before anything is touched
//! * [`restore`](restore()): extracted beside, swapped by rename, swapped back when anything fails
//! * [`journal`]: what a restore or a backup that was killed has left to be done
//! * `place`: where a saved path really lies, and what of it is left out
//! * `databases`: their content as files in the appliance's state, saved and put back like any other
//! * [`quiesce`]: units stopped for the time of the work
//! * [`command`]: the program `appliance-backup`, for a person and as a plugin's action

pub mod archive;
pub mod command;
mod create;
mod databases;
pub mod error;
pub mod journal;
mod place;
pub mod quiesce;
mod restore;
mod verify;

pub use create::create;
pub use error::{Error, Result};
pub use restore::restore;
pub use verify::verify;

use configure::{Installed, Machine};
use events::Kind;
use std::sync::{Arc, atomic::AtomicBool};

/// What a backup or a restore is done with.
pub struct Work<'a> {
    pub machine: &'a Machine,
    pub installed: &'a Installed,
    pub services: &'a dyn quiesce::Services,
    /// Set when the work shall stop: SIGTERM.
    pub stop: Arc<AtomicBool>,
    /// Hears how far the work is.
    pub tell: &'a mut dyn FnMut(Kind),
}

impl Work<'_> {
    pub(crate) fn phase(&mut self, id: &str, title: &str, index: u32, of: u32) {
        (self.tell)(Kind::Phase { id: id.into(), title: title.into(), index: Some(index), of: Some(of) });
    }
    pub(crate) fn go_on(&self) -> Result<()> {
        if self.stop.load(std::sync::atomic::Ordering::Relaxed) { Err(Error::Stopped) } else { Ok(()) }
    }
    pub(crate) fn name(&self) -> &str {
        &self.installed.appliance.name
    }
    /// All that is saved: the definition's paths, the answers, the secrets, the databases.
    pub(crate) fn places(&self) -> Result<Vec<place::Place>> {
        let name = self.name();
        let none = || Error::NoBackup { name: name.into() };
        let backup = self.installed.definition.backup.as_ref().ok_or_else(none)?;
        let state = format!("{}/{name}", configure::machine::STATE);
        let own = [format!("{state}/answers.json"), format!("{state}/secrets")];
        let dumped = databases::place(self.installed);
        let paths = backup.paths.iter().chain(&own).chain(&dumped);
        Ok(paths.map(|path| place::Place::of(self.machine, path, &backup.exclude)).collect())
    }
}
