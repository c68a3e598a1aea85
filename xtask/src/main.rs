//! What a developer runs: `cargo xtask demo`, `test`, `corpus`, `lint`, `dist`, `bench`, `fuzz`.

mod bench;
mod corpus;
mod demo;
mod dist;
mod fuzz;
mod lint;
mod test;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Build, try and measure the project; installs the Debian tools it needs", after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything, boot a fresh Debian 13 and install the MoinMoin appliance in it
    Demo(demo::Arguments),
    /// Run all tests, those on booted machines and in a real browser included
    Test(test::Arguments),
    /// Install every application of the corpus with nobody there, and use it
    Corpus(corpus::Arguments),
    /// Check the form of the sources, clippy's lints and the dependencies
    Lint,
    /// Measure against what a user would pick instead, in the same run
    Bench(bench::Arguments),
    /// Throw broken input at what reads from outside
    Fuzz(fuzz::Arguments),
    /// Build the project's packages and the appliances into a signed repository
    Dist,
}

const EXAMPLES: &str = "Examples:
  cargo xtask demo            a wiki to look at, until Ctrl-C
  cargo xtask demo --check    the same, checked and cleaned up
  cargo xtask test            everything that CI runs
  cargo xtask test -- wiki    only the tests with `wiki` in their name
  cargo xtask corpus slapd    one application of the corpus";

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Corpus(arguments) => corpus::run(&arguments),
        Command::Lint => lint::run(),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Dist => {
            dist::run().map(|dist| println!("the repository is in {}", dist.repository.display()))
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
