//! Runs a program of a plugin to its end, and turns what it says into events.
//!
//! The program may be wrong in every way: silent, endless, flooding, deaf to SIGTERM, gone while its children
//! hold the pipes. The run ends all the same, memory stays bounded (its pipes fill up when the events cannot be
//! kept as fast as they come), and what ends up as the result says what was wrong. A line that breaks the
//! protocol does not stop the program, which may be in the middle of changing the owner's data: it makes the result a
//! failure.

mod reading;

use crate::frame;
use events::{Kind, Status, Stream};
use exec::Program;
use reading::Said;
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    collections::{BTreeMap, VecDeque},
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Stdio},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

/// How long a program that was asked to stop has before it is killed.
pub const STOP_TIME: Duration = Duration::from_secs(10);
/// How long children that outlive the program may go on writing.
const DRAIN_TIME: Duration = Duration::from_secs(2);
/// How often it is looked whether the run was cancelled.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Progress comes at most five times a second.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);
/// Lines of standard error that become the details of a failure that brought none.
const TAIL: usize = 10;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub status: Status,
    pub message: String,
    pub details: Vec<String>,
}

/// Who listens to a run.
pub struct Listener<'a> {
    /// Gets every event but the result.
    pub event: &'a mut dyn FnMut(Kind),
    /// Takes an announced file and answers its size ([`crate::artifact::take`]).
    pub artifact: &'a mut dyn FnMut(&str) -> Result<u64, String>,
    /// Set when the program shall stop.
    pub cancel: &'a AtomicBool,
    /// [`STOP_TIME`], but for tests.
    pub stop_time: Duration,
}

/// Runs the program (with its user, folder and environment already set) and waits for its end.
pub fn run(program: Program, parameters: &BTreeMap<String, String>, listener: Listener<'_>) -> Outcome {
    let mut input = serde_json::json!({ "parameters": parameters }).to_string();
    input.push('\n');
    let child = match program.own_group().spawn(Stdio::piped(), Stdio::piped()) {
        Ok(child) => child,
        Err(error) => {
            let source = std::error::Error::source(&error).map(|s| format!(": {s}")).unwrap_or_default();
            return Outcome { status: Status::Failed, message: format!("{error}{source}"), details: vec![] };
        }
    };
    let group = Pid::from_raw(child.id() as i32);
    let said = reading::listen(child, input);
    let mut run = Run {
        listener,
        group,
        asked: None,
        killed: false,
        progress: None,
        result: None,
        fault: None,
        tail: VecDeque::new(),
    };
    let status = run.follow(&said);
    run.outcome(status)
}

struct Run<'a> {
    listener: Listener<'a>,
    group: Option<Pid>,
    /// When it was asked to stop.
    asked: Option<Instant>,
    killed: bool,
    progress: Option<Instant>,
    result: Option<Outcome>,
    /// The first breach of the protocol.
    fault: Option<String>,
    tail: VecDeque<String>,
}

impl Run<'_> {
    /// Until the program has ended and its streams are closed, or its children have had their time.
    fn follow(&mut self, said: &Receiver<Said>) -> Option<ExitStatus> {
        let (mut open, mut ended) = (2, None);
        loop {
            match said.recv_timeout(LOOK_EVERY) {
                Ok(Said::Frame(line)) => self.frame(&line),
                Ok(Said::Free(line)) => self.free(line),
                Ok(Said::Closed) => open -= 1,
                Ok(Said::Ended(status)) => ended = Some((Instant::now(), status)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return ended.and_then(|(_, status)| status),
            }
            self.look_for_cancel();
            if let Some((since, status)) = ended
                && (open == 0 || since.elapsed() > DRAIN_TIME)
            {
                self.signal(Signal::KILL); // what it left behind
                return status;
            }
        }
    }

    fn look_for_cancel(&mut self) {
        match self.asked {
            None if self.listener.cancel.load(Ordering::Relaxed) => {
                self.asked = Some(Instant::now());
                self.signal(Signal::TERM);
            }
            Some(since) if !self.killed && since.elapsed() > self.listener.stop_time => {
                self.killed = true;
                self.signal(Signal::KILL);
            }
            _ => {}
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            let _ = kill_process_group(group, signal);
        }
    }

    fn frame(&mut self, line: &[u8]) {
        let kind = match frame::parse(line) {
            Ok(_) if self.result.is_some() => {
                return self.breach("something came after the result".into(), line);
            }
            Ok(kind) => kind,
            Err(why) => return self.breach(why, line),
        };
        match kind {
            Kind::Result { status, message, details } => {
                self.result = Some(Outcome { status, message, details })
            }
            Kind::Artifact { name, title, .. } => match (self.listener.artifact)(&name) {
                // the size that was found, whatever was announced
                Ok(size) => (self.listener.event)(Kind::Artifact { name, size, title }),
                Err(why) => self.breach(why, line),
            },
            Kind::Progress { percent, .. }
                if percent < 100.0 && self.progress.is_some_and(|p| p.elapsed() < PROGRESS_EVERY) => {}
            other => {
                if matches!(other, Kind::Progress { .. }) {
                    self.progress = Some(Instant::now());
                }
                (self.listener.event)(other);
            }
        }
    }

    fn breach(&mut self, why: String, line: &[u8]) {
        let line = String::from_utf8_lossy(&line[..line.len().min(4096)]).into_owned();
        (self.listener.event)(Kind::Log { stream: Stream::Stdout, line });
        self.fault.get_or_insert(why);
    }

    fn free(&mut self, line: String) {
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line.clone());
        (self.listener.event)(Kind::Log { stream: Stream::Stderr, line });
    }

    /// What the program said, what its end says, and what we did to it, made into one word.
    fn outcome(self, status: Option<ExitStatus>) -> Outcome {
        let good_end = status.is_some_and(|s| s.success());
        let tail: Vec<String> = self.tail.into();
        let failed = |message: String| Outcome { status: Status::Failed, message, details: tail.clone() };
        match (self.fault, self.result) {
            (None, Some(result)) if good_end && result.status == Status::Ok => result,
            (_, result) if self.asked.is_some() => {
                let message = match result.filter(|r| r.status == Status::Cancelled) {
                    Some(own) => own.message,
                    None if self.killed => "It was cancelled, did not stop by itself, and was killed.".into(),
                    None => "It was cancelled.".into(),
                };
                Outcome { status: Status::Cancelled, message, details: tail }
            }
            (Some(fault), _) => failed(format!("The plugin does not keep to the protocol: {fault}.")),
            (None, Some(result)) if result.status == Status::Ok => {
                failed(format!("The plugin reported success, but its program {}.", how(status)))
            }
            (None, Some(mut result)) => {
                if result.details.is_empty() {
                    result.details = tail;
                }
                result
            }
            (None, None) => failed(format!("The plugin's program {} without a result.", how(status))),
        }
    }
}

fn how(status: Option<ExitStatus>) -> String {
    match status.map(|s| (s.code(), s.signal())) {
        Some((Some(code), _)) => format!("ended with status {code}"),
        Some((None, Some(signal))) => format!("was ended by signal {signal}"),
        _ => "ended".into(),
    }
}

#[cfg(test)]
mod tests;
