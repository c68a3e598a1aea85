//! Files on their way from a browser to an action.
//!
//! The page gets a descriptor to write to and nothing else; the file is moved to its task when one uses it, and
//! removed when none did within an hour.

use crate::state::{self, State};
use broker_protocol::{Reason, Refusal};
use rustix::fs::OFlags;
use std::{
    fs, io,
    os::{
        fd::OwnedFd,
        unix::fs::{MetadataExt, PermissionsExt},
    },
    path::Path,
    time::{Duration, SystemTime},
};

/// An upload that nobody uses is removed after so long.
const LIFE: Duration = Duration::from_secs(3600);
/// Uploads at one time.
const MOST: usize = 16;
/// What has to stay free on the disk, in bytes: apt and the journal need it to go on.
pub const RESERVE: u64 = 256 << 20;

/// A new upload: its id, and the file opened for writing.
pub fn create(state: &State) -> Result<(String, OwnedFd), Refusal> {
    prune(state, SystemTime::now()).map_err(broken)?;
    if state::names(&state.uploads()).map_err(broken)?.len() >= MOST {
        let message =
            format!("{MOST} uploads wait to be used already. Those that nobody uses go within an hour.");
        return Err(Refusal { reason: Reason::Busy, message });
    }
    room(state)?;
    let id = state::random(16).map_err(broken)?;
    let file = state::new_file(&state.uploads().join(&id), OFlags::WRONLY).map_err(broken)?;
    Ok((id, file.into()))
}

/// Moves an upload to where its task will read it, readable by that user alone.
pub fn hand_over(state: &State, id: &str, target: &Path, owner: (u32, u32)) -> Result<(), Refusal> {
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
    fs::rename(&source, target).map_err(broken)?;
    std::os::unix::fs::chown(target, Some(owner.0), Some(owner.1)).map_err(broken)?;
    fs::set_permissions(target, fs::Permissions::from_mode(0o400)).map_err(broken)
}

/// Removes uploads that nobody has written to for an hour.
pub fn prune(state: &State, now: SystemTime) -> io::Result<()> {
    for name in state::names(&state.uploads())? {
        let path = state.uploads().join(name);
        let written = fs::symlink_metadata(&path).and_then(|m| m.modified());
        if written.is_ok_and(|w| now.duration_since(w).is_ok_and(|age| age > LIFE)) {
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
        let ids = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let (id, fd) = create(&state).unwrap();
        let mut file = fs::File::from(fd);
        assert!(file.read(&mut [0; 1]).is_err());
        let target = folder.path().join("archive");
        assert_eq!(hand_over(&state, &id, &target, ids).unwrap_err().reason, Reason::Invalid);
        file.write_all(b"data").unwrap();
        hand_over(&state, &id, &target, ids).unwrap();
        assert_eq!(fs::metadata(&target).unwrap().mode() & 0o777, 0o400);
        assert_eq!(hand_over(&state, &id, &target, ids).unwrap_err().reason, Reason::NotFound);
        assert_eq!(hand_over(&state, "../tasks", &target, ids).unwrap_err().reason, Reason::Invalid);
    }

    #[test]
    fn unused_uploads_go_and_there_are_never_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        for _ in 0..MOST {
            create(&state).unwrap();
        }
        assert_eq!(create(&state).unwrap_err().reason, Reason::Busy);
        prune(&state, SystemTime::now() + LIFE / 2).unwrap();
        assert_eq!(state::names(&state.uploads()).unwrap().len(), MOST);
        prune(&state, SystemTime::now() + LIFE * 2).unwrap();
        assert_eq!(state::names(&state.uploads()).unwrap().len(), 0);
    }
}
