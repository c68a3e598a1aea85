//! Refresh and upgrade. Neither removes a package: what cannot be updated without that is kept back, so no run of ours
//! takes the appliance away.

use super::{Ending, Stop};
use crate::{
    appliances::Appliances,
    tasks::{log::Log, record::Record},
};
use apt::{Apt, Cause, Error, Plan, installed, locks};
use broker_protocol::Appliance;
use events::Kind;
use exec::Interrupter;
use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// Seconds to wait for somebody else's lock.
const LOCK_WAIT: u32 = 300;
/// How long the appliances have to get well after an upgrade, which restarts much of them.
const WELL_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_secs(2);

pub fn refresh(stop: &Stop, log: &mut Log) -> Ending {
    phase(log, "refresh", "Fetching the lists of packages", 1, 1);
    let apt = Apt { lock_wait: LOCK_WAIT, interrupter: stop.interrupter.clone(), ..Apt::default() };
    let refreshed = apt.update(&mut |kind| log.tell(kind));
    if stop.interrupter.interrupted() {
        return Ending::cancelled();
    }
    match refreshed {
        Ok(failures) if failures.is_empty() => Ending::ok("The list of packages is up to date."),
        Ok(failures) => Ending::failed(
            "Some package sources could not be refreshed; what was known of them before is kept.",
            failures.iter().map(ToString::to_string).collect(),
        ),
        Err(error) => failed(&error),
    }
}

/// Until when an upgrade may be stopped: until it has fetched all it needs. From then on packages would be left half
/// installed.
pub struct Stoppable<'a> {
    folder: &'a Path,
    /// Nobody else has been asked yet.
    open: bool,
    stop: &'a Stop,
}

impl<'a> Stoppable<'a> {
    pub fn new(folder: &'a Path, record: &Record, stop: &'a Stop) -> Stoppable<'a> {
        Stoppable { folder, open: record.stoppable, stop }
    }

    /// Whether to go on, to the end now; false when it was stopped before.
    fn close(&mut self) -> bool {
        if !self.open {
            return true;
        }
        if self.stop.interrupter.interrupted() {
            return false; // the machine goes down
        }
        self.open = false;
        // a folder that cannot be written to is no reason to stop, and nobody could stop it either
        Record::decide(self.folder).unwrap_or(true)
    }

    /// For what may be stopped.
    fn interrupter(&self) -> Interrupter {
        if self.open { self.stop.interrupter.clone() } else { Interrupter::default() }
    }
}

/// Installs all pending updates, or those of the packages named.
pub fn upgrade(packages: &[String], stoppable: &mut Stoppable, log: &mut Log) -> Ending {
    match upgraded(packages, stoppable, log) {
        Ok(Some(ending)) => ending,
        Ok(None) => Ending::cancelled(),
        // what was broken off by us failed for that reason
        Err(_) if stoppable.open && stoppable.stop.interrupter.interrupted() => Ending::cancelled(),
        Err(error) => failed(&error),
    }
}

/// None when it was stopped.
fn upgraded(packages: &[String], stoppable: &mut Stoppable, log: &mut Log) -> Result<Option<Ending>, Error> {
    let apt = Apt { lock_wait: LOCK_WAIT, ..Apt::default() };
    phase(log, "prepare", "Looking what there is to do", 1, 4);
    if let Some(holder) = locks::holder() {
        log.tell(Kind::Warning { message: format!("Waiting for another program: {holder}.") });
    }
    if unfinished()? {
        if !stoppable.close() {
            return Ok(None);
        }
        log.tell(Kind::Warning {
            message: "An earlier installation was interrupted; it is finished first.".into(),
        });
        apt.repair(&mut |kind| log.tell(kind))?;
    }
    let work = match packages {
        [] => apt::Work::Upgrade,
        some => apt::Work::UpgradeOnly(some.to_vec()),
    };
    let plan = apt.plan(&work)?;
    if !plan.kept_back.is_empty() {
        log.tell(Kind::Warning { message: format!("Kept back: {}.", plan.kept_back.join(", ")) });
    }
    if plan.changes.is_empty() {
        return Ok(Some(Ending::ok("There is nothing to update.")));
    }
    phase(log, "download", "Downloading the updates", 2, 4);
    let fetching = Apt { interrupter: stoppable.interrupter(), ..apt.clone() };
    fetching.download(&work, &mut |kind| log.tell(kind))?;
    let before = appliances();
    if !stoppable.close() {
        return Ok(None);
    }
    phase(log, "install", "Installing the updates", 3, 4);
    apt.run(&work, &mut |kind| log.tell(kind))?;
    phase(log, "check", "Looking whether the appliance works", 4, 4);
    Ok(Some(judge(&plan, &before, &get_well(log))))
}

