//! Runs a program of an action to its end, and turns what it says into events.
//!
//! The program may be wrong in every way: silent, endless, flooding, deaf to SIGTERM, gone while its children
//! hold the pipes. The run ends all the same, memory stays bounded (its pipes fill up when the events cannot be
//! kept as fast as they come), and what ends up as the result says what was wrong. A line that breaks the
//! protocol ends the run as a cancellation does: the program is asked to stop, for it may be in the middle of changing the
//! owner's data, and is killed when it does not. The result is a failure that names the line.

mod reading;

use crate::frame::{self, Frame, Speaker};
use events::{Kind, Status, Stream};
use exec::Program;
use reading::Said;
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    collections::{BTreeMap, VecDeque},
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

/// How long a program that was asked to stop has before it is killed.
pub const STOP_TIME: Duration = Duration::from_secs(10);
/// How long children that outlive the program may go on writing.
const DRAIN_TIME: Duration = Duration::from_secs(2);
/// How often it is looked whether the run was cancelled.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often it is looked whether there is room.
const ROOM_EVERY: Duration = Duration::from_secs(1);
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
    /// The program broke the protocol, or ended without a word.
    pub breach: bool,
}

impl Outcome {
    pub(crate) fn failed(message: String, details: Vec<String>) -> Outcome {
        Outcome { status: Status::Failed, message, details, breach: false }
    }
}

/// Who listens to a run. The errors are for the plugin's author, and end the run.
pub trait Listener {
    /// Gets every event but the result.
    fn event(&mut self, kind: Kind);
    /// Takes an announced file and answers its size in bytes ([`crate::artifact::take`]).
    fn artifact(&mut self, name: &str) -> Result<u64, String>;
    /// Keeps a secret until somebody has seen it.
    fn secret(&mut self, label: &str, value: &str) -> Result<(), String>;
    /// Has a service restarted; what is true then, for the log.
    fn restart(&mut self, unit: &str) -> Result<String, String>;
    /// Whether the program shall stop.
    fn cancelled(&self) -> bool;
    /// Whether there is no room left for what it writes.
    fn full(&self) -> bool {
        false
    }
}

/// How long a run may take.
#[derive(Debug, Clone, Copy)]
pub struct Time {
    /// Until it is asked to stop.
    pub most: Duration,
    /// From then on, until it is killed: [`STOP_TIME`] for most.
    pub stop: Duration,
}

impl Default for Time {
    fn default() -> Time {
        Time { most: Duration::from_secs(3600), stop: STOP_TIME }
    }
}

/// The line that the program gets.
pub fn input(parameters: &BTreeMap<String, String>) -> String {
    let mut line = serde_json::json!({ "v": crate::manifest::VERSION, "parameters": parameters }).to_string();
    line.push('\n');
    line
}

