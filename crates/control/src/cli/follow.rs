//! A task's output, printed while it comes.

use crate::{
    cli::{
        session::{self, Session},
        show,
    },
    log::Tail,
    text,
};
use anyhow::Result;
use broker_protocol::{Answer, Ask, Task, TaskId};
use events::{Event, Kind, Status};
use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

const LOOK: Duration = Duration::from_millis(150);

/// `task log ID`
pub fn log(session: &Session, id: String, follow: bool) -> Result<ExitCode> {
    let id = session::task_id(id)?;
    match output(session, &id, follow)? {
        Some(status) if follow => Ok(code(status)),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Follows a task that was just started to its end, and gives it back as it is then.
pub fn to_the_end(session: &Session, task: Task) -> Result<(Task, ExitCode)> {
    let status = output(session, &task.id, true)?;
    let ended = match session.ask(Ask::Task { id: task.id.clone() })? {
        Answer::Task(task) => task,
        _ => return Err(session::strange()),
    };
    Ok((ended, status.map_or(ExitCode::FAILURE, code)))
}

fn code(status: Status) -> ExitCode {
    if status == Status::Ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints what there is, with `follow` until the result. With `--json` the events themselves, one a line.
fn output(session: &Session, id: &TaskId, follow: bool) -> Result<Option<Status>> {
    let (_, descriptor) = session.ask_for_file(Ask::TaskEvents { id: id.clone() })?;
    let mut tail = Tail::new(descriptor.into(), 0);
    let mut out = io::stdout().lock();
    loop {
        let events = tail.read()?;
        for at in &events {
            if session.json {
                write!(out, "{}", at.event.to_line())?
            } else {
                print(session, &mut out, &at.event)?
            }
            if let Kind::Result { status, .. } = &at.event.kind {
                return Ok(Some(*status));
            }
        }
        out.flush()?;
        if events.is_empty() {
            if !follow {
                return Ok(None);
            }
            #[allow(clippy::disallowed_methods, reason = "another user's file grows: nothing tells us")]
            std::thread::sleep(LOOK);
        }
    }
}

fn print(session: &Session, out: &mut impl Write, event: &Event) -> io::Result<()> {
    let terminal = io::stdout().is_terminal();
    if terminal {
        // over the line of progress
        write!(out, "\r\u{1b}[K")?;
    }
    match &event.kind {
        Kind::Phase { title, index, of, .. } => {
            let step = index.zip(*of).map(|(i, n)| format!(" ({i} of {n})")).unwrap_or_default();
            writeln!(out, "{}", session.paint(1, &format!("{title}{step}")))
        }
        Kind::Progress { percent, detail } if terminal => write!(out, "{percent:3.0} % {detail:.60}"),
        Kind::Progress { .. } => Ok(()),
        Kind::Log { line, .. } => writeln!(out, "  {line}"),
        Kind::Warning { message } => writeln!(out, "{}", session.paint(33, &format!("Warning: {message}"))),
        Kind::Text { title, text } => {
            title.iter().try_for_each(|title| writeln!(out, "{}", session.paint(1, title)))?;
            writeln!(out, "{text}")
        }
        Kind::Secret { label } => writeln!(out, "Secret: {label}"),
        Kind::Artifact { name, size, .. } => writeln!(out, "File: {name} ({})", text::size(*size)),
        Kind::Table { columns, rows } => {
            let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
            show::table(session, out, &columns, rows)
        }
        // its details are the last lines of the output, which stand right above
        Kind::Result { status, message, .. } => {
            let colour = if *status == Status::Ok { 32 } else { 31 };
            writeln!(out, "{}", session.paint(colour, message))
        }
    }
}
