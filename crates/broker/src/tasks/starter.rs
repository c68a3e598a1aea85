//! The system manager, as far as tasks need it.

use broker_protocol::TaskId;
use exec::Program;
use std::{path::Path, sync::OnceLock, time::Duration};

/// Starts and stops the units of tasks. The errors are for a person.
pub trait Starter: Send + Sync {
    fn start(&self, id: &TaskId, properties: &[String]) -> Result<(), String>;
    /// Whether the unit is there: about to start, running, or doing what comes after its end.
    fn lives(&self, id: &TaskId) -> bool;
    /// Asks the unit to stop, and does not wait for it.
    fn stop(&self, id: &TaskId) -> Result<(), String>;
    /// Starts a unit of type oneshot, and waits for its end.
    fn wait(&self, unit: &str, properties: &[String], program: &Path) -> Result<(), String>;
}

/// systemd.
pub struct Systemd;

const TIMEOUT: Duration = Duration::from_secs(30);

/// The unit's name.
pub fn unit(id: &TaskId) -> String {
    format!("appliance-task-{id}.service")
}

impl Starter for Systemd {
    /// Waits until the program runs, so that a unit that cannot be made (no such path, no memory) is told at once.
    fn start(&self, id: &TaskId, properties: &[String]) -> Result<(), String> {
        let program = Program::new("systemd-run")
            .args(["--quiet", "--collect", "--no-ask-password"])
            .arg(format!("--unit={}", unit(id)))
            .args(known(properties))
            .args(["--", super::unit::PROGRAM, id.as_str()])
            .timeout(TIMEOUT);
        run(&program)
    }

    fn wait(&self, unit: &str, properties: &[String], program: &Path) -> Result<(), String> {
        let program = Program::new("systemd-run")
            .args(["--quiet", "--collect", "--no-ask-password"])
            .arg(format!("--unit={unit}"))
            .args(known(properties))
            .arg("--")
            .arg(program)
            // the unit's own time is shorter
            .timeout(TIMEOUT * 2);
        run(&program)
    }

    fn lives(&self, id: &TaskId) -> bool {
        let show = Program::new("systemctl")
            .args(["show", "--property=ActiveState,Job", "--", &unit(id)])
            .timeout(TIMEOUT);
        // when the manager cannot be asked, nobody knows better: what was started runs
        show.run().map_or(true, |output| lives(&output.text()))
    }

    fn stop(&self, id: &TaskId) -> Result<(), String> {
        run(&Program::new("systemctl").args(["stop", "--no-block", "--", &unit(id)]).timeout(TIMEOUT))
    }
}

/// Properties of the newest systemd, and the first version that knows them.
const NEW: &[(&str, u32)] = &[("PrivatePIDs", 257)];

/// As `systemd-run` takes them, without those that this systemd does not know.
fn known(properties: &[String]) -> Vec<String> {
    static VERSION: OnceLock<u32> = OnceLock::new();
    let version = *VERSION.get_or_init(|| {
        let output = Program::new("systemctl").arg("--version").timeout(TIMEOUT).run();
        output.map_or(0, |output| version(&output.text()))
    });
    let known = |p: &&String| {
        let name = p.split('=').next().unwrap_or_default();
        NEW.iter().all(|(new, since)| *new != name || version >= *since)
    };
    properties.iter().filter(known).map(|p| format!("--property={p}")).collect()
}

/// Of `systemd 257 (257.9-1~deb13u1)`.
fn version(said: &str) -> u32 {
    said.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
}

fn lives(shown: &str) -> bool {
    shown.lines().filter_map(|line| line.split_once('=')).any(|(name, value)| match name {
        "ActiveState" => matches!(value, "active" | "activating" | "deactivating" | "reloading"),
        "Job" => !matches!(value, "" | "0"),
        _ => false,
    })
}

fn run(program: &Program) -> Result<(), String> {
    let output = program.output().map_err(|e| e.to_string())?;
    if output.success() { Ok(()) } else { Err(output.tail(2).join(" ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_second_word() {
        assert_eq!(version("systemd 257 (257.9-1~deb13u1)\n+PAM"), 257);
        assert_eq!(version("systemd 252 (252.39-1~deb12u1)"), 252);
        assert_eq!(version("systemctl: not found"), 0);
    }

    #[test]
    fn a_unit_lives_while_it_or_its_job_is_there() {
        for (shown, expected) in [
            ("ActiveState=active\n", true),
            ("ActiveState=deactivating\n", true),
            ("ActiveState=inactive\n", false),
            ("ActiveState=failed\n", false),
            ("Job=17\nActiveState=inactive\n", true),
            ("Job=\nActiveState=inactive\n", false),
            ("", false),
        ] {
            assert_eq!(lives(shown), expected, "{shown}");
        }
    }
}
