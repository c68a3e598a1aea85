//! `vabuild build DIR`

use crate::{
    check,
    exit::Failure,
    folder::Folder,
    make::{self, Cache, Made, Sources},
};
use anyhow::{Context, Result};
use std::{io::Write, path::PathBuf};

/// Makes all packages of a definition
///
/// The packages appear in the output folder when all of them are whole. The same definition gives the same bytes on every
/// run and machine; the time in them is SOURCE_DATE_EPOCH, or a constant when that is not set.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  vabuild build appliances/moinmoin -o packages\n  \
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) vabuild build . -o ../packages --json")]
pub struct Arguments {
    /// The definition's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Where the packages go; made when it is not there
    #[arg(short, long, value_name = "FOLDER")]
    output: PathBuf,
    /// The folder with the programs that the definition calls {bin}/NAME
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// Write what was made as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let folder = Folder::open(&arguments.folder).map_err(|e| {
        Failure::bad_input(format!("{} is no definition's folder: {e}", arguments.folder.display()))
    })?;
    let definition = check::load(&folder, &arguments.folder)?;
    let say = |text: &str| eprintln!("{text}");
    let sources = Sources {
        folder: &folder,
        programs: arguments.programs.as_deref(),
        cache: Cache::of_user(),
        date: date()?,
        say: &say,
    };
    let made = make::build(&definition, &sources, &arguments.output)
        .with_context(|| format!("cannot build {}", arguments.folder.display()))?;
    let text = if arguments.json { serde_json::to_string_pretty(&made)? + "\n" } else { list(&made) };
    std::io::stdout().write_all(text.as_bytes()).context("cannot write the list of packages")
}

/// SOURCE_DATE_EPOCH (reproducible-builds.org/specs/source-date-epoch), or the constant.
fn date() -> Result<u64> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH") else { return Ok(make::DATE) };
    let number = text.to_str().and_then(|text| text.parse().ok());
    // what a .deb's headers can hold
    let number = number.filter(|seconds| *seconds < 1 << 33);
    number.ok_or_else(|| Failure::bad_input("SOURCE_DATE_EPOCH is no number of seconds since 1970").into())
}

fn list(made: &[Made]) -> String {
    made.iter().map(|one| format!("{} ({} kB)\n", one.path.display(), one.size.div_ceil(1000))).collect()
}
