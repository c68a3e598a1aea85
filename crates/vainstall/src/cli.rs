//! The command line.

use crate::{
    fence::Fence,
    frontend::{gate, relay},
    install, progress,
};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

const EXAMPLES: &str = "\
Examples:
  vainstall moinmoin-appliance
  vainstall moinmoin --repository http://appliances.example.org/debian --key appliances.asc
  vainstall moinmoin --set wiki-name='Our Wiki' --answers answers.toml --non-interactive
  vainstall moinmoin --dry-run
  vainstall moinmoin --web
  vainstall --reconfigure moinmoin --set wiki-name='New name'
  vainstall --remove moinmoin

Answers, the first that has one wins: --set, --answers, VAINSTALL_ANSWER_WIKI_NAME in the environment, systemd's
credentials (vainstall.moinmoin.wiki-name, vainstall.moinmoin, vainstall.answers), cloud-init's user data, what an
interrupted run was told, debconf; then you are asked, at the terminal or with --web on a page in your browser. The page's
link and its certificate's fingerprint are printed; each link opens one browser, once.

An image asks when it boots for the first time: systemctl enable vainstall-fence@NAME vainstall-first-boot@NAME.

Exit status: 0 the appliance is healthy, 1 it is not or the work failed, 2 wrong or missing input, 3 not possible on
this machine, 4 network or repository, 5 disk full.";

/// Turns this Debian machine into an appliance
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Arguments {
    /// The appliance: moinmoin or moinmoin-appliance
    #[arg(required = true, value_parser = appliance)]
    pub name: Option<String>,
    /// Configure this repository first (http, https or file)
    #[arg(long, value_name = "URI")]
    pub repository: Option<String>,
    /// The repository's public key, an OpenPGP file; needed with --repository when that is not configured yet
    #[arg(long, value_name = "FILE", requires = "repository")]
    pub key: Option<PathBuf>,
    /// The repository's suite
    #[arg(long, default_value = "stable", requires = "repository")]
    pub suite: String,
    /// The repository's component
    #[arg(long, default_value = "main", requires = "repository")]
    pub component: String,
    /// Answers, as TOML (wiki-name = "Our Wiki"), YAML, JSON or debconf's selections
    #[arg(long, value_name = "FILE")]
    pub answers: Option<PathBuf>,
    /// One answer, also to a package's own question (PACKAGE/QUESTION=ANSWER); a password is better given by a file, as
    /// other users can read a command line
    #[arg(long = "set", value_name = "QUESTION=ANSWER")]
    pub set: Vec<String>,
    /// Those of `set` whose question has a slash in its name: a package's own
    #[arg(skip)]
    pub set_in_debconf: Vec<String>,
    /// Remove the appliance: the machine becomes what it was before, but for the data
    #[arg(long, conflicts_with_all = ["repository", "answers", "set", "accept_defaults"])]
    pub remove: bool,
    /// Change the answers of an appliance that is installed
    #[arg(long, conflicts_with_all = ["repository", "remove", "accept_defaults"])]
    pub reconfigure: bool,
    /// With --remove: the data too, for ever
    #[arg(long, requires = "remove")]
    pub delete_data: bool,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Ask nothing; an answer that is missing is an error
    #[arg(long)]
    pub non_interactive: bool,
    /// Ask on a page in the browser, not at the terminal
    #[arg(long, conflicts_with_all = ["non_interactive", "remove", "dry_run"])]
    pub web: bool,
    /// With --web: give up when nobody has answered for so long
    #[arg(long, value_name = "SECONDS")]
    pub web_timeout: Option<u64>,
    /// As --web, and nothing of this machine but the page and SSH is reachable before the answers are applied; tells the link
    /// on the console too. For vainstall-first-boot@.service
    #[arg(long, conflicts_with_all = ["non_interactive", "remove", "reconfigure", "dry_run"])]
    pub first_boot: bool,
    /// Where packages ask what nobody foresaw: take their own defaults
    #[arg(long)]
    pub accept_defaults: bool,
    /// Also when packages have to be removed
    #[arg(long, short)]
    pub yes: bool,
    /// Seconds to wait for another program that holds apt's or dpkg's lock
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub wait: u32,
    /// At the end, one JSON object on standard output; progress goes to standard error
    #[arg(long)]
    pub json: bool,
    /// How progress is shown; a bar at a terminal, plain lines elsewhere
    #[arg(long, value_enum)]
    pub progress: Option<progress::Style>,
    #[command(subcommand)]
    pub generate: Option<Generate>,
}

