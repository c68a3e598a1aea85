//! What a run of the package manager has changed, told in the task's log: versions, configuration files that were kept, services
//! that run on old files. By looking before and after, so that it is true of runs that failed, too.

use crate::{kept_files, running, tasks::log::Log};
use apt::installed::{self, State};
use events::Kind;
use std::collections::{BTreeMap, BTreeSet};

/// The machine before the run.
pub struct Before {
    /// By name; None when dpkg could not be asked.
    versions: Option<BTreeMap<String, String>>,
    kept: BTreeSet<String>,
}

impl Before {
    pub fn look() -> Before {
        Before { versions: versions(), kept: kept_files::paths().into_iter().collect() }
    }

    /// Tells what has changed since; gives the number of packages that are of another version, new or gone.
    pub fn tell(self, log: &mut Log) -> usize {
        let rows = match (self.versions, versions()) {
            (Some(before), Some(now)) => changed(&before, &now),
            _ => vec![],
        };
        let count = rows.len();
        if count > 0 {
            log.tell(Kind::Table { columns: ["Package", "Before", "Now"].map(str::to_owned).into(), rows });
        }
        for path in kept_files::paths().into_iter().filter(|path| !self.kept.contains(path)) {
            let message =
                format!("{path} was changed here and stays as it is; the new version lies beside it.");
            log.tell(Kind::Warning { message });
        }
        let outdated = running::outdated(&running::units());
        if !outdated.is_empty() {
            let names: Vec<&str> = outdated.iter().map(|o| o.unit.as_str()).collect();
            let message = format!("These still run on files that were replaced: {}.", names.join(", "));
            log.tell(Kind::Warning { message });
        }
        count
    }
}

/// Of those that are there with their files, complete or not.
fn versions() -> Option<BTreeMap<String, String>> {
    let packages = installed::packages().ok()?;
    let there = packages.into_iter().filter(|p| !matches!(p.state, State::ConfigFiles | State::NotInstalled));
    Some(there.map(|p| (p.name, p.version)).collect())
}

/// Name, version before, version now.
fn changed(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<Vec<String>> {
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let of = |versions: &BTreeMap<String, String>, name: &String| {
        versions.get(name).cloned().unwrap_or("–".into())
    };
    names
        .into_iter()
        .filter(|name| before.get(*name) != now.get(*name))
        .map(|name| vec![name.clone(), of(before, name), of(now, name)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_changed_is_told() {
        let versions =
            |list: &[(&str, &str)]| list.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        let rows = changed(
            &versions(&[("a", "1"), ("b", "1"), ("c", "1")]),
            &versions(&[("a", "1"), ("b", "2"), ("d", "1")]),
        );
        assert_eq!(rows, [["b", "1", "2"], ["c", "1", "–"], ["d", "–", "1"]]);
    }
}
