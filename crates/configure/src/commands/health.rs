//! `appliance-configure health`

use crate::{Machine, health, installed};
use anyhow::Result;
use std::process::ExitCode;

pub fn run(machine: &Machine, name: &str, json: bool, wait: bool) -> Result<ExitCode> {
    let installed = installed::load(machine, name)?;
    let checks = health::check(&installed.definition.health, wait);
    if json {
        println!("{}", serde_json::to_string(&checks)?);
    } else {
        for check in &checks {
            println!("{} {}: {}", if check.ok { "ok    " } else { "FAILED" }, check.name, check.message);
        }
    }
    Ok(if checks.iter().all(|c| c.ok) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
