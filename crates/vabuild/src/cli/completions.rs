//! `vabuild completions SHELL`

use clap_complete::{Shell, generate};

/// Writes a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  vabuild completions bash > /etc/bash_completion.d/vabuild")]
pub struct Arguments {
    shell: Shell,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    generate(arguments.shell, &mut super::command(), "vabuild", &mut std::io::stdout());
    Ok(())
}
