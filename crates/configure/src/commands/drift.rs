//! `appliance-configure diff`

use crate::{Machine, installed, plan, system::Debian};
use anyhow::Result;
use std::process::ExitCode;

/// Status 1 when something has drifted, as diff(1).
pub fn run(machine: &Machine, name: &str, json: bool) -> Result<ExitCode> {
    super::need_root()?;
    let installed = installed::load(machine, name)?;
    let found = plan::drift(machine, &Debian, &installed)?;
    if json {
        println!("{}", serde_json::to_string(&found)?);
    } else if found.is_empty() {
        println!("{name}: as the appliance says");
    } else {
        found.iter().for_each(|difference| print!("{}", plan::describe(difference)));
    }
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
