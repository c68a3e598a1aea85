//! `vabuild new NAME`

use crate::{exit::Failure, new};
use anyhow::Result;
use std::path::PathBuf;

/// Writes a definition to begin with
///
/// It is a small web site on Apache, with comments that explain each table; it builds and installs as it is.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  vabuild new recipes && vabuild check recipes && vabuild build recipes -o packages"
)]
pub struct Arguments {
    /// The appliance's name: its packages become NAME-appliance and so on
    name: String,
    /// Where the definition goes, instead of a folder with the appliance's name
    #[arg(short, long, value_name = "FOLDER")]
    directory: Option<PathBuf>,
    /// With a plugin for the management page: a query, a card and an action, with their programs
    #[arg(long)]
    plugin: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    appliance::names::appliance(&arguments.name).map_err(|mistake| {
        let help = mistake.help.map(|h| format!("; {h}")).unwrap_or_default();
        let name = appliance::problem::printable(&arguments.name);
        Failure::bad_input(format!("{name} cannot be an appliance's name: {}{help}", mistake.message))
    })?;
    let folder = arguments.directory.clone().unwrap_or_else(|| PathBuf::from(&arguments.name));
    new::write(&arguments.name, &folder, arguments.plugin)?;
    eprintln!("wrote {}; next: vabuild check {}", folder.display(), folder.display());
    Ok(())
}
