//! Reading a po file (gettext's manual, "The Format of PO Files").

use super::{Catalog, Entry, Wrong};
use crate::names::Mistake;
use std::{collections::BTreeMap, ops::Range};

/// The entries, or everything that is wrong, in order.
pub fn parse(text: &str) -> Result<Catalog, Vec<Wrong>> {
    let mut reader = Reader::default();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let plain = line.trim();
        let start = at + line.len() - line.trim_start().len();
        reader.line(plain, start..start + plain.len());
        at += line.len();
    }
    reader.end_entry();
    reader.check();
    if reader.wrong.is_empty() { Ok(reader.catalog) } else { Err(reader.wrong) }
}

#[derive(Default)]
struct Reader {
    catalog: Catalog,
    wrong: Vec<Wrong>,
    entry: Entry,
    /// Of the entry being read: where its `msgid` stands, and whether its `msgstr` was there.
    id: Option<Range<usize>>,
    has_text: bool,
    /// Of each entry.
    places: Vec<Range<usize>>,
}

impl Reader {
    fn line(&mut self, line: &str, place: Range<usize>) {
        let (line, obsolete) = match line.strip_prefix("#~") {
            Some(rest) => (rest.trim_start(), true),
            None => (line, false),
        };
        if line.is_empty() {
            return self.end_entry();
        }
        if line.starts_with('#') {
            if self.has_text {
                self.end_entry();
            }
            return self.comment(line);
        }
        let (word, rest) = match line.find('"') {
            Some(quote) => (line[..quote].trim_end(), &line[quote..]),
            None => (line.split_whitespace().next().unwrap_or_default(), ""),
        };
        match word {
            "msgid" => {
                if self.has_text {
                    self.end_entry();
                }
                self.id = Some(place.clone());
                self.entry.obsolete = obsolete;
            }
            "msgstr" if self.id.is_some() && !self.has_text => self.has_text = true,
            "" if self.id.is_some() => {}
            "msgid_plural" | "msgctxt" | "msgstr[0]" => {
                return self.wrong(
                    place,
                    "plural forms and contexts are not used here",
                    "take the entry out",
                );
            }
            _ => {
                return self.wrong(
                    place,
                    "this is no line of a po file",
                    "write `msgid \"…\"`, then `msgstr \"…\"`",
                );
            }
        }
        match unquoted(rest) {
            Ok(text) if self.has_text => self.entry.text.push_str(&text),
            Ok(text) => self.entry.id.push_str(&text),
            Err(what) => self.wrong(place, what, "write \\\" and \\\\ for a quotation mark and a backslash"),
        }
    }

    fn comment(&mut self, line: &str) {
        if let Some(flags) = line.strip_prefix("#,") {
            self.entry.fuzzy |= flags.split(',').any(|f| f.trim() == "fuzzy");
        } else if !line.starts_with("#:") && !line.starts_with("#|") && !line.starts_with("#.") {
            self.entry.comments.push(line.to_owned());
        }
    }

    fn end_entry(&mut self) {
        let Some(place) = self.id.take() else { return };
        let entry = std::mem::take(&mut self.entry);
        if !std::mem::take(&mut self.has_text) {
            return self.wrong(place, "a `msgid` without `msgstr`", "write `msgstr \"\"` below it");
        }
        self.places.push(place);
        self.catalog.entries.push(entry);
    }

    fn check(&mut self) {
        let mut seen = BTreeMap::new();
        let mut wrong = vec![];
        for (entry, place) in self.catalog.entries.iter().zip(&self.places).filter(|(e, _)| !e.obsolete) {
            let mut tell =
                |what: &str, help: &str| wrong.push((place.clone(), Mistake::new(what).help(help)));
            if seen.insert(&entry.id, ()).is_some() {
                tell("this text stands here a second time", "keep one of the entries");
            }
            if entry.id.is_empty() {
                let charset = entry.text.split_once("charset=").map(|(_, rest)| rest.to_lowercase());
                if !charset.is_some_and(|c| c.starts_with("utf-8")) {
                    tell("the header does not say `charset=UTF-8`", "convert it: msgconv --to-code=UTF-8");
                }
            } else if entry.text.contains('\n') && !entry.id.contains('\n') {
                tell("the translation has line ends, the text has none", "write it in one line");
            } else if entry.text.contains(|c: char| c.is_control() && c != '\n' && c != '\t') {
                tell("the translation has control characters", "take them out");
            }
        }
        self.wrong.extend(wrong);
        self.wrong.sort_by_key(|(place, _)| place.start);
    }

    fn wrong(&mut self, place: Range<usize>, what: &str, help: &str) {
        self.wrong.push((place, Mistake::new(what).help(help)));
    }
}

fn unquoted(quoted: &str) -> Result<String, &'static str> {
    let unclosed = "a text without its second quotation mark";
    let inner = quoted.strip_prefix('"').and_then(|q| q.strip_suffix('"')).ok_or(unclosed)?;
    let mut text = String::new();
    let mut rest = inner.chars();
    while let Some(c) = rest.next() {
        match (c, if c == '\\' { rest.next() } else { None }) {
            ('"', _) => return Err("a quotation mark without a backslash"),
            ('\\', Some('n')) => text.push('\n'),
            ('\\', Some('t')) => text.push('\t'),
            ('\\', Some(c @ ('"' | '\\'))) => text.push(c),
            ('\\', _) => return Err("a backslash before a character without a meaning"),
            (c, _) => text.push(c),
        }
    }
    Ok(text)
}
