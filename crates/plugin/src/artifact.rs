//! Files that a program made.
//!
//! The folder it makes them in is its own, so what lies there can change at any moment. An announced file is
//! therefore moved first, into a folder that only its keeper can write to, and looked at afterwards. A file of somebody
//! else's is then copied ([`crate::copy`]), for its maker may still have it open; one of the keeper's own is kept as it is, for
//! whoever is the keeper can write to the copy as well.

use crate::{check::is_file_name, copy};
use rustix::fs::{CWD, Mode, OFlags, RenameFlags, renameat_with};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    sync::atomic::AtomicBool,
};

/// Takes the file `name` for the keeper (mode 0600), out of its maker's reach. Both folders have to be on one file system.
/// The answer is its size in bytes; the error is for the plugin's author. `stop` breaks a long copy off.
pub fn take(making: &Path, kept: &Path, name: &str, stop: &AtomicBool) -> Result<u64, String> {
    if !is_file_name(name) {
        return Err(format!("artifact `{name}` has no plain file name"));
    }
    // no artifact's name begins with a dot
    let (moved, target) = (kept.join(format!(".{name}")), kept.join(name));
    match renameat_with(CWD, making.join(name), CWD, &moved, RenameFlags::NOREPLACE) {
        Ok(()) => {}
        Err(rustix::io::Errno::NOENT) => {
            return Err(format!("artifact `{name}` is not in $ARTIFACTS_DIRECTORY"));
        }
        Err(e) => return Err(format!("artifact `{name}` cannot be taken: {}", io::Error::from(e))),
    }
    let taken = regular(&moved, name).and_then(|file| keep(&file, &moved, &target, name, stop));
    // what was copied is not needed any more, what was refused is not wanted
    let _ = fs::remove_file(&moved).or_else(|_| fs::remove_dir_all(&moved));
    taken
}

/// A regular file with no second name: a link might lead to what its maker may not read.
fn regular(path: &Path, name: &str) -> Result<File, String> {
    let meta = fs::symlink_metadata(path).map_err(|e| format!("artifact `{name}`: {e}"))?;
    if !meta.is_file() || meta.nlink() != 1 {
        return Err(format!("artifact `{name}` is no regular file of its own"));
    }
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| not_kept(name, e.into()))?;
    Ok(file.into())
}

fn keep(file: &File, moved: &Path, target: &Path, name: &str, stop: &AtomicBool) -> Result<u64, String> {
    let failed = |e: io::Error| match e.kind() {
        io::ErrorKind::AlreadyExists => format!("artifact `{name}` was announced twice"),
        _ => not_kept(name, e),
    };
    let in_place = |from: &Path| renameat_with(CWD, from, CWD, target, RenameFlags::NOREPLACE);
    let meta = file.metadata().map_err(failed)?;
    if meta.uid() == rustix::process::geteuid().as_raw() {
        file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(failed)?;
        // what is announced as made is still there after a power cut
        file.sync_all().map_err(failed)?;
        return in_place(moved).map(|()| meta.len()).map_err(|e| failed(e.into()));
    }
    let part = target.with_file_name(format!("..{name}"));
    let copied =
        copied(file, &part, stop).and_then(|size| in_place(&part).map(|()| size).map_err(Into::into));
    copied.map_err(failed).inspect_err(|_| {
        let _ = fs::remove_file(&part);
    })
}

fn copied(file: &File, part: &Path, stop: &AtomicBool) -> io::Result<u64> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let copy = File::from(rustix::fs::open(part, flags, Mode::RUSR | Mode::WUSR)?);
    let size = copy::drain(file, &copy, stop)?;
    copy.sync_all()?;
    Ok(size)
}

fn not_kept(name: &str, error: io::Error) -> String {
    format!("artifact `{name}` cannot be kept: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek, Write};

    fn take_now(making: &Path, kept: &Path, name: &str) -> Result<u64, String> {
        take(making, kept, name, &AtomicBool::new(false))
    }

    /// Needs root, as all tests of ownership here: another user's file.
    #[test]
    fn who_made_a_file_cannot_alter_it_once_it_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let (making, kept) = (folder.path().join("making"), folder.path().join("kept"));
        fs::create_dir(&making).unwrap();
        fs::create_dir(&kept).unwrap();
        let mut maker = File::create(making.join("list")).unwrap();
        std::os::unix::fs::chown(making.join("list"), Some(65534), Some(65534)).unwrap();
        maker.write_all(b"as announced").unwrap();
        assert_eq!(take_now(&making, &kept, "list"), Ok(12));
        maker.rewind().unwrap();
        maker.write_all(b"altered").unwrap();
        maker.set_len(7).unwrap();
        assert_eq!(fs::read_to_string(kept.join("list")).unwrap(), "as announced");
        assert_eq!(fs::metadata(kept.join("list")).unwrap().uid(), rustix::process::geteuid().as_raw());
        fs::write(making.join("list"), "again").unwrap();
        std::os::unix::fs::chown(making.join("list"), Some(65534), Some(65534)).unwrap();
        assert!(take_now(&making, &kept, "list").unwrap_err().contains("twice"));
        assert_eq!(fs::read_dir(&kept).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn only_a_regular_file_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let (making, kept) = (folder.path().join("making"), folder.path().join("kept"));
        fs::create_dir(&making).unwrap();
        fs::create_dir(&kept).unwrap();
        fs::write(making.join("good"), "12345").unwrap();
        assert_eq!(take_now(&making, &kept, "good"), Ok(5));
        assert!(
            !making.join("good").exists() && kept.join("good").metadata().unwrap().mode() & 0o777 == 0o600
        );
        fs::write(making.join("good"), "again").unwrap();
        assert!(take_now(&making, &kept, "good").unwrap_err().contains("twice"));
        assert!(take_now(&making, &kept, "missing").unwrap_err().contains("not in"));
        fs::write(folder.path().join("outside"), "secret").unwrap();
        std::os::unix::fs::symlink("../outside", making.join("link")).unwrap();
        fs::hard_link(folder.path().join("outside"), making.join("hard")).unwrap();
        fs::create_dir(making.join("folder")).unwrap();
        rustix::fs::mkfifoat(CWD, making.join("pipe"), Mode::RUSR).unwrap();
        for name in ["link", "hard", "folder", "pipe", "../outside", "..", ""] {
            assert!(take_now(&making, &kept, name).is_err(), "{name}");
        }
        assert_eq!(fs::read_dir(&kept).unwrap().count(), 1);
        assert_eq!(fs::read_to_string(folder.path().join("outside")).unwrap(), "secret");
    }
}
