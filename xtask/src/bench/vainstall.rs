//! Installing an appliance with `vainstall`, against plain apt-get, on fresh booted machines with the packages
//! downloaded before.

use super::{Row, median, timed};
use crate::{
    demo,
    dist::{self, Dist},
};
use anyhow::{Context, Result};
use std::time::Duration;
use testbed::{Lab, Machine};

const RELEASE: &str = "trixie";
/// A round takes about a minute. Two installations on one machine differ by a twentieth.
const ROUNDS: usize = 5;

pub fn run() -> Result<Vec<Row>> {
    testbed::host::need_root()?;
    testbed::host::need_machine_tools()?;
    let built = dist::run()?;
    let (mut ours, mut theirs) = (vec![], vec![]);
    for round in 0..ROUNDS {
        eprintln!("installing MoinMoin both ways, round {} of {ROUNDS}", round + 1);
        // turned round each time, so that neither always has the warmer machine
        if round % 2 == 0 {
            ours.push(with_vainstall(&built)?);
            theirs.push(with_apt(&built)?);
        } else {
            theirs.push(with_apt(&built)?);
            ours.push(with_vainstall(&built)?);
        }
        if let (Some(ours), Some(theirs)) = (ours.last(), theirs.last()) {
            eprintln!(
                "  vainstall {ours:.2?}, apt-get {:.2?} + {:.2?} + {:.2?}",
                theirs.update, theirs.install, theirs.health
            );
        }
    }
    let whole = |bare: &Bare| bare.update + bare.install + bare.health;
    let ours = median(ours);
    let row = |name: &str, theirs: Vec<Duration>| Row {
        name: name.into(),
        ours,
        theirs: Some(median(theirs)),
        unit: "ms".into(),
        target: 1.02,
        most: None,
    };
    Ok(vec![
        row("vainstall, against apt-get update, install, wiki answers", theirs.iter().map(whole).collect()),
        row("vainstall, against apt-get install alone", theirs.iter().map(|b| b.install).collect()),
    ])
}

/// The whole of vainstall: it refreshes the list of packages, plans, installs, and waits until the wiki answers.
fn with_vainstall(built: &Dist) -> Result<Duration> {
    let (_lab, machine) = ready(built)?;
    let vainstall = machine.program("vainstall").args(["moinmoin-appliance", "--non-interactive"]);
    timed(|| vainstall.run().map(|_| ()).context("vainstall"))
}

/// What a person does without vainstall, by parts.
struct Bare {
    update: Duration,
    install: Duration,
    /// Until the wiki answers for the first time.
    health: Duration,
}

fn with_apt(built: &Dist) -> Result<Bare> {
    let (_lab, machine) = ready(built)?;
    let run = |command: &[&str]| {
        timed(|| {
            let program = machine.program(command[0]).args(&command[1..]);
            program.env("DEBIAN_FRONTEND", "noninteractive").run().map(|_| ()).context(command.join(" "))
        })
    };
    Ok(Bare {
        update: run(&["apt-get", "-q", "update"])?,
        install: run(&["apt-get", "-q", "-y", "install", "moinmoin-appliance"])?,
        health: run(&["appliance-configure", "health", "moinmoin"])?,
    })
}

/// A fresh machine that knows the repository, with our tools, and with the appliance's packages in apt's cache.
fn ready(built: &Dist) -> Result<(Lab, Machine)> {
    let (lab, machine) = fresh(built)?;
    let download = ["-q", "-y", "--download-only", "install", "moinmoin-appliance"];
    machine.program("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(download).run()?;
    Ok((lab, machine))
}

/// A fresh machine that knows the repository, with our tools. The lab must outlive it.
pub fn fresh(built: &Dist) -> Result<(Lab, Machine)> {
    let lab = Lab::new(&built.repository)?;
    let machine = lab.boot("bench", RELEASE)?;
    demo::bootstrap(&machine, &lab, built)?;
    Ok((lab, machine))
}
