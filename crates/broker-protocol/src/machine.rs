//! How the machine is, and when it goes down, as requests and answers carry it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Minutes ahead that a restart may be scheduled: 31 days.
pub const FURTHEST: u32 = 31 * 24 * 60;

/// What may need somebody.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Vitals {
    /// `systemd-nspawn`, `lxc`, `docker` …: a container, whose clock, disks and often addresses are its host's.
    pub container: Option<String>,
    pub failed: Vec<FailedUnit>,
    pub file_systems: Vec<FileSystem>,
    pub clock: Clock,
    pub scheduled: Option<Scheduled>,
}

/// A unit of the system manager that has failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FailedUnit {
    /// `apache2.service`
    pub name: String,
    pub description: String,
    /// `exit-code`, `signal`, `timeout`, `oom-kill` …: Result of systemd.service(5).
    pub result: String,
    /// With `exit-code`, which.
    pub status: Option<i32>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FileSystem {
    /// `/dev/vda1`
    pub device: String,
    pub mounted_at: String,
    /// `ext4`
    pub kind: String,
    /// Bytes.
    pub used: u64,
    pub total: u64,
    /// Names of files in hundredths of what there can be; none where there is no limit.
    pub names: Option<u8>,
}

impl FileSystem {
    /// 0 to 100.
    pub fn percent(&self) -> u64 {
        self.used.saturating_mul(100).checked_div(self.total).unwrap_or(0).min(100)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Clock {
    /// `Europe/Berlin`
    pub zone: String,
    /// The machine's time: `Mon 23 Nov 2026, 22:41 CET`.
    pub local: String,
    /// What sets it: `systemd-timesyncd.service`, `chrony.service` …; none when nothing that does is installed.
    pub keeper: Option<String>,
    /// The keeper runs.
    pub kept: bool,
    /// It has the time from the network; none when nobody knows.
    pub synchronised: Option<bool>,
}

/// What of the machine's power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Power {
    Restart,
    Shutdown,
}

impl Power {
    pub fn as_str(self) -> &'static str {
        match self {
            Power::Restart => "restart",
            Power::Shutdown => "shutdown",
        }
    }
}

impl std::str::FromStr for Power {
    type Err = String;
    fn from_str(text: &str) -> Result<Power, String> {
        match text {
            "restart" => Ok(Power::Restart),
            "shutdown" => Ok(Power::Shutdown),
            _ => Err("it is restart or shutdown".into()),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// From now: 1 to [`FURTHEST`].
    Minutes(u32),
    /// `HH:MM`, the next time that it is so late, or `YYYY-MM-DD HH:MM`; the machine's own time.
    At(String),
}

impl std::str::FromStr for When {
    type Err = String;
    /// `10min`, `2h` from now; anything else is a time, which the broker looks at.
    fn from_str(text: &str) -> Result<When, String> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let each = match text[digits..].trim() {
            "m" | "min" | "minutes" => 1,
            "h" | "hours" => 60,
            _ => return Ok(When::At(text.trim().into())),
        };
        let minutes = text[..digits].parse::<u32>().ok().and_then(|n| n.checked_mul(each));
        let good = minutes.filter(|n| (1..=FURTHEST).contains(n));
        good.map(When::Minutes)
            .ok_or_else(|| format!("From now it is 1min to {}min, or hours as in 2h.", FURTHEST))
    }
}

/// A restart or shutdown that was scheduled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Scheduled {
    pub what: Power,
    /// Seconds since 1970.
    pub at: u64,
    /// The same in the machine's own time: `Tue 24 Nov, 03:30 CET`.
    pub local: String,
    /// Who did; `shutdown(8)` when that was not us.
    pub by: String,
}

/// The machine with its settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MachineState {
    /// `wiki`
    pub name: String,
    /// `wiki.example.org`, where hosts(5) says so.
    pub full_name: Option<String>,
    pub container: Option<String>,
    pub clock: Clock,
    pub file_systems: Vec<FileSystem>,
    pub block_devices: Vec<BlockDevice>,
    pub fillers: Vec<Filler>,
    pub network: Network,
}

/// A disk, or what is made of one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BlockDevice {
    pub name: String,
    /// 0: a disk; each stands behind the one that it is on.
    pub depth: u8,
    /// `disk`, `part`, `crypt`, `lvm`, `raid1` …
    pub kind: String,
    /// Bytes.
    pub size: u64,
    pub model: Option<String>,
    pub file_system: Option<String>,
}

