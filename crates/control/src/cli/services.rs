//! Services and the log.

use crate::{
    cli::{
        session::{Session, Usage, strange},
        show::table,
        work,
    },
    text::{self, harmless},
    web::pages::services::fits,
};
use anyhow::{Result, bail};
use broker_protocol::{
    Answer, Ask, Entry, JournalFilter, Verb, Work,
    services::{From, MOST_ENTRIES},
};
use clap::{Args, Subcommand};
use std::{
    io::{self, Write},
    process::ExitCode,
    thread,
    time::Duration,
};

const LOOK_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Subcommand)]
pub enum ServiceCommand {
    /// List the services, those of appliances first
    List {
        /// Only those with this word in their name, description or state
        word: Option<String>,
    },
    /// Show one service
    Show { unit: String },
    /// Start a service
    Start { unit: String },
    /// Stop a service
    Stop { unit: String },
    /// Restart a service
    Restart { unit: String },
    /// Have a service start with the machine, and now
    Enable { unit: String },
    /// Have a service not start with the machine, and stop it now
    Disable { unit: String },
}

/// What of the journal is wanted.
#[derive(Debug, Args)]
pub struct LogFilter {
    /// Only this service
    #[arg(short, long)]
    unit: Option<String>,
    /// Only this priority and graver ones: 0 (emergency) to 7 (debug); 3 is error, 4 warning
    #[arg(short, long, value_parser = clap::value_parser!(u8).range(0..=7))]
    priority: Option<u8>,
    /// Only what is no older than this
    #[arg(long, value_name = "MINUTES")]
    since: Option<u64>,
    /// Only messages with this text in them
    #[arg(short = 'g', long, value_name = "TEXT")]
    grep: Option<String>,
    /// At most so many, the newest
    #[arg(short = 'n', long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=MOST_ENTRIES as i64))]
    lines: u32,
    /// Go on with what comes; each entry is a line of JSON with --json
    #[arg(short, long)]
    follow: bool,
}

pub fn service(session: &Session, command: ServiceCommand) -> Result<ExitCode> {
    let (unit, verb) = match command {
        ServiceCommand::List { word } => return list(session, word.as_deref().unwrap_or_default()),
        ServiceCommand::Show { unit } => return show(session, &unit),
        ServiceCommand::Start { unit } => (unit, Verb::Start),
        ServiceCommand::Stop { unit } => (unit, Verb::Stop),
        ServiceCommand::Restart { unit } => (unit, Verb::Restart),
        ServiceCommand::Enable { unit } => (unit, Verb::Enable),
        ServiceCommand::Disable { unit } => (unit, Verb::Disable),
    };
    work::run(session, Work::Service { unit: complete(&unit), verb }, true)
}

/// `apache2` is short for `apache2.service`.
fn complete(unit: &str) -> String {
    if unit.ends_with(".service") { unit.into() } else { format!("{unit}.service") }
}

fn list(session: &Session, word: &str) -> Result<ExitCode> {
    let Answer::Services(mut services) = session.ask(Ask::Services {})? else { return Err(strange()) };
    services.retain(|s| fits(s, word));
    if session.json {
        session.print_json(&services)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = services.iter().map(|s| {
        let state = if s.active == "active" { &s.sub } else { &s.active };
        vec![s.name.clone(), state.clone(), s.enabled.clone(), s.description.clone()]
    });
    let columns = ["Service", "State", "Starts", "What it is"];
    table(session, &mut io::stdout().lock(), &columns, &rows.collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

/// 1 when it has failed.
fn show(session: &Session, unit: &str) -> Result<ExitCode> {
    let Answer::Service(state) = session.ask(Ask::Service { unit: complete(unit) })? else {
        return Err(strange());
    };
    let service = &state.service;
    let code = if service.active == "failed" { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    if session.json {
        session.print_json(&state)?;
        return Ok(code);
    }
    let out = &mut io::stdout().lock();
    writeln!(out, "{}: {}", session.paint(1, &harmless(&service.name)), harmless(&service.description))?;
    let since = state.since.map(|at| format!(" since {}", text::date(at))).unwrap_or_default();
    writeln!(
        out,
        "{} ({}){since}, {}",
        harmless(&service.active),
        harmless(&service.sub),
        harmless(&service.enabled)
    )?;
    if let Some(memory) = state.memory {
        writeln!(out, "memory {}", text::size(memory))?;
    }
    if state.restarts > 0 {
        writeln!(out, "came back by itself {} times", state.restarts)?;
    }
    writeln!(out, "{}", harmless(&state.file))?;
    Ok(code)
}

/// `log`
#[allow(clippy::disallowed_methods, reason = "the journal is asked again for what has come")]
pub fn log(session: &Session, wanted: LogFilter) -> Result<ExitCode> {
    if wanted.grep.as_deref().is_some_and(str::is_empty) {
        bail!(Usage("--grep needs a text to look for".into()));
    }
    let mut filter = JournalFilter {
        unit: wanted.unit.as_deref().map(complete),
        priority: wanted.priority,
        since: wanted.since.map(|minutes| text::now().saturating_sub(minutes.saturating_mul(60))),
        text: wanted.grep,
        lines: wanted.lines,
        ..JournalFilter::default()
    };
    let mut entries = read(session, &filter)?;
    if session.json && !wanted.follow {
        session.print_json(&entries)?;
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        let out = &mut io::stdout().lock();
        for entry in entries.iter().rev() {
            print(session, out, entry)?;
        }
        out.flush()?;
        if !wanted.follow {
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(newest) = entries.first() {
            filter.from = Some(From::After(newest.cursor.clone()));
        } else if filter.from.is_none() {
            filter.since = Some(text::now());
        }
        thread::sleep(LOOK_EVERY);
        filter.lines = MOST_ENTRIES;
        entries = read(session, &filter)?;
    }
}

fn read(session: &Session, filter: &JournalFilter) -> Result<Vec<Entry>> {
    match session.ask(Ask::Journal { filter: filter.clone() })? {
        Answer::Journal(entries) => Ok(entries),
        _ => Err(strange()),
    }
}

fn print(session: &Session, out: &mut impl Write, entry: &Entry) -> Result<()> {
    if session.json {
        return Ok(writeln!(out, "{}", serde_json::to_string(entry)?)?);
    }
    let who = if entry.identifier.is_empty() { &entry.unit } else { &entry.identifier };
    let message = entry.message.lines().map(harmless).collect::<Vec<_>>().join("\n    ");
    let message = match entry.priority {
        0..=3 => session.paint(31, &message),
        4 => session.paint(33, &message),
        _ => message,
    };
    Ok(writeln!(out, "{} {}: {message}", text::iso(entry.at / 1000), harmless(who))?)
}