/// For packaging, and for vainstall itself.
#[derive(Debug, Subcommand)]
pub enum Generate {
    /// The shell's completions, on standard output
    #[command(hide = true)]
    Completions { shell: command_line::Shell },
    /// The manual page, on standard output
    #[command(hide = true)]
    Man,
    /// Stands between debconf and vainstall
    #[command(hide = true, name = relay::COMMAND)]
    RelayDebconf,
    /// Says whether apt may begin
    #[command(hide = true, name = gate::COMMAND)]
    GateDebconf {
        /// Waits until the plan is decided on
        #[arg(long)]
        plan: bool,
    },
    /// Closes the machine for its first boot, as vainstall-fence@.service
    #[command(hide = true)]
    RaiseFence {
        #[arg(value_parser = appliance)]
        name: String,
    },
    /// Opens it again
    #[command(hide = true)]
    LowerFence {
        #[arg(value_parser = appliance)]
        name: String,
    },
}

/// The name goes into commands, paths and rules of the network: here it is looked at, once for all.
fn appliance(given: &str) -> Result<String, String> {
    match !given.contains(':') && apt::name::is_package_name(&format!("{given}-appliance")) {
        true => Ok(given.to_owned()),
        false => Err("it is no name of an appliance; an example is moinmoin".to_owned()),
    }
}

impl Arguments {
    /// The appliance's name and its metapackage.
    pub fn names(&self) -> (String, String) {
        let given = self.name.as_deref().unwrap_or_default();
        let name = given.strip_suffix("-appliance").unwrap_or(given).to_owned();
        let package = format!("{name}-appliance");
        (name, package)
    }

    /// Parts the answers to the packages' questions from those to the appliance's.
    fn sorted(mut self) -> Self {
        let foreign = |given: &String| given.split('=').next().is_some_and(|name| name.contains('/'));
        (self.set_in_debconf, self.set) = self.set.drain(..).partition(foreign);
        self
    }

    pub fn style(&self) -> progress::Style {
        self.progress.unwrap_or_else(progress::Style::for_this_terminal)
    }
}

/// What `main` of the program calls.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse().sorted();
    let written = match &arguments.generate {
        None => return install::run(&arguments),
        Some(Generate::RelayDebconf) => return relay::main(),
        Some(Generate::GateDebconf { plan }) => return gate::main(*plan),
        Some(Generate::RaiseFence { name }) => return install::told(Fence::of(name).raise()),
        Some(Generate::LowerFence { name }) => return install::told(Fence::of(name).lower()),
        Some(Generate::Completions { shell }) => {
            Ok(command_line::completions(*shell, Arguments::command(), &[]))
        }
        Some(Generate::Man) => command_line::manual(Arguments::command()),
    };
    match written.and_then(|text| io::stdout().write_all(&text)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

impl ValueEnum for progress::Style {
    fn value_variants<'a>() -> &'a [Self] {
        &[progress::Style::Bar, progress::Style::Plain, progress::Style::Json]
    }
    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(match self {
            progress::Style::Bar => "bar",
            progress::Style::Plain => "plain",
            progress::Style::Json => "json",
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn both_names_mean_the_same() {
        for name in ["moinmoin", "moinmoin-appliance"] {
            let names = Arguments::parse_from(["vainstall", name]).names();
            assert_eq!(names, ("moinmoin".to_owned(), "moinmoin-appliance".to_owned()));
        }
    }

    #[test]
    fn what_is_no_name_goes_nowhere() {
        for name in ["../wiki", "Wiki", "wiki; drop", "wiki:amd64", "", "a b"] {
            assert!(Arguments::try_parse_from(["vainstall", name]).is_err(), "{name}");
            assert!(Arguments::try_parse_from(["vainstall", "raise-fence", name]).is_err(), "{name}");
        }
    }
}
