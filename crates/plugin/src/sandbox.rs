//! What a program asks for, and the properties of a unit (systemd.exec(5)) that give it that and nothing else.
//!
//! The unit of an action begins as root, for `appliance-task` keeps the task's record and starts the program as its user;
//! the unit of a query is the program itself, as its user. What both get of the machine is decided here alone. Names and
//! paths of a checked manifest need no quoting.

use crate::manifest::{Action, Query};

/// MiB, when a manifest does not say.
const MEMORY: u32 = 512;
/// Seconds, when a manifest does not say.
const ACTION_TIME: u32 = 3600;
const QUERY_TIME: u32 = 10;
const CACHE: u32 = 5;

/// Where an action makes its artifacts (`$ARTIFACTS_DIRECTORY`), in its own view of the file system.
pub const ARTIFACTS: &str = "/run/appliance-task/artifacts";
/// Where an action finds its uploads.
pub const UPLOADS: &str = "/run/appliance-task/uploads";
/// Where an action finds secret answers (`$CREDENTIALS_DIRECTORY`).
pub const CREDENTIALS: &str = "/run/appliance-task/credentials";
/// Where the secret answers of appliances lie, and how.
pub const ANSWERS: &str = "/var/lib/appliances";

/// Folders whose content no program sees unless its manifest names a path in them: other people's secrets, keys and mail. Root
/// could read them.
pub const HIDDEN: &[&str] =
    &["/etc/ssh", "/etc/ssl/private", ANSWERS, "/var/lib/appliance-control", "/var/lib/private", "/var/mail"];
/// What a program that is root does not see unless its manifest names it, something in it or something above it: nobody else could
/// read it, or come to root's rights over it. Not all of it is on every machine, so nothing may be made in its place.
const CLOSED: &[&str] = &[
    "/etc/NetworkManager/system-connections",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/mysql/debian.cnf",
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/wireguard",
    "/run/containerd",
    "/run/docker.sock",
    "/run/mysqld",
    "/run/postgresql",
    "/run/udev/control",
    "/var/lib/containerd",
    "/var/lib/docker",
    "/var/lib/mysql",
    "/var/lib/postgresql",
    "/var/log",
    "/var/spool/cron",
];
/// The same as `HIDDEN`, by `ProtectHome=`.
const HOMES: &[&str] = &["/home", "/root", "/run/user"];

/// Enough for an archive of files of any owner to be made and put back, and for changing to another user. None of
/// them reaches out of the sandbox, as CAP_SYS_ADMIN, CAP_SYS_PTRACE or CAP_MKNOD would.
const CAPABILITIES: &str =
    "CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID";

/// What every program gets.
const ALWAYS: &[&str] = &[
    "NoNewPrivileges=yes",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "PrivateIPC=yes",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "ProtectProc=invisible",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "LockPersonality=yes",
    "KeyringMode=private",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallErrorNumber=EPERM",
    "LimitCORE=0",
    // when the machine runs out of memory, it is this one that goes
    "OOMScoreAdjust=500",
    "TasksMax=512",
];

/// What a program asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Needs<'a> {
    pub user: &'a str,
    pub writable: &'a [String],
    pub readable: &'a [String],
    pub secrets: &'a [String],
    pub restarts: &'a [String],
    pub units: &'a [String],
    pub network: bool,
    pub configures: bool,
    memory: u32,
}

impl<'a> From<&'a Action> for Needs<'a> {
    fn from(action: &'a Action) -> Needs<'a> {
        Needs {
            user: &action.user,
            writable: &action.writable,
            readable: &action.readable,
            secrets: &action.secrets,
            restarts: &action.restarts,
            units: &action.units,
            network: action.network,
            configures: action.configures,
            memory: action.memory.unwrap_or(MEMORY),
        }
    }
}

impl<'a> From<&'a Query> for Needs<'a> {
    fn from(query: &'a Query) -> Needs<'a> {
        Needs {
            user: &query.user,
            writable: &[],
            readable: &query.readable,
            secrets: &query.secrets,
            restarts: &[],
            units: &[],
            network: query.network,
            configures: false,
            memory: query.memory.unwrap_or(MEMORY),
        }
    }
}

impl Action {
    /// Seconds until it is asked to stop.
    pub fn time(&self) -> u32 {
        self.timeout.unwrap_or(ACTION_TIME)
    }
}

impl Query {
    /// Seconds until it is killed.
    pub fn time(&self) -> u32 {
        self.timeout.unwrap_or(QUERY_TIME)
    }
    /// Seconds for which its answer is given again.
    pub fn kept(&self) -> u32 {
        self.cache.unwrap_or(CACHE)
    }
}

/// `NAME=VALUE`, one for each property, as `systemd-run --property` takes them.
pub fn properties(needs: &Needs<'_>) -> Vec<String> {
    let mut list: Vec<String> = ALWAYS.iter().map(ToString::to_string).collect();
    let mut add = |property: String| list.push(property);
    add(format!("CapabilityBoundingSet={CAPABILITIES}"));
    add(match needs.memory {
        0 => "MemoryMax=75%".into(),
        mib => format!("MemoryMax={mib}M"),
    });
    if needs.configures {
        add("ProtectSystem=yes".into());
    } else {
        files(needs, &mut add);
    }
    if needs.network || needs.configures {
        add("RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK".into());
    } else {
        add("PrivateNetwork=yes".into());
        add("RestrictAddressFamilies=AF_UNIX".into());
    }
    if needs.units.is_empty() && !needs.configures {
        // left out where systemd is too old for it
        add("PrivatePIDs=yes".into());
        // who may talk to the system manager as root is in no sandbox at all
        for socket in
            ["/run/systemd/private", "/run/systemd/io.systemd.Manager", "/run/dbus/system_bus_socket"]
        {
            add(format!("InaccessiblePaths=-{socket}"));
        }
    }
    if needs.restarts.is_empty() {
        add("InaccessiblePaths=-/run/appliance-broker.socket".into());
    }
    list
}

