//! The content of an appliance's databases as files of its state folder, for as long as a backup or a restore works.
//!
//! So they are saved, verified and swapped like every other path. A restore dumps the present content there first: when it
//! fails, the swap is taken back, and what lies there then is loaded again.

use crate::{Error, Result, journal, quiesce::Services};
use configure::{Installed, Machine};
use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt, path::PathBuf};

/// The folder, as on the machine; None when there is no database.
pub fn place(installed: &Installed) -> Option<String> {
    let name = &installed.appliance.name;
    (!installed.definition.databases.is_empty())
        .then(|| format!("{}/{name}/databases", configure::machine::STATE))
}

fn folder(machine: &Machine, name: &str) -> PathBuf {
    machine.state(name).join("databases")
}

/// An empty folder, root's alone.
pub fn prepare(machine: &Machine, name: &str) -> Result<()> {
    remove(machine, name)?;
    let folder = folder(machine, name);
    DirBuilder::new().mode(0o700).create(&folder).map_err(Error::io("make the folder", &folder))
}

/// Dumps the present content into it.
pub fn dump(machine: &Machine, name: &str, services: &dyn Services) -> Result<Vec<String>> {
    prepare(machine, name)?;
    let folder = folder(machine, name);
    let notes = services.dump(name, &folder)?;
    journal::sync_folder_of(&folder.join("x"))?;
    Ok(notes)
}

/// Loads what lies in it.
pub fn load(machine: &Machine, name: &str, services: &dyn Services) -> Result<()> {
    services.load(name, &folder(machine, name))
}

pub fn remove(machine: &Machine, name: &str) -> Result<()> {
    journal::remove(&folder(machine, name))
}
