//! What is installed, and what an upgrade would do.
//!
//! Asking apt takes a second, so its answer is kept, also beyond the broker's own life, for as long as the files that
//! it depends on stay as they were.

use crate::{
    kept_files, plan, running,
    state::{self, State},
};
use apt::{SourceFailure, installed};
use broker_protocol::{FailedSource, Installed, Packages, Plan, Reason, Refusal};
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
                let packages = ask().map_err(|e| failed(&e))?;
                let fresh = Kept { key, packages: packages.clone() };
                let _ = serde_json::to_vec(&fresh).map(|bytes| state::write(&state.packages(), &bytes));
                *kept = Some(fresh);
                packages
            }
        };
        // these change without any of the files
        packages.refreshed = refreshed();
        packages.failed_sources = failures(state, packages.refreshed);
        packages.reboot_reasons = apt::reboot::reasons();
        packages.reboot_required = !packages.reboot_reasons.is_empty();
        packages.outdated = running::outdated(&running::units());
        packages.kept_files = kept_files::paths();
        Ok(packages)
    }
}

pub fn failed(error: &apt::Error) -> Refusal {
    Refusal { reason: Reason::Failed, message: error.to_string() }
}

fn ask() -> Result<Packages, apt::Error> {
    use installed::State::{Broken, Unfinished};
    let Plan { updates, removals, kept_back, download, disk, .. } =
        plan::from_apt(plan::planner().plan(&apt::Work::Upgrade)?);
    let installed = installed::packages()?;
    let half = installed.iter().filter(|p| matches!(p.state, Unfinished | Broken));
    let unfinished = half.map(|p| p.name.clone()).collect();
    let installed = in_use(installed);
    Ok(Packages {
        installed,
        updates,
        removals,
        kept_back,
        download,
        disk,
        unfinished,
        ..Packages::default()
    })
}

/// What a refresh failed on, and when.
#[derive(Serialize, Deserialize)]
struct Failures {
    at: u64,
    sources: Vec<FailedSource>,
}

/// Keeps them until the next refresh.
pub fn keep_failures(state: &State, failures: &[SourceFailure]) -> std::io::Result<()> {
    let seconds = |t: std::time::SystemTime| t.duration_since(UNIX_EPOCH).ok().map(|d| d.as_secs());
    let sources = failures.iter().map(|f| FailedSource {
        source: f.source.clone(),
        message: f.message.clone(),
        fetched: apt::refresh::fetched(&f.source).and_then(seconds),
    });
    let kept = Failures { at: state::now(), sources: sources.collect() };
    state::write(&state.refresh(), &serde_json::to_vec(&kept)?)
}

/// Of the last refresh, unless a later one has worked, whoever began it.
fn failures(state: &State, refreshed: Option<u64>) -> Vec<FailedSource> {
    let kept: Option<Failures> =
        fs::read(state.refresh()).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    kept.filter(|f| refreshed.is_none_or(|at| f.at >= at)).map(|f| f.sources).unwrap_or_default()
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
    fn what_failed_is_told_until_a_later_refresh() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let failure = SourceFailure {
            source: "http://x.example stable".into(),
            cause: apt::Cause::Network,
            message: "no route".into(),
        };
        assert!(failures(&state, None).is_empty());
        keep_failures(&state, &[failure]).unwrap();
        assert_eq!(failures(&state, Some(state::now() - 60))[0].message, "no route");
        assert!(failures(&state, Some(state::now() + 60)).is_empty());
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
