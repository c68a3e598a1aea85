//! An action of a plugin: its program, as its user, inside the sandbox that the unit is.

use super::{Ending, Stop};
use crate::{
    peer,
    tasks::{log::Log, record::Record, unit},
    upload,
};
use broker_protocol::Work;
use events::Kind;
use exec::Program;
use plugin::{
    artifact,
    manifest::{Action, PROGRAMS, ParameterType},
    runner::{self, Listener, Outcome},
};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

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
    match program(&path, plugin, action) {
        Ok(program) => follow(program, folder, &values, (stop, unit::patience(action)), log),
        Err(why) => Ending::failed(why, vec![]),
    }
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
        .env("ARTIFACTS_DIRECTORY", unit::ARTIFACTS);
    Ok(if user.uid == 0 { program } else { program.user(user.uid, user.gid) })
}

fn follow(
    program: Program,
    folder: &Path,
    values: &BTreeMap<String, String>,
    (stop, stop_time): (&Stop, Duration),
    log: &mut Log,
) -> Ending {
    let log = RefCell::new(log);
    let outcome = runner::run(
        program,
        values,
        Listener {
            event: &mut |kind: Kind| log.borrow_mut().tell(kind),
            artifact: &mut |name| {
                artifact::take(&folder.join("making"), &folder.join("artifacts"), name, &stop.asked)
            },
            cancel: &stop.asked,
            stop_time,
        },
    );
    let Outcome { status, message, details } = outcome;
    Ending { status, message, details }
}
