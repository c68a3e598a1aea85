//! Plugins: what they say, what they may do, and for who writes one: [`check`] and [`run_here`].

use crate::{
    cli::{
        session::{Session, Usage, strange},
        show, work,
    },
    text::{self, harmless},
};
use ::plugin::{
    artifact,
    manifest::{Action, Parameter, ParameterType},
    parameter::{self, Choices},
    query::{Data, Wanted},
    runner::{self, Listener, Time},
    trial::{self, Finding, Place},
    wants::Want,
};
use anyhow::{Context, Result, bail};
use broker_protocol::{Answer, Ask, TaskId, Work};
use events::{Kind, Status};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, BufRead, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::AtomicBool,
    time::Duration,
};
use tempfile::TempDir;

/// Choices that stand in a question at the terminal.
const OFFERED: usize = 20;

/// `plugin schema FOLDER`
pub fn schema(folder: &Path) -> Result<ExitCode> {
    for (name, text) in ::plugin::schema::all() {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `plugin query PLUGIN QUERY`
pub fn query(session: &Session, plugin: String, query: String, wanted: Wanted) -> Result<ExitCode> {
    let Answer::Data(data) = session.ask(Ask::Query { plugin, query, wanted })? else {
        return Err(strange());
    };
    if session.json {
        session.print_json(&data)?;
        return Ok(ExitCode::SUCCESS);
    }
    print_data(session, &mut io::stdout().lock(), &data)?;
    Ok(ExitCode::SUCCESS)
}

fn print_data(session: &Session, out: &mut impl Write, data: &Data) -> Result<()> {
    for warning in &data.warnings {
        writeln!(out, "{}", session.paint(33, &format!("Warning: {}", harmless(warning))))?;
    }
    for fact in &data.facts {
        writeln!(out, "{}: {}", harmless(&fact.label), harmless(&fact.value))?;
    }
    for table in &data.tables {
        let columns: Vec<&str> = table.columns.iter().map(String::as_str).collect();
        show::table(session, out, &columns, &table.rows)?;
        if table.total > table.rows.len() as u64 {
            writeln!(out, "{} of {} rows", table.rows.len(), table.total)?;
        }
    }
    for said in &data.texts {
        said.title.iter().try_for_each(|title| writeln!(out, "{}", session.paint(1, &harmless(title))))?;
        writeln!(out, "{}", text::lines(&said.text))?;
    }
    for choice in &data.choices {
        writeln!(out, "{}  {}", harmless(&choice.value), harmless(&choice.text))?;
    }
    if !data.message.is_empty() {
        writeln!(out, "{}", harmless(&data.message))?;
    }
    Ok(())
}

/// `plugin agree PLUGIN`
pub fn agree(session: &Session, name: &str) -> Result<ExitCode> {
    let (Answer::Plugins(plugins), Answer::Asking(asking)) =
        (session.ask(Ask::Plugins {})?, session.ask(Ask::Asking {})?)
    else {
        return Err(strange());
    };
    let Some(manifest) = plugins.iter().find(|m| m.name == name) else {
        bail!(Usage(format!("there is no plugin {}", harmless(name))))
    };
    let more: Vec<Want> = asking.into_iter().find(|a| a.plugin == name).map(|a| a.more).unwrap_or_default();
    let out = &mut io::stdout().lock();
    for want in manifest.wants() {
        let mark = if more.contains(&want) { "new: " } else { "" };
        writeln!(out, "{mark}{}", harmless(&want.words()))?;
    }
    if more.is_empty() {
        writeln!(out, "Nothing to agree to: that is what it asked for before.")?;
    } else {
        session.ask(Ask::Agree { plugin: name.into(), more })?;
        writeln!(out, "Agreed.")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `task secrets ID`: 1 when there is none any more.
pub fn secrets(session: &Session, id: TaskId) -> Result<ExitCode> {
    let Answer::Secrets(secrets) = session.ask(Ask::Reveal { id })? else { return Err(strange()) };
    if session.json {
        session.print_json(&secrets)?;
    } else {
        let out = &mut io::stdout().lock();
        for secret in &secrets {
            writeln!(out, "{}: {}", harmless(&secret.label), text::lines(&secret.value))?;
        }
    }
    if secrets.is_empty() {
        eprintln!("There is no secret of this task any more: it was shown, or an hour has passed.");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// `plugin check PLUGIN`: 1 when something is wrong.
pub fn check(what: &str, json: bool) -> Result<ExitCode> {
    let (place, _unpacked) = find(what)?;
    let scratch = scratch()?;
    let (mut findings, mut out) = (vec![], io::stdout().lock());
    trial::all(&place, scratch.path(), &mut |finding: Finding| {
        if !json {
            let what = harmless(&finding.what);
            let _ = match (&finding.wrong, &finding.left_out) {
                (Some(why), _) => writeln!(out, "wrong  {what}: {}", harmless(why)),
                (None, Some(why)) => writeln!(out, "-      {what}: {}", harmless(why)),
                (None, None) => writeln!(out, "good   {what}"),
            };
        }
        findings.push(finding);
    });
    let wrong = findings.iter().filter(|f| f.wrong.is_some()).count();
    if json {
        let list: Vec<_> = findings
            .iter()
            .map(|f| serde_json::json!({ "what": f.what, "wrong": f.wrong, "left-out": f.left_out }))
            .collect();
        writeln!(out, "{:#}", serde_json::Value::from(list))?;
    } else if wrong == 0 {
        writeln!(out, "Nothing is wrong with the plugin {}.", harmless(&place.name))?;
    }
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A folder, a name, or a package, which is unpacked for as long as the second value lives.
fn find(what: &str) -> Result<(Place, Option<TempDir>)> {
    let missing = |e: io::Error| Usage(format!("{} is no plugin: {e}", harmless(what)));
    if !what.ends_with(".deb") {
        return Ok((Place::find(what).map_err(missing)?, None));
    }
    let folder = scratch()?;
    let unpack = exec::Program::new("dpkg-deb").args(["--extract", "--", what]).arg(folder.path());
    unpack.run().with_context(|| format!("cannot unpack {}", harmless(what)))?;
    let root = folder.path().to_string_lossy().into_owned();
    Ok((Place::find(&root).map_err(missing)?, Some(folder)))
}

fn scratch() -> Result<TempDir> {
    tempfile::Builder::new()
        .prefix("appliance-plugin-")
        .tempdir()
        .context("cannot make a folder to try it in")
}

/// `plugin run PLUGIN ACTION`: as a task, in the sandbox.
pub fn run(session: &Session, name: String, action: String, set: &[String]) -> Result<ExitCode> {
    let Answer::Plugins(plugins) = session.ask(Ask::Plugins {})? else { return Err(strange()) };
    let manifest = plugins.iter().find(|m| m.name == name);
    let Some(declared) = manifest.and_then(|m| m.action(&action)) else {
        bail!(Usage(format!(
            "there is no action {} of an installed plugin {}; one in a folder is run with --unconfined",
            harmless(&action),
            harmless(&name)
        )))
    };
    let mut choices = BTreeMap::new();
    for query in declared.parameters.iter().filter_map(|p| p.choices_from.clone()) {
        let ask = Ask::Query { plugin: name.clone(), query: query.clone(), wanted: Wanted::default() };
        let Answer::Data(data) = session.ask(ask)? else { return Err(strange()) };
        choices.insert(query, data.choices.into_iter().map(|c| c.value).collect());
    }
    let mut given = ask_for(declared, set, &choices)?;
    let mut files = vec![];
    for parameter in declared.parameters.iter().filter(|p| p.kind == ParameterType::File) {
        files.extend(
            given
                .remove(&parameter.name)
                .filter(|v| !v.is_empty())
                .map(|v| format!("{}={v}", parameter.name)),
        );
    }
    let (parameters, _held) = work::with_files(session, given, &files)?;
    work::run(session, Work::Action { plugin: name, action, parameters }, true)
}

/// `plugin run --unconfined`: as whoever runs it.
pub fn run_here(what: &str, action: &str, set: &[String]) -> Result<ExitCode> {
    let (place, _unpacked) = find(what)?;
    let manifest = place.load().map_err(|faults| Usage(faults.join("\n")))?;
    let Some(declared) = manifest.action(action) else {
        bail!(Usage(format!("the plugin has no action {}", harmless(action))))
    };
    let choices = |given: &BTreeMap<String, String>| {
        trial::choices(&place, &manifest, declared, given).map_err(anyhow::Error::msg)
    };
    let given = ask_for(declared, set, &choices(&BTreeMap::new())?)?;
    let is_file =
        |name: &str| declared.parameters.iter().any(|p| p.name == name && p.kind == ParameterType::File);
    let stands_in = |(name, value): (&String, &String)| {
        let upload = is_file(name) && !value.is_empty();
        (name.clone(), if upload { "0".repeat(32) } else { value.clone() })
    };
    let shaped: BTreeMap<String, String> = given.iter().map(stands_in).collect();
    let mut values =
        parameter::check(declared, &shaped, &choices(&given)?).map_err(|faults| Usage(faults.join("\n")))?;
    for (name, path) in given.into_iter().filter(|(name, value)| is_file(name) && !value.is_empty()) {
        let path = fs::canonicalize(&path).with_context(|| format!("cannot open {path}"))?;
        values.insert(name, path.to_string_lossy().into_owned());
    }
    let scratch = scratch()?;
    let making = scratch.path().join("making");
    fs::create_dir(&making)?;
    let program = trial::start(&place, &manifest, &declared.run)
        .env("ACTION", action)
        .env("ARTIFACTS_DIRECTORY", &making);
    let time = Time { most: Duration::from_secs(declared.time().into()), ..Time::default() };
    let kept = std::env::current_dir().context("there is no folder to put files into")?;
    let mut terminal = Terminal { making, kept };
    let outcome = runner::run(program, &values, time, &mut terminal);
    outcome.details.iter().for_each(|line| eprintln!("  {}", harmless(line)));
    println!("{}", harmless(&outcome.message));
    Ok(if outcome.status == Status::Ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Values from the command line; at a terminal, whoever sits there is asked for the rest.
fn ask_for(action: &Action, set: &[String], choices: &Choices) -> Result<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    for pair in set {
        let (name, value) = work::split(pair)?;
        values.insert(name.to_owned(), work::value_of(value)?);
    }
    if io::stdin().is_terminal() {
        for parameter in
            action.parameters.iter().filter(|p| !set.iter().any(|s| s.starts_with(&format!("{}=", p.name))))
        {
            let value = prompt(parameter, choices)?;
            if !value.is_empty() || parameter.default.is_none() {
                values.insert(parameter.name.clone(), value);
            }
        }
    }
    Ok(values)
}

fn prompt(parameter: &Parameter, choices: &Choices) -> Result<String> {
    let mut out = io::stderr().lock();
    let offered = parameter.choices_from.as_ref().and_then(|q| choices.get(q)).unwrap_or(&parameter.choices);
    let offered = match offered.len() {
        0 => String::new(),
        1..=OFFERED => format!(" ({})", offered.join(", ")),
        more => format!(" ({}, … {more} in all)", offered[..OFFERED].join(", ")),
    };
    let default = parameter.default.as_ref().map(|d| format!(" [{d}]")).unwrap_or_default();
    write!(out, "{}{}{}: ", harmless(&parameter.title()), harmless(&offered), harmless(&default))?;
    out.flush()?;
    let stdin = io::stdin();
    let shown = tcgetattr(&stdin).ok().filter(|_| parameter.kind == ParameterType::Password);
    if let Some(mut quiet) = shown.clone() {
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Flush, &quiet)?;
    }
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    if let Some(shown) = shown {
        tcsetattr(&stdin, OptionalActions::Flush, &shown)?;
        writeln!(out)?;
    }
    read?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// Prints what an action says.
struct Terminal {
    making: PathBuf,
    kept: PathBuf,
}

impl Listener for Terminal {
    fn event(&mut self, kind: Kind) {
        match kind {
            Kind::Phase { title, .. } => println!("== {}", harmless(&title)),
            Kind::Progress { percent, detail } => println!("{percent:3.0} % {}", harmless(&detail)),
            Kind::Log { line, .. } => println!("  {}", harmless(&line)),
            Kind::Warning { message } => println!("Warning: {}", harmless(&message)),
            Kind::Text { title, text: said } => {
                println!("{}\n{}", harmless(&title.unwrap_or_default()), text::lines(&said));
            }
            Kind::Table { columns, rows } => {
                let line =
                    |cells: &[String]| cells.iter().map(|c| harmless(c)).collect::<Vec<_>>().join("\t");
                println!("{}", line(&columns));
                rows.iter().for_each(|row| println!("{}", line(row)));
            }
            Kind::Artifact { name, size, .. } => println!("File: {name} ({})", text::size(size)),
            Kind::Secret { .. } | Kind::Result { .. } => {}
        }
    }
    fn artifact(&mut self, name: &str) -> Result<u64, String> {
        let size = artifact::take(&self.making, &self.making, name, &AtomicBool::new(false))?;
        fs::copy(self.making.join(name), self.kept.join(name)).map_err(|e| e.to_string())?;
        Ok(size)
    }
    fn secret(&mut self, label: &str, value: &str) -> Result<(), String> {
        println!("{}: {}", harmless(label), text::lines(value));
        Ok(())
    }
    fn restart(&mut self, unit: &str) -> Result<String, String> {
        Ok(format!("{unit} would be restarted."))
    }
    fn cancelled(&self) -> bool {
        false
    }
}
