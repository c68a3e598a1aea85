//! What a page shows of a task: the state that its events so far lead to.
//!
//! A log may have millions of lines, and a page shows the last few: so lines of output are only counted on the way, told by how an event
//! begins, and those that are shown are read again at the end. Asked again, it goes on where it was.

use crate::log;
use events::{Event, Kind, Status};
use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    os::unix::fs::FileExt,
};

/// Lines of output in a page; the whole is in the log.
const LINES: usize = 150;
/// Rows of all tables together in a page; tables, and warnings.
const ROWS: usize = 200;
const PARTS: usize = 50;
/// Texts in a page.
const TEXTS: usize = 10;
/// Bytes read at a time, and of the longest line that is looked at.
const CHUNK: usize = 256 << 10;

#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// `install`, `Install packages`, and `2 of 3`.
    pub phase_id: String,
    pub phase: String,
    pub step: Option<(u32, u32)>,
    pub percent: Option<f32>,
    pub detail: String,
    pub lines: Vec<String>,
    /// Lines that came before those.
    pub earlier: u64,
    pub warnings: Vec<String>,
    pub tables: Vec<(Vec<String>, Vec<Vec<String>>)>,
    /// Titles, perhaps empty, and texts of several lines.
    pub texts: Vec<(String, String)>,
    pub result: Option<(Status, String, Vec<String>)>,
    /// Milliseconds since 1970 of the last event.
    pub last: u64,
    /// Where to read on.
    pub offset: u64,
}

/// Reads a log up to its end, time and again.
#[derive(Debug, Default)]
pub struct Scan {
    /// What is known without the lines of output.
    so_far: Summary,
    /// Where the last lines of output are: offset and length.
    lines: VecDeque<(u64, usize)>,
    /// The last word on how far it is, and the last of all events.
    progress: Option<(u64, usize)>,
    last: Option<(u64, usize)>,
    /// What comes next belongs to a line that was too long.
    torn: bool,
}

impl Scan {
    /// The state at the end of what is there now.
    pub fn go_on(&mut self, file: &File) -> io::Result<Summary> {
        let mut reader = BufReader::with_capacity(CHUNK, From { file, offset: self.so_far.offset });
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = (&mut reader).take(CHUNK as u64).read_until(b'\n', &mut line)?;
            let whole = line.last() == Some(&b'\n');
            if !whole && length < CHUNK {
                // still being written, or the end
                return self.tell(file);
            }
            // the pieces of a line that is too long are no events
            if whole && !self.torn {
                self.add(&line);
            }
            self.torn = !whole;
            self.so_far.offset += length as u64;
        }
    }

    fn add(&mut self, line: &[u8]) {
        let here = (self.so_far.offset, line.len());
        self.last = Some(here);
        match beginning(line) {
            b"log" => {
                self.lines.push_back(here);
                if self.lines.len() > LINES {
                    self.lines.pop_front();
                    self.so_far.earlier += 1;
                }
            }
            b"progress" => self.progress = Some(here),
            // of these there may be many, too
            b"warning" if self.so_far.warnings.len() >= PARTS => {}
            b"table" if self.so_far.tables.len() >= PARTS => {}
            b"text" if self.so_far.texts.len() >= TEXTS => {}
            _ => {
                if let Some(event) = log::parse(line) {
                    self.understand(event);
                }
            }
        }
    }

    fn understand(&mut self, event: Event) {
        let so_far = &mut self.so_far;
        match event.kind {
            Kind::Phase { id, title, index, of } => {
                (so_far.phase_id, so_far.phase, so_far.step) = (id, title, index.zip(of));
                self.progress = None;
            }
            Kind::Warning { message } => so_far.warnings.push(message),
            Kind::Table { columns, mut rows } => {
                rows.truncate(ROWS.saturating_sub(so_far.tables.iter().map(|t| t.1.len()).sum()));
                so_far.tables.push((columns, rows));
            }
            Kind::Text { title, text } => so_far.texts.push((title.unwrap_or_default(), text)),
            Kind::Result { status, message, details } => so_far.result = Some((status, message, details)),
            // written by us, these begin as they are expected to
            Kind::Log { .. } | Kind::Progress { .. } | Kind::Artifact { .. } | Kind::Secret { .. } => {}
        }
    }

    fn tell(&self, file: &File) -> io::Result<Summary> {
        let mut summary = self.so_far.clone();
        let event = |(offset, length): (u64, usize)| -> io::Result<Option<Event>> {
            let mut bytes = vec![0; length];
            file.read_exact_at(&mut bytes, offset)?;
            Ok(log::parse(&bytes))
        };
        for at in &self.lines {
            if let Some(Event { kind: Kind::Log { line, .. }, .. }) = event(*at)? {
                summary.lines.push(line);
            }
        }
        if let Some(at) = self.progress
            && let Some(Event { kind: Kind::Progress { percent, detail }, .. }) = event(at)?
        {
            (summary.percent, summary.detail) = (Some(percent), detail);
        }
        if let Some(at) = self.last
            && let Some(event) = event(at)?
        {
            summary.last = event.at;
        }
        Ok(summary)
    }
}

