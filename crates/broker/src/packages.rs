//! What is installed, and what an upgrade would do.
//!
//! Asking apt takes a second, so its answer is kept, also beyond the broker's own life, for as long as the files that
//! it depends on stay as they were.

use crate::state::{self, State};
use apt::{Apt, installed};
use broker_protocol::{Installed, Packages, Reason, Refusal, Update};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    sync::{Mutex, PoisonError},
    time::UNIX_EPOCH,
};

/// Whatever changes apt's answer changes one of these.
const DEPENDS_ON: &[&str] = &[
    "/var/lib/dpkg/status",
    "/var/lib/apt/lists",
    "/var/lib/apt/extended_states",
    "/etc/apt/preferences",
    "/etc/apt/preferences.d",
    "/etc/apt/sources.list",
    "/etc/apt/sources.list.d",
    "/etc/apt/apt.conf.d",
];

#[derive(Serialize, Deserialize)]
struct Kept {
    key: String,
    packages: Packages,
}

/// Remembers apt's last answer. Those who ask while somebody asks apt wait for the same answer.
#[derive(Default)]
pub struct Cache(Mutex<Option<Kept>>);

impl Cache {
    pub fn look(&self, state: &State) -> Result<Packages, Refusal> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = key(DEPENDS_ON);
        if kept.is_none() {
            *kept = fs::read(state.packages()).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        }
        let mut packages = match kept.as_ref() {
            Some(kept) if kept.key == key => kept.packages.clone(),
            _ => {
                let packages =
                    ask().map_err(|e| Refusal { reason: Reason::Failed, message: e.to_string() })?;
                let fresh = Kept { key, packages: packages.clone() };
                let _ = serde_json::to_vec(&fresh).map(|bytes| state::write(&state.packages(), &bytes));
                *kept = Some(fresh);
                packages
            }
        };
        // these change without any of the files
        packages.refreshed = refreshed();
        packages.reboot_required = apt::run::reboot_required();
        Ok(packages)
    }
}

fn ask() -> Result<Packages, apt::Error> {
    let plan = Apt::default().plan(&apt::Work::Upgrade)?;
    let updates = plan
        .changes
        .into_iter()
        .map(|c| Update { name: c.name, from: c.from, to: c.to, origin: c.origin, security: c.security })
        .collect();
    Ok(Packages {
        refreshed: None,
        installed: in_use(installed::packages()?),
        updates,
        removals: plan.removals,
        kept_back: plan.kept_back,
        download: plan.download,
        reboot_required: false,
    })
}

/// Those that can be used: one with a trigger to come is unpacked and configured.
fn in_use(packages: Vec<installed::Package>) -> Vec<Installed> {
    use installed::State::{Installed as Whole, Triggers};
    packages
        .into_iter()
        .filter(|p| matches!(p.state, Whole | Triggers))
        .map(|p| Installed { name: p.name, version: p.version, summary: p.summary })
        .collect()
}

fn refreshed() -> Option<u64> {
    apt::refresh::refreshed().and_then(|t| t.duration_since(UNIX_EPOCH).ok()).map(|d| d.as_secs())
}

/// Inode and time of change of each path: a file put in its place, even with the same date, makes another key.
fn key(paths: &[&str]) -> String {
    let stamp = |path: &&str| {
        fs::metadata(path)
            .map_or("-".into(), |m| format!("{}:{}.{}:{}", m.ino(), m.ctime(), m.ctime_nsec(), m.len()))
    };
    paths.iter().map(stamp).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_waits_for_a_trigger_is_installed() {
        use installed::State::*;
        let package = |state| installed::Package {
            name: format!("{state:?}"),
            version: "1".into(),
            summary: String::new(),
            state,
        };
        let all = [Installed, ConfigFiles, Unfinished, Triggers, Broken, NotInstalled].map(package);
        let names: Vec<String> = in_use(all.into()).into_iter().map(|p| p.name).collect();
        assert_eq!(names, ["Installed", "Triggers"]);
    }

    #[test]
    fn the_key_follows_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("status");
        let paths = [file.to_str().unwrap(), folder.path().to_str().unwrap()];
        let none = key(&paths);
        fs::write(&file, "1").unwrap();
        let one = key(&paths);
        assert!(none != one && one == key(&paths));
        fs::write(folder.path().join("new"), "2").unwrap();
        fs::rename(folder.path().join("new"), &file).unwrap();
        assert_ne!(one, key(&paths));
    }
}
