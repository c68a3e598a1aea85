//! The program `appliance-configure`: one file per subcommand.

mod apply;
mod drift;
mod health;
mod list;
mod plan;
mod secrets;
mod settings;
mod undo;

use crate::{Error, Machine, lock::Lock};
use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Configures an appliance on this machine: every change is recorded, and can be taken back exactly.
///
/// Exit status: 0 done, 1 it failed (or not healthy, or drifted), 2 the definition or an answer is wrong, 3 not possible here
/// (no root, another run at work), 5 the disk is full.
#[derive(Parser)]
#[command(name = "appliance-configure", version)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes the machine as the appliance says; a second run changes nothing
    Apply {
        name: String,
        /// Take the answers from debconf (only in a maintainer script that has sourced the confmodule)
        #[arg(long)]
        debconf: bool,
        /// Take new answers from standard input, a JSON object of names and texts; the others stay
        #[arg(long, conflicts_with = "debconf")]
        answers: bool,
        /// Take them only when no answer has changed since `settings` told this revision
        #[arg(long, requires = "answers")]
        revision: Option<String>,
        /// Print the result as one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Shows what `apply` would change, changing nothing
    Plan {
        name: String,
        #[arg(long)]
        json: bool,
    },
    /// Shows where the machine has drifted from what the appliance says; reads no secret
    Diff {
        name: String,
        #[arg(long)]
        json: bool,
    },
    /// Takes all changes back; data, answers and secrets stay
    Undo {
        name: String,
        #[arg(long)]
        json: bool,
    },
    /// Checks whether the appliance works
    Health {
        name: String,
        #[arg(long)]
        json: bool,
        /// Give each check the time that its definition allows
        #[arg(long)]
        wait: bool,
    },
    /// Prints a secret, such as a generated password
    Secret { name: String, question: String },
    /// Lists the appliances on this machine
    List {
        #[arg(long)]
        json: bool,
    },
    /// Prints the answers that are no secrets
    Answers {
        name: String,
        #[arg(long)]
        json: bool,
    },
    /// Prints the questions with their present answers as JSON, for a form; secrets are left out
    Settings {
        name: String,
        /// Languages of the texts, the best first: de_AT:de
        #[arg(long, default_value = "", hide_default_value = true)]
        languages: String,
        /// Say instead what would come of the answers on standard input, as `apply --answers` takes them
        #[arg(long)]
        check: bool,
        /// With --check: whether an answer has changed since this revision was told
        #[arg(long, requires = "check")]
        revision: Option<String>,
        /// Read a file of answers on standard input (TOML, YAML, JSON, debconf's selections), and print it as --check takes it
        #[arg(long, conflicts_with = "check")]
        read: bool,
    },
}

/// Reads the arguments, does the work, prints what went wrong.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&Machine::here(), arguments.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("appliance-configure: {error:#}");
            ExitCode::from(error.downcast_ref::<Error>().map_or(1, Error::exit_code))
        }
    }
}

fn run(machine: &Machine, command: Command) -> Result<ExitCode> {
    match command {
        Command::Apply { name, debconf, answers, revision, json } => {
            let from = match (debconf, answers) {
                (true, _) => apply::From::Debconf,
                (_, true) => apply::From::Input(revision),
                _ => apply::From::Nowhere,
            };
            apply::run(machine, &name, from, json)
        }
        Command::Plan { name, json } => plan::run(machine, &name, json),
        Command::Diff { name, json } => drift::run(machine, &name, json),
        Command::Undo { name, json } => undo::run(machine, &name, json),
        Command::Health { name, json, wait } => health::run(machine, &name, json, wait),
        Command::Secret { name, question } => secrets::secret(machine, &name, &question),
        Command::List { json } => list::run(machine, json),
        Command::Answers { name, json } => secrets::answers(machine, &name, json),
        Command::Settings { name, check: true, revision, .. } => {
            settings::check(machine, &name, revision.as_deref())
        }
        Command::Settings { name, read: true, .. } => settings::read(machine, &name),
        Command::Settings { name, languages, .. } => settings::show(machine, &name, &languages),
    }
}

fn need_root() -> Result<(), Error> {
    if rustix::process::geteuid().is_root() { Ok(()) } else { Err(Error::NotRoot) }
}

/// Root, and the only one at work.
fn begin(machine: &Machine) -> Result<Lock, Error> {
    need_root()?;
    Lock::take(machine)
}

/// The outcome of a run, for a program or a person; a person has read the lines as they came.
fn print_outcome(name: &str, outcome: &crate::Outcome, json: bool, nothing: &str) -> Result<ExitCode> {
    if json {
        println!(
            "{}",
            serde_json::to_string(&serde_json::json!({
                "appliance": name, "changed": outcome.changed, "notes": outcome.notes,
            }))?
        );
    } else if outcome.changed.is_empty() {
        println!("{nothing}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Lines of progress: none where the result is JSON.
fn teller(json: bool) -> impl FnMut(&str) {
    move |line| {
        if !json {
            println!("{line}");
        }
    }
}
