//! The appliances on this machine.

use crate::{Error, Machine, Result};
use appliance::{Definition, model::Appliance, seed_value};
use std::{fs, io, path::PathBuf};

/// An installed appliance: its definition, checked for what the engine relies on.
#[derive(Debug, Clone)]
pub struct Installed {
    pub appliance: Appliance,
    pub definition: Definition,
    /// The named files of the definition, as this process reaches them.
    pub folder: PathBuf,
}

impl Installed {
    /// Where the owner finds the application on this machine.
    pub fn url(&self, machine: &Machine) -> String {
        let stored = crate::knowledge::without_secrets(machine, self).unwrap_or_default();
        let parts = seed_value::parse(&self.appliance.url).unwrap_or_default();
        let host = crate::host::facts(machine);
        seed_value::render(&parts, &host, &stored.answers).unwrap_or_else(|_| self.appliance.url.clone())
    }
}

/// All appliances, by name. One that cannot be read is an error of its own, not of the others.
pub fn list(machine: &Machine) -> Result<Vec<(String, Result<Installed>)>> {
    let names = names(machine)?;
    Ok(names.into_iter().map(|name| (name.clone(), load(machine, &name))).collect())
}

/// One appliance.
pub fn load(machine: &Machine, name: &str) -> Result<Installed> {
    let unknown = || Error::Unknown { name: name.into(), known: names(machine).unwrap_or_default() };
    if !is_name(name) {
        return Err(unknown());
    }
    let folder = machine.definition(name);
    let path = folder.join("definition.json");
    let text = match fs::read(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(unknown()),
        other => other.map_err(Error::io("read", &path))?,
    };
    let bad = |message: String| Error::Definition { path: path.clone(), message };
    let definition: Definition = serde_json::from_slice(&text).map_err(|e| {
        bad(format!(
            "{e}; it may be made for a later release of appliance-tools: bring that package up to date"
        ))
    })?;
    let appliance = definition.appliance.clone().ok_or_else(|| bad("it has no [appliance]".into()))?;
    if appliance.name != name {
        return Err(bad(format!("it is the definition of {:?}, not of {name:?}", appliance.name)));
    }
    let installed = Installed { appliance, definition, folder };
    crate::validate::check(&installed.definition).map_err(bad)?;
    Ok(installed)
}

fn names(machine: &Machine) -> Result<Vec<String>> {
    let folder = machine.path(crate::machine::DEFINITIONS);
    let entries = match fs::read_dir(&folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        other => other.map_err(Error::io("list", &folder))?,
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| is_name(name) && folder.join(name).join("definition.json").is_file())
        .collect();
    names.sort();
    Ok(names)
}

/// An appliance's name: a part of a package name (Policy 5.6.1), so it is safe as a file name too.
pub(crate) fn is_name(name: &str) -> bool {
    name.len() >= 2
        && name.len() <= 60
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.bytes().all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.'))
}
