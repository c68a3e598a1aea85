//! Archives that break a rule are refused, and nothing changes.

use crate::lab::Lab;
use backup::archive::{FORMAT, Index, Manifest};
use std::{collections::BTreeMap, fs, io::Write};
use tar::{Builder, EntryType, Header};

fn refused(lab: &Lab, what: &str) -> String {
    let before = lab.tree();
    let error = lab.restore().expect_err(what);
    assert_eq!(error.exit_code(), 2, "{what}: {error}");
    assert_eq!(lab.tree(), before, "{what}");
    assert!(lab.services.calls.borrow().is_empty(), "{what}");
    error.to_string()
}

#[test]
fn every_cut_and_many_flipped_bits_are_found() {
    let lab = Lab::new();
    lab.services.running.set(false);
    lab.create().unwrap();
    let whole = fs::read(lab.archive()).unwrap();
    for length in (0..whole.len()).step_by(whole.len() / 40 + 1).chain([whole.len() - 1]) {
        fs::write(lab.archive(), &whole[..length]).unwrap();
        refused(&lab, &format!("cut to {length} of {}", whole.len()));
    }
    for at in (0..whole.len()).step_by(whole.len() / 60 + 1) {
        let mut altered = whole.clone();
        altered[at] ^= 0x10;
        fs::write(lab.archive(), &altered).unwrap();
        // a few header bits mean nothing; then the backup has to be the same
        let before = lab.tree();
        let _ = lab.restore();
        assert_eq!(lab.tree(), before, "bit {at}");
        lab.services.calls.borrow_mut().clear();
    }
}

/// An archive as an attacker writes it: members of any kind, and an index that agrees with them.
struct Forged {
    manifest: Manifest,
    members: Vec<(String, EntryType, Vec<u8>)>,
    index: Option<Index>,
}

fn forged() -> Forged {
    let manifest = Manifest {
        format: FORMAT,
        appliance: "wiki".into(),
        version: "1.0".into(),
        created: 0,
        paths: vec!["/".into()],
        packages: BTreeMap::new(),
    };
    Forged { manifest, members: vec![], index: None }
}

impl Forged {
    fn with(mut self, path: &str, kind: EntryType, content: &str) -> Self {
        self.members.push((path.into(), kind, content.into()));
        self
    }
    fn write(self, lab: &Lab) {
        let mut tar = Builder::new(zstd::Encoder::new(fs::File::create(lab.archive()).unwrap(), 1).unwrap());
        let text = serde_json::to_vec(&self.manifest).unwrap();
        let mut index = Index { manifest: configure::tree::sha256(&text), ..Index::default() };
        put(&mut tar, "MANIFEST.json", EntryType::Regular, &text);
        for (path, kind, content) in &self.members {
            let hash = if kind.is_dir() { String::new() } else { configure::tree::sha256(content) };
            index.members.insert(path.strip_prefix("files/").unwrap_or(path).into(), hash);
            put(&mut tar, path, *kind, content);
        }
        put(
            &mut tar,
            "INDEX.json",
            EntryType::Regular,
            &serde_json::to_vec(&self.index.unwrap_or(index)).unwrap(),
        );
        tar.into_inner().unwrap().finish().unwrap();
    }
}

/// Writes the name into the header as it is, which the library's own writer refuses.
fn put(tar: &mut Builder<impl Write>, path: &str, kind: EntryType, content: &[u8]) {
    let mut header = Header::new_gnu();
    header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_username("root").unwrap();
    header.set_groupname("root").unwrap();
    let is_link = matches!(kind, EntryType::Symlink | EntryType::Link);
    if is_link {
        header.as_gnu_mut().unwrap().linkname[..content.len()].copy_from_slice(content);
    }
    header.set_size(if is_link { 0 } else { content.len() as u64 });
    header.set_cksum();
    tar.append(&header, if is_link { &[][..] } else { content }).unwrap();
}

