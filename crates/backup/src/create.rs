//! Making a backup.

use crate::{
    Error, Result, Work,
    archive::{FILES, FORMAT, INDEX, Index, MANIFEST, MEMBERS, META_LIMIT, Manifest},
    databases,
    journal::{Held, Journal},
    place::{self, Place},
    quiesce,
};
use configure::accounts::Accounts;
use events::Kind;
use rustix::fs::OFlags;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File, Metadata},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

/// Bytes of a path that is saved: a restore needs a few more beside it, and PATH_MAX is 4096.
const LONGEST: usize = 4000;

type Tar = tar::Builder<zstd::Encoder<'static, File>>;

/// What is written, and what is known about it so far.
struct Writer<'a, 'b> {
    work: &'a mut Work<'b>,
    tar: Tar,
    index: Index,
    accounts: Accounts,
    total: u64,
    told: Instant,
}

/// Writes the archive to `target`, whole or not at all. The quiesced units run again when this returns.
pub fn create(work: &mut Work, target: &Path) -> Result<u64> {
    let places = work.places()?;
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
    let written = quiesce::stop_all(work.services, &units)
        .and_then(|()| dump(work))
        .and_then(|()| write(work, &places, &part, file));
    // whatever came of it: it is a second copy of what the application keeps to itself
    let written = match databases::remove(work.machine, work.name()) {
        Ok(()) => written,
        Err(e) => written.and(Err(e)),
    };
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

fn dump(work: &mut Work) -> Result<()> {
    if databases::place(work.installed).is_some() {
        for message in databases::dump(work.machine, work.name(), work.services)? {
            (work.tell)(Kind::Warning { message });
        }
    }
    Ok(())
}

fn write(work: &mut Work, places: &[Place], part: &Path, file: File) -> Result<u64> {
    work.phase("measure", "Looking at what there is", 2, 3);
    let mut total = 0;
    for place in places {
        each(&work.machine.path(&place.real), Path::new(""), place, &mut |_, stat| {
            total += stat.filter(|s| s.is_file()).map_or(0, Metadata::len);
            Ok(())
        })?;
    }
    work.phase("save", "Saving", 3, 3);
    let mut zstd = zstd::Encoder::new(file, 3).map_err(Error::io("write", part))?;
    zstd.include_checksum(true).map_err(Error::io("write", part))?;
    let accounts = Accounts::read(work.machine)?;
    let tar = tar::Builder::new(zstd);
    let mut writer = Writer { work, tar, index: Index::default(), accounts, total, told: Instant::now() };
    writer.all(places).map_err(|e| match e {
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

/// Every entry of a place, a folder before its content, sorted; nothing when it does not exist. None instead of what is there
/// when its path is longer than the system's calls take.
fn each(
    base: &Path,
    below: &Path,
    place: &Place,
    found: &mut dyn FnMut(&Path, Option<&Metadata>) -> Result<()>,
) -> Result<()> {
    let path = place::join(base, below);
    if place.excludes(below) {
        return Ok(());
    }
    if path.as_os_str().len() > LONGEST {
        return found(below, None);
    }
    let stat = match path.symlink_metadata() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(Error::io("look at", &path))?,
    };
    found(below, Some(&stat))?;
    if stat.is_dir() {
        let entries = fs::read_dir(&path).and_then(|d| d.collect::<io::Result<Vec<_>>>());
        let entries = entries.map_err(Error::io("list", &path))?;
        let mut names: Vec<OsString> = entries.iter().map(|e| e.file_name()).collect();
        names.sort();
        for name in names {
            each(base, &below.join(name), place, found)?;
        }
    }
    Ok(())
}

impl Writer<'_, '_> {
    fn all(&mut self, places: &[Place]) -> Result<()> {
        let manifest = self.manifest(places);
        let text = json(MANIFEST, &manifest)?;
        self.index.manifest = configure::tree::sha256(&text);
        self.text(MANIFEST, &text)?;
        for place in places {
            let mut entries = vec![];
            each(&self.work.machine.path(&place.real), Path::new(""), place, &mut |below, stat| {
                entries.push((below.to_path_buf(), stat.cloned()));
                Ok(())
            })?;
            for (below, stat) in entries {
                self.work.go_on()?;
                match stat {
                    Some(stat) => self.entry(place, &below, &stat)?,
                    None => {
                        let path = Path::new(&place.path).join(below);
                        let message = format!("{} is too long a path and is not saved", path.display());
                        (self.work.tell)(Kind::Warning { message });
                    }
                }
            }
        }
        let text = json(INDEX, &self.index)?;
        if text.len() as u64 > META_LIMIT {
            return Err(Error::TooMany { most: self.index.members.len() });
        }
        self.text(INDEX, &text)
    }

    fn manifest(&self, places: &[Place]) -> Manifest {
        let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let appliance = &self.work.installed.appliance;
        Manifest {
            format: FORMAT,
            appliance: appliance.name.clone(),
            version: appliance.version.clone(),
            created,
            paths: places.iter().map(|p| p.path.clone()).collect(),
            packages: versions(&appliance.packages),
        }
    }

    fn entry(&mut self, place: &Place, below: &Path, stat: &Metadata) -> Result<()> {
        let member = place::join(Path::new(place.path.trim_start_matches('/')), below);
        let member = member.to_string_lossy().into_owned();
        let path = &place::join(&self.work.machine.path(&place.real), below);
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
            self.file(place, path, stat, &mut header, &at)?
        } else {
            let message = format!("{} is a socket, pipe or device and is not saved", path.display());
            (self.work.tell)(Kind::Warning { message });
            return Ok(());
        };
        self.index.members.insert(member, hash);
        if self.index.members.len() > MEMBERS { Err(Error::TooMany { most: MEMBERS }) } else { Ok(()) }
    }

    fn file(
        &mut self,
        place: &Place,
        path: &Path,
        stat: &Metadata,
        header: &mut tar::Header,
        at: &str,
    ) -> Result<String> {
        // the folder that holds the place is root's own
        let base = self.work.machine.path(&place.real);
        let top = base.parent().unwrap_or(Path::new("/"));
        let file = path.strip_prefix(top).map_err(io::Error::other);
        let file = file.and_then(|below| place::open(top, below, OFlags::RDONLY | OFlags::NONBLOCK));
        let file = File::from(file.map_err(Error::io("read", path))?);
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
