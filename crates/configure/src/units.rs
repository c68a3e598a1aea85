//! Units: enabled and running as wanted, and told when what they read has changed.

use crate::{
    Error, Result,
    apply::Run,
    difference::is_enabled,
    record::{Pending, Thing},
    system::Action,
    wanted::Wanted,
};
use appliance::model::Unit;

const APACHE: &str = "apache2.service";

/// Records how the unit was found, before the appliance changes anything that it reads.
pub(crate) fn remember(run: &mut Run, name: &str) -> Result<()> {
    if run.record.find(&format!("unit {name}")).is_some() {
        return Ok(());
    }
    let enabled = run.system.enablement(name)?;
    let active = run.system.is_running() && run.system.is_active(name)?;
    run.record.put(Thing::Unit { name: name.into(), enabled, active })
}

/// Brings all units into their state; those that run already are restarted or reloaded when something has changed.
pub(crate) fn tell(run: &mut Run, all: &[Wanted]) -> Result<()> {
    let pending = run.record.pending();
    let running = run.system.is_running();
    if pending.units && running {
        run.system.checkpoint("read the units again")?;
        run.system.reload_units()?;
    }
    let units = all.iter().filter_map(|w| if let Wanted::Unit(unit) = w { Some(unit) } else { None });
    let units: Vec<&Unit> = units.collect();
    for unit in &units {
        bring(run, unit, pending)?;
    }
    // Apache's parts are Apache's business even when the definition does not name its unit
    let apache = all.iter().any(|w| matches!(w, Wanted::Apache(_)));
    if apache && running && pending.files && !units.iter().any(|u| u.name == APACHE) {
        refresh(run, APACHE, !pending.modules)?;
    }
    run.system.checkpoint("the units have been told")?;
    run.record.set_pending(Pending::default())
}

fn bring(run: &mut Run, unit: &Unit, pending: Pending) -> Result<()> {
    let enablement = run.system.enablement(&unit.name)?;
    if enablement == "not-found" {
        let hint = "depend on the package that brings it, or write it with [[file]]".into();
        return Err(Error::NoSuch { what: "the unit", name: unit.name.clone(), hint });
    }
    if unit.enabled && !is_enabled(&enablement) {
        act(run, Action::Enable, &unit.name)?;
    }
    if !unit.enabled && is_enabled(&enablement) && enablement != "static" {
        act(run, Action::Disable, &unit.name)?;
    }
    if !run.system.is_running() {
        return Ok(());
    }
    match (unit.running, run.system.is_active(&unit.name)?) {
        (true, false) => act(run, Action::Start, &unit.name),
        (false, true) => act(run, Action::Stop, &unit.name),
        (true, true) if pending.files => {
            let restart = !unit.reload || pending.units || (pending.modules && unit.name == APACHE);
            // nobody uses it yet, and a reload of Apache may take a second in which nobody is served
            let restart = restart || run.system.is_new(&unit.name)?;
            act(run, if restart { Action::Restart } else { Action::Reload }, &unit.name)
        }
        _ => Ok(()),
    }
}

/// Restarts or reloads a unit if it runs.
pub(crate) fn refresh(run: &mut Run, unit: &str, reload: bool) -> Result<()> {
    if run.system.is_running() && run.system.is_active(unit)? {
        act(run, if reload { Action::Reload } else { Action::Restart }, unit)?;
    }
    Ok(())
}

pub(crate) fn act(run: &mut Run, action: Action, unit: &str) -> Result<()> {
    run.system.checkpoint(action.word())?;
    if run.system.unit(action, unit)? {
        run.changed(format!("unit {unit}: {}", action.word()));
    } else {
        run.note(format!("unit {unit}: {} is forbidden by this machine's policy-rc.d", action.word()));
    }
    Ok(())
}
