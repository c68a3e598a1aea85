//! What an upgrade would do to the machine: to its packages, its disk, its configuration files and its services.

use crate::{
    running::{self, Open},
    state::State,
};
use apt::{Apt, archive, conffiles, space};
use broker_protocol::{Changes, Conffile, KeptBack, Packages, Plan, Update, WhyKept};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

/// dpkg's lists of files, `NAME.list` and `NAME:ARCHITECTURE.list`.
const LISTS: &str = "/var/lib/dpkg/info";

/// apt as it plans. It hands out phased updates at once in a chroot, and ischroot(1) takes the broker's own view of the file system
/// (`ProtectSystem=`) for one.
pub fn planner() -> Apt {
    Apt { options: vec!["Dir::Bin::ischroot=/bin/false".into()], ..Apt::default() }
}

/// Of these packages' updates only.
pub fn of(packages: &[String]) -> Result<Plan, apt::Error> {
    let plan = planner().plan(&apt::Work::UpgradeOnly(packages.to_vec()))?;
    with_machine(from_apt(plan))
}

/// Of all updates, as they were asked for before.
pub fn of_all(packages: &Packages) -> Result<Plan, apt::Error> {
    let Packages { updates, removals, kept_back, download, disk, .. } = packages.clone();
    with_machine(Plan { updates, removals, kept_back, download, disk, ..Plan::default() })
}

/// In the words of the protocol.
pub fn from_apt(plan: apt::Plan) -> Plan {
    let why = |why| match why {
        apt::Why::Held => WhyKept::Held,
        apt::Why::Phased => WhyKept::Phased,
        apt::Why::Blocked => WhyKept::Blocked,
    };
    let kept = |k: apt::KeptBack| KeptBack { name: k.name, from: k.from, to: k.to, why: why(k.why) };
    let update = |c: apt::Change| Update {
        name: c.name,
        from: c.from,
        to: c.to,
        origin: c.origin,
        security: c.security,
    };
    Plan {
        updates: plan.changes.into_iter().map(update).collect(),
        removals: plan.removals,
        kept_back: plan.kept_back.into_iter().map(kept).collect(),
        download: plan.download,
        disk: plan.disk,
        ..Plan::default()
    }
}

fn with_machine(mut plan: Plan) -> Result<Plan, apt::Error> {
    let there: Vec<String> =
        plan.updates.iter().filter(|u| u.from.is_some()).map(|u| u.name.clone()).collect();
    let sizes = apt::Plan { download: plan.download, disk: plan.disk, ..apt::Plan::default() };
    plan.shortage = space::shortage(&sizes)?.map(|s| s.to_string());
    let changed = conffiles::changed(&there)?;
    plan.conffiles = changed
        .into_iter()
        .map(|c| Conffile { package: c.package, path: c.path, removed: c.removed })
        .collect();
    if !there.is_empty() {
        let files: BTreeSet<String> =
            there.iter().flat_map(|name| files_of(Path::new(LISTS), name)).collect();
        (plan.restarts, plan.affected) = touched(&files, &running::units());
    }
    Ok(plan)
}

fn files_of(lists: &Path, name: &str) -> Vec<String> {
    let plain = name.split(':').next().unwrap_or(name);
    let mut found = fs::read_to_string(lists.join(format!("{name}.list")));
    if found.is_err() {
        // the machine's own architecture stands in the name where a package may be there in several
        let begin = format!("{plain}:");
        let names = fs::read_dir(lists).into_iter().flatten().flatten().map(|e| e.path());
        let is_it = |path: &std::path::PathBuf| {
            path.file_name()
                .and_then(|n| n.to_str())
                .is_some_and(|n| n.starts_with(&begin) && n.ends_with(".list"))
        };
        found = names.into_iter().find(is_it).map_or(Err(io::ErrorKind::NotFound.into()), fs::read_to_string);
    }
    found.unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Units that come with these files, and others that have some of them open; of those that run.
fn touched(files: &BTreeSet<String>, units: &BTreeMap<String, Open>) -> (Vec<String>, Vec<String>) {
    // a merged /usr has two names for one file
    let plain = |path: &str| path.strip_prefix("/usr").unwrap_or(path).to_owned();
    let files: BTreeSet<String> = files.iter().map(|f| plain(f)).collect();
    let own = |unit: &str| {
        let base = match unit.split_once('@') {
            Some((name, _)) => format!("{name}@.service"),
            None => unit.to_owned(),
        };
        files.contains(&format!("/lib/systemd/system/{base}"))
    };
    let (mut restarts, mut affected) = (vec![], vec![]);
    for (unit, open) in units {
        if own(unit) {
            restarts.push(unit.clone());
        } else if open.there.iter().any(|path| files.contains(&plain(path))) {
            affected.push(unit.clone());
        }
    }
    (restarts, affected)
}

/// What is known of the update of a package: all of it when it was downloaded ([`look_into`]).
pub fn changes(state: &State, update: &Update) -> Changes {
    let known = fs::read(state.preview(&update.name))
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Changes>(&bytes).ok());
    known.filter(|c| c.to == update.to && c.from == update.from).unwrap_or_else(|| Changes {
        package: update.name.clone(),
        from: update.from.clone(),
        to: update.to.clone(),
        ..Changes::default()
    })
}

