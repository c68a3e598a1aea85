//! Files on their way from a browser to an action.
//!
//! The page gets a descriptor to write to and nothing else. An upload lives as long as somebody holds that descriptor: a
//! lock on it (flock(2)) goes away by itself with the last copy of it, so a browser, a page or a command line that
//! goes away leaves nothing behind that takes another's place. When a task uses an upload, it is moved to that task, which
//! copies it before the action sees it ([`take_over`]): the page could still write to it.

use crate::{
    peer,
    state::{self, State},
    tasks::{log::Log, record::Record},
};
use broker_protocol::{Reason, Refusal};
use events::Kind;
use plugin::{
    copy::{self, RESERVE},
    sandbox::UPLOADS,
};
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use std::{
    fs::{self, File},
    io,
    os::{
        fd::OwnedFd,
        unix::fs::{MetadataExt, PermissionsExt},
    },
    path::Path,
    sync::atomic::AtomicBool,
    time::{Duration, SystemTime},
};

/// An upload that nobody has written to for so long is removed, whoever holds it.
const LIFE: Duration = Duration::from_secs(3600);
/// Uploads at one time.
const MOST: usize = 16;
/// Where uploads lie in a task's folder, as they came and as the action gets them.
pub const CAME: &str = "came";
pub const GIVEN: &str = "uploads";

/// A new upload: its id, and the file opened for writing.
pub fn create(state: &State) -> Result<(String, OwnedFd), Refusal> {
    prune(state, SystemTime::now()).map_err(broken)?;
    if state::names(&state.uploads()).map_err(broken)?.len() >= MOST {
        let message = format!("{MOST} uploads are under way already. Try again when one of them has ended.");
        return Err(Refusal { reason: Reason::Busy, message });
    }
    room(state)?;
    let id = state::random(16).map_err(broken)?;
    // it gets its name with the lock on it: nobody sees it without
    let (aside, path) = (state.uploads().join(format!(".{id}")), state.uploads().join(&id));
    let file = state::new_file(&aside, OFlags::WRONLY).map_err(broken)?;
    let named = flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(io::Error::from);
    named.and_then(|()| fs::rename(&aside, &path)).map_err(broken)?;
    Ok((id, file.into()))
}

/// Moves an upload to its task.
pub fn hand_over(state: &State, id: &str, target: &Path) -> Result<(), Refusal> {
    let refuse = |reason, message: &str| Err(Refusal { reason, message: message.into() });
    if !plugin::parameter::is_upload(id) {
        return refuse(Reason::Invalid, "This is no upload.");
    }
    let source = state.uploads().join(id);
    match fs::symlink_metadata(&source) {
        Ok(meta) if meta.is_file() && meta.size() > 0 => {}
        Ok(_) => return refuse(Reason::Invalid, "The uploaded file is empty."),
        Err(_) => {
            return refuse(Reason::NotFound, "The upload is not there any more. Upload the file again.");
        }
    }
    if let Err(full) = room(state) {
        let _ = fs::remove_file(&source); // what filled the disk
        return Err(full);
    }
    // only one of two tasks that name the same upload gets it
    fs::rename(&source, target).map_err(broken)
}

/// In the task, before its action starts: copies what came into files that nobody has open, readable by the action's user
/// alone.
pub fn take_over(folder: &Path, record: &Record, stop: &AtomicBool, log: &mut Log) -> io::Result<()> {
    let (came, given) = (folder.join(CAME), folder.join(GIVEN));
    let names = state::names(&came)?;
    let (Some(action), false) = (&record.action, names.is_empty()) else { return Ok(()) };
    log.tell(Kind::Phase {
        id: "upload".into(),
        title: "Taking the upload over".into(),
        index: None,
        of: None,
    });
    let user = peer::user(&action.user)?.ok_or_else(|| io::Error::other("the action's user is not there"))?;
    for name in names {
        let from = came.join(&name);
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let source = File::from(rustix::fs::open(&from, flags, Mode::empty())?);
        let copy = state::new_file(&given.join(&name), OFlags::RDWR)?;
        copy::drain(&source, &copy, stop)?;
        std::os::unix::fs::fchown(&copy, Some(user.uid), Some(user.gid))?;
        copy.set_permissions(fs::Permissions::from_mode(0o400))?;
        fs::remove_file(&from)?;
    }
    Ok(())
}

/// The path at which an action reads an upload.
pub fn seen_at(name: &str) -> String {
    format!("{UPLOADS}/{name}")
}

/// Removes uploads that nobody holds, or has written to for an hour.
pub fn prune(state: &State, now: SystemTime) -> io::Result<()> {
    for name in state::names(&state.uploads())? {
        let path = state.uploads().join(name);
        let Ok(file) = File::open(&path) else { continue };
        let old = |written| now.duration_since(written).is_ok_and(|age| age > LIFE);
        let over = file.metadata().and_then(|m| m.modified()).is_ok_and(old);
        if over || flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn room(state: &State) -> Result<(), Refusal> {
    let free = state.free().map_err(broken)?;
    if free >= RESERVE {
        return Ok(());
    }
    let message = format!(
        "The disk of {} is full: {} MiB are free, {} MiB have to stay free. Remove something and try again.",
        state.root().display(),
        free >> 20,
        RESERVE >> 20
    );
    Err(Refusal { reason: Reason::Failed, message })
}

fn broken(error: io::Error) -> Refusal {
    Refusal { reason: Reason::Failed, message: format!("The upload failed on the machine: {error}.") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn an_upload_is_written_handed_over_once_and_not_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let (id, fd) = create(&state).unwrap();
        let mut file = fs::File::from(fd);
        assert!(file.read(&mut [0; 1]).is_err());
        let target = folder.path().join("archive");
        assert_eq!(hand_over(&state, &id, &target).unwrap_err().reason, Reason::Invalid);
        file.write_all(b"data").unwrap();
        hand_over(&state, &id, &target).unwrap();
        assert_eq!(hand_over(&state, &id, &target).unwrap_err().reason, Reason::NotFound);
        assert_eq!(hand_over(&state, "../tasks", &target).unwrap_err().reason, Reason::Invalid);
    }

    #[test]
    fn an_upload_goes_with_who_holds_it_and_there_are_never_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let mut held: Vec<OwnedFd> = (0..MOST).map(|_| create(&state).unwrap().1).collect();
        assert_eq!(create(&state).unwrap_err().reason, Reason::Busy);
        // a second descriptor of the same upload, as in flight to the page
        let second = held[0].try_clone().unwrap();
        held.drain(..2);
        held.push(create(&state).unwrap().1);
        assert_eq!(create(&state).unwrap_err().reason, Reason::Busy);
        drop(second);
        held.push(create(&state).unwrap().1);
        prune(&state, SystemTime::now() + LIFE / 2).unwrap();
        assert_eq!(state::names(&state.uploads()).unwrap().len(), MOST);
        prune(&state, SystemTime::now() + LIFE * 2).unwrap();
        assert_eq!(state::names(&state.uploads()).unwrap().len(), 0);
    }
}
