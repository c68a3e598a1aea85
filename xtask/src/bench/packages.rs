//! Building small packages: in process, against `dpkg-deb` with its defaults on the same trees.

use super::{Row, compare, timed};
use anyhow::{Context, Result};
use deb::{Deb, Entry, Kind, Paragraph};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

const ROUNDS: usize = 41;

pub fn run() -> Result<Vec<Row>> {
    println!("building small packages, {ROUNDS} times each way");
    let folder = tempfile::tempdir()?;
    let mut rows = vec![];
    for (name, files, size) in [("11 files", 8, 2_000), ("100 files", 97, 4_000)] {
        let tree = folder.path().join(name);
        plant(&tree, files, size)?;
        let ours = |round: usize| {
            timed(|| {
                let deb = read_tree(&tree)?;
                deb.write(&folder.path().join(format!("ours-{round}.deb")))?;
                Ok(())
            })
        };
        let theirs = |round: usize| {
            let out = folder.path().join(format!("theirs-{round}.deb"));
            let build = exec::Program::new("dpkg-deb").args(["--root-owner-group", "--build"]);
            let build = build.arg(&tree).arg(out).env("SOURCE_DATE_EPOCH", "1700000000");
            timed(|| build.run().map(|_| ()).context("dpkg-deb"))
        };
        rows.push(compare(&format!("build a package of {name}"), 0.15, ROUNDS, ours, theirs)?);
    }
    Ok(rows)
}

/// A tree such as an appliance's metapackage has, with text that compresses like text.
fn plant(tree: &Path, files: usize, size: usize) -> Result<()> {
    let control = Paragraph::new()
        .with("Package", "sample-appliance")
        .with("Version", "1.0")
        .with("Architecture", "all")
        .with("Maintainer", "Sample <sample@example.org>")
        .with("Description", "a package to measure with\nlonger");
    fs::create_dir_all(tree.join("DEBIAN"))?;
    fs::write(tree.join("DEBIAN/control"), control.to_string())?;
    fs::write(tree.join("DEBIAN/postinst"), "#!/bin/sh\nset -e\n")?;
    fs::set_permissions(tree.join("DEBIAN/postinst"), fs::Permissions::from_mode(0o755))?;
    let share = tree.join("usr/share/sample");
    fs::create_dir_all(&share)?;
    for file in 0..files {
        let lines =
            (0..size / 40).map(|line| format!("setting-{:x} = {:x}\n", line % 50, line * 7919 * (file + 1)));
        fs::write(share.join(format!("file-{file}")), lines.collect::<String>())?;
    }
    symlink("file-0", share.join("link"))?;
    Ok(())
}

fn read_tree(tree: &Path) -> Result<Deb> {
    let control = Paragraph::parse(&fs::read_to_string(tree.join("DEBIAN/control"))?)?;
    let mut deb = Deb::new(control, 1_700_000_000);
    deb.members.push(deb::Member::script("postinst", fs::read(tree.join("DEBIAN/postinst"))?));
    read_folder(tree, tree, &mut deb.files)?;
    Ok(deb)
}

fn read_folder(tree: &Path, folder: &Path, entries: &mut Vec<Entry>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let name = path.strip_prefix(tree)?.to_string_lossy().into_owned();
        if name == "DEBIAN" {
            continue;
        }
        let mode = entry.metadata()?.permissions().mode() & 0o7777;
        if kind.is_dir() {
            entries.push(Entry::new(name, Kind::Dir, mode));
            read_folder(tree, &path, entries)?;
        } else if kind.is_symlink() {
            entries.push(Entry::symlink(name, fs::read_link(&path)?.to_string_lossy()));
        } else {
            entries.push(Entry::file(name, path, mode));
        }
    }
    Ok(())
}
