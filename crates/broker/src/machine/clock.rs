//! The time zone, and who keeps the clock right.

use broker_protocol::{Clock, machine::is_zone};
use exec::Program;
use std::{collections::BTreeMap, fs, io::Read, path::Path, time::Duration};

/// What can set the clock by the network, in the order in which one is chosen.
pub const KEEPERS: &[&str] =
    &["systemd-timesyncd.service", "chrony.service", "ntpsec.service", "openntpd.service"];
pub const ZONES: &str = "/usr/share/zoneinfo";
/// systemd-timesyncd.service(8): there since it was right for the first time after a boot.
const TIMESYNC: &str = "/run/systemd/timesync/synchronized";
const TIMEOUT: Duration = Duration::from_secs(10);

pub fn look() -> Clock {
    let shown = Program::new("systemctl")
        .args(["show", "--no-pager", "--property=Id,LoadState,ActiveState", "--"])
        .args(KEEPERS)
        .timeout(TIMEOUT)
        .output();
    let keeper = shown.ok().and_then(|o| keeper(&o.text()));
    let kept = keeper.as_ref().is_some_and(|(_, runs)| *runs);
    let synchronised = match &keeper {
        Some((name, true)) if name == KEEPERS[0] => Some(Path::new(TIMESYNC).exists()),
        Some((_, true)) => asked(),
        _ => None,
    };
    Clock { zone: zone(), local: local(None), keeper: keeper.map(|(name, _)| name), kept, synchronised }
}

/// One that runs, else one that is there; and whether it runs.
fn keeper(shown: &str) -> Option<(String, bool)> {
    let mut there = vec![];
    for block in shown.split("\n\n") {
        let values: BTreeMap<&str, &str> = block.lines().filter_map(|l| l.split_once('=')).collect();
        if values.get("LoadState") == Some(&"loaded") {
            let runs = values.get("ActiveState") == Some(&"active");
            there.push((values.get("Id").copied().unwrap_or_default().to_owned(), runs));
        }
    }
    there.sort_by_key(|(_, runs)| !runs);
    there.into_iter().next()
}

/// Of chrony and the others only the kernel knows, and it is asked through systemd-timedated.
fn asked() -> Option<bool> {
    let asked = Program::new("timedatectl").args(["show", "--property=NTPSynchronized", "--value"]);
    let output = asked.timeout(TIMEOUT).output().ok().filter(|o| o.success())?;
    match output.text().trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// As localtime(5) says it.
pub fn zone() -> String {
    let link = fs::read_link("/etc/localtime").unwrap_or_default();
    let text = link.to_string_lossy();
    text.split_once("zoneinfo/").map_or("UTC".into(), |(_, name)| name.to_owned())
}

/// Whether tzdata has this zone: a file as tzfile(5) describes it.
pub fn is_zone_here(name: &str) -> bool {
    is_zone_in(Path::new(ZONES), name)
}

/// The same, with tzdata's files in another folder. `localtime` in it leads to `/etc/localtime`, which would lead back.
pub fn is_zone_in(zones: &Path, name: &str) -> bool {
    let mut begin = [0; 4];
    is_zone(name)
        && stays_in(zones, name)
        && fs::File::open(zones.join(name)).and_then(|mut f| f.read_exact(&mut begin)).is_ok()
        && begin == *b"TZif"
}

/// Whether all links on the way to the file are tzdata's own.
fn stays_in(zones: &Path, name: &str) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok();
    let Some(zones) = real(zones) else { return false };
    let mut path = zones.join(name);
    if real(&path).is_none() {
        return false; // a loop, or nothing
    }
    while let Ok(target) = fs::read_link(&path) {
        let Some(folder) = path.parent().and_then(real) else { return false };
        path = folder.join(target);
        if !path.parent().and_then(real).is_some_and(|folder| folder.starts_with(&zones)) {
            return false;
        }
    }
    real(&path).is_some_and(|path| path.starts_with(&zones))
}

/// Seconds since 1970, or now, in the machine's time: `Tue 24 Nov 2026, 03:30 CET`.
pub fn local(at: Option<u64>) -> String {
    let mut program = Program::new("date").arg("+%a %-d %b %Y, %H:%M %Z").timeout(TIMEOUT);
    if let Some(at) = at {
        program = program.arg(format!("--date=@{at}"));
    }
    program.output().map(|o| o.text().trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_a_file_of_tzdata() {
        let root = tempfile::tempdir().unwrap();
        let zones = root.path().join("zoneinfo");
        fs::create_dir_all(zones.join("Europe")).unwrap();
        fs::write(zones.join("Europe/Berlin"), "TZif2").unwrap();
        fs::write(zones.join("tzdata.zi"), "# version").unwrap();
        fs::write(root.path().join("elsewhere"), "TZif2").unwrap();
        let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, zones.join(name)).unwrap();
        link(Path::new("Europe/Berlin"), "CET");
        link(Path::new("../CET"), "Europe/Vienna");
        link(&root.path().join("elsewhere"), "out");
        // as on a machine: out, and in again
        link(&root.path().join("localtime"), "localtime");
        std::os::unix::fs::symlink("zoneinfo/Europe/Berlin", root.path().join("localtime")).unwrap();
        link(Path::new("loop"), "loop");
        for (name, expect) in [
            ("Europe/Berlin", true),
            ("CET", true),
            ("Europe/Vienna", true),
            ("Europe", false),
            ("Europe/Nowhere", false),
            ("tzdata", false),
            ("out", false),
            ("localtime", false),
            ("loop", false),
        ] {
            assert_eq!(is_zone_in(&zones, name), expect, "{name}");
        }
    }

    #[test]
    fn one_that_runs_is_the_keeper() {
        let block =
            |id: &str, load: &str, active: &str| format!("Id={id}\nLoadState={load}\nActiveState={active}\n");
        let all = [
            block("systemd-timesyncd.service", "loaded", "inactive"),
            block("chrony.service", "loaded", "active"),
            block("ntpsec.service", "not-found", "inactive"),
        ];
        assert_eq!(keeper(&all.join("\n")), Some(("chrony.service".into(), true)));
        assert_eq!(keeper(&all[0]), Some(("systemd-timesyncd.service".into(), false)));
        assert_eq!(keeper(&all[2]), None);
        assert_eq!(local(Some(0)).len(), "Thu 1 Jan 1970, 00:00 UTC".len());
    }
}
