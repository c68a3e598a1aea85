//! Restart and shutdown, now and later.

use crate::{
    cli::{
        session::{Session, Usage, strange},
        work,
    },
    text::{self, harmless},
};
use anyhow::{Result, bail};
use broker_protocol::{Answer, Ask, ClientError, Power, Reason, Scheduled, When, Work};
use clap::Args;
use events::Status;
use std::{
    io::{self, Write},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

pub const EXAMPLES: &str = "Examples:
  appliance-control restart --at 03:30
  appliance-control restart --in 10min
  appliance-control restart --cancel";

/// So long a scheduled one waits for what is in its way, and so often it looks.
const PATIENCE: Duration = Duration::from_secs(6 * 3600);
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// When.
#[derive(Debug, Args)]
pub struct Later {
    /// At this time of day, or \"YYYY-MM-DD HH:MM\", in the machine's own time
    #[arg(long, value_name = "HH:MM", conflicts_with_all = ["from_now", "cancel"])]
    at: Option<String>,
    /// After this time: 10min, 2h
    #[arg(long = "in", value_name = "TIME", value_parser = from_now, conflicts_with = "cancel")]
    from_now: Option<When>,
    /// Take back what was scheduled, restart or shutdown
    #[arg(long)]
    cancel: bool,
    /// Wait for what is in the way (what the timer starts)
    #[arg(long, hide = true, conflicts_with_all = ["at", "from_now", "cancel"])]
    patient: bool,
}

/// `10min`, `2h`
fn from_now(text: &str) -> Result<When, String> {
    match text.parse() {
        Ok(minutes @ When::Minutes(_)) => Ok(minutes),
        Ok(When::At(_)) => Err("write 10min or 2h".into()),
        Err(why) => Err(why),
    }
}

pub fn power(session: &Session, what: Power, later: Later) -> Result<ExitCode> {
    let when = match later {
        Later { cancel: true, .. } => return cancel(session),
        Later { patient: true, .. } => return patiently(session, what),
        Later { at: Some(at), .. } => When::At(at),
        Later { from_now: Some(when), .. } => when,
        _ => return work::run(session, work_of(what), false),
    };
    let Answer::Scheduled(scheduled) = session.ask(Ask::Schedule { what, when })? else {
        return Err(strange());
    };
    if session.json {
        session.print_json(&scheduled)?;
    } else {
        writeln!(io::stdout(), "{}", said(&scheduled))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `The machine restarts Tue 24 Nov 2026, 03:30 CET (in 4 h 10 min), set by root.`
pub fn said(scheduled: &Scheduled) -> String {
    let does = if scheduled.what == Power::Restart { "restarts" } else { "shuts down" };
    let left = text::span(scheduled.at.saturating_sub(text::now()));
    let (local, by) = (harmless(&scheduled.local), harmless(&scheduled.by));
    format!("The machine {does} {local} (in {left}), set by {by}.")
}

fn cancel(session: &Session) -> Result<ExitCode> {
    session.ask(Ask::CancelSchedule {})?;
    if !session.json {
        writeln!(io::stdout(), "Nothing is scheduled.")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn work_of(what: Power) -> Work {
    match what {
        Power::Restart => Work::Restart {},
        Power::Shutdown => Work::Shutdown {},
    }
}

/// Asks again while a task or somebody's package manager is in the way.
#[allow(clippy::disallowed_methods, reason = "nobody tells when the way is free")]
fn patiently(session: &Session, what: Power) -> Result<ExitCode> {
    let end = Instant::now() + PATIENCE;
    loop {
        let why = match session.ask(Ask::Start { work: work_of(what) }) {
            Ok(Answer::Task(task)) => loop {
                thread::sleep(Duration::from_secs(1));
                let Answer::Task(task) = session.ask(Ask::Task { id: task.id.clone() })? else {
                    return Err(strange());
                };
                match task.status {
                    None => {}
                    Some(Status::Ok) => return Ok(ExitCode::SUCCESS),
                    Some(_) => break task.message,
                }
            },
            Ok(_) => return Err(strange()),
            Err(error) => match error.downcast_ref::<ClientError>() {
                Some(ClientError::Refused(r)) if r.reason == Reason::Busy => r.message.clone(),
                _ => return Err(error),
            },
        };
        eprintln!("<5>{}", harmless(&why));
        if Instant::now() > end {
            bail!(Usage(format!("given up: {}", harmless(&why))));
        }
        thread::sleep(LOOK_EVERY);
    }
}
