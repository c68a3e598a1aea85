//! Every write to the repository goes through here, durable and in small steps, so that a test can stop at each.

use crate::{Error, Result};
use rustix::fs::{AtFlags, CWD};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

#[derive(Debug, Default)]
pub struct Disk {
    steps: AtomicUsize,
    fault: Fault,
}

/// What goes wrong, for tests.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
#[cfg_attr(not(test), allow(dead_code, reason = "faults are made in tests only"))]
pub enum Fault {
    #[default]
    None,
    /// From this step on nothing happens any more, as after a kill.
    Killed(usize),
    /// From this step on the disk is full; removing still works.
    Full(usize),
}

/// When what was written has to outlast a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flush {
    Now,
    /// Never, or the caller sees to it.
    Later,
}

impl Disk {
    #[cfg(test)]
    pub fn with(fault: Fault) -> Self {
        Disk { steps: AtomicUsize::new(0), fault }
    }

    #[cfg(test)]
    pub fn steps(&self) -> usize {
        self.steps.load(Ordering::Relaxed)
    }

    /// Counts a step and fails when a test wants it to.
    fn step(&self, adds: bool) -> io::Result<()> {
        let step = self.steps.fetch_add(1, Ordering::Relaxed);
        match self.fault {
            Fault::Killed(at) if step >= at => Err(io::Error::other("killed")),
            Fault::Full(at) if step >= at && adds => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }

    /// Writes a whole file.
    pub fn write(&self, path: &Path, content: &[u8], flush: Flush) -> Result<()> {
        let write = || {
            let mut file = File::create(path)?;
            // a fault may strike in the middle
            let (first, second) = content.split_at(content.len() / 2);
            file.write_all(first)?;
            self.step(true)?;
            file.write_all(second)?;
            match flush {
                Flush::Now => file.sync_data(),
                Flush::Later => Ok(()),
            }
        };
        write().map_err(Error::io("write", path))
    }

    /// A new file that the caller fills bit by bit and makes durable once it has its place.
    pub fn create(&self, path: &Path) -> Result<File> {
        self.step(true).and_then(|()| File::create(path)).map_err(Error::io("create", path))
    }

    pub fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.step(true).and_then(|()| fs::rename(from, to)).map_err(Error::io("put into its place", to))
    }

    /// A second name for a file, found through symbolic links; what was there under that name gives way.
    pub fn link(&self, from: &Path, to: &Path) -> Result<()> {
        let name =
            || rustix::fs::linkat(CWD, from, CWD, to, AtFlags::SYMLINK_FOLLOW).map_err(io::Error::from);
        let again = || fs::remove_file(to).and_then(|()| name());
        let link = || match name() {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => again(),
            result => result,
        };
        self.step(true).and_then(|()| link()).map_err(Error::io("link into the repository", to))
    }

    /// The folder and those above it.
    pub fn folder(&self, path: &Path) -> Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        self.step(true).and_then(|()| fs::create_dir_all(path)).map_err(Error::io("create the folder", path))
    }

    /// Makes a file's content durable, or the names in a folder.
    pub fn sync(&self, path: &Path) -> Result<()> {
        let sync = || File::open(path)?.sync_all();
        self.step(true).and_then(|()| sync()).map_err(Error::io("flush to the disk", path))
    }

    /// Makes everything durable at once: cheaper than one by one when there is much.
    pub fn sync_everything(&self, root: &Path) -> Result<()> {
        let sync = || rustix::fs::syncfs(File::open(root)?).map_err(io::Error::from);
        self.step(true).and_then(|()| sync()).map_err(Error::io("flush the filesystem of", root))
    }

    /// Removes a file; one that is not there is no error.
    pub fn remove(&self, path: &Path) -> Result<()> {
        match self.step(false).and_then(|()| fs::remove_file(path)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(e)),
            _ => Ok(()),
        }
    }

    /// Removes a folder with all that is in it; one that is not there is no error.
    pub fn remove_folder(&self, path: &Path) -> Result<()> {
        match self.step(false).and_then(|()| fs::remove_dir_all(path)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(e)),
            _ => Ok(()),
        }
    }

    /// Removes folders that are empty, from this one upwards as far as `top`.
    pub fn prune(&self, folder: &Path, top: &Path) {
        let mut folder: PathBuf = folder.into();
        while folder != top
            && folder.starts_with(top)
            && self.step(false).is_ok()
            && fs::remove_dir(&folder).is_ok()
        {
            folder.pop();
        }
    }
}