fn files(needs: &Needs<'_>, add: &mut impl FnMut(String)) {
    add("ProtectSystem=strict".into());
    add("RestrictSUIDSGID=yes".into());
    // empty folders; what is bound into them is looked up outside
    add("ProtectHome=tmpfs".into());
    let hidden = |path: &str| HIDDEN.iter().chain(HOMES).any(|folder| is_below(path, folder));
    let reached =
        |folder: &str| needs.readable.iter().chain(needs.writable).any(|path| is_below(folder, path));
    for folder in HIDDEN.iter().filter(|folder| !reached(folder)) {
        add(format!("TemporaryFileSystem={folder}:ro"));
    }
    let named = needs.readable.iter().chain(needs.writable);
    let closed = |place: &&&str| needs.user == "root" && !named.clone().any(|path| touch(path, place));
    for place in CLOSED.iter().filter(closed) {
        add(format!("InaccessiblePaths=-{place}"));
    }
    for path in needs.writable {
        let property = if hidden(path) { "BindPaths" } else { "ReadWritePaths" };
        add(format!("{property}=-{path}"));
    }
    for path in needs.readable.iter().filter(|path| hidden(path)) {
        add(format!("BindReadOnlyPaths=-{path}"));
    }
}

/// Whether something of it is hidden unless it is named.
pub fn is_hidden(path: &str) -> bool {
    HIDDEN.iter().chain(HOMES).chain(CLOSED).any(|folder| touch(path, folder))
}

fn touch(one: &str, other: &str) -> bool {
    is_below(one, other) || is_below(other, one)
}

fn is_below(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(action: &Action) -> Vec<String> {
        properties(&action.into())
    }
    fn has(list: &[String], property: &str) -> bool {
        list.iter().any(|p| p == property)
    }

    #[test]
    fn who_asks_for_nothing_gets_nothing() {
        let list = of(&Action { user: "nobody".into(), ..Action::default() });
        for property in [
            "ProtectSystem=strict",
            "ProtectHome=tmpfs",
            "ProtectProc=invisible",
            "PrivateNetwork=yes",
            "RestrictAddressFamilies=AF_UNIX",
            "MemoryMax=512M",
            "InaccessiblePaths=-/run/systemd/private",
            "InaccessiblePaths=-/run/appliance-broker.socket",
            "TemporaryFileSystem=/var/lib/appliances:ro",
        ] {
            assert!(has(&list, property), "{property}");
        }
        assert!(list.iter().all(|p| !p.starts_with("ReadWritePaths") && !p.starts_with("Bind")), "{list:?}");
    }

    #[test]
    fn what_it_asks_for_is_there_and_nothing_beside_it() {
        let action = Action {
            user: "root".into(),
            writable: vec!["/var/lib/moin".into(), "/var/lib/appliances/wiki".into()],
            readable: vec!["/etc/ssl/private/wiki.key".into(), "/var/mail".into()],
            restarts: vec!["apache2.service".into()],
            ..Action::default()
        };
        let list = of(&action);
        for property in [
            "ReadWritePaths=-/var/lib/moin",
            "BindPaths=-/var/lib/appliances/wiki",
            "BindReadOnlyPaths=-/etc/ssl/private/wiki.key",
            "TemporaryFileSystem=/etc/ssl/private:ro",
        ] {
            assert!(has(&list, property), "{property}");
        }
        assert!(!has(&list, "TemporaryFileSystem=/var/mail:ro"));
        for place in ["/etc/shadow", "/run/docker.sock", "/run/mysqld", "/var/lib/mysql", "/var/log"] {
            assert!(has(&list, &format!("InaccessiblePaths=-{place}")), "{place}");
        }
        let named = of(&Action {
            user: "root".into(),
            readable: vec!["/var/lib/mysql/shop".into(), "/etc/shadow".into(), "/run".into()],
            ..Action::default()
        });
        for place in ["/etc/shadow", "/run/docker.sock", "/run/mysqld", "/var/lib/mysql"] {
            assert!(!has(&named, &format!("InaccessiblePaths=-{place}")), "{place}");
        }
        assert!(is_hidden("/var/lib/mysql") && is_hidden("/var/log/shop") && !is_hidden("/var/lib/moin"));
        // the broker knows what it may ask for; the system manager does not
        assert!(!has(&list, "InaccessiblePaths=-/run/appliance-broker.socket"));
        assert!(has(&list, "InaccessiblePaths=-/run/systemd/private"));
        let wide = of(&Action { user: "root".into(), units: vec!["a.service".into()], ..Action::default() });
        assert!(!has(&wide, "InaccessiblePaths=-/run/systemd/private") && has(&wide, "NoNewPrivileges=yes"));
    }
}
