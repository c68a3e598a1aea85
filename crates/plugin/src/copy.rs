//! A file's content, out of its maker's reach.
//!
//! Who has a descriptor open for writing can write through it for as long as he likes, whatever the file's owner and
//! mode become. So a file that somebody else wrote is copied into a new one before anybody relies on it. Sealing
//! (memfd_create(2)) would need memory for all of it, and a lease (F_SETLEASE) the maker's good will. Where the file system
//! can, the copy is a clone and costs nothing; elsewhere the source is given back to the disk piece by piece, so both
//! together take the room of one.

use rustix::fs::{FallocateFlags, fallocate, fstatvfs, ioctl_ficlone};
use std::{
    fs::File,
    io::{self, Read},
    sync::atomic::{AtomicBool, Ordering},
};

/// Bytes that stay free on the disk, whoever fills it: apt and the journal need them to go on.
pub const RESERVE: u64 = 256 << 20;
/// Between two looks at the disk and at whether to stop.
const PIECE: u64 = 16 << 20;

/// Moves the content of `from`, from its begin to the length that it has now, into the new file `to`. Both are open for
/// reading and writing. Bytes moved; what is left in `from` has no meaning any more. [`io::ErrorKind::StorageFull`] when
/// less than [`RESERVE`] would stay free, [`io::ErrorKind::Interrupted`] when `stop` was set.
pub fn drain(from: &File, to: &File, stop: &AtomicBool) -> io::Result<u64> {
    let size = from.metadata()?.len();
    if ioctl_ficlone(to, from).is_ok() {
        to.set_len(size)?; // it may have grown in between
        return Ok(size);
    }
    let mut done = 0;
    while done < size {
        if stop.load(Ordering::Relaxed) {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "it was asked to stop"));
        }
        room(to)?;
        let piece = PIECE.min(size - done);
        let copied = io::copy(&mut from.take(piece), &mut &*to)?;
        if copied == 0 {
            break; // its maker has made it shorter
        }
        // no matter where that is not possible: it takes twice the room then
        let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let _ = fallocate(from, punch, done, copied);
        done += copied;
    }
    Ok(done)
}

/// Whether a file may still grow by a piece (up to 16 MiB): [`io::ErrorKind::StorageFull`] when not.
pub fn room(file: &File) -> io::Result<()> {
    let stat = fstatvfs(file)?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    if free >= RESERVE + PIECE {
        return Ok(());
    }
    let message =
        format!("the disk is full: {} MiB are free, {} MiB have to stay free", free >> 20, RESERVE >> 20);
    Err(io::Error::new(io::ErrorKind::StorageFull, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Seek, Write},
        os::unix::fs::MetadataExt,
    };

    fn file(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file.rewind().unwrap();
        file
    }

    #[test]
    fn the_copy_is_whole_and_apart_and_the_source_gives_its_room_back() {
        // more than one piece, and not a whole number of them
        let content: Vec<u8> = (0..2 * PIECE + 12_345).map(|n| (n % 251) as u8).collect();
        let (from, mut to) = (file(&content), file(b""));
        let mut maker = from.try_clone().unwrap();
        assert_eq!(drain(&from, &to, &AtomicBool::new(false)).unwrap(), content.len() as u64);
        maker.rewind().unwrap();
        maker.write_all(b"altered").unwrap();
        maker.set_len(3).unwrap();
        to.rewind().unwrap();
        let mut read = vec![];
        to.read_to_end(&mut read).unwrap();
        assert!(read == content);
        assert!(from.metadata().unwrap().blocks() * 512 < PIECE);
    }

    #[test]
    fn it_stops_when_asked() {
        let stop = AtomicBool::new(true);
        match drain(&file(b"x"), &file(b""), &stop) {
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::Interrupted),
            // a clone takes no time in which anybody could ask
            Ok(size) => assert_eq!(size, 1),
        }
    }
}
