//! Updates: what they would do, what they say of themselves, configuration files, history, and what happens automatically.

use crate::{
    cli::{
        session::{Session, Usage, strange},
        show::{ask_packages, table},
        work,
    },
    text::{self, harmless},
    web::pages::{history as words, updates::why},
};
use anyhow::{Result, bail};
use broker_protocol::{Answer, Ask, Automatic, KeptFile, Packages, Plan, Which, Work};
use serde_json::json;
use std::{
    io::{self, Write},
    process::ExitCode,
};

/// `updates [PACKAGE…]`
pub fn plan(session: &Session, packages: Vec<String>) -> Result<ExitCode> {
    let Answer::Plan(plan) = session.ask(Ask::Plan { packages })? else { return Err(strange()) };
    let known = Packages { installed: vec![], ..ask_packages(session)? };
    if session.json {
        let mut value = serde_json::to_value(&plan)?;
        if let Some(object) = value.as_object_mut() {
            object.extend([
                ("refreshed".to_owned(), json!(known.refreshed)),
                ("failed_sources".into(), json!(known.failed_sources)),
                ("unfinished".into(), json!(known.unfinished)),
                ("reboot_required".into(), json!(known.reboot_required)),
                ("reboot_reasons".into(), json!(known.reboot_reasons)),
                ("outdated".into(), json!(known.outdated)),
                ("kept_files".into(), json!(known.kept_files)),
            ]);
        }
        session.print_json(&value)?;
        return Ok(ExitCode::SUCCESS);
    }
    let out = &mut io::stdout().lock();
    print_plan(session, out, &plan, &known)?;
    print_state(session, out, &known)?;
    Ok(ExitCode::SUCCESS)
}

fn print_plan(session: &Session, out: &mut impl Write, plan: &Plan, known: &Packages) -> io::Result<()> {
    let age = known.refreshed.map_or("never".into(), |at| text::ago(at, text::now()));
    let security = plan.updates.iter().filter(|u| u.security).count();
    let (download, disk) = (text::size(plan.download), text::size(plan.disk.unsigned_abs()));
    let change = if plan.disk < 0 { "less" } else { "more" };
    writeln!(
        out,
        "{} updates, {security} for security; {download} to download, {disk} {change} on the disk; list read {age}",
        plan.updates.len(),
    )?;
    if !plan.updates.is_empty() {
        let rows = plan.updates.iter().map(|u| {
            let kind = if u.security { "security" } else { "" };
            let from = u.from.clone().unwrap_or_else(|| "new".into());
            vec![u.name.clone(), from, u.to.clone(), text::origin(&u.origin), kind.into()]
        });
        table(session, out, &["Package", "Installed", "New", "From", ""], &rows.collect::<Vec<_>>())?;
    }
    if let Some(shortage) = &plan.shortage {
        writeln!(out, "{}", session.paint(31, &format!("Too little room: {shortage}")))?;
    }
    for (title, list) in [
        ("Would be removed", &plan.removals),
        ("Services that restart", &plan.restarts),
        ("Services that go on with old files until they are restarted", &plan.affected),
    ] {
        if !list.is_empty() {
            writeln!(out, "{title}: {}", harmless(&list.join(", ")))?;
        }
    }
    for file in &plan.conffiles {
        let how = if file.removed { "stays removed" } else { "stays as you have it" };
        writeln!(out, "{} ({}) {how}", harmless(&file.path), harmless(&file.package))?;
    }
    for kept in &plan.kept_back {
        writeln!(out, "Kept back: {} {}: {}", harmless(&kept.name), harmless(&kept.to), why(kept.why))?;
    }
    Ok(())
}

fn print_state(session: &Session, out: &mut impl Write, known: &Packages) -> io::Result<()> {
    for source in &known.failed_sources {
        let age = source.fetched.map_or("never".into(), |at| text::ago(at, text::now()));
        let line = format!(
            "Not refreshed: {}, read last {age}: {}",
            harmless(&source.source),
            harmless(&source.message)
        );
        writeln!(out, "{}", session.paint(31, &line))?;
    }
    if !known.unfinished.is_empty() {
        let line = format!(
            "Not completely installed: {}. Finish it: appliance-control repair",
            known.unfinished.join(", ")
        );
        writeln!(out, "{}", session.paint(31, &harmless(&line)))?;
    }
    for reason in &known.reboot_reasons {
        let line = format!("The machine has to be restarted: {}", harmless(reason));
        writeln!(out, "{}", session.paint(33, &line))?;
    }
    if !known.outdated.is_empty() {
        let units: Vec<&str> = known.outdated.iter().map(|o| o.unit.as_str()).collect();
        writeln!(out, "On files that were replaced run: {}", harmless(&units.join(", ")))?;
    }
    if !known.kept_files.is_empty() {
        writeln!(out, "New versions of configuration files wait: appliance-control config-files")?;
    }
    Ok(())
}