/// What grows by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Filler {
    pub what: String,
    pub path: String,
    pub bytes: u64,
    pub clean: Option<Rubbish>,
}

/// What can be removed without anybody missing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rubbish {
    Packages,
    Journal,
    Crashes,
}

impl Rubbish {
    pub const ALL: [Rubbish; 3] = [Rubbish::Packages, Rubbish::Journal, Rubbish::Crashes];

    pub fn as_str(self) -> &'static str {
        match self {
            Rubbish::Packages => "packages",
            Rubbish::Journal => "journal",
            Rubbish::Crashes => "crashes",
        }
    }
}

impl std::str::FromStr for Rubbish {
    type Err = String;
    fn from_str(text: &str) -> Result<Rubbish, String> {
        let found = Rubbish::ALL.into_iter().find(|r| r.as_str() == text);
        found.ok_or_else(|| "it is packages, journal or crashes".into())
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Network {
    pub interfaces: Vec<Interface>,
    /// `192.0.2.1 (eth0)`
    pub gateways: Vec<String>,
    pub name_servers: Vec<String>,
    /// Why nothing is known, when that is so.
    pub unknown: Option<String>,
    /// A change that goes back by itself unless it is confirmed.
    pub pending: Option<PendingNetwork>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interface {
    pub name: String,
    /// `up`, `down` …
    pub state: String,
    /// Hardware address.
    pub mac: String,
    /// `192.0.2.7/24`; without those of the link only.
    pub addresses: Vec<String>,
    pub manager: Manager,
    /// Why its addresses are not set from here, when that is so.
    pub fixed: Option<String>,
}

/// Who gives an interface its addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Manager {
    #[default]
    Nobody,
    Networkd,
    Ifupdown,
    NetworkManager,
}

/// The addresses of an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Addresses {
    /// The network gives them.
    Dhcp,
    Fixed {
        /// `192.0.2.7/24` or `2001:db8::7/64`
        address: String,
        #[serde(default)]
        gateway: Option<String>,
        #[serde(default)]
        name_servers: Vec<String>,
    },
}

impl Addresses {
    /// What is wrong with them, in words.
    pub fn check(&self) -> Result<(), String> {
        let Addresses::Fixed { address, gateway, name_servers } = self else { return Ok(()) };
        let Some((ip, bits)) = cidr(address) else {
            return Err(format!(
                "“{}” is no address with its network, such as 192.0.2.7/24.",
                clean(address)
            ));
        };
        if ip.is_unspecified() || ip.is_multicast() || ip.is_loopback() || bits == 0 {
            return Err(format!("{ip}/{bits} can be nobody's address."));
        }
        if let Some(gateway) = gateway {
            match gateway.parse::<IpAddr>() {
                Ok(gateway) if gateway.is_ipv4() == ip.is_ipv4() && gateway != ip => {}
                _ => return Err(format!("“{}” can be no gateway of {ip}.", clean(gateway))),
            }
        }
        if name_servers.len() > 4 {
            return Err("At most 4 name servers.".into());
        }
        match name_servers.iter().find(|n| n.parse::<IpAddr>().is_err()) {
            Some(bad) => Err(format!("“{}” is no address of a name server.", clean(bad))),
            None => Ok(()),
        }
    }
}

/// An address and the bits of its network.
pub fn cidr(text: &str) -> Option<(IpAddr, u8)> {
    let (ip, bits) = text.split_once('/')?;
    let ip: IpAddr = ip.parse().ok()?;
    let bits: u8 = bits.parse().ok().filter(|_| bits.bytes().all(|b| b.is_ascii_digit()))?;
    (bits <= if ip.is_ipv4() { 32 } else { 128 }).then_some((ip, bits))
}

fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// A new configuration of an interface that nobody has confirmed yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PendingNetwork {
    /// The task that made it; whoever knows it may confirm.
    pub task: String,
    pub interface: String,
    /// Seconds since 1970 at which the old one comes back.
    pub until: u64,
}

/// Whether this may be a machine's name, alone or with its domain: labels of letters, digits and hyphens (RFC 1123, section 2.1), in
/// lower case, the first not all of digits.
pub fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let first = name.split('.').next().unwrap_or_default();
    name.len() <= 253
        && name.split('.').all(label)
        && first != "localhost"
        && !first.bytes().all(|b| b.is_ascii_digit())
}

/// Whether this may be the name of a time zone. That there is such a zone is not looked at.
pub fn is_zone(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b))
    };
    name.len() <= 64 && name.split('/').all(part)
}

