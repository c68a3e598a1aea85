//! `vabuild translate FOLDER`

use crate::{exit::Failure, folder::Folder, translate};
use anyhow::{Context, Result};
use std::path::PathBuf;

/// Brings the translations of the questions up to date
///
/// Writes po/templates.pot with the questions' texts, and takes changed texts over into each po/LANGUAGE.po: what is translated
/// stays, new texts are empty, those that are gone are kept as obsolete.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  vabuild translate recipes --language de\n  then fill in recipes/po/de.po, with any editor of po files"
)]
pub struct Arguments {
    /// The definition's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Begin a translation into this language (de, pt_BR)
    #[arg(short, long, value_name = "LANGUAGE")]
    language: Option<String>,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let shown = arguments.folder.display();
    let folder = Folder::open(&arguments.folder)
        .map_err(|error| Failure::bad_input(format!("{shown} is no definition's folder: {error}")))?;
    let examined = crate::check::examine(&folder, &arguments.folder)?;
    let definition = examined.definition.context("the definition cannot be read: see `vabuild check`")?;
    for written in translate::update(&folder, &definition, arguments.language.as_deref())? {
        eprintln!("wrote {}", written.display());
    }
    Ok(())
}
