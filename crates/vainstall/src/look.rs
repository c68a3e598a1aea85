//! Stage 1: is this a machine for it, and is nobody else at work on it.

use crate::{
    failure::{Exit, Failure, Result, fail},
    progress::Progress,
};
use anyhow::Context;
use apt::{Apt, installed::State};
use events::{Kind, Stream};
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::Read,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// Not in /run/lock, which everybody may write to; and who may open it may lock it.
const LOCK: &str = "/run/vainstall.lock";
/// A process that was killed is gone by then.
const DYING: Duration = Duration::from_secs(1);
/// Debian 12, bookworm.
const OLDEST: u32 = 12;

/// Root and a Debian that is new enough.
pub fn machine() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return fail(Exit::Machine, "installing needs root: run it with sudo");
    }
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    release(&text).map_err(|why| Failure::new(Exit::Machine, why))
}

/// os-release(5): what it is, or why it will not do.
fn release(text: &str) -> std::result::Result<(), String> {
    let field = |name: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix('='));
        line.map(|v| v.trim_matches(['"', '\''])).unwrap_or_default()
    };
    let found = match (field("PRETTY_NAME"), field("ID")) {
        ("", "") => "an unknown system",
        ("", id) => id,
        (name, _) => name,
    };
    if field("ID") != "debian" {
        return Err(format!("this machine runs {found}; an appliance needs Debian {OLDEST} or newer"));
    }
    match field("VERSION_ID").parse::<u32>() {
        Ok(version) if version < OLDEST => Err(format!(
            "this machine runs {found}, which is too old; an appliance needs Debian {OLDEST} or newer"
        )),
        // testing and unstable have no number
        _ => Ok(()),
    }
}

/// Held until this process ends, however it ends.
pub struct OnlyOne(#[allow(dead_code, reason = "held, not used")] File);

/// Refuses when another vainstall is at work, and names its process. One that was just killed takes a moment to go, and
/// so does what it was about to start.
#[allow(clippy::disallowed_methods, reason = "the lock of one that was killed can only be polled")]
pub fn only_one() -> Result<OnlyOne> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(LOCK).with_context(|| format!("cannot open {LOCK}"))?;
    let end = Instant::now() + DYING;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => break,
            Err(Errno::WOULDBLOCK) if Instant::now() < end => thread::sleep(DYING / 20),
            Err(Errno::WOULDBLOCK) => {
                let mut pid = String::new();
                let _ = file.read_to_string(&mut pid);
                let pid = pid.trim();
                let message =
                    format!("another vainstall (process {pid}) is at work; wait until it has ended");
                return fail(Exit::Machine, message);
            }
            Err(e) => return fail(Exit::Machine, format!("cannot lock {LOCK}: {e}")),
        }
    }
    let _ = file.set_len(0);
    let _ = file.write_at(format!("{}\n", std::process::id()).as_bytes(), 0);
    Ok(OnlyOne(file))
}

/// Waits until nobody holds apt's or dpkg's locks, and says who does.
#[allow(clippy::disallowed_methods, reason = "a lock of another program's can only be polled")]
pub fn locks(wait: u32, progress: &mut Progress) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(wait.into());
    let mut told = None;
    while let Some(holder) = apt::locks::holder() {
        if Instant::now() >= end {
            let message = format!("{holder}; wait until it has ended (--wait SECONDS) and run this again");
            return fail(Exit::Machine, message);
        }
        let text = holder.to_string();
        if told.as_ref() != Some(&text) {
            progress.warn(format!("{text}; waiting up to {wait} s"));
            told = Some(text);
        }
        thread::sleep(Duration::from_millis(250));
    }
    Ok(())
}

/// What a former run left half done.
#[derive(Debug, Default)]
pub struct Unfinished {
    pub packages: Vec<String>,
    /// dpkg itself was cut off; apt-get refuses to work until `dpkg --configure -a`.
    pub journal: bool,
}

impl Unfinished {
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty() && !self.journal
    }

    /// Whether the installation itself will see to it: only our own packages wait, perhaps for better answers.
    fn is_only(&self, package: &str) -> bool {
        let own = |name: &String| *name == package || *name == format!("{package}-seed");
        !self.journal && self.packages.iter().all(own)
    }
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.packages.is_empty() { f.write_str("dpkg") } else { f.write_str(&self.packages.join(", ")) }
    }
}

pub fn unfinished() -> Result<Unfinished> {
    let packages = apt::installed::packages()?;
    let half = packages.into_iter().filter(|p| matches!(p.state, State::Unfinished | State::Broken));
    let mut journal = fs::read_dir("/var/lib/dpkg/updates").into_iter().flatten().flatten();
    Ok(Unfinished {
        packages: half.map(|p| p.name).collect(),
        journal: journal.any(|e| e.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit())),
    })
}

/// Finishes what a former run left, but for what the installation finishes anyway, after the answers.
pub fn repair(apt: &Apt, unfinished: &Unfinished, package: &str, say: &mut dyn FnMut(Kind)) -> Result<()> {
    let mut note = |line: String| say(Kind::Log { stream: Stream::Stdout, line });
    if unfinished.is_only(package) {
        note(format!("going on with an interrupted installation of {unfinished}"));
        return Ok(());
    }
    note(format!("finishing an interrupted installation of {unfinished}"));
    let Err(error) = apt.repair(say) else { return Ok(()) };
    let left = self::unfinished()?;
    if error.cause() != apt::Cause::Stopped && !left.is_empty() && left.is_only(package) {
        say(Kind::Warning { message: format!("{left} cannot be finished yet: {error}") });
        return Ok(());
    }
    Err(Failure::from(error).context("a former installation was interrupted and could not be finished"))
}

/// Whether the metapackage is there, complete.
pub fn is_installed(package: &str) -> Result<bool> {
    Ok(Path::new("/var/lib/dpkg/status").exists()
        && apt::installed::package(package)?
            .is_some_and(|p| matches!(p.state, State::Installed | State::Triggers)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_debian_that_is_new_enough() {
        let check = |text: &str, expect: Option<&str>| match (release(text), expect) {
            (Ok(()), None) => {}
            (Err(why), Some(expect)) => assert!(why.contains(expect), "{why}"),
            (found, _) => panic!("{text}: {found:?}"),
        };
        check("ID=debian\nVERSION_ID=\"13\"\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"", None);
        check("ID=debian\nVERSION_ID=\"12\"", None);
        check("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux forky/sid\"", None);
        check(
            "ID=debian\nVERSION_ID=\"11\"\nPRETTY_NAME=\"Debian GNU/Linux 11 (bullseye)\"",
            Some("bullseye"),
        );
        check(
            "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"24.04\"\nPRETTY_NAME=\"Ubuntu 24.04\"",
            Some("Ubuntu 24.04"),
        );
        check("", Some("unknown system"));
    }
}
