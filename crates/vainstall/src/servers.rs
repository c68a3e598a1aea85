//! What has to run before the rest is installed: a database server, for packages that make their database while they
//! are configured. apt knows no such order, so these packages get a run of their own.

use crate::failure::{Exit, Failure, Result, fail};
use appliance::model::Engine;
use apt::installed::State;
use exec::Program;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// A server that is still starting after this time is taken for one that hangs.
const STARTING: Duration = Duration::from_secs(120);

/// Those of them that are not installed.
pub fn missing(packages: &[String]) -> Result<Vec<String>> {
    let mut missing = vec![];
    for package in packages {
        let found = apt::installed::package(package)?;
        if !found.is_some_and(|p| matches!(p.state, State::Installed | State::Triggers)) {
            missing.push(package.clone());
        }
    }
    Ok(missing)
}

/// Nobody asked for them by name: apt may take them away again when the appliance goes.
pub fn mark_automatic(packages: &[String], before: &BTreeSet<String>) -> Result<()> {
    let ours: Vec<&String> = packages.iter().filter(|p| !before.contains(*p)).collect();
    if !ours.is_empty() {
        Program::new("apt-mark").args(["-q", "auto", "--"]).args(ours).run()?;
    }
    Ok(())
}

/// Starts those of these servers that are installed and do not run, so that what waits for them can go on.
pub fn start(servers: &BTreeSet<String>) -> Result<()> {
    let servers: Vec<String> = servers.iter().cloned().collect();
    let missing = missing(&servers)?;
    let there: Vec<String> = servers.into_iter().filter(|s| !missing.contains(s)).collect();
    if there.is_empty() || !may_run() {
        return Ok(());
    }
    // the package that is named may leave the unit to one that it depends on
    let engines = Engine::ALL.into_iter().filter(|e| there.iter().any(|p| p == e.packages()[0]));
    let mut units = units(&there)?;
    units.extend(engines.map(|e| e.unit().to_owned()));
    for unit in show(&units)? {
        let is = |name: &str, value: &str| unit.get(name).is_some_and(|v| v == value);
        let down = is("ActiveState", "inactive") || is("ActiveState", "failed");
        if let Some(id) = unit.get("Id").filter(|_| is("UnitFileState", "enabled") && down) {
            // why one does not start is told when it is waited for
            let _ = Program::new("systemctl").args(["start", "--", id]).timeout(STARTING).output();
        }
    }
    Ok(())
}

/// A chroot has no services, and an administrator may forbid to start them (invoke-rc.d(8)).
fn may_run() -> bool {
    Path::new("/run/systemd/system").is_dir() && !Path::new("/usr/sbin/policy-rc.d").exists()
}

/// What systemctl-show(1) says of a unit.
type Properties = BTreeMap<String, String>;

/// Waits until the units of these packages have started; one that failed, or does not run though it should, is an error.
#[allow(clippy::disallowed_methods, reason = "the system manager is asked until it is done")]
pub fn must_run(packages: &[String]) -> Result<()> {
    if !may_run() {
        return Ok(());
    }
    let units = units(packages)?;
    let end = Instant::now() + STARTING;
    while !units.is_empty() {
        let shown = show(&units)?;
        let is = |unit: &Properties, name: &str, value: &str| unit.get(name).is_some_and(|v| v == value);
        let starting = shown.iter().any(|unit| is(unit, "ActiveState", "activating"));
        if !starting || Instant::now() > end {
            let service =
                |unit: &&Properties| is(unit, "UnitFileState", "enabled") && !is(unit, "Type", "oneshot");
            let wrong = shown.iter().find(|unit| {
                is(unit, "ActiveState", "failed")
                    || service(unit)
                        && !is(unit, "ActiveState", "active")
                        && !is(unit, "ConditionResult", "no")
            });
            return wrong.map_or(Ok(()), |unit| Err(failure(unit)));
        }
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn failure(unit: &Properties) -> Failure {
    let name = unit.get("Id").map(String::as_str).unwrap_or_default();
    let journal =
        Program::new("journalctl").args(["--no-pager", "-q", "-o", "cat", "-n", "10", "-u", name]).output();
    let message = format!(
        "{name} does not run, and what comes next relies on it: `systemctl status {name}` tells more. \
         Run the same command again to go on from there"
    );
    let lines = journal.map(|o| o.tail(10)).unwrap_or_default();
    Failure { lines, ..Failure::new(Exit::Failed, message) }
}

/// Their units of kind `.service`; an instance's template as a pattern.
fn units(packages: &[String]) -> Result<Vec<String>> {
    if packages.is_empty() {
        return Ok(vec![]);
    }
    let files = Program::new("dpkg-query").args(["--listfiles", "--"]).args(packages).run()?.text();
    let unit = |path: &str| {
        let (folder, name) = path.rsplit_once('/')?;
        let unit = folder.ends_with("/lib/systemd/system") && name.ends_with(".service");
        unit.then(|| name.replace("@.service", "@*.service"))
    };
    Ok(files.lines().filter_map(unit).collect::<BTreeSet<_>>().into_iter().collect())
}

fn show(units: &[String]) -> Result<Vec<Properties>> {
    let properties = "--property=Id,ActiveState,UnitFileState,Type,ConditionResult";
    let output = Program::new("systemctl").args(["show", properties, "--"]).args(units).output()?;
    if !output.success() {
        return fail(Exit::Failed, "the system manager does not say how the servers are");
    }
    Ok(read(&output.text()))
}

/// Blocks of `Name=value`, an empty line between two.
fn read(text: &str) -> Vec<Properties> {
    let pair = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    text.split("\n\n").map(|block| block.lines().filter_map(pair).collect()).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn blocks_are_units() {
        let units = super::read("Id=a.service\nActiveState=active\n\nId=b@x.service\nActiveState=failed\n");
        assert_eq!(units.len(), 2);
        assert_eq!((units[1]["Id"].as_str(), units[1]["ActiveState"].as_str()), ("b@x.service", "failed"));
    }
}