/// Bytes of a changelog, and of the difference in one configuration file.
const TEXT: usize = 24 << 10;

/// Reads a package that was downloaded; none when it was not. Works in the task: it may take long.
pub fn look_into(update: &Update, changed: &[Conffile]) -> Result<Option<Changes>, apt::Error> {
    let Some(deb) = archive::downloaded(Path::new(archive::ARCHIVES), &update.name, &update.to) else {
        return Ok(None);
    };
    let mine: BTreeSet<&str> = changed.iter().map(|c| c.path.as_str()).collect();
    let files = archive::files(&deb, |path| archive::is_documentation(path) || mine.contains(path))?;
    let (changelog, news) = archive::since(&files, update.from.as_deref());
    let mut conffiles = vec![];
    for (path, new) in files.iter().filter(|(path, _)| mine.contains(path.as_str())) {
        let old = conffiles::read(Path::new(path))?;
        let difference = conffiles::difference(&old, new, TEXT);
        conffiles.push(broker_protocol::NewConffile { path: path.clone(), difference });
    }
    Ok(Some(Changes {
        package: update.name.clone(),
        from: update.from.clone(),
        to: update.to.clone(),
        downloaded: true,
        changelog: cut(changelog),
        news: cut(news),
        conffiles,
    }))
}

fn cut(mut text: String) -> String {
    if text.len() > TEXT {
        let end = (0..=TEXT).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        text.truncate(end);
        text.push_str("\n[…]");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_that_restart_are_told_from_those_that_go_on() {
        let files = [
            "/lib/systemd/system/apache2.service",
            "/usr/lib/systemd/system/php@.service",
            "/usr/lib/x86_64-linux-gnu/libssl.so.3",
        ];
        let open = |path: &str| Open { there: [path.to_string()].into(), ..Open::default() };
        let units = [
            ("apache2.service".to_string(), open("/usr/sbin/apache2")),
            ("php@8.service".into(), open("/usr/bin/php")),
            ("postfix.service".into(), open("/usr/lib/x86_64-linux-gnu/libssl.so.3")),
            ("cron.service".into(), open("/usr/sbin/cron")),
        ];
        let (restarts, affected) = touched(&files.map(str::to_owned).into(), &units.into());
        assert_eq!(restarts, ["apache2.service", "php@8.service"]);
        assert_eq!(affected, ["postfix.service"]);
    }

    #[test]
    fn a_package_of_the_machines_own_architecture_is_found() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("libssl3t64:amd64.list"), "/.\n/usr/lib/x\n").unwrap();
        fs::write(folder.path().join("tree.list"), "/usr/bin/tree\n").unwrap();
        for (name, expect) in [("libssl3t64", 2), ("libssl3t64:amd64", 2), ("tree", 1), ("absent", 0)] {
            assert_eq!(files_of(folder.path(), name).len(), expect, "{name}");
        }
    }

    #[test]
    fn what_was_read_of_another_version_is_not_told() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let update = |to: &str| Update {
            name: "a".into(),
            from: Some("1".into()),
            to: to.into(),
            origin: String::new(),
            security: false,
        };
        let known = Changes {
            package: "a".into(),
            from: Some("1".into()),
            to: "2".into(),
            downloaded: true,
            ..Changes::default()
        };
        crate::state::make_folder(state.preview("a").parent().unwrap()).unwrap();
        fs::write(state.preview("a"), serde_json::to_vec(&known).unwrap()).unwrap();
        assert!(changes(&state, &update("2")).downloaded);
        assert!(!changes(&state, &update("3")).downloaded);
    }
}
