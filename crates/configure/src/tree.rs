//! Reading and changing the file system without being led astray.
//!
//! A path is walked folder by folder, each opened below the one before. A symbolic link on the way is followed only where
//! nobody but root could have put it; so a user who owns a data folder cannot make root write elsewhere. A file
//! is never changed in place: the new one is written beside it, synced, and renamed over it.

use crate::{Error, Machine, Result};
use rustix::{
    fs::{self, AtFlags, Gid, Mode, OFlags, Uid},
    io::Errno,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{Read, Write},
    os::{fd::OwnedFd, unix::ffi::OsStringExt},
    path::{Component, Path, PathBuf},
};

/// Configuration files are small; what is larger is none.
const SIZE_LIMIT: u64 = 64 << 20;
/// As the kernel's own limit (path_resolution(7)).
const LINK_LIMIT: u32 = 40;

/// Who owns a file or folder and what others may do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Permission bits.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
}

/// What is at a path. Of a file's content only the hash, so that a state may be recorded and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum State {
    Missing,
    File {
        sha256: String,
        meta: Meta,
    },
    Link {
        target: String,
    },
    Directory {
        meta: Meta,
    },
    /// A device, a socket, a pipe.
    Other,
}

/// A name in a folder that is open.
#[derive(Debug)]
pub struct Place {
    folder: OwnedFd,
    name: OsString,
    /// For messages.
    path: PathBuf,
}

/// The lower case hexadecimal SHA-256.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// Opens the folder of `path`; none when it does not exist.
pub fn find(machine: &Machine, path: &Path) -> Result<Option<Place>> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Error::Unsafe { path: path.into(), reason: "it is no path to a file".into() });
    };
    let folder = walk(machine.root(), folder)?;
    Ok(folder.map(|folder| Place { folder, name: name.into(), path: path.into() }))
}

/// What is at `path`, and a file's content.
pub fn look(machine: &Machine, path: &Path) -> Result<(State, Vec<u8>)> {
    match find(machine, path)? {
        Some(place) => place.look(),
        None => Ok((State::Missing, vec![])),
    }
}

/// As [`find`], but the folder must be there.
pub fn place(machine: &Machine, path: &Path) -> Result<Place> {
    find(machine, path)?.ok_or_else(|| Error::io("open the folder of", path)(Errno::NOENT))
}

/// The names in a folder, sorted; none when it does not exist.
pub fn names(machine: &Machine, folder: &Path) -> Result<Vec<String>> {
    let Some(fd) = walk(machine.root(), folder)? else { return Ok(vec![]) };
    let mut names = vec![];
    for entry in fs::Dir::new(fd).map_err(Error::io("list", folder))? {
        let name = entry.map_err(Error::io("list", folder))?.file_name().to_string_lossy().into_owned();
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn walk(root: &Path, folder: &Path) -> Result<Option<OwnedFd>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut open = vec![fs::open(root, flags, Mode::empty()).map_err(Error::io("open", root))?];
    let mut todo = parts(folder);
    let mut links = 0;
    while let (Some(name), Some(here)) = (todo.pop(), open.last()) {
        if name == ".." {
            open.truncate((open.len() - 1).max(1));
            continue;
        }
        match fs::openat(here, &name, flags | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(fd) => open.push(fd),
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP | Errno::NOTDIR) => {
                links += 1;
                let target = follow(here, &name, folder, links)?;
                if target.is_absolute() {
                    open.truncate(1);
                }
                todo.extend(parts(&target));
            }
            Err(e) => return Err(Error::io("open", folder)(e)),
        }
    }
    Ok(open.pop())
}

