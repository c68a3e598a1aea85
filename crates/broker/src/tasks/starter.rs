//! The system manager, as far as tasks need it.

use broker_protocol::TaskId;
use exec::Program;
use std::time::Duration;

/// Starts and stops the units of tasks. The errors are for a person.
pub trait Starter: Send + Sync {
    fn start(&self, id: &TaskId, properties: &[String]) -> Result<(), String>;
    /// Whether the unit is there: about to start, running, or doing what comes after its end.
    fn lives(&self, id: &TaskId) -> bool;
    /// Asks the unit to stop, and does not wait for it.
    fn stop(&self, id: &TaskId) -> Result<(), String>;
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
            .args(properties.iter().map(|p| format!("--property={p}")))
            .args(["--", super::unit::PROGRAM, id.as_str()])
            .timeout(TIMEOUT);
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
