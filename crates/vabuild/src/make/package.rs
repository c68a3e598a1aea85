//! Ordinary packages: a bundled application, or the project's own programs.

use super::{Error, Sources, archive, completion, control, maintainer, manual};
use appliance::{
    model::{Package, PackageFile},
    names,
};
use deb::{Deb, Entry, Member};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Before a source: a program of the folder given with `--programs`.
const PROGRAMS: &str = "{bin}/";

/// The package without its documents.
pub fn make(package: &Package, sources: &Sources) -> Result<Deb, Error> {
    let mut paragraph = control::of_package(package);
    if package.sysusers.is_some() && !package.depends.iter().any(|relation| relation.starts_with("systemd")) {
        let sysusers = "systemd | systemd-standalone-sysusers | systemd-sysusers";
        let depends: Vec<&str> = paragraph.get("Depends").into_iter().chain([sysusers]).collect();
        paragraph.set("Depends", depends.join(", "));
    }
    let mut deb = Deb::new(paragraph, sources.date);
    for file in &package.files {
        add(&mut deb.files, file, package, sources)?;
    }
    for one in &package.archives {
        deb.files.extend(archive::entries(one, &sources.archive(one)?)?);
    }
    for unit in &package.units {
        let (source, _) = sources.folder.file(&unit.source)?;
        let path = format!("/usr/lib/systemd/system/{}", maintainer::unit_name(unit)?);
        deb.files.push(Entry::file(path, source, 0o644));
    }
    for (place, file) in [("sysusers.d", &package.sysusers), ("tmpfiles.d", &package.tmpfiles)] {
        if let Some(file) = file {
            let (source, _) = sources.folder.file(file)?;
            deb.files.push(Entry::file(
                format!("/usr/lib/{place}/{}", maintainer::conf_name(package)),
                source,
                0o644,
            ));
        }
    }
    let links =
        package.links.iter().map(|link| Entry::symlink(&link.path, link_target(&link.path, &link.target)));
    deb.files.extend(links);
    let tags = package.lintian.iter().map(|entry| (entry.tag.as_str(), entry.reason.as_str()));
    deb.files.extend(control::overrides(&package.name, tags));
    deb.members = maintainer::scripts(package)?;
    if !package.triggers.is_empty() {
        deb.members.push(Member::file("triggers", package.triggers.join("\n") + "\n"));
    }
    Ok(deb)
}

/// A file, or a folder with all that is in it.
fn add(
    entries: &mut Vec<Entry>,
    file: &PackageFile,
    package: &Package,
    sources: &Sources,
) -> Result<(), Error> {
    let mode = match &file.mode {
        Some(text) => {
            Some(names::mode(text).map_err(|m| Error::Definition(format!("{}: {}", file.path, m.message)))?)
        }
        None => None,
    };
    if let Some(program) = file.source.strip_prefix(PROGRAMS) {
        let source = sources.program(program)?;
        let title = file.path.rsplit('/').next().unwrap_or_default();
        entries.push(match (section(&file.path), completion::shell(&file.path)) {
            (Some(_), _) => {
                let page = manual::page(&source, title, &format!("{} {}", package.name, package.version))?;
                Entry::bytes(format!("{}.gz", file.path), control::gzip(&page), 0o644)
            }
            (_, Some(shell)) => Entry::bytes(&file.path, completion::script(&source, shell)?, 0o644),
            _ => Entry::file(&file.path, source, mode.unwrap_or(0o755)),
        });
        return Ok(());
    }
    let source =
        sources.folder.locate(&file.source).map_err(|e| Error::io("find", Path::new(&file.source), e))?;
    if !source.is_dir() {
        return add_file(entries, &source, &file.path, mode);
    }
    for (below, source) in walk(&source)? {
        add_file(entries, &source, &format!("{}/{below}", file.path), mode)?;
    }
    Ok(())
}

fn add_file(entries: &mut Vec<Entry>, source: &Path, path: &str, mode: Option<u32>) -> Result<(), Error> {
    let found = fs::metadata(source).map_err(|e| Error::io("look at", source, e))?;
    let executable = found.permissions().mode() & 0o111 != 0;
    let mode = mode.unwrap_or(if executable { 0o755 } else { 0o644 });
    entries.push(match section(path) {
        Some(_) => {
            let page = fs::read(source).map_err(|e| Error::io("read", source, e))?;
            Entry::bytes(format!("{path}.gz"), control::gzip(&page), 0o644)
        }
        None => Entry::file(path, source, mode),
    });
    Ok(())
}

/// The section of a manual page that is to be compressed (Policy 12.1).
fn section(path: &str) -> Option<char> {
    let file = path.strip_prefix("/usr/share/man/")?;
    let (_, section) = file.rsplit_once('.')?;
    let mut chars = section.chars();
    chars.next().filter(|c| ('1'..='9').contains(c) && chars.next().is_none())
}

/// Regular files below a folder in the order of their names, with their paths from there. Links are followed by
/// nobody: one that is met is an error.
fn walk(root: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let mut found = vec![];
    let mut folders = vec![(String::new(), root.to_path_buf())];
    while let Some((below, folder)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|e| Error::io("read the folder", &folder, e))? {
            let entry = entry.map_err(|e| Error::io("read the folder", &folder, e))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(|e| Error::io("look at", &path, e))?;
            let name = entry.file_name();
            let name = name
                .to_str()
                .ok_or_else(|| Error::Definition(format!("{}: a name that is no UTF-8", path.display())))?;
            let below = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
            if kind.is_dir() {
                folders.push((below, path));
            } else if kind.is_file() {
                found.push((below, path));
            } else {
                return Err(Error::Definition(format!(
                    "{}: neither a file nor a folder; links are written as [[package.link]]",
                    path.display()
                )));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Links inside one top folder are relative, all others absolute (Policy 10.5).
fn link_target(path: &str, target: &str) -> String {
    if !target.starts_with('/') {
        return target.to_owned();
    }
    let split = |path: &str| path.split('/').filter(|s| !s.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (mut from, to) = (split(path), split(target));
    from.pop();
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    if shared == 0 {
        return target.to_owned();
    }
    let up = std::iter::repeat_n("..".to_owned(), from.len() - shared);
    up.chain(to[shared..].iter().cloned()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_follow_the_policy() {
        for (path, target, expect) in [
            ("/usr/bin/moin", "/usr/lib/moin/bin/moin", "../lib/moin/bin/moin"),
            ("/usr/lib/a/b", "/usr/lib/a/c", "c"),
            ("/usr/share/x", "/etc/x", "/etc/x"),
            ("/usr/share/x", "y", "y"),
        ] {
            assert_eq!(link_target(path, target), expect);
        }
    }

    #[test]
    fn manual_pages_are_known_by_their_place() {
        assert_eq!(section("/usr/share/man/man1/vabuild.1"), Some('1'));
        for path in ["/usr/share/man/man1/vabuild.1.gz", "/usr/share/doc/x.1", "/usr/share/man/man1/README"] {
            assert_eq!(section(path), None);
        }
    }
}
