//! One look, and what was done since the one before: the program `appliance-load`.
//!
//! Rates go by the kernel's own time since the boot, so a clock that is set changes none of them. The first look after a boot, and one
//! after a pause, only notes the counters: what they would say of one minute is not true of it.

use crate::{
    FILE, proc,
    proc::Look,
    record::Record,
    ring::{Counters, Ring},
};
use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

/// Looks further apart than this, in milliseconds, tell nothing of one minute.
const PAUSE: u64 = 5 * 60 * 1000;

/// Looks once. With an argument: at that file instead of the machine's own. Exit status: 0 done, 1 failed, 2 wrong usage, 5 the disk is full.
pub fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let (path, more) = (args.next().map(PathBuf::from), args.next());
    if more.is_some() {
        eprintln!("usage: appliance-load [FILE] (started by appliance-load.timer)");
        return ExitCode::from(2);
    }
    let path = path.unwrap_or_else(|| FILE.into());
    match sample(&path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("<4>the load of this minute cannot be kept in {}: {error}", path.display());
            let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
            ExitCode::from(if full { 5 } else { 1 })
        }
    }
}

fn sample(path: &Path) -> io::Result<()> {
    let look = proc::look()?;
    let ring = Ring::open(path)?;
    let before = ring.counters()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    if let Some(record) = before.and_then(|before| record((now / 60) as u32, &before, &look)) {
        ring.put(&record)?;
    }
    ring.remember(&look.counters)
}

/// What the counters say between two looks.
fn record(minute: u32, before: &Counters, look: &Look) -> Option<Record> {
    let now = &look.counters;
    let passed = now.at.checked_sub(before.at).filter(|ms| (1..=PAUSE).contains(ms))?;
    if before.boot != now.boot {
        return None;
    }
    // an interface or a disk that is gone takes its count along
    let rate = |before: u64, now: u64| {
        let bytes = u128::from(now.saturating_sub(before)) * 1000 / u128::from(passed);
        u32::try_from(bytes).unwrap_or(u32::MAX)
    };
    let (busy, ticks) = (now.busy.saturating_sub(before.busy), now.ticks.saturating_sub(before.ticks));
    let processor = busy.saturating_mul(10_000).checked_div(ticks).unwrap_or(0).min(10_000) as u16;
    Some(Record {
        minute,
        processor,
        memory: look.memory,
        swap: look.swap,
        disk: look.disk,
        read: rate(before.read, now.read),
        written: rate(before.written, now.written),
        received: rate(before.received, now.received),
        sent: rate(before.sent, now.sent),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_time_that_passed() {
        let before =
            Counters { boot: [1; 16], at: 1000, busy: 100, ticks: 1000, sent: 500, ..Counters::default() };
        let counters =
            Counters { at: 61_000, busy: 250, ticks: 1600, received: 6_000_000, sent: 20, ..before };
        let look = Look { counters, memory: 5000, ..Look::default() };
        let record = |before: &Counters, look: &Look| super::record(7, before, look);
        let told = record(&before, &look).unwrap();
        assert_eq!((told.minute, told.processor, told.memory), (7, 2500, 5000));
        assert_eq!((told.received, told.sent), (100_000, 0), "a count that went back is no traffic");
        // another boot, a pause, the same moment
        let other = Look { counters: Counters { boot: [2; 16], ..counters }, ..look };
        let later = Look { counters: Counters { at: 1000 + PAUSE + 1, ..counters }, ..look };
        for look in [other, later, Look { counters: before, ..look }] {
            assert_eq!(record(&before, &look), None);
        }
    }

    #[test]
    fn the_second_look_has_a_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("minutes");
        let count = || {
            let (ring, mut count) = (Ring::read_only(&path).unwrap().unwrap(), 0);
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 60;
            ring.each(now as u32 - 10, now as u32 + 10, |_| count += 1).unwrap();
            count
        };
        sample(&path).unwrap();
        assert_eq!(count(), 0);
        // the kernel's time goes on by itself: what is remembered is put back a minute
        let ring = Ring::open(&path).unwrap();
        let counters = ring.counters().unwrap().unwrap();
        ring.remember(&Counters { at: counters.at - 1000, ..counters }).unwrap();
        sample(&path).unwrap();
        assert_eq!(count(), 1);
    }
}
