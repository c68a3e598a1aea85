//! The process between debconf and vainstall.
//!
//! When a frontend goes away in the middle of a question, debconf takes that for an empty answer, stores it and goes on
//! (1.5.91). So debconf never talks to vainstall itself but to this small process, which passes every line on; when
//! vainstall is gone, it ends the debconf process that waits *before* that can see an end, and stays for those that ask
//! later until nobody holds dpkg's lock. Such a package is left unconfigured, with its question open, for the next run.

use anyhow::{Context, Result, bail};
use exec::Program;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::Shutdown,
    os::unix::{
        fs::{DirBuilderExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::Path,
    process::{Child, ExitCode, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

pub const FOLDER: &str = "/run/vainstall";
/// Where debconf's processes turn to (`DEBCONF_PIPE`).
pub const DEBCONF: &str = "/run/vainstall/debconf";
/// Where the relay passes them on to vainstall.
pub const PERSON: &str = "/run/vainstall/person";
/// The hidden subcommand that runs [`main`].
pub const COMMAND: &str = "relay-debconf";

const READY: &str = "ready\n";
const DONE: &str = "done\n";
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The relay, as vainstall sees it.
pub struct Relay {
    /// What the relay passes on arrives here.
    pub listener: UnixListener,
    child: Child,
}

impl Relay {
    /// Starts it and waits until debconf can turn to it. Only one vainstall runs at a time.
    pub fn start() -> Result<Relay> {
        fs::DirBuilder::new().mode(0o700).recursive(true).create(FOLDER)?;
        fs::set_permissions(FOLDER, fs::Permissions::from_mode(0o700))?;
        let listener = bind(PERSON)?;
        let program = Program::new("/proc/self/exe").arg(COMMAND).own_group();
        let mut child = program.spawn(Stdio::piped(), Stdio::null())?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("the relay has no output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        if line != READY {
            let _ = child.kill();
            let _ = child.wait();
            bail!("the relay did not start");
        }
        Ok(Relay { listener, child })
    }

    /// Nobody asks any more.
    pub fn end(mut self) {
        if let Some(mut stdin) = self.child.stdin.take() {
            let _ = stdin.write_all(DONE.as_bytes());
        }
        let _ = self.child.wait();
        let _ = fs::remove_file(PERSON);
    }
}

/// The relay itself. Its standard input ends when vainstall does.
pub fn main() -> ExitCode {
    let Ok(listener) = bind(DEBCONF) else { return ExitCode::FAILURE };
    let mut stdout = io::stdout();
    if stdout.write_all(READY.as_bytes()).and_then(|()| stdout.flush()).is_err() {
        return ExitCode::FAILURE;
    }
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || pass_on(stream));
        }
    });
    let mut last = String::new();
    let _ = io::stdin().read_to_string(&mut last);
    if last != DONE {
        wait_for_the_package_manager();
    }
    let _ = fs::remove_file(DEBCONF);
    ExitCode::SUCCESS
}

/// vainstall was killed, and apt works on: whoever asks now is ended, until apt is.
#[allow(clippy::disallowed_methods, reason = "a lock that belongs to others can only be looked at")]
fn wait_for_the_package_manager() {
    while apt::locks::holder().is_some() {
        thread::sleep(LOOK_EVERY);
    }
}

fn bind(path: &str) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(Path::new(path), fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Passes on what one process of debconf says and what it is told. It is ended when vainstall goes before it.
fn pass_on(debconf: UnixStream) {
    let Ok(peer) = rustix::net::sockopt::socket_peercred(&debconf) else { return };
    let gone = Arc::new(AtomicBool::new(false));
    let passed = (|| -> io::Result<()> {
        let person = UnixStream::connect(PERSON)?;
        let (mut from, mut to, its) = (debconf.try_clone()?, person.try_clone()?, gone.clone());
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            its.store(true, Ordering::SeqCst);
            let _ = to.shutdown(Shutdown::Write);
        });
        io::copy(&mut &person, &mut &debconf)?;
        Ok(())
    })();
    if passed.is_err() || !gone.load(Ordering::SeqCst) {
        end(peer.pid);
    }
}

/// At once: a signal that it can answer would let it store what it has.
fn end(process: Pid) {
    let _ = kill_process(process, Signal::KILL);
}
