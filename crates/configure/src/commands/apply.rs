//! `appliance-configure apply`

use crate::{Error, Machine, apply, installed, knowledge, system::Debian};
use anyhow::Result;
use debconf::confmodule;
use std::{fs::File, io::StdinLock, process::ExitCode};

pub fn run(machine: &Machine, name: &str, debconf: bool, json: bool) -> Result<ExitCode> {
    let _lock = super::begin(machine)?;
    let installed = installed::load(machine, name)?;
    let mut module = match debconf {
        true => Some(confmodule::connect().map_err(|e| Error::Debconf { message: e.to_string() })?),
        false => None,
    };
    let knowledge = knowledge::settle::<StdinLock, File>(machine, &installed, module.as_mut())?;
    // a daemon that a step leaves behind must not keep debconf waiting
    drop(module);
    let outcome = apply(machine, &Debian, &installed, &knowledge, &mut super::teller(json))?;
    super::print_outcome(name, &outcome, json, &format!("{name}: nothing to change"))
}