/// `changes PACKAGE`: 1 when it has not been downloaded.
pub fn changes(session: &Session, package: String) -> Result<ExitCode> {
    let Answer::Changes(changes) = session.ask(Ask::Changes { package })? else { return Err(strange()) };
    let code = if changes.downloaded { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if session.json {
        session.print_json(&changes)?;
        return Ok(code);
    }
    let out = &mut io::stdout().lock();
    if !changes.downloaded {
        writeln!(out, "Not downloaded yet: appliance-control download {}", harmless(&changes.package))?;
        return Ok(code);
    }
    for (title, part) in [("News", &changes.news), ("Changelog", &changes.changelog)] {
        if !part.is_empty() {
            writeln!(out, "{}", session.paint(1, title))?;
            print_lines(out, part)?;
        }
    }
    for file in &changes.conffiles {
        writeln!(
            out,
            "{}",
            session.paint(1, &format!("{} stays as you have it; the new one has", harmless(&file.path)))
        )?;
        print_lines(out, file.difference.as_deref().unwrap_or("(no text)"))?;
    }
    Ok(code)
}

fn print_lines(out: &mut impl Write, text: &str) -> io::Result<()> {
    text.lines().try_for_each(|line| writeln!(out, "{}", harmless(line)))
}

/// `config-files [PATH] [--adopt|--keep]`
pub fn files(session: &Session, path: Option<String>, adopt: bool, keep: bool) -> Result<ExitCode> {
    let Answer::KeptFiles(mut files) = session.ask(Ask::KeptFiles {})? else { return Err(strange()) };
    if let Some(path) = &path {
        files.retain(|f| f.path == *path);
        let Some(KeptFile { path, seen, .. }) = files.first() else {
            bail!(Usage(format!("no new version of {} waits", harmless(path))));
        };
        if adopt || keep {
            let work = Work::DecideFile { path: path.clone(), seen: seen.clone(), adopt };
            return work::run(session, work, true);
        }
    }
    if session.json {
        session.print_json(&files)?;
        return Ok(ExitCode::SUCCESS);
    }
    let out = &mut io::stdout().lock();
    if files.is_empty() {
        writeln!(out, "No new version of a configuration file waits.")?;
    }
    for file in &files {
        let since = text::ago(file.since, text::now());
        writeln!(
            out,
            "{}",
            session.paint(1, &format!("{}, new version since {since}", harmless(&file.path)))
        )?;
        print_lines(out, file.difference.as_deref().unwrap_or("(no text)"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `history [WORD…]`
pub fn history(session: &Session, q: &str) -> Result<ExitCode> {
    let Answer::History(mut runs) = session.ask(Ask::History {})? else { return Err(strange()) };
    runs.retain(|run| words::fits(run, q));
    if session.json {
        session.print_json(&runs)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = runs.iter().map(|run| {
        let result = match (&run.error, &run.end) {
            (Some(_), _) => "failed",
            (None, None) => "no end",
            _ => "done",
        };
        vec![run.id.clone(), result.into(), words::who(run), words::what(run)]
    });
    table(session, &mut io::stdout().lock(), &["Run", "Result", "By", "What"], &rows.collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

/// `history --show ID`
pub fn run(session: &Session, id: String) -> Result<ExitCode> {
    let Answer::Run { run, output } = session.ask(Ask::Run { id })? else { return Err(strange()) };
    if session.json {
        session.print_json(&json!({ "run": run, "output": output }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let out = &mut io::stdout().lock();
    let end = run.end.as_deref().unwrap_or("no end");
    writeln!(
        out,
        "{} to {}, {}\n{}",
        harmless(&run.start),
        harmless(end),
        words::who(&run),
        harmless(&run.command)
    )?;
    let cell = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".into());
    let rows = run.changes.iter().map(|c| vec![c.name.clone(), cell(&c.from), cell(&c.to), c.what.clone()]);
    table(session, out, &["Package", "Before", "After", "What"], &rows.collect::<Vec<_>>())?;
    if let Some(error) = &run.error {
        writeln!(out, "{}", session.paint(31, &harmless(error)))?;
    }
    output.iter().try_for_each(|line| writeln!(out, "  {}", harmless(line)))?;
    Ok(ExitCode::SUCCESS)
}

/// Which updates are installed automatically.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Install {
    Security,
    All,
    Nothing,
}

/// `automatic [WHICH] …`: what is not said stays as it is.
pub fn automatic(
    session: &Session,
    install: Option<Install>,
    at: Option<String>,
    restart_at: Option<String>,
    no_restart: bool,
) -> Result<ExitCode> {
    let Answer::Automatic(present) = session.ask(Ask::Automatic {})? else { return Err(strange()) };
    if let Some(install) = install {
        let settings = Automatic {
            install: match install {
                Install::Security => Which::Security,
                Install::All => Which::All,
                Install::Nothing => Which::Nothing,
            },
            at: at.unwrap_or(present.at),
            restart: if no_restart { None } else { restart_at.or(present.restart) },
        };
        return work::run(session, Work::Automatic { settings }, true);
    }
    if session.json {
        session.print_json(&present)?;
        return Ok(ExitCode::SUCCESS);
    }
    let restart = match &present.restart {
        Some(at) => format!("the machine restarts at {at} where an update asks for it"),
        None => "the machine never restarts by itself".into(),
    };
    let which = match present.install {
        Which::Nothing => {
            return Ok(writeln!(io::stdout(), "No update is installed automatically.")
                .map(|()| ExitCode::SUCCESS)?);
        }
        Which::Security => "Security updates",
        Which::All => "All updates",
    };
    writeln!(io::stdout(), "{which} are installed every day at {}; {restart}.", present.at)?;
    Ok(ExitCode::SUCCESS)
}
