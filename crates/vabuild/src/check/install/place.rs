//! Where in `appliance.toml` a seed or a key stands.

use appliance::{
    Problem,
    names::Mistake,
    problem::{Kind, Source},
};
use std::ops::Range;

/// A definition's text.
pub struct Places<'a> {
    source: Source<'a>,
    /// Where each table begins: its header and the place of its first line.
    tables: Vec<(&'a str, usize)>,
}

impl<'a> Places<'a> {
    pub fn new(name: &str, text: &'a str) -> Self {
        let mut at = 0;
        let mut tables = vec![];
        for line in text.split_inclusive('\n') {
            let bare = line.split('#').next().unwrap_or_default().trim();
            if bare.starts_with('[') && bare.ends_with(']') {
                tables.push((bare, at));
            }
            at += line.len();
        }
        Places { source: Source::new(name, text), tables }
    }

    /// A mistake in the `index`th seed (from 0), at this key of it, or at its beginning.
    pub fn seed(&self, index: usize, key: &str, kind: Kind, mistake: Mistake) -> Problem {
        self.at("[[seed]]", index, key, kind, mistake)
    }

    /// A mistake in what follows from the `index`th database (from 0): at its package.
    pub fn database(&self, index: usize, kind: Kind, mistake: Mistake) -> Problem {
        self.at("[[database]]", index, "package", kind, mistake)
    }

    /// A mistake at a key of `[appliance]`.
    pub fn appliance(&self, key: &str, kind: Kind, mistake: Mistake) -> Problem {
        self.at("[appliance]", 0, key, kind, mistake)
    }

    /// The mistake at the first place where this text stands in quotes.
    pub fn text(&self, text: &str, kind: Kind, mistake: Mistake) -> Problem {
        let quoted = format!("\"{text}\"");
        let at = self.source.text.find(&quoted).map_or(0..0, |at| at..at + quoted.len());
        self.source.problem(kind, at, mistake)
    }

    fn at(&self, header: &str, index: usize, key: &str, kind: Kind, mistake: Mistake) -> Problem {
        let mut these = (0..self.tables.len()).filter(|i| self.tables[*i].0.replace(' ', "") == header);
        let place = these.nth(index).map_or(0..0, |i| self.key(i, key));
        self.source.problem(kind, place, mistake)
    }

    /// The value of a key in a table, or the table's header.
    fn key(&self, table: usize, key: &str) -> Range<usize> {
        let (header, start) = self.tables[table];
        let end = self.tables.get(table + 1).map_or(self.source.text.len(), |(_, at)| *at);
        let mut at = start;
        for line in self.source.text[start..end].split_inclusive('\n') {
            if let Some((name, value)) = line.split_once('=')
                && name.trim() == key
            {
                let begin = at + name.len() + 1 + (value.len() - value.trim_start().len());
                return begin..begin + value.trim().len();
            }
            at += line.len();
        }
        start..start + header.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_seeds_key() {
        let text = "[appliance]\npackages = [\"a\"]\n\n[[seed]] # one\nquestion = \"a/b\"\n\n[[seed]]\nvalue =  \"x\"\nquestion = \"c/d\"\n";
        let places = Places::new("appliance.toml", text);
        let at = |p: Problem| (p.line, p.column);
        assert_eq!(at(places.seed(0, "question", Kind::Seed, Mistake::new("m"))), (5, 12));
        assert_eq!(at(places.seed(1, "value", Kind::Seed, Mistake::new("m"))), (8, 10));
        assert_eq!(at(places.seed(1, "type", Kind::Seed, Mistake::new("m"))), (7, 1));
        assert_eq!(at(places.appliance("packages", Kind::Seed, Mistake::new("m"))), (2, 12));
        // written in another way: the file is named at least
        assert_eq!(at(places.seed(7, "value", Kind::Seed, Mistake::new("m"))), (1, 1));
    }
}
