//! `vabuild check [FOLDER]`

use crate::{
    check::{self, index},
    exit::Failure,
    folder::Folder,
};
use anyhow::{Context, Result};
use appliance::Examined;
use std::{io::Write, path::PathBuf};

/// Finds all mistakes in a definition
///
/// Unknown keys, missing files, templates with names that nobody sets, secrets that others could read, packages that
/// the release does not have: everything is told at once, with the line and what to write instead.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  vabuild check\n  vabuild check appliances/moinmoin --offline --json")]
pub struct Arguments {
    /// The definition's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Do not look packages up in the release
    #[arg(long)]
    offline: bool,
    /// The Debian release to look packages up in, instead of the definition's first
    #[arg(long, value_name = "NAME", conflicts_with = "offline")]
    release: Option<String>,
    /// The Debian mirror to look packages up in, instead of this machine's
    #[arg(long, value_name = "ADDRESS", conflicts_with = "offline")]
    mirror: Option<String>,
    /// Write the mistakes as a JSON list to standard output
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let folder = Folder::open(&arguments.folder).map_err(|e| {
        Failure::bad_input(format!("{} is no definition's folder: {e}", arguments.folder.display()))
    })?;
    let mut examined = check::examine(&folder, &arguments.folder)?;
    let looked_up = look_up(arguments, &mut examined);
    let problems = &examined.problems;
    if arguments.json {
        let text = serde_json::to_string_pretty(problems)? + "\n";
        std::io::stdout().write_all(text.as_bytes()).context("cannot write the mistakes")?;
    }
    match (looked_up, problems.as_slice()) {
        (Err(error), []) => Err(error),
        (Ok(note), []) => {
            eprintln!("no mistakes in {}{note}", arguments.folder.display());
            Ok(())
        }
        (looked_up, problems) => {
            let failure = match arguments.json {
                true => Failure::bad_input(format!("mistakes in the definition: {}", problems.len())),
                false => check::refuse(problems)?,
            };
            match looked_up {
                Ok(note) if note.is_empty() => {}
                Ok(note) => eprintln!("vabuild: {}", note.trim_start_matches("; ")),
                Err(error) => eprintln!("vabuild: packages were not looked up: {error:#}"),
            }
            Err(failure.into())
        }
    }
}

/// Adds the packages that the release does not have to the mistakes; what to say about it besides.
fn look_up(arguments: &Arguments, examined: &mut Examined) -> Result<String> {
    let Some(definition) = &examined.definition else { return Ok(String::new()) };
    let count = examined.wanted.len();
    if count == 0 {
        return Ok(String::new());
    }
    let first = definition.appliance.as_ref().and_then(|a| a.releases.first().cloned());
    let name = arguments.release.clone().or(first).unwrap_or_else(|| "trixie".into());
    if arguments.offline {
        return Ok(format!("; --offline: packages not looked up in {name}: {count}"));
    }
    appliance::names::release(&name).map_err(|e| Failure::bad_input(e.message))?;
    let release = index::Release { name: name.clone(), mirror: arguments.mirror.clone() };
    let mut missing = index::missing(examined, &release)?;
    examined.problems.append(&mut missing);
    examined.problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    Ok(String::new())
}
