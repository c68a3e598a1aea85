//! Refresh, upgrade, repair. None removes a package: what cannot be updated without that is kept back, so no run of ours
//! takes the appliance away.

use super::{Ending, Stop, after, power};
use crate::{
    appliances::Appliances,
    packages::keep_failures,
    state::State,
    tasks::{log::Log, record::Record},
};
use apt::{Apt, Cause, Error, installed, locks, space};
use broker_protocol::Appliance;
use events::{Kind, Status};
use exec::Interrupter;
use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// Seconds to wait for somebody else's lock.
pub(super) const LOCK_WAIT: u32 = 300;
/// How long the appliances have to get well after an upgrade, which restarts much of them.
const WELL_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_secs(2);

pub fn refresh(root: &Path, stop: &Stop, log: &mut Log) -> Ending {
    phase(log, "refresh", "Fetching the lists of packages", 1, 1);
    let apt = Apt { lock_wait: LOCK_WAIT, interrupter: stop.interrupter.clone(), ..Apt::default() };
    wait_for_others(log, &stop.interrupter);
    let refreshed = apt.update(&mut |kind| log.tell(kind));
    if stop.interrupter.interrupted() {
        return Ending::cancelled();
    }
    let failures = match refreshed {
        Ok(failures) => failures,
        Err(error) => return failed(&error),
    };
    if let Err(error) = State::open(root).and_then(|state| keep_failures(&state, &failures)) {
        log.tell(Kind::Warning { message: format!("What failed cannot be kept: {error}.") });
    }
    if failures.is_empty() {
        return Ending::ok("The list of packages is up to date.");
    }
    Ending::failed(
        "Some package sources could not be refreshed; what was known of them before is kept.",
        failures.iter().map(ToString::to_string).collect(),
    )
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
    wait_for_others(log, &stoppable.interrupter());
    if unfinished()? {
        if !stoppable.close() {
            return Ok(None);
        }
        log.tell(Kind::Warning {
            message: "An earlier installation was interrupted; it is finished first.".into(),
        });
        apt.repair(&mut |kind| log.tell(kind))?;
    }
    let work = work_of(packages);
    let plan = apt.plan(&work)?;
    if !plan.kept_back.is_empty() {
        let why = |why| match why {
            apt::Why::Held => "on hold",
            apt::Why::Phased => "handed out step by step",
            apt::Why::Blocked => "needs a removal, or what cannot be installed",
        };
        let names: Vec<String> =
            plan.kept_back.iter().map(|k| format!("{} ({})", k.name, why(k.why))).collect();
        log.tell(Kind::Warning { message: format!("Left out: {}.", names.join(", ")) });
    }
    if plan.changes.is_empty() {
        return Ok(Some(Ending::ok("There is nothing to update.")));
    }
    if let Some(shortage) = space::shortage(&plan)? {
        let message =
            format!("There is too little room: {shortage}. Nothing was changed; make room and try again.");
        return Ok(Some(Ending::failed(message, vec![])));
    }
    phase(log, "download", "Downloading the updates", 2, 4);
    let fetching = Apt { interrupter: stoppable.interrupter(), ..apt.clone() };
    fetching.download(&work, &mut |kind| log.tell(kind))?;
    let before = appliances();
    let machine = after::Before::look();
    if !stoppable.close() {
        return Ok(None);
    }
    phase(log, "install", "Installing the updates", 3, 4);
    let apt = Apt { expected: plan.changes.len(), ..apt };
    let ran = apt.run(&work, &mut |kind| log.tell(kind));
    let changed = machine.tell(log);
    ran?;
    phase(log, "check", "Looking whether the appliance works", 4, 4);
    Ok(Some(judge(changed, &before, &get_well(log))))
}

/// Brings to its end what was interrupted or has failed.
pub fn repair(log: &mut Log) -> Ending {
    phase(log, "install", "Finishing what is not completely installed", 1, 2);
    wait_for_others(log, &Interrupter::default());
    let apt = Apt { lock_wait: LOCK_WAIT, ..Apt::default() };
    let (before, machine) = (appliances(), after::Before::look());
    let repaired = apt.repair(&mut |kind| log.tell(kind));
    let changed = machine.tell(log);
    if let Err(error) = repaired {
        return failed(&error);
    }
    phase(log, "check", "Looking whether the appliance works", 2, 2);
    let ending = judge(changed, &before, &get_well(log));
    match ending.status {
        Status::Ok => {
            Ending { message: format!("All packages are completely installed. {}", ending.message), ..ending }
        }
        _ => ending,
    }
}

/// The restart belongs to the work: without it, the work has failed.
pub fn and_restart(done: Ending, log: &mut Log) -> Ending {
    phase(log, "restart", "Restarting the machine", 5, 5);
    let restart = power::go("reboot", "The machine restarts now.");
    Ending {
        status: restart.status,
        message: format!("{} {}", done.message, restart.message),
        details: [done.details, restart.details].concat(),
    }
}

pub(super) fn work_of(packages: &[String]) -> apt::Work {
    match packages {
        [] => apt::Work::Upgrade,
        some => apt::Work::UpgradeOnly(some.to_vec()),
    }
}

/// Waits until nobody else holds a lock. What looks unfinished may be the work of that program, and dpkg itself does not wait.
/// After the patience, and when it is asked to stop, the work goes on and fails with its own words.
#[allow(clippy::disallowed_methods, reason = "nobody says when another program lets go of a lock")]
pub(super) fn wait_for_others(log: &mut Log, stop: &Interrupter) {
    let end = Instant::now() + Duration::from_secs(LOCK_WAIT.into());
    let mut told = None;
    while let Some(holder) = locks::holder() {
        if Instant::now() >= end || stop.interrupted() {
            return;
        }
        if told != Some(holder.pid) {
            told = Some(holder.pid);
            log.tell(Kind::Warning { message: format!("Waiting for another program: {holder}.") });
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// dpkg's success proves nothing about the application.
fn judge(changed: usize, before: &[Appliance], after: &[Appliance]) -> Ending {
    let mut message = match changed {
        0 => "No version has changed.".to_string(),
        1 => "1 package was updated.".to_string(),
        count => format!("{count} packages were updated."),
    };
    let reasons = apt::reboot::reasons();
    if !reasons.is_empty() {
        message.push_str(&format!(" The machine has to be restarted: {}", reasons.join(" ")));
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

pub(super) fn failed(error: &Error) -> Ending {
    let source = std::error::Error::source(error).map(|s| format!(": {s}")).unwrap_or_default();
    let mut message = sentence(&format!("{error}{source}"));
    if error.cause() == Cause::Locked
        && let Some(holder) = locks::holder()
    {
        message.push_str(&format!(" Now {holder}."));
    }
    Ending::failed(message, error.lines().to_vec())
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

pub(super) fn phase(log: &mut Log, id: &str, title: &str, index: u32, of: u32) {
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
            work: broker_protocol::Work::Upgrade { packages: vec![], restart: false },
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
        let (well, ill) = ([appliance("wiki", true)], [appliance("wiki", false)]);
        assert_eq!(judge(1, &well, &well).status, Status::Ok);
        let broken = judge(1, &well, &ill);
        assert_eq!(
            (broken.status, broken.details),
            (Status::Failed, vec!["wiki: page: status 500".to_string()])
        );
        // it is not the upgrade's fault, but it is said
        let as_before = judge(1, &ill, &ill);
        assert!(as_before.status == Status::Ok && as_before.message.contains("as before"));
        assert_eq!(judge(1, &[], &ill).status, Status::Failed, "an appliance that came with the upgrade");
    }
}
