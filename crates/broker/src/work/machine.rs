//! The machine's name, time zone and clock, and what fills its disks.
//!
//! `/etc/hostname`, `/etc/hosts`, `/etc/localtime` and `/etc/timezone` are no package's conffiles: the installer and the administrator
//! write them. They are written here, and not asked of systemd's services, which need D-Bus.

use super::Ending;
use crate::{
    machine::{clock, file, vitals},
    state,
    tasks::log::Log,
};
use apt::Apt;
use broker_protocol::{Rubbish, machine::is_host_name};
use events::{Kind, Stream};
use exec::{From, Program};
use std::{fs, io, path::Path, time::Duration};

const PATIENCE: Duration = Duration::from_secs(120);
/// Seconds to wait for somebody else's lock.
const LOCK_WAIT: u32 = 300;
/// What sets the clock where nothing that does is installed.
const KEEPER: &str = "systemd-timesyncd";
/// What is left of the journal.
const JOURNAL: &str = "100M";

/// Gives the machine a name: `wiki`, or with its domain `wiki.example.org`.
pub fn host_name(name: &str) -> Ending {
    match set_host_name(Path::new("/"), name) {
        Ok(()) => {}
        Err(error) => return Ending::failed(format!("The name cannot be written: {error}."), vec![]),
    }
    let short = name.split('.').next().unwrap_or(name);
    if let Err(error) = rustix::system::sethostname(short.as_bytes()) {
        let message = format!(
            "The name is written down, and counts from the next start on: the kernel refuses it now ({error})."
        );
        return Ending::failed(message, vec![]);
    }
    // it has a view of its own of the name (ProtectHostname=), and an open page comes back by itself
    let restart = ["--no-block", "try-restart", "--", "appliance-control.service"];
    let _ = Program::new("systemctl").args(restart).timeout(PATIENCE).output();
    Ending::ok(format!(
        "The machine is called {name}. What keeps the old name in settings of its own, such as mail or certificates, keeps it."
    ))
}

fn set_host_name(root: &Path, name: &str) -> io::Result<()> {
    if !is_host_name(name) {
        return Err(io::Error::other("it is no name"));
    }
    let short = name.split('.').next().unwrap_or(name);
    let hosts = root.join("etc/hosts");
    let text = match fs::read_to_string(&hosts) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
        other => other?,
    };
    // first the line by which the name is found, then the name
    file::put(&hosts, &with_name(&text, name))?;
    file::put(&root.join("etc/hostname"), &format!("{short}\n"))
}

/// hosts(5) with the line that Debian's installer writes for the machine's own name; all else as it is, also further names and a
/// comment on that line.
fn with_name(hosts: &str, name: &str) -> String {
    let is_own = |l: &str| l.split_whitespace().next() == Some("127.0.1.1");
    let old = hosts.lines().find(|l| is_own(l)).unwrap_or_default();
    let (old, comment) = match old.find('#') {
        Some(at) => (&old[..at], format!(" {}", &old[at..])),
        None => (old, String::new()),
    };
    let old: Vec<&str> = old.split_whitespace().skip(1).collect();
    let old_name = old.first().copied().unwrap_or_default();
    let (old_short, old_domain) = old_name.split_once('.').unwrap_or((old_name, ""));
    // without a domain given, the one of before stays
    let (short, domain) = name.split_once('.').unwrap_or((name, old_domain));
    let full = if domain.is_empty() { short.to_owned() } else { format!("{short}.{domain}") };
    let mut names = vec![full.as_str()];
    let further = old.iter().copied().skip(1).filter(|n| *n != old_short);
    for name in [short].into_iter().chain(further) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let line = format!("127.0.1.1\t{}{comment}\n", names.join("\t"));
    let mut text = String::new();
    let mut told = false;
    for old in hosts.lines() {
        if is_own(old) && !told {
            text += &line;
            told = true;
        } else {
            text += old;
            text.push('\n');
        }
    }
    if told { text } else { line + &text }
}

pub fn time_zone(name: &str) -> Ending {
    match set_time_zone(Path::new("/"), name) {
        Ok(()) => {
            // where it runs it has read the zone when it began, and timedatectl(1) asks it
            let restart = ["try-restart", "--", "systemd-timedated.service"];
            let _ = Program::new("systemctl").args(restart).timeout(PATIENCE).output();
            Ending::ok(format!(
                "The time zone is {name}: {}. Services that run keep the old one until they are restarted.",
                clock::local(None)
            ))
        }
        Err(error) => Ending::failed(format!("The time zone cannot be set: {error}."), vec![]),
    }
}

/// localtime(5). `/etc/timezone` is Debian's own, where it is still there.
fn set_time_zone(root: &Path, name: &str) -> io::Result<()> {
    if !clock::is_zone_in(&root.join(clock::ZONES.trim_start_matches('/')), name) {
        return Err(io::Error::other("there is none of this name"));
    }
    let aside = root.join("etc/.localtime.appliance-control");
    let _ = fs::remove_file(&aside);
    std::os::unix::fs::symlink(format!("{}/{name}", clock::ZONES), &aside)?;
    fs::rename(&aside, root.join("etc/localtime"))?;
    state::sync(&root.join("etc"))?;
    let old = root.join("etc/timezone");
    if old.exists() { file::put(&old, &format!("{name}\n")) } else { Ok(()) }
}

