//! Files that a program made.
//!
//! The folder it makes them in is its own, so what lies there can change at any moment. An announced file is
//! therefore moved first, into a folder that only its keeper can write to, and looked at afterwards.

use crate::check::is_file_name;
use rustix::fs::{CWD, Mode, OFlags, RenameFlags, renameat_with};
use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

/// Moves the file `name` and gives it to the keeper (mode 0600). Both folders have to be on one file system.
/// The answer is its size in bytes; the error is for the plugin's author.
pub fn take(making: &Path, kept: &Path, name: &str) -> Result<u64, String> {
    if !is_file_name(name) {
        return Err(format!("artifact `{name}` has no plain file name"));
    }
    let target = kept.join(name);
    match renameat_with(CWD, making.join(name), CWD, &target, RenameFlags::NOREPLACE) {
        Ok(()) => {}
        Err(rustix::io::Errno::EXIST) => return Err(format!("artifact `{name}` was announced twice")),
        Err(rustix::io::Errno::NOENT) => {
            return Err(format!("artifact `{name}` is not in $ARTIFACTS_DIRECTORY"));
        }
        Err(e) => return Err(format!("artifact `{name}` cannot be taken: {}", io::Error::from(e))),
    }
    check(&target).inspect_err(|_| {
        let _ = fs::remove_file(&target).or_else(|_| fs::remove_dir_all(&target));
    })
}

/// A regular file with no second name: a link might lead to what its maker may not read.
fn check(path: &Path) -> Result<u64, String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let meta = fs::symlink_metadata(path).map_err(|e| format!("artifact `{name}`: {e}"))?;
    if !meta.is_file() || meta.nlink() != 1 {
        return Err(format!("artifact `{name}` is no regular file of its own"));
    }
    let own = |e: rustix::io::Errno| format!("artifact `{name}` cannot be kept: {}", io::Error::from(e));
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
        .map_err(own)?;
    rustix::fs::fchown(&file, Some(rustix::process::geteuid()), Some(rustix::process::getegid()))
        .map_err(own)?;
    rustix::fs::fchmod(&file, Mode::RUSR | Mode::WUSR).map_err(own)?;
    // what is announced as made is still there after a power cut
    rustix::fs::fsync(&file).map_err(own)?;
    Ok(meta.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_regular_file_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let (making, kept) = (folder.path().join("making"), folder.path().join("kept"));
        fs::create_dir(&making).unwrap();
        fs::create_dir(&kept).unwrap();
        fs::write(making.join("good"), "12345").unwrap();
        assert_eq!(take(&making, &kept, "good"), Ok(5));
        assert!(
            !making.join("good").exists() && kept.join("good").metadata().unwrap().mode() & 0o777 == 0o600
        );
        fs::write(making.join("good"), "again").unwrap();
        assert!(take(&making, &kept, "good").unwrap_err().contains("twice"));
        assert!(take(&making, &kept, "missing").unwrap_err().contains("not in"));
        fs::write(folder.path().join("outside"), "secret").unwrap();
        std::os::unix::fs::symlink("../outside", making.join("link")).unwrap();
        fs::hard_link(folder.path().join("outside"), making.join("hard")).unwrap();
        fs::create_dir(making.join("folder")).unwrap();
        rustix::fs::mkfifoat(CWD, making.join("pipe"), Mode::RUSR).unwrap();
        for name in ["link", "hard", "folder", "pipe", "../outside", "..", ""] {
            assert!(take(&making, &kept, name).is_err(), "{name}");
        }
        assert_eq!(fs::read_dir(&kept).unwrap().count(), 1);
        assert_eq!(fs::read_to_string(folder.path().join("outside")).unwrap(), "secret");
    }
}
