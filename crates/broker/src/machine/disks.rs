//! File systems, and how full they are.
//!
//! The broker sees them through process 1: its own view is a sandbox, in which other things are mounted.

use broker_protocol::FileSystem;
use std::{fs, path::Path};

/// What keeps data. What the kernel makes up, and what is in memory, fills up in other ways.
const KINDS: &[&str] =
    &["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "overlay", "vfat", "nfs4", "cifs"];
/// Asking a server that is away would wait for it.
const ELSEWHERE: &[&str] = &["nfs4", "cifs"];

/// By the path that they are mounted at. Each counts once, at its shortest path.
pub fn file_systems() -> Vec<FileSystem> {
    let text = fs::read_to_string("/proc/1/mounts").unwrap_or_default();
    let mut found: Vec<FileSystem> = mounts(&text).into_iter().filter_map(sized).collect();
    found.sort_by(|a, b| a.mounted_at.cmp(&b.mounted_at));
    found
}

/// Device, path and kind.
fn mounts(text: &str) -> Vec<[String; 3]> {
    let mut found: Vec<[String; 3]> = vec![];
    for line in text.lines() {
        let mut fields = line.split(' ');
        let (Some(device), Some(at), Some(kind)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let passing = ["/run/", "/dev/", "/proc/", "/sys/", "/tmp/"].iter().any(|p| at.starts_with(p));
        if passing || !KINDS.contains(&kind) || (kind == "overlay" && at != "/") {
            continue;
        }
        // proc_pid_mounts(5): as in fstab(5)
        let at = at.replace("\\040", " ");
        match found.iter_mut().find(|[d, ..]| d == device) {
            Some([_, path, _]) if at.len() < path.len() => *path = at,
            Some(_) => {}
            None => found.push([device.into(), at, kind.into()]),
        }
    }
    found
}

fn sized([device, mounted_at, kind]: [String; 3]) -> Option<FileSystem> {
    if ELSEWHERE.contains(&kind.as_str()) {
        return Some(FileSystem { device, mounted_at, kind, used: 0, total: 0, names: None });
    }
    let stat =
        rustix::fs::statvfs(Path::new("/proc/1/root").join(mounted_at.trim_start_matches('/'))).ok()?;
    let total = stat.f_blocks.saturating_mul(stat.f_frsize);
    let used = total.saturating_sub(stat.f_bfree.saturating_mul(stat.f_frsize));
    let taken = stat.f_files.saturating_sub(stat.f_ffree).saturating_mul(100).checked_div(stat.f_files);
    let names = taken.map(|percent| percent.min(100) as u8);
    (total > 0).then_some(FileSystem { device, mounted_at, kind, used, total, names })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_counts_once() {
        let text = "/dev/vda1 / ext4 rw 0 0\nproc /proc proc rw 0 0\n/dev/vda1 /var/lib/x ext4 ro 0 0\n\
                    /dev/vdb /srv/my\\040data xfs rw 0 0\noverlay /srv/merged overlay ro 0 0\n/dev/vdc /run/host/x ext4 ro 0 0\ntmpfs /tmp tmpfs rw 0 0\n";
        let found = mounts(text);
        let paths: Vec<&str> = found.iter().map(|[_, at, _]| at.as_str()).collect();
        assert_eq!(paths, ["/", "/srv/my data"]);
    }
}