/// Runs the program (with its user, folder and environment already set) and waits for its end.
pub fn run(
    program: Program,
    parameters: &BTreeMap<String, String>,
    time: Time,
    listener: &mut dyn Listener,
) -> Outcome {
    let child = match program.own_group().spawn(Stdio::piped(), Stdio::piped()) {
        Ok(child) => child,
        Err(error) => {
            let source = std::error::Error::source(&error).map(|s| format!(": {s}")).unwrap_or_default();
            return Outcome::failed(format!("{error}{source}"), vec![]);
        }
    };
    let group = Pid::from_raw(child.id() as i32);
    let said = reading::listen(child, input(parameters));
    let mut run = Run {
        listener,
        time,
        began: Instant::now(),
        looked: Instant::now(),
        group,
        lines: 0,
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

/// Why a program was asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Cancelled,
    Breach,
    Late,
    Full,
}

struct Run<'a> {
    listener: &'a mut dyn Listener,
    time: Time,
    began: Instant,
    /// When it was looked whether there is room.
    looked: Instant,
    group: Option<Pid>,
    /// Lines of standard output so far.
    lines: u64,
    /// When it was asked to stop.
    asked: Option<(Instant, Why)>,
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
            None if self.listener.cancelled() => self.stop(Why::Cancelled),
            None if self.began.elapsed() > self.time.most => self.stop(Why::Late),
            None if self.looked.elapsed() >= ROOM_EVERY => {
                self.looked = Instant::now();
                if self.listener.full() {
                    self.stop(Why::Full);
                }
            }
            Some((since, _)) if !self.killed && since.elapsed() > self.time.stop => {
                self.killed = true;
                self.signal(Signal::KILL);
            }
            _ => {}
        }
    }

    fn stop(&mut self, why: Why) {
        if self.asked.is_none() {
            self.asked = Some((Instant::now(), why));
            // no time at all: as when the power goes
            self.killed = self.time.stop.is_zero();
            self.signal(if self.killed { Signal::KILL } else { Signal::TERM });
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            let _ = kill_process_group(group, signal);
        }
    }

    fn frame(&mut self, line: &[u8]) {
        self.lines += 1;
        if self.fault.is_some() {
            return;
        }
        let done = match frame::parse(line, Speaker::Action) {
            Ok(_) if self.result.is_some() => Err("comes after the result".into()),
            Ok(frame) => self.heard(frame),
            Err(why) => Err(why),
        };
        if let Err(why) = done {
            // it may hold the secret that it was meant to keep out of the log, and so may the words about a wrong value
            let secret = line.windows(6).any(|part| part == b"secret");
            let (line, why) = if secret {
                let why = why.split_once(": invalid").map_or(why.as_str(), |(start, _)| start).to_owned();
                ("[a line about a secret is left out]".to_owned(), why)
            } else {
                (String::from_utf8_lossy(&line[..line.len().min(4096)]).into_owned(), why)
            };
            self.listener.event(Kind::Log { stream: Stream::Stdout, line });
            self.fault = Some(format!("line {} of its output {why}", self.lines));
            self.stop(Why::Breach);
        }
    }

    fn heard(&mut self, frame: Frame) -> Result<(), String> {
        match frame {
            Frame::Result { status, message, details } => {
                self.result = Some(Outcome { status: status.into(), message, details, breach: false });
            }
            Frame::Artifact { name, title, .. } => {
                // the size that was found, whatever was announced
                let size = self.listener.artifact(&name).map_err(|why| format!("is not true: {why}"))?;
                self.listener.event(Kind::Artifact { name, size, title });
            }
            Frame::Secret { label, value } => {
                self.listener.secret(&label, &value).map_err(|why| format!("cannot be kept: {why}"))?;
                self.listener.event(Kind::Secret { label });
            }
            Frame::Restart { unit } => {
                let line = self.listener.restart(&unit).map_err(|why| format!("cannot be done: {why}"))?;
                self.listener.event(Kind::Log { stream: Stream::Stdout, line });
            }
            Frame::Progress { percent, .. }
                if percent < 100.0 && self.progress.is_some_and(|p| p.elapsed() < PROGRESS_EVERY) => {}
            other => {
                if matches!(other, Frame::Progress { .. }) {
                    self.progress = Some(Instant::now());
                }
                other.event().into_iter().for_each(|kind| self.listener.event(kind));
            }
        }
        Ok(())
    }

    fn free(&mut self, line: String) {
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line.clone());
        self.listener.event(Kind::Log { stream: Stream::Stderr, line });
    }

    /// What the program said, what its end says, and what we did to it, made into one word.
    fn outcome(self, status: Option<ExitStatus>) -> Outcome {
        let good_end = status.is_some_and(|s| s.success());
        let tail: Vec<String> = self.tail.into();
        let failed = |message: String| Outcome::failed(message, tail.clone());
        let broke = |message: String| Outcome { breach: true, ..failed(message) };
        match (self.fault, self.result) {
            (None, Some(result)) if good_end && result.status == Status::Ok => result,
            (Some(fault), _) => broke(format!("The plugin does not keep to the protocol: {fault}.")),
            (None, _) if self.asked.is_some_and(|(_, why)| why == Why::Late) => failed(format!(
                "It was stopped: it has not ended within {} s, which is what its manifest gives it.",
                self.time.most.as_secs()
            )),
            (None, _) if self.asked.is_some_and(|(_, why)| why == Why::Full) => {
                failed("It was stopped: the disk is almost full. Remove something and try again.".into())
            }
            (_, result) if self.asked.is_some() => {
                let message = match result.filter(|r| r.status == Status::Cancelled) {
                    Some(own) => own.message,
                    None if self.killed => "It was cancelled, did not stop by itself, and was killed.".into(),
                    None => "It was cancelled.".into(),
                };
                Outcome { status: Status::Cancelled, message, details: tail, breach: false }
            }
            (None, Some(result)) if result.status == Status::Ok => {
                broke(format!("The plugin reported success, but its program {}.", how(status)))
            }
            (None, Some(mut result)) => {
                if result.details.is_empty() {
                    result.details = tail;
                }
                result
            }
            (None, None) => broke(format!("The plugin's program {} without a result.", how(status))),
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
