//! What /proc and statvfs(3) say about this machine. Reading is apart from understanding, so that what
//! understands can be tested.

use crate::text;
use schemars::JsonSchema;
use serde::Serialize;
use std::{collections::BTreeSet, fs, path::Path, time::UNIX_EPOCH};

/// The machine at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct Machine {
    pub hostname: String,
    /// `Debian GNU/Linux 13 (trixie)`
    pub release: String,
    pub kernel: String,
    /// Seconds since the start.
    pub uptime: u64,
    /// Seconds since 1970 of the start.
    pub booted: u64,
    /// Differs after every start.
    pub boot_id: String,
    pub processors: u32,
    /// Load averages of 1, 5 and 15 minutes.
    pub load: [f32; 3],
    /// Bytes.
    pub memory: Usage,
    /// Bytes; total 0 when there is no swap.
    pub swap: Usage,
    pub disks: Vec<Disk>,
}

/// Bytes of something that fills up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Usage {
    pub used: u64,
    pub total: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Disk {
    pub mounted_at: String,
    pub usage: Usage,
}

impl Usage {
    /// 0 to 100.
    pub fn percent(&self) -> u64 {
        (self.used.saturating_mul(100)).checked_div(self.total).unwrap_or(0).min(100)
    }
}

impl Machine {
    /// What cannot be read stays empty: a page with a gap is better than none.
    pub fn read() -> Machine {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let stat = read("/proc/stat");
        let now = text::now();
        let booted = booted(now, uptime(&read("/proc/uptime")), made("/run/systemd/system"));
        let (memory, swap) = memory(&read("/proc/meminfo"));
        Machine {
            hostname: read("/proc/sys/kernel/hostname").trim().into(),
            release: release(&read("/etc/os-release")),
            kernel: read("/proc/sys/kernel/osrelease").trim().into(),
            uptime: now - booted,
            booted,
            boot_id: read("/proc/sys/kernel/random/boot_id").trim().into(),
            processors: processors(&stat),
            load: load(&read("/proc/loadavg")),
            memory,
            swap,
            disks: mounts(&read("/proc/self/mounts")).iter().filter_map(|at| disk(at)).collect(),
        }
    }
}

/// `PRETTY_NAME` of os-release(5).
fn release(text: &str) -> String {
    let value = text.lines().find_map(|l| l.strip_prefix("PRETTY_NAME=")).unwrap_or("an unknown system");
    value.trim().trim_matches(['"', '\'']).into()
}

fn uptime(text: &str) -> u64 {
    text.split(['.', ' ']).next().and_then(|s| s.parse().ok()).unwrap_or(0)
}

/// When the machine started. In a container /proc/uptime is the host's, and `run`, when systemd made its folder, is later.
/// On a machine that got the time from the network after its start, `run` is years too early.
fn booted(now: u64, uptime: u64, run: Option<u64>) -> u64 {
    now.saturating_sub(uptime).max(run.unwrap_or(0)).min(now)
}

fn made(path: &str) -> Option<u64> {
    let data = fs::metadata(path).ok()?;
    let at = data.created().or_else(|_| data.modified()).ok()?;
    at.duration_since(UNIX_EPOCH).ok().map(|d| d.as_secs())
}

/// Lines `cpu0`, `cpu1`… of /proc/stat.
fn processors(stat: &str) -> u32 {
    let numbered =
        |l: &&str| l.strip_prefix("cpu").is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit()));
    (stat.lines().filter(numbered).count() as u32).max(1)
}

fn load(text: &str) -> [f32; 3] {
    let mut numbers = text.split(' ').map(|n| n.parse().unwrap_or(0.0));
    [(); 3].map(|()| numbers.next().unwrap_or(0.0))
}

/// Memory and swap of /proc/meminfo. Used is what is not available (proc(5): MemAvailable), so caches do not count.
fn memory(text: &str) -> (Usage, Usage) {
    let field = |name: &str| -> u64 {
        let line = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
    };
    let usage = |total: u64, free: u64| Usage { used: total.saturating_sub(free), total };
    (usage(field("MemTotal"), field("MemAvailable")), usage(field("SwapTotal"), field("SwapFree")))
}

/// Where disks are mounted: each device once, at its shortest path. The unit's sandbox mounts parts of a disk
/// many times over, and those are not disks of their own.
fn mounts(text: &str) -> Vec<String> {
    const DISKS: [&str; 9] = ["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "overlay", "vfat"];
    let mut found: Vec<(String, String)> = vec![];
    for line in text.lines() {
        let mut fields = line.split(' ');
        let (Some(device), Some(at), Some(kind)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let passing = ["/run/", "/dev/", "/proc/", "/sys/", "/tmp/"].iter().any(|p| at.starts_with(p));
        if passing || !DISKS.contains(&kind) || (kind == "overlay" && at != "/") {
            continue;
        }
        let at = at.replace("\\040", " ");
        match found.iter_mut().find(|(d, _)| d == device) {
            Some((_, path)) if at.len() < path.len() => *path = at,
            Some(_) => {}
            None => found.push((device.into(), at)),
        }
    }
    found.into_iter().map(|(_, at)| at).collect::<BTreeSet<_>>().into_iter().collect()
}

fn disk(at: &str) -> Option<Disk> {
    let stat = rustix::fs::statvfs(Path::new(at)).ok()?;
    let total = stat.f_blocks.saturating_mul(stat.f_frsize);
    let used = total.saturating_sub(stat.f_bfree.saturating_mul(stat.f_frsize));
    (total > 0).then(|| Disk { mounted_at: at.into(), usage: Usage { used, total } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_understood() {
        assert_eq!(
            release("NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n"),
            "Debian GNU/Linux 13 (trixie)"
        );
        for (uptime, run, expect) in
            [(100, None, 900), (100, Some(950), 950), (100, Some(3), 900), (100, Some(5000), 1000)]
        {
            assert_eq!(booted(1000, uptime, run), expect);
        }
        assert_eq!(uptime("350735.47 234388.90\n"), 350_735);
        assert_eq!(processors("cpu  1 2\ncpu0 1\ncpu1 1\nintr 5\n"), 2);
        assert_eq!(load("0.20 0.18 1.12 1/80 11206"), [0.20, 0.18, 1.12]);
        let (memory, swap) =
            memory("MemTotal:        1000 kB\nMemFree: 10 kB\nMemAvailable:     250 kB\nSwapTotal: 0 kB\n");
        assert_eq!((memory, memory.percent()), (Usage { used: 768_000, total: 1_024_000 }, 75));
        assert_eq!((swap, swap.percent()), (Usage::default(), 0));
    }

    #[test]
    fn a_disk_counts_once() {
        let text = "/dev/vda1 / ext4 rw 0 0\nproc /proc proc rw 0 0\n/dev/vda1 /var/lib/x ext4 ro 0 0\n\
                    /dev/vdb /srv/my\\040data xfs rw 0 0\noverlay /srv/merged overlay ro 0 0\n/dev/vdc /run/host/x ext4 ro 0 0\ntmpfs /tmp tmpfs rw 0 0\n";
        assert_eq!(mounts(text), ["/", "/srv/my data"]);
    }

    #[test]
    fn broken_input_gives_gaps() {
        assert_eq!((uptime(""), load(""), processors("")), (0, [0.0; 3], 1));
        assert_eq!(memory("MemTotal: x kB"), (Usage::default(), Usage::default()));
    }

    #[test]
    fn this_machine_can_be_read() {
        let machine = Machine::read();
        assert!(machine.memory.total > 0 && machine.uptime > 0 && machine.boot_id.len() == 36);
    }
}
