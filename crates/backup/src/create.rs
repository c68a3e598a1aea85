//! Making a backup.

use crate::{
    Error, Result, Work,
    archive::{FILES, FORMAT, INDEX, Index, MANIFEST, MEMBERS, META_LIMIT, Manifest},
    journal::{Held, Journal},
    quiesce,
};
use configure::accounts::Accounts;
use events::Kind;
use rustix::fs::{Mode, OFlags};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs::{self, File, Metadata},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Component, Path, PathBuf},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

type Tar = tar::Builder<zstd::Encoder<'static, File>>;

/// What is written, and what is known about it so far.
struct Writer<'a, 'b> {
    work: &'a mut Work<'b>,
    tar: Tar,
    index: Index,
    accounts: Accounts,
    exclude: Vec<PathBuf>,
    /// The folder that holds the path being saved: root's own.
    top: PathBuf,
    total: u64,
    told: Instant,
}

/// Writes the archive to `target`, whole or not at all. The quiesced units run again when this returns.
pub fn create(work: &mut Work, target: &Path) -> Result<u64> {
    let paths = work.paths()?;
    let (held, repaired) = Held::take(work.machine, work.name(), work.services)?;
    if repaired {
        (work.tell)(Kind::Warning { message: "an interrupted run was repaired first".into() });
    }
    let quiesce = work.installed.definition.backup.as_ref().map(|b| b.quiesce.clone()).unwrap_or_default();
    let part = target.with_file_name(format!(".{}.part", target.file_name().unwrap_or_default().display()));
    let _ = fs::remove_file(&part);
    let file = File::options().write(true).create_new(true).mode(0o600).open(&part);
    let file = file.map_err(Error::io("write", target))?;
    let units = quiesce::active(work.services, &quiesce)?;
    work.phase("quiesce", "Holding the application still", 1, 3);
    held.write(&Journal { units: units.clone(), ..Journal::default() })?;
    let written = quiesce::stop_all(work.services, &units).and_then(|()| write(work, &paths, &part, file));
    // first the units, then whatever there is to complain about
    let started = quiesce::start_all(work.services, &units);
    let started = started.and_then(|()| held.clear());
    let done = written.and_then(|size| started.map(|()| size));
    let done = done.and_then(|size| {
        fs::rename(&part, target).map_err(Error::io("write", target))?;
        crate::journal::sync_folder_of(target).map(|()| size)
    });
    if done.is_err() {
        let _ = fs::remove_file(&part);
    }
    done
}

fn write(work: &mut Work, paths: &[String], part: &Path, file: File) -> Result<u64> {
    work.phase("measure", "Looking at what there is", 2, 3);
    let exclude = work.installed.definition.backup.iter().flat_map(|b| &b.exclude);
    let exclude: Vec<PathBuf> = exclude.map(|p| work.machine.path(p)).collect();
    let mut total = 0;
    for path in paths {
        each(&work.machine.path(path), &exclude, &mut |_, stat| {
            total += if stat.is_file() { stat.len() } else { 0 };
            Ok(())
        })?;
    }
    work.phase("save", "Saving", 3, 3);
    let mut zstd = zstd::Encoder::new(file, 3).map_err(Error::io("write", part))?;
    zstd.include_checksum(true).map_err(Error::io("write", part))?;
    let accounts = Accounts::read(work.machine)?;
    let tar = tar::Builder::new(zstd);
    let mut writer = Writer {
        work,
        tar,
        index: Index::default(),
        accounts,
        exclude,
        top: PathBuf::new(),
        total,
        told: Instant::now(),
    };
    writer.all(paths).map_err(|e| match e {
        // it is the archive that found no room, not the file that was read
        Error::DiskFull { operation: "save", .. } => {
            Error::DiskFull { operation: "write", path: part.into() }
        }
        e => e,
    })?;
    let finish = |tar: Tar| -> io::Result<u64> {
        let file = tar.into_inner()?.finish()?;
        file.sync_all()?;
        Ok(file.metadata()?.len())
    };
    finish(writer.tar).map_err(Error::io("write", part))
}

/// Every entry below a path, a folder before its content, sorted; nothing when it does not exist.
fn each(
    path: &Path,
    exclude: &[PathBuf],
    found: &mut dyn FnMut(&Path, &Metadata) -> Result<()>,
) -> Result<()> {
    let stat = match path.symlink_metadata() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(Error::io("look at", path))?,
    };
    if exclude.iter().any(|e| path.starts_with(e)) {
        return Ok(());
    }
    found(path, &stat)?;
    if stat.is_dir() {
        let entries = fs::read_dir(path).and_then(|d| d.collect::<io::Result<Vec<_>>>());
        let mut entries: Vec<PathBuf> =
            entries.map_err(Error::io("list", path))?.iter().map(|e| e.path()).collect();
        entries.sort();
        for entry in entries {
            each(&entry, exclude, found)?;
        }
    }
    Ok(())
}

impl Writer<'_, '_> {
    fn all(&mut self, paths: &[String]) -> Result<()> {
        let manifest = self.manifest(paths);
        let text = json(MANIFEST, &manifest)?;
        self.index.manifest = configure::tree::sha256(&text);
        self.text(MANIFEST, &text)?;
        for path in paths {
            let mut entries = vec![];
            self.top = self.work.machine.path(path).parent().map(Path::to_path_buf).unwrap_or_default();
            each(&self.work.machine.path(path), &self.exclude, &mut |path, stat| {
                entries.push((path.to_path_buf(), stat.clone()));
                Ok(())
            })?;
            for (path, stat) in entries {
                self.work.go_on()?;
                self.entry(&path, &stat)?;
            }
        }
        let text = json(INDEX, &self.index)?;
        if text.len() as u64 > META_LIMIT {
            return Err(Error::TooMany { most: self.index.members.len() });
        }
        self.text(INDEX, &text)
    }

