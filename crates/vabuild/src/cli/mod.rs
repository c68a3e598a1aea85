//! The command line: which subcommands there are. Each is a module with `Arguments` and `run`.

mod build;
mod check;
mod completions;
mod key;
mod man;
mod new;
mod questions;
mod repository;
mod schema;
mod translate;

use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

/// Makes appliances: from a definition to Debian packages, from packages to a signed repository.
#[derive(Debug, Parser)]
#[command(name = "vabuild", version, after_help = EXIT_HELP)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_HELP: &str = "Exit status: 0 done, 1 the work failed, 2 usage or a mistake in the definition, \
3 not possible here, 4 network or repository, 5 disk full.";

#[derive(Debug, Subcommand)]
enum Command {
    New(new::Arguments),
    Check(check::Arguments),
    Questions(questions::Arguments),
    Schema(schema::Arguments),
    Translate(translate::Arguments),
    Build(build::Arguments),
    Repository(repository::Arguments),
    Key(key::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// Runs the program and says how it ended.
pub fn run() -> ExitCode {
    let result = match Cli::parse().command {
        Command::New(arguments) => new::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Questions(arguments) => questions::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Translate(arguments) => translate::run(&arguments),
        Command::Build(arguments) => build::run(&arguments),
        Command::Repository(arguments) => repository::run(&arguments),
        Command::Key(arguments) => key::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => crate::exit::report("vabuild", &error),
    }
}

/// Seconds since 1970: what is signed bears the time of signing.
pub(crate) fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |time| time.as_secs())
}

/// The command line's description, for manual pages and completions.
pub fn command() -> clap::Command {
    Cli::command()
}
