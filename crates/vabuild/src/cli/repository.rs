//! `vabuild repository`

use crate::exit::{Failure, Kind};
use anyhow::{Context, Result};
use clap::Subcommand;
use repository::{GpgSigner, Package, PublicKey, Repository, SecretKey, Settings, Signer, Transfer};
use serde_json::{Value, json};
use std::{
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

/// Keeps a signed apt repository in a folder
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Adds packages, and the .seeds beside them: all of them or none
    #[command(
        after_help = "Example:\n  vabuild repository add /srv/apt --key repository.secret packages/*.deb"
    )]
    Add {
        #[command(flatten)]
        place: Place,
        /// The packages
        #[arg(required = true, value_name = "DEB")]
        packages: Vec<PathBuf>,
        #[command(flatten)]
        signing: Signing,
        #[command(flatten)]
        about: About,
        /// Link the files into the pool instead of copying them; nobody may change them afterwards
        #[arg(long)]
        link: bool,
        /// Write what was added as JSON
        #[arg(long)]
        json: bool,
    },
    /// Lists the published packages
    #[command(after_help = "Example:\n  vabuild repository list /srv/apt --json")]
    List {
        #[command(flatten)]
        place: Place,
        /// Write them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Reads everything that is published and compares it with what was signed
    #[command(after_help = "Example:\n  vabuild repository verify /srv/apt --public repository.asc")]
    Verify {
        #[command(flatten)]
        place: Place,
        /// The public key
        #[arg(long, value_name = "FILE")]
        public: PathBuf,
    },
    /// Signs what is published again, with a new date and a new end of validity
    #[command(
        after_help = "Example, from a timer:\n  vabuild repository refresh /srv/apt --key repository.secret"
    )]
    Refresh {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        signing: Signing,
        #[command(flatten)]
        about: About,
    },
}

#[derive(Debug, clap::Args)]
struct Place {
    /// The repository's folder
    folder: PathBuf,
    /// The suite, as apt's sources name it
    #[arg(long, default_value = "stable")]
    suite: String,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Signing {
    /// The file with the secret key (`vabuild key` makes one)
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// A key that gpg keeps, by fingerprint or address; also one in hardware
    #[arg(long, value_name = "ID")]
    gpg: Option<String>,
}

/// What the repository says of itself. Without an option, what is published stays.
#[derive(Debug, clap::Args)]
struct About {
    /// Who publishes it
    #[arg(long)]
    origin: Option<String>,
    #[arg(long)]
    label: Option<String>,
    #[arg(long)]
    description: Option<String>,
    /// Days until clients refuse it, unless it is refreshed
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(1..3650))]
    valid_for: Option<u64>,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.command {
        Command::Add { place, packages, signing, about, link, json } => {
            let transfer = if *link { Transfer::Link } else { Transfer::Copy };
            eprintln!("adding {} packages to {}", packages.len(), place.folder.display());
            let added =
                open(place, Some(about))?.add(packages, transfer, &*signer(signing)?, super::now())?;
            if *json {
                return print(
                    &json!({ "added": values(&added.added), "unchanged": values(&added.unchanged) }),
                );
            }
            let text = format!("{} added, {} there already\n", added.added.len(), added.unchanged.len());
            print_text(&(lines(&added.added) + &text))
        }
        Command::List { place, json } => {
            let packages = open(place, None)?.list()?;
            if *json { print(&values(&packages)) } else { print_text(&lines(&packages)) }
        }
        Command::Verify { place, public } => verify(place, public),
        Command::Refresh { place, signing, about } => {
            Ok(open(place, Some(about))?.refresh(&*signer(signing)?, super::now())?)
        }
    }
}

fn verify(place: &Place, public: &Path) -> Result<()> {
    let verified = open(place, None)?.verify(&PublicKey::load(public)?, super::now())?;
    for problem in &verified.problems {
        eprintln!("{}: {}", problem.path.display(), problem.message);
    }
    if verified.unfinished {
        eprintln!(
            "a change was killed just after it was published; apt sees all of it, and the next change tidies up"
        );
    }
    let read = format!("{} packages, {} MB read", verified.packages, verified.bytes / 1_000_000);
    match verified.problems.len() {
        0 => print_text(&format!("{read}: all as it was signed\n")),
        bad => {
            Err(Failure::new(Kind::Network, format!("{read}: {bad} files are not as they were signed"))
                .into())
        }
    }
}

fn open(place: &Place, about: Option<&About>) -> Result<Repository> {
    let mut settings = Settings { suite: place.suite.clone(), ..Settings::default() };
    if let Some(about) = about {
        settings.origin = about.origin.clone();
        settings.label = about.label.clone();
        settings.description = about.description.clone();
        settings.valid_for = about.valid_for.map(|days| Duration::from_secs(days * 24 * 3600));
    }
    Ok(Repository::new(&place.folder, settings)?)
}

fn signer(signing: &Signing) -> Result<Box<dyn Signer>> {
    match (&signing.key, &signing.gpg) {
        (Some(key), _) => Ok(Box::new(SecretKey::load(key)?)),
        (None, Some(id)) => Ok(Box::new(GpgSigner::new(id)?)),
        (None, None) => Err(Failure::bad_input("give --key or --gpg").into()),
    }
}

fn values(packages: &[Package]) -> Value {
    let one = |p: &Package| {
        json!({
            "package": p.name, "version": p.version.to_string(), "architecture": p.architecture, "path": p.path,
            "size": p.size, "sha256": p.sha256, "seeds": p.seeds.as_ref().map(|seeds| &seeds.path),
            "question_coverage": p.coverage,
        })
    };
    packages.iter().map(one).collect()
}

fn lines(packages: &[Package]) -> String {
    let one = |p: &Package| {
        let coverage = p.coverage.as_ref().map(|c| format!(" (question coverage {c})")).unwrap_or_default();
        format!("{} {} {}{coverage}\n", p.name, p.version, p.architecture)
    };
    packages.iter().map(one).collect()
}

fn print(value: &Value) -> Result<()> {
    print_text(&(serde_json::to_string_pretty(value)? + "\n"))
}

fn print_text(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}