/// Whether this may be an interface's name (dev_valid_name of Linux, and nothing that a configuration file or a program would take for more).
pub fn is_interface(name: &str) -> bool {
    (1..=15).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        && !name.starts_with(['-', '.'])
        && name != "lo"
}

/// Whether this is `HH:MM`.
pub fn is_time(text: &str) -> bool {
    let two = |part: &str, below: u8| {
        part.len() == 2
            && part.bytes().all(|b| b.is_ascii_digit())
            && part.parse().is_ok_and(|n: u8| n < below)
    };
    text.split_once(':').is_some_and(|(hours, minutes)| two(hours, 24) && two(minutes, 60))
}

/// Whether this is `YYYY-MM-DD`. That there is such a day is not looked at.
pub fn is_day(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(i, b)| if matches!(i, 4 | 7) { b == b'-' } else { b.is_ascii_digit() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_from_now_or_of_the_day() {
        for (text, expect) in [("10min", Some(10)), ("2h", Some(120)), ("2 h", Some(120)), ("90 m", Some(90))]
        {
            assert_eq!(text.parse::<When>().ok(), expect.map(When::Minutes), "{text}");
        }
        for text in ["03:30", " 03:30", "2026-11-24 03:30", "10", "now", ""] {
            assert_eq!(text.parse::<When>(), Ok(When::At(text.trim().into())), "{text}");
        }
        for bad in ["0min", "min", "99999999999min", "4294967295h", "99999h"] {
            assert!(bad.parse::<When>().is_err(), "{bad}");
        }
    }

    #[test]
    fn names_of_machines_zones_and_interfaces() {
        for (name, expect) in [
            ("wiki", true),
            ("wiki-2.example.org", true),
            ("2wiki", true),
            ("", false),
            ("Wiki", false),
            ("12", false),
            ("-a", false),
            ("a-", false),
            ("a..b", false),
            ("a.", false),
            ("a_b", false),
            ("a b", false),
            ("a\nb", false),
            ("localhost", false),
        ] {
            assert_eq!(is_host_name(name), expect, "{name:?}");
        }
        assert!(!is_host_name(&"a".repeat(64)) && !is_host_name(&"a.".repeat(127)));
        for (name, expect) in [
            ("Europe/Berlin", true),
            ("Etc/GMT+3", true),
            ("UTC", true),
            ("../x", false),
            ("/etc/passwd", false),
            ("a//b", false),
            ("", false),
        ] {
            assert_eq!(is_zone(name), expect, "{name:?}");
        }
        for (name, expect) in [
            ("eth0", true),
            ("enp1s0.7", true),
            ("lo", false),
            ("-a", false),
            ("a/b", false),
            ("a b", false),
            ("a;b", false),
        ] {
            assert_eq!(is_interface(name), expect, "{name:?}");
        }
    }

    #[test]
    fn addresses_are_checked() {
        let fixed = |address: &str, gateway: Option<&str>, server: &str| Addresses::Fixed {
            address: address.into(),
            gateway: gateway.map(Into::into),
            name_servers: vec![server.into()],
        };
        assert_eq!(fixed("192.0.2.7/24", Some("192.0.2.1"), "2001:db8::1").check(), Ok(()));
        assert_eq!(fixed("2001:db8::7/64", None, "192.0.2.1").check(), Ok(()));
        for bad in [
            fixed("192.0.2.7", None, "192.0.2.1"),
            fixed("192.0.2.7/33", None, "192.0.2.1"),
            fixed("192.0.2.7/+4", None, "192.0.2.1"),
            fixed("127.0.0.1/8", None, "192.0.2.1"),
            fixed("0.0.0.0/0", None, "192.0.2.1"),
            fixed("192.0.2.7/24", Some("192.0.2.7"), "192.0.2.1"),
            fixed("192.0.2.7/24", Some("2001:db8::1"), "192.0.2.1"),
            fixed("192.0.2.7/24", Some("192.0.2.1\nDHCP=yes"), "192.0.2.1"),
            fixed("192.0.2.7/24", None, "example.org"),
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_times_and_days_are_such() {
        for (text, expect) in [
            ("04:30", true),
            ("23:59", true),
            ("24:00", false),
            ("4:30", false),
            ("04:30\n", false),
            ("+4:30", false),
            ("", false),
        ] {
            assert_eq!(is_time(text), expect, "{text:?}");
        }
        for (text, expect) in
            [("2026-11-24", true), ("2026-1-24", false), ("now-26-1-24", false), ("2026_11_24", false)]
        {
            assert_eq!(is_day(text), expect, "{text:?}");
        }
    }
}
