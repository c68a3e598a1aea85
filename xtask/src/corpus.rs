//! `cargo xtask corpus`: every application of the corpus, installed with nobody there and then used.
//!
//! Where VAT_PROGRAMS, VAT_REPOSITORY and VAT_KEY name what `cargo xtask dist` made, that is taken as it is.

use crate::dist;
use anyhow::{Context, Result, ensure};
use scenarios::{
    Dist,
    corpus::{self, Entry, Outcome},
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};
use testbed::Lab;

#[derive(clap::Args)]
pub struct Arguments {
    /// Folders of `corpus/`; all of them when none is named
    names: Vec<String>,
    /// Write the table here too; rows of applications that are not tried now stay as they are
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Do not measure the question coverage; what was measured before is told
    #[arg(long)]
    no_coverage: bool,
}

const HEAD: &str = "| application | questions asked | coverage | usable | seconds |\n|---|--:|--:|---|--:|\n";
const ABOUT: &str = "# The corpus\n\n\
    Debian's packages of these applications come out wrong or unfinished when they are installed with nobody there; the first lines of \
    each definition in [corpus](../corpus) say how. Each was installed with one command, `vainstall NAME --non-interactive`, on a fresh \
    Debian 13, and then used by its program `usable`. *Questions asked* are those of Debian's packages at priority high or above; \
    *coverage* is how many of them the appliance answers; *seconds* is the time of the installation. `cargo xtask corpus --markdown \
    docs/corpus.md` writes this page.\n\n";

pub fn run(arguments: &Arguments) -> Result<()> {
    testbed::host::need_root()?;
    testbed::host::need_machine_tools()?;
    testbed::lab::clean_leftovers()?;
    let entries = corpus::entries(&arguments.names)?;
    let dist = match Dist::find() {
        Ok(dist) => dist,
        Err(_) => build()?,
    };
    let lab = Lab::new(&dist.repository)?;
    let mut outcomes = vec![];
    for entry in &entries {
        let started = Instant::now();
        let outcome = try_one(arguments, entry, &dist, &lab);
        print!("{}", row(&outcome));
        eprintln!("({} took {:.0} s in all)", entry.name, started.elapsed().as_secs_f64());
        outcomes.push(outcome);
        // after each, so that an interrupted run is not lost
        if let Some(path) = &arguments.markdown {
            write(path, &outcomes)?;
        }
    }
    println!("\n{HEAD}{}", outcomes.iter().map(row).collect::<String>());
    let failed: Vec<&Outcome> = outcomes.iter().filter(|o| o.failure.is_some()).collect();
    for outcome in &failed {
        println!("{} is not usable: {}", outcome.name, outcome.failure.as_deref().unwrap_or_default());
    }
    ensure!(failed.is_empty(), "not usable: {} of {}", failed.len(), outcomes.len());
    Ok(())
}

fn build() -> Result<Dist> {
    let built = dist::run()?;
    Ok(Dist { programs: built.programs, repository: built.repository, key: built.key })
}

fn try_one(arguments: &Arguments, entry: &Entry, dist: &Dist, lab: &Lab) -> Outcome {
    println!("\n{}", entry.name);
    // a question that is left open is told, and shows in the table; the application may be usable all the same
    if !arguments.no_coverage
        && let Err(error) = entry.measure(dist)
    {
        println!("{error:#}");
    }
    entry.try_out(dist, lab)
}

/// The table with these outcomes, and the rows of applications that were not tried.
fn write(path: &Path, outcomes: &[Outcome]) -> Result<()> {
    let known = corpus::entries(&[])?;
    let old = fs::read_to_string(path).unwrap_or_default();
    let name = |line: &str| line.strip_prefix("| ")?.split(" |").next().map(str::to_owned);
    let mut rows: BTreeMap<String, String> = old
        .lines()
        .filter_map(|line| Some((name(line)?, format!("{line}\n"))))
        .filter(|(name, _)| known.iter().any(|e| e.name == *name))
        .collect();
    rows.extend(outcomes.iter().map(|o| (o.name.clone(), row(o))));
    let text = format!("{ABOUT}{HEAD}{}", rows.into_values().collect::<String>());
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn row(outcome: &Outcome) -> String {
    let cell = |value: Option<String>| value.unwrap_or_else(|| "-".into());
    let usable = outcome.failure.as_ref().map_or("yes".into(), |reason| format!("no: {reason}"));
    let (asked, answered) = (outcome.asked, outcome.answered);
    let coverage = asked.zip(answered).map(|(asked, answered)| format!("{answered}/{asked}"));
    let seconds = outcome.seconds.map(|s| format!("{s:.0}"));
    format!(
        "| {} | {} | {} | {usable} | {} |\n",
        outcome.name,
        cell(asked.map(|n| n.to_string())),
        cell(coverage),
        cell(seconds)
    )
}
