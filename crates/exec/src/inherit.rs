//! Handing one extra descriptor to one program.
//!
//! A descriptor is inherited when its close-on-exec flag is off, by every program started in that moment. So all
//! starts take a lock: shared for ordinary ones, alone for one that hands a descriptor on.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd, RawFd},
    process::{Child, Command},
    sync::{PoisonError, RwLock},
};

static STARTING: RwLock<()> = RwLock::new(());

pub fn spawn(command: &mut Command) -> io::Result<Child> {
    let _shared = STARTING.read().unwrap_or_else(PoisonError::into_inner);
    command.spawn()
}

/// Starts the command that `make` gives for the number under which the program will find the descriptor.
pub fn spawn_with(fd: impl Into<OwnedFd>, make: impl FnOnce(RawFd) -> Command) -> io::Result<Child> {
    // above the standard streams, which std puts in place after the fork
    let fd = rustix::io::fcntl_dupfd_cloexec(fd.into().as_fd(), 3)?;
    let mut command = make(fd.as_raw_fd());
    let _alone = STARTING.write().unwrap_or_else(PoisonError::into_inner);
    rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::empty())?;
    let child = command.spawn();
    // ours is closed before the lock is given back, so that the reader sees the end when the program ends
    drop(fd);
    child
}
