//! `appliance-configure apply`

use crate::{Error, Installed, Machine, apply, installed, knowledge, system::Debian};
use anyhow::Result;
use debconf::confmodule;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, StdinLock},
    process::ExitCode,
};

/// An answer is a few lines at most (bytes).
const ANSWERS_LIMIT: u64 = 1 << 20;

pub fn run(machine: &Machine, name: &str, debconf: bool, answers: bool, json: bool) -> Result<ExitCode> {
    let _lock = super::begin(machine)?;
    let installed = installed::load(machine, name)?;
    let given = if answers { new_answers(&installed)? } else { BTreeMap::new() };
    let mut module = match debconf {
        true => Some(confmodule::connect().map_err(|e| Error::Debconf { message: e.to_string() })?),
        false => None,
    };
    let knowledge = knowledge::settle::<StdinLock, File>(machine, &installed, given, module.as_mut())?;
    // a daemon that a step leaves behind must not keep debconf waiting
    drop(module);
    let outcome = apply(machine, &Debian, &installed, &knowledge, &mut super::teller(json))?;
    super::print_outcome(name, &outcome, json, &format!("{name}: nothing to change"))
}

/// From standard input. No part of it is repeated: it may hold secrets.
fn new_answers(installed: &Installed) -> Result<BTreeMap<String, String>, Error> {
    let bad = |message: String| Error::Given { message };
    let mut text = vec![];
    io::stdin().take(ANSWERS_LIMIT).read_to_end(&mut text).map_err(|e| bad(e.to_string()))?;
    let given: BTreeMap<String, String> = serde_json::from_slice(&text)
        .map_err(|_| bad("standard input is no JSON object of names and texts".into()))?;
    let known = |name: &String| installed.definition.questions.iter().any(|q| q.name == *name);
    match given.keys().find(|name| !known(name)) {
        Some(name) => Err(bad(format!("{} has no question {name:?}", installed.appliance.name))),
        None => Ok(given),
    }
}
