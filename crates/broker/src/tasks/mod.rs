//! Tasks: each a folder `tasks/ID/` and a transient unit `appliance-task-ID.service`.
//!
//! * [`record`]: `task.json`, what the task is; written once, before it starts
//! * [`inside`]: how what lies in the folder is opened
//! * [`log`]: `events.jsonl`, what it says; its result is its last line
//! * [`rules`]: what may run beside what
//! * [`unit`]: the unit's properties: for an action, its sandbox
//! * [`starter`]: the system manager, behind a trait
//!
//! Beside those lie `artifacts/` (files taken from the action, root's), `making/` (the folder the action makes them in),
//! `came/` and `uploads/` (what was uploaded, and its copy for the action) and `secrets.json`, all three gone when it has ended. Nothing else is kept about a task, so nothing can
//! disagree: it runs when its unit does, and it has ended when it has a result.

pub(crate) mod inside;
pub mod log;
pub mod record;
pub mod rules;
pub mod starter;
pub mod unit;

use crate::{
    audit, peer, shown_once,
    state::{self, State},
    trail, upload,
};
use broker_protocol::{Artifact, Reason, Refusal, Task, TaskId, Work};
use events::{Event, Kind, Status};
use plugin::manifest::{Action, ParameterType};
use record::Record;
use rustix::fs::OFlags;
use starter::Starter;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Ended tasks that are kept.
const KEEP: usize = 200;
/// Tasks of one action whose artifacts are kept: the newest. A backup can be large.
const KEEP_ARTIFACTS: usize = 3;

/// All tasks of a state folder.
pub struct Tasks {
    state: State,
    starter: Box<dyn Starter>,
    /// Held while it is decided whether a task may start, and until it has.
    starting: Mutex<()>,
    /// The task whose unit is about to be there.
    unborn: Mutex<Option<TaskId>>,
    /// Held while a dead task gets its result.
    burying: Mutex<()>,
}

/// What to start, already checked against the role and the manifest.
pub struct Order {
    pub title: String,
    pub work: Work,
    pub by: String,
    /// For an action: its manifest's entry; `work` holds its checked values.
    pub action: Option<Action>,
}

impl Tasks {
    pub fn new(state: State, starter: Box<dyn Starter>) -> Tasks {
        Tasks { state, starter, starting: Mutex::new(()), unborn: Mutex::new(None), burying: Mutex::new(()) }
    }

    /// Newest first.
    pub fn list(&self) -> io::Result<Vec<Task>> {
        self.ids()?.into_iter().filter_map(|id| self.get(&id).transpose()).collect()
    }

    /// None when there is no such task.
    pub fn get(&self, id: &TaskId) -> io::Result<Option<Task>> {
        let folder = self.folder(id);
        let Some(record) = Record::load(&folder)? else { return Ok(None) };
        let result = match log::result(&folder)? {
            None if !self.lives(&record) => Some(self.bury(&folder, &record)?),
            other => other,
        };
        let artifacts = artifacts(&folder)?;
        let running = result.is_none();
        let (ended, status, message) = match result.map(|e| (e.at / 1000, e.kind)) {
            Some((at, Kind::Result { status, message, .. })) => (Some(at), Some(status), message),
            Some((at, _)) => (Some(at), Some(Status::Failed), String::new()),
            None => (None, None, String::new()),
        };
        let open = record.stoppable && folder.join(record::STOPPABLE).exists();
        let cancellable = running && (open || rules::why_not_cancelled(&record.work).is_none());
        let Record { id, title, work, by, started, .. } = record;
        let secrets = shown_once::count(&self.state, &id);
        Ok(Some(Task {
            id,
            title,
            work,
            by,
            started,
            ended,
            status,
            message,
            artifacts,
            cancellable,
            secrets,
        }))
    }

    /// The action that a task is; None when it is none, or is not there.
    pub fn action(&self, id: &TaskId) -> io::Result<Option<Action>> {
        Ok(Record::load(&self.folder(id))?.and_then(|record| record.action))
    }

    /// Whether an action of this plugin runs.
    pub fn changes(&self, plugin: &str) -> io::Result<bool> {
        let of = |work: &Work| match work {
            Work::Action { plugin: name, .. } | Work::Settings { appliance: name, .. } => name == plugin,
            _ => false,
        };
        Ok(self.list()?.iter().any(|task| task.status.is_none() && of(&task.work)))
    }

