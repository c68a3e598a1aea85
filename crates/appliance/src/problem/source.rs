//! A text with its lines: from a place in bytes to a line, a column and what to show of it.

use super::{Kind, Problem, Snippet, printable};
use crate::names::Mistake;
use std::ops::Range;

/// Characters of a line that are shown, and how many of them stand before the mark.
const SHOWN: usize = 120;
const BEFORE: usize = 60;

/// A file's name and text.
pub struct Source<'a> {
    pub name: String,
    pub text: &'a str,
    /// Where each line begins.
    starts: Vec<usize>,
}

impl<'a> Source<'a> {
    pub fn new(name: impl Into<String>, text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        Source { name: name.into(), text, starts }
    }

    /// The mistake at a place in bytes, of which the first line is shown.
    pub fn problem(&self, kind: Kind, place: Range<usize>, mistake: Mistake) -> Problem {
        let start = self.boundary(place.start);
        let line = self.line(start);
        let begin = self.starts[line - 1];
        let end = self.starts.get(line).map_or(self.text.len(), |next| next - 1);
        let before = &self.text[begin..start];
        let marked = &self.text[start..self.boundary(place.end).clamp(start, end.max(start))];
        let after = &self.text[start + marked.len()..end.max(start + marked.len())];
        Problem {
            kind,
            file: self.name.clone(),
            line,
            column: before.chars().count() + 1,
            message: mistake.message,
            help: mistake.help,
            snippet: Some(snippet(before, marked, after)),
        }
    }

    /// The line of a place in bytes, counted from 1.
    pub fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|s| *s <= at).max(1)
    }

    /// The nearest place before that does not cut a character.
    fn boundary(&self, at: usize) -> usize {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

fn snippet(before: &str, marked: &str, after: &str) -> Snippet {
    let clean = |s: &str| printable(&s.replace('\t', " ").replace('\r', ""));
    let skip = before.chars().count().saturating_sub(BEFORE);
    let cut = if skip > 0 { "…" } else { "" };
    let before = format!("{cut}{}", clean(&before.chars().skip(skip).collect::<String>()));
    let marked = clean(&marked.chars().take(SHOWN).collect::<String>());
    let after = clean(&after.chars().take(SHOWN).collect::<String>());
    let mark = before.chars().count();
    let mut text: String = format!("{before}{marked}{after}").chars().take(mark + SHOWN).collect();
    text.truncate(text.trim_end().len());
    let width = marked.chars().count().clamp(1, SHOWN);
    Snippet { text, mark, width }
}
