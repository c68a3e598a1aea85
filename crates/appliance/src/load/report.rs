//! The list of mistakes while it grows.

use super::tree::Node;
use crate::{
    names::Mistake,
    problem::{Kind, Problem, Source},
};
use std::ops::Range;

/// More are not told: nobody reads them, and a hostile file could have a million.
const LIMIT: usize = 500;

pub struct Report<'a> {
    pub source: Source<'a>,
    problems: Vec<Problem>,
}

impl<'a> Report<'a> {
    pub fn new(source: Source<'a>) -> Self {
        Report { source, problems: vec![] }
    }

    /// A mistake in `appliance.toml` at a place in bytes.
    pub fn add(&mut self, kind: Kind, place: &Range<usize>, mistake: Mistake) {
        let problem = self.source.problem(kind, place.clone(), mistake);
        self.push(problem);
    }

    /// A mistake inside a text: marked at its byte where the text is written as it is read, else as a whole.
    pub fn add_in_text(&mut self, kind: Kind, node: &Node, mistake: Mistake) {
        if node.is_hole {
            return;
        }
        let mut place = node.place.clone();
        let written = self.source.text.get(place.start + 1..place.end.saturating_sub(1));
        if mistake.at > 0 && written.is_some() && written == node.text() {
            place = (place.start + 1 + mistake.at).min(place.end - 1)..place.end - 1;
        }
        self.add(kind, &place, mistake);
    }

    pub fn push(&mut self, problem: Problem) {
        if self.problems.len() < LIMIT {
            self.problems.push(problem);
        }
    }

    /// In the order of files and lines; the definition's own file comes first.
    pub fn into_problems(mut self) -> Vec<Problem> {
        let own = self.source.name;
        self.problems.sort_by(|a, b| {
            (a.file != own, &a.file, a.line, a.column).cmp(&(b.file != own, &b.file, b.line, b.column))
        });
        self.problems.dedup();
        self.problems
    }
}
