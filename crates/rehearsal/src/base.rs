//! A Debian root per release, made once and kept.

use crate::{Error, Result, host, mirror};
use exec::Program;
use rustix::fs::FlockOperation;
use std::{fs, path::PathBuf};

/// Raise it when [`INCLUDE`] or the hooks change: the kept roots are made again.
const REVISION: u32 = 1;
/// What a fresh Debian server has beyond the minimum: the installer's standard answers, not more.
const INCLUDE: &str = "systemd,systemd-sysv,dbus,apt-utils,iproute2,ca-certificates,debconf-i18n,sudo,procps,netbase,libpam-systemd,tzdata,cron,logrotate";
const HOOK: &str = "rm -f \"$1\"/etc/resolv.conf \"$1\"/etc/apt/apt.conf.d/99mmdebstrap; : > \"$1\"/etc/machine-id; : > \"$1\"/etc/resolv.conf";

/// The root of this release (a code name); made from these sources when it is not there, which takes about 20 s.
pub fn root(release: &str, sources: &str, say: &dyn Fn(&str)) -> Result<PathBuf> {
    let dir = host::cache()?.join("bases").join(format!("{release}-{REVISION}"));
    let _one_at_a_time = host::lock(&dir.with_extension("lock"), FlockOperation::LockExclusive)?;
    if dir.exists() {
        return Ok(dir);
    }
    say(&format!("making a Debian root of {release} (once, kept in {})", dir.display()));
    let making = dir.with_extension("making");
    match fs::remove_dir_all(&making) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::io("remove", &making)(e)),
        _ => {}
    }
    let network =
        mirror::network().into_iter().map(|line| format!("--aptopt={}", line.trim_end_matches(';')));
    let program = Program::new("mmdebstrap")
        .args(["--quiet", "--variant=minbase", "--mode=root", "--skip=cleanup/apt/lists"])
        .arg(format!("--include={INCLUDE}"))
        .arg("--keyring=/usr/share/keyrings/debian-archive-keyring.gpg")
        .arg("--aptopt=APT::Sandbox::User \"root\"")
        .args(network)
        .arg(format!("--customize-hook={HOOK}"))
        .arg(release)
        .arg(&making)
        .arg("-")
        .stdin(sources);
    program.run().map_err(|source| failed(release, source))?;
    fs::rename(&making, &dir).map_err(Error::io("keep", &dir))?;
    Ok(dir)
}

fn failed(release: &str, error: exec::Error) -> Error {
    let text = error.to_string();
    let unreachable = ["Could not resolve", "Failed to fetch", "Unable to connect", "Could not connect"];
    match unreachable.iter().any(|sign| text.contains(sign)) {
        true => Error::Network { what: format!("cannot make a Debian root of {release}"), why: text },
        false => Error::Base { release: release.into(), source: error },
    }
}
