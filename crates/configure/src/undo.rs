//! Giving the machine back: each recorded change is taken back, the last one first.
//!
//! What the owner has changed since is never lost: such a file is set aside as `PATH.owner-saved` and reported. Users,
//! data folders, databases, answers and secrets stay; they go on purge, when the owner asks for it.

use crate::{
    Installed, Machine, Result,
    accounts::Accounts,
    apply::{Outcome, Run},
    difference::is_enabled,
    knowledge::Knowledge,
    record::{Record, Thing},
    step,
    system::{Action, System},
    tree::{self, State},
    units,
};
use appliance::model::Step;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Takes everything back. The caller holds the [`crate::lock::Lock`].
pub fn undo(
    machine: &Machine,
    system: &dyn System,
    installed: &Installed,
    knowledge: &Knowledge,
    say: &mut dyn FnMut(&str),
) -> Result<Outcome> {
    let record = Record::open(machine, &installed.appliance.name)?;
    let accounts = Accounts::read(machine)?;
    let mut run = Run { machine, system, installed, record, accounts, outcome: Outcome::default(), say };
    step::clean(machine)?;
    stop_units(&mut run)?;
    let entries: Vec<(u32, Thing)> = run.record.entries().map(|(id, thing)| (id, thing.clone())).collect();
    let (told, things): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|(_, t)| matches!(t, Thing::Unit { .. }));
    for (id, thing) in things.into_iter().rev() {
        run.system.checkpoint(&thing.key())?;
        match &thing {
            Thing::Step { name, undo, user, timeout, .. } => {
                step::undo(&mut run, &as_step(name, undo, user, *timeout), knowledge)?;
            }
            other => give_back(&mut run, other)?,
        }
        run.record.forget(id)?;
    }
    if run.record.pending().units && run.system.is_running() {
        run.system.reload_units()?;
    }
    refresh_apache(&mut run, &told)?;
    for (id, thing) in told.into_iter().rev() {
        give_back(&mut run, &thing)?;
        run.record.forget(id)?;
    }
    run.system.checkpoint("remove the record")?;
    run.record.remove()?;
    Ok(run.outcome)
}

/// Takes one change back. Fine when it is back already.
pub(crate) fn give_back(run: &mut Run, thing: &Thing) -> Result<()> {
    match thing {
        Thing::File { path, before, ours } => give_back_file(run, path, before, ours),
        Thing::Directory { path, before, data } => give_back_folder(run, path, before, *data),
        Thing::Apache { before, after, .. } => give_back_switch(run, before, after.as_ref()),
        Thing::Unit { name, enabled, active } => give_back_unit(run, name, enabled, *active),
        Thing::Database { .. } => {
            run.note(format!("{} stays: it holds data", thing.key()));
            Ok(())
        }
        Thing::User { .. } | Thing::Step { .. } => Ok(()),
    }
}

/// The same file or link, whoever owns it.
pub(crate) fn same_content(one: &State, other: &State) -> bool {
    match (one, other) {
        (State::File { sha256: a, .. }, State::File { sha256: b, .. }) => a == b,
        _ => one == other,
    }
}

fn give_back_file(run: &mut Run, path: &Path, before: &State, ours: &[State]) -> Result<()> {
    let Some(place) = tree::find(run.machine, path)? else { return Ok(()) };
    let found = place.look()?.0;
    if found == *before {
        return Ok(());
    }
    run.pending_for(path)?;
    let expected = found == State::Missing
        || same_content(&found, before)
        || ours.iter().any(|o| same_content(o, &found));
    if !expected {
        let saved = place.save_for_owner()?;
        run.note(format!("{} had been changed; that version is kept as {}", path.display(), saved.display()));
    }
    restore(run, &place, before)?;
    let done = if *before == State::Missing { "removed" } else { "as it was" };
    run.changed(format!("file {} {done}", path.display()));
    Ok(())
}

fn restore(run: &Run, place: &tree::Place, before: &State) -> Result<()> {
    run.system.checkpoint("restore")?;
    match before {
        State::File { sha256, meta } => place.write(&run.record.kept(sha256)?, *meta),
        State::Link { target } => place.link(target),
        _ => place.remove(),
    }
}

