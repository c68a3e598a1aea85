//! An action of a plugin: its program, as its user, inside the sandbox that the unit is.

use super::{Ending, Stop};
use crate::{
    peer, shown_once,
    tasks::{log::Log, record::Record, unit},
    upload,
};
use broker_protocol::{Ask, Client, Request, Work};
use events::Kind;
use exec::Program;
use plugin::{
    artifact,
    manifest::{Action, PROGRAMS, ParameterType},
    runner::{self, Listener, Outcome, Time},
    sandbox::{ARTIFACTS, CREDENTIALS},
};
use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{PermissionsExt, fchown},
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    time::Duration,
};

/// Bytes of the disk that no action may take: without them neither the package manager nor a log can go on.
const RESERVE: u64 = 128 << 20;
/// Bytes that others may have taken meanwhile.
const OTHERS: u64 = 16 << 20;
/// A service that restarts may take its time.
const RESTART_TIME: Duration = Duration::from_secs(300);

pub fn run(folder: &Path, record: &Record, stop: &Stop, log: &mut Log) -> Ending {
    let (Work::Action { plugin, .. }, Some(action)) = (&record.work, &record.action) else {
        return Ending::failed("The task's record names no action.", vec![]);
    };
    let values: BTreeMap<String, String> = match Record::take_values(folder) {
        Ok(values) => values,
        Err(error) => {
            return Ending::failed(format!("The action's parameters cannot be read: {error}."), vec![]);
        }
    };
    let passwords = action.parameters.iter().filter(|p| p.kind == ParameterType::Password);
    log.hide(passwords.filter_map(|p| values.get(&p.name).cloned()));
    if let Err(error) = upload::take_over(folder, record, &stop.asked, log) {
        return match error.kind() {
            ErrorKind::Interrupted => Ending::cancelled(),
            _ => Ending::failed(format!("The upload cannot be taken over: {error}."), vec![]),
        };
    }
    let path = PathBuf::from(PROGRAMS).join(plugin).join(&action.run);
    let program = match program(&path, plugin, action) {
        Ok(program) => program,
        Err(why) => return Ending::failed(why, vec![]),
    };
    let time = Time { most: Duration::from_secs(action.time().into()), stop: unit::patience(action) };
    let room = room(folder);
    let mut keeper = Keeper { folder, action, stop, log, room };
    let Outcome { status, message, details, .. } = runner::run(program, &values, time, &mut keeper);
    Ending { status, message, details }
}

fn program(path: &Path, plugin: &str, action: &Action) -> Result<Program, String> {
    let user = match peer::user(&action.user) {
        Ok(Some(user)) => user,
        Ok(None) => {
            return Err(format!("The action runs as user `{}`, who is not on this machine.", action.user));
        }
        Err(error) => return Err(format!("/etc/passwd cannot be read: {error}.")),
    };
    let program = Program::new(path)
        .dir("/")
        .env("HOME", &user.home)
        .env("USER", &user.name)
        .env("LOGNAME", &user.name)
        .env("APPLIANCE", plugin)
        .env("ACTION", &action.name)
        .env("ARTIFACTS_DIRECTORY", ARTIFACTS);
    let program = match action.secrets.as_slice() {
        [] => program,
        names => {
            let given = give_secrets(names, &user);
            given.map_err(|(name, e)| format!("The secret answer `{name}` cannot be read: {e}."))?;
            program.env("CREDENTIALS_DIRECTORY", CREDENTIALS)
        }
    };
    Ok(if user.uid == 0 { program } else { program.user(user.uid, user.gid) })
}

/// Copies the secret answers into memory, for the action's user alone.
fn give_secrets<'a>(names: &'a [String], user: &peer::User) -> Result<(), (&'a str, io::Error)> {
    for name in names {
        let give = || {
            let bytes = fs::read(Path::new(unit::SECRETS).join(name))?;
            let mut file = fs::File::create_new(Path::new(CREDENTIALS).join(name))?;
            file.set_permissions(Permissions::from_mode(0o400))?;
            file.write_all(&bytes)?;
            fchown(&file, Some(user.uid), Some(user.gid))
        };
        give().map_err(|error| (name.as_str(), error))?;
    }
    Ok(())
}

/// Keeps what the program says, makes and asks for.
struct Keeper<'a> {
    folder: &'a Path,
    action: &'a Action,
    stop: &'a Stop,
    log: &'a mut Log,
    /// Bytes that were free when it began.
    room: u64,
}

/// Bytes that are free where the task keeps what its program makes, or for what is temporary; all there is when that is not known.
fn room(folder: &Path) -> u64 {
    let free = |path: &Path| rustix::fs::statvfs(path).map(|fs| fs.f_bavail.saturating_mul(fs.f_frsize));
    [folder, Path::new("/var/tmp")].into_iter().filter_map(|path| free(path).ok()).min().unwrap_or(u64::MAX)
}

/// On a disk that was full before, a program that makes room still runs.
fn is_full(room: u64, began: u64) -> bool {
    room < RESERVE && room.saturating_add(OTHERS) < began
}

impl Listener for Keeper<'_> {
    fn event(&mut self, kind: Kind) {
        self.log.tell(kind);
    }

    fn artifact(&mut self, name: &str) -> Result<u64, String> {
        artifact::take(&self.folder.join("making"), &self.folder.join("artifacts"), name, &self.stop.asked)
    }

    fn secret(&mut self, label: &str, value: &str) -> Result<(), String> {
        // what it prints by mistake is masked, from here on
        let quoted = serde_json::to_string(value).unwrap_or_default();
        self.log.hide([value.to_owned(), quoted.trim_matches('"').to_owned()]);
        self.log.hide(value.lines().map(str::to_owned));
        shown_once::keep(Path::new(unit::SHOWN), label, value)
    }

    /// The broker knows this process as the action's, and judges by the manifest that it was started with.
    fn restart(&mut self, unit: &str) -> Result<String, String> {
        if !self.action.restarts.iter().any(|u| u == unit) {
            return Err(format!("the manifest does not name {unit} in `restarts`"));
        }
        let ask = Ask::RestartService { unit: unit.into() };
        let request = Request { session: None, from: None, ask };
        let asked = Client::default().within(RESTART_TIME).call(&request);
        asked.map(|_| format!("{unit} was restarted.")).map_err(|e| e.to_string())
    }

    fn cancelled(&self) -> bool {
        self.stop.asked.load(Ordering::SeqCst)
    }

    fn full(&self) -> bool {
        is_full(room(self.folder), self.room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_fills_the_disk_is_told_from_who_finds_it_full() {
        assert!(is_full(RESERVE - 1, RESERVE * 2));
        assert!(!is_full(RESERVE, RESERVE * 2));
        assert!(!is_full(RESERVE / 2, RESERVE / 2));
        assert!(room(Path::new("/")) < u64::MAX);
    }
}
