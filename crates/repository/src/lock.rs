//! One change at a time: flock(2) on a file in the repository, which also says who holds it.

use crate::{Error, Result};
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Seek, Write},
    path::Path,
};

/// Held until dropped; a process that dies gives it back.
#[derive(Debug)]
pub struct Lock(File);

impl Drop for Lock {
    /// Lets go by name: a program that another thread is just starting still has a copy of the descriptor, and
    /// closing ours alone would leave the lock with it for a moment.
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

impl Lock {
    /// Takes the lock of the repository in this folder, or says at once who has it.
    pub fn take(repository: &Path) -> Result<Self> {
        let path = repository.join(".lock");
        let open = OpenOptions::new().create(true).read(true).write(true).truncate(false).open(&path);
        let mut file = open.map_err(Error::io("open the lock", &path))?;
        if let Err(errno) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            if errno != rustix::io::Errno::WOULDBLOCK {
                return Err(Error::io("lock", &path)(errno.into()));
            }
            let mut holder = String::new();
            let known =
                Read::by_ref(&mut file).take(200).read_to_string(&mut holder).is_ok() && !holder.is_empty();
            let holder = if known { holder.trim().to_string() } else { "another process".into() };
            return Err(Error::Locked { path: repository.into(), holder });
        }
        let name = fs::read_to_string("/proc/self/comm").unwrap_or_default();
        let say = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "process {} ({})", std::process::id(), name.trim())
        };
        say(&mut file).map_err(Error::io("write the lock", &path))?;
        Ok(Lock(file))
    }
}
