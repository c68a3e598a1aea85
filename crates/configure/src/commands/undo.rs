//! `appliance-configure undo`

use crate::{Machine, installed, knowledge, system::Debian, undo};
use anyhow::Result;
use std::process::ExitCode;

pub fn run(machine: &Machine, name: &str, json: bool) -> Result<ExitCode> {
    let _lock = super::begin(machine)?;
    let installed = installed::load(machine, name)?;
    let knowledge = knowledge::look(machine, &installed)?;
    let outcome = undo(machine, &Debian, &installed, &knowledge, &mut super::teller(json))?;
    super::print_outcome(name, &outcome, json, &format!("{name}: nothing to take back"))
}
