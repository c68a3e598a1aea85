//! Ctrl-C, SIGTERM and SIGHUP: before anything is changed they end the program, later they let dpkg finish.

use crate::failure::{Exit, Failure};
use exec::Interrupter;
use rustix::termios::{OptionalActions, Termios, tcsetattr};
use std::{
    fs, io,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// As shells report a program that Ctrl-C ended.
const STATUS: i32 = 130;

#[derive(Clone, Default)]
pub struct Signals {
    pub interrupter: Interrupter,
    changing: Arc<AtomicBool>,
    undo: Arc<Mutex<Undo>>,
}

/// What has to be put right before ending at once.
#[derive(Default)]
struct Undo {
    files: Vec<PathBuf>,
    terminal: Option<Termios>,
}

impl Signals {
    /// Watches from now on.
    pub fn watch() -> Result<Self, Failure> {
        let signals = Signals::default();
        let watching = signals.clone();
        ctrlc::set_handler(move || watching.arrived())
            .map_err(|e| Failure::new(Exit::Failed, format!("cannot watch for signals: {e}")))?;
        Ok(signals)
    }

    /// From now on a signal waits for the package manager.
    pub fn changing(&self) {
        self.changing.store(true, Ordering::SeqCst);
    }

    /// These files are ours and go away with us, until [`Signals::keep`].
    pub fn remove_at_end(&self, file: PathBuf) {
        self.undo().files.push(file);
    }

    /// The files stay.
    pub fn keep(&self) {
        self.undo().files.clear();
    }

    /// Removes the files that [`Signals::keep`] was not called for.
    pub fn clean(&self) {
        for file in self.undo().files.drain(..) {
            let _ = fs::remove_file(file);
        }
    }

    /// The terminal as it was, while echo is off.
    pub fn terminal(&self, was: Option<Termios>) {
        self.undo().terminal = was;
    }

    fn undo(&self) -> MutexGuard<'_, Undo> {
        self.undo.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[allow(clippy::exit, reason = "the main thread waits for a person or a program")]
    fn arrived(&self) {
        if self.changing.load(Ordering::SeqCst) {
            eprintln!(
                "\nStopping: what dpkg has begun is finished first. Run the same command again to go on."
            );
            return self.interrupter.interrupt();
        }
        if let Some(was) = self.undo().terminal.take() {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &was);
        }
        self.interrupter.interrupt();
        self.clean();
        eprintln!("\nStopped; nothing has been changed.");
        std::process::exit(STATUS);
    }
}
