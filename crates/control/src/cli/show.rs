//! What there is, as tables.

use crate::{
    cli::{
        power,
        session::{self, Session, strange},
    },
    machine::Machine,
    needs::{self, Grade, Need, Seen},
    text::{self, harmless},
    web::{CERTIFICATE, pages::certificate::InUse},
};
use anyhow::Result;
use broker_protocol::{Answer, Appliance, Ask, Packages, Task, Vitals};
use events::Status;
use serde_json::json;
use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

/// `status`: 1 when an appliance is not healthy.
pub fn status(session: &Session) -> Result<ExitCode> {
    let Answer::Appliances(appliances) = session.ask(Ask::Appliances {})? else { return Err(strange()) };
    let machine = Machine::read();
    let Answer::Vitals(vitals) = session.ask(Ask::Vitals {})? else { return Err(strange()) };
    let needs = look_for_needs(session, &machine, &appliances, &vitals)?;
    let code = if appliances.iter().all(|a| a.healthy) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if session.json {
        let told = json!({ "machine": machine, "appliances": appliances, "needs": needs, "vitals": vitals });
        session.print_json(&told)?;
        return Ok(code);
    }
    let out = &mut io::stdout().lock();
    writeln!(
        out,
        "{}  {}, running for {}",
        session.paint(1, &machine.hostname),
        machine.release,
        text::span(machine.uptime)
    )?;
    writeln!(
        out,
        "load {:.2} on {} processors, memory {} of {}",
        machine.load[0],
        machine.processors,
        text::size(machine.memory.used),
        text::size(machine.memory.total)
    )?;
    for disk in &machine.disks {
        let usage = disk.usage;
        writeln!(
            out,
            "disk {}: {} of {} ({} %)",
            disk.mounted_at,
            text::size(usage.used),
            text::size(usage.total),
            usage.percent()
        )?;
    }
    if appliances.is_empty() {
        writeln!(out, "\nNo appliance is installed.")?;
    }
    appliances.iter().try_for_each(|a| appliance(session, out, a))?;
    if let Some(scheduled) = &vitals.scheduled {
        writeln!(out, "\n{}", session.paint(33, &power::said(scheduled)))?;
    }
    print_needs(session, out, &needs)?;
    Ok(code)
}

/// What cannot be told just now is left out, as on the overview.
fn look_for_needs(
    session: &Session,
    machine: &Machine,
    appliances: &[Appliance],
    vitals: &Vitals,
) -> Result<Vec<Need>> {
    let packages = match session.ask(Ask::Packages {}) {
        Ok(Answer::Packages(packages)) => Some(packages),
        _ => None,
    };
    let Answer::Tasks(tasks) = session.ask(Ask::Tasks {})? else { return Err(strange()) };
    let Answer::Plugins(plugins) = session.ask(Ask::Plugins {})? else { return Err(strange()) };
    Ok(needs::needs(&Seen {
        appliances: Some(appliances),
        packages: packages.as_ref(),
        vitals: Some(vitals),
        tasks: &tasks,
        plugins: &plugins,
        memory: machine.memory,
        certificate: InUse::read(Path::new(CERTIFICATE)).ok().and_then(|c| c.warning(text::now())),
        now: text::now(),
    }))
}

fn print_needs(session: &Session, out: &mut impl Write, needs: &[Need]) -> io::Result<()> {
    if needs.is_empty() {
        return writeln!(out, "\nNothing needs you.");
    }
    writeln!(out, "\n{}", session.paint(1, "What needs you"))?;
    for need in needs {
        let colour = match need.grade {
            Grade::Now => 31,
            Grade::Soon => 33,
            Grade::Sometime => 0,
        };
        writeln!(
            out,
            "  {}  {}: {}",
            session.paint(colour, &format!("{:8}", need.grade.word())),
            need.title,
            need.why
        )?;
        if !need.command.is_empty() {
            writeln!(out, "            {}", harmless(&need.command))?;
        }
    }
    Ok(())
}

fn appliance(session: &Session, out: &mut impl Write, a: &Appliance) -> io::Result<()> {
    let health = if a.healthy { session.paint(32, "healthy") } else { session.paint(31, "needs attention") };
    writeln!(out, "\n{} {}: {health}", session.paint(1, &harmless(&a.name)), harmless(&a.version))?;
    for line in [&a.summary, &a.url].into_iter().filter(|line| !line.is_empty()) {
        writeln!(out, "  {}", harmless(line))?;
    }
    for check in &a.checks {
        let mark = if check.ok { session.paint(32, "ok    ") } else { session.paint(31, "failed") };
        writeln!(out, "  {mark} {}: {}", harmless(&check.name), harmless(&check.message))?;
    }
    Ok(())
}

pub fn ask_packages(session: &Session) -> Result<Packages> {
    match session.ask(Ask::Packages {})? {
        Answer::Packages(packages) => Ok(packages),
        _ => Err(strange()),
    }
}

