//! What goes into the data part: paths checked, parents added, sizes looked up.

use crate::{Deb, Entry, Error, Kind, Result, build::Content, tape};
use std::{collections::BTreeMap, fs};

/// The entries by path (without leading `./`; the root is the empty path), each with its size in bytes.
pub struct Plan<'a> {
    pub entries: BTreeMap<String, Planned<'a>>,
}

pub struct Planned<'a> {
    pub entry: Option<&'a Entry>,
    pub size: u64,
    pub owner: u32,
    pub group: u32,
}

/// The users and groups with a fixed number on every Debian (base-passwd); some are only one of the two.
const IDS: [(&str, u32); 21] = [
    ("root", 0),
    ("daemon", 1),
    ("bin", 2),
    ("sys", 3),
    ("adm", 4),
    ("tty", 5),
    ("disk", 6),
    ("lp", 7),
    ("mail", 8),
    ("news", 9),
    ("uucp", 10),
    ("man", 12),
    ("proxy", 13),
    ("www-data", 33),
    ("backup", 34),
    ("list", 38),
    ("src", 40),
    ("shadow", 42),
    ("utmp", 43),
    ("staff", 50),
    ("games", 60),
];
/// An octal field of eleven digits.
const LARGEST: u64 = (8 << 30) - 1;

impl<'a> Plan<'a> {
    pub fn new(deb: &'a Deb) -> Result<Self> {
        let package = deb.control.get("Package").unwrap_or("?");
        let error = |message: String| Error::Build { package: package.into(), message };
        let implied = || Planned { entry: None, size: 0, owner: 0, group: 0 };
        let mut entries = BTreeMap::from([(String::new(), implied())]);
        for entry in &deb.files {
            let path = normal(&entry.path).ok_or_else(|| {
                error(format!("`{}` is no path that can be installed", entry.path.escape_debug()))
            })?;
            if entry.mode & !0o7777 != 0 {
                return Err(error(format!("/{path}: {:o} are no permissions", entry.mode)));
            }
            let id = |name: &str| {
                IDS.iter().find(|(n, _)| *n == name).map(|(_, id)| *id).ok_or_else(|| {
                error(format!("/{path}: `{name}` does not exist on every Debian; create it and change the owner in postinst"))
            })
            };
            let planned = Planned {
                entry: Some(entry),
                size: size(entry)?,
                owner: id(&entry.owner)?,
                group: id(&entry.group)?,
            };
            if planned.size > LARGEST {
                return Err(error(format!("/{path}: files of 8 GiB and more do not fit into a package")));
            }
            for (at, _) in path.match_indices('/') {
                entries.entry(path[..at].to_string()).or_insert_with(implied);
            }
            match entries.insert(path.clone(), planned) {
                Some(Planned { entry: Some(_), .. }) => return Err(error(format!("/{path} is there twice"))),
                _ => continue,
            }
        }
        let plan = Plan { entries };
        plan.check_parents().map_err(error)?;
        Ok(plan)
    }

    /// Nothing lies below something that is no directory.
    fn check_parents(&self) -> Result<(), String> {
        for path in self.entries.keys() {
            let Some((parent, _)) = path.rsplit_once('/') else { continue };
            if !self.entries.get(parent).is_some_and(Planned::is_dir) {
                return Err(format!("/{path} lies below /{parent}, which is no directory"));
            }
        }
        Ok(())
    }

    /// Bytes of the tar archive, about: what the dictionary is sized by.
    pub fn tar_size(&self) -> u64 {
        self.entries.iter().map(|(path, e)| tape::entry_size(path, e.link(), e.size)).sum()
    }

    /// In KiB, as dpkg-gencontrol counts: files and links rounded up each, everything else 1.
    pub fn installed_size(&self) -> u64 {
        self.entries.values().map(|e| if e.is_dir() { 1 } else { e.disk_size().div_ceil(1024) }).sum()
    }

    /// Absolute paths of the regular files below `/etc`, one to a line.
    pub fn conffiles(&self) -> String {
        let files = self.entries.iter().filter(|(path, e)| path.starts_with("etc/") && e.is_file());
        files.map(|(path, _)| format!("/{path}\n")).collect()
    }
}

impl Planned<'_> {
    pub fn is_dir(&self) -> bool {
        matches!(self.entry, None | Some(Entry { kind: Kind::Dir, .. }))
    }
    pub fn is_file(&self) -> bool {
        matches!(self.entry, Some(Entry { kind: Kind::File(_), .. }))
    }
    /// The target of a symbolic link, else nothing.
    pub fn link(&self) -> &str {
        match self.entry {
            Some(Entry { kind: Kind::Symlink(target), .. }) => target,
            _ => "",
        }
    }
    fn disk_size(&self) -> u64 {
        self.size + self.link().len() as u64
    }
}

fn size(entry: &Entry) -> Result<u64> {
    match &entry.kind {
        Kind::File(Content::Bytes(bytes)) => Ok(bytes.len() as u64),
        Kind::File(Content::Path(path)) => match fs::metadata(path) {
            Ok(meta) if meta.is_file() => Ok(meta.len()),
            Ok(_) => Err(Error::io("pack", path)(std::io::Error::other("it is no regular file"))),
            Err(e) => Err(Error::io("read", path)(e)),
        },
        _ => Ok(0),
    }
}

/// The path without `./` or `/` in front; `None` when it leaves the root, is empty or cannot be listed.
fn normal(path: &str) -> Option<String> {
    let path = path.strip_prefix("./").unwrap_or(path).trim_start_matches('/').trim_end_matches('/');
    let sound = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(|c: char| c.is_control());
    path.split('/').all(sound).then(|| path.to_string())
}
