//! One configuration run at a time on a machine.

use crate::{Error, Machine, Result};
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use std::{
    fs::File,
    io::{Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    time::{Duration, Instant},
};

/// So long a run waits for another to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Held until dropped; the kernel lets go of it when the process dies.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits up to a minute, then refuses with the holder's process number.
    pub fn take(machine: &Machine) -> Result<Self> {
        Self::take_within(machine, PATIENCE)
    }

    #[allow(clippy::disallowed_methods, reason = "flock(2) has no wait with a timeout")]
    pub(crate) fn take_within(machine: &Machine, patience: Duration) -> Result<Self> {
        let path = machine.path(crate::machine::LOCK);
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            // who may open it may lock it
            .mode(0o600)
            .open(&path)
            .map_err(Error::io("open the lock", &path))?;
        let end = Instant::now() + patience;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK) if Instant::now() < end => {
                    std::thread::sleep(Duration::from_millis(100))
                }
                Err(Errno::WOULDBLOCK) => {
                    let mut holder = String::new();
                    // without its number the message is still true
                    let _ = file.read_to_string(&mut holder);
                    return Err(Error::Locked { holder: holder.trim().into() });
                }
                Err(e) => return Err(Error::io("lock", path)(e)),
            }
        }
        let note = file.set_len(0).and_then(|()| file.rewind());
        note.and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(Error::io("write the lock", &path))?;
        Ok(Lock { _file: file })
    }
}
