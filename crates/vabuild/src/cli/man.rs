//! `vabuild man`

use anyhow::Context;
use std::io::Write;

/// Writes the manual page
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  vabuild man | man -l -")]
pub struct Arguments {}

pub fn run(_: &Arguments) -> anyhow::Result<()> {
    let page = command_line::manual(super::command());
    page.and_then(|page| std::io::stdout().write_all(&page)).context("cannot write the page")
}
