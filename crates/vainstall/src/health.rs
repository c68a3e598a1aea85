//! Stage 5: does it work. apt's exit status proves nothing.

use crate::{
    failure::{Exit, Failure, Result},
    progress::Progress,
};
use exec::Program;
use serde::{Deserialize, Serialize};

/// One thing that was looked at, as `appliance-configure health --json` tells it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Check {
    pub name: String,
    pub ok: bool,
    pub message: String,
}

/// Waits for each check as long as the appliance's definition allows.
pub fn wait(appliance: &str) -> Result<Vec<Check>> {
    look(Program::new("appliance-configure").args(["health", appliance, "--json", "--wait"]))
}

/// Looks once at each check.
pub fn now(appliance: &str) -> Result<Vec<Check>> {
    look(Program::new("appliance-configure").args(["health", appliance, "--json"]))
}

fn look(program: Program) -> Result<Vec<Check>> {
    let output = program.output()?;
    match serde_json::from_slice(&output.stdout) {
        Ok(checks) => Ok(checks),
        Err(_) => {
            output.check(&program)?;
            Err(Failure::new(Exit::Failed, "appliance-configure health gave no answer that is understood"))
        }
    }
}

/// Tells each check; an error names those that failed.
pub fn tell(checks: &[Check], appliance: &str, progress: &mut Progress) -> Result<()> {
    for check in checks {
        let word = if check.ok { "healthy" } else { "NOT healthy" };
        progress.note(format!("{word}: {}: {}", check.name, check.message));
    }
    let failed: Vec<String> =
        checks.iter().filter(|c| !c.ok).map(|c| format!("{} ({})", c.name, c.message)).collect();
    if failed.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{appliance} is installed and not healthy: {}. Look at systemctl --failed and journalctl -b -p err, \
         and ask again with appliance-configure health {appliance}",
        failed.join("; ")
    );
    Err(Failure::new(Exit::Failed, message))
}
