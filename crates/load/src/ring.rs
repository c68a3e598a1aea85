//! The file: a year of records in a ring, and behind them the counters of the last look.
//!
//! It needs no repair. A file that is too short or too long is brought to its size; what is no record in it is a gap until its minute
//! comes round again.

use crate::record::{self, Record, SIZE};
use rustix::fs::{Mode, OFlags};
use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

/// Minutes that are kept: 366 days. 16.9 MB.
pub const MINUTES: u32 = 366 * 24 * 60;
/// Where the counters begin.
const COUNTERS: u64 = MINUTES as u64 * SIZE as u64;
/// Bytes of the counters: the boot's id, seven numbers, their sum.
const COUNTERS_SIZE: usize = 16 + 7 * 8 + 4;
/// Records read at one time.
const CHUNK: u32 = 2048;

/// What the kernel had counted at the last look. Counters begin anew with each boot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    pub boot: [u8; 16],
    /// Milliseconds since the boot, those asleep included (CLOCK_BOOTTIME).
    pub at: u64,
    /// Clock ticks of all processors, those in which something was done, and all.
    pub busy: u64,
    pub ticks: u64,
    /// Bytes; so are the three below.
    pub read: u64,
    pub written: u64,
    pub received: u64,
    pub sent: u64,
}

pub struct Ring(File);

impl Ring {
    /// Opens the file for writing; makes it, and brings it to its size. It is sparse: what nobody has written takes no room.
    pub fn open(path: &Path) -> io::Result<Ring> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP;
        let file = File::from(rustix::fs::open(path, flags, mode)?);
        let size = COUNTERS + COUNTERS_SIZE as u64;
        if file.metadata()?.len() != size {
            file.set_len(size)?;
        }
        Ok(Ring(file))
    }

    /// Opens the file for reading; None when there is none yet. It belongs to another user than the reader's: a link is not followed, and
    /// nothing but a file is waited for.
    pub fn read_only(path: &Path) -> io::Result<Option<Ring>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(descriptor) => File::from(descriptor),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        match file.metadata()?.is_file() {
            true => Ok(Some(Ring(file))),
            false => Err(io::Error::other("it is no file")),
        }
    }

    pub fn put(&self, record: &Record) -> io::Result<()> {
        self.0.write_all_at(&record.to_bytes(), place(record.minute))
    }

    /// Every record of the minutes from `first` to `last`, both included, in order. At most a year is looked at.
    pub fn each(&self, first: u32, last: u32, mut seen: impl FnMut(&Record)) -> io::Result<()> {
        // the very last number is never reached
        let last = last.min(u32::MAX - 1);
        let mut minute = first.max(last.saturating_sub(MINUTES - 1));
        let mut bytes = vec![0; CHUNK as usize * SIZE];
        while minute <= last {
            // to the end of the file, and on at its begin
            let count = CHUNK.min(last - minute + 1).min(MINUTES - minute % MINUTES);
            let chunk = &mut bytes[..count as usize * SIZE];
            let length = read(&self.0, chunk, place(minute))?;
            for (number, record) in (minute..minute + count).zip(chunk[..length].as_chunks::<SIZE>().0) {
                if let Some(record) = Record::from_bytes(record).filter(|r| r.minute == number) {
                    seen(&record);
                }
            }
            minute += count;
        }
        Ok(())
    }

    pub fn counters(&self) -> io::Result<Option<Counters>> {
        let mut bytes = [0; COUNTERS_SIZE];
        let length = read(&self.0, &mut bytes, COUNTERS)?;
        Ok((length == COUNTERS_SIZE).then(|| Counters::from_bytes(&bytes)).flatten())
    }

    pub fn remember(&self, counters: &Counters) -> io::Result<()> {
        self.0.write_all_at(&counters.to_bytes(), COUNTERS)
    }
}

impl Counters {
    fn to_bytes(self) -> [u8; COUNTERS_SIZE] {
        let mut bytes = [0; COUNTERS_SIZE];
        bytes[..16].copy_from_slice(&self.boot);
        let numbers = [self.at, self.busy, self.ticks, self.read, self.written, self.received, self.sent];
        for (i, number) in numbers.iter().enumerate() {
            bytes[16 + i * 8..24 + i * 8].copy_from_slice(&number.to_le_bytes());
        }
        let sum = record::sum(&bytes[..COUNTERS_SIZE - 4]);
        bytes[COUNTERS_SIZE - 4..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; COUNTERS_SIZE]) -> Option<Counters> {
        let (kept, told) = bytes.split_at(COUNTERS_SIZE - 4);
        if record::sum(kept).to_le_bytes() != told {
            return None;
        }
        let boot = kept[..16].try_into().ok()?;
        let mut numbers = kept[16..].as_chunks::<8>().0.iter().map(|n| u64::from_le_bytes(*n));
        let mut next = || numbers.next().unwrap_or(0);
        Some(Counters {
            boot,
            at: next(),
            busy: next(),
            ticks: next(),
            read: next(),
            written: next(),
            received: next(),
            sent: next(),
        })
    }
}

