//! Writes the machine's own files, which an administrator may have given a mode, an owner and a place of his own.

use crate::state;
use rustix::fs::{Gid, Mode, OFlags, Uid, fchmod, fchown};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Who may read a file that is new.
const READABLE: u32 = 0o644;

/// A file as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Was {
    pub text: String,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
}

/// Where the bytes lie: where it is a link, what it leads to.
pub fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.into())
}

/// None where there is no such file.
pub fn look(path: &Path) -> io::Result<Option<Was>> {
    let text = match fs::read_to_string(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let meta = fs::metadata(path)?;
    Ok(Some(Was { text, mode: meta.mode() & 0o7777, uid: meta.uid(), gid: meta.gid() }))
}

/// Puts a text in place of another; mode, owner and a link stay.
pub fn put(path: &Path, text: &str) -> io::Result<()> {
    put_as(path, text, None)
}

/// The same, with this mode.
pub fn put_as(path: &Path, text: &str, mode: Option<u32>) -> io::Result<()> {
    let meta = fs::metadata(path).ok();
    let mode = mode.or(meta.as_ref().map(|m| m.mode() & 0o7777)).unwrap_or(READABLE);
    write(&real(path), text, mode, meta.as_ref().map(|m| m.uid()), meta.as_ref().map(|m| m.gid()))
}

/// Makes a file again what it was, or takes it away.
pub fn put_back(path: &Path, was: Option<&Was>) -> io::Result<()> {
    match was {
        Some(was) => write(path, &was.text, was.mode, Some(was.uid), Some(was.gid)),
        None => match fs::remove_file(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(e),
            Ok(()) => state::sync(folder(path)),
        },
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

fn write(path: &Path, text: &str, mode: u32, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
    fs::create_dir_all(folder(path))?;
    // neither networkd nor ifupdown reads a name with a dot before it
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = folder(path).join(format!(".{name}.appliance-control"));
    // of one that was cut off
    let _ = fs::remove_file(&aside);
    let written = (|| {
        let mut file = state::new_file(&aside, OFlags::WRONLY)?;
        file.write_all(text.as_bytes())?;
        fchown(&file, uid.map(Uid::from_raw), gid.map(Gid::from_raw))?;
        fchmod(&file, Mode::from_raw_mode(mode))?;
        file.sync_all()?;
        fs::rename(&aside, path)?;
        state::sync(folder(path))
    })();
    written.inspect_err(|_| {
        let _ = fs::remove_file(&aside);
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn mode_and_link_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link, new) =
            (folder.path().join("file"), folder.path().join("link"), folder.path().join("made/new"));
        fs::write(&file, "secret\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("file", &link).unwrap();
        let was = look(&link).unwrap().unwrap();
        assert_eq!((was.text.as_str(), was.mode), ("secret\n", 0o640));
        put(&link, "other\n").unwrap();
        let now = look(&file).unwrap().unwrap();
        assert_eq!((now.text.as_str(), now.mode, now.uid), ("other\n", 0o640, was.uid));
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        // what somebody changed meanwhile goes back, too
        fs::remove_file(&file).unwrap();
        fs::write(&file, "third").unwrap();
        put_back(&real(&link), Some(&was)).unwrap();
        assert_eq!(look(&file).unwrap(), Some(was));
        put(&new, "new\n").unwrap();
        assert_eq!(look(&new).unwrap().unwrap().mode, READABLE);
        put_as(&new, "new\n", Some(0o600)).unwrap();
        assert_eq!(look(&new).unwrap().unwrap().mode, 0o600);
        put_back(&new, None).unwrap();
        put_back(&new, None).unwrap();
        assert_eq!(look(&new).unwrap(), None);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "something lies about");
    }
}
