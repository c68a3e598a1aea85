//! `events.jsonl`: what a task says. One write for each line, so that a reader who follows the file sees whole lines, and
//! a line that a kill cut short is the last one.

use super::{
    inside,
    record::{self, Record},
};
use crate::{state, upload};
use events::{Event, Kind, Status};
use rustix::fs::OFlags;
use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

pub const FILE: &str = "events.jsonl";
/// Bytes after which output and progress are left out.
pub const LIMIT: u64 = 256 << 20;
/// Bytes of one line of output; of a result's message and each of its details.
const TEXT_LIMIT: usize = 8 << 10;
const DETAILS: usize = 20;
/// Room for the result's line, held from the beginning: a task on a full disk says so.
const RESERVE: &str = "reserve";
const RESERVED: usize = 256 << 10;
/// A result's line is never longer.
const RESULT_LIMIT: u64 = 512 << 10;

/// The writing side, in the task.
pub struct Log {
    file: File,
    written: u64,
    limit: u64,
    truncated: bool,
    /// The first event that could not be written.
    lost: Option<io::Error>,
    /// Part of an event may have been written.
    torn: bool,
    /// Never written: values of password parameters.
    secrets: Vec<String>,
}

impl Log {
    /// Opens the file that the broker has made.
    pub fn open(folder: &Path) -> io::Result<Log> {
        let found = inside::file(folder, FILE, OFlags::RDWR | OFlags::APPEND)?;
        let mut file = found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the log is gone"))?;
        end_torn_line(&mut file)?;
        let written = file.metadata()?.len();
        Ok(Log { file, written, limit: LIMIT, truncated: false, lost: None, torn: false, secrets: vec![] })
    }

    #[cfg(test)]
    pub fn with_limit(mut self, limit: u64) -> Log {
        self.limit = limit;
        self
    }

    /// Leaves these out of everything that is written.
    pub fn hide(&mut self, secrets: impl IntoIterator<Item = String>) {
        // a shorter one would hide half of every sentence
        self.secrets.extend(secrets.into_iter().filter(|s| s.len() >= 4));
    }

    /// Writes an event. Output and progress beyond the limit are left out, with one warning that says so.
    pub fn say(&mut self, mut kind: Kind) -> io::Result<()> {
        self.tidy(&mut kind);
        let bulk = !matches!(kind, Kind::Result { .. } | Kind::Phase { .. });
        if bulk && self.written >= self.limit {
            if self.truncated {
                return Ok(());
            }
            self.truncated = true;
            let message = format!(
                "The log has reached {} MiB. The work goes on; what follows is left out.",
                self.limit >> 20
            );
            kind = Kind::Warning { message };
        }
        let line = Event::new(state::now_ms(), kind).to_line();
        self.written += line.len() as u64;
        if self.torn {
            end_torn_line(&mut self.file)?;
        }
        let written = self.file.write_all(line.as_bytes());
        self.torn = written.is_err();
        written
    }

    /// Writes an event; one that cannot be written stops no work, and is told with the result.
    pub fn tell(&mut self, kind: Kind) {
        if let Err(error) = self.say(kind) {
            self.lost.get_or_insert(error);
        }
    }

    /// Writes the result, durably.
    pub fn end(&mut self, status: Status, mut message: String, details: Vec<String>) -> io::Result<()> {
        if let Some(error) = &self.lost {
            message.push_str(&format!(" Parts of this log could not be written: {error}."));
        }
        self.say(Kind::Result { status, message, details })?;
        self.file.sync_all()
    }

