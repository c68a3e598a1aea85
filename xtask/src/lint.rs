//! `cargo xtask lint`: the form of the sources, what clippy says, and what dependencies may be.

use crate::dist;
use anyhow::Result;
use exec::Program;

/// Every check, each with what cargo calls it and what installs it.
const CHECKS: &[(&[&str], &str)] = &[
    (&["fmt", "--all", "--check"], "rustup component add rustfmt"),
    (
        &["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"],
        "rustup component add clippy",
    ),
    (&["deny", "check", "licenses", "bans", "sources"], "cargo install cargo-deny --locked"),
];

/// Runs all checks, also after one has failed.
pub fn run() -> Result<()> {
    let mut failed = vec![];
    for (arguments, install) in CHECKS {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let program = Program::new(cargo).inherit_env().args(*arguments).dir(dist::root()?);
        println!("{}", program.describe());
        if !program.interactive()?.success() {
            failed.push(format!("cargo {} (it comes with: {install})", arguments[0]));
        }
    }
    anyhow::ensure!(failed.is_empty(), "not clean: {}", failed.join(", "));
    Ok(())
}
