//! The debconf frontend of a rehearsal: takes what was given in advance and else every default, and writes down what it was asked.

use crate::{Error, Result};
use debconf::passthrough::{Answered, Asked, Frontend, serve};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, BufReader},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// The same question so often in one conversation: the script takes no answer that a stranger can give.
const PATIENCE: usize = 12;
/// From then on another answer is tried than the default.
const DEFAULTS: usize = 2;
/// An answer where there is no default; a password and its repetition have to be the same.
const SECRET: &str = "Rehearsal-of-1-password";

/// Listens at a socket until it is dropped.
#[derive(Debug)]
pub struct Recorder {
    socket: PathBuf,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    asked: Mutex<Vec<Asked>>,
    /// Answers by debconf's names of the questions; may hold secrets.
    given: Mutex<BTreeMap<String, String>>,
    /// Questions that got one of them.
    answered: Mutex<BTreeSet<String>>,
    /// The question that is asked without end.
    endless: Mutex<Option<String>>,
    stop: AtomicBool,
}

impl Recorder {
    /// `gave_up` is called when a script asks without end: then the installation has to be ended at once.
    pub fn listen(socket: &Path, gave_up: impl Fn() + Clone + Send + 'static) -> Result<Recorder> {
        let listener = UnixListener::bind(socket).map_err(Error::io("listen at", socket))?;
        let shared = Arc::new(Shared {
            asked: Mutex::default(),
            given: Mutex::default(),
            answered: Mutex::default(),
            endless: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let for_thread = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if for_thread.stop.load(Ordering::SeqCst) {
                    return;
                }
                let (shared, gave_up) = (for_thread.clone(), gave_up.clone());
                thread::spawn(move || converse(stream, &shared, &gave_up));
            }
        });
        Ok(Recorder { socket: socket.into(), shared })
    }

    /// From now on these questions get these answers, and no others.
    pub fn answer(&self, given: BTreeMap<String, String>) {
        *locked(&self.shared.given) = given;
    }

    /// The questions that got an answer given in advance.
    pub fn answered(&self) -> BTreeSet<String> {
        locked(&self.shared.answered).clone()
    }

    /// All that was asked, in its order.
    pub fn asked(&self) -> Vec<Asked> {
        locked(&self.shared.asked).clone()
    }

    /// The question that a script asks without end.
    pub fn endless(&self) -> Option<String> {
        locked(&self.shared.endless).clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let _ = UnixStream::connect(&self.socket);
    }
}

fn converse(stream: UnixStream, shared: &Shared, gave_up: &impl Fn()) {
    let Ok(reader) = stream.try_clone() else { return };
    let mut writer = &stream;
    let mut taker = Taker { shared, conversation: vec![] };
    if serve(&mut BufReader::new(reader), &mut writer, &mut taker).is_err() && taker.gave_up() {
        // the connection is still open: debconf waits, and is ended while it does
        gave_up();
    }
}

/// One conversation.
struct Taker<'a> {
    shared: &'a Shared,
    /// What was asked in it, to notice a script that never ends.
    conversation: Vec<(String, String)>,
}

impl Taker<'_> {
    fn gave_up(&self) -> bool {
        locked(&self.shared.endless).is_some()
    }

    /// How often this one was asked before.
    fn times(&mut self, question: &Asked) -> usize {
        let this = (question.template.clone(), question.description.clone());
        let times = self.conversation.iter().filter(|known| **known == this).count();
        self.conversation.push(this);
        times
    }
}

impl Frontend for Taker<'_> {
    fn ask(&mut self, _title: &str, questions: &[Asked], _back: bool) -> io::Result<Answered> {
        locked(&self.shared.asked).extend_from_slice(questions);
        let mut values = vec![];
        for question in questions {
            let times = self.times(question);
            if times > PATIENCE {
                *locked(&self.shared.endless) = Some(question.template.clone());
                return Err(io::Error::other("asked without end"));
            }
            let given = locked(&self.shared.given).get(&question.question()).filter(|_| times == 0).cloned();
            if given.is_some() {
                locked(&self.shared.answered).insert(question.question());
            }
            values.push(given.unwrap_or_else(|| answer(question, times)));
        }
        Ok(Answered::Values(values))
    }
}

/// The default where there is one; otherwise, and when the default was not taken, something that may be.
fn answer(question: &Asked, times: usize) -> String {
    let default = question.default.clone();
    let has = |choice: &str| question.choices.iter().any(|c| c == choice);
    match question.kind.as_str() {
        "password" => SECRET.into(),
        // dbconfig-common's way on when there is no database server: the rest is worth knowing too
        "select" if has("abort") && has("ignore") => "ignore".into(),
        "select" if default.is_empty() => question.choices.first().cloned().unwrap_or_default(),
        // a loop that a "no" leads round again is left with a "yes", and the other way round
        "boolean" if times > DEFAULTS => if default == "true" { "false" } else { "true" }.into(),
        "select" if times > DEFAULTS => {
            question.choices.get(times % question.choices.len().max(1)).cloned().unwrap_or(default)
        }
        "string" if times > DEFAULTS => {
            let tries = ["rehearsal.example.test", "1", "EXAMPLE.TEST", "admin@example.test", "/srv", ""];
            tries[times % tries.len()].into()
        }
        _ => default,
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, Write};

    #[test]
    fn a_script_that_takes_no_answer_is_given_up_on() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("debconf");
        let (send, receive) = std::sync::mpsc::channel();
        let recorder = Recorder::listen(&socket, move || send.send(()).unwrap()).unwrap();
        let mut stream = UnixStream::connect(&socket).unwrap();
        let mut replies = BufReader::new(stream.try_clone().unwrap()).lines();
        stream.write_all(b"DATA a/b type string\nSET a/b x\nINPUT high a/b\nGO\nGET a/b\n").unwrap();
        let last = replies.by_ref().take(5).last().unwrap().unwrap();
        assert_eq!(last, "0 x");
        for _ in 0..=PATIENCE {
            stream.write_all(b"INPUT high a/b\nGO\n").unwrap();
        }
        receive.recv().unwrap();
        assert_eq!(recorder.endless().as_deref(), Some("a/b"));
        assert_eq!(recorder.asked().len(), PATIENCE + 2);
    }
}
