//! What the machine's disks are, and what fills them that is not needed.

use broker_protocol::{BlockDevice, Filler, Rubbish};
use exec::Program;
use serde::Deserialize;
use std::{fs, path::Path, time::Duration};

const TIMEOUT: Duration = Duration::from_secs(20);
/// Files counted in one folder; more of them are not waited for.
const MOST_FILES: usize = 100_000;

#[derive(Deserialize)]
struct Lsblk {
    #[serde(default)]
    blockdevices: Vec<Device>,
}

#[derive(Deserialize)]
struct Device {
    name: String,
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    fstype: Option<String>,
    #[serde(default)]
    children: Vec<Device>,
}

/// Disks, and what is made of them, each behind the one that it is on. In a container they are the host's: none.
pub fn block_devices(container: bool) -> Vec<BlockDevice> {
    if container {
        return vec![];
    }
    let program = Program::new("lsblk").args(["--json", "--bytes", "--output=NAME,TYPE,SIZE,MODEL,FSTYPE"]);
    let output = program.timeout(TIMEOUT).output().ok().filter(|o| o.success());
    output.and_then(|o| read(&o.text())).unwrap_or_default()
}

fn read(text: &str) -> Option<Vec<BlockDevice>> {
    let lsblk: Lsblk = serde_json::from_str(text).ok()?;
    let mut list = vec![];
    lsblk.blockdevices.into_iter().for_each(|device| flatten(device, 0, &mut list));
    Some(list)
}

fn flatten(device: Device, depth: u8, list: &mut Vec<BlockDevice>) {
    let Device { name, kind, size, model, fstype, children } = device;
    let clean = |text: Option<String>| text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
    // what holds nothing is not shown, such as a drive without a disc
    if size.unwrap_or(0) == 0 {
        return;
    }
    let kind = kind.unwrap_or_default();
    list.push(BlockDevice {
        name,
        depth,
        kind,
        size: size.unwrap_or(0),
        model: clean(model),
        file_system: clean(fstype),
    });
    children.into_iter().for_each(|child| flatten(child, depth.saturating_add(1), list));
}

/// What grows by itself, and what of it can be removed.
pub fn fillers() -> Vec<Filler> {
    let sum = |paths: &[&str]| paths.iter().map(|path| size(Path::new(path))).sum();
    let filler =
        |what: &str, path: &str, bytes, clean| Filler { what: what.into(), path: path.into(), bytes, clean };
    let apt = "/var/cache/apt/archives";
    let journal = sum(&["/var/log/journal", "/run/log/journal"]);
    vec![
        filler("Downloaded packages", apt, size(Path::new(apt)), Some(Rubbish::Packages)),
        filler("The log (journal)", "/var/log/journal", journal, Some(Rubbish::Journal)),
        filler(
            "Other logs",
            "/var/log",
            sum(&["/var/log"]).saturating_sub(size(Path::new("/var/log/journal"))),
            None,
        ),
        filler(
            "Memory of crashed programs",
            "/var/lib/systemd/coredump",
            sum(&["/var/lib/systemd/coredump"]),
            Some(Rubbish::Crashes),
        ),
        filler("What tasks have made, such as backups", crate::STATE, sum(&[crate::STATE]), None),
    ]
}

/// Bytes of the files below; what cannot be read counts nothing, links are not followed.
fn size(path: &Path) -> u64 {
    let (mut bytes, mut seen, mut todo) = (0u64, 0, vec![path.to_path_buf()]);
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            seen += 1;
            if seen > MOST_FILES {
                return bytes;
            }
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => todo.push(entry.path()),
                Ok(meta) => bytes = bytes.saturating_add(std::os::unix::fs::MetadataExt::blocks(&meta) * 512),
                Err(_) => {}
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_come_behind_what_they_are_on() {
        let text = r#"{"blockdevices":[
            {"name":"sr0","type":"rom","size":0,"model":"DVD","fstype":null},
            {"name":"vda","type":"disk","size":1000,"model":" Virtual ","fstype":null,"children":[
              {"name":"vda1","type":"part","size":900,"model":null,"fstype":"ext4","children":[
                {"name":"root","type":"crypt","size":800,"model":null,"fstype":""}]}]}]}"#;
        let list = read(text).unwrap();
        let shown: Vec<(&str, u8)> = list.iter().map(|d| (d.name.as_str(), d.depth)).collect();
        assert_eq!(shown, [("vda", 0), ("vda1", 1), ("root", 2)]);
        assert_eq!((list[0].model.as_deref(), list[2].file_system.as_deref()), (Some("Virtual"), None));
        assert!(read("{").is_none());
    }

    #[test]
    fn a_folder_has_its_size() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(size(folder.path()), 0);
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/b"), vec![1; 100_000]).unwrap();
        std::os::unix::fs::symlink("/", folder.path().join("root")).unwrap();
        assert!(size(folder.path()) < 10_000_000);
        assert_eq!(size(Path::new("/nowhere")), 0);
    }
}
