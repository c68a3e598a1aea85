//! apt and dpkg at work in the root: what they write is read, and what fails is passed by.

use crate::{
    Ending, Error, Priority, Recording, Result,
    frontend::Recorder,
    root::{Root, SHARED},
};
use exec::Program;
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
    process::{Child, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// A script that says nothing for so long waits for something that never comes.
const SILENCE: Duration = Duration::from_secs(900);
/// So many times packages that failed are passed by.
const ROUNDS: usize = 10;

/// The frontend, and whoever talks to it.
pub struct Run<'a> {
    root: &'a Root,
    priority: Priority,
    recorder: Recorder,
    send: mpsc::Sender<Said>,
    receive: mpsc::Receiver<Said>,
}

impl<'a> Run<'a> {
    /// What is less important than `priority` is not shown.
    pub fn begin(root: &'a Root, priority: Priority) -> Result<Self> {
        let (send, receive) = mpsc::channel();
        let gave_up = send.clone();
        let recorder =
            Recorder::listen(&root.shared().join("debconf"), move || drop(gave_up.send(Said::Enough)))?;
        Ok(Run { root, priority, recorder, send, receive })
    }

    /// From now on the frontend gives these answers, by debconf's names of the questions.
    pub fn answer(&self, given: BTreeMap<String, String>) {
        self.recorder.answer(given);
    }

    /// Lets apt-get install what `what` names. A package whose script fails, perhaps for want of a service, must not hide
    /// what the others ask: it is taken for configured, and the work goes on.
    pub fn install(&self, what: impl Fn(Program) -> Program, recording: &mut Recording) -> Result<()> {
        for round in 0..ROUNDS {
            let apt = self.apt().args(if round == 0 { &["-q"][..] } else { &["-q", "-f"] });
            let problems = self.watch(what(apt), recording)?;
            let failed: Vec<&str> = problems.iter().filter_map(|line| unconfigured(line)).collect();
            for package in &failed {
                let script = format!("/var/lib/dpkg/info/{package}.postinst");
                let program = self.root.program("install", &[]);
                program.args(["-m", "755", "--", "/usr/bin/true"]).arg(script).run()?;
            }
            let ended = matches!(recording.ending, Ending::Endless(_) | Ending::Silent(_));
            let nothing_to_pass_by = failed.is_empty();
            recording.problems.extend(problems);
            if ended || nothing_to_pass_by {
                break;
            }
        }
        recording.asked = self.recorder.asked();
        recording.answered = self.recorder.answered();
        Ok(())
    }

    fn apt(&self) -> Program {
        let pipe = format!("{SHARED}/debconf");
        let environment = [
            ("DEBIAN_FRONTEND", "passthrough"),
            ("DEBCONF_PIPE", pipe.as_str()),
            ("DEBIAN_PRIORITY", self.priority.word()),
            ("DEBCONF_DEBUG", "developer"),
        ];
        self.root.program("apt-get", &environment)
    }

    /// Runs it to its end, or until nothing more can come of it; the lines that tell of failures.
    fn watch(&self, program: Program, recording: &mut Recording) -> Result<Vec<String>> {
        let mut child = program.spawn(Stdio::piped(), Stdio::piped())?;
        // nobody answers at its standard input
        drop(child.stdin.take());
        read(child.stdout.take(), self.send.clone());
        read(child.stderr.take(), self.send.clone());
        let mut tail = Tail::default();
        let mut open = 2;
        while open > 0 {
            match self.receive.recv_timeout(SILENCE) {
                Ok(Said::Line(line)) => {
                    recording.trace.line(&line);
                    tail.line(line);
                }
                Ok(Said::End) => open -= 1,
                Ok(Said::Enough) | Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    recording.ending = Ending::Silent(SILENCE.as_secs());
                    break;
                }
            }
        }
        let success = end(&mut child, open == 0)?;
        if let Some(question) = self.recorder.endless() {
            recording.ending = Ending::Endless(question);
        } else if recording.ending == Ending::Complete && !success {
            recording.ending = Ending::Failed(tail.last.into());
        }
        Ok(tail.problems)
    }
}

/// The package of `dpkg: error processing package NAME (--configure):`.
fn unconfigured(line: &str) -> Option<&str> {
    let name = line.strip_prefix("dpkg: error processing package ")?.strip_suffix(" (--configure):")?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"+-.:".contains(&b);
    name.bytes().all(plain).then_some(name)
}

enum Said {
    Line(String),
    /// Of one stream.
    End,
    /// A script asks without end.
    Enough,
}

fn read(stream: Option<impl Read + Send + 'static>, to: mpsc::Sender<Said>) {
    /// No honest line is longer (bytes).
    const LONGEST: u64 = 1 << 20;
    thread::spawn(move || {
        let mut reader = stream.map(BufReader::new);
        let mut line = vec![];
        while let Some(reader) = &mut reader {
            line.clear();
            match reader.take(LONGEST).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
            if to.send(Said::Line(text)).is_err() {
                return;
            }
        }
        let _ = to.send(Said::End);
    });
}

/// Waits for the program, or ends it and with it everything in its namespaces.
fn end(child: &mut Child, by_itself: bool) -> Result<bool> {
    let talk = |source| Error::Io { operation: "wait for", path: "apt-get".into(), source };
    if !by_itself {
        child.kill().map_err(talk)?;
    }
    Ok(child.wait().map_err(talk)?.success())
}

/// The last lines, and those that tell of a failure.
#[derive(Default)]
struct Tail {
    last: std::collections::VecDeque<String>,
    problems: Vec<String>,
}

impl Tail {
    fn line(&mut self, line: String) {
        // the last two are the container's own and apt's, about folders that are not theirs to change
        let noise =
            ["debconf (developer)", "Attempted to remove disk file system", "SetupAPTPartialDirectory"];
        if noise.iter().any(|n| line.contains(n)) || line.trim().is_empty() {
            return;
        }
        let failed = line.starts_with("dpkg: error processing") || line.contains("failed to preconfigure");
        if failed && self.problems.len() < 100 {
            self.problems.push(line.clone());
        }
        if self.last.len() == 15 {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_a_package_whose_own_script_failed_is_passed_by() {
        let failed = super::unconfigured;
        assert_eq!(failed("dpkg: error processing package libx1:amd64 (--configure):"), Some("libx1:amd64"));
        assert_eq!(failed("dpkg: error processing package ../x (--configure):"), None);
        assert_eq!(failed("dpkg: error processing archive /packages/x.deb (--unpack):"), None);
    }
}
