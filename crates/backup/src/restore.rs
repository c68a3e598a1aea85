//! Restoring a backup.
//!
//! The archive is read twice: once to hold it to every rule, once to extract it beside the present data, hashes checked
//! again. Then the units stop, each path is swapped by rename, what backups leave out is carried over, the units start, and the configuration is applied. When
//! anything fails, the old data is swapped back.

use crate::{
    Error, Result, Work, databases,
    journal::{self, Held, Journal, Phase},
    place::{self, Moved, Place},
    quiesce,
    verify::{self, Member, MemberKind, Verified, verify},
};
use configure::accounts::Accounts;
use events::Kind;
use rustix::fs::{AtFlags, CWD, Gid, Mode, Timespec, Timestamps, Uid};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, symlink},
    path::{Path, PathBuf},
    time::Instant,
};

/// Puts back what the archive holds. On an error the machine is as it was.
pub fn restore(work: &mut Work, archive: &Path) -> Result<()> {
    let places = work.places()?;
    let paths: Vec<String> = places.iter().map(|p| p.path.clone()).collect();
    let (held, repaired) = Held::take(work.machine, work.name(), work.services)?;
    if repaired {
        (work.tell)(Kind::Warning { message: "an interrupted run was repaired first".into() });
    }
    work.phase("verify", "Checking the backup", 1, 4);
    let mut file = File::open(archive).map_err(Error::io("open", archive))?;
    let verified = verify(&mut file, work.name(), &paths)?;
    if verified.manifest.version != work.installed.appliance.version {
        let (theirs, ours) = (&verified.manifest.version, &work.installed.appliance.version);
        (work.tell)(Kind::Warning {
            message: format!("the backup is of version {theirs}, this machine has {ours}"),
        });
    }
    if let Some(dumped) = databases::place(work.installed) {
        if verified.index.members.contains_key(dumped.trim_start_matches('/')) {
            // the present content goes there before the swap
            databases::prepare(work.machine, work.name())?;
        } else {
            let message = "the backup has no database in it: the present ones stay as they are".into();
            (work.tell)(Kind::Warning { message });
        }
    }
    // a path that the backup does not have was not there when it was made, or is new since: it stays
    let saved = |p: &Place| verified.index.members.contains_key(p.path.trim_start_matches('/'));
    let places: Vec<Place> = places.into_iter().filter(saved).collect();
    check_room(work, &places, &verified)?;
    let was_there = |p: &Place| (p.real.clone(), work.machine.path(&p.real).symlink_metadata().is_ok());
    let kept = |p: &Place| p.exclude.iter().map(|below| (p.real.clone(), below.clone())).collect::<Vec<_>>();
    let mut journal = Journal {
        paths: places.iter().map(was_there).collect(),
        kept: places.iter().flat_map(kept).collect(),
        ..Journal::default()
    };
    held.write(&journal)?;
    let done = extract(work, &mut file, &places, &verified).and_then(|()| swap(work, &held, &mut journal));
    if done.is_err() {
        // whoever ends this when it is killed brings the old back, too; a full disk must not keep us from it
        let _ = held.write(&journal);
        journal::resolve(work.machine, work.name(), work.services, &journal)?;
        if matches!(done, Err(Error::Configure(_))) {
            // with the old answers and data; the first error is the one to tell
            let _ = work.services.configure(work.name());
        }
    }
    held.clear()?;
    done
}

