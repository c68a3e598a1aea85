//! The audit trail as a file: `audit.jsonl`, one line for everything that changes something, was taken away, or was refused. What stands in
//! the journal stands here too, kept apart from what else a journal forgets. What nobody signed in was refused has a file of its own,
//! `refused.jsonl`: no flood of it pushes out what was done.
//!
//! A task's end is looked up with the task for as long as that is kept, and is a line of its own from then on.

use crate::{audit::Line, state::State};
use broker_protocol::{Audit, AuditFilter, Audited, AuditedEnd, MOST_AUDITED, Reason, Refusal, Task, TaskId};
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

/// One of the trail's files.
struct Kind {
    name: &'static str,
    /// The same, before the last time that it was full.
    before: &'static str,
    /// Bytes.
    full: u64,
}

/// About 10,000 requests.
const DONE: Kind = Kind { name: "audit.jsonl", before: "audit.jsonl.1", full: 2 << 20 };
const REFUSED: Kind = Kind { name: "refused.jsonl", before: "refused.jsonl.1", full: 512 << 10 };

/// Held while a line is added, so that a full file is put aside once.
static ADDING: Mutex<()> = Mutex::new(());

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kept {
    Asked(Audited),
    Ended { task: TaskId, end: AuditedEnd },
}

/// Writes a request down. What cannot be written stops nobody: the journal has it all the same.
pub fn keep(state: &State, at: u64, line: &Line<'_>, task: Option<&TaskId>) -> io::Result<()> {
    add(state, &DONE, &asked(at, line, task))
}

/// The same of one that was refused to somebody who is not signed in.
pub fn keep_refused(state: &State, at: u64, line: &Line<'_>) -> io::Result<()> {
    add(state, &REFUSED, &asked(at, line, None))
}

fn asked(at: u64, line: &Line<'_>, task: Option<&TaskId>) -> Kept {
    let (who, session) = match line.by.split_once('/') {
        Some((who, session)) => (who, Some(session.to_owned())),
        None => (line.by, None),
    };
    Kept::Asked(Audited {
        at,
        who: short(who),
        session,
        from: line.address(),
        what: line.what.into(),
        about: short(line.about),
        result: line.result.into(),
        left_out: line.left_out,
        task: task.cloned(),
        ended: None,
    })
}

/// A task is about to be forgotten: its end is kept.
pub fn forget(state: &State, task: &Task) -> io::Result<()> {
    let Some(end) = end_of(task) else { return Ok(()) };
    add(state, &DONE, &Kept::Ended { task: task.id.clone(), end })
}

pub fn end_of(task: &Task) -> Option<AuditedEnd> {
    Some(AuditedEnd { at: task.ended?, status: task.status? })
}

/// Newest first. `end` says how a task ended that is still there.
pub fn read(
    state: &State,
    filter: &AuditFilter,
    end: impl Fn(&TaskId) -> Option<AuditedEnd>,
) -> Result<Audit, Refusal> {
    if !(1..=MOST_AUDITED).contains(&filter.lines) {
        let message = format!("1 to {MOST_AUDITED} entries at a time.");
        return Err(Refusal { reason: Reason::Invalid, message });
    }
    let (entries, mut ends) = load(state).map_err(|e| Refusal {
        reason: Reason::Failed,
        message: format!("The audit trail cannot be read: {e}."),
    })?;
    let mut audit = Audit { all: entries.len() as u64, ..Audit::default() };
    let distinct = |name: fn(&Audited) -> &String| {
        entries.iter().map(name).collect::<BTreeSet<_>>().into_iter().cloned().collect()
    };
    (audit.people, audit.actions) = (distinct(|e| &e.who), distinct(|e| &e.what));
    let found: Vec<Audited> = entries.into_iter().rev().filter(|e| fits(e, filter)).collect();
    audit.found = found.len() as u64;
    audit.entries = found.into_iter().skip(filter.skip as usize).take(filter.lines as usize).collect();
    for entry in &mut audit.entries {
        entry.ended = entry.task.as_ref().and_then(|id| ends.remove(id).or_else(|| end(id)));
    }
    Ok(audit)
}

fn fits(entry: &Audited, filter: &AuditFilter) -> bool {
    let or_any = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
    let text = || {
        let task = entry.task.as_ref().map(ToString::to_string).unwrap_or_default();
        let from = entry.from.as_deref().unwrap_or_default();
        [&entry.who, &entry.what, &entry.about, &entry.result, from, &task].join(" ").to_lowercase()
    };
    or_any(&filter.who, &entry.who)
        && or_any(&filter.what, &entry.what)
        && filter.since.is_none_or(|since| entry.at >= since)
        && (filter.words.is_empty() || {
            let text = text();
            filter.words.to_lowercase().split_whitespace().all(|word| text.contains(word))
        })
}

