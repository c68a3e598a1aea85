//! Writes a `.deb` in process: the same input gives the same bytes, on every run and machine.
//!
//! The tree comes from memory or from files that are streamed, so memory does not grow with their size.
//! `md5sums`, `conffiles` and `Installed-Size` are made as debhelper and dpkg-gencontrol make them. The result
//! appears under its name by a rename, whole or not at all.

mod control;
mod data;
mod plan;

use crate::{Error, Paragraph, Result, ar};
use std::{
    io::{self, Seek, Write},
    path::{Path, PathBuf},
};

/// Compressed data up to this size waits in memory while the control part is written, larger in a file.
const IN_MEMORY: usize = 4 << 20;

/// A package that is to be written.
#[derive(Debug, Clone)]
pub struct Deb {
    /// The control paragraph. `Package`, `Version`, `Architecture`, `Maintainer` and `Description` must be
    /// there; `Installed-Size` is filled in when it is not.
    pub control: Paragraph,
    /// Further members of the control part: maintainer scripts (0755), `templates`, `triggers`, ... (0644).
    /// A member `conffiles` replaces the list made from the regular files below `/etc`.
    pub members: Vec<Member>,
    /// What is installed, in any order. Folders on the way that are not named are made with mode 0755.
    pub files: Vec<Entry>,
    /// Time of every entry, in seconds since 1970: SOURCE_DATE_EPOCH.
    pub mtime: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub name: String,
    pub content: Vec<u8>,
    pub mode: u32,
}

/// Something that is installed.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where it comes to lie; `/usr/bin/x`, `usr/bin/x` and `./usr/bin/x` are the same.
    pub path: String,
    pub kind: Kind,
    /// Permissions, for example 0o644. Not used for symbolic links.
    pub mode: u32,
    /// One of the users and groups every Debian has (base-passwd).
    pub owner: String,
    pub group: String,
}

#[derive(Debug, Clone)]
pub enum Kind {
    File(Content),
    Dir,
    /// Where the link points to.
    Symlink(String),
}

#[derive(Debug, Clone)]
pub enum Content {
    Bytes(Vec<u8>),
    /// A file that is read while the package is written.
    Path(PathBuf),
}

impl Member {
    /// A maintainer script or another program.
    pub fn script(name: &str, content: impl Into<Vec<u8>>) -> Self {
        Member { name: name.into(), content: content.into(), mode: 0o755 }
    }
    pub fn file(name: &str, content: impl Into<Vec<u8>>) -> Self {
        Member { name: name.into(), content: content.into(), mode: 0o644 }
    }
}

impl Entry {
    pub fn new(path: impl Into<String>, kind: Kind, mode: u32) -> Self {
        Entry { path: path.into(), kind, mode, owner: "root".into(), group: "root".into() }
    }
    pub fn bytes(path: impl Into<String>, content: impl Into<Vec<u8>>, mode: u32) -> Self {
        Entry::new(path, Kind::File(Content::Bytes(content.into())), mode)
    }
    pub fn file(path: impl Into<String>, from: impl Into<PathBuf>, mode: u32) -> Self {
        Entry::new(path, Kind::File(Content::Path(from.into())), mode)
    }
    pub fn dir(path: impl Into<String>, mode: u32) -> Self {
        Entry::new(path, Kind::Dir, mode)
    }
    pub fn symlink(path: impl Into<String>, target: impl Into<String>) -> Self {
        Entry::new(path, Kind::Symlink(target.into()), 0o777)
    }
    pub fn owned_by(mut self, owner: &str, group: &str) -> Self {
        self.owner = owner.into();
        self.group = group.into();
        self
    }
}

impl Deb {
    pub fn new(control: Paragraph, mtime: u64) -> Self {
        Deb { control, members: vec![], files: vec![], mtime }
    }

    /// `NAME_VERSION_ARCHITECTURE.deb`, the version without its epoch. Fails when the control paragraph is
    /// not sound.
    pub fn file_name(&self) -> Result<String> {
        let identity = control::identity(self)?;
        Ok(format!("{}_{}_{}.deb", identity.package, identity.version.without_epoch(), identity.architecture))
    }

    /// Writes the package under its [`Deb::file_name`] into a folder, and says where it is.
    pub fn write_into(&self, folder: &Path) -> Result<PathBuf> {
        let path = folder.join(self.file_name()?);
        self.write(&path)?;
        Ok(path)
    }

    /// Writes the package; what was there under that path is replaced.
    pub fn write(&self, path: &Path) -> Result<()> {
        control::identity(self)?;
        let plan = plan::Plan::new(self)?;
        let failed = || Error::io("write the package", path);
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let spool = tempfile::SpooledTempFile::new_in(IN_MEMORY, folder);
        let (mut data, sums) = data::write(&plan, self.mtime, spool, path)?;
        let control = control::write(self, &plan, &sums).map_err(failed())?;
        let size = data.stream_position().map_err(failed())?;
        data.rewind().map_err(failed())?;
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        let mut file = tempfile::Builder::new()
            .prefix(".deb-")
            .permissions(permissions)
            .tempfile_in(folder)
            .map_err(failed())?;
        let members = [
            ("debian-binary", 4, &mut &b"2.0\n"[..] as &mut dyn io::Read),
            ("control.tar.xz", control.len() as u64, &mut control.as_slice()),
            ("data.tar.xz", size, &mut data),
        ];
        assemble(file.as_file_mut(), self.mtime, members).map_err(failed())?;
        file.persist(path).map_err(|e| failed()(e.error)).map(|_| ())
    }
}

fn assemble(
    out: &mut impl Write,
    mtime: u64,
    members: [(&str, u64, &mut dyn io::Read); 3],
) -> io::Result<()> {
    let mut out = io::BufWriter::new(out);
    out.write_all(ar::MAGIC)?;
    for (name, size, content) in members {
        out.write_all(&ar::header(name, mtime, size)?)?;
        io::copy(content, &mut out)?;
        if size % 2 == 1 {
            out.write_all(b"\n")?;
        }
    }
    out.flush()
}
