//! New addresses for an interface, which go back by themselves.
//!
//! What is changed is written down first, with all that it takes to undo it, and a timer of systemd is set; then the files are
//! written and the network's own program reads them. Who reaches the page over the new configuration confirms, which removes what was
//! written down. Whoever finds it when the time is over (this task, the timer when the task was killed, the next boot after a
//! power cut) takes it by renaming it, so one of them does, and puts the old files back.
//!
//! The files are our own, or the administrator's: `/etc/network/interfaces` and `/etc/resolv.conf` are no package's conffiles.

use super::Ending;
use crate::{
    machine::{
        network::{self, Pending},
        vitals,
    },
    state::{self, State},
    tasks::{log::Log, record::Record},
};
use broker_protocol::{Addresses, Manager, PendingNetwork, machine::cidr};
use events::{Kind, Stream};
use exec::Program;
use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// The unit that the timer, and a boot, starts.
const UNIT: &str = "appliance-network-revert";
/// The page with the way to the new address is still on its way to the browser.
const FAREWELL: Duration = Duration::from_secs(3);
/// Seconds that the timer waits longer than the task itself.
const MARGIN: u32 = 10;
const LOOK_EVERY: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(60);
const HEAD: &str = "# Written by the management page (Machine); what you change here, it overwrites.\n";
/// In front of lines of interfaces(5) that ours take the place of.
const MARK: &str = "#appliance-control# ";

pub fn change(
    root: &Path,
    record: &Record,
    interface: &str,
    addresses: &Addresses,
    within: u32,
    log: &mut Log,
) -> Ending {
    let Ok(state) = State::open(root) else {
        return Ending::failed("The broker's folder cannot be used.", vec![]);
    };
    if network::pending(&state).is_some() {
        return Ending::failed("Another change of the network has not been confirmed yet.", vec![]);
    }
    let found = network::interface_of(&state, vitals::container().is_some(), interface);
    let manager = match found {
        Some(found) if found.fixed.is_none() => found.manager,
        Some(found) => {
            return Ending::failed(
                format!("The addresses of {interface} are not set here. {}", found.fixed.unwrap_or_default()),
                vec![],
            );
        }
        None => return Ending::failed(format!("There is no interface {interface}."), vec![]),
    };
    let files = match wanted(Path::new("/"), manager, interface, addresses) {
        Ok(files) => files,
        Err(error) => return Ending::failed(format!("The configuration cannot be read: {error}."), vec![]),
    };
    match try_it(&state, record, manager, interface, files, within, log) {
        Ok(ending) => ending,
        Err(why) => {
            let back = revert(&state)
                .err()
                .map(|e| format!(" The old configuration is not back: {e}."))
                .unwrap_or_default();
            Ending::failed(format!("The network was not changed: {why}.{back}"), vec![])
        }
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "a browser needs a moment, and nothing tells of a file that is gone"
)]
fn try_it(
    state: &State,
    record: &Record,
    manager: Manager,
    interface: &str,
    files: Vec<(PathBuf, String)>,
    within: u32,
    log: &mut Log,
) -> Result<Ending, String> {
    let until = state::now() + FAREWELL.as_secs() + u64::from(within);
    let told = PendingNetwork { task: record.id.to_string(), interface: interface.into(), until };
    let before = |path: &Path| match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(format!("{} cannot be read: {e}", path.display())),
    };
    let mut kept = vec![];
    for (path, _) in &files {
        kept.push((path.display().to_string(), before(path)?));
    }
    let pending = Pending { told, manager, files: kept };
    let text = serde_json::to_vec(&pending).map_err(|e| e.to_string())?;
    state::write(&state.network(), &text).map_err(|e| format!("the way back cannot be written down: {e}"))?;
    arm(within + MARGIN)?;
    log.tell(Kind::Phase {
        id: "apply".into(),
        title: "Applying the new configuration".into(),
        index: Some(1),
        of: Some(2),
    });
    thread::sleep(FAREWELL);
    step(Step::Down, manager, interface, log)?;
    for (path, text) in &files {
        put(path, Some(text)).map_err(|e| format!("{} cannot be written: {e}", path.display()))?;
    }
    step(Step::Up, manager, interface, log)?;
    log.tell(Kind::Phase {
        id: "confirm".into(),
        title: "Waiting for somebody who confirms it".into(),
        index: Some(2),
        of: Some(2),
    });
    while state::now() < until {
        if !state.network().exists() {
            return Ok(Ending::ok(format!("{interface} has its new configuration; it was confirmed.")));
        }
        let left = until.saturating_sub(state::now());
        let percent = 100.0 - left as f32 * 100.0 / within.max(1) as f32;
        log.tell(Kind::Progress {
            percent: percent.clamp(0.0, 100.0),
            detail: format!("The old one comes back in {left} s"),
        });
        thread::sleep(LOOK_EVERY * 2);
    }
    match revert(state)? {
        true => Ok(Ending::failed(
            format!("Nobody confirmed it within {within} s: {interface} has its old configuration again."),
            vec![],
        )),
        false => Ok(Ending::ok(format!("{interface} has its new configuration; it was confirmed."))),
    }
}

