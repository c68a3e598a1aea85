//! The program that a task is: reads its record, does the work, writes what happens and how it ended.
//!
//! * [`packages`]: refresh, upgrade, repair; [`download`]: updates and what they say of themselves; [`after`]: what a run has changed
//! * [`outdated`]: restarts what runs on files that are gone
//! * [`configuration`]: decides about new configuration files, and how updates are installed automatically
//! * [`power`]: restart and shutdown
//! * [`service`]: start, stop and the like
//! * [`viewer`]: who may look at the page
//! * [`machine`]: its name, time zone and clock, and what fills its disks; [`network`]: addresses, which go back by themselves
//! * [`settings`]: new answers to an appliance's questions
//! * [`action`]: an action of a plugin
//! * [`ended`]: what the unit runs when the program is no more: gives a task the result that it could not write
//!
//! It is started once and needs nothing of the broker or of its own package afterwards, so it goes on while both are
//! replaced: the upgrade of this package is one of its tasks.

pub mod action;
pub mod after;
pub mod configuration;
pub mod download;
pub mod ended;
pub mod machine;
pub mod network;
pub mod outdated;
pub mod packages;
pub mod power;
pub mod service;
pub mod settings;
pub mod viewer;

use crate::{
    STATE, shown_once,
    state::State,
    tasks::{
        log::{self, Log},
        record::Record,
    },
};
use anyhow::Context;
use broker_protocol::{TaskId, Work};
use events::Status;
use exec::Interrupter;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};
use std::{
    env, io,
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// How the work ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Ending {
    pub status: Status,
    pub message: String,
    pub details: Vec<String>,
}

impl Ending {
    pub fn ok(message: impl Into<String>) -> Ending {
        Ending { status: Status::Ok, message: message.into(), details: vec![] }
    }
    pub fn cancelled() -> Ending {
        Ending { status: Status::Cancelled, message: "It was cancelled.".into(), details: vec![] }
    }
    pub fn failed(message: impl Into<String>, details: Vec<String>) -> Ending {
        Ending { status: Status::Failed, message: message.into(), details }
    }
}

/// Whether it was asked to stop (SIGTERM). Work that must not be stopped does not look.
#[derive(Debug, Default, Clone)]
pub struct Stop {
    pub asked: Arc<AtomicBool>,
    pub interrupter: Interrupter,
}

impl Stop {
    fn listen() -> io::Result<Stop> {
        let stop = Stop::default();
        let (mut signals, ours) = (Signals::new([SIGTERM, SIGINT])?, stop.clone());
        thread::spawn(move || {
            for _ in signals.forever() {
                ours.asked.store(true, Ordering::SeqCst);
                ours.interrupter.interrupt();
            }
        });
        Ok(stop)
    }
}

/// The whole program `appliance-task`: `appliance-task ID`, `--revert-network`, and `appliance-task --ended ID` from ExecStopPost.
pub fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["--revert-network"] => revert_network(),
        ["--ended", id] => id_of(id).and_then(|id| ended::run(Path::new(STATE), &id)),
        ["--forget", id] => id_of(id).and_then(|id| {
            shown_once::forget(&State::open(STATE)?, &id);
            Ok(Status::Ok)
        }),
        [id] => id_of(id).and_then(|id| run(Path::new(STATE), &id)),
        _ => {
            eprintln!("usage: appliance-task ID (started by appliance-broker)");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(Status::Ok | Status::Cancelled) => ExitCode::SUCCESS,
        Ok(Status::Failed) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("<3>appliance-task: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What the timer, and the next start, runs: a change of the network that nobody has confirmed goes back.
fn revert_network() -> anyhow::Result<Status> {
    let state = State::open(STATE).context("cannot use the broker's folder")?;
    match network::revert(&state) {
        Ok(true) => {
            eprintln!("<4>nobody has confirmed the new configuration of the network: the old one is back")
        }
        Ok(false) => {}
        Err(why) => anyhow::bail!("the old configuration of the network is not back: {why}"),
    }
    Ok(Status::Ok)
}

fn id_of(text: &str) -> anyhow::Result<TaskId> {
    TaskId::try_from(text.to_string()).map_err(|e| anyhow::anyhow!("{e}: {text}"))
}

/// Does the task in the broker's folder `root`.
fn run(root: &Path, id: &TaskId) -> anyhow::Result<Status> {
    let folder = root.join("tasks").join(id.as_str());
    let record = Record::load(&folder)
        .with_context(|| format!("cannot read the task's record in {}", folder.display()))?
        .with_context(|| format!("there is no task in {}", folder.display()))?;
    let mut log =
        Log::open(&folder).with_context(|| format!("cannot write to the log in {}", folder.display()))?;
    let stop = Stop::listen().context("cannot listen for signals")?;
    let ending = match &record.work {
        Work::Refresh {} => packages::refresh(root, &stop, &mut log),
        Work::Download { packages } => download::download(packages, root, &stop, &mut log),
        Work::Repair {} => packages::repair(&mut log),
        Work::RestartServices {} => outdated::restart(&mut log),
        Work::DecideFile { path, seen, adopt } => configuration::decide(path, seen, *adopt),
        Work::Automatic { settings } => configuration::automatic(settings, &mut log),
        Work::Upgrade { packages, .. } => {
            packages::upgrade(packages, &mut packages::Stoppable::new(&folder, &record, &stop), &mut log)
        }
        Work::Restart {} => power::go("reboot", "The machine restarts now."),
        Work::Shutdown {} => power::go("poweroff", "The machine shuts down now."),
        Work::Service { unit, verb } => service::run(unit, *verb, &mut log),
        Work::Viewer { account, may } => viewer::run(account, *may),
        Work::HostName { name } => machine::host_name(name),
        Work::TimeZone { zone } => machine::time_zone(zone),
        Work::Clock { synchronise } => machine::clock(*synchronise, &mut log),
        Work::Clean { what } => machine::clean(*what, &mut log),
        Work::Network { interface, addresses, within } => {
            network::change(root, &record, interface, addresses, *within, &mut log)
        }
        Work::Settings { .. } => settings::run(&folder, &record, &mut log),
        Work::Action { .. } => action::run(&folder, &record, &stop, &mut log),
    };
    let restart = matches!(record.work, Work::Upgrade { restart: true, .. }) && ending.status == Status::Ok;
    let ending = if restart { packages::and_restart(ending, &mut log) } else { ending };
    let status = ending.status;
    log::clear(&folder);
    log.end(status, ending.message, ending.details)
        .with_context(|| format!("cannot write the result to the log in {}", folder.display()))?;
    Ok(status)
}
