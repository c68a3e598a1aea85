//! The properties of a task's unit (systemd.exec(5)), as `systemd-run --property` takes them.
//!
//! The package manager's work, restart and shutdown need the whole machine. An action gets what its manifest asks for:
//! the unit itself is root, because only root may read the task's record and write its events; `appliance-task` starts the
//! action's program as the action's user, which takes all capabilities from it.

use super::record::Record;
use crate::STATE;
use plugin::{manifest::Action, runner};
use std::{path::Path, time::Duration};

/// Where an action makes its artifacts (`$ARTIFACTS_DIRECTORY`), in its own view of the file system.
pub const ARTIFACTS: &str = "/run/appliance-task/artifacts";
/// Where an action finds its uploads.
pub const UPLOADS: &str = "/run/appliance-task/uploads";
/// The program of a task.
pub const PROGRAM: &str = "/usr/lib/appliance-control/appliance-task";

/// Enough for an archive of files of any owner to be made and put back, and for changing to another user. None of
/// them reaches out of the sandbox, as CAP_SYS_ADMIN, CAP_SYS_PTRACE or CAP_MKNOD would.
const CAPABILITIES: &str =
    "CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID";

/// `NAME=VALUE`, one for each property. Names and paths of a manifest were checked to need no quoting.
pub fn properties(folder: &Path, record: &Record) -> Vec<String> {
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
            list.push(format!("TimeoutStopSec={}s", patience(action).as_secs() + 20));
            list.extend(sandbox(folder, action));
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

/// What every action gets.
const ALWAYS: &[&str] = &[
    "NoNewPrivileges=yes",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "LockPersonality=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallErrorNumber=EPERM",
    "MemoryMax=75%",
    "TasksMax=512",
    "InaccessiblePaths=-/run/appliance-broker.socket",
];

fn sandbox(folder: &Path, action: &Action) -> Vec<String> {
    let mut list: Vec<String> = ALWAYS.iter().map(ToString::to_string).collect();
    let mut add = |property: String| list.push(property);
    add(format!("CapabilityBoundingSet={CAPABILITIES}"));
    let folder = folder.display();
    // of the broker's folder, an action as root sees its own task and nothing else: no session, no upload, no other's
    // artifact. What is bound into it is looked up outside (systemd.exec(5), TemporaryFileSystem=)
    add(format!("TemporaryFileSystem={STATE}:mode=0700"));
    add(format!("BindPaths={folder}"));
    // they are gone (-) when the unit's last command runs, which gets its mounts in spite of its +
    add(format!("BindPaths=-{folder}/making:{ARTIFACTS}"));
    add(format!("BindReadOnlyPaths=-{folder}/uploads:{UPLOADS}"));
    if action.configures {
        add("ProtectSystem=yes".into());
    } else {
        add("ProtectSystem=strict".into());
        add("RestrictSUIDSGID=yes".into());
        action.writable.iter().for_each(|path| add(format!("ReadWritePaths=-{path}")));
        // root may read homes, for it may be asked to save them
        add(format!("ProtectHome={}", if action.user == "root" { "read-only" } else { "yes" }));
    }
    if action.network || action.configures {
        add("RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK".into());
    } else {
        add("PrivateNetwork=yes".into());
        add("RestrictAddressFamilies=AF_UNIX".into());
    }
    if action.units.is_empty() && !action.configures {
        // who may talk to the system manager as root is in no sandbox at all
        for socket in
            ["/run/systemd/private", "/run/systemd/io.systemd.Manager", "/run/dbus/system_bus_socket"]
        {
            add(format!("InaccessiblePaths=-{socket}"));
        }
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
    use broker_protocol::{TaskId, Work};
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
            work: Work::Refresh {},
            by: "root".into(),
            started: 0,
            boot: String::new(),
            action,
            stoppable: false,
        }
    }

    fn of(action: Option<&str>) -> Vec<String> {
        properties(Path::new("/state/tasks/ID"), &record(action))
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
    fn an_action_gets_what_its_manifest_asks_for_and_no_more() {
        let list = of(Some(r#","user":"moin","writable":["/var/lib/moin"]"#));
        let has = |list: &[String], p: &str| list.iter().any(|l| l == p);
        for property in [
            "ProtectSystem=strict",
            "ProtectHome=yes",
            "PrivateNetwork=yes",
            "RestrictAddressFamilies=AF_UNIX",
            "ReadWritePaths=-/var/lib/moin",
            "TemporaryFileSystem=/var/lib/appliance-broker:mode=0700",
            "BindPaths=/state/tasks/ID",
            "InaccessiblePaths=-/run/systemd/private",
            "BindPaths=-/state/tasks/ID/making:/run/appliance-task/artifacts",
        ] {
            assert!(has(&list, property), "{property}");
        }
        let wide = of(Some(r#","user":"root","network":true,"units":["apache2.service"]"#));
        assert!(!has(&wide, "PrivateNetwork=yes") && !has(&wide, "InaccessiblePaths=-/run/systemd/private"));
        assert!(wide.iter().all(|p| !p.starts_with("ReadWritePaths")));
        assert!(has(&wide, "NoNewPrivileges=yes") && has(&wide, "ProtectHome=read-only"));
        assert!(has(&list, "TimeoutStopSec=30s") && has(&wide, "TimeoutStopSec=920s"));
        let restore = of(Some(r#","user":"root","configures":true"#));
        for root in [&wide, &restore] {
            assert!(has(root, "TemporaryFileSystem=/var/lib/appliance-broker:mode=0700"));
            // nothing of the broker's folder but the task's own comes in
            let bound =
                root.iter().filter_map(|p| p.split_once("Paths=").filter(|(k, _)| k.starts_with("Bind")));
            assert!(
                bound
                    .into_iter()
                    .all(|(_, path)| path.trim_start_matches('-').starts_with("/state/tasks/ID"))
            );
        }
        assert!(has(&restore, "ProtectSystem=yes") && !has(&restore, "PrivateNetwork=yes"));
        assert!(
            has(&restore, "NoNewPrivileges=yes") && !has(&restore, "InaccessiblePaths=-/run/systemd/private")
        );
    }
}
