//! The properties of a task's unit (systemd.exec(5)), as `systemd-run --property` takes them.
//!
//! The package manager's work, restart and shutdown need the whole machine. An action gets what its manifest asks for:
//! the unit itself is root, because only root may read the task's record and write its events; `appliance-task` starts the
//! action's program as the action's user, which takes all capabilities from it.

use super::record::{self, Record};
use crate::{MEMORY, STATE, state::State};
use broker_protocol::{TaskId, Work};
use plugin::{
    manifest::Action,
    runner,
    sandbox::{self, ANSWERS, ARTIFACTS, CREDENTIALS, Needs, UPLOADS},
};
use std::{path::Path, time::Duration};

/// Where a task keeps the secrets that its action makes, and finds the answers that it gets, in its own view.
pub const SHOWN: &str = "/run/appliance-task/shown";
pub const SECRETS: &str = "/run/appliance-task/answers";
/// The program of a task.
pub const PROGRAM: &str = "/usr/lib/appliance-control/appliance-task";

/// `NAME=VALUE`, one for each property. Names and paths of a manifest were checked to need no quoting.
pub fn properties(state: &State, folder: &Path, record: &Record) -> Vec<String> {
    let mut list: Vec<String> = vec![
        format!("Description={}", description(&record.title)),
        "Type=exec".into(),
        // the task hears of a stop and decides; what it started is not stopped beside it
        "KillMode=mixed".into(),
        // outside of the sandbox (+), for what was wrong may be the sandbox; no matter if it is gone (-)
        format!("ExecStopPost=-+{PROGRAM} --ended {}", record.id),
        "SyslogIdentifier=appliance-task".into(),
    ];
    match &record.action {
        // a shutdown in the middle of an upgrade waits for dpkg
        None => list.push("TimeoutStopSec=15min".into()),
        Some(action) => {
            // longer than the action itself has
            // secrets that nobody looks at have an hour
            list.extend(
                ["OnSuccess", "OnFailure"].map(|on| format!("{on}=appliance-forget@{}.timer", record.id)),
            );
            let patience = patience(action).as_secs();
            list.push(format!("TimeoutStopSec={}s", patience + 20));
            // the task itself watches the time; this is for one that hangs
            list.push(format!("RuntimeMaxSec={}s", u64::from(action.time()) + patience + 300));
            list.extend(sandbox::properties(&Needs::from(action)));
            let plugin = if let Work::Action { plugin, .. } = &record.work { plugin.as_str() } else { "" };
            list.extend(places(state, &record.id, folder, plugin, action));
        }
    }
    list
}

/// How long an action that is asked to stop has before it is killed. One that stopped units or is putting data in place
/// needs the time to take that back.
pub fn patience(action: &Action) -> Duration {
    let holds = action.configures || !action.units.is_empty();
    if holds { Duration::from_secs(15 * 60) } else { runner::STOP_TIME }
}

/// Beside what the sandbox is for any program: of the broker's folder, an action as root sees its own task and nothing else: no
/// session, no upload, no other's artifact. What is bound into it is looked up outside (systemd.exec(5), TemporaryFileSystem=).
fn places(state: &State, id: &TaskId, folder: &Path, plugin: &str, action: &Action) -> Vec<String> {
    let (folder, shown) = (folder.display(), state.shown(id));
    let mut list = vec![
        format!("TemporaryFileSystem={STATE}:mode=0700"),
        format!("BindPaths={folder}"),
        // what the task is, is not for its program to say
        format!("BindReadOnlyPaths={folder}/{}", record::FILE),
        // they are gone (-) when the unit's last command runs, which gets its mounts in spite of its +
        format!("BindPaths=-{folder}/making:{ARTIFACTS}"),
        format!("BindReadOnlyPaths=-{folder}/uploads:{UPLOADS}"),
        format!("TemporaryFileSystem={MEMORY}:mode=0700"),
        format!("BindPaths=-{}:{SHOWN}", shown.display()),
    ];
    if !action.secrets.is_empty() {
        list.push(format!("TemporaryFileSystem={CREDENTIALS}:mode=0711"));
        let source = |name: &String| format!("{ANSWERS}/{plugin}/secrets/{name}");
        list.extend(action.secrets.iter().map(|n| format!("BindReadOnlyPaths=-{}:{SECRETS}/{n}", source(n))));
    }
    list
}

/// In a unit, `%` begins a specifier and a line end another line.
fn description(title: &str) -> String {
    title.chars().filter(|c| !c.is_control() && *c != '%').take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use plugin::Manifest;

    fn record(action: Option<&str>) -> Record {
        let action = action.map(|extra| {
            let text = format!(
                r#"{{"version":1,"name":"wiki","title":"Wiki","package-version":"1","actions":[
                {{"name":"a","title":"A","run":"a","role":"viewer"{extra}}}]}}"#
            );
            Manifest::parse("wiki", &text).unwrap().actions.remove(0)
        });
        Record {
            id: TaskId::try_from("20260101-000000-00000000".to_string()).unwrap(),
            title: "50 %\nExecStart=/bin/sh".into(),
            work: match action {
                Some(_) => {
                    Work::Action { plugin: "wiki".into(), action: "a".into(), parameters: Default::default() }
                }
                None => Work::Refresh {},
            },
            by: "root".into(),
            started: 0,
            boot: String::new(),
            action,
            stoppable: false,
        }
    }

    fn of(action: Option<&str>) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        properties(&state, Path::new("/state/tasks/ID"), &record(action))
    }

    #[test]
    fn the_package_managers_work_is_in_no_sandbox() {
        let list = of(None);
        assert!(
            list.contains(&"KillMode=mixed".to_string())
                && list.contains(&"TimeoutStopSec=15min".to_string())
        );
        assert!(list.iter().all(|p| !p.contains("Protect") && !p.contains('\n')), "{list:?}");
    }

    #[test]
    fn an_action_sees_its_own_task_and_has_its_time() {
        let list = of(Some(r#","user":"moin","writable":["/var/lib/moin"],"secrets":["key"],"timeout":60"#));
        let has = |list: &[String], p: &str| list.iter().any(|l| l == p);
        for property in [
            "ProtectSystem=strict",
            "ReadWritePaths=-/var/lib/moin",
            "TemporaryFileSystem=/var/lib/appliance-broker:mode=0700",
            "BindPaths=/state/tasks/ID",
            "BindReadOnlyPaths=/state/tasks/ID/task.json",
            "BindPaths=-/state/tasks/ID/making:/run/appliance-task/artifacts",
            "BindReadOnlyPaths=-/var/lib/appliances/wiki/secrets/key:/run/appliance-task/answers/key",
            "TimeoutStopSec=30s",
            "RuntimeMaxSec=370s",
        ] {
            assert!(has(&list, property), "{property}: {list:?}");
        }
        let wide = of(Some(r#","user":"root","network":true,"units":["apache2.service"]"#));
        assert!(has(&wide, "TimeoutStopSec=920s"));
        let restore = of(Some(r#","user":"root","configures":true"#));
        for root in [&wide, &restore] {
            assert!(has(root, "TemporaryFileSystem=/var/lib/appliance-broker:mode=0700"));
        }
        assert!(has(&restore, "ProtectSystem=yes") && !has(&restore, "PrivateNetwork=yes"));
    }
}
