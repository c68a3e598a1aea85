//! Holding units still while files are read or put back.
//!
//! Only units that run are stopped, and each of them runs again afterwards, whatever happens in between; for a killed
//! process the next one does it from the journal.

use crate::{Error, Result};
use configure::{Machine, database::copy, installed};
use exec::Program;
use std::{path::Path, time::Duration};

const TIMEOUT: Duration = Duration::from_secs(180);

/// The system manager, and the program that configures; a trait for tests without either.
pub trait Services {
    fn is_active(&self, unit: &str) -> Result<bool>;
    fn stop(&self, unit: &str) -> Result<()>;
    fn start(&self, unit: &str) -> Result<()>;
    /// `appliance-configure apply NAME`
    fn configure(&self, name: &str) -> Result<()>;
    /// Writes the content of the appliance's databases into files of a folder; words about what is left out.
    fn dump(&self, name: &str, folder: &Path) -> Result<Vec<String>>;
    /// Replaces the databases' content by what the folder's files hold.
    fn load(&self, name: &str, folder: &Path) -> Result<()>;
}

/// This machine.
#[derive(Debug, Default)]
pub struct Systemd;

impl Services for Systemd {
    fn is_active(&self, unit: &str) -> Result<bool> {
        let program = Program::new("systemctl").args(["is-active", "--", unit]).timeout(TIMEOUT);
        let output = program.output().map_err(failed("ask for", unit))?;
        Ok(matches!(output.text().trim(), "active" | "activating" | "reloading"))
    }
    fn stop(&self, unit: &str) -> Result<()> {
        Program::new("systemctl")
            .args(["stop", "--", unit])
            .timeout(TIMEOUT)
            .run()
            .map(drop)
            .map_err(failed("stop", unit))
    }
    fn start(&self, unit: &str) -> Result<()> {
        // several backups in a row are no crash loop: the unit's count of starts begins anew
        let _ = Program::new("systemctl").args(["reset-failed", "--", unit]).timeout(TIMEOUT).output();
        Program::new("systemctl")
            .args(["start", "--", unit])
            .timeout(TIMEOUT)
            .run()
            .map(drop)
            .map_err(failed("start", unit))
    }
    fn configure(&self, name: &str) -> Result<()> {
        let program = Program::new("/usr/bin/appliance-configure").args(["apply", "--", name]);
        program.run().map(drop).map_err(|e| Error::Configure(Box::new(e)))
    }
    fn dump(&self, name: &str, folder: &Path) -> Result<Vec<String>> {
        let machine = Machine::here();
        Ok(copy::dump(&machine, &installed::load(&machine, name)?, folder)?)
    }
    fn load(&self, name: &str, folder: &Path) -> Result<()> {
        let machine = Machine::here();
        Ok(copy::load(&machine, &installed::load(&machine, name)?, folder)?)
    }
}

fn failed(action: &'static str, unit: &str) -> impl FnOnce(exec::Error) -> Error {
    let unit = unit.to_string();
    move |source| Error::Unit { action, unit, source: Box::new(source) }
}

/// Of these units, those that run.
pub fn active(services: &dyn Services, units: &[String]) -> Result<Vec<String>> {
    let mut active = vec![];
    for unit in units {
        if services.is_active(unit)? {
            active.push(unit.clone());
        }
    }
    Ok(active)
}

/// Stops the units in order; `start_all` starts them in the opposite one.
pub fn stop_all(services: &dyn Services, units: &[String]) -> Result<()> {
    units.iter().try_for_each(|unit| services.stop(unit))
}

/// Starts all, also when one of them fails; the first failure is told.
pub fn start_all(services: &dyn Services, units: &[String]) -> Result<()> {
    let results: Vec<Result<()>> = units.iter().rev().map(|unit| services.start(unit)).collect();
    results.into_iter().collect()
}
