//! Secrets that an action has made: kept in memory until somebody has looked at them, once, or an hour has passed.
//!
//! A task's lie in a folder of its own below [`State::memory`], which is in no file system that outlives the machine's run.
//! `rename` decides who sees them. When the task's unit ends, it starts `appliance-forget@ID.timer`, which removes what nobody wanted.

use crate::{
    state::{self, State},
    tasks::inside,
};
use broker_protocol::{MadeSecret, TaskId};
use rustix::fs::OFlags;
use std::{
    fs, io,
    io::{Read, Write},
    path::Path,
    time::{Duration, SystemTime},
};

/// How long they wait.
const LIFE: Duration = Duration::from_secs(3600);
/// Of one task.
const MOST: usize = 16;
/// Bytes of one with its label, in JSON.
const FILE_LIMIT: u64 = 64 << 10;

/// Keeps a secret in a task's folder. The error is for the plugin's author.
pub fn keep(folder: &Path, label: &str, value: &str) -> Result<(), String> {
    let broken = |e: io::Error| e.to_string();
    let count = state::names(folder).map_err(broken)?.len();
    if count >= MOST {
        return Err(format!("there are {MOST} already"));
    }
    let secret = MadeSecret { label: label.into(), value: value.into() };
    let bytes = serde_json::to_vec(&secret).map_err(|e| e.to_string())?;
    let mut file = state::new_file(&folder.join(format!("{count:02}")), OFlags::WRONLY).map_err(broken)?;
    file.write_all(&bytes).map_err(broken)
}

/// How many of a task wait.
pub fn count(state: &State, id: &TaskId) -> usize {
    state::names(&state.shown(id)).map_or(0, |names| names.len())
}

/// All of a task, for the first who asks; empty for everybody else.
pub fn reveal(state: &State, id: &TaskId) -> io::Result<Vec<MadeSecret>> {
    prune(state, SystemTime::now())?;
    let (folder, aside) = (state.shown(id), state.memory().join(format!(".{}", state::random(8)?)));
    match fs::rename(&folder, &aside) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        other => other?,
    }
    let mut names = state::names(&aside)?;
    names.sort();
    let read = |name: &String| {
        let mut bytes = vec![];
        let file = inside::file(&aside, name, OFlags::RDONLY).ok()??;
        file.take(FILE_LIMIT).read_to_end(&mut bytes).ok()?;
        serde_json::from_slice(&bytes).ok()
    };
    let secrets = names.iter().take(MOST).filter_map(read).collect();
    fs::remove_dir_all(&aside)?;
    Ok(secrets)
}

/// Removes what a broker that was killed in the middle of a look has left. Comes before the first look of this one.
pub fn clear_left(state: &State) {
    let Ok(entries) = fs::read_dir(state.memory()) else { return };
    for entry in entries.flatten().filter(|e| e.file_name().as_encoded_bytes().starts_with(b".")) {
        let _ = fs::remove_dir_all(entry.path());
    }
}

/// Removes those of a task: its folder is not needed, or its hour has passed.
pub fn forget(state: &State, id: &TaskId) {
    let _ = fs::remove_dir_all(state.shown(id));
}

/// Removes what has waited for too long, whatever became of its timer.
pub fn prune(state: &State, now: SystemTime) -> io::Result<()> {
    for name in state::names(&state.memory().join("shown"))? {
        let folder = state.memory().join("shown").join(name);
        let written = fs::metadata(&folder).and_then(|m| m.modified());
        if written
            .is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age > LIFE + Duration::from_secs(86_400)))
        {
            fs::remove_dir_all(&folder)?;
            continue;
        }
        for file in state::names(&folder)? {
            let path = folder.join(file);
            let written = fs::metadata(&path).and_then(|m| m.modified());
            if written.is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age > LIFE)) {
                fs::remove_file(&path)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_seen_once_and_goes_after_an_hour() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let id = TaskId::try_from("20260101-000000-00000000".to_string()).unwrap();
        state::make_folder(&state.shown(&id)).unwrap();
        keep(&state.shown(&id), "Key", "hunter22").unwrap();
        keep(&state.shown(&id), "Other", "x").unwrap();
        assert_eq!(count(&state, &id), 2);
        let seen = reveal(&state, &id).unwrap();
        assert_eq!((seen[0].value.as_str(), seen.len()), ("hunter22", 2));
        assert!(reveal(&state, &id).unwrap().is_empty());
        state::make_folder(&state.shown(&id)).unwrap();
        keep(&state.shown(&id), "Key", "hunter22").unwrap();
        prune(&state, SystemTime::now() + LIFE / 2).unwrap();
        assert_eq!(count(&state, &id), 1);
        prune(&state, SystemTime::now() + LIFE * 2).unwrap();
        assert_eq!(count(&state, &id), 0);
        (0..MOST).for_each(|_| keep(&state.shown(&id), "k", "v").unwrap());
        assert!(keep(&state.shown(&id), "k", "v").is_err());
        assert!(!format!("{:?}", seen).contains("hunter22"));
        // a program in the place of its secrets leaves what is none, and a look that was broken off its folder
        let pipe = state.shown(&id).join("00");
        fs::remove_file(&pipe).unwrap();
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, kind, rustix::fs::Mode::RUSR, 0).unwrap();
        assert_eq!(reveal(&state, &id).unwrap().len(), MOST - 1);
        let left = state.memory().join(".0123");
        fs::create_dir(&left).unwrap();
        clear_left(&state);
        assert!(!left.exists() && state.memory().join("shown").exists());
    }
}
