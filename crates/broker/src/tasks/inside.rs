//! What lies in a task's folder. The action's program may be root and can put anything there: links, pipes, folders in the place of
//! files. So nothing below it is opened by a path that could lead out of it, and nothing that could hold the opener up.

use rustix::fs::{CWD, Dir, Mode, OFlags, openat};
use rustix::io::Errno;
use std::{
    fs::File,
    io,
    os::fd::OwnedFd,
    path::{Component, Path},
};

/// The regular file `path` below `folder`; None when there is none, whatever else is there.
pub fn file(folder: &Path, path: impl AsRef<Path>, flags: OFlags) -> io::Result<Option<File>> {
    let Some(found) = open(folder, path.as_ref(), flags)? else { return Ok(None) };
    let file = File::from(found);
    Ok(file.metadata()?.is_file().then_some(file))
}

/// Names and sizes (bytes) of the regular files in the folder `path` below `folder`; none begins with a dot.
pub fn files(folder: &Path, path: &str) -> io::Result<Vec<(String, u64)>> {
    let Some(found) = open(folder, Path::new(path), OFlags::RDONLY | OFlags::DIRECTORY)? else {
        return Ok(vec![]);
    };
    let mut files = vec![];
    for entry in Dir::read_from(&found)? {
        let Some(name) = entry?.file_name().to_str().ok().map(str::to_owned) else { continue };
        if name.starts_with('.') {
            continue;
        }
        if let Some(file) = file_at(&found, &name)? {
            files.push((name, file));
        }
    }
    Ok(files)
}

fn file_at(folder: &OwnedFd, name: &str) -> io::Result<Option<u64>> {
    match rustix::fs::statat(folder, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file() => {
            Ok(Some(u64::try_from(stat.st_size).unwrap_or_default()))
        }
        // taken away meanwhile, or no file
        Ok(_) | Err(Errno::NOENT) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Step by step, for openat2(2) is not there in a container of Debian 12's systemd.
fn open(folder: &Path, path: &Path, flags: OFlags) -> io::Result<Option<OwnedFd>> {
    let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let last = flags | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY | OFlags::CLOEXEC;
    let walk = || {
        let mut at = openat(CWD, folder, step, Mode::empty())?;
        let mut parts = path.components().peekable();
        while let Some(part) = parts.next() {
            let Component::Normal(name) = part else { return Err(Errno::XDEV) };
            at = openat(&at, name, if parts.peek().is_some() { step } else { last }, Mode::empty())?;
        }
        Ok(at)
    };
    match walk() {
        Ok(found) => Ok(Some(found)),
        // not there; a link; a way out; something in a folder's place; a pipe that nobody reads, a socket; a folder in a file's place
        Err(Errno::NOENT | Errno::LOOP | Errno::XDEV | Errno::NOTDIR | Errno::NXIO | Errno::ISDIR) => {
            Ok(None)
        }
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    #[test]
    fn no_link_leads_out_and_no_pipe_holds_up() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let found = |path: &str| file(folder.path(), path, OFlags::RDONLY).unwrap().is_some();
        fs::create_dir_all(at("artifacts/sub")).unwrap();
        fs::write(at("artifacts/good"), "12345").unwrap();
        fs::write(at("artifacts/.moved"), "").unwrap();
        symlink("/etc/passwd", at("artifacts/link")).unwrap();
        rustix::fs::mknodat(CWD, at("artifacts/pipe"), rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert_eq!(files(folder.path(), "artifacts").unwrap(), [("good".to_string(), 5)]);
        assert!(found("artifacts/good"));
        for path in
            ["artifacts/link", "artifacts/pipe", "artifacts/sub", "artifacts/none", "../x", "/etc/passwd"]
        {
            assert!(!found(path), "{path}");
        }
        fs::rename(at("artifacts"), at("aside")).unwrap();
        symlink("/etc", at("artifacts")).unwrap();
        assert!(!found("artifacts/passwd") && files(folder.path(), "artifacts").unwrap().is_empty());
    }
}
