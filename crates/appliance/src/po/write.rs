//! Writing `templates.pot`, and bringing a po file up to date with changed questions.

use super::{Catalog, Entry, texts};
use crate::question::Question;
use std::fmt::Write;

/// `po/templates.pot`: the same bytes for the same questions.
pub fn template(appliance: &str, questions: &[Question]) -> String {
    let header = Entry { text: header(appliance), ..Entry::default() };
    let mut out = String::new();
    write_entry(&mut out, &header, None, false);
    for (text, what) in texts(questions) {
        write_entry(&mut out, &Entry { id: text, ..Entry::default() }, Some(&what), false);
    }
    out
}

/// A translator's file with today's texts: what was translated stays, new texts are empty, those that are gone become obsolete, and an
/// obsolete one whose text is back serves again.
pub fn update(appliance: &str, questions: &[Question], catalog: &Catalog) -> String {
    let find = |id: &str| {
        let same = |e: &&Entry| e.id == id;
        catalog
            .entries
            .iter()
            .filter(|e| !e.obsolete)
            .find(same)
            .or_else(|| catalog.entries.iter().find(same))
    };
    let texts = texts(questions);
    let mut out = String::new();
    let header = find("").cloned().unwrap_or_else(|| Entry { text: header(appliance), ..Entry::default() });
    write_entry(&mut out, &header, None, false);
    for (text, what) in &texts {
        let entry = find(text).cloned().unwrap_or_else(|| Entry { id: text.clone(), ..Entry::default() });
        write_entry(&mut out, &entry, Some(what), false);
    }
    let gone = |e: &&Entry| !e.id.is_empty() && !e.text.is_empty() && !texts.iter().any(|(t, _)| *t == e.id);
    for entry in catalog.entries.iter().filter(gone) {
        write_entry(&mut out, entry, None, true);
    }
    out
}

fn header(appliance: &str) -> String {
    format!(
        "Project-Id-Version: {appliance}-appliance\nLanguage: \nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n"
    )
}

fn write_entry(out: &mut String, entry: &Entry, what: Option<&str>, obsolete: bool) {
    if !out.is_empty() {
        out.push('\n');
    }
    for comment in &entry.comments {
        let _ = writeln!(out, "{comment}");
    }
    if let Some(what) = what {
        let _ = writeln!(out, "#. {what}");
    }
    if entry.fuzzy {
        out.push_str("#, fuzzy\n");
    }
    let mark = if obsolete { "#~ " } else { "" };
    for (word, text) in [("msgid", &entry.id), ("msgstr", &entry.text)] {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let _ = match lines.as_slice() {
            [] => writeln!(out, "{mark}{word} \"\""),
            [one] => writeln!(out, "{mark}{word} {}", quoted(one)),
            several => {
                let _ = writeln!(out, "{mark}{word} \"\"");
                several.iter().try_for_each(|line| writeln!(out, "{mark}{}", quoted(line)))
            }
        };
    }
}

fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
    format!("\"{escaped}\"")
}