fn check_room(work: &Work, places: &[Place], verified: &Verified) -> Result<()> {
    let mut needed: Vec<(u64, PathBuf, u64)> = vec![];
    for place in places {
        let target = work.machine.path(&place.real);
        let parent = target.parent().unwrap_or(Path::new("/")).to_path_buf();
        let stat = parent.metadata().map_err(Error::io("look at", &parent))?;
        let trusted = stat.uid() == 0 || stat.uid() == rustix::process::geteuid().as_raw();
        let real = parent.canonicalize().map_err(Error::io("look at", &parent))?;
        if !trusted || stat.mode() & 0o022 != 0 || !real.starts_with(work.machine.root()) {
            return Err(Error::Untrusted { path: target });
        }
        let size = verified.sizes.get(place.path.trim_start_matches('/')).copied().unwrap_or(0);
        match needed.iter_mut().find(|(device, ..)| *device == stat.dev()) {
            Some((.., sum)) => *sum += size,
            None => needed.push((stat.dev(), parent, size)),
        }
    }
    for (_, path, needed) in needed {
        let stat = rustix::fs::statvfs(&path).map_err(Error::io("look at", &path))?;
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        if needed > free {
            return Err(Error::NoRoom { path, needed, free });
        }
    }
    Ok(())
}

fn extract(work: &mut Work, file: &mut File, places: &[Place], verified: &Verified) -> Result<()> {
    work.phase("extract", "Unpacking beside the present data", 2, 4);
    let paths: Vec<String> = places.iter().map(|p| p.path.clone()).collect();
    for place in places {
        journal::remove(&journal::names(work.machine, &place.real).1)?;
    }
    let accounts = Accounts::read(work.machine)?;
    let (mut folders, mut bytes, mut told) = (vec![], 0, Instant::now());
    verify::walk(file, &mut |member, content| {
        work.go_on()?;
        let Some(root) = verify::root_of(&member.path, &paths) else { return Ok(()) };
        let place = places.iter().find(|p| p.path.trim_start_matches('/') == root);
        let Some(place) = place else { return Ok(()) };
        let new = journal::names(work.machine, &place.real).1;
        let below = Path::new(&member.path).strip_prefix(&root).unwrap_or(Path::new(""));
        let target = if below.as_os_str().is_empty() { new } else { new.join(below) };
        // who can write to the archive must not bring in now what was not looked at then
        let expected = verified.index.members.get(&member.path).ok_or_else(changed)?;
        write(&target, member, content, expected, &accounts)?;
        if member.kind == MemberKind::Folder {
            folders.push((target, member.clone()));
        } else if let MemberKind::File { size } = member.kind {
            bytes += size;
        }
        if told.elapsed().as_millis() >= 250 {
            told = Instant::now();
            let percent = 100.0 * bytes as f32 / verified.index.size.max(1) as f32;
            (work.tell)(Kind::Progress { percent: percent.min(100.0), detail: format!("/{}", member.path) });
        }
        Ok(())
    })?;
    // a folder's own mode and time last, when nothing more is put into it
    folders.iter().rev().try_for_each(|(target, member)| finish(target, member, &accounts))
}

