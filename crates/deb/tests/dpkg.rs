//! What this crate writes, dpkg-deb reads, and the other way round.

use deb::{Deb, Entry, Kind, Member, Paragraph, build::Content};
use proptest::prelude::*;
use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path};

const MTIME: u64 = 1_700_000_000;

fn paragraph() -> Paragraph {
    Paragraph::new()
        .with("Package", "sample")
        .with("Version", "1:2.0-1")
        .with("Architecture", "all")
        .with("Maintainer", "A B <a@example.org>")
        .with("Depends", "libc6 (>= 2.36) | musl")
        .with("Description", "short\nlong\n\nend")
}

fn dpkg_deb(args: &[&str]) -> String {
    exec::Program::new("dpkg-deb").args(args).run().expect("dpkg-deb").text()
}

#[test]
fn dpkg_deb_shows_what_was_put_in() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("big"), vec![7; 3 << 20]).unwrap();
    let long = format!("usr/share/{}/{}", "d".repeat(90), "f".repeat(90));
    let mut deb = Deb::new(paragraph(), MTIME);
    deb.members = vec![Member::script("postinst", "#!/bin/sh\n"), Member::file("seeds", "{}")];
    deb.files = vec![
        Entry::file("/usr/lib/sample/big", folder.path().join("big"), 0o755),
        Entry::bytes("./etc/sample.conf", "a=1\n", 0o640).owned_by("root", "adm"),
        Entry::symlink("usr/bin/sample", "../lib/sample/big"),
        Entry::symlink("usr/bin/far", "x".repeat(150)),
        Entry::dir("/var/lib/sample", 0o700),
        Entry::bytes(&long, "long", 0o644),
    ];
    let path = deb.write_into(folder.path()).unwrap();
    assert!(path.ends_with("sample_2.0-1_all.deb"));
    let path = path.to_str().unwrap();

    assert_eq!(
        dpkg_deb(&["-f", path, "Version", "Installed-Size"]),
        "Version: 1:2.0-1\nInstalled-Size: 3087\n"
    );
    assert_eq!(dpkg_deb(&["-f", path, "Description"]), "short\n long\n .\n end\n");
    assert_eq!(dpkg_deb(&["-I", path, "conffiles"]), "/etc/sample.conf\n");
    assert_eq!(dpkg_deb(&["-I", path, "seeds"]), "{}");
    let list = dpkg_deb(&["-c", path]);
    let has = |start: &str, end: &str| {
        assert!(
            list.lines().any(|l| l.starts_with(start) && l.ends_with(end)),
            "{start} … {end} in:\n{list}"
        );
    };
    has("drwxr-xr-x root/root ", " ./");
    has("drwx------ root/root ", " ./var/lib/sample/");
    has("-rw-r----- root/adm ", "2023-11-14 22:13 ./etc/sample.conf");
    has("lrwxrwxrwx root/root ", " ./usr/bin/sample -> ../lib/sample/big");
    has("-rw-r--r-- root/root ", &format!(" ./{long}"));

    let out = folder.path().join("out");
    dpkg_deb(&["-R", path, out.to_str().unwrap()]);
    assert_eq!(fs::read(out.join("usr/lib/sample/big")).unwrap(), vec![7; 3 << 20]);
    assert_eq!(fs::read_link(out.join("usr/bin/far")).unwrap(), Path::new(&"x".repeat(150)));
    assert_eq!(fs::metadata(out.join("DEBIAN/postinst")).unwrap().permissions().mode() & 0o777, 0o755);
    exec::Program::new("md5sum").args(["-c", "DEBIAN/md5sums"]).dir(&out).run().unwrap();
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let entries: Vec<_> =
        (0..40).map(|i| Entry::bytes(format!("usr/share/s/{i}"), vec![i; 9000], 0o644)).collect();
    let build = |files: Vec<Entry>, name: &str| {
        let path = folder.path().join(name);
        Deb { files, ..Deb::new(paragraph(), MTIME) }.write(&path).unwrap();
        fs::read(path).unwrap()
    };
    let first = build(entries.clone(), "a");
    assert_eq!(first, build(entries.into_iter().rev().collect(), "b"));
}