    pub fn starter(&self) -> &dyn Starter {
        self.starter.as_ref()
    }

    /// The events file, and how long it is now.
    pub fn events(&self, id: &TaskId) -> io::Result<Option<(File, u64)>> {
        open(&self.folder(id), log::FILE.as_ref())
    }

    pub fn artifact(&self, id: &TaskId, name: &str) -> io::Result<Option<(File, u64)>> {
        if !plugin::check::is_file_name(name) {
            return Ok(None);
        }
        open(&self.folder(id), &Path::new("artifacts").join(name))
    }

    /// Starts a task, unless another one is in its way.
    pub fn start(&self, order: Order) -> Result<Task, Refusal> {
        let _one_at_a_time = lock(&self.starting);
        let running: Vec<Task> =
            self.list().map_err(failed)?.into_iter().filter(|t| t.status.is_none()).collect();
        if let Some(message) = rules::in_the_way(&order.work, &running) {
            return Err(Refusal { reason: Reason::Busy, message });
        }
        self.prune().map_err(failed)?;
        let record = Record::new(&order).map_err(failed)?;
        let folder = self.folder(&record.id);
        *lock(&self.unborn) = Some(record.id.clone());
        let started = self.prepare_and_start(&folder, &record, order);
        *lock(&self.unborn) = None;
        started?;
        let gone = || failed(io::Error::other("the new task is not there"));
        self.get(&record.id).map_err(failed)?.ok_or_else(gone)
    }

