//! What may run beside what. Pure: who runs is told by the caller.

use broker_protocol::{Task, Work};

/// What a task needs for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind<'a> {
    /// The package manager.
    Packages,
    /// The whole machine.
    Power,
    /// An appliance, by its plugin's name too: actions and new answers come one after the other, for one may stop what the
    /// other needs.
    Appliance(&'a str),
    /// One service.
    Service(&'a str),
}

fn kind(work: &Work) -> Kind<'_> {
    match work {
        Work::Refresh {} | Work::Upgrade { .. } | Work::Download { .. } | Work::Repair {} => Kind::Packages,
        // these change what a run of the package manager changes, too
        Work::RestartServices {} | Work::DecideFile { .. } | Work::Automatic { .. } | Work::Viewer { .. } => {
            Kind::Packages
        }
        // these install, or change what a run of the package manager reads
        Work::HostName { .. } | Work::TimeZone { .. } | Work::Clock { .. } | Work::Clean { .. } => {
            Kind::Packages
        }
        // an upgrade over a network that comes and goes would not end well
        Work::Network { .. } => Kind::Packages,
        Work::Restart {} | Work::Shutdown {} => Kind::Power,
        Work::Service { unit, .. } => Kind::Service(unit),
        Work::Action { plugin: name, .. } | Work::Settings { appliance: name, .. } => Kind::Appliance(name),
    }
}

fn is_settings(work: &Work) -> bool {
    matches!(work, Work::Settings { .. })
}

fn is_upgrade(work: &Work) -> bool {
    matches!(work, Work::Upgrade { .. } | Work::Repair {} | Work::RestartServices {})
}

/// Why the work cannot start now, when it cannot: names the task that is in its way.
pub fn in_the_way(work: &Work, running: &[Task]) -> Option<String> {
    let wanted = kind(work);
    let other = running.iter().find(|task| match (&wanted, kind(&task.work)) {
        (Kind::Power, _) | (_, Kind::Power) => true,
        // an upgrade restarts, and changes, what an action saves, holds still or puts back
        (Kind::Appliance(_), Kind::Packages) => is_upgrade(&task.work),
        (Kind::Packages, Kind::Appliance(_)) => is_upgrade(work),
        // both stop and start services as they need them
        (Kind::Service(_), Kind::Packages) => is_upgrade(&task.work),
        (Kind::Packages, Kind::Service(_)) => is_upgrade(work),
        (Kind::Service(_), Kind::Appliance(_)) | (Kind::Appliance(_), Kind::Service(_)) => true,
        (wanted, runs) => *wanted == runs,
    })?;
    if is_settings(work) && is_settings(&other.work) {
        return Some(format!(
            "Somebody else was faster: the answers have changed since you saw them, and “{}” ({}) is applying the new ones. \
             Look at them again when it has ended.",
            other.title, other.id
        ));
    }
    let what = match kind(&other.work) {
        Kind::Power => "after the restart",
        _ => "when it has ended",
    };
    Some(format!("“{}” ({}) is still running. Try again {what}.", other.title, other.id))
}

/// Why this work is not stopped once it has begun; None when it may be. (An upgrade may be until it has all it needs:
/// [`super::record::STOPPABLE`].)
pub fn why_not_cancelled(work: &Work) -> Option<&'static str> {
    match work {
        Work::Refresh {} | Work::Download { .. } | Work::Action { .. } => None,
        Work::Repair {} => Some(
            "Packages are being finished. Stopping now would leave them half installed, so it goes on to its end.",
        ),
        Work::RestartServices {}
        | Work::DecideFile { .. }
        | Work::Automatic { .. }
        | Work::Viewer { .. }
        | Work::HostName { .. }
        | Work::TimeZone { .. }
        | Work::Clock { .. }
        | Work::Clean { .. } => Some("It takes a moment only, and stopping it would leave half of it."),
        Work::Upgrade { .. } => Some(
            "Updates are being installed. Stopping now would leave packages half installed, so it goes on to its end.",
        ),
        Work::Network { .. } => {
            Some("Unless somebody confirms it, the old configuration comes back by itself.")
        }
        Work::Settings { .. } => Some(
            "The new answers are being applied. Stopping now would leave half of them, so it goes on to its end.",
        ),
        Work::Service { .. } => Some("The system manager has the order already; that cannot be taken back."),
        Work::Restart {} | Work::Shutdown {} => {
            Some("The machine is going down already; that cannot be taken back.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use broker_protocol::TaskId;

    fn task(work: Work) -> Task {
        Task {
            id: TaskId::try_from("20260101-000000-00000000".to_string()).unwrap(),
            title: "Other".into(),
            work,
            by: "root".into(),
            started: 0,
            ended: None,
            status: None,
            message: String::new(),
            artifacts: vec![],
            cancellable: false,
            secrets: 0,
        }
    }

    #[test]
    fn who_waits_for_whom() {
        let action = |plugin: &str, action: &str| Work::Action {
            plugin: plugin.into(),
            action: action.into(),
            parameters: Default::default(),
        };
        let (refresh, upgrade, restart) =
            (Work::Refresh {}, Work::Upgrade { packages: vec![], restart: false }, Work::Restart {});
        let (backup, restore, other) =
            (action("wiki", "backup"), action("wiki", "restore"), action("mail", "backup"));
        let settings = |appliance: &str| Work::Settings {
            appliance: appliance.into(),
            revision: None,
            answers: Default::default(),
        };
        let (settings, others) = (settings("wiki"), settings("mail"));
        let service = |unit: &str| Work::Service { unit: unit.into(), verb: broker_protocol::Verb::Restart };
        let (service, neighbour) = (service("a.service"), service("b.service"));
        let free = [
            (&refresh, &backup),
            (&backup, &refresh),
            (&backup, &other),
            (&settings, &refresh),
            (&others, &backup),
            (&service, &neighbour),
            (&service, &refresh),
        ];
        let busy = [
            (&refresh, &refresh),
            (&Work::Repair {}, &backup),
            (&Work::Download { packages: vec![] }, &upgrade),
            (&refresh, &upgrade),
            (&upgrade, &refresh),
            (&backup, &backup),
            (&backup, &upgrade),
            (&upgrade, &backup),
            (&backup, &restore),
            (&settings, &backup),
            (&backup, &settings),
            (&settings, &upgrade),
            (&upgrade, &settings),
            (&settings, &settings),
            (&restart, &settings),
            (&service, &service),
            (&service, &upgrade),
            (&upgrade, &service),
            (&service, &backup),
            (&settings, &service),
            (&restart, &service),
            (&restart, &backup),
            (&backup, &restart),
            (&restart, &upgrade),
            (&refresh, &restart),
            (&restart, &restart),
        ];
        for (new, runs) in free {
            assert_eq!(in_the_way(new, &[task(runs.clone())]), None, "{new:?} {runs:?}");
        }
        for (new, runs) in busy {
            let said = in_the_way(new, &[task(other.clone()), task(runs.clone())]).unwrap();
            assert!(said.contains("“Other”") && said.contains("20260101"), "{said}");
        }
        assert_eq!(in_the_way(&restart, &[]), None);
        // two people save at once
        let said = in_the_way(&settings, &[task(settings.clone())]).unwrap();
        assert!(said.contains("have changed since you saw them"), "{said}");
    }
}
