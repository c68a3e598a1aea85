//! `cargo xtask test`: everything that CI runs.

use crate::dist;
use anyhow::Result;
use exec::Program;

#[derive(clap::Args)]
pub struct Arguments {
    /// Passed on to `cargo test`: names of tests
    #[arg(last = true)]
    names: Vec<String>,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    testbed::host::need_root()?;
    testbed::host::need_machine_tools()?;
    testbed::host::need(&[
        ("lintian", "lintian"),
        ("apt-ftparchive", "apt-utils"),
        ("gpgv", "gpgv"),
        ("gpg", "gnupg"),
        ("msgfmt", "gettext"),
        ("chromium", "chromium"),
        ("chromedriver", "chromium-driver"),
    ])?;
    testbed::lab::clean_leftovers()?;
    let built = dist::run()?;
    println!("running the tests");
    let program = Program::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .inherit_env()
        .args(["test", "--release", "--workspace", "--no-fail-fast"])
        .args(&arguments.names)
        .env("VAT_PROGRAMS", &built.programs)
        .env("VAT_REPOSITORY", &built.repository)
        .env("VAT_KEY", &built.key)
        .dir(dist::root()?);
    let status = program.interactive()?;
    anyhow::ensure!(status.success(), "there are failed tests");
    Ok(())
}
