//! Configuration files (Debian Policy 10.7): those that the owner has changed, which an update leaves alone, and the new
//! versions that dpkg and ucf then put beside them.

use crate::{Error, name};
use exec::Program;
use md5::{Digest, Md5};
use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags},
    process::{Gid, Uid},
};
use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// What dpkg and ucf call a new version that was not taken.
const NEW: &[&str] = &[".dpkg-dist", ".ucf-dist"];
/// Bytes of a file that is looked at, all or nothing: what is not seen is not decided on.
const LIMIT: u64 = 4 << 20;
/// Folders below each other that are searched.
const DEPTH: usize = 12;

/// A configuration file of a package that is not as the package brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    pub package: String,
    pub path: String,
    /// It is not there any more; dpkg does not bring it back.
    pub removed: bool,
}

/// A new version that lies beside the file in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The file in use.
    pub path: PathBuf,
    pub new: PathBuf,
    /// Seconds since 1970 when it was put there.
    pub since: u64,
}

/// The configuration files of these packages that the owner has changed. Those that ucf manages are not among them: nobody knows
/// before a package's script runs.
pub fn changed(packages: &[String]) -> Result<Vec<Changed>, Error> {
    name::check(packages)?;
    if packages.is_empty() {
        return Ok(vec![]);
    }
    let program = Program::new("dpkg-query").args(["-W", "-f", "${binary:Package}\n${Conffiles}\n", "--"]);
    // one that is not installed is told on standard error, and has none
    Ok(listed(&program.args(packages).output()?.text()).into_iter().filter_map(compare).collect())
}

/// Package, path and MD5 sum of each; obsolete ones, which the package has no more, are left out.
fn listed(text: &str) -> Vec<(String, String, String)> {
    let (mut package, mut found) = (String::new(), vec![]);
    for line in text.lines() {
        match line.strip_prefix(' ') {
            None if !line.is_empty() => package = line.to_owned(),
            None => {}
            Some(rest) => {
                let mut words = rest.rsplitn(2, ' ');
                if let (Some(sum), Some(path)) = (words.next(), words.next())
                    && sum.len() == 32
                {
                    found.push((package.clone(), path.to_owned(), sum.to_owned()));
                }
            }
        }
    }
    found
}

/// dpkg follows a link that the owner has put in the place of a file.
fn compare((package, path, sum): (String, String, String)) -> Option<Changed> {
    match content(Path::new(&path), OFlags::empty()) {
        Ok(bytes) => {
            let is: String = Md5::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
            (is != sum).then_some(Changed { package, path, removed: false })
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Some(Changed { package, path, removed: true }),
        // too large, or no file: not as the package brought it
        Err(e) if matches!(e.kind(), io::ErrorKind::FileTooLarge | io::ErrorKind::InvalidInput) => {
            Some(Changed { package, path, removed: false })
        }
        Err(_) => None,
    }
}

/// Every new version that waits below this folder (`/etc`), by path.
pub fn kept(folder: &Path) -> Vec<Kept> {
    let mut found = vec![];
    search(folder, DEPTH, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn search(folder: &Path, depth: usize, found: &mut Vec<Kept>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let path = entry.path();
        if kind.is_dir() && depth > 0 {
            search(&path, depth - 1, found);
        } else if kind.is_file()
            && let Some(name) = path.file_name().and_then(|n| n.to_str())
            && let Some(plain) = NEW.iter().find_map(|end| name.strip_suffix(end))
            && let Ok(data) = entry.metadata()
        {
            let since = u64::try_from(data.ctime()).unwrap_or(0);
            found.push(Kept { path: path.with_file_name(plain), new: path, since });
        }
    }
}

/// What would change in the file in use, as `diff -u` shows it; at most `limit` bytes. None for what is no text.
pub fn difference(old: &[u8], new: &[u8], limit: usize) -> Option<String> {
    let (old, new) = (std::str::from_utf8(old).ok()?, std::str::from_utf8(new).ok()?);
    let diff = similar::TextDiff::from_lines(old, new);
    let mut text = diff.unified_diff().context_radius(3).header("in use", "new").to_string();
    if text.len() > limit {
        let end = (0..=limit).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        text.truncate(text[..end].rfind('\n').map_or(0, |i| i + 1));
        text.push_str("[the difference is longer than this]\n");
    }
    Some(text)
}

/// The file's content; empty when it is not there. A link is not followed.
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    match content(path, OFlags::NOFOLLOW) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(vec![]),
        other => other.map_err(|source| Error::File { operation: "read", path: path.into(), source }),
    }
}

/// All of a regular file. Some of these folders belong to services: a pipe in a file's place would be waited at for ever, and a
/// device has no end.
fn content(path: &Path, flags: OFlags) -> io::Result<Vec<u8>> {
    let flags = flags | OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let data = file.metadata()?;
    if !data.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let mut bytes = vec![];
    file.take(LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is too large for a configuration file"));
    }
    Ok(bytes)
}

