//! A task's events, read from any byte on while the task still writes them. All text that comes out is harmless.

use crate::text::harmless;
use events::{Event, Kind, Status};
use std::{collections::VecDeque, fs::File, io, os::unix::fs::FileExt};

/// Bytes read at a time. A line that is longer than this is skipped.
const CHUNK: usize = 64 << 10;
/// Lines of output in a page; the whole is in the log.
const LINES: usize = 150;
/// Rows of all tables together in a page.
const ROWS: usize = 200;

/// Follows an events file.
pub struct Tail {
    file: File,
    offset: u64,
    rest: Vec<u8>,
}

/// An event, and the offset after it: reading on from there gives what follows.
pub struct At {
    pub after: u64,
    pub event: Event,
}

impl Tail {
    pub fn new(file: File, offset: u64) -> Tail {
        Tail { file, offset, rest: vec![] }
    }

    /// The next events; empty when there are none now.
    pub fn read(&mut self) -> io::Result<Vec<At>> {
        loop {
            let mut chunk = vec![0; CHUNK];
            let count = self.file.read_at(&mut chunk, self.offset + self.rest.len() as u64)?;
            self.rest.extend_from_slice(&chunk[..count]);
            let found = self.whole_lines();
            // a full chunk without an event: more is there
            if !found.is_empty() || count < CHUNK {
                return Ok(found);
            }
        }
    }

    fn whole_lines(&mut self) -> Vec<At> {
        let mut found = vec![];
        let mut begin = 0;
        while let Some(length) = self.rest[begin..].iter().position(|b| *b == b'\n') {
            let line = String::from_utf8_lossy(&self.rest[begin..begin + length]);
            begin += length + 1;
            // what is no event (a page asked from the middle of a line, a disk that was full) is passed over
            if let Ok(event) = Event::parse(&line) {
                found.push(At { after: self.offset + begin as u64, event: clean(event) });
            }
        }
        if begin == 0 && self.rest.len() >= 2 * CHUNK {
            begin = self.rest.len();
        }
        self.rest.drain(..begin);
        self.offset += begin as u64;
        found
    }
}

/// What a page shows of a task: the state that its events so far lead to.
#[derive(Debug, Default)]
pub struct Summary {
    /// `install`, `Install packages`, and `2 of 3`.
    pub phase_id: String,
    pub phase: String,
    pub step: Option<(u32, u32)>,
    pub percent: Option<f32>,
    pub detail: String,
    pub lines: VecDeque<String>,
    /// Lines that came before those.
    pub earlier: u64,
    pub warnings: Vec<String>,
    pub tables: Vec<(Vec<String>, Vec<Vec<String>>)>,
    pub result: Option<(Status, String, Vec<String>)>,
    /// Milliseconds since 1970 of the last event.
    pub last: u64,
    /// Where to read on.
    pub offset: u64,
}

impl Summary {
    /// Reads all that is there now.
    pub fn read(file: File) -> io::Result<Summary> {
        let mut tail = Tail::new(file, 0);
        let mut summary = Summary::default();
        loop {
            let events = tail.read()?;
            if events.is_empty() {
                return Ok(summary);
            }
            events.into_iter().for_each(|at| summary.add(at));
        }
    }

    fn add(&mut self, At { after, event }: At) {
        (self.offset, self.last) = (after, event.at);
        match event.kind {
            Kind::Phase { id, title, index, of } => {
                self.phase_id = id;
                (self.phase, self.step) = (title, index.zip(of));
                (self.percent, self.detail) = (None, String::new());
            }
            Kind::Progress { percent, detail } => (self.percent, self.detail) = (Some(percent), detail),
            Kind::Log { line, .. } => {
                self.lines.push_back(line);
                if self.lines.len() > LINES {
                    self.lines.pop_front();
                    self.earlier += 1;
                }
            }
            Kind::Warning { message } if self.warnings.len() < 50 => self.warnings.push(message),
            Kind::Table { columns, mut rows } => {
                rows.truncate(ROWS.saturating_sub(self.tables.iter().map(|t| t.1.len()).sum()));
                self.tables.push((columns, rows));
            }
            Kind::Result { status, message, details } => self.result = Some((status, message, details)),
            Kind::Warning { .. } | Kind::Artifact { .. } => {}
        }
    }
}

/// The event with every text in it made harmless.
fn clean(mut event: Event) -> Event {
    let scrub = |text: &mut String| *text = harmless(text);
    match &mut event.kind {
        Kind::Phase { id, title, .. } => [id, title].into_iter().for_each(scrub),
        Kind::Progress { percent, detail } => {
            *percent = if percent.is_finite() { percent.clamp(0.0, 100.0) } else { 0.0 };
            scrub(detail);
        }
        Kind::Log { line, .. } => scrub(line),
        Kind::Warning { message } => scrub(message),
        Kind::Artifact { name, title, .. } => std::iter::once(name).chain(title).for_each(scrub),
        Kind::Table { columns, rows } => columns.iter_mut().chain(rows.iter_mut().flatten()).for_each(scrub),
        Kind::Result { message, details, .. } => std::iter::once(message).chain(details).for_each(scrub),
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn line(text: &str) -> String {
        Event::new(5, Kind::Log { stream: events::Stream::Stdout, line: text.into() }).to_line()
    }

    #[test]
    fn it_is_followed_across_half_lines_and_resumed() {
        let mut writer = tempfile::NamedTempFile::new().unwrap();
        let mut tail = Tail::new(writer.reopen().unwrap(), 0);
        let (one, two) = (line("one"), line("t\u{1b}[1mwo"));
        let (half, rest) = two.split_at(10);
        write!(writer, "{one}{half}").unwrap();
        let first = tail.read().unwrap();
        assert_eq!((first.len(), first[0].after), (1, one.len() as u64));
        assert!(tail.read().unwrap().is_empty());
        write!(writer, "{rest}no event\n{}", line("three")).unwrap();
        let more = tail.read().unwrap();
        assert_eq!(more.len(), 2);
        assert!(matches!(&more[0].event.kind, Kind::Log { line, .. } if line == "two"));
        let mut resumed = Tail::new(writer.reopen().unwrap(), more[0].after);
        assert_eq!(resumed.read().unwrap().len(), 1);
        // from the middle of a line: that one is lost, nothing else
        assert_eq!(Tail::new(writer.reopen().unwrap(), 3).read().unwrap().len(), 2);
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let mut writer = tempfile::NamedTempFile::new().unwrap();
        writer.write_all(&vec![b'x'; 10 * CHUNK]).unwrap();
        write!(writer, "\n{}", line("after")).unwrap();
        let mut tail = Tail::new(writer.reopen().unwrap(), 0);
        assert_eq!(tail.read().unwrap().len(), 1);
        assert!(tail.rest.len() < 3 * CHUNK);
    }

    #[test]
    fn a_summary_keeps_the_end() {
        let mut writer = tempfile::NamedTempFile::new().unwrap();
        for n in 0..LINES + 7 {
            write!(writer, "{}", line(&n.to_string())).unwrap();
        }
        let summary = Summary::read(writer.reopen().unwrap()).unwrap();
        assert_eq!((summary.lines.len(), summary.earlier), (LINES, 7));
        assert_eq!(summary.lines.back().unwrap(), &(LINES + 6).to_string());
    }
}
