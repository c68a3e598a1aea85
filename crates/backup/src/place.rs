//! Where a saved path really lies, and what of it is left out.
//!
//! A data folder may be a symbolic link to a folder on another disk. It is the folder that is saved, under the path of the
//! definition, and the folder that a restore swaps: the link stays.

use configure::{Machine, tree};
use rustix::{
    fs::{Mode, OFlags, RenameFlags, openat, renameat_with},
    io::Errno,
};
use std::{
    io,
    os::fd::OwnedFd,
    path::{Component, Path, PathBuf},
};

/// A path of `[backup]` on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// As the definition and the archive have it, absolute.
    pub path: String,
    /// The same, or where the link at that path leads; absolute on the machine.
    pub real: String,
    /// What is left out, below it; an empty path: all of it.
    pub exclude: Vec<PathBuf>,
}

impl Place {
    pub fn of(machine: &Machine, path: &str, exclude: &[String]) -> Place {
        let below = |e: &String| match Path::new(e).strip_prefix(path) {
            Ok(below) => Some(below.to_path_buf()),
            Err(_) => Path::new(path).starts_with(e).then(PathBuf::new),
        };
        let real = real(machine, path).unwrap_or_else(|| path.into());
        Place { path: path.into(), real, exclude: exclude.iter().filter_map(below).collect() }
    }

    pub fn excludes(&self, below: &Path) -> bool {
        self.exclude.iter().any(|e| below.starts_with(e))
    }
}

/// As `join`, which would end in a slash when nothing lies below.
pub fn join(top: &Path, below: &Path) -> PathBuf {
    if below.as_os_str().is_empty() { top.into() } else { top.join(below) }
}

/// Where a link to a folder leads. None for anything else, and for a link that a user other than root may have put there:
/// that one is data.
fn real(machine: &Machine, path: &str) -> Option<String> {
    let at = machine.path(path);
    if !at.symlink_metadata().ok()?.is_symlink() || !at.is_dir() {
        return None;
    }
    tree::find(machine, &Path::new(path).join("x")).ok()??;
    let real = at.canonicalize().ok()?;
    let below = real.strip_prefix(machine.root().canonicalize().ok()?).ok()?;
    Some(Path::new("/").join(below).to_str()?.into())
}

/// Opens what lies `below` the folder `top`, with these flags. The data's own user may put a link to anywhere in place of any
/// folder on the way, at any moment; what lies there is none of its data. Step by step, for openat2(2) is not there in a
/// plugin's sandbox (RestrictSUIDSGID= of systemd.exec(5)).
pub fn open(top: &Path, below: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut folder = rustix::fs::open(top, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let mut components = below.components().peekable();
    while let Some(component) = components.next() {
        let Component::Normal(name) = component else {
            return Err(io::Error::other("a path that leads out of its folder"));
        };
        let flags =
            if components.peek().is_none() { flags | OFlags::NOFOLLOW | OFlags::CLOEXEC } else { step };
        folder = openat(&folder, name, flags, Mode::empty())?;
    }
    Ok(folder)
}

/// What became of something that was to be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    Yes,
    /// It is not there, or its place is taken.
    NotNeeded,
    /// The folder that it would lie in is not there.
    NoFolder,
}

/// Moves what lies `below` one tree to the same place in another one, when that is free.
pub fn carry(from: &Path, to: &Path, below: &Path) -> io::Result<Moved> {
    let (Some(parent), Some(name)) = (below.parent(), below.file_name()) else { return Ok(Moved::NotNeeded) };
    let folder = |top: &Path| {
        let top = (top.parent().unwrap_or(Path::new("/")), top.file_name().unwrap_or_default());
        match open(top.0, &Path::new(top.1).join(parent), OFlags::PATH | OFlags::DIRECTORY) {
            Ok(folder) => Ok(Some(folder)),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(e),
        }
    };
    let Some(source) = folder(from)? else { return Ok(Moved::NotNeeded) };
    let Some(target) = folder(to)? else {
        let there = openat(&source, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
        return Ok(if there.is_ok() { Moved::NoFolder } else { Moved::NotNeeded });
    };
    match renameat_with(&source, name, &target, name, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(Moved::Yes),
        Err(Errno::NOENT | Errno::EXIST) => Ok(Moved::NotNeeded),
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    #[test]
    fn a_link_on_the_way_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("lib/wiki/pages")).unwrap();
        fs::create_dir_all(path("new/pages")).unwrap();
        fs::create_dir(path("secret")).unwrap();
        fs::write(path("lib/wiki/pages/front"), "page").unwrap();
        fs::write(path("secret/front"), "secret").unwrap();
        let front = || open(&path("lib"), Path::new("wiki/pages/front"), OFlags::RDONLY);
        assert!(front().is_ok());
        fs::rename(path("lib/wiki/pages"), path("lib/wiki/aside")).unwrap();
        symlink(path("secret"), path("lib/wiki/pages")).unwrap();
        assert!(front().is_err());
        let _ = carry(&path("lib/wiki"), &path("new"), Path::new("pages/front"));
        assert!(path("secret/front").exists());
    }
}
