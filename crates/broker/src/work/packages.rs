//! Refresh and upgrade. Neither removes a package: what cannot be updated without that is kept back, so no run of ours
//! takes the appliance away.

use super::{Ending, Stop};
use crate::{appliances::Appliances, tasks::log::Log};
use apt::{Apt, Cause, Error, Plan, installed, locks};
use broker_protocol::Appliance;
use events::{Kind, Status};
use std::{
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

/// Installs all pending updates, or those of the packages named.
pub fn upgrade(packages: &[String], log: &mut Log) -> Ending {
    upgraded(packages, log).unwrap_or_else(|error| failed(&error))
}

fn upgraded(packages: &[String], log: &mut Log) -> Result<Ending, Error> {
    let apt = Apt { lock_wait: LOCK_WAIT, ..Apt::default() };
    phase(log, "prepare", "Looking what there is to do", 1, 3);
    if let Some(holder) = locks::holder() {
        log.tell(Kind::Warning { message: format!("Waiting for another program: {holder}.") });
    }
    if unfinished()? {
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
        return Ok(Ending::ok("There is nothing to update."));
    }
    let before = appliances();
    phase(log, "install", "Installing the updates", 2, 3);
    apt.run(&work, &mut |kind| log.tell(kind))?;
    phase(log, "check", "Looking whether the appliance works", 3, 3);
    Ok(judge(&plan, &before, &get_well(log)))
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
    use broker_protocol::Check;

    fn appliance(name: &str, healthy: bool) -> Appliance {
        let checks = vec![Check { name: "page".into(), ok: healthy, message: "status 500".into() }];
        let text = String::new;
        Appliance { name: name.into(), version: text(), summary: text(), url: text(), healthy, checks }
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
