//! `cargo xtask fuzz`: broken input for what reads from outside.

use crate::dist;
use anyhow::{Result, ensure};

#[derive(clap::Args)]
pub struct Arguments {
    /// For how long, each target
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
    /// requests (the page's parser, gate and handlers), protocol (the broker's), frames (a plugin's), events (a task's log); all of them
    /// when none is named
    targets: Vec<String>,
}

const TARGETS: &[&str] = &["requests", "protocol", "frames", "events"];

pub fn run(arguments: &Arguments) -> Result<()> {
    for target in &arguments.targets {
        ensure!(
            TARGETS.contains(&target.as_str()),
            "there is no target {target}; the targets are {}",
            TARGETS.join(", ")
        );
    }
    let folder = testbed::host::cache()?.join("fuzz").display().to_string();
    let minutes = arguments.minutes.to_string();
    let chosen =
        |t: &&&str| arguments.targets.is_empty() || arguments.targets.iter().any(|wanted| wanted == **t);
    for target in TARGETS.iter().filter(chosen) {
        dist::cargo(&[
            "run",
            "--release",
            "--quiet",
            "--package",
            "control",
            "--example",
            "fuzz",
            "--",
            target,
            &minutes,
            &folder,
        ])?;
    }
    Ok(())
}
