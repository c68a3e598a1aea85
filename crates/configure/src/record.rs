//! The record: what was there before each change, written and synced before the change is made.
//!
//! One file an entry (`record/000001.json`) in the order of the changes; the content of a file that was there is kept in
//! `record/content/SHA256`. An entry keeps its first `before` however often the thing is changed again, so undo
//! leads back to the machine without the appliance. `record/pending` says what the units have not been told yet.

use crate::{
    Error, Machine, Result,
    tree::{self, Meta, State},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

const PRIVATE: Meta = Meta { mode: 0o600, uid: 0, gid: 0 };
const PRIVATE_FOLDER: Meta = Meta { mode: 0o700, uid: 0, gid: 0 };

/// One thing that the appliance changes on the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "thing", rename_all = "kebab-case")]
pub enum Thing {
    User {
        name: String,
    },
    Directory {
        path: PathBuf,
        before: State,
        data: bool,
    },
    File {
        path: PathBuf,
        before: State,
        /// What the appliance wrote: the last one, and while a new one is being written that one too.
        ours: Vec<State>,
    },
    Step {
        name: String,
        /// Of the program and of what it was told, when it last succeeded.
        digest: Option<String>,
        undo: Option<String>,
        user: String,
        timeout: u32,
    },
    Apache {
        what: crate::apache::What,
        /// The enablers' links and marks that the call changed, as they were.
        before: BTreeMap<PathBuf, State>,
        /// The same as the call left them; none when it was cut short.
        after: Option<BTreeMap<PathBuf, State>>,
    },
    /// Made, or changed. It is data: undo leaves it.
    Database {
        engine: appliance::model::Engine,
        name: String,
        user: String,
    },
    Unit {
        name: String,
        enabled: String,
        active: bool,
    },
}

impl Thing {
    /// Two entries with the same key are about the same thing.
    pub fn key(&self) -> String {
        match self {
            Thing::User { name } => format!("user {name}"),
            Thing::Directory { path, .. } => format!("folder {}", path.display()),
            Thing::File { path, .. } => format!("file {}", path.display()),
            Thing::Step { name, .. } => format!("step {name}"),
            Thing::Apache { what, .. } => what.to_string(),
            Thing::Database { engine, name, .. } => crate::database::key(*engine, name),
            Thing::Unit { name, .. } => format!("unit {name}"),
        }
    }
}

/// What changed since the units were last told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    pub files: bool,
    /// Below /etc/systemd: the system manager has to read its units again.
    pub units: bool,
    /// Apache's modules: a reload is not enough.
    pub modules: bool,
}

/// The record of one appliance.
#[derive(Debug)]
pub struct Record {
    machine: Machine,
    /// As on the machine, not below the root.
    folder: PathBuf,
    entries: BTreeMap<u32, Thing>,
    pending: Pending,
}

impl Record {
    /// Reads the record; an empty one where there is none. Writes nothing.
    pub fn open(machine: &Machine, appliance: &str) -> Result<Self> {
        let folder = Path::new(crate::machine::STATE).join(appliance).join("record");
        let mut record = Record {
            machine: machine.clone(),
            folder,
            entries: BTreeMap::new(),
            pending: Pending::default(),
        };
        for name in tree::names(machine, &record.folder)? {
            let Some(id) = name.strip_suffix(".json").and_then(|id| id.parse().ok()) else { continue };
            let thing = record.parse(&name)?;
            record.entries.insert(id, thing);
        }
        record.pending = record.parse_if_there("pending")?.unwrap_or_default();
        Ok(record)
    }

