//! `vabuild completions SHELL`

use anyhow::Context;
use clap_complete::{Shell, generate};
use std::io::Write;

/// Writes a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  vabuild completions bash > /etc/bash_completion.d/vabuild")]
pub struct Arguments {
    shell: Shell,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    // first into memory: clap panics when whoever reads has gone
    let mut script = vec![];
    generate(arguments.shell, &mut super::command(), "vabuild", &mut script);
    std::io::stdout().write_all(&script).context("cannot write the completion script")
}
