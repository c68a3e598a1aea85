//! A task's events, read from any byte on while the task still writes them. All text that comes out is harmless.

use crate::text::harmless;
use events::{Event, Kind};
use std::{fs::File, io, os::unix::fs::FileExt};

/// Bytes read at a time. A line that is longer than this is skipped.
const CHUNK: usize = 64 << 10;
/// Follows an events file.
pub struct Tail {
    file: File,
    offset: u64,
}

/// An event, and the offset after it: reading on from there gives what follows.
pub struct At {
    pub after: u64,
    pub event: Event,
}

impl Tail {
    pub fn new(file: File, offset: u64) -> Tail {
        Tail { file, offset }
    }

    /// The next events; empty when there are none now.
    pub fn read(&mut self) -> io::Result<Vec<At>> {
        let (events, after) = read(&self.file, self.offset)?;
        self.offset = after;
        Ok(events)
    }
}

/// The events from that byte on, as many as a chunk holds, and where to go on. Without any there are none now.
pub fn read(file: &File, mut offset: u64) -> io::Result<(Vec<At>, u64)> {
    let mut size = CHUNK;
    // asked several times a second, mostly for nothing
    while file.metadata()?.len() > offset {
        let mut bytes = vec![0; size];
        let count = file.read_at(&mut bytes, offset)?;
        let Some(last) = bytes[..count].iter().rposition(|b| *b == b'\n') else {
            match count < size {
                true => break,
                // a line that does not end is passed over
                false if size > CHUNK => (offset, size) = (offset + count as u64, CHUNK),
                false => size *= 2,
            }
            continue;
        };
        let found = whole_lines(&bytes[..=last], offset);
        offset += last as u64 + 1;
        // a full chunk without an event: more is there
        if !found.is_empty() || count < size {
            return Ok((found, offset));
        }
    }
    Ok((vec![], offset))
}

fn whole_lines(bytes: &[u8], mut after: u64) -> Vec<At> {
    let mut found = vec![];
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        after += line.len() as u64;
        // what is no event (a page asked from the middle of a line, a disk that was full) is passed over
        if let Some(event) = parse(line) {
            found.push(At { after, event });
        }
    }
    found
}

/// One line, its end included or not.
pub fn parse(line: &[u8]) -> Option<Event> {
    let line = String::from_utf8_lossy(line);
    Event::parse(line.trim_end_matches('\n')).ok().map(clean)
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
        Kind::Text { title, text } => {
            title.iter_mut().for_each(scrub);
            *text = crate::text::lines(text);
        }
        Kind::Secret { label } => scrub(label),
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
    }
}