fn place(minute: u32) -> u64 {
    u64::from(minute % MINUTES) * SIZE as u64
}

/// As much as there is.
fn read(file: &File, mut into: &mut [u8], mut at: u64) -> io::Result<usize> {
    let mut length = 0;
    while !into.is_empty() {
        match file.read_at(into, at) {
            Ok(0) => break,
            Ok(count) => {
                length += count;
                at += count as u64;
                into = &mut into[count..];
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{collections::BTreeMap, fs};

    fn read_all(ring: &Ring, first: u32, last: u32) -> Vec<Record> {
        let mut found = vec![];
        ring.each(first, last, |r| found.push(*r)).unwrap();
        found
    }

    fn record(minute: u32) -> Record {
        Record { minute, processor: (minute % 10_001) as u16, sent: minute, ..Record::default() }
    }

    proptest! {
        /// Whatever minutes were written, in whatever order (a clock that jumps), and whatever garbage came into the file: each minute
        /// that is read is as it was last written, unless a later one took its place or it was hit.
        #[test]
        fn a_minute_is_as_it_was_written_or_a_gap(
            minutes in prop::collection::vec(29_000_000u32..29_000_000 + 3 * MINUTES, 1..40),
            garbage in prop::option::of((0..40usize, 0..SIZE, any::<u8>())),
            cut in prop::option::of(0..COUNTERS),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("minutes");
            let ring = Ring::open(&path).unwrap();
            let mut expected = BTreeMap::new();
            for minute in &minutes {
                ring.put(&record(*minute)).unwrap();
                expected.insert(minute % MINUTES, *minute);
            }
            if let Some((which, byte, bits)) = garbage {
                let minute = minutes[which % minutes.len()];
                let at = place(minute) + byte as u64;
                let mut one = [0];
                ring.0.read_exact_at(&mut one, at).unwrap();
                ring.0.write_all_at(&[one[0] ^ bits], at).unwrap();
                if bits != 0 {
                    expected.remove(&(minute % MINUTES));
                }
            }
            if let Some(cut) = cut {
                ring.0.set_len(cut).unwrap();
                expected.retain(|slot, _| place(*slot) + SIZE as u64 <= cut);
            }
            let ring = Ring::open(&path).unwrap();
            for last in [*minutes.iter().max().unwrap(), minutes[0]] {
                let first = last.saturating_sub(MINUTES - 1);
                let mut wanted: Vec<u32> = expected.values().copied().filter(|m| (first..=last).contains(m)).collect();
                wanted.sort();
                let found = read_all(&ring, 0, last);
                prop_assert_eq!(found, wanted.into_iter().map(record).collect::<Vec<_>>());
            }
            prop_assert_eq!(fs::metadata(&path).unwrap().len(), COUNTERS + COUNTERS_SIZE as u64);
        }

        #[test]
        fn what_goes_in_comes_out(minute: u32, shares: [u16; 4], rates: [u32; 4], counted: [u64; 7], boot: [u8; 16]) {
            let [processor, memory, swap, disk] = shares;
            let [read, written, received, sent] = rates;
            let record = Record { minute, processor, memory, swap, disk, read, written, received, sent };
            prop_assert_eq!(Record::from_bytes(&record.to_bytes()), Some(record));
            let [at, busy, ticks, read, written, received, sent] = counted;
            let counters = Counters { boot, at, busy, ticks, read, written, received, sent };
            prop_assert_eq!(Counters::from_bytes(&counters.to_bytes()), Some(counters));
        }
    }

    #[test]
    fn what_is_no_file_of_ours_has_no_minute() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("minutes");
        assert!(Ring::read_only(&path).unwrap().is_none());
        fs::write(&path, [0xff; 5000]).unwrap();
        let ring = Ring::read_only(&path).unwrap().unwrap();
        assert_eq!((read_all(&ring, 0, 10 * MINUTES), ring.counters().unwrap()), (vec![], None));
        // it is size enough after the first look
        let ring = Ring::open(&path).unwrap();
        ring.put(&record(7)).unwrap();
        assert_eq!(read_all(&ring, 0, 100), [record(7)]);
        assert!(fs::metadata(&path).unwrap().len() < 20_000_000);
        std::os::unix::fs::symlink(&path, folder.path().join("link")).unwrap();
        assert!(Ring::read_only(&folder.path().join("link")).is_err());
        assert!(Ring::read_only(folder.path()).is_err());
    }
}
