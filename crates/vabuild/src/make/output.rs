//! The output folder: packages are written beside it and appear in it by renames, when all of them are whole.

use super::{Error, Made, archive};
use appliance::seeds::SeedsFile;
use deb::Deb;
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// Half-made packages lie in a folder whose name begins so.
const UNFINISHED: &str = ".vabuild-";

/// A folder that packages are being made for.
pub struct Output {
    folder: PathBuf,
    unfinished: TempDir,
    made: Vec<Made>,
    /// Holds the lock on the folder.
    _lock: File,
}

impl Output {
    /// Makes the folder when it is not there, and clears away what a killed run has left.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let failed = |operation| move |e| Error::io(operation, folder, e);
        fs::create_dir_all(folder).map_err(failed("make the folder"))?;
        let lock = File::open(folder).map_err(failed("open the folder"))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|e| match e {
            rustix::io::Errno::WOULDBLOCK => Error::Busy(folder.into()),
            other => failed("lock the folder")(other.into()),
        })?;
        for entry in fs::read_dir(folder).map_err(failed("read the folder"))?.flatten() {
            // nobody else is at work here: the lock says so
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let unfinished =
            tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(folder).map_err(failed("write to"))?;
        Ok(Output { folder: folder.into(), unfinished, made: vec![], _lock: lock })
    }

    /// Writes a package, not yet to be seen.
    pub fn add(&mut self, deb: &Deb, seeds: Option<&SeedsFile>) -> Result<(), Error> {
        let path = deb.write_into(self.unfinished.path())?;
        let seeds = match seeds {
            Some(seeds) => {
                let path = path.with_extension("seeds");
                fs::write(&path, seeds.to_json()?).map_err(|e| Error::io("write", &path, e))?;
                Some(path)
            }
            None => None,
        };
        let field = |name| deb.control.get(name).unwrap_or_default().to_owned();
        self.made.push(Made {
            package: field("Package"),
            version: field("Version"),
            architecture: field("Architecture"),
            size: fs::metadata(&path).map_err(|e| Error::io("look at", &path, e))?.len(),
            sha256: archive::sha256(&path)?,
            path,
            seeds,
        });
        Ok(())
    }

    /// Puts everything into the folder. The seeds come before the package that they belong to.
    pub fn publish(self) -> Result<Vec<Made>, Error> {
        let mut made = self.made;
        for one in &mut made {
            for path in one.seeds.iter_mut().chain([&mut one.path]) {
                let Some(name) = path.file_name() else { continue };
                let to = self.folder.join(name);
                fs::rename(&*path, &to).map_err(|e| Error::io("put the package at", &to, e))?;
                *path = to;
            }
        }
        Ok(made)
    }
}