/// dpkg's success proves nothing about the application.
fn judge(plan: &Plan, before: &[Appliance], after: &[Appliance]) -> Ending {
    let mut message = match plan.changes.len() {
        1 => "1 package was updated.".to_string(),
        count => format!("{count} packages were updated."),
    };
    if apt::run::reboot_required() {
        message.push_str(" Restart the machine for all of it to take effect.");
    }
    let was_well = |name: &str| before.iter().all(|a| a.name != name || a.healthy);
    let ill: Vec<&Appliance> = after.iter().filter(|a| !a.healthy).collect();
    if ill.is_empty() {
        return Ending::ok(message);
    }
    let details = ill
        .iter()
        .flat_map(|a| {
            a.checks.iter().filter(|c| !c.ok).map(|c| format!("{}: {}: {}", a.name, c.name, c.message))
        })
        .collect();
    let names = ill.iter().map(|a| a.name.as_str()).collect::<Vec<_>>().join(", ");
    if ill.iter().any(|a| was_well(&a.name)) {
        message.push_str(&format!(" But {names} does not work any more."));
        return Ending::failed(message, details);
    }
    message.push_str(&format!(" {names} does not work, as before."));
    Ending { details, ..Ending::ok(message) }
}

#[allow(clippy::disallowed_methods, reason = "services come up in their own time, and nobody says when")]
fn get_well(log: &mut Log) -> Vec<Appliance> {
    let end = Instant::now() + WELL_WITHIN;
    loop {
        let seen = appliances();
        if seen.iter().all(|a| a.healthy) || Instant::now() >= end {
            return seen;
        }
        log.tell(Kind::Progress { percent: 0.0, detail: "Waiting for the appliance".into() });
        thread::sleep(LOOK_EVERY);
    }
}

/// A machine whose appliances cannot be listed is updated all the same.
fn appliances() -> Vec<Appliance> {
    Appliances::default().look().unwrap_or_default()
}

fn unfinished() -> Result<bool, Error> {
    use installed::State;
    Ok(installed::packages()?.iter().any(|p| matches!(p.state, State::Unfinished | State::Broken)))
}

fn failed(error: &Error) -> Ending {
    let source = std::error::Error::source(error).map(|s| format!(": {s}")).unwrap_or_default();
    let mut message = format!("{error}{source}");
    if error.cause() == Cause::Locked
        && let Some(holder) = locks::holder()
    {
        message.push_str(&format!(" Now {holder}."));
    }
    Ending::failed(message, error.lines().to_vec())
}

fn phase(log: &mut Log, id: &str, title: &str, index: u32, of: u32) {
    log.tell(Kind::Phase { id: id.into(), title: title.into(), index: Some(index), of: Some(of) });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::record::STOPPABLE;
    use broker_protocol::Check;
    use events::Status;

    fn appliance(name: &str, healthy: bool) -> Appliance {
        let checks = vec![Check { name: "page".into(), ok: healthy, message: "status 500".into() }];
        let text = String::new;
        Appliance { name: name.into(), version: text(), summary: text(), url: text(), healthy, checks }
    }

    #[test]
    fn an_upgrade_that_is_stopped_before_it_installs_does_not_install() {
        let folder = tempfile::tempdir().unwrap();
        let order = crate::tasks::Order {
            title: String::new(),
            work: broker_protocol::Work::Upgrade { packages: vec![] },
            by: String::new(),
            action: None,
        };
        let record = Record::new(&order).unwrap();
        let stop = Stop::default();
        let stoppable = || Stoppable::new(folder.path(), &record, &stop);
        std::fs::write(folder.path().join(STOPPABLE), "").unwrap();
        let mut goes_on = stoppable();
        assert!(goes_on.close() && goes_on.close());
        // the broker was faster
        assert!(!stoppable().close());
        // nobody asked the broker: the machine goes down
        std::fs::write(folder.path().join(STOPPABLE), "").unwrap();
        stop.interrupter.interrupt();
        assert!(!stoppable().close());
        let earlier = Record { stoppable: false, ..record.clone() };
        assert!(Stoppable::new(folder.path(), &earlier, &stop).close());
    }

    #[test]
    fn an_upgrade_after_which_the_appliance_is_ill_has_failed() {
        let plan = Plan::parse("Inst tree [1] (2 Debian:13/stable [amd64])\n");
        let (well, ill) = ([appliance("wiki", true)], [appliance("wiki", false)]);
        assert_eq!(judge(&plan, &well, &well).status, Status::Ok);
        let broken = judge(&plan, &well, &ill);
        assert_eq!(
            (broken.status, broken.details),
            (Status::Failed, vec!["wiki: page: status 500".to_string()])
        );
        // it is not the upgrade's fault, but it is said
        let as_before = judge(&plan, &ill, &ill);
        assert!(as_before.status == Status::Ok && as_before.message.contains("as before"));
        assert_eq!(judge(&plan, &[], &ill).status, Status::Failed, "an appliance that came with the upgrade");
    }
}
