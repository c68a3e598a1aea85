//! Fetches updates and reads what they say of themselves, before anything is installed.

use super::{
    Ending, Stop,
    packages::{LOCK_WAIT, failed, phase, wait_for_others, work_of},
};
use crate::{
    plan,
    state::{self, State},
    tasks::log::Log,
};
use apt::{Apt, Error, space};
use broker_protocol::{Conffile, Update};
use events::Kind;
use std::{fs, io, path::Path};

/// Fetches updates and looks into them.
pub fn download(packages: &[String], root: &Path, stop: &Stop, log: &mut Log) -> Ending {
    match downloaded(packages, root, stop, log) {
        _ if stop.interrupter.interrupted() => Ending::cancelled(),
        Ok(ending) => ending,
        Err(error) => failed(&error),
    }
}

fn downloaded(packages: &[String], root: &Path, stop: &Stop, log: &mut Log) -> Result<Ending, Error> {
    phase(log, "download", "Downloading the updates", 1, 2);
    wait_for_others(log, &stop.interrupter);
    let apt = Apt { lock_wait: LOCK_WAIT, interrupter: stop.interrupter.clone(), ..Apt::default() };
    let work = work_of(packages);
    let plan = apt.plan(&work)?;
    if let Some(shortage) = space::shortage(&plan)? {
        return Ok(Ending::failed(
            format!("There is too little room: {shortage}. Nothing was downloaded."),
            vec![],
        ));
    }
    apt.download(&work, &mut |kind| log.tell(kind))?;
    phase(log, "look", "Looking into the packages", 2, 2);
    let names: Vec<String> =
        plan.changes.iter().filter(|c| c.from.is_some()).map(|c| c.name.clone()).collect();
    let changed: Vec<_> = apt::conffiles::changed(&names)?
        .into_iter()
        .map(|c| Conffile { package: c.package, path: c.path, removed: c.removed })
        .collect();
    let updates = plan::from_apt(plan).updates;
    let kept = keep_previews(&updates, &changed, root, log).map_err(|source| Error::File {
        operation: "write to",
        path: root.into(),
        source,
    })?;
    Ok(Ending::ok(match kept {
        1 => "1 update is downloaded; nothing was installed.".to_string(),
        count => format!("{count} updates are downloaded; nothing was installed."),
    }))
}

/// Writes down what each update says of itself; how many there are.
fn keep_previews(updates: &[Update], changed: &[Conffile], root: &Path, log: &mut Log) -> io::Result<usize> {
    let state = State::open(root)?;
    let _ = fs::remove_dir_all(state.previews());
    state::make_folder(&state.previews())?;
    let mut kept = 0;
    for (at, update) in updates.iter().enumerate() {
        let percent = at as f32 * 100.0 / updates.len() as f32;
        log.tell(Kind::Progress { percent, detail: format!("Reading {}", update.name) });
        match plan::look_into(update, changed) {
            Ok(Some(changes)) => {
                state::write(&state.preview(&update.name), &serde_json::to_vec(&changes)?)?;
                kept += 1;
            }
            Ok(None) => {}
            Err(error) => log.tell(Kind::Warning { message: format!("{}: {error}", update.name) }),
        }
    }
    Ok(kept)
}