/// Oldest first, and the ends that are kept. A line that was cut short is passed over.
fn load(state: &State) -> io::Result<(Vec<Audited>, BTreeMap<TaskId, AuditedEnd>)> {
    let (mut entries, mut ends) = (vec![], BTreeMap::new());
    for name in [DONE.before, DONE.name, REFUSED.before, REFUSED.name] {
        let bytes = match fs::read(state.root().join(name)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        };
        for line in bytes.split(|b| *b == b'\n') {
            match serde_json::from_slice(line) {
                Ok(Kept::Asked(entry)) => entries.push(entry),
                Ok(Kept::Ended { task, end }) => drop(ends.insert(task, end)),
                Err(_) => {}
            }
        }
    }
    // each file is in order as it is
    entries.sort_by_key(|entry: &Audited| entry.at);
    Ok((entries, ends))
}

fn add(state: &State, kind: &Kind, kept: &Kept) -> io::Result<()> {
    let _one_at_a_time = ADDING.lock().unwrap_or_else(PoisonError::into_inner);
    let path = state.root().join(kind.name);
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = || rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR).map(File::from);
    let mut file = open()?;
    if file.metadata()?.len() >= kind.full {
        fs::rename(&path, state.root().join(kind.before))?;
        file = open()?;
    }
    let mut line = serde_json::to_vec(kept)?;
    line.push(b'\n');
    file.write_all(&line)
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::Status;

    fn line<'a>(what: &'a str, by: &'a str, about: &'a str) -> Line<'a> {
        Line { what, by, about, from: Some("192.0.2.7"), result: "ok", left_out: 0 }
    }

    fn all(state: &State, filter: &AuditFilter) -> Vec<String> {
        let end = |_: &TaskId| Some(AuditedEnd { at: 9, status: Status::Failed });
        let audit = read(state, &AuditFilter { lines: 10, ..filter.clone() }, end).unwrap();
        let shown = |e: &Audited| format!("{} {} {:?}", e.who, e.what, e.ended.as_ref().map(|e| e.status));
        audit.entries.iter().map(shown).collect()
    }

    #[test]
    fn the_trail_is_filtered_and_knows_how_tasks_ended() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let id = |n: u32| TaskId::try_from(format!("20260101-000000-0000000{n}")).unwrap();
        keep(&state, 1, &line("create-link", "root", "viewer"), None).unwrap();
        keep(&state, 2, &line("start upgrade", "ada/12345678", "openssl"), Some(&id(1))).unwrap();
        keep(&state, 3, &line("start refresh", "bob/12345679", ""), Some(&id(2))).unwrap();
        add(&state, &DONE, &Kept::Ended { task: id(1), end: AuditedEnd { at: 5, status: Status::Ok } })
            .unwrap();
        let every = ["bob start refresh Some(Failed)", "ada start upgrade Some(Ok)", "root create-link None"];
        assert_eq!(all(&state, &AuditFilter::default()), every);
        let with = |change: fn(&mut AuditFilter)| {
            let mut filter = AuditFilter::default();
            change(&mut filter);
            all(&state, &filter)
        };
        assert_eq!(with(|f| f.who = "ada".into()), every[1..2]);
        assert_eq!(with(|f| f.what = "create-link".into()), every[2..]);
        assert_eq!(with(|f| f.words = "OPENSSL 192".into()), every[1..2]);
        assert_eq!(with(|f| f.since = Some(3)), every[..1]);
        assert_eq!(with(|f| f.skip = 2), every[2..]);
        let whole = read(&state, &AuditFilter { lines: 1, ..AuditFilter::default() }, |_| None).unwrap();
        assert_eq!((whole.all, whole.found, whole.entries.len()), (3, 3, 1));
        assert_eq!(whole.people, ["ada", "bob", "root"]);
        assert_eq!(whole.entries[0].session.as_deref(), Some("12345679"));
        assert!(read(&state, &AuditFilter::default(), |_| None).is_err(), "no number of lines");
    }

    #[test]
    fn it_does_not_grow_for_ever_and_outlives_a_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let path = folder.path().join(DONE.name);
        keep(&state, 1, &line("who", "root", "first"), None).unwrap();
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"{\"asked\":{\"at\n").unwrap();
        file.set_len(DONE.full).unwrap();
        keep(&state, 2, &line("who", "root", "second"), None).unwrap();
        assert!(fs::metadata(&path).unwrap().len() < 1000);
        assert_eq!(all(&state, &AuditFilter::default()).len(), 2);
        fs::write(&path, vec![b'\n'; DONE.full as usize]).unwrap();
        keep(&state, 3, &line("who", "root", "third"), None).unwrap();
        assert_eq!(all(&state, &AuditFilter::default()).len(), 1, "the oldest has gone");
    }

    #[test]
    fn strangers_push_out_nothing_that_was_done() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        keep(&state, 1, &line("start upgrade", "ada/12345678", ""), None).unwrap();
        for at in 2..9 {
            keep_refused(&state, at, &line("give-code", "nobody", "")).unwrap();
            let file = File::options().append(true).open(folder.path().join(REFUSED.name)).unwrap();
            file.set_len(REFUSED.full).unwrap();
        }
        keep(&state, 9, &line("start restart", "ada/12345678", ""), None).unwrap();
        let shown = all(&state, &AuditFilter::default());
        assert_eq!(
            (shown.first().unwrap().as_str(), shown.last().unwrap().as_str()),
            ("ada start restart None", "ada start upgrade None")
        );
        assert!(shown.len() < 9, "{shown:?}");
    }
}
