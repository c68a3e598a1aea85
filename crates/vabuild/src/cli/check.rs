//! `vabuild check [FOLDER…]`

use crate::{
    check::{self, index, install},
    exit::Failure,
    folder::{DEFINITION, Folder},
};
use anyhow::{Context, Result};
use appliance::{Definition, Examined, Problem, problem::printable};
use rehearsal::Release;
use serde_json::json;
use std::{
    io::Write,
    path::{Path, PathBuf},
};

/// Finds all mistakes in a definition
///
/// Unknown keys, missing files, templates with names that nobody sets, secrets that others could read, packages that
/// the release does not have: everything is told at once, with the line and what to write instead. With --install, the
/// packages are built and installed in a throw-away root as well, and every question that is asked there at priority high
/// or above has to be answered by a seed or by a question of the appliance.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  vabuild check\n  vabuild check appliances/moinmoin --offline --json\n  \
    vabuild check mail-relay --install --answers answers.toml"
)]
pub struct Arguments {
    /// The definitions' folders; several are also held against each other, as for one machine
    #[arg(default_value = ".")]
    folder: Vec<PathBuf>,
    /// Do not look packages up in the release
    #[arg(long, conflicts_with = "install")]
    offline: bool,
    /// Install in a throw-away root and look what is asked there; takes root's rights
    #[arg(long)]
    install: bool,
    /// With --install: answers to the appliance's own questions; without, defaults and made-up ones
    #[arg(long, value_name = "FILE", requires = "install")]
    answers: Option<PathBuf>,
    /// With --install: the folder with the programs that the definition calls {bin}/NAME
    #[arg(long, value_name = "FOLDER", requires = "install")]
    programs: Option<PathBuf>,
    /// The Debian release to look packages up in, instead of the definition's first
    #[arg(long, value_name = "NAME", conflicts_with = "offline")]
    release: Option<String>,
    /// The Debian mirror to look packages up in, instead of this machine's
    #[arg(long, value_name = "ADDRESS", conflicts_with = "offline")]
    mirror: Option<String>,
    /// Write the mistakes as a JSON list to standard output; with --install, an object with the question coverage
    #[arg(long)]
    json: bool,
}

/// What is known of one definition.
struct Looked {
    path: PathBuf,
    examined: Examined,
    coverage: Option<crate::coverage::Coverage>,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let (mut all, mut failed, mut notes) = (vec![], None, vec![]);
    for path in &arguments.folder {
        let folder = Folder::open(path)
            .map_err(|e| Failure::bad_input(format!("{} is no definition's folder: {e}", path.display())))?;
        let mut looked =
            Looked { path: path.clone(), examined: check::examine(&folder, path)?, coverage: None };
        match looked.further(arguments, &folder) {
            Ok(note) => notes.push(note),
            Err(error) => failed = failed.or(Some(error)),
        }
        all.push(looked);
    }
    let conflicts = conflicts(&all);
    if arguments.json {
        let text = serde_json::to_string_pretty(&as_json(arguments, &all, &conflicts))? + "\n";
        std::io::stdout().write_all(text.as_bytes()).context("cannot write the mistakes")?;
    }
    for looked in &all {
        if let Some(coverage) = &looked.coverage {
            eprintln!("{}: question coverage {coverage} in {}", looked.path.display(), coverage.release);
        }
    }
    conflicts.iter().for_each(|text| eprintln!("vabuild: {}", printable(text)));
    let problems: Vec<Problem> = all.iter().flat_map(|l| l.examined.problems.clone()).collect();
    let count = problems.len() + conflicts.len();
    match failed {
        None if count == 0 => {
            for (looked, note) in all.iter().zip(notes) {
                eprintln!("no mistakes in {}{note}", looked.path.display());
            }
            Ok(())
        }
        Some(error) if count == 0 => Err(error),
        failed => {
            let failure = match arguments.json || problems.is_empty() {
                true => Failure::bad_input(format!("mistakes: {count}")),
                false => check::refuse(&problems)?,
            };
            if let Some(error) = failed {
                eprintln!("vabuild: not everything was looked at: {error:#}");
            } else if let Some(note) = notes.iter().find(|n| !n.is_empty()) {
                eprintln!("vabuild: {}", note.trim_start_matches("; "));
            }
            Err(failure.into())
        }
    }
}

