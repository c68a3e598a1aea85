//! The definition's folder on disk: nothing outside of it is read, and nothing but regular files and folders.

use crate::make::Error;
use appliance::folder::{Entry, Folder as Look};
use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The definition's file in its folder.
pub const DEFINITION: &str = "appliance.toml";

/// A folder with a definition in it.
#[derive(Debug, Clone)]
pub struct Folder {
    /// Without symbolic links.
    root: PathBuf,
}

impl Folder {
    /// The folder at this path, or the one that this definition file lies in.
    pub fn open(path: &Path) -> io::Result<Self> {
        let path = if path.is_file() { path.parent().unwrap_or(Path::new("")) } else { path };
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let root = path.canonicalize()?;
        match root.join(DEFINITION).is_file() {
            true => Ok(Folder { root }),
            false => Err(io::Error::new(io::ErrorKind::NotFound, format!("there is no {DEFINITION} in it"))),
        }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the path leads on disk, when that is inside the folder.
    pub fn locate(&self, path: &str) -> io::Result<PathBuf> {
        let real = self.root.join(path).canonicalize()?;
        match real.starts_with(&self.root) {
            true => Ok(real),
            false => Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "it leads out of the definition's folder",
            )),
        }
    }

    /// A file that goes into a package: where it lies, and 0755 or 0644.
    pub fn file(&self, path: &str) -> Result<(PathBuf, u32), Error> {
        let failed = |e| Error::io("find", &self.root.join(path), e);
        let real = self.locate(path).map_err(failed)?;
        let found = fs::metadata(&real).map_err(failed)?;
        match found.is_file() {
            true => Ok((real, if found.permissions().mode() & 0o111 != 0 { 0o755 } else { 0o644 })),
            false => Err(Error::Definition(format!("{path} is no regular file"))),
        }
    }

    /// The content of a file.
    pub fn bytes(&self, path: &str) -> Result<Vec<u8>, Error> {
        let (real, _) = self.file(path)?;
        fs::read(&real).map_err(|e| Error::io("read", &real, e))
    }

    /// A template's text.
    pub fn text(&self, path: &str) -> Result<String, Error> {
        let not_text = |_| Error::Definition(format!("{path} is no text in UTF-8"));
        String::from_utf8(self.bytes(path)?).map_err(not_text)
    }
}

impl Look for Folder {
    fn entry(&self, path: &str) -> Entry {
        let real = match self.locate(path) {
            Ok(real) => real,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Entry::Missing,
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied && e.raw_os_error().is_none() => {
                return Entry::Outside;
            }
            Err(e) if e.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
                return Entry::Outside;
            }
            Err(e) => return Entry::Unreadable(e.to_string()),
        };
        let found = match fs::metadata(&real) {
            Ok(found) => found,
            Err(e) => return Entry::Unreadable(e.to_string()),
        };
        let kind = found.file_type();
        if kind.is_dir() {
            Entry::Folder
        } else if kind.is_file() {
            Entry::File { executable: found.permissions().mode() & 0o111 != 0, size: found.len() }
        } else if kind.is_fifo() {
            Entry::Special("a named pipe")
        } else if kind.is_socket() {
            Entry::Special("a socket")
        } else {
            Entry::Special("a device")
        }
    }

    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, String> {
        let real = self.locate(path).map_err(|e| e.to_string())?;
        read_regular(&real, limit).map_err(|e| e.to_string())
    }

    fn names(&self, path: &str) -> Vec<String> {
        let Ok(real) = self.locate(path) else { return vec![] };
        let Ok(entries) = fs::read_dir(real) else { return vec![] };
        let mut names: Vec<String> =
            entries.flatten().filter_map(|e| e.file_name().into_string().ok()).collect();
        names.sort();
        names
    }
}

/// At most `limit` bytes. Opening does not wait for the other end of a pipe.
fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = File::options().read(true).custom_flags(nonblocking).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let mut bytes = vec![];
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_outside_is_not_seen() {
        let base = tempfile::tempdir().unwrap();
        let root = base.path().join("definition");
        fs::create_dir(&root).unwrap();
        assert!(Folder::open(&root).unwrap_err().to_string().contains(DEFINITION));
        fs::write(root.join(DEFINITION), "").unwrap();
        fs::write(base.path().join("secret"), "x").unwrap();
        std::os::unix::fs::symlink("../secret", root.join("out")).unwrap();
        std::os::unix::fs::symlink("round", root.join("round")).unwrap();
        std::os::unix::fs::symlink(DEFINITION, root.join("in")).unwrap();
        let folder = Folder::open(&root.join(DEFINITION)).unwrap();
        assert_eq!(folder.entry("out"), Entry::Outside);
        assert_eq!(folder.entry("round"), Entry::Outside);
        assert_eq!(folder.entry("gone"), Entry::Missing);
        assert_eq!(folder.entry("in"), Entry::File { executable: false, size: 0 });
        assert!(folder.read("out", 10).unwrap_err().contains("out of the definition"));
        assert_eq!(folder.names(""), [DEFINITION, "in", "out", "round"]);
    }
}
