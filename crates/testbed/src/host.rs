//! What the host has and lacks.

use anyhow::{Context, Result, bail};
use exec::Program;
use std::path::PathBuf;

/// Where base roots, downloaded packages and archives are kept; made again when it is gone.
pub fn cache() -> Result<PathBuf> {
    Ok(rehearsal::host::cache()?)
}

/// Fails unless this is root: namespaces, mounts and bridges need it.
pub fn need_root() -> Result<()> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    bail!("booting machines needs root; run it again with sudo");
}

/// Installs the Debian packages whose program is missing, and says so.
pub fn need(programs: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<&str> = programs
        .iter()
        .filter(|(program, _)| rehearsal::host::which(program).is_none())
        .map(|(_, p)| *p)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    need_root()?;
    println!("installing missing tools: {}", missing.join(" "));
    let apt =
        |args: &[&str]| Program::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(args).run();
    apt(&["-q", "update"]).context("apt-get update on this host failed")?;
    let mut args = vec!["-q", "-y", "--no-install-recommends", "install"];
    args.extend(&missing);
    apt(&args).with_context(|| format!("cannot install {}", missing.join(" ")))?;
    match programs.iter().find(|(program, _)| rehearsal::host::which(program).is_none()) {
        Some((program, package)) => bail!("{package} is installed, but {program} is not there"),
        None => Ok(()),
    }
}

/// What every machine needs on the host.
pub fn need_machine_tools() -> Result<()> {
    need(&[
        ("mmdebstrap", "mmdebstrap"),
        ("systemd-nspawn", "systemd-container"),
        ("ip", "iproute2"),
        ("nsenter", "util-linux"),
        ("curl", "curl"),
        ("/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring"),
    ])
}

/// The Debian mirror that this host uses, without a slash at its end.
pub fn mirror() -> Result<String> {
    if let Some(mirror) = std::env::var_os("VAT_MIRROR") {
        return Ok(mirror.to_string_lossy().trim_end_matches('/').to_owned());
    }
    rehearsal::mirror::debian().context("name a Debian mirror in VAT_MIRROR")
}
