//! What a downloaded package says of itself before it is installed: its changelog, its news, its configuration files.

use crate::Error;
use exec::Program;
use flate2::read::GzDecoder;
use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::Stdio,
};

/// Where apt keeps what it has downloaded.
pub const ARCHIVES: &str = "/var/cache/apt/archives";
/// Bytes of one file that are read, unpacked.
const LIMIT: u64 = 1 << 20;

/// The file of a package that was downloaded; None when it was not.
pub fn downloaded(folder: &Path, name: &str, version: &str) -> Option<PathBuf> {
    // apt writes a colon as %3a in file names
    let name = name.split(':').next().unwrap_or(name);
    let begin = format!("{name}_{}_", version.replace(':', "%3a"));
    let entries = fs::read_dir(folder).ok()?.flatten().map(|e| e.path());
    entries.into_iter().find(|path| {
        path.file_name()
            .and_then(|n| n.to_str())
            .is_some_and(|n| n.starts_with(&begin) && n.ends_with(".deb"))
    })
}

/// Those files of a package whose path (`/etc/x`) is wanted.
pub fn files(deb: &Path, wanted: impl Fn(&str) -> bool) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let failed = |source| Error::File { operation: "read", path: deb.into(), source };
    let program = Program::new("dpkg-deb").arg("--fsys-tarfile").arg(deb);
    let mut child = program.spawn(Stdio::piped(), Stdio::null())?;
    let mut found = BTreeMap::new();
    let mut read = || -> std::io::Result<()> {
        let Some(output) = child.stdout.take() else { return Ok(()) };
        for entry in tar::Archive::new(output).entries()? {
            let entry = entry?;
            let path = format!("/{}", entry.path()?.display().to_string().trim_start_matches("./"));
            if entry.header().entry_type().is_file() && wanted(&path) {
                let mut bytes = vec![];
                entry.take(LIMIT).read_to_end(&mut bytes)?;
                found.insert(path, bytes);
            }
        }
        Ok(())
    };
    let done = read();
    // an archive that was left in the middle leaves dpkg-deb writing to nobody
    let _ = child.kill();
    child.wait().map_err(failed)?;
    done.map_err(failed)?;
    Ok(found)
}

/// Whether a path is that of a package's changelog or news.
pub fn is_documentation(path: &str) -> bool {
    path.strip_prefix("/usr/share/doc/").and_then(|p| p.split_once('/')).is_some_and(|(_, file)| {
        file.starts_with("changelog.Debian") || file == "changelog.gz" || file.starts_with("NEWS.Debian")
    })
}

/// What a package's files say about it: the changelog and the news, each since the installed version.
pub fn since(files: &BTreeMap<String, Vec<u8>>, installed: Option<&str>) -> (String, String) {
    let text = |wanted: &[&str]| {
        let found = wanted
            .iter()
            .find_map(|w| files.iter().find(|(p, _)| p.rsplit('/').next().is_some_and(|n| n.starts_with(w))));
        found.map(|(path, bytes)| newer(&unpacked(path, bytes), installed)).unwrap_or_default()
    };
    (text(&["changelog.Debian", "changelog.gz"]), text(&["NEWS.Debian"]))
}

fn unpacked(path: &str, bytes: &[u8]) -> String {
    let mut plain = vec![];
    if path.ends_with(".gz") {
        // what can be unpacked of it is worth showing
        let _ = GzDecoder::new(bytes).take(LIMIT).read_to_end(&mut plain);
    } else {
        plain = bytes.to_vec();
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// The entries above the one of the installed version (deb-changelog(5)); the newest alone when that one is not there.
fn newer(changelog: &str, installed: Option<&str>) -> String {
    let version = |line: &str| -> Option<String> {
        let rest = line.split_once(" (")?.1;
        (!line.starts_with(' ')).then(|| rest.split(')').next().unwrap_or_default().to_owned())
    };
    let heads: Vec<(usize, String)> =
        changelog.lines().enumerate().filter_map(|(at, line)| Some((at, version(line)?))).collect();
    let at = heads.iter().find(|(_, v)| Some(v.as_str()) == installed).or(heads.get(1)).map(|(at, _)| *at);
    let lines = changelog.lines().take(at.unwrap_or(usize::MAX));
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGELOG: &str = "a (1.2) stable; urgency=low\n\n  * Third (see 1.1).\n\n -- X\n\na (1.1) stable; urgency=low\n\n  * Second.\n\n -- X\n\na (1.0) stable; urgency=low\n\n  * First.\n\n -- X\n";

    #[test]
    fn a_changelog_is_cut_at_the_installed_version() {
        let has = |installed, words: [bool; 3]| {
            let text = newer(CHANGELOG, installed);
            assert_eq!(["Third", "Second", "First"].map(|w| text.contains(w)), words, "{installed:?}");
        };
        has(Some("1.1"), [true, false, false]);
        has(Some("1.0"), [true, true, false]);
        has(Some("0.9"), [true, false, false]);
        has(None, [true, false, false]);
        assert_eq!(newer("", None), "");
    }

    #[test]
    fn files_are_read_from_a_package_that_dpkg_made() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        for (path, text) in [
            (
                "DEBIAN/control",
                "Package: a\nVersion: 1:1.2\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: x\n",
            ),
            ("etc/a.conf", "new\n"),
            ("usr/share/doc/a/changelog.Debian", CHANGELOG),
            ("usr/share/a/large", "not wanted"),
        ] {
            fs::create_dir_all(tree.join(path).parent().unwrap()).unwrap();
            fs::write(tree.join(path), text).unwrap();
        }
        let deb = folder.path().join("a_1%3a1.2_all.deb");
        Program::new("dpkg-deb").args(["--root-owner-group", "-b"]).arg(&tree).arg(&deb).run().unwrap();
        assert_eq!(downloaded(folder.path(), "a:amd64", "1:1.2").as_ref(), Some(&deb));
        assert_eq!(downloaded(folder.path(), "a", "1:1.3"), None);
        let files = files(&deb, |path| path == "/etc/a.conf" || is_documentation(path)).unwrap();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["/etc/a.conf", "/usr/share/doc/a/changelog.Debian"]);
        assert!(since(&files, Some("1.1")).0.contains("Third"));
        fs::write(&deb, "broken").unwrap();
        assert!(super::files(&deb, |_| true).map_or(true, |f| f.is_empty()));
    }
}
