//! A Debian root per release, made once and kept.

use crate::host;
use anyhow::{Context, Result};
use exec::Program;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Raise it when [`INCLUDE`] or the hooks change: the kept roots are made again.
const REVISION: u32 = 1;
/// What a fresh Debian server has beyond the minimum: the installer's standard answers, not more.
const INCLUDE: &str = "systemd,systemd-sysv,dbus,apt-utils,iproute2,ca-certificates,debconf-i18n,sudo,procps,netbase,libpam-systemd,tzdata,cron,logrotate";

/// The root of this release (a code name); made when it is not there, which takes about 20 s.
pub fn root(release: &str) -> Result<PathBuf> {
    let dir = host::cache()?.join("bases").join(format!("{release}-{REVISION}"));
    let _one_at_a_time = crate::lab::lock(&dir.with_extension("lock"))?;
    if dir.exists() {
        return Ok(dir);
    }
    println!("making a Debian root of {release} (once, kept in {})", dir.display());
    let making = dir.with_extension("making");
    remove(&making)?;
    let mirror = host::mirror()?;
    let mut sources = format!("deb {mirror} {release} main\ndeb {mirror} {release}-updates main\n");
    if let Some(security) = host::security_mirror() {
        sources.push_str(&format!("deb {security} {release}-security main\n"));
    }
    Program::new("mmdebstrap")
        .args(["--quiet", "--variant=minbase", "--mode=root", "--skip=cleanup/apt/lists"])
        .arg(format!("--include={INCLUDE}"))
        .arg("--keyring=/usr/share/keyrings/debian-archive-keyring.gpg")
        .arg("--aptopt=APT::Sandbox::User \"root\"")
        .arg("--customize-hook=rm -f \"$1\"/etc/resolv.conf \"$1\"/etc/apt/apt.conf.d/99mmdebstrap; : > \"$1\"/etc/machine-id; : > \"$1\"/etc/resolv.conf")
        .arg(release)
        .arg(&making)
        .arg("-")
        .stdin(sources)
        .run()
        .with_context(|| format!("cannot make a Debian root of {release}"))?;
    fs::rename(&making, &dir).with_context(|| format!("cannot keep {}", dir.display()))?;
    Ok(dir)
}

fn remove(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| format!("cannot remove {}", dir.display()))
        }
        _ => Ok(()),
    }
}
