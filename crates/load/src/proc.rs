//! What the kernel says of the whole machine (proc(5)). Reading is apart from understanding.

use crate::ring::Counters;
use rustix::time::{ClockId, clock_gettime};
use std::{fs, io, path::Path};

/// One look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Look {
    pub counters: Counters,
    /// Hundredths of a percent of what there is; so are the two below.
    pub memory: u16,
    pub swap: u16,
    pub disk: u16,
}

/// Bytes of a sector in /proc/diskstats, whatever the disk's own are (Documentation/admin-guide/iostats.rst).
const SECTOR: u64 = 512;

/// Looks. What one kernel does not tell is 0: a line of the chart that lies flat is better than no chart.
pub fn look() -> io::Result<Look> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (busy, ticks) = processor(&fs::read_to_string("/proc/stat")?);
    let (memory, swap) = memory(&read("/proc/meminfo"));
    let (read_bytes, written) = disks(&read("/proc/diskstats"), is_disk);
    let net = read("/proc/net/dev");
    let there = |name: &str| Path::new("/sys/class/net").join(name).join("device").exists();
    let (received, sent) = network(&net, there);
    Ok(Look {
        counters: Counters {
            boot: boot(&read("/proc/sys/kernel/random/boot_id")),
            at: boottime(),
            busy,
            ticks,
            read: read_bytes,
            written,
            received,
            sent,
        },
        memory,
        swap,
        disk: disk(Path::new("/"))?,
    })
}

fn boottime() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000
}

/// The hexadecimal digits of a UUID.
fn boot(text: &str) -> [u8; 16] {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    let mut id = [0; 16];
    for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    id
}

/// Ticks in which something was done, and all of them: user nice system idle iowait irq softirq steal. What guests took is in `user` already.
fn processor(stat: &str) -> (u64, u64) {
    let line = stat.lines().find_map(|l| l.strip_prefix("cpu ")).unwrap_or_default();
    let numbers: Vec<u64> = line.split_whitespace().take(8).map(|n| n.parse().unwrap_or(0)).collect();
    let idle: u64 = numbers.iter().skip(3).take(2).sum();
    let all: u64 = numbers.iter().sum();
    (all - idle, all)
}

/// Used memory (what is not available) and swap.
fn memory(text: &str) -> (u16, u16) {
    let field = |name: &str| -> u64 {
        let line = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
    };
    let used = |total: &str, free: &str| share(field(total).saturating_sub(field(free)), field(total));
    (used("MemTotal", "MemAvailable"), used("SwapTotal", "SwapFree"))
}

fn disk(path: &Path) -> io::Result<u16> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(share(stat.f_blocks.saturating_sub(stat.f_bfree), stat.f_blocks))
}

fn share(part: u64, whole: u64) -> u16 {
    let share = part.saturating_mul(10_000).checked_div(whole).unwrap_or(0);
    share.min(10_000) as u16
}

/// Not a partition, nor what lies over other disks and would count twice.
fn is_disk(name: &str) -> bool {
    let over = ["loop", "ram", "zram", "dm-", "md", "sr", "fd"];
    !over.iter().any(|kind| name.starts_with(kind)) && Path::new("/sys/block").join(name).exists()
}

/// Bytes read and written by all disks.
fn disks(text: &str, is_disk: impl Fn(&str) -> bool) -> (u64, u64) {
    let mut sum = (0u64, 0u64);
    for line in text.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| fields.get(at).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
        if fields.get(2).is_some_and(|name| is_disk(name)) {
            sum.0 = sum.0.wrapping_add(number(5).wrapping_mul(SECTOR));
            sum.1 = sum.1.wrapping_add(number(9).wrapping_mul(SECTOR));
        }
    }
    sum
}

/// Bytes received and sent by the interfaces that are devices; in a container, where none is, by all. What passes a bridge of the machine's
/// own is not counted again.
fn network(text: &str, is_device: impl Fn(&str) -> bool) -> (u64, u64) {
    let mut all = vec![];
    for line in text.lines() {
        let Some((name, rest)) = line.split_once(':') else { continue };
        let numbers: Vec<u64> = rest.split_whitespace().map(|n| n.parse().unwrap_or(0)).collect();
        if let (Some(received), Some(sent)) = (numbers.first(), numbers.get(8)) {
            all.push((name.trim(), *received, *sent));
        }
    }
    all.retain(|(name, ..)| *name != "lo");
    if all.iter().any(|(name, ..)| is_device(name)) {
        all.retain(|(name, ..)| is_device(name));
    }
    all.iter().fold((0, 0), |(r, s), (_, received, sent)| (received.wrapping_add(r), sent.wrapping_add(s)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_understood() {
        let stat = "cpu  10 20 30 400 50 1 2 3 9 9\ncpu0 1 1 1 1\n";
        assert_eq!((processor(stat), processor("")), ((66, 516), (0, 0)));
        let text = "MemTotal: 1000 kB\nMemAvailable: 250 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n";
        assert_eq!(memory(text), (7500, 0));
        let text = "   8 0 sda 1 2 100 4 5 6 200 8 0 0 0\n   8 1 sda1 1 2 90 4 5 6 190 8 0 0 0\n   7 0 loop0 1 2 3 4 5 6 7 8\nbad\n";
        assert_eq!(disks(text, |n| n == "sda"), (51_200, 102_400));
        let text = "Inter-|   Receive\n face |bytes    packets\n    lo: 7 1 0 0 0 0 0 0 7 1\n  eth0: 100 1 0 0 0 0 0 0 50 1 0\n   br0: 90 1 0 0 0 0 0 0 40 1\n";
        assert_eq!(network(text, |n| n == "eth0"), (100, 50));
        assert_eq!(network(text, |_| false), (190, 90));
        assert_eq!(boot("0102ff00-0000-0000-0000-0000000000aa\n")[..4], [1, 2, 255, 0]);
        assert_eq!(share(5, 0), 0);
    }

    #[test]
    fn this_machine_can_be_looked_at() {
        let look = look().unwrap();
        assert!(look.memory > 0 && look.counters.ticks > 0 && look.counters.boot != [0; 16]);
    }
}