/// The kind of an event by how its line begins: `{"v":1,"at":1764000000123,"event":"log"`. Empty when it begins otherwise.
fn beginning(line: &[u8]) -> &[u8] {
    let kind = || {
        let rest = line.strip_prefix(b"{\"v\":1,\"at\":")?;
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let rest = rest[digits..].strip_prefix(b",\"event\":\"")?;
        Some(&rest[..rest.iter().take(16).position(|b| *b == b'"')?])
    };
    kind().unwrap_or_default()
}

/// Reads a file that others read, too.
struct From<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for From<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::Stream;
    use std::io::Write;

    fn line(text: &str) -> String {
        Event::new(5, Kind::Log { stream: Stream::Stdout, line: text.into() }).to_line()
    }

    #[test]
    fn a_summary_keeps_the_end_and_goes_on() {
        let mut writer = tempfile::NamedTempFile::new().unwrap();
        let file = writer.reopen().unwrap();
        for n in 0..LINES + 7 {
            write!(writer, "{}", line(&n.to_string())).unwrap();
        }
        let mut scan = Scan::default();
        let summary = scan.go_on(&file).unwrap();
        assert_eq!((summary.lines.len(), summary.earlier, summary.last), (LINES, 7, 5));
        assert_eq!(summary.lines.last().unwrap(), &(LINES + 6).to_string());
        let last = line("t\u{1b}[1mwo");
        let (half, rest) = last.split_at(10);
        write!(writer, "{half}").unwrap();
        assert_eq!(scan.go_on(&file).unwrap().offset, summary.offset);
        writeln!(writer, "{rest}no event").unwrap();
        let summary = scan.go_on(&file).unwrap();
        assert_eq!((summary.lines.last().unwrap().as_str(), summary.earlier), ("two", 8));
    }

    #[test]
    fn everything_else_is_understood_wherever_it_stands() {
        let mut writer = tempfile::NamedTempFile::new().unwrap();
        let mut say = |kind: Kind| write!(writer, "{}", Event::new(7, kind).to_line()).unwrap();
        let progress = |percent| Kind::Progress { percent, detail: format!("{percent} %") };
        let phase = |id: &str| Kind::Phase { id: id.into(), title: id.into(), index: Some(1), of: Some(2) };
        say(phase("download"));
        say(progress(50.0));
        for n in 0..300 {
            say(Kind::Warning { message: format!("warning {n}") });
            say(Kind::Table { columns: vec!["a".into()], rows: vec![vec!["b".into()]; 30] });
        }
        say(phase("install"));
        let mut scan = Scan::default();
        let summary = scan.go_on(writer.as_file()).unwrap();
        assert_eq!((summary.phase.as_str(), summary.percent, summary.step), ("install", None, Some((1, 2))));
        assert_eq!((summary.warnings.len(), summary.tables.len()), (PARTS, PARTS));
        assert_eq!(summary.tables.iter().map(|t| t.1.len()).sum::<usize>(), ROWS);
        write!(writer, "{}{}", Event::new(8, progress(10.0)).to_line(), "x".repeat(5 * CHUNK)).unwrap();
        let end = Kind::Result { status: Status::Ok, message: "done".into(), details: vec![] };
        write!(writer, "\n{}", Event::new(9, end).to_line()).unwrap();
        let summary = scan.go_on(writer.as_file()).unwrap();
        assert_eq!((summary.percent, summary.last), (Some(10.0), 9));
        assert_eq!(summary.result.unwrap().1, "done");
        assert_eq!(summary.offset, writer.as_file().metadata().unwrap().len());
    }
}