impl Kept {
    /// Puts the new version in use, with owner and mode of the one in use, which stays beside it as `FILE.dpkg-old`.
    pub fn adopt(&self) -> Result<(), Error> {
        self.safe()?;
        let failed = |operation, path: &Path| {
            let path = path.to_owned();
            move |e: rustix::io::Errno| Error::File { operation, path, source: e.into() }
        };
        if let Ok(used) = fs::symlink_metadata(&self.path) {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let new = rustix::fs::open(&self.new, flags, Mode::empty()).map_err(failed("open", &self.new))?;
            let (owner, group) = (Uid::from_raw(used.uid()), Gid::from_raw(used.gid()));
            rustix::fs::fchown(&new, Some(owner), Some(group)).map_err(failed("change", &self.new))?;
            rustix::fs::fchmod(&new, Mode::from_raw_mode(used.mode()))
                .map_err(failed("change", &self.new))?;
            let old = with_end(&self.path, ".dpkg-old");
            let _ = fs::remove_file(&old);
            rustix::fs::linkat(CWD, &self.path, CWD, &old, AtFlags::empty())
                .map_err(failed("keep", &self.path))?;
        }
        fs::rename(&self.new, &self.path).map_err(|source| Error::File {
            operation: "replace",
            path: self.path.clone(),
            source,
        })
    }

    /// Decides for the one in use: the new version goes.
    pub fn keep(&self) -> Result<(), Error> {
        self.safe()?;
        fs::remove_file(&self.new).map_err(|source| Error::File {
            operation: "remove",
            path: self.new.clone(),
            source,
        })
    }

    /// Only in a folder that nobody but root can change: anybody else could put another file there meanwhile.
    fn safe(&self) -> Result<(), Error> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        for above in folder.ancestors() {
            let failed = |source| Error::File { operation: "look at", path: above.into(), source };
            let data = fs::symlink_metadata(above).map_err(failed)?;
            let open = data.mode() & 0o022 != 0 && data.mode() & 0o1000 == 0;
            if !data.is_dir() || data.uid() != rustix::process::geteuid().as_raw() && data.uid() != 0 || open
            {
                let why = "others than root can change this folder; do it by hand";
                return Err(failed(io::Error::new(io::ErrorKind::PermissionDenied, why)));
            }
        }
        Ok(())
    }
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(end);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn dpkgs_list_is_read_and_compared() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(path("same"), "abc").unwrap();
        fs::write(path("with space"), "changed").unwrap();
        let abc = "900150983cd24fb0d6963f7d28e17f72";
        let text = format!(
            "one\n {} {abc}\n {} {abc}\n\ntwo:i386\n {} {abc}\n {} {abc} obsolete\n\nthree\n\n",
            path("same"),
            path("with space"),
            path("gone"),
            path("old")
        );
        let found: Vec<Changed> = listed(&text).into_iter().filter_map(compare).collect();
        let changed = |package: &str, name: &str, removed| Changed {
            package: package.into(),
            path: path(name),
            removed,
        };
        assert_eq!(found, [changed("one", "with space", false), changed("two:i386", "gone", true)]);
    }

    #[test]
    fn a_new_version_is_adopted_or_goes() {
        let folder = tempfile::tempdir_in("/root").or_else(|_| tempfile::tempdir()).unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).ok();
        fs::create_dir(folder.path().join("sub")).unwrap();
        for (name, text) in [
            ("a", "mine\n"),
            ("a.dpkg-dist", "new\n"),
            ("sub/b", "x"),
            ("sub/b.ucf-dist", "y"),
            ("c.dpkg-old", ""),
        ] {
            write(name, text);
        }
        fs::set_permissions(folder.path().join("a"), PermissionsExt::from_mode(0o640)).unwrap();
        let found = kept(folder.path());
        assert_eq!(found.len(), 2);
        assert!(difference(b"mine\n", b"new\n", 1000).unwrap().contains("-mine\n+new\n"));
        found[0].adopt().unwrap();
        assert_eq!((read("a").as_deref(), read("a.dpkg-old").as_deref()), (Some("new\n"), Some("mine\n")));
        assert_eq!(fs::metadata(folder.path().join("a")).unwrap().mode() & 0o777, 0o640);
        found[1].keep().unwrap();
        assert_eq!((read("sub/b").as_deref(), read("sub/b.ucf-dist")), (Some("x"), None));
        assert!(kept(folder.path()).is_empty());

        write("a.dpkg-dist", "later");
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).unwrap();
        let open = kept(folder.path());
        assert!(open[0].adopt().is_err() && read("a").as_deref() == Some("new\n"));
    }

    #[test]
    fn what_is_no_file_or_has_no_end_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        Program::new("mkfifo").arg(&path).run().unwrap();
        assert!(read(&path).is_err());
        let conffile = |path: &Path| compare(("a".into(), path.display().to_string(), "0".repeat(32)));
        assert!(!conffile(&path).unwrap().removed);
        std::os::unix::fs::symlink("/dev/zero", folder.path().join("zero")).unwrap();
        assert!(
            conffile(&folder.path().join("zero")).is_some() && read(&folder.path().join("zero")).is_err()
        );
        let large = folder.path().join("large");
        File::create(&large).unwrap().set_len(LIMIT + 1).unwrap();
        assert!(read(&large).is_err() && conffile(&large).is_some());
        assert!(read(&folder.path().join("none")).unwrap().is_empty());
    }

    #[test]
    fn a_long_difference_is_cut_and_says_so() {
        let new: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        let text = difference(b"", new.as_bytes(), 500).unwrap();
        assert!(text.len() < 600 && text.ends_with("longer than this]\n"));
        assert_eq!(difference(&[0xff], b"", 10), None);
    }
}