    fn tidy(&self, kind: &mut Kind) {
        let tidy = |text: &mut String, most: usize| {
            for secret in &self.secrets {
                if text.contains(secret.as_str()) {
                    *text = text.replace(secret.as_str(), "********");
                }
            }
            *text = clean(text, most);
        };
        match kind {
            Kind::Phase { id, title, .. } => [id, title].into_iter().for_each(|t| tidy(t, TEXT_LIMIT)),
            Kind::Progress { detail, .. } => tidy(detail, TEXT_LIMIT),
            Kind::Log { line, .. } => tidy(line, 64 << 10),
            Kind::Warning { message } => tidy(message, TEXT_LIMIT),
            Kind::Artifact { title, .. } => title.iter_mut().for_each(|t| tidy(t, TEXT_LIMIT)),
            Kind::Table { columns, rows } => {
                columns.iter_mut().chain(rows.iter_mut().flatten()).for_each(|t| tidy(t, TEXT_LIMIT));
            }
            Kind::Text { title, text } => {
                title.iter_mut().for_each(|t| tidy(t, TEXT_LIMIT));
                tidy(text, 64 << 10);
            }
            Kind::Secret { label } => tidy(label, TEXT_LIMIT),
            Kind::Result { message, details, .. } => {
                details.truncate(DETAILS);
                tidy(message, TEXT_LIMIT);
                details.iter_mut().for_each(|t| tidy(t, TEXT_LIMIT));
            }
        }
    }
}

/// Without control characters, which could rewrite a terminal that the log is shown in, and at most so many bytes.
fn clean(text: &str, most: usize) -> String {
    let mut clean: String = text
        .chars()
        .map(|c| if c.is_control() && !matches!(c, '\t' | '\n') { '\u{fffd}' } else { c })
        .collect();
    if clean.len() > most {
        let end = (0..=most).rev().find(|i| clean.is_char_boundary(*i)).unwrap_or(0);
        clean.truncate(end);
        clean.push_str(" […]");
    }
    clean
}

/// The result, when the task has one.
pub fn result(folder: &Path) -> io::Result<Option<Event>> {
    let Some(mut file) = inside::file(folder, FILE, OFlags::RDONLY)? else { return Ok(None) };
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(RESULT_LIMIT)))?;
    let mut tail = vec![];
    file.take(RESULT_LIMIT).read_to_end(&mut tail)?;
    let Some(whole) = tail.strip_suffix(b"\n") else { return Ok(None) };
    let last = whole.rsplit(|b| *b == b'\n').next().unwrap_or_default();
    let event = std::str::from_utf8(last).ok().and_then(|line| Event::parse(line).ok());
    Ok(event.filter(|e| matches!(e.kind, Kind::Result { .. })))
}

/// Adds one event to the log of a task whose own process is not there.
pub fn append(folder: &Path, kind: Kind) -> io::Result<Event> {
    let mut log = Log::open(folder)?;
    let mut kind = kind;
    log.tidy(&mut kind);
    let event = Event::new(state::now_ms(), kind);
    log.file.write_all(event.to_line().as_bytes())?;
    log.file.sync_all()?;
    Ok(event)
}

/// Gives a task that is no more the result that it could not write itself.
pub fn interrupted(folder: &Path, record: &Record) -> io::Result<Event> {
    let why = if record.boot == record::boot() { "its process is gone" } else { "the machine was restarted" };
    let message = format!("It was interrupted: {why} before it had ended.");
    let result = Kind::Result { status: Status::Failed, message, details: vec![] };
    clear(folder);
    match renew(folder).and_then(|()| append(folder, result.clone())) {
        // nothing can be written now: it is said all the same, and written another time
        Err(e) if e.kind() == io::ErrorKind::StorageFull => Ok(Event::new(record.started * 1000, result)),
        other => other,
    }
}

/// A new log, where the task's program put something else in its place.
fn renew(folder: &Path) -> io::Result<()> {
    if inside::file(folder, FILE, OFlags::RDONLY)?.is_some() {
        return Ok(());
    }
    let path = folder.join(FILE);
    // what is left is an error of the next line
    let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
    state::new_file(&path, OFlags::WRONLY).map(drop)
}

