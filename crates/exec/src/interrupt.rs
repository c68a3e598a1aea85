//! Ending a program from another thread, as Ctrl-C would.

use rustix::{
    fd::OwnedFd,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use std::{
    process::Child,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Sends SIGINT to the program that runs with it. Once asked, every later program gets it at its start.
#[derive(Debug, Clone, Default)]
pub struct Interrupter(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    asked: AtomicBool,
    /// A pidfd, not a number: it never names a stranger.
    running: Mutex<Option<OwnedFd>>,
}

impl Interrupter {
    pub fn interrupt(&self) {
        self.0.asked.store(true, Ordering::SeqCst);
        self.signal();
    }

    pub fn interrupted(&self) -> bool {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// Called between the start and the wait. The guard forgets the program.
    pub(crate) fn watch(&self, child: &Child) -> Watch<'_> {
        *self.running() =
            Pid::from_raw(child.id() as i32).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        if self.interrupted() {
            self.signal();
        }
        Watch(self)
    }

    fn signal(&self) {
        if let Some(fd) = self.running().as_ref() {
            // it may have ended already: then there is nothing to do
            let _ = pidfd_send_signal(fd, Signal::INT);
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<OwnedFd>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Watch<'a>(&'a Interrupter);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        *self.0.running() = None;
    }
}
