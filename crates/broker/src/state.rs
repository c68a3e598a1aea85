//! The broker's folder.

use broker_protocol::TaskId;
use rustix::fs::{CWD, Mode, OFlags, RenameFlags, renameat_with};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// Where everything lies. All folders are 0700, all files 0600.
#[derive(Debug, Clone)]
pub struct State {
    root: PathBuf,
    /// For what no disk shall hold.
    memory: PathBuf,
}

impl State {
    /// Opens the folder, and makes what is missing in it.
    pub fn open(root: impl Into<PathBuf>) -> io::Result<State> {
        let root = root.into();
        let memory = if root == Path::new(crate::STATE) { crate::MEMORY.into() } else { root.join("memory") };
        let state = State { root, memory };
        let folders =
            [state.sessions(), state.links(), state.sign_ins(), state.second_factors(), state.tasks()];
        let more = [state.uploads(), state.consents(), state.queries(), state.memory.join("shown")];
        for folder in folders.into_iter().chain(more) {
            make_folder(&folder)?;
        }
        Ok(state)
    }
    pub fn root(&self) -> &Path {
        &self.root
    }
    pub fn sessions(&self) -> PathBuf {
        self.root.join("sessions")
    }
    pub fn links(&self) -> PathBuf {
        self.root.join("links")
    }
    /// Those that wait for their second factor.
    pub fn sign_ins(&self) -> PathBuf {
        self.root.join("sign-ins")
    }
    pub fn second_factors(&self) -> PathBuf {
        self.root.join("second-factors")
    }
    /// Of an account, whose name was checked.
    pub fn second_factor(&self, account: &str) -> PathBuf {
        self.second_factors().join(format!("{account}.json"))
    }
    pub fn throttle(&self) -> PathBuf {
        self.root.join("throttle.json")
    }
    pub fn tasks(&self) -> PathBuf {
        self.root.join("tasks")
    }
    pub fn uploads(&self) -> PathBuf {
        self.root.join("uploads")
    }
    /// What administrators have agreed to, of each plugin.
    pub fn consents(&self) -> PathBuf {
        self.root.join("consents")
    }
    pub fn memory(&self) -> &Path {
        &self.memory
    }
    /// Queries that run.
    pub fn queries(&self) -> PathBuf {
        self.memory.join("queries")
    }
    /// Secrets that a task has made and nobody has seen.
    pub fn shown(&self, id: &TaskId) -> PathBuf {
        self.memory.join("shown").join(id.as_str())
    }
    /// What the packages were when they were last looked at.
    pub fn packages(&self) -> PathBuf {
        self.root.join("packages.json")
    }

    /// What the last refresh failed on.
    pub fn refresh(&self) -> PathBuf {
        self.root.join("refresh.json")
    }
    /// What was read in the update of a package.
    pub fn preview(&self, package: &str) -> PathBuf {
        self.previews().join(format!("{package}.json"))
    }
    pub fn previews(&self) -> PathBuf {
        self.root.join("previews")
    }

    /// When the machine goes down.
    pub fn schedule(&self) -> PathBuf {
        self.root.join("schedule.json")
    }

    /// A change of the network that nobody has confirmed yet.
    pub fn network(&self) -> PathBuf {
        self.root.join("network.json")
    }

    /// Bytes that can still be written.
    pub fn free(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.root)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

/// Makes a folder and those above it, 0700.
pub fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a file that must not be there yet, 0600, with the access given.
pub fn new_file(path: &Path, access: OFlags) -> io::Result<File> {
    let flags = access | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(CWD, path, flags, Mode::RUSR | Mode::WUSR)?.into())
}

/// Puts a file in place: after a power cut it is the old one or the new one, whole.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let aside = folder.join(format!(".{}", random(16)?));
    let written = (|| {
        let mut file = new_file(&aside, OFlags::WRONLY)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&aside, path)?;
        sync(folder)
    })();
    written.inspect_err(|_| {
        let _ = fs::remove_file(&aside);
    })
}

/// The same, over a file that has to be there: one that is removed in this very moment does not come back. False when
/// there is none.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let aside = folder.join(format!(".{}", random(16)?));
    let replaced = (|| {
        let mut file = new_file(&aside, OFlags::WRONLY)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        match renameat_with(CWD, &aside, CWD, path, RenameFlags::EXCHANGE) {
            Ok(()) => sync(folder).map(|()| true),
            Err(rustix::io::Errno::NOENT) => Ok(false),
            Err(e) => Err(e.into()),
        }
    })();
    let _ = fs::remove_file(&aside); // the old one now, or what found no place
    replaced
}

/// Makes the names in a folder durable.
pub fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Names in a folder; those that begin with a dot are unfinished and left out. A missing folder has none.
pub fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        other => other?,
    };
    let mut names = vec![];
    for entry in entries {
        if let Ok(name) = entry?.file_name().into_string()
            && !name.starts_with('.')
        {
            names.push(name);
        }
    }
    Ok(names)
}

/// So many random bytes as hexadecimal digits.
pub fn random(bytes: usize) -> io::Result<String> {
    let mut buffer = vec![0; bytes];
    getrandom::fill(&mut buffer).map_err(|e| io::Error::other(e.to_string()))?;
    Ok(hex(&buffer))
}

/// SHA256 as 64 hexadecimal digits.
pub fn hash(text: &str) -> String {
    hash_of(text.as_bytes())
}

/// The same of bytes.
pub fn hash_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}

/// Seconds since 1970.
pub fn now() -> u64 {
    now_ms() / 1000
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn files_are_ours_alone_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path().join("state")).unwrap();
        assert_eq!(fs::metadata(state.root()).unwrap().mode() & 0o777, 0o700);
        let path = state.tasks().join("x");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(names(&state.tasks()).unwrap(), ["x"]);
        assert!(write(&folder.path().join("missing/x"), b"").is_err());
        assert!(new_file(&path, OFlags::WRONLY).is_err());
    }

    #[test]
    fn only_what_is_there_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        assert!(!replace(&path, b"one").unwrap() && !path.exists());
        write(&path, b"one").unwrap();
        assert!(replace(&path, b"two").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_known_hash() {
        assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_ne!(random(32).unwrap(), random(32).unwrap());
    }
}