fn give_back_folder(run: &mut Run, path: &Path, before: &State, data: bool) -> Result<()> {
    let Some(place) = tree::find(run.machine, path)? else { return Ok(()) };
    match (place.look()?.0, before) {
        (State::Directory { .. }, _) if data => {}
        (State::Directory { .. }, State::Missing) => {
            if place.remove_directory()? {
                run.changed(format!("folder {} removed", path.display()));
            } else {
                run.note(format!("the folder {} is not empty and stays", path.display()));
            }
        }
        (State::Directory { meta: found }, State::Directory { meta }) if found != *meta => {
            place.directory(*meta)?;
            run.changed(format!("folder {} as it was", path.display()));
        }
        _ => {}
    }
    Ok(())
}

/// The enablers keep no other state than these links and marks, so putting them back is all there is to do.
fn give_back_switch(
    run: &mut Run,
    before: &BTreeMap<PathBuf, State>,
    after: Option<&BTreeMap<PathBuf, State>>,
) -> Result<()> {
    // cut short: what is not as it was is the switch's work
    let ours = match after {
        Some(after) => after.clone(),
        None => crate::apache::difference(before, &crate::apache::snapshot(run.machine, |_| Ok(()))?).1,
    };
    run.pending(|p| (p.files, p.modules) = (true, true))?;
    for (path, after) in ours {
        let Some(place) = tree::find(run.machine, &path)? else { continue };
        let found = place.look()?.0;
        let was = before.get(&path).unwrap_or(&State::Missing);
        if found == *was {
            continue;
        }
        if found == after {
            restore(run, &place, was)?;
            run.changed(format!("{} as it was", path.display()));
        } else {
            run.note(format!("{} has been changed since and stays", path.display()));
        }
    }
    Ok(())
}

fn give_back_unit(run: &mut Run, name: &str, enabled: &str, active: bool) -> Result<()> {
    let now = run.system.enablement(name)?;
    if now == "not-found" {
        return Ok(());
    }
    match (is_enabled(enabled), is_enabled(&now)) {
        (true, false) => units::act(run, Action::Enable, name)?,
        (false, true) if now != "static" => units::act(run, Action::Disable, name)?,
        _ => {}
    }
    if !run.system.is_running() {
        return Ok(());
    }
    match (active, run.system.is_active(name)?) {
        (true, false) => units::act(run, Action::Start, name),
        (false, true) => units::act(run, Action::Stop, name),
        (true, true) if run.record.pending().files => units::refresh(run, name, false),
        _ => Ok(()),
    }
}

/// Units that were not running stop before what they read goes; those whose file is ours are disabled while it is there.
fn stop_units(run: &mut Run) -> Result<()> {
    let units: Vec<(String, String, bool)> = run
        .record
        .entries()
        .filter_map(|(_, thing)| match thing {
            Thing::Unit { name, enabled, active } => Some((name.clone(), enabled.clone(), *active)),
            _ => None,
        })
        .collect();
    for (name, enabled, active) in units {
        if !active && run.system.is_running() && run.system.is_active(&name)? {
            units::act(run, Action::Stop, &name)?;
        }
        let now = run.system.enablement(&name)?;
        if enabled == "not-found" && is_enabled(&now) && now != "static" {
            units::act(run, Action::Disable, &name)?;
        }
    }
    Ok(())
}

/// Apache runs on with the configuration it had before, also when the definition does not name its unit.
fn refresh_apache(run: &mut Run, told: &[(u32, Thing)]) -> Result<()> {
    let named = told.iter().any(|(_, t)| matches!(t, Thing::Unit { name, .. } if name == "apache2.service"));
    if run.installed.definition.apache.is_some() && !named && run.record.pending().files {
        units::refresh(run, "apache2.service", false)?;
    }
    Ok(())
}

fn as_step(name: &str, undo: &Option<String>, user: &str, timeout: u32) -> Step {
    Step {
        name: name.into(),
        run: String::new(),
        check: None,
        undo: undo.clone(),
        user: user.into(),
        timeout,
        after_units: false,
    }
}
