//! `vabuild man`

use anyhow::Context;
use std::io::Write;

/// Writes the manual page
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  vabuild man | man -l -")]
pub struct Arguments {}

pub fn run(_: &Arguments) -> anyhow::Result<()> {
    std::io::stdout().write_all(&page(super::command())?).context("cannot write the page")
}

/// One page: the program, then each subcommand with its options in a section of its own.
fn page(command: clap::Command) -> anyhow::Result<Vec<u8>> {
    let mut page = vec![];
    let command = command.disable_help_subcommand(true);
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let name = format!("{} {}", command.get_name(), sub.get_name());
        writeln!(page, ".SH \"{}\"", name.to_uppercase())?;
        let man = clap_mangen::Man::new(sub.clone().bin_name(name));
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
        man.render_extra_section(&mut page)?;
    }
    Ok(page)
}
