//! The check of a definition: all mistakes at once, shown as a compiler shows them.
//!
//! * [`show`]: mistakes as text for a terminal
//! * [`index`]: whether the packages exist in the release, asked of apt
//! * [`install`]: whether every question that is asked during an installation is answered

pub mod index;
pub mod install;
pub mod show;

use crate::{
    exit::Failure,
    folder::{DEFINITION, Folder},
};
use anyhow::{Context, Result};
use appliance::{Definition, Examined, Problem};
use std::path::Path;

/// Reads and examines the definition in a folder. `shown` is the folder as the person named it.
pub fn examine(folder: &Folder, shown: &Path) -> Result<Examined> {
    use appliance::Folder as _;
    let name = if shown.is_file() { shown.to_path_buf() } else { shown.join(DEFINITION) };
    let name = name.strip_prefix(".").unwrap_or(&name).to_string_lossy().into_owned();
    let bytes = folder
        .read(DEFINITION, appliance::SIZE_LIMIT as u64 + 1)
        .map_err(|why| Failure::bad_input(format!("cannot read {name}: {why}")))?;
    Ok(appliance::examine(&bytes, &name, folder))
}

/// The definition in a folder; its mistakes are shown at standard error, and are one error.
pub fn load(folder: &Folder, shown: &Path) -> Result<Definition> {
    let examined = examine(folder, shown)?;
    match examined.definition {
        Some(definition) if examined.problems.is_empty() => Ok(definition),
        _ => Err(refuse(&examined.problems)?.into()),
    }
}

/// Shows the mistakes at standard error and counts them in an error.
pub fn refuse(problems: &[Problem]) -> Result<Failure> {
    use std::io::Write;
    let text = show::text(problems, show::colours());
    std::io::stderr().write_all(text.as_bytes()).context("cannot write the mistakes")?;
    let count = problems.len();
    let plural = if count == 1 { "" } else { "s" };
    Ok(Failure::bad_input(format!("{count} mistake{plural} in the definition")))
}
