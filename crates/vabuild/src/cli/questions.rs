//! `vabuild questions DEFINITION-or-PACKAGE…`

use crate::{
    check::{self, index},
    exit::Failure,
    folder::{DEFINITION, Folder},
    questions::{self, seeds, table, wanted},
};
use anyhow::{Context, Result};
use appliance::problem::printable;
use rehearsal::{Ending, Priority, Recording, Rehearsal, Release, rehearse::Wanted};
use serde_json::json;
use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
};

/// Lists what packages ask while apt installs them
///
/// The packages are installed in a throw-away root of the release, with a debconf frontend that takes every default and
/// writes down what it is asked. So what is listed as asked was asked, at this priority, on a machine that knew nothing.
/// No service runs there: what a script asks only when a database server answers is not asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  vabuild questions postfix slapd\n  \
    vabuild questions appliances/moinmoin --json\n  vabuild questions phpmyadmin --seeds >> appliance.toml")]
pub struct Arguments {
    /// Definitions' folders, or names of packages; all are installed together
    #[arg(required = true, value_name = "DEFINITION-or-PACKAGE")]
    what: Vec<String>,
    /// The Debian release, instead of the first definition's first, or trixie
    #[arg(long, value_name = "NAME")]
    release: Option<String>,
    /// The Debian mirror, instead of this machine's
    #[arg(long, value_name = "ADDRESS")]
    mirror: Option<String>,
    /// Leave out what was not asked
    #[arg(long)]
    asked: bool,
    /// Write everything as JSON
    #[arg(long, conflicts_with = "seeds")]
    json: bool,
    /// Write [[seed]] tables for a definition, with the defaults as values
    #[arg(long)]
    seeds: bool,
    /// With --seeds: what is asked at this priority or higher
    #[arg(long, value_name = "PRIORITY", default_value = "high", requires = "seeds", value_parser = ["low", "medium", "high", "critical"])]
    priority: String,
}

/// What the arguments stand for.
#[derive(Default)]
struct Subject {
    packages: Vec<String>,
    relations: Vec<String>,
    /// Installed before the rest.
    first: Vec<String>,
    release: Option<String>,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    rehearsal::host::check()?;
    let subject = subject(arguments)?;
    let name = arguments.release.clone().or(subject.release.clone()).unwrap_or_else(|| "trixie".into());
    appliance::names::release(&name).map_err(|e| Failure::bad_input(e.message))?;
    let release = Release { name, mirror: arguments.mirror.clone() };
    let unknown = index::unknown(&subject.packages, &release)?;
    if !unknown.is_empty() {
        return Err(Failure::bad_input(unknown.join("\n")).into());
    }
    let wanted = match subject.relations.is_empty() {
        true => Wanted::Packages(subject.packages),
        false => Wanted::Relations([subject.relations, subject.packages].concat()),
    };
    let say = |text: &str| eprintln!("{text}");
    let rehearsal = Rehearsal {
        release: &release,
        wanted,
        first: subject.first,
        first_seeds: vec![],
        first_answers: BTreeMap::new(),
        repository: None,
        selections: String::new(),
        priority: Priority::Low,
        say: &say,
    };
    let recording = rehearsal::rehearse(&rehearsal)?;
    let text = output(arguments, &recording)?;
    std::io::stdout().write_all(text.as_bytes()).context("cannot write the questions")?;
    for remark in questions::remarks(&recording) {
        eprintln!("vabuild: {remark}");
    }
    Ok(())
}

fn output(arguments: &Arguments, recording: &Recording) -> Result<String> {
    let mut questions = questions::of(recording);
    if arguments.seeds {
        let from = Priority::parse(&arguments.priority).unwrap_or(Priority::High);
        return Ok(seeds::text(&questions, from));
    }
    if !arguments.json {
        return Ok(table::text(&questions, arguments.asked));
    }
    questions.retain(|q| !arguments.asked || q.asked.is_some());
    let packages: Vec<_> =
        recording.closure.iter().map(|p| json!({ "name": p.name, "version": p.version })).collect();
    let all = json!({
        "release": recording.release, "complete": recording.ending == Ending::Complete, "packages": packages,
        "questions": questions, "remarks": questions::remarks(recording),
    });
    Ok(serde_json::to_string_pretty(&all)? + "\n")
}

fn subject(arguments: &Arguments) -> Result<Subject> {
    let mut subject = Subject::default();
    for what in &arguments.what {
        let path = Path::new(what);
        if path.is_dir() || what.contains('/') || what.ends_with(DEFINITION) {
            subject.definition(path)?;
        } else {
            appliance::names::package(what).map_err(|e| {
                Failure::bad_input(format!("{} is no name of a package: {}", printable(what), e.message))
            })?;
            subject.packages.push(what.clone());
        }
    }
    Ok(subject)
}

impl Subject {
    fn definition(&mut self, path: &Path) -> Result<()> {
        let folder = Folder::open(path)
            .map_err(|e| Failure::bad_input(format!("{} is no definition's folder: {e}", path.display())))?;
        let definition = check::load(&folder, &PathBuf::from(path))?;
        let Some(appliance) = &definition.appliance else {
            let message = format!("{} defines no appliance: name its packages instead", path.display());
            return Err(Failure::bad_input(message).into());
        };
        self.relations.extend(wanted::relations(&definition));
        self.first.extend(definition.before());
        if self.release.is_none() {
            self.release = appliance.releases.first().cloned();
        }
        Ok(())
    }
}