/// Takes the room that the result will need. Without it a task that makes room can still begin.
pub fn reserve(folder: &Path) {
    let path = folder.join(RESERVE);
    if fs::write(&path, vec![0; RESERVED]).is_err() {
        let _ = fs::remove_file(&path);
    }
}

/// Removes what only a running task needs, secrets first. Comes before the last line is written: on a full disk, removing is
/// what still works, and makes room for that line.
pub fn clear(folder: &Path) {
    // best effort: pruning removes the whole folder in the end
    for file in [record::SECRETS, RESERVE] {
        let _ = fs::remove_file(folder.join(file));
    }
    for part in ["making", upload::CAME, upload::GIVEN] {
        let _ = fs::remove_dir_all(folder.join(part));
    }
}

/// Ends a line that was cut short, so that the next one stands alone.
fn end_torn_line(file: &mut File) -> io::Result<()> {
    if file.metadata()?.len() == 0 {
        return Ok(());
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    if last == *b"\n" { Ok(()) } else { file.write_all(b"\n") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::Stream;

    fn with(test: impl FnOnce(&Path)) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "").unwrap();
        test(folder.path());
    }

    fn line(text: &str) -> Kind {
        Kind::Log { stream: Stream::Stdout, line: text.into() }
    }

    #[test]
    fn a_task_has_ended_when_its_last_line_is_a_result() {
        with(|folder| {
            assert!(result(folder).unwrap().is_none());
            let mut log = Log::open(folder).unwrap();
            log.say(line("a")).unwrap();
            assert!(result(folder).unwrap().is_none());
            log.end(Status::Ok, "done".into(), vec!["x".repeat(100_000); 50]).unwrap();
            assert!(matches!(result(folder).unwrap().unwrap().kind, Kind::Result { status: Status::Ok, .. }));
            fs::remove_file(folder.join(FILE)).unwrap();
            assert!(result(folder).unwrap().is_none());
        });
    }

    #[test]
    fn a_torn_line_is_ended_and_the_result_found() {
        with(|folder| {
            fs::write(folder.join(FILE), "{\"v\":1,\"at\":1,\"event\":\"log\",\"str").unwrap();
            append(
                folder,
                Kind::Result { status: Status::Failed, message: "killed".into(), details: vec![] },
            )
            .unwrap();
            let text = fs::read_to_string(folder.join(FILE)).unwrap();
            assert_eq!(text.lines().count(), 2);
            assert!(result(folder).unwrap().is_some());
        });
    }

    #[test]
    fn the_log_is_bounded_and_says_so_and_keeps_its_result() {
        with(|folder| {
            let mut log = Log::open(folder).unwrap().with_limit(10_000);
            for _ in 0..1000 {
                log.say(line(&"x".repeat(50))).unwrap();
            }
            log.end(Status::Ok, "done".into(), vec![]).unwrap();
            let text = fs::read_to_string(folder.join(FILE)).unwrap();
            assert!(text.len() < 11_000, "{}", text.len());
            assert_eq!(text.matches("left out").count(), 1);
            assert!(result(folder).unwrap().is_some());
        });
    }

    #[test]
    fn secrets_and_control_characters_stay_out() {
        with(|folder| {
            let mut log = Log::open(folder).unwrap();
            log.hide(["hunter22".to_string(), "a".to_string()]);
            log.say(line("password is hunter22\u{1b}[2J and a letter")).unwrap();
            log.end(Status::Failed, "hunter22".into(), vec!["hunter22".into()]).unwrap();
            let text = fs::read_to_string(folder.join(FILE)).unwrap();
            assert!(
                !text.contains("hunter22") && !text.contains("u001b") && text.contains("and a letter"),
                "{text}"
            );
        });
    }

    #[test]
    fn a_cut_text_stays_utf8() {
        assert_eq!(clean("ääää", 5), "ää […]");
        assert_eq!(clean("abc", 3), "abc");
    }
}