/// Writes one member into a tree that nobody else can reach yet. What is not as it was verified is not written: a link
/// where a folder was would lead out of the tree.
fn write(
    target: &Path,
    member: &Member,
    content: &mut dyn Read,
    expected: &str,
    accounts: &Accounts,
) -> Result<()> {
    match &member.kind {
        MemberKind::Folder if !expected.is_empty() => Err(changed()),
        MemberKind::Link { target: to } if configure::tree::sha256(to.as_bytes()) != expected => {
            Err(changed())
        }
        MemberKind::Folder => {
            fs::DirBuilder::new().mode(0o700).create(target).map_err(Error::io("make the folder", target))
        }
        MemberKind::Link { target: to } => {
            symlink(to, target).map_err(Error::io("make the link", target))?;
            let (uid, gid) = owner(member, accounts)?;
            let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
            rustix::fs::chownat(CWD, target, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
                .map_err(Error::io("set the owner of", target))
        }
        MemberKind::File { .. } => {
            let file = File::options().write(true).create_new(true).mode(0o600).open(target);
            let mut file = file.map_err(Error::io("write", target))?;
            let (mut hash, mut buffer) = (Sha256::new(), vec![0; 64 << 10]);
            loop {
                let n =
                    content.read(&mut buffer).map_err(|e| Error::Archive(format!("it is damaged ({e})")))?;
                if n == 0 {
                    break;
                }
                hash.update(&buffer[..n]);
                file.write_all(&buffer[..n]).map_err(Error::io("write", target))?;
            }
            let found: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
            if expected != found {
                return Err(changed());
            }
            finish(target, member, accounts)?;
            file.sync_all().map_err(Error::io("write", target))
        }
    }
}

fn changed() -> Error {
    Error::Archive("it changed while it was read".into())
}

fn finish(target: &Path, member: &Member, accounts: &Accounts) -> Result<()> {
    let (uid, gid) = owner(member, accounts)?;
    rustix::fs::chown(target, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
        .map_err(Error::io("set the owner of", target))?;
    rustix::fs::chmod(target, Mode::from(member.mode)).map_err(Error::io("set the mode of", target))?;
    let time = Timespec { tv_sec: member.modified.min(i64::MAX as u64) as i64, tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(CWD, target, &times, AtFlags::empty()).map_err(Error::io("set the time of", target))
}

/// By name; a number is an owner that had no name.
fn owner(member: &Member, accounts: &Accounts) -> Result<(u32, u32)> {
    let user = accounts.find(&member.user).map(|u| u.uid).or_else(|| member.user.parse().ok());
    let group = accounts.group(&member.group).or_else(|| member.group.parse().ok());
    match (user, group) {
        (Some(user), Some(group)) => Ok((user, group)),
        (None, _) => Err(Error::NoSuchOwner { what: "user", name: member.user.clone() }),
        (_, None) => Err(Error::NoSuchOwner { what: "group", name: member.group.clone() }),
    }
}

/// What no backup has stays as it is.
fn keep(old: &Path, path: &Path, below: &Path, tell: &mut dyn FnMut(Kind)) -> Result<()> {
    let moved = place::carry(old, path, below).map_err(Error::io("keep", path.join(below)))?;
    if moved == Moved::NoFolder {
        let at = path.join(below);
        let message = format!("{} is not kept: its folder is not in the backup", at.display());
        tell(Kind::Warning { message });
    }
    Ok(())
}

fn swap(work: &mut Work, held: &Held, journal: &mut Journal) -> Result<()> {
    work.phase("swap", "Putting the backup in place", 3, 4);
    work.go_on()?;
    let quiesce = work.installed.definition.backup.as_ref().map(|b| b.quiesce.clone()).unwrap_or_default();
    journal.units = quiesce::active(work.services, &quiesce)?;
    journal.phase = Phase::Swapping;
    held.write(journal)?;
    quiesce::stop_all(work.services, &journal.units)?;
    let dumped =
        databases::place(work.installed).filter(|place| journal.paths.iter().any(|(p, _)| p == place));
    if dumped.is_some() {
        databases::dump(work.machine, work.name(), work.services)?;
        journal.databases = true;
        held.write(journal)?;
    }
    for (real, was_there) in &journal.paths {
        let (path, new, old) = journal::names(work.machine, real);
        if *was_there {
            fs::rename(&path, &old).map_err(Error::io("set aside", &path))?;
        }
        fs::rename(&new, &path).map_err(Error::io("put in place", &path))?;
        for (_, below) in journal.kept.iter().filter(|(of, _)| of == real) {
            keep(&old, &path, below, work.tell)?;
        }
        journal::sync_folder_of(&path)?;
    }
    if dumped.is_some() {
        databases::load(work.machine, work.name(), work.services)?;
    }
    // from here on the application may write: whoever comes after a kill keeps the new
    let done = Journal { phase: Phase::Done, ..journal.clone() };
    held.write(&done)?;
    work.phase("start", "Starting the application", 4, 4);
    quiesce::start_all(work.services, &journal.units)?;
    work.services.configure(work.name())?;
    journal.phase = Phase::Done;
    journal::finish(work.machine, work.name(), &done)
}
