//! `vabuild completions SHELL`

use anyhow::Context;
use std::io::Write;

/// Writes a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  vabuild completions bash > /etc/bash_completion.d/vabuild")]
pub struct Arguments {
    shell: command_line::Shell,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let script = command_line::completions(arguments.shell, super::command(), &[]);
    std::io::stdout().write_all(&script).context("cannot write the script")
}
