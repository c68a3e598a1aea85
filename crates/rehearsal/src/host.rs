//! What the host has to have, and where things are kept.

use crate::{Error, Result};
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

/// Where base roots, lists and packages are kept; made again when it is gone.
pub fn cache() -> Result<PathBuf> {
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
    let set = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let base = set.or_else(home).ok_or_else(|| {
        let message = "neither HOME nor XDG_CACHE_HOME is set, so there is no place for what is kept";
        Error::NotHere(message.into())
    })?;
    let dir = base.join("virtual-appliance-tools");
    fs::create_dir_all(&dir).map_err(Error::io("make the cache folder", &dir))?;
    Ok(dir)
}

/// Holds a file lock until dropped; waits for it.
pub fn lock(path: &Path, operation: FlockOperation) -> Result<File> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Error::io("make", parent))?;
    }
    let open = File::options().create(true).append(true).open(path);
    let file = open.map_err(Error::io("make the lock", path))?;
    flock(&file, operation).map_err(|e| Error::io("lock", path)(e.into()))?;
    Ok(file)
}

/// Whether a throw-away root can be made here at all.
pub fn check() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        let message =
            "a throw-away Debian root takes root's rights (mounts, namespaces): run it again with sudo";
        return Err(Error::NotHere(message.into()));
    }
    let needed =
        [("mmdebstrap", "mmdebstrap"), ("systemd-nspawn", "systemd-container"), ("setpriv", "util-linux")];
    let missing: Vec<&str> = needed.iter().filter(|(p, _)| which(p).is_none()).map(|(_, deb)| *deb).collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Error::NotHere(format!(
            "a throw-away Debian root needs tools that are not here: apt-get install {}",
            missing.join(" ")
        ))),
    }
}

/// The program's path, when it is there. An absolute path is taken as it is.
pub fn which(program: &str) -> Option<PathBuf> {
    if program.starts_with('/') {
        return Some(PathBuf::from(program)).filter(|p| p.exists());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).map(|dir| dir.join(program)).find(|p| p.is_file())
}