    /// Oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = (u32, &Thing)> {
        self.entries.iter().map(|(id, thing)| (*id, thing))
    }
    pub fn find(&self, key: &str) -> Option<(u32, &Thing)> {
        self.entries().find(|(_, thing)| thing.key() == key)
    }
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
    pub fn pending(&self) -> Pending {
        self.pending
    }

    /// Adds an entry, or writes the new state of the one about the same thing.
    pub fn put(&mut self, thing: Thing) -> Result<()> {
        let next = self.entries.keys().next_back().map_or(1, |last| last + 1);
        let id = self.find(&thing.key()).map_or(next, |(id, _)| id);
        if self.entries.get(&id) == Some(&thing) {
            return Ok(());
        }
        self.write(&entry_name(id), &thing)?;
        self.entries.insert(id, thing);
        Ok(())
    }

    /// Forgets an entry: the thing is as it was.
    pub fn forget(&mut self, id: u32) -> Result<()> {
        tree::place(&self.machine, &self.folder.join(entry_name(id)))?.remove()?;
        self.entries.remove(&id);
        Ok(())
    }

    pub fn set_pending(&mut self, pending: Pending) -> Result<()> {
        if pending != self.pending {
            self.write("pending", &pending)?;
            self.pending = pending;
        }
        Ok(())
    }

    /// Keeps a file's content, so that a [`State::File`] can be brought back.
    pub fn keep(&self, bytes: &[u8]) -> Result<()> {
        let path = self.content(&tree::sha256(bytes));
        self.make_folders()?;
        let place = tree::place(&self.machine, &path)?;
        match place.look()?.0 {
            State::File { sha256, .. } if path.ends_with(&sha256) => Ok(()),
            _ => place.write(bytes, PRIVATE),
        }
    }

    /// A content kept earlier.
    pub fn kept(&self, sha256: &str) -> Result<Vec<u8>> {
        let path = self.content(sha256);
        match tree::look(&self.machine, &path)? {
            (State::File { sha256: found, .. }, bytes) if found == sha256 => Ok(bytes),
            _ => Err(Error::Record {
                path,
                message: "the content it should hold is missing or damaged".into(),
            }),
        }
    }

    /// Removes the whole record, when everything has been undone.
    pub fn remove(self) -> Result<()> {
        let content = self.folder.join("content");
        for folder in [content.as_path(), self.folder.as_path()] {
            for name in tree::names(&self.machine, folder)? {
                let place = tree::place(&self.machine, &folder.join(name))?;
                if !matches!(place.look()?.0, State::Directory { .. }) {
                    place.remove()?;
                }
            }
            if let Some(place) = tree::find(&self.machine, folder)? {
                place.remove_directory()?;
            }
        }
        Ok(())
    }

    fn content(&self, sha256: &str) -> PathBuf {
        self.folder.join("content").join(sha256)
    }

    fn write(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let path = self.folder.join(name);
        let text = serde_json::to_vec_pretty(value)
            .map_err(|e| Error::Record { path: path.clone(), message: e.to_string() })?;
        self.make_folders()?;
        tree::place(&self.machine, &path)?.write(&text, PRIVATE)
    }

    fn make_folders(&self) -> Result<()> {
        make_private_folder(&self.machine, &self.folder.join("content"))
    }

    fn parse<T: for<'a> Deserialize<'a>>(&self, name: &str) -> Result<T> {
        let missing = || Error::Record { path: self.folder.join(name), message: "it has gone".into() };
        self.parse_if_there(name)?.ok_or_else(missing)
    }

    fn parse_if_there<T: for<'a> Deserialize<'a>>(&self, name: &str) -> Result<Option<T>> {
        let path = self.folder.join(name);
        match tree::look(&self.machine, &path)? {
            (State::File { .. }, bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|e| Error::Record { path, message: e.to_string() }),
            _ => Ok(None),
        }
    }
}

/// Makes a folder below the state folder of the appliance, all of them for root alone.
pub(crate) fn make_private_folder(machine: &Machine, folder: &Path) -> Result<()> {
    let inside = folder.strip_prefix(crate::machine::STATE).unwrap_or(Path::new(""));
    let mut path = PathBuf::from("/");
    for part in ["var", "lib", "appliances"] {
        path.push(part);
        make(machine, &path, Meta { mode: 0o755, ..PRIVATE_FOLDER })?;
    }
    for part in inside.components() {
        path.push(part);
        make(machine, &path, PRIVATE_FOLDER)?;
    }
    Ok(())
}

fn make(machine: &Machine, path: &Path, meta: Meta) -> Result<()> {
    let place = tree::place(machine, path)?;
    match place.look()?.0 {
        State::Missing => place.directory(meta),
        _ => Ok(()),
    }
}

fn entry_name(id: u32) -> String {
    format!("{id:06}.json")
}