/// The parts of a path, last first.
fn parts(path: &Path) -> Vec<OsString> {
    let part = |c: Component| match c {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    path.components().rev().filter_map(part).collect()
}

fn follow(here: &OwnedFd, name: &OsStr, folder: &Path, links: u32) -> Result<PathBuf> {
    let refuse = |reason: String| Error::Unsafe { path: folder.into(), reason };
    let target = fs::readlinkat(here, name, vec![]).map_err(|e| match e {
        Errno::INVAL => refuse(format!("{} in it is not a folder", name.display())),
        e => Error::io("read the link in", folder)(e),
    })?;
    let stat = fs::fstat(here).map_err(Error::io("look at", folder))?;
    let ours = stat.st_uid == 0 || stat.st_uid == rustix::process::geteuid().as_raw();
    if !ours || stat.st_mode & 0o022 != 0 {
        return Err(refuse(format!(
            "{} is a symbolic link that a user other than root can have put there; replace it by a real folder",
            name.display()
        )));
    }
    if links > LINK_LIMIT {
        return Err(refuse("symbolic links go round in a circle".into()));
    }
    Ok(PathBuf::from(OsString::from_vec(target.into_bytes())))
}

impl Place {
    pub fn look(&self) -> Result<(State, Vec<u8>)> {
        let stat = match fs::statat(&self.folder, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok((State::Missing, vec![])),
            other => other.map_err(Error::io("look at", &self.path))?,
        };
        let meta = Meta { mode: stat.st_mode & 0o7777, uid: stat.st_uid, gid: stat.st_gid };
        match fs::FileType::from_raw_mode(stat.st_mode) {
            fs::FileType::Directory => Ok((State::Directory { meta }, vec![])),
            fs::FileType::Symlink => {
                let target = fs::readlinkat(&self.folder, &self.name, vec![])
                    .map_err(Error::io("read", &self.path))?;
                Ok((State::Link { target: target.to_string_lossy().into_owned() }, vec![]))
            }
            fs::FileType::RegularFile => {
                let bytes = self.read()?;
                Ok((State::File { sha256: sha256(&bytes), meta }, bytes))
            }
            _ => Ok((State::Other, vec![])),
        }
    }

    fn read(&self) -> Result<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = fs::openat(&self.folder, &self.name, flags, Mode::empty())
            .map_err(Error::io("read", &self.path))?;
        let mut bytes = vec![];
        File::from(fd).take(SIZE_LIMIT + 1).read_to_end(&mut bytes).map_err(Error::io("read", &self.path))?;
        if bytes.len() as u64 > SIZE_LIMIT {
            let reason =
                format!("it is larger than {} MiB, which no configuration file is", SIZE_LIMIT >> 20);
            return Err(Error::Unsafe { path: self.path.clone(), reason });
        }
        Ok(bytes)
    }

    /// Writes a file whole or not at all: whatever was there, link or file, is replaced by rename.
    pub fn write(&self, bytes: &[u8], meta: Meta) -> Result<()> {
        let new = self.beside(".appliance-new");
        self.discard(&new)?;
        let written = self.write_new(&new, bytes, meta);
        let renamed = written.and_then(|()| self.take_name(&new));
        if renamed.is_err() {
            // the first error is the one to tell
            let _ = self.discard(&new);
        }
        renamed
    }

    fn write_new(&self, new: &OsStr, bytes: &[u8], meta: Meta) -> Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = fs::openat(&self.folder, new, flags, Mode::from(0o600))
            .map_err(Error::io("write", &self.path))?;
        let mut file = File::from(fd);
        file.write_all(bytes).map_err(Error::io("write", &self.path))?;
        // the owner first: chown(2) clears the set-user-id bit
        fs::fchown(&file, Some(Uid::from_raw(meta.uid)), Some(Gid::from_raw(meta.gid)))
            .map_err(Error::io("set the owner of", &self.path))?;
        fs::fchmod(&file, Mode::from(meta.mode)).map_err(Error::io("set the mode of", &self.path))?;
        file.sync_all().map_err(Error::io("write", &self.path))
    }

    fn take_name(&self, new: &OsStr) -> Result<()> {
        fs::renameat(&self.folder, new, &self.folder, &self.name).map_err(Error::io("write", &self.path))?;
        self.sync()
    }

    /// Makes a symbolic link, in place of whatever file or link was there.
    pub fn link(&self, target: &str) -> Result<()> {
        let new = self.beside(".appliance-new");
        self.discard(&new)?;
        fs::symlinkat(target, &self.folder, &new).map_err(Error::io("make the link", &self.path))?;
        self.take_name(&new)
    }

    /// Makes the folder where it is missing, and gives it its owner and mode.
    pub fn directory(&self, meta: Meta) -> Result<()> {
        match fs::mkdirat(&self.folder, &self.name, Mode::from(0o700)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(e) => return Err(Error::io("make the folder", &self.path)(e)),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = fs::openat(&self.folder, &self.name, flags, Mode::empty())
            .map_err(Error::io("open the folder", &self.path))?;
        fs::fchown(&fd, Some(Uid::from_raw(meta.uid)), Some(Gid::from_raw(meta.gid)))
            .map_err(Error::io("set the owner of", &self.path))?;
        fs::fchmod(&fd, Mode::from(meta.mode)).map_err(Error::io("set the mode of", &self.path))?;
        self.sync()
    }

    /// Removes a file or link; fine when there is none.
    pub fn remove(&self) -> Result<()> {
        self.discard(&self.name)?;
        self.sync()
    }

    /// Removes the folder when nothing is in it; false when something is.
    pub fn remove_directory(&self) -> Result<bool> {
        match fs::unlinkat(&self.folder, &self.name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => self.sync().map(|()| true),
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::BUSY) => Ok(false),
            Err(e) => Err(Error::io("remove the folder", &self.path)(e)),
        }
    }

    /// Moves what is there to `PATH.owner-saved`, with a number where that exists, and returns the new path.
    pub fn save_for_owner(&self) -> Result<PathBuf> {
        for n in 1..1000 {
            let suffix = if n == 1 { ".owner-saved".to_string() } else { format!(".owner-saved.{n}") };
            let mut name = self.name.clone();
            name.push(&suffix);
            match fs::renameat_with(&self.folder, &self.name, &self.folder, &name, fs::RenameFlags::NOREPLACE)
            {
                Ok(()) => return self.sync().map(|()| self.path.with_file_name(name)),
                Err(Errno::EXIST) => {}
                Err(e) => return Err(Error::io("set aside", &self.path)(e)),
            }
        }
        Err(Error::io("set aside", &self.path)(Errno::EXIST))
    }

    fn discard(&self, name: &OsStr) -> Result<()> {
        match fs::unlinkat(&self.folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(e) => Err(Error::io("remove", &self.path)(e)),
        }
    }

    fn beside(&self, suffix: &str) -> OsString {
        let mut name = OsString::from(".");
        name.push(&self.name);
        name.push(suffix);
        name
    }

    fn sync(&self) -> Result<()> {
        fs::fsync(&self.folder).map_err(Error::io("sync the folder of", &self.path))
    }
}