/// The change is good. False when there is none of this task.
pub fn confirm(state: &State, task: &str) -> io::Result<bool> {
    if network::pending(state).is_none_or(|p| p.told.task != task) {
        return Ok(false);
    }
    match fs::remove_file(state.network()) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other?,
    }
    state::sync(state.root())?;
    let stop = ["stop", "--no-block", "--", "appliance-network-revert.timer"];
    let _ = Program::new("systemctl").args(stop).timeout(PATIENCE).output();
    Ok(true)
}

/// Puts the old configuration back; false when there is nothing to put back. Goes on with what was begun.
pub fn revert(state: &State) -> Result<bool, String> {
    let taken = state.network().with_extension("taken");
    match fs::rename(state.network(), &taken) {
        Err(e) if e.kind() == io::ErrorKind::NotFound && !taken.exists() => return Ok(false),
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e.to_string()),
        _ => {}
    }
    let bytes = fs::read(&taken).map_err(|e| e.to_string())?;
    let pending: Pending = serde_json::from_slice(&bytes).map_err(|e| e.to_string())?;
    let mut quiet = |line: String| eprintln!("<5>{line}");
    let interface = &pending.told.interface;
    // what does not go down comes up all the same
    let _ = run_all(&commands(Step::Down, pending.manager, interface), &mut quiet);
    for (path, text) in &pending.files {
        put(Path::new(path), text.as_deref()).map_err(|e| format!("{path} cannot be written: {e}"))?;
    }
    let up = run_all(&commands(Step::Up, pending.manager, interface), &mut quiet);
    fs::remove_file(&taken).map_err(|e| e.to_string())?;
    // at a boot there is nobody yet who would read them, and he will
    up.inspect_err(|why| eprintln!("<4>{why}")).ok();
    Ok(true)
}

/// A timer of the system manager, which outlives this task.
fn arm(seconds: u32) -> Result<(), String> {
    let _ =
        Program::new("systemctl").args(["stop", "--", &format!("{UNIT}.timer")]).timeout(PATIENCE).output();
    let program = Program::new("systemd-run")
        .args(["--quiet", "--no-ask-password", "--timer-property=AccuracySec=1s"])
        .arg(format!("--on-active={seconds}s"))
        .arg(format!("--unit={UNIT}.service"));
    run_all(&[program], &mut |_| {}).map_err(|e| format!("the timer of the way back cannot be set: {e}"))
}

#[derive(Clone, Copy)]
enum Step {
    /// While the files of before are there.
    Down,
    /// When the new ones are.
    Up,
}

fn commands(step: Step, manager: Manager, interface: &str) -> Vec<Program> {
    let networkctl = |args: &[&str]| Program::new("networkctl").args(args);
    match (manager, step) {
        (Manager::Networkd, Step::Up) => {
            vec![networkctl(&["reload"]), networkctl(&["reconfigure", interface])]
        }
        (Manager::Ifupdown, Step::Down) => vec![Program::new("ifdown").args(["--force", interface])],
        (Manager::Ifupdown, Step::Up) => vec![Program::new("ifup").args(["--force", interface])],
        _ => vec![],
    }
}

fn step(step: Step, manager: Manager, interface: &str, log: &mut Log) -> Result<(), String> {
    let mut tell = |line: String| log.tell(Kind::Log { stream: Stream::Stdout, line });
    run_all(&commands(step, manager, interface), &mut tell)
}

