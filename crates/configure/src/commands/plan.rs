//! `appliance-configure plan`

use crate::{Machine, installed, knowledge, plan, system::Debian};
use anyhow::Result;
use std::process::ExitCode;

pub fn run(machine: &Machine, name: &str, json: bool) -> Result<ExitCode> {
    // a step's check gets its secrets in the folder that the same step of a run beside us would have
    let _lock = super::begin(machine)?;
    let installed = installed::load(machine, name)?;
    let knowledge = knowledge::look(machine, &installed)?;
    let found = plan::plan(machine, &Debian, &installed, &knowledge)?;
    if json {
        println!("{}", serde_json::to_string(&found)?);
    } else if found.is_empty() {
        println!("{name}: nothing to change");
    } else {
        found.iter().for_each(|difference| print!("{}", plan::describe(difference)));
    }
    Ok(ExitCode::SUCCESS)
}
