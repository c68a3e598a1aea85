//! `appliance-configure apply`

use super::settings as input;
use crate::{Error, Machine, apply, debconf_copy, installed, knowledge, settings, system::Debian};
use anyhow::Result;
use debconf::confmodule;
use std::{fs::File, io::StdinLock, process::ExitCode};

/// Where the answers come from, before those that are stored.
pub enum From {
    Nowhere,
    Debconf,
    /// Standard input, if the answers are still those of this revision.
    Input(Option<String>),
}

pub fn run(machine: &Machine, name: &str, from: From, json: bool) -> Result<ExitCode> {
    let _lock = super::begin(machine)?;
    let installed = installed::load(machine, name)?;
    let knowledge = match from {
        From::Input(revision) => {
            let copy = &mut debconf_copy::give;
            settings::change(machine, &installed, &input::answers()?, revision.as_deref(), copy)?
        }
        From::Debconf => {
            let mut module = confmodule::connect().map_err(|e| Error::Debconf { message: e.to_string() })?;
            // gone at its end: a daemon that a step leaves behind must not keep debconf waiting
            knowledge::settle(machine, &installed, Some(&mut module))?
        }
        From::Nowhere => knowledge::settle::<StdinLock, File>(machine, &installed, None)?,
    };
    let outcome = apply(machine, &Debian, &installed, &knowledge, &mut super::teller(json))?;
    super::print_outcome(name, &outcome, json, &format!("{name}: nothing to change"))
}