#[test]
fn members_that_would_reach_elsewhere_are_refused() {
    use EntryType::{Block, Char, Directory, Fifo, Link, Regular, Symlink};
    let top = || forged().with("files/var/lib/wiki", Directory, "");
    let cases = [
        ("a path of others", forged().with("files/etc/cron.d/x", Regular, "x"), "paths that belong"),
        ("up", top().with("files/var/lib/wiki/../../../etc/x", Regular, "x"), "not allowed"),
        ("absolute", forged().with("/etc/x", Regular, "x"), "not allowed"),
        ("outside files", forged().with("etc/x", Regular, "x"), "not allowed"),
        ("a neighbour's name", forged().with("files/var/lib/wiki-2", Directory, ""), "paths that belong"),
        (
            "through a link",
            top().with("files/var/lib/wiki/out", Symlink, "/etc").with(
                "files/var/lib/wiki/out/x",
                Regular,
                "x",
            ),
            "no folder",
        ),
        (
            "a top that is a link",
            forged().with("files/var/lib/wiki", Symlink, "/etc").with("files/var/lib/wiki/x", Regular, "x"),
            "no folder",
        ),
        ("a hard link", top().with("files/var/lib/wiki/h", Link, "/etc/passwd"), "neither"),
        ("a device", top().with("files/var/lib/wiki/d", Block, ""), "neither"),
        ("a terminal", top().with("files/var/lib/wiki/d", Char, ""), "neither"),
        ("a pipe", top().with("files/var/lib/wiki/p", Fifo, ""), "neither"),
        (
            "twice",
            top().with("files/var/lib/wiki/a", Regular, "1").with("files/var/lib/wiki/a", Regular, "2"),
            "twice",
        ),
    ];
    for (what, forged, told) in cases {
        let lab = Lab::new();
        forged.write(&lab);
        let message = refused(&lab, what);
        assert!(message.contains(told), "{what}: {message}");
        assert!(!lab.path("/etc/x").exists() && !lab.path("/etc/cron.d").exists(), "{what}");
    }
}

#[test]
fn no_archive_takes_more_memory_than_its_limits() {
    use backup::archive::{MEMBERS, PATH_LIMIT};
    use std::io::Read;
    // a name of 3 GB, which is a few hundred kB in the archive
    let endless = |lab: &Lab, kind: EntryType, length: u64| {
        let mut tar = Builder::new(zstd::Encoder::new(fs::File::create(lab.archive()).unwrap(), 1).unwrap());
        put(&mut tar, "MANIFEST.json", EntryType::Regular, &serde_json::to_vec(&forged().manifest).unwrap());
        let mut header = Header::new_gnu();
        header.set_path("././@LongLink").unwrap();
        header.set_entry_type(kind);
        header.set_size(length);
        header.set_cksum();
        tar.append(&header, std::io::repeat(b'x').take(length)).unwrap();
        put(&mut tar, "files/var/lib/wiki", EntryType::Directory, b"");
        tar.into_inner().unwrap().finish().unwrap();
    };
    let lab = Lab::new();
    for kind in [EntryType::GNULongName, EntryType::GNULongLink] {
        endless(&lab, kind, PATH_LIMIT as u64 + 2);
        assert!(refused(&lab, "a name").contains("longer than"));
    }
    let before = memory();
    for kind in [EntryType::GNULongName, EntryType::XHeader, EntryType::XGlobalHeader] {
        endless(&lab, kind, 3 << 30);
        refused(&lab, "an endless name");
    }
    assert!(memory() - before < 512 << 20, "the archive's names were read into memory");
    let mut many = forged().with("files/var/lib/wiki", EntryType::Directory, "");
    many.members
        .extend((0..MEMBERS).map(|n| (format!("files/var/lib/wiki/{n}"), EntryType::Regular, vec![])));
    many.write(&lab);
    assert!(refused(&lab, "many").contains("more than"));
}

/// The most memory that this process has ever had, in bytes (proc(5): VmHWM).
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
fn an_archive_that_is_exchanged_after_it_was_verified_writes_nothing_elsewhere() {
    use EntryType::{Directory, Regular, Symlink};
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().to_str().unwrap();
    let lab = Lab::new();
    let top = || forged().with("files/var/lib/wiki", Directory, "");
    let folder = || top().with("files/var/lib/wiki/out", Directory, "");
    folder().with("files/var/lib/wiki/out/x", Regular, "x").write(&lab);
    let before = lab.tree();
    let exchanged = || {
        let link = top().with("files/var/lib/wiki/out", Symlink, target);
        link.with("files/var/lib/wiki/out/x", Regular, "x").write(&lab);
    };
    let error = lab
        .restore_with(&mut |phase| {
            if phase == "extract" {
                exchanged()
            }
        })
        .unwrap_err();
    assert!(error.to_string().contains("changed while it was read"), "{error}");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    assert_eq!(lab.tree(), before);
}

#[test]
fn another_appliance_a_later_format_and_a_wrong_index_are_named() {
    let lab = Lab::new();
    let mut other = forged();
    other.manifest.appliance = "blog".into();
    other.write(&lab);
    assert!(refused(&lab, "other").contains("blog"));
    let mut later = forged();
    later.manifest.format = FORMAT + 1;
    later.write(&lab);
    assert!(refused(&lab, "later").contains("later release"));
    let mut wrong = forged().with("files/var/lib/wiki", EntryType::Directory, "");
    wrong.index = Some(Index::default());
    wrong.write(&lab);
    assert!(refused(&lab, "index").contains("altered or damaged"));
}