fn run_all(programs: &[Program], tell: &mut dyn FnMut(String)) -> Result<(), String> {
    for program in programs {
        let ran = program.clone().timeout(PATIENCE).each_line(|_, line| tell(line.to_owned()));
        match ran {
            Ok(output) if output.success() => {}
            Ok(output) => return Err(format!("{}: {}", program.describe(), output.tail(3).join(" "))),
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}

/// The files and what shall stand in them.
fn wanted(
    root: &Path,
    manager: Manager,
    interface: &str,
    addresses: &Addresses,
) -> io::Result<Vec<(PathBuf, String)>> {
    let mut files = vec![];
    match manager {
        Manager::Networkd => {
            // before all others, for the first that fits an interface counts (systemd.network(5))
            let path = root.join(format!("etc/systemd/network/05-appliance-control-{interface}.network"));
            files.push((path, network_file(interface, addresses)));
        }
        _ => {
            let folder = root.join("etc/network/interfaces.d");
            let own = folder.join(format!("appliance-control-{}", interface.replace('.', "-")));
            let mut others = vec![root.join("etc/network/interfaces")];
            others.extend(fs::read_dir(&folder).into_iter().flatten().flatten().map(|e| e.path()));
            for path in others.into_iter().filter(|p| *p != own) {
                let text = match fs::read_to_string(&path) {
                    Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                    other => other?,
                };
                let changed = without_stanza(&text, interface, family(addresses));
                if changed != text {
                    files.push((path, changed));
                }
            }
            files.push((own, stanza(interface, addresses)));
        }
    }
    if let Addresses::Fixed { name_servers, .. } = addresses
        && !name_servers.is_empty()
    {
        let path = root.join("etc/resolv.conf");
        // a link is to what another program writes, which hears of them by the files above
        if fs::symlink_metadata(&path).is_ok_and(|m| m.is_file()) {
            files.push((path.clone(), resolv_conf(&fs::read_to_string(&path)?, name_servers)));
        }
    }
    Ok(files)
}

/// systemd.network(5)
fn network_file(interface: &str, addresses: &Addresses) -> String {
    let mut text = format!("{HEAD}[Match]\nName={interface}\n\n[Network]\n");
    match addresses {
        Addresses::Dhcp => text += "DHCP=yes\n",
        Addresses::Fixed { address, gateway, name_servers } => {
            text += &format!("Address={address}\n");
            gateway.iter().for_each(|g| text += &format!("Gateway={g}\n"));
            name_servers.iter().for_each(|n| text += &format!("DNS={n}\n"));
        }
    }
    text
}

fn family(addresses: &Addresses) -> &'static str {
    match addresses {
        Addresses::Fixed { address, .. } if cidr(address).is_some_and(|(ip, _)| ip.is_ipv6()) => "inet6",
        _ => "inet",
    }
}

/// interfaces(5)
fn stanza(interface: &str, addresses: &Addresses) -> String {
    let family = family(addresses);
    match addresses {
        Addresses::Dhcp => format!("{HEAD}iface {interface} {family} dhcp\n"),
        Addresses::Fixed { address, gateway, name_servers } => {
            let mut text = format!("{HEAD}iface {interface} {family} static\n\taddress {address}\n");
            gateway.iter().for_each(|g| text += &format!("\tgateway {g}\n"));
            if !name_servers.is_empty() {
                text += &format!("\tdns-nameservers {}\n", name_servers.join(" "));
            }
            text
        }
    }
}

/// The file with the interface's stanza of this family taken out of use; all else as it is.
fn without_stanza(text: &str, interface: &str, family: &str) -> String {
    let mut inside = false;
    let mut changed = String::new();
    for line in text.split_inclusive('\n') {
        let words: Vec<&str> = line.split_whitespace().collect();
        let begins = |w: &str| {
            matches!(w, "iface" | "auto" | "mapping" | "template" | "rename" | "source" | "source-directory")
                || w.starts_with("allow-")
                || w.starts_with("no-auto-down")
                || w.starts_with("no-scripts")
        };
        if words.first().is_some_and(|w| begins(w)) {
            inside = words.len() >= 3 && words[0] == "iface" && words[1] == interface && words[2] == family;
        }
        if inside && !words.is_empty() && !words[0].starts_with('#') {
            changed += MARK;
        }
        changed += line;
    }
    changed
}

/// resolv.conf(5) with these servers instead of its own.
fn resolv_conf(text: &str, servers: &[String]) -> String {
    let others = text.lines().filter(|l| !l.trim_start().starts_with("nameserver"));
    let mut lines: Vec<String> = others.map(str::to_owned).collect();
    lines.extend(servers.iter().map(|s| format!("nameserver {s}")));
    lines.join("\n") + "\n"
}

/// Puts a file in place, or takes it away.
fn put(path: &Path, text: Option<&str>) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let Some(text) = text else {
        return match fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        };
    };
    fs::create_dir_all(folder)?;
    // neither networkd nor ifupdown reads a name with a dot before it
    let aside = folder.join(".appliance-control.new");
    fs::write(&aside, text)?;
    fs::set_permissions(&aside, std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    fs::File::open(&aside)?.sync_all()?;
    fs::rename(&aside, path)?;
    state::sync(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed() -> Addresses {
        Addresses::Fixed {
            address: "192.0.2.7/24".into(),
            gateway: Some("192.0.2.1".into()),
            name_servers: vec!["192.0.2.2".into(), "192.0.2.3".into()],
        }
    }

    #[test]
    fn what_ifupdown_reads() {
        let text = "# x\nauto lo\niface lo inet loopback\n\nallow-hotplug eth0\niface eth0 inet static\n  address 10.0.0.1/8\n# why\n\niface eth0 inet6 auto\n";
        let expect = "# x\nauto lo\niface lo inet loopback\n\nallow-hotplug eth0\n#appliance-control# iface eth0 inet static\n#appliance-control#   address 10.0.0.1/8\n# why\n\niface eth0 inet6 auto\n";
        assert_eq!(without_stanza(text, "eth0", "inet"), expect);
        assert_eq!(without_stanza(expect, "eth0", "inet"), expect);
        assert_eq!(without_stanza(text, "eth1", "inet"), text);
        let own = stanza("eth0", &fixed());
        assert!(own.ends_with("iface eth0 inet static\n\taddress 192.0.2.7/24\n\tgateway 192.0.2.1\n\tdns-nameservers 192.0.2.2 192.0.2.3\n"), "{own}");
    }

    #[test]
    fn files_are_ours_or_the_administrators() {
        let root = tempfile::tempdir().unwrap();
        let etc = root.path().join("etc");
        fs::create_dir_all(etc.join("network/interfaces.d")).unwrap();
        fs::write(
            etc.join("network/interfaces"),
            "source /etc/network/interfaces.d/*\niface eth0 inet dhcp\n",
        )
        .unwrap();
        fs::write(etc.join("resolv.conf"), "search example.org\nnameserver 10.0.0.1\n").unwrap();
        let names = |manager| {
            let files = wanted(root.path(), manager, "eth0", &fixed()).unwrap();
            files.iter().map(|(p, _)| p.strip_prefix(&etc).unwrap().display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(
            names(Manager::Ifupdown),
            ["network/interfaces", "network/interfaces.d/appliance-control-eth0", "resolv.conf"]
        );
        assert_eq!(
            names(Manager::Networkd),
            ["systemd/network/05-appliance-control-eth0.network", "resolv.conf"]
        );
        assert_eq!(resolv_conf("search a\nnameserver x\n", &["b".into()]), "search a\nnameserver b\n");
        assert!(
            network_file("eth0", &Addresses::Dhcp).ends_with("[Match]\nName=eth0\n\n[Network]\nDHCP=yes\n")
        );
    }

    #[test]
    fn the_old_comes_back_once_also_after_a_kill() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path().join("state")).unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        let told = PendingNetwork { task: "t".into(), interface: "eth0".into(), until: 0 };
        let files =
            vec![(old.display().to_string(), Some("old\n".to_owned())), (new.display().to_string(), None)];
        let pending = Pending { told, manager: Manager::Nobody, files };
        let begin = || {
            fs::write(&old, "changed").unwrap();
            fs::write(&new, "made").unwrap();
            state::write(&state.network(), &serde_json::to_vec(&pending).unwrap()).unwrap();
        };
        let is_back = || fs::read_to_string(&old).unwrap() == "old\n" && !new.exists();
        begin();
        assert_eq!((revert(&state), is_back(), revert(&state)), (Ok(true), true, Ok(false)));
        // killed after it was taken
        begin();
        fs::rename(state.network(), state.network().with_extension("taken")).unwrap();
        assert_eq!((revert(&state), is_back(), revert(&state)), (Ok(true), true, Ok(false)));
        // confirmed: nothing comes back
        begin();
        assert!(!confirm(&state, "other").unwrap() && confirm(&state, "t").unwrap());
        assert_eq!((revert(&state), is_back()), (Ok(false), false));
    }
}
