//! Apache's sites, modules and configuration snippets.
//!
//! They are switched by Debian's enablers (a2ensite(8), a2enmod(8), a2enconf(8)) in maintainer mode. All that an enabler
//! changes are links below /etc/apache2/*-enabled and marks below /var/lib/apache2; a call may change more than one
//! (a module brings those it needs), so the whole of both is looked at before and after it.

use crate::{
    Machine, Result,
    tree::{self, State},
};
use appliance::model;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, path::PathBuf};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Module,
    Conf,
    Site,
}

/// One switch and the position it shall have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct What {
    pub kind: Kind,
    pub name: String,
    pub on: bool,
}

impl Kind {
    /// As in `a2enmod`.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Module => "mod",
            Kind::Conf => "conf",
            Kind::Site => "site",
        }
    }
    fn title(self) -> &'static str {
        match self {
            Kind::Module => "module",
            Kind::Conf => "conf",
            Kind::Site => "site",
        }
    }
    fn enabled(self) -> &'static str {
        match self {
            Kind::Module => "/etc/apache2/mods-enabled",
            Kind::Conf => "/etc/apache2/conf-enabled",
            Kind::Site => "/etc/apache2/sites-enabled",
        }
    }
    fn suffix(self) -> &'static str {
        if self == Kind::Module { ".load" } else { ".conf" }
    }
}

impl What {
    /// The enabler that does it.
    pub fn tool(&self) -> String {
        format!("a2{}{}", if self.on { "en" } else { "dis" }, self.kind.word())
    }
    /// Whether it is in the wanted position.
    pub fn is_done(&self, machine: &Machine) -> Result<bool> {
        let link = PathBuf::from(self.kind.enabled()).join(format!("{}{}", self.name, self.kind.suffix()));
        Ok((tree::look(machine, &link)?.0 != State::Missing) == self.on)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "apache {} {} {}", self.kind.title(), self.name, if self.on { "on" } else { "off" })
    }
}

/// The switches of a definition, in the order in which they are set.
pub fn wanted(apache: &model::Apache) -> Vec<What> {
    let lists = [
        (Kind::Module, true, &apache.modules),
        (Kind::Conf, true, &apache.confs),
        (Kind::Site, true, &apache.sites),
        (Kind::Site, false, &apache.disable_sites),
        (Kind::Conf, false, &apache.disable_confs),
        (Kind::Module, false, &apache.disable_modules),
    ];
    let what = |(kind, on, names): (Kind, bool, &Vec<String>)| {
        names.iter().map(|name| What { kind, name: name.clone(), on }).collect::<Vec<_>>()
    };
    lists.into_iter().flat_map(what).collect()
}

/// Every link and mark of the enablers, with the marks' contents handed to `keep`.
pub fn snapshot(
    machine: &Machine,
    mut keep: impl FnMut(&[u8]) -> Result<()>,
) -> Result<BTreeMap<PathBuf, State>> {
    let mut found = BTreeMap::new();
    for kind in [Kind::Module, Kind::Conf, Kind::Site] {
        let marks = PathBuf::from("/var/lib/apache2").join(kind.title());
        let mut folders = vec![PathBuf::from(kind.enabled())];
        folders.extend(tree::names(machine, &marks)?.into_iter().map(|name| marks.join(name)));
        for folder in folders {
            for name in tree::names(machine, &folder)? {
                let path = folder.join(name);
                let (state, bytes) = tree::look(machine, &path)?;
                if matches!(state, State::File { .. }) {
                    keep(&bytes)?;
                }
                found.insert(path, state);
            }
        }
    }
    Ok(found)
}

/// What differs between two snapshots: `(as in the first, as in the second)`.
pub fn difference(
    before: &BTreeMap<PathBuf, State>,
    after: &BTreeMap<PathBuf, State>,
) -> (BTreeMap<PathBuf, State>, BTreeMap<PathBuf, State>) {
    let mut pair = (BTreeMap::new(), BTreeMap::new());
    for path in before.keys().chain(after.keys()) {
        let of = |map: &BTreeMap<PathBuf, State>| map.get(path).cloned().unwrap_or(State::Missing);
        if of(before) != of(after) {
            pair.0.insert(path.clone(), of(before));
            pair.1.insert(path.clone(), of(after));
        }
    }
    pair
}