#[test]
fn contradictions_are_refused_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let check = |change: &dyn Fn(&mut Deb), expect: &str| {
        let mut deb = Deb::new(paragraph(), MTIME);
        change(&mut deb);
        let error = deb.write(&folder.path().join("x.deb")).unwrap_err();
        assert!(error.to_string().contains(expect), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    };
    let file = |path: &str| Entry::bytes(path, "x", 0o644);
    check(&|d| d.files = vec![file("a/../b")], "no path that can be installed");
    check(&|d| d.files = vec![file("/")], "no path");
    check(&|d| d.files = vec![file("a"), file("/a")], "/a is there twice");
    check(&|d| d.files = vec![file("a/b"), file("a")], "/a/b lies below /a, which is no directory");
    check(&|d| d.files = vec![file("a-b"), file("a"), file("a/b")], "/a/b lies below /a");
    check(&|d| d.files = vec![file("a").owned_by("nobody-here", "root")], "does not exist on every Debian");
    check(&|d| d.files = vec![Entry::file("a", "/no/such", 0o644)], "/no/such");
    check(&|d| d.files = vec![Entry::file("a", "/etc", 0o644)], "cannot pack /etc");
    check(&|d| d.members = vec![Member::file("control", "x")], "made, not given");
    check(&|d| d.members = vec![Member::file("../x", "x")], "no name for a member");
    check(&|d| drop(d.control.remove("Maintainer")), "the field Maintainer is missing");
    check(
        &|d| {
            d.control.set("Depends", "a b c");
        },
        "Depends:",
    );
    check(
        &|d| {
            d.control.set("Version", "x/../y");
        },
        "no version",
    );
}

#[test]
fn packages_of_dpkg_deb_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir_all(tree.join("DEBIAN")).unwrap();
    fs::write(tree.join("DEBIAN/control"), paragraph().to_string()).unwrap();
    fs::write(tree.join("DEBIAN/seeds"), "answers").unwrap();
    for compression in ["xz", "gzip", "zstd", "none"] {
        let path = folder.path().join(compression);
        let (tree, out) = (tree.to_str().unwrap(), path.to_str().unwrap());
        dpkg_deb(&[
            "--root-owner-group",
            &format!("-Z{compression}"),
            "--uniform-compression",
            "--build",
            tree,
            out,
        ]);
        let control = deb::read::control_of(&path, &["seeds", "none"]).unwrap();
        assert_eq!(control.paragraph, paragraph(), "{compression}");
        assert_eq!(control.members, [Member::file("seeds", "answers")]);
    }
}

#[test]
fn damaged_packages_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = Deb::new(paragraph(), MTIME).write_into(folder.path()).unwrap();
    let whole = fs::read(&path).unwrap();
    for cut in [0, 7, 30, 70, 100, 150, 400, whole.len() - 1] {
        fs::write(&path, &whole[..cut.min(whole.len() - 1)]).unwrap();
        let error = deb::read::control_of(&path, &[]).unwrap_err().to_string();
        assert!(error.contains("sample_2.0-1_all.deb: not a sound Debian package"), "{cut}: {error}");
    }
    fs::write(&path, [whole.as_slice(), b"more"].concat()).unwrap();
    assert!(deb::read::control_of(&path, &[]).unwrap_err().to_string().contains("something follows"));

    let mut large = paragraph();
    large.set("Description", format!("large\n{}", "many words\n".repeat(100_000)));
    let path = Deb::new(large, MTIME).write_into(folder.path()).unwrap();
    let error = deb::read::control_of(&path, &[]).unwrap_err().to_string();
    assert!(error.contains("its control file is larger than 1 MiB"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_tree_comes_out_as_it_went_in(files in prop::collection::btree_map("[a-z]{1,4}(/[a-z.+-]{3,120}){1,2}", prop::collection::vec(any::<u8>(), 0..2000), 0..8)) {
        let folder = tempfile::tempdir().unwrap();
        let mut deb = Deb::new(paragraph(), MTIME);
        deb.files = files.iter().map(|(p, c)| Entry::new(p.clone(), Kind::File(Content::Bytes(c.clone())), 0o644)).collect();
        let Ok(path) = deb.write_into(folder.path()) else { return Ok(()) };
        let out = folder.path().join("out");
        dpkg_deb(&["-x", path.to_str().unwrap(), out.to_str().unwrap()]);
        let back: BTreeMap<_, _> = files.keys().map(|p| (p.clone(), fs::read(out.join(p)).unwrap())).collect();
        prop_assert_eq!(back, files);
    }

    #[test]
    fn a_changed_byte_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = Deb::new(paragraph(), MTIME).write_into(folder.path()).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        fs::write(&path, bytes).unwrap();
        if let Ok(control) = deb::read::control_of(&path, &[]) {
            prop_assert!(control.paragraph.get("Package").is_some());
        }
    }
}
