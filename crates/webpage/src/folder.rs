//! The folder of the certificates. It belongs to the page's user, and root writes in it as well: so nothing in it is
//! followed, a new file is one that was not there, and what is read is a regular file of a bounded length.

use anyhow::{Context, Result, bail, ensure};
use rustix::{
    fs::{self, AtFlags, FlockOperation, Mode, OFlags},
    io::Errno,
};
use std::{
    fs::File,
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, fchown},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// Bytes of a file that is read: a chain and a key, with room.
const LONGEST: u64 = 128 << 10;
/// Between two tries to have one's turn.
const AGAIN: Duration = Duration::from_millis(50);

/// The open folder.
pub(crate) struct Folder {
    file: File,
    path: PathBuf,
}

/// While it is held, nobody else changes the folder.
pub(crate) struct Turn {
    _folder: File,
}

impl Folder {
    pub fn open(path: &Path) -> Result<Folder> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = fs::open(path, flags, Mode::empty())
            .with_context(|| format!("cannot open the folder {}", path.display()))?;
        Ok(Folder { file: file.into(), path: path.into() })
    }

    /// Waits until it is one's turn.
    pub fn turn(&self) -> Result<Turn> {
        self.lock(FlockOperation::LockExclusive)
    }

    /// The same for a person: whoever owns the folder could hold it for ever.
    #[allow(clippy::disallowed_methods, reason = "a lock tells nobody that it is free")]
    pub fn turn_soon(&self) -> Result<Turn> {
        for _ in 0..20 {
            if let Ok(turn) = self.turn_now() {
                return Ok(turn);
            }
            thread::sleep(AGAIN);
        }
        self.turn_now()
    }

    /// At once, or not at all.
    pub fn turn_now(&self) -> Result<Turn> {
        self.lock(FlockOperation::NonBlockingLockExclusive)
    }

    fn lock(&self, how: FlockOperation) -> Result<Turn> {
        // opened anew: the lock ends with this descriptor
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = fs::openat(&self.file, ".", flags, Mode::empty());
        let folder = folder.with_context(|| format!("cannot open the folder {}", self.path.display()))?;
        match fs::flock(&folder, how) {
            Ok(()) => Ok(Turn { _folder: folder.into() }),
            Err(Errno::WOULDBLOCK) => {
                bail!(
                    "somebody else changes the certificate in {} just now: try it again",
                    self.path.display()
                )
            }
            Err(e) => Err(e).with_context(|| format!("cannot lock the folder {}", self.path.display())),
        }
    }

    /// None when there is no such file.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = || format!("cannot read {}", self.path.join(name).display());
        // no device and no pipe makes the reader wait
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file: File = match fs::openat(&self.file, name, flags, Mode::empty()) {
            Ok(file) => file.into(),
            Err(Errno::NOENT) => return Ok(None),
            Err(e) => return Err(e).with_context(path),
        };
        ensure!(file.metadata().with_context(path)?.is_file(), "{}: it is no regular file", path());
        let mut bytes = vec![];
        file.take(LONGEST + 1).read_to_end(&mut bytes).with_context(path)?;
        ensure!(bytes.len() as u64 <= LONGEST, "{}: it is too long", path());
        Ok(Some(bytes))
    }

    /// The whole file or none of it; owned by whoever owns the folder, for root may write what the page reads.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let aside = format!(".{}", random()?);
        self.put(&aside, name, bytes)
            .inspect_err(|_| {
                let _ = fs::unlinkat(&self.file, &aside, AtFlags::empty());
            })
            .with_context(|| format!("cannot write {}", self.path.join(name).display()))
    }

    fn put(&self, aside: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file: File = fs::openat(&self.file, aside, flags, Mode::RUSR | Mode::WUSR)?.into();
        let owner = self.file.metadata()?;
        if file.metadata()?.uid() != owner.uid() {
            fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
        }
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::renameat(&self.file, aside, &self.file, name)?;
        self.file.sync_all()
    }

    /// False when there is none.
    pub fn remove(&self, name: &str) -> Result<bool> {
        match fs::unlinkat(&self.file, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(e) => Err(e).with_context(|| format!("cannot remove {}", self.path.join(name).display())),
        }
    }

    pub fn has(&self, name: &str) -> bool {
        fs::statat(&self.file, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn random() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| io::Error::other(e.to_string())).context("no random bytes")?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs as files,
        os::unix::fs::{PermissionsExt, symlink},
    };

    #[test]
    fn nothing_that_lies_in_it_is_followed() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("tls");
        files::create_dir(&path).unwrap();
        let victim = outer.path().join("victim");
        files::write(&victim, "root's").unwrap();
        for name in ["own.pem", "own.pem.new", "lock"] {
            symlink(&victim, path.join(name)).unwrap();
        }
        let folder = Folder::open(&path).unwrap();
        assert!(folder.read("own.pem").is_err());
        {
            let _turn = folder.turn_now().unwrap();
            assert!(folder.turn_now().is_err(), "two at once");
        }
        folder.write("own.pem", b"new").unwrap();
        assert_eq!(files::read(&victim).unwrap(), b"root's");
        assert_eq!(folder.read("own.pem").unwrap().unwrap(), b"new");
        assert_eq!(files::metadata(path.join("own.pem")).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(folder.read("previous.pem").unwrap(), None);
        assert!(folder.remove("own.pem").unwrap() && !folder.remove("own.pem").unwrap());
        assert_eq!(files::read_dir(&path).unwrap().count(), 2, "nothing is left beside it");
        // what would make the reader wait, or fill its memory
        rustix::fs::mkfifoat(&folder.file, "own.pem", Mode::RUSR | Mode::WUSR).unwrap();
        assert!(folder.read("own.pem").is_err());
        let long = files::File::create(path.join("previous.pem")).unwrap();
        long.set_len(1 << 40).unwrap();
        assert!(folder.read("previous.pem").is_err());
        symlink(&path, outer.path().join("other")).unwrap();
        assert!(Folder::open(&outer.path().join("other")).is_err());
    }
}