    fn prepare_and_start(&self, folder: &Path, record: &Record, order: Order) -> Result<(), Refusal> {
        let prepared = self.prepare(record, order);
        if let Err(refusal) = prepared {
            let _ = fs::remove_dir_all(folder);
            return Err(refusal);
        }
        if let Err(why) = self.starter.start(&record.id, &unit::properties(&self.state, folder, record)) {
            // the task stays, with its failure: whoever asked can see what was wrong
            let message = format!("The system manager did not start it: {why}");
            let result = Kind::Result { status: Status::Failed, message, details: vec![] };
            log::clear(folder);
            if log::result(folder).map_err(failed)?.is_none() {
                log::append(folder, result).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Asks a task to stop, where that is safe.
    pub fn cancel(&self, id: &TaskId) -> Result<(), Refusal> {
        let refuse = |reason, message: String| Err(Refusal { reason, message });
        let Some(task) = self.get(id).map_err(failed)? else {
            return refuse(Reason::NotFound, format!("There is no task {id}."));
        };
        if task.status.is_some() {
            return refuse(Reason::Invalid, format!("“{}” has ended already.", task.title));
        }
        if let Some(why) = rules::why_not_cancelled(&task.work) {
            let folder = self.folder(id);
            let stoppable = Record::load(&folder).map_err(failed)?.is_some_and(|r| r.stoppable);
            if !stoppable || !Record::decide(&folder).map_err(failed)? {
                return refuse(Reason::Invalid, why.into());
            }
        }
        self.starter.stop(id).map_err(|why| Refusal {
            reason: Reason::Failed,
            message: format!("“{}” could not be asked to stop: {why}.", task.title),
        })
    }

    pub fn folder(&self, id: &TaskId) -> PathBuf {
        self.state.tasks().join(id.as_str())
    }

    /// Newest first.
    fn ids(&self) -> io::Result<Vec<TaskId>> {
        let names = state::names(&self.state.tasks())?;
        let mut ids: Vec<TaskId> = names.into_iter().filter_map(|n| TaskId::try_from(n).ok()).collect();
        ids.sort_by(|a, b| b.cmp(a));
        Ok(ids)
    }

    fn lives(&self, record: &Record) -> bool {
        lock(&self.unborn).as_ref() == Some(&record.id)
            || record.boot == record::boot() && self.starter.lives(&record.id)
    }

    /// Gives a task whose unit is gone its result, unless the unit did that in its last moment.
    fn bury(&self, folder: &Path, record: &Record) -> io::Result<Event> {
        let _one_at_a_time = lock(&self.burying);
        match log::result(folder)? {
            Some(event) => Ok(event),
            None => {
                let event = log::interrupted(folder, record)?;
                audit::log_end(record, &event);
                Ok(event)
            }
        }
    }

    /// Makes the folder with all that the task needs. `task.json` comes last: without it the folder is no task.
    fn prepare(&self, record: &Record, order: Order) -> Result<(), Refusal> {
        let folder = self.folder(&record.id);
        for part in ["artifacts", "making", upload::CAME, upload::GIVEN] {
            state::make_folder(&folder.join(part)).map_err(failed)?;
        }
        if order.action.is_some() {
            state::make_folder(&self.state.shown(&record.id)).map_err(failed)?;
        }
        state::new_file(&folder.join(log::FILE), OFlags::WRONLY).map_err(failed)?;
        log::reserve(&folder);
        if record.stoppable {
            state::new_file(&folder.join(record::STOPPABLE), OFlags::WRONLY).map_err(failed)?;
        }
        let values = match (&order.action, order.work) {
            (Some(action), Work::Action { parameters, .. }) => {
                Some(serde_json::to_vec(&self.give(&folder, action, parameters)?))
            }
            (_, Work::Settings { answers, .. }) => Some(serde_json::to_vec(&answers)),
            _ => None,
        };
        if let Some(bytes) = values.transpose().map_err(|e| failed(e.into()))? {
            state::write(&folder.join(record::SECRETS), &bytes).map_err(failed)?;
        }
        record.save(&folder).map_err(failed)?;
        state::sync(&self.state.tasks()).map_err(failed)
    }

    /// Hands the folder for artifacts to the action's user and the uploads to the task; the values as the program gets them.
    fn give(
        &self,
        folder: &Path,
        action: &Action,
        mut values: BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Refusal> {
        let user = peer::user(&action.user).map_err(failed)?.ok_or_else(|| Refusal {
            reason: Reason::Failed,
            message: format!("The action runs as user `{}`, who is not on this machine.", action.user),
        })?;
        for part in ["making", upload::GIVEN] {
            std::os::unix::fs::chown(folder.join(part), Some(user.uid), Some(user.gid)).map_err(failed)?;
        }
        for parameter in action.parameters.iter().filter(|p| p.kind == ParameterType::File) {
            // an optional one may be empty
            if let Some(value) = values.get_mut(&parameter.name).filter(|value| !value.is_empty()) {
                upload::hand_over(&self.state, value, &folder.join(upload::CAME).join(&parameter.name))?;
                *value = upload::seen_at(&parameter.name);
            }
        }
        Ok(values)
    }

    /// Removes the oldest ended tasks, and artifacts that newer ones have replaced.
    fn prune(&self) -> io::Result<()> {
        let mut ended = 0;
        let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
        for id in self.ids()? {
            let folder = self.folder(&id);
            let Some(task) = self.get(&id)? else {
                // a record that this version cannot read is left to the one that wrote it
                if !folder.join(record::FILE).exists() {
                    fs::remove_dir_all(&folder)?; // was never finished: see `prepare`
                }
                continue;
            };
            if task.status.is_none() {
                continue;
            }
            ended += 1;
            if ended >= KEEP {
                trail::forget(&self.state, &task)?;
                fs::remove_dir_all(&folder)?;
                continue;
            }
            if let Work::Action { plugin, action, .. } = task.work
                && !task.artifacts.is_empty()
            {
                let count = seen.entry((plugin, action)).or_default();
                *count += 1;
                if *count > KEEP_ARTIFACTS {
                    fs::remove_dir_all(folder.join("artifacts"))?;
                }
            }
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn artifacts(folder: &Path) -> io::Result<Vec<Artifact>> {
    let mut artifacts: Vec<Artifact> =
        inside::files(folder, "artifacts")?.into_iter().map(|(name, size)| Artifact { name, size }).collect();
    artifacts.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(artifacts)
}

fn open(folder: &Path, path: &Path) -> io::Result<Option<(File, u64)>> {
    let Some(file) = inside::file(folder, path, OFlags::RDONLY)? else { return Ok(None) };
    let size = file.metadata()?.len();
    Ok(Some((file, size)))
}

fn failed(error: io::Error) -> Refusal {
    let way_out = match error.kind() {
        io::ErrorKind::StorageFull => " The disk is full: remove something and try again.",
        _ => "",
    };
    Refusal {
        reason: Reason::Failed,
        message: format!("The machine cannot keep the task: {error}.{way_out}"),
    }
}

#[cfg(test)]
mod tests;
