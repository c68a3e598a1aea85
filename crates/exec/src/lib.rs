//! The one way to run a program.
//!
//! Typed arguments, never a shell; a clean environment (`PATH`, `LC_ALL=C.UTF-8` and what is set by name);
//! output captured within bounds or handed on line by line; an error that names the program, says how it
//! ended and carries its last lines. Secrets go through standard input, never through arguments.

mod inherit;
mod interrupt;
mod lines;

pub use interrupt::Interrupter;

use std::{
    ffi::{OsStr, OsString},
    io::{self, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// At most so many bytes of each stream are kept; the middle of anything longer is dropped.
pub const CAPTURE_LIMIT: usize = 8 << 20;

/// How long children that outlive their program may go on writing.
const DRAIN_TIME: Duration = Duration::from_secs(2);
/// How often it is looked whether a silent program has ended.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A program and all that it is started with.
#[derive(Debug, Clone)]
pub struct Program {
    name: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    inherit_env: bool,
    dir: Option<PathBuf>,
    stdin: Vec<u8>,
    timeout: Option<Duration>,
    ids: Option<(u32, u32)>,
    own_group: bool,
    status_option: Option<(usize, OsString)>,
    interrupter: Option<Interrupter>,
}

/// How a program ended and what it wrote.
#[derive(Debug, Clone)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// Which stream a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    Stdout,
    Stderr,
    /// The third stream of [`Program::status_option`].
    Status,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot start {program}")]
    Start { program: String, source: io::Error },
    #[error("cannot talk to {program}")]
    Talk { program: String, source: io::Error },
    #[error("{program} {how}{}", tail_text(.tail))]
    Failed { program: String, how: String, code: Option<i32>, tail: Vec<String> },
    #[error("{program} did not end within {} s and was stopped", .after.as_secs())]
    TimedOut { program: String, after: Duration },
}

impl Program {
    pub fn new(name: impl AsRef<OsStr>) -> Self {
        Program {
            name: name.as_ref().into(),
            args: vec![],
            env: vec![],
            inherit_env: false,
            dir: None,
            stdin: vec![],
            timeout: None,
            ids: None,
            own_group: false,
            status_option: None,
            interrupter: None,
        }
    }
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().into());
        self
    }
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|a| a.as_ref().into()));
        self
    }
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().into(), value.as_ref().into()));
        self
    }
    /// Passes the caller's whole environment on (for developers' tools such as cargo).
    pub fn inherit_env(mut self) -> Self {
        self.inherit_env = true;
        self
    }
    pub fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.dir = Some(dir.as_ref().into());
        self
    }
    /// What the program reads; without it standard input is empty.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }
    /// Kills the program when it has not ended by then.
    pub fn timeout(mut self, after: Duration) -> Self {
        self.timeout = Some(after);
        self
    }
    /// Runs as this user and group, with no supplementary groups.
    pub fn user(mut self, uid: u32, gid: u32) -> Self {
        self.ids = Some((uid, gid));
        self
    }
    /// Puts the program into a process group of its own, so that the terminal's Ctrl-C does not reach it
    /// and a signal can reach all that it started.
    pub fn own_group(mut self) -> Self {
        self.own_group = true;
        self
    }

    /// Adds an argument that ends in the number of a descriptor the program may write its own progress to, such as
    /// `APT::Status-Fd=` for apt-get. [`Program::each_line`] hands those lines on as [`From::Status`].
    pub fn status_option(mut self, prefix: impl AsRef<OsStr>) -> Self {
        self.status_option = Some((self.args.len(), prefix.as_ref().into()));
        self.args.push(prefix.as_ref().into());
        self
    }
    /// Lets another thread end the program early.
    pub fn interrupter(mut self, interrupter: &Interrupter) -> Self {
        self.interrupter = Some(interrupter.clone());
        self
    }

    /// The program and its arguments as a person would write them, for messages.
    pub fn describe(&self) -> String {
        let mut text = self.name.to_string_lossy().into_owned();
        for arg in &self.args {
            text.push(' ');
            text.push_str(&arg.to_string_lossy());
        }
        text
    }

    /// Runs to the end; a status other than 0 is an error with the last lines written.
    pub fn run(&self) -> Result<Output, Error> {
        let output = self.output()?;
        output.check(self)?;
        Ok(output)
    }

    /// Runs to the end; any status is a result.
    pub fn output(&self) -> Result<Output, Error> {
        self.each_line(|_, _| {})
    }

    /// Runs to the end and hands each line on, as it comes, without its line end and with bytes that are
    /// not UTF-8 replaced. Any status is a result.
    pub fn each_line(&self, mut line: impl FnMut(From, &str)) -> Result<Output, Error> {
        let (mut child, status) =
            self.start(Stdio::piped(), Stdio::piped()).map_err(|e| self.start_error(e))?;
        let _running = self.interrupter.as_ref().map(|i| i.watch(&child));
        let (send, receive) = mpsc::channel();
        let readers = [
            lines::reader(child.stdout.take(), From::Stdout, send.clone()),
            lines::reader(status, From::Status, send.clone()),
            lines::reader(child.stderr.take(), From::Stderr, send),
        ];
        let writer = self.feed(&mut child);
        let end = self.timeout.map(|t| Instant::now() + t);
        let (mut stdout, mut stderr) = (lines::Captured::default(), lines::Captured::default());
        let mut timed_out = false;
        let mut gone: Option<Instant> = None;
        // a daemon that the program has left behind may hold its streams for ever: it is not waited for
        let is_late = |gone: Option<Instant>| gone.is_some_and(|since| since.elapsed() > DRAIN_TIME);
        let abandoned = loop {
            let now = Instant::now();
            if end.is_some_and(|end| now >= end) {
                timed_out = true;
                self.kill(&mut child);
                break true;
            }
            let wait = end.map_or(LOOK_EVERY, |end| LOOK_EVERY.min(end - now));
            match receive.recv_timeout(wait) {
                Ok((from, bytes)) => {
                    match from {
                        From::Stdout => stdout.push(&bytes),
                        From::Stderr => stderr.push(&bytes),
                        From::Status => {}
                    }
                    line(from, String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']));
                }
                Err(mpsc::RecvTimeoutError::Timeout) if gone.is_none() => {
                    let ended = child.try_wait().map_err(|source| self.talk_error(source))?;
                    gone = ended.map(|_| Instant::now());
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break false,
            }
            if is_late(gone) {
                break true;
            }
        };
        let status = self.reap(&mut child, end, &mut timed_out)?;
        if timed_out {
            return Err(Error::TimedOut {
                program: self.describe(),
                after: self.timeout.unwrap_or_default(),
            });
        }
        if !abandoned {
            for reader in readers {
                let _ = reader.join();
            }
            let _ = writer.join();
        }
        Ok(Output { status, stdout: stdout.into_bytes(), stderr: stderr.into_bytes() })
    }

    /// Starts the program with the given streams and leaves it to the caller. The child's standard input
    /// is a pipe when `stdin` was given nothing, so that the caller may write to it.
    pub fn spawn(&self, stdout: Stdio, stderr: Stdio) -> Result<Child, Error> {
        self.start(stdout, stderr).map(|(child, _)| child).map_err(|e| self.start_error(e))
    }

    /// The program with the caller's own terminal. Waits for it.
    pub fn interactive(&self) -> Result<ExitStatus, Error> {
        let mut command = self.command(Stdio::inherit(), Stdio::inherit());
        command.stdin(Stdio::inherit());
        inherit::spawn(&mut command).and_then(|mut child| child.wait()).map_err(|e| self.start_error(e))
    }

    /// Replaces this process by the program; returns only when that failed.
    pub fn replace(&self) -> Error {
        let mut command = self.command(Stdio::inherit(), Stdio::inherit());
        command.stdin(Stdio::inherit());
        self.start_error(command.exec())
    }

    /// Starts the program; with [`Program::status_option`], also gives the end to read its progress from.
    fn start(&self, stdout: Stdio, stderr: Stdio) -> io::Result<(Child, Option<io::PipeReader>)> {
        let Some((index, prefix)) = &self.status_option else {
            return inherit::spawn(&mut self.command(stdout, stderr)).map(|child| (child, None));
        };
        let (reader, writer) = io::pipe()?;
        let child = inherit::spawn_with(writer, |fd| {
            let mut program = self.clone();
            let mut option = prefix.clone();
            option.push(fd.to_string());
            program.args[*index] = option;
            program.command(stdout, stderr)
        })?;
        Ok((child, Some(reader)))
    }

    #[allow(clippy::disallowed_methods, reason = "this is the one place")]
    fn command(&self, stdout: Stdio, stderr: Stdio) -> Command {
        let mut command = Command::new(&self.name);
        command.args(&self.args).stdin(Stdio::piped()).stdout(stdout).stderr(stderr);
        if !self.inherit_env {
            command.env_clear();
            command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
            command.env("LC_ALL", "C.UTF-8");
        }
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        if let Some((uid, gid)) = self.ids {
            // std drops the supplementary groups when a uid is set and the caller is root
            command.uid(uid).gid(gid);
        }
        if self.own_group {
            command.process_group(0);
        }
        command
    }

    fn feed(&self, child: &mut Child) -> thread::JoinHandle<()> {
        let (stdin, bytes) = (child.stdin.take(), self.stdin.clone());
        thread::spawn(move || {
            if let Some(mut stdin) = stdin {
                // a program that does not read all of its input is no error of ours
                let _ = stdin.write_all(&bytes);
            }
        })
    }

    fn kill(&self, child: &mut Child) {
        if self.own_group
            && let Some(group) = rustix::process::Pid::from_raw(child.id() as i32)
        {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = child.kill();
    }

    /// Waits for the end; a program that closed its streams and lives on is still bound by the timeout.
    #[allow(clippy::disallowed_methods, reason = "there is no wait with a timeout in std")]
    fn reap(
        &self,
        child: &mut Child,
        end: Option<Instant>,
        timed_out: &mut bool,
    ) -> Result<ExitStatus, Error> {
        let talk = |source| self.talk_error(source);
        while let Some(end) = end.filter(|_| !*timed_out) {
            if let Some(status) = child.try_wait().map_err(talk)? {
                return Ok(status);
            }
            if Instant::now() >= end {
                *timed_out = true;
                self.kill(child);
            } else {
                thread::sleep(Duration::from_millis(5));
            }
        }
        child.wait().map_err(talk)
    }

    fn talk_error(&self, source: io::Error) -> Error {
        Error::Talk { program: self.describe(), source }
    }

    fn start_error(&self, source: io::Error) -> Error {
        Error::Start { program: self.name.to_string_lossy().into_owned(), source }
    }
}

impl Output {
    pub fn success(&self) -> bool {
        self.status.success()
    }
    /// Standard output as text, bytes that are not UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
    /// The last lines of both streams: what a person needs to understand a failure.
    pub fn tail(&self, lines: usize) -> Vec<String> {
        let text = [String::from_utf8_lossy(&self.stdout), String::from_utf8_lossy(&self.stderr)].join("\n");
        let all: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
        all[all.len().saturating_sub(lines)..].iter().map(|l| l.to_string()).collect()
    }
    /// An error unless the status is 0.
    pub fn check(&self, program: &Program) -> Result<(), Error> {
        if self.success() {
            return Ok(());
        }
        let how = match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("ended with status {code}"),
            (None, Some(signal)) => format!("was ended by signal {signal}"),
            (None, None) => "ended in an unknown way".into(),
        };
        Err(Error::Failed { program: program.describe(), how, code: self.status.code(), tail: self.tail(10) })
    }
}

/// Reads everything from a stream, for the few who start a program with [`Program::spawn`].
pub fn read_all(mut stream: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = vec![];
    stream.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn tail_text(tail: &[String]) -> String {
    if tail.is_empty() { String::new() } else { format!("; it said:\n    {}", tail.join("\n    ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_a_daemon_left_behind_nor_a_flood_is_waited_for() {
        let start = Instant::now();
        let out = Program::new("sh").args(["-c", "sleep 60 & echo $!"]).output().unwrap();
        assert!(out.success() && start.elapsed() < Duration::from_secs(10));
        Program::new("kill").arg(out.text().trim()).run().unwrap();
        let flood = Program::new("yes").timeout(Duration::from_millis(300)).output();
        assert!(matches!(flood, Err(Error::TimedOut { .. })) && start.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn output_and_status_are_told() {
        let out = Program::new("sh").args(["-c", "echo a; echo b >&2; exit 3"]).output().unwrap();
        assert_eq!(
            (out.status.code(), out.text().as_str(), out.stderr.as_slice()),
            (Some(3), "a\n", b"b\n".as_slice())
        );
        let error = out.check(&Program::new("sh")).unwrap_err().to_string();
        assert!(error.contains("status 3") && error.contains("b"), "{error}");
    }

    #[test]
    fn the_environment_is_clean() {
        let out = Program::new("env").env("A", "1").run().unwrap().text();
        assert_eq!(out.lines().count(), 3, "{out}");
    }

    #[test]
    fn input_is_read_and_a_deaf_program_is_no_error() {
        assert_eq!(Program::new("cat").stdin("x").run().unwrap().text(), "x");
        Program::new("true").stdin(vec![0; 1 << 20]).run().unwrap();
    }

    #[test]
    fn a_program_that_hangs_is_stopped() {
        let hang = Program::new("sleep").arg("60").timeout(Duration::from_millis(50));
        assert!(matches!(hang.run(), Err(Error::TimedOut { .. })));
        let quiet = Program::new("sh")
            .args(["-c", "exec >&- 2>&-; exec sleep 60"])
            .timeout(Duration::from_millis(50));
        assert!(matches!(quiet.run(), Err(Error::TimedOut { .. })));
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Program::new("/no/such/program").run().unwrap_err().to_string();
        assert!(error.contains("/no/such/program"));
    }

    #[test]
    fn a_third_stream_comes_through_and_only_to_its_program() {
        // a shell may know no descriptor above 9 by its number
        let script = "echo here > /proc/self/fd/${1#fd=}; echo out";
        let program = Program::new("sh").args(["-c", script, "sh"]).status_option("fd=");
        let mut lines = vec![];
        let out = program.each_line(|from, line| lines.push((from, line.to_string()))).unwrap();
        lines.sort_by_key(|(_, line)| line.clone());
        assert_eq!(lines, [(From::Status, "here".into()), (From::Stdout, "out".into())]);
        assert_eq!(out.text(), "out\n");
        let open = |program: &Program| program.run().unwrap().text().lines().count();
        let plain = Program::new("sh").args(["-c", "ls /proc/self/fd"]);
        let with = Program::new("sh").args(["-c", "ls /proc/self/fd"]).status_option("fd=");
        assert_eq!(open(&plain) + 1, open(&with));
    }

    #[test]
    fn an_interrupted_program_ends_early() {
        let interrupter = Interrupter::default();
        let other = interrupter.clone();
        let program = Program::new("sh").args(["-c", "echo up; exec sleep 60"]).interrupter(&interrupter);
        let out = program.each_line(|_, _| other.interrupt()).unwrap();
        assert!(!out.success() && interrupter.interrupted());
    }

    #[test]
    fn long_output_keeps_its_two_ends() {
        let script = "echo first; head -c 20000000 /dev/zero | tr '\\0' x | fold -w 100; echo last";
        let out = Program::new("sh").args(["-c", script]).run().unwrap();
        assert!(out.stdout.len() <= CAPTURE_LIMIT + 200);
        assert!(out.text().starts_with("first\n") && out.text().ends_with("last\n"));
    }
}