/// `packages [WORD]`
pub fn packages(session: &Session, word: Option<&str>) -> Result<ExitCode> {
    let mut installed = ask_packages(session)?.installed;
    let word = word.unwrap_or_default().to_lowercase();
    installed.retain(|p| p.name.contains(&word) || p.summary.to_lowercase().contains(&word));
    if session.json {
        session.print_json(&installed)?;
    } else {
        let rows = installed.iter().map(|p| vec![p.name.clone(), p.version.clone(), p.summary.clone()]);
        table(
            session,
            &mut io::stdout().lock(),
            &["Package", "Version", "What it is"],
            &rows.collect::<Vec<_>>(),
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `task list`
pub fn tasks(session: &Session, fits: impl Fn(&Task) -> bool) -> Result<ExitCode> {
    let Answer::Tasks(mut tasks) = session.ask(Ask::Tasks {})? else { return Err(strange()) };
    tasks.retain(fits);
    if session.json {
        session.print_json(&tasks)?;
    } else if tasks.is_empty() {
        writeln!(io::stdout(), "No tasks.")?;
    } else {
        let rows = tasks.iter().map(|t| {
            vec![
                t.id.to_string(),
                word(t.status).into(),
                text::ago(t.started, text::now()),
                t.by.clone(),
                t.title.clone(),
            ]
        });
        table(
            session,
            &mut io::stdout().lock(),
            &["Task", "Result", "Started", "By", "Title"],
            &rows.collect::<Vec<_>>(),
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `task show ID`
pub fn task(session: &Session, id: String) -> Result<ExitCode> {
    let Answer::Task(task) = session.ask(Ask::Task { id: session::task_id(id)? })? else {
        return Err(strange());
    };
    if session.json {
        session.print_json(&task)?;
    } else {
        print_task(session, &mut io::stdout().lock(), &task)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print_task(session: &Session, out: &mut impl Write, task: &Task) -> io::Result<()> {
    writeln!(out, "{}: {}", session.paint(1, &harmless(&task.title)), word(task.status))?;
    if !task.message.is_empty() {
        writeln!(out, "{}", harmless(&task.message))?;
    }
    let took = task.ended.unwrap_or_else(text::now).saturating_sub(task.started);
    writeln!(out, "started {} by {}, {}", text::date(task.started), harmless(&task.by), text::span(took))?;
    for artifact in &task.artifacts {
        writeln!(out, "file {} ({})", harmless(&artifact.name), text::size(artifact.size))?;
    }
    writeln!(out, "output: appliance-control task log {}", task.id)
}

/// `plugin list`: 1 when one of them cannot be used.
pub fn plugins(session: &Session) -> Result<ExitCode> {
    let Answer::Plugins(plugins) = session.ask(Ask::Plugins {})? else { return Err(strange()) };
    let Answer::FaultyPlugins(faulty) = session.ask(Ask::FaultyPlugins {})? else { return Err(strange()) };
    let code = if faulty.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if session.json {
        session.print_json(&json!({ "plugins": plugins, "faulty": faulty }))?;
        return Ok(code);
    }
    let mut rows = vec![];
    for plugin in &plugins {
        for action in &plugin.actions {
            let parameters: Vec<&str> = action.parameters.iter().map(|p| p.name.as_str()).collect();
            rows.push(vec![
                plugin.name.clone(),
                action.name.clone(),
                parameters.join(" "),
                action.title.clone(),
            ]);
        }
    }
    let out = &mut io::stdout().lock();
    table(session, out, &["Plugin", "Action", "Parameters", "Title"], &rows)?;
    for f in &faulty {
        let line = format!("cannot be used: {}: {}", harmless(&f.file), harmless(&f.why));
        writeln!(out, "{}", session.paint(31, &line))?;
    }
    Ok(code)
}

fn word(status: Option<Status>) -> &'static str {
    match status {
        None => "running",
        Some(Status::Ok) => "done",
        Some(Status::Failed) => "failed",
        Some(Status::Cancelled) => "stopped",
    }
}

/// Columns as wide as their widest cell; the last one runs free.
pub fn table(
    session: &Session,
    out: &mut impl Write,
    columns: &[&str],
    rows: &[Vec<String>],
) -> io::Result<()> {
    let clean: Vec<Vec<String>> = rows.iter().map(|r| r.iter().map(|c| harmless(c)).collect()).collect();
    let width = |i: usize| {
        let cells = clean.iter().filter_map(|r| r.get(i)).map(|c| c.chars().count());
        cells.chain([columns[i].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |cells: &[&str]| {
        let padded = cells.iter().zip(&widths).map(|(c, w)| format!("{c:w$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    writeln!(out, "{}", session.paint(1, &line(columns)))?;
    for row in &clean {
        writeln!(out, "{}", line(&row.iter().map(String::as_str).collect::<Vec<_>>()))?;
    }
    Ok(())
}