fn as_json(arguments: &Arguments, all: &[Looked], conflicts: &[String]) -> serde_json::Value {
    let problems: Vec<&Problem> = all.iter().flat_map(|l| &l.examined.problems).collect();
    if !arguments.install {
        return json!(problems);
    }
    let coverage: Vec<_> = all
        .iter()
        .filter_map(|l| Some(json!({ "definition": l.path, "coverage": l.coverage.as_ref()? })))
        .collect();
    json!({ "mistakes": problems, "conflicts": conflicts, "coverage": coverage })
}

fn conflicts(all: &[Looked]) -> Vec<String> {
    let with_appliance =
        |l: &'_ Looked| l.examined.definition.as_ref().is_some_and(|d| d.appliance.is_some());
    let definitions: Vec<_> = all
        .iter()
        .filter(|l| with_appliance(l))
        .filter_map(|l| l.examined.definition.as_ref())
        .filter_map(|d| Some((d.appliance.as_ref()?, d)))
        .collect();
    install::conflicts::conflicts(&definitions)
}

impl Looked {
    /// Looks packages up, and installs when that was asked for; what to say besides.
    fn further(&mut self, arguments: &Arguments, folder: &Folder) -> Result<String> {
        let note = look_up(arguments, &mut self.examined)?;
        if !arguments.install || !self.examined.problems.is_empty() {
            return Ok(note);
        }
        let Some(definition) = &self.examined.definition else { return Ok(note) };
        let Some(appliance) = &definition.appliance else {
            return Ok("; it defines no appliance: there is nothing to install".into());
        };
        let release = release(arguments, definition)?;
        let say = |text: &str| eprintln!("{text}");
        let (answers, programs) = (arguments.answers.as_deref(), arguments.programs.as_deref());
        let options = install::Options { release: &release, answers, programs, say: &say };
        let checked = install::check(folder, &file_name(&self.path), definition, appliance, &options)?;
        checked.remarks.iter().for_each(|remark| eprintln!("vabuild: {}", printable(remark)));
        self.coverage = Some(checked.coverage);
        self.examined.problems = checked.problems;
        Ok(note)
    }
}

/// The definition's file as the person would name it.
fn file_name(path: &Path) -> String {
    let name = if path.is_file() { path.to_path_buf() } else { path.join(DEFINITION) };
    name.strip_prefix(".").unwrap_or(&name).to_string_lossy().into_owned()
}

fn release(arguments: &Arguments, definition: &Definition) -> Result<Release> {
    let first = definition.appliance.as_ref().and_then(|a| a.releases.first().cloned());
    let name = arguments.release.clone().or(first).unwrap_or_else(|| "trixie".into());
    appliance::names::release(&name).map_err(|e| Failure::bad_input(e.message))?;
    Ok(Release { name, mirror: arguments.mirror.clone() })
}

/// Adds the packages that the release does not have to the mistakes; what to say about it besides.
fn look_up(arguments: &Arguments, examined: &mut Examined) -> Result<String> {
    let Some(definition) = &examined.definition else { return Ok(String::new()) };
    let count = examined.wanted.len();
    if count == 0 {
        return Ok(String::new());
    }
    let release = release(arguments, definition)?;
    if arguments.offline {
        return Ok(format!("; --offline: packages not looked up in {}: {count}", release.name));
    }
    let missing = index::missing(examined, &release);
    let missing = missing.context("with --offline the packages are not looked up");
    examined.problems.append(&mut missing?);
    examined.problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    Ok(String::new())
}