/// Has the clock set by the network, or not.
pub fn clock(synchronise: bool, log: &mut Log) -> Ending {
    if let Some(kind) = vitals::container() {
        return Ending::failed(
            format!("This is a container ({kind}): its clock is its host's, and is set there."),
            vec![],
        );
    }
    let mut now = clock::look();
    if synchronise && now.keeper.is_none() {
        let apt = Apt { lock_wait: LOCK_WAIT, ..Apt::default() };
        if let Err(error) = apt.run(&apt::Work::Install(vec![KEEPER.into()]), &mut |kind| log.tell(kind)) {
            return Ending::failed(error.to_string(), error.lines().to_vec());
        }
        now = clock::look();
    }
    let Some(keeper) = now.keeper else {
        return Ending::ok("Nothing that sets the clock is installed.");
    };
    let verb = if synchronise { "enable" } else { "disable" };
    match run(Program::new("systemctl").args(["--no-ask-password", verb, "--now", "--", &keeper]), log) {
        Ok(()) if synchronise => Ending::ok(format!("{keeper} sets the clock by the network.")),
        Ok(()) => Ending::ok(format!("{keeper} is switched off: the clock goes as it goes.")),
        Err(ending) => ending,
    }
}

/// Removes what is not needed.
pub fn clean(what: Rubbish, log: &mut Log) -> Ending {
    let vacuum = format!("--vacuum-size={JOURNAL}");
    let (program, message) = match what {
        Rubbish::Packages => (Program::new("apt-get").arg("clean"), "The downloaded packages are removed."),
        Rubbish::Journal => (
            Program::new("journalctl").args(["--rotate", vacuum.as_str()]),
            "Of the log, the newest 100 MB are kept.",
        ),
        Rubbish::Crashes => return crashes(Path::new("/var/lib/systemd/coredump")),
    };
    match run(program, log) {
        Ok(()) => Ending::ok(message),
        Err(ending) => ending,
    }
}

fn crashes(folder: &Path) -> Ending {
    let mut count = 0;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        // the folder's own files only, as systemd-coredump(8) makes them
        if entry.file_type().is_ok_and(|t| t.is_file()) {
            match fs::remove_file(entry.path()) {
                Ok(()) => count += 1,
                Err(error) => {
                    return Ending::failed(
                        format!("{} cannot be removed: {error}.", entry.path().display()),
                        vec![],
                    );
                }
            }
        }
    }
    Ending::ok(format!("{count} file{} of crashed programs removed.", if count == 1 { "" } else { "s" }))
}

fn run(program: Program, log: &mut Log) -> Result<(), Ending> {
    let ran = program.timeout(PATIENCE).each_line(|from, line| {
        let stream = if from == From::Stderr { Stream::Stderr } else { Stream::Stdout };
        log.tell(Kind::Log { stream, line: line.to_owned() });
    });
    match ran {
        Ok(output) if output.success() => Ok(()),
        Ok(output) => Err(Ending::failed("It was refused.", output.tail(10))),
        Err(error) => Err(Ending::failed(format!("{error}."), vec![])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_own_line_and_no_other_changes() {
        for (hosts, name, expect) in [
            (
                "127.0.0.1 localhost\n127.0.1.1 old.example.org old\n::1 ip6\n",
                "wiki.example.com",
                "127.0.0.1 localhost\n127.0.1.1\twiki.example.com\twiki\n::1 ip6\n",
            ),
            ("127.0.1.1 old.example.org old\n", "wiki", "127.0.1.1\twiki.example.org\twiki\n"),
            (
                "127.0.1.1 old\n# 127.0.1.1 x\n127.0.1.1 twice\n",
                "wiki",
                "127.0.1.1\twiki\n# 127.0.1.1 x\n127.0.1.1 twice\n",
            ),
            (
                "127.0.1.1 old.example.org old mail.example.org wiki # of the\tprovider\n",
                "wiki",
                "127.0.1.1\twiki.example.org\twiki\tmail.example.org # of the\tprovider\n",
            ),
            ("127.0.1.1#x\n", "wiki", "127.0.1.1\twiki\n127.0.1.1#x\n"),
            ("127.0.0.1 localhost", "wiki", "127.0.1.1\twiki\n127.0.0.1 localhost\n"),
            ("", "a.b", "127.0.1.1\ta.b\ta\n"),
        ] {
            assert_eq!(with_name(hosts, name), expect, "{hosts:?} {name}");
        }
    }

    #[test]
    fn files_are_written_as_debian_has_them() {
        let root = tempfile::tempdir().unwrap();
        let read = |path: &str| fs::read_to_string(root.path().join(path)).unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        set_host_name(root.path(), "wiki.example.org").unwrap();
        assert_eq!(
            (read("etc/hostname").as_str(), read("etc/hosts").as_str()),
            ("wiki\n", "127.0.1.1\twiki.example.org\twiki\n")
        );
        assert!(set_host_name(root.path(), "a b").is_err());
        let zones = root.path().join("usr/share/zoneinfo");
        fs::create_dir_all(zones.join("Europe")).unwrap();
        fs::write(zones.join("Europe/Berlin"), "TZif2").unwrap();
        fs::write(zones.join("UTC"), "TZif2").unwrap();
        std::os::unix::fs::symlink(root.path().join("etc/localtime"), zones.join("localtime")).unwrap();
        set_time_zone(root.path(), "Europe/Berlin").unwrap();
        assert!(set_time_zone(root.path(), "localtime").is_err());
        let link = || fs::read_link(root.path().join("etc/localtime")).unwrap();
        assert_eq!(link(), Path::new("/usr/share/zoneinfo/Europe/Berlin"));
        assert!(!root.path().join("etc/timezone").exists());
        fs::write(root.path().join("etc/timezone"), "Etc/UTC\n").unwrap();
        set_time_zone(root.path(), "UTC").unwrap();
        assert_eq!(
            (link(), read("etc/timezone").as_str()),
            (Path::new("/usr/share/zoneinfo/UTC").into(), "UTC\n")
        );
        assert_eq!(fs::read_dir(root.path().join("etc")).unwrap().count(), 4, "something lies about");
    }
}