    fn manifest(&self, paths: &[String]) -> Manifest {
        let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let appliance = &self.work.installed.appliance;
        Manifest {
            format: FORMAT,
            appliance: appliance.name.clone(),
            version: appliance.version.clone(),
            created,
            paths: paths.to_vec(),
            packages: versions(&appliance.packages),
        }
    }

    fn entry(&mut self, path: &Path, stat: &Metadata) -> Result<()> {
        let member =
            path.strip_prefix(self.work.machine.root()).unwrap_or(path).to_string_lossy().into_owned();
        let mut header = tar::Header::new_gnu();
        header.set_metadata_in_mode(stat, tar::HeaderMode::Complete);
        let name = |e| Error::io("save", path)(e);
        header.set_username(&self.accounts.user_name(stat.uid())).map_err(name)?;
        header.set_groupname(&self.accounts.group_name(stat.gid())).map_err(name)?;
        let at = format!("{FILES}/{member}");
        let hash = if stat.is_dir() {
            self.tar.append_data(&mut header, &at, io::empty()).map_err(Error::io("save", path))?;
            String::new()
        } else if stat.is_symlink() {
            let target = fs::read_link(path).map_err(Error::io("read", path))?;
            self.tar.append_link(&mut header, &at, &target).map_err(Error::io("save", path))?;
            configure::tree::sha256(target.as_os_str().as_encoded_bytes())
        } else if stat.is_file() {
            self.file(path, stat, &mut header, &at)?
        } else {
            let message = format!("{} is a socket, pipe or device and is not saved", path.display());
            (self.work.tell)(Kind::Warning { message });
            return Ok(());
        };
        self.index.members.insert(member, hash);
        if self.index.members.len() > MEMBERS { Err(Error::TooMany { most: MEMBERS }) } else { Ok(()) }
    }

    fn file(&mut self, path: &Path, stat: &Metadata, header: &mut tar::Header, at: &str) -> Result<String> {
        let file = open(&self.top, path).map_err(Error::io("read", path))?;
        let mut reader = Hashing { inner: file.take(stat.len()), hash: Sha256::new(), bytes: 0 };
        let appended = self.tar.append_data(header, at, &mut reader);
        appended.map_err(Error::io("save", path))?;
        if reader.bytes != stat.len() {
            return Err(Error::Changed(path.display().to_string()));
        }
        self.index.size += stat.len();
        if self.told.elapsed().as_millis() >= 250 {
            self.told = Instant::now();
            let percent = 100.0 * self.index.size as f32 / self.total.max(1) as f32;
            (self.work.tell)(Kind::Progress {
                percent: percent.min(100.0),
                detail: path.display().to_string(),
            });
        }
        Ok(reader.hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
    }

    fn text(&mut self, name: &str, text: &[u8]) -> Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        self.tar.append_data(&mut header, name, text).map_err(Error::io("save", name))
    }
}

/// Opens a file below `top`. The data's own user may put a link to anywhere in place of any folder on the way, at any
/// moment; what lies there is none of its data. Step by step, for openat2(2) is not there in a plugin's sandbox
/// (RestrictSUIDSGID= of systemd.exec(5)).
fn open(top: &Path, path: &Path) -> io::Result<File> {
    let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let below = path.strip_prefix(top).map_err(io::Error::other)?;
    let mut folder = rustix::fs::open(top, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let mut components = below.components().peekable();
    while let Some(component) = components.next() {
        let Component::Normal(name) = component else {
            return Err(io::Error::other("a path that leads out of its folder"));
        };
        let last = components.peek().is_none();
        folder = rustix::fs::openat(&folder, name, if last { file } else { step }, Mode::empty())?;
    }
    Ok(folder.into())
}

struct Hashing<R> {
    inner: R,
    hash: Sha256,
    bytes: u64,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hash.update(&buffer[..n]);
        self.bytes += n as u64;
        Ok(n)
    }
}

fn json(name: &str, value: &impl serde::Serialize) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|e| Error::Archive(format!("{name}: {e}")))?;
    text.write_all(b"\n").map_err(Error::io("save", name))?;
    Ok(text)
}

/// Versions of the appliance's packages, as far as dpkg knows them: for a person who wonders.
fn versions(relations: &[String]) -> BTreeMap<String, String> {
    let name = |r: &String| r.split([' ', '(', '|', '[', ':']).next().unwrap_or_default().to_string();
    let names: Vec<String> = relations.iter().map(name).filter(|n| !n.is_empty()).collect();
    if names.is_empty() {
        return BTreeMap::new();
    }
    let query =
        exec::Program::new("dpkg-query").args(["--show", "--showformat=${Package} ${Version}\\n", "--"]);
    let text = query.args(names).output().map(|o| o.text()).unwrap_or_default();
    text.lines().filter_map(|l| l.split_once(' ')).map(|(n, v)| (n.to_string(), v.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_on_the_way_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("lib/wiki/pages")).unwrap();
        fs::create_dir(path("secret")).unwrap();
        fs::write(path("lib/wiki/pages/front"), "page").unwrap();
        fs::write(path("secret/front"), "secret").unwrap();
        let front = path("lib/wiki/pages/front");
        assert!(open(&path("lib"), &front).is_ok());
        fs::rename(path("lib/wiki/pages"), path("lib/wiki/aside")).unwrap();
        symlink(path("secret"), path("lib/wiki/pages")).unwrap();
        assert!(open(&path("lib"), &front).is_err());
    }
}
