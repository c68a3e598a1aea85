//! What the services that run have open: which of them go on with programs and libraries that an update has replaced, and which
//! an update will touch. By /proc/PID/maps (proc_pid_maps(5)) and the unit that systemd says a process belongs to.

use crate::services;
use broker_protocol::Outdated;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

/// These take more than a restart of the unit: whoever talks to them would lose the connection for good.
const NOT_ALONE: &[&str] = &[
    "dbus.service",
    "dbus-broker.service",
    "systemd-logind.service",
    "user@",
    "getty@",
    "serial-getty@",
    "console-getty",
    "ssh@",
];
/// Files named for one service.
const FILES: usize = 20;

/// Programs and libraries of a unit's processes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// Still the file on disk.
    pub there: BTreeSet<String>,
    /// Replaced or removed since.
    pub gone: BTreeSet<String>,
}

/// Every unit with processes, but ours. A process that ends meanwhile is left out.
pub fn units() -> BTreeMap<String, Open> {
    let mut units: BTreeMap<String, Open> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let path = entry.path();
        let read = |name: &str| fs::read(path.join(name)).map(|b| String::from_utf8_lossy(&b).into_owned());
        let (Ok(groups), Ok(maps)) = (read("cgroup"), read("maps")) else { continue };
        if let Some(unit) = unit(&groups).filter(|unit| !services::is_ours(unit)) {
            add(units.entry(unit).or_default(), &maps);
        }
    }
    units
}

/// Those that run on files that are gone.
pub fn outdated(units: &BTreeMap<String, Open>) -> Vec<Outdated> {
    let gone = units.iter().filter(|(_, open)| !open.gone.is_empty());
    gone.map(|(unit, open)| Outdated {
        unit: unit.clone(),
        files: open.gone.iter().take(FILES).cloned().collect(),
        restartable: unit.ends_with(".service") && !is_of(unit, NOT_ALONE),
    })
    .collect()
}

fn is_of(unit: &str, names: &[&str]) -> bool {
    names.iter().any(|name| unit.starts_with(name))
}

/// `1:name=systemd:/system.slice/apache2.service` or `0::/…`: the first part that is a service, else the last that is a scope.
fn unit(groups: &str) -> Option<String> {
    let line = groups
        .lines()
        .find(|l| l.starts_with("0::/") && l.len() > 4)
        .or_else(|| groups.lines().find(|l| l.contains(":name=systemd:")))?;
    let mut parts = line.split('/');
    let service = parts.clone().find(|part| part.ends_with(".service"));
    service.or_else(|| parts.rfind(|part| part.ends_with(".scope"))).map(str::to_owned)
}

/// Mappings that are executed: data that was replaced, such as a table of messages, does no harm.
fn add(open: &mut Open, maps: &str) {
    for line in maps.lines() {
        let mut fields = line.splitn(6, ' ');
        let executed = fields.nth(1).is_some_and(|rights| rights.contains('x'));
        let Some(path) = fields.nth(3).map(str::trim_start).filter(|_| executed) else { continue };
        match path.strip_suffix(" (deleted)") {
            Some(path) if is_program(path) => open.gone.insert(path.to_owned()),
            None if is_program(path) => open.there.insert(path.to_owned()),
            _ => false,
        };
    }
}

/// Where packages put programs and libraries; not memory with a name, nor what a service has written itself.
fn is_program(path: &str) -> bool {
    ["/usr/", "/lib", "/bin/", "/sbin/", "/opt/"].iter().any(|place| path.starts_with(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_belongs_to_its_unit() {
        for (groups, expect) in [
            ("0::/system.slice/apache2.service\n", Some("apache2.service")),
            (
                "12:pids:/x\n1:name=systemd:/system.slice/system-getty.slice/getty@tty1.service\n0::/\n",
                Some("getty@tty1.service"),
            ),
            ("0::/user.slice/user-0.slice/session-3.scope\n", Some("session-3.scope")),
            ("0::/user.slice/user-0.slice/user@0.service/app.slice/x.service\n", Some("user@0.service")),
            ("0::/init.scope\n", Some("init.scope")),
            ("0::/\n", None),
        ] {
            assert_eq!(unit(groups).as_deref(), expect, "{groups}");
        }
    }

    #[test]
    fn what_is_executed_and_gone_is_found() {
        let maps = "\
7f1-7f2 r-xp 00000000 08:01 131 /usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)
7f1-7f2 r--p 00000000 08:01 132 /usr/lib/locale/locale-archive (deleted)
7f1-7f2 r-xp 00000000 08:01 133                          /usr/sbin/apache2
7f1-7f2 r-xp 00000000 00:01 134 /memfd:jit (deleted)
7f1-7f2 r-xp 00000000 00:00 0 [vdso]
7f1-7f2 rwxp 00000000 00:00 0 
";
        let mut open = Open::default();
        add(&mut open, maps);
        let units = [
            ("apache2.service".to_string(), open),
            ("dbus.service".into(), Open { gone: ["/usr/bin/x".into()].into(), ..Open::default() }),
            ("well.service".into(), Open::default()),
        ];
        assert_eq!(units[0].1.there.iter().collect::<Vec<_>>(), ["/usr/sbin/apache2"]);
        let found = outdated(&units.into());
        let seen: Vec<_> = found.iter().map(|o| (o.unit.as_str(), o.restartable)).collect();
        assert_eq!(seen, [("apache2.service", true), ("dbus.service", false)]);
        assert_eq!(found[0].files, ["/usr/lib/x86_64-linux-gnu/libssl.so.3"]);
    }

    #[test]
    fn this_process_can_be_read() {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let mut open = Open::default();
        add(&mut open, &maps);
        assert!(open.there.iter().any(|p| p.contains("libc")), "{maps}");
    }
}
