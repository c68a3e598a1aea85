//! Answers given in advance, one a line: `OWNER QUESTION TYPE VALUE`, as debconf-set-selections(1) reads them.

use std::ops::Range;

/// The types that an answer can have.
pub const KINDS: [&str; 9] =
    ["string", "boolean", "select", "multiselect", "password", "note", "text", "error", "title"];

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The package that asks.
    pub owner: String,
    pub question: String,
    /// debconf's type: string, boolean, select, multiselect, password, note, text, title.
    pub kind: String,
    pub value: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{what} of the answer to {question:?} is no single word")]
    Word { what: &'static str, question: String },
    /// The value is left out: it may be a secret.
    #[error(
        "the answer to {question} has a line end or ends in a backslash, which debconf-set-selections cannot take"
    )]
    Value { question: String },
}

impl Selection {
    /// The line with its line end. The value arrives exactly as it is here, or it is an error.
    pub fn to_line(&self) -> Result<String, Error> {
        let question = &self.question;
        for (what, word) in [("owner", &self.owner), ("question", question), ("type", &self.kind)] {
            if word.is_empty()
                || word.contains(|c: char| c.is_whitespace() || c.is_control())
                || word.starts_with('#')
            {
                return Err(Error::Word { what, question: question.clone() });
            }
        }
        // a final backslash joins the next line to this one, a final carriage return is dropped
        if self.value.contains(['\n', '\0']) || self.value.ends_with(['\\', '\r']) {
            return Err(Error::Value { question: question.clone() });
        }
        Ok(format!("{} {question} {} {}\n", self.owner, self.kind, self.value))
    }
}

/// A line that was read, or what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub selection: Result<Selection, &'static str>,
    /// In bytes; several lines where a backslash joins them.
    pub place: Range<usize>,
}

/// Reads what debconf-set-selections(1) reads: comments and empty lines are left out, a backslash at the end joins two lines.
/// Flags (`seen` in the place of the type) are no answers, and are left out as well.
pub fn parse(text: &str) -> Vec<Line> {
    let (mut lines, mut at) = (vec![], 0);
    let mut rest = text.split_inclusive('\n').peekable();
    let plain = |line: &str| {
        let line = line.strip_suffix('\n').unwrap_or(line);
        line.strip_suffix('\r').unwrap_or(line).to_owned()
    };
    while let Some(first) = rest.next() {
        let start = at;
        at += first.len();
        let mut line = plain(first);
        while line.ends_with('\\')
            && let Some(next) = rest.next()
        {
            line.pop();
            line.push_str(&plain(next));
            at += next.len();
        }
        let said = line.trim_start();
        if said.is_empty() || said.starts_with('#') {
            continue;
        }
        if let Some(selection) = one(said) {
            let end = start + text[start..at].trim_end().len();
            lines.push(Line { selection, place: start..end });
        }
    }
    lines
}

fn one(line: &str) -> Option<Result<Selection, &'static str>> {
    // white space separates words; before the value there is exactly one, more belong to it
    let word = |text: &'_ str| text.find(char::is_whitespace).unwrap_or(text.len());
    let (owner, rest) = line.split_at(word(line));
    let rest = rest.trim_start();
    let (question, rest) = rest.split_at(word(rest));
    let rest = rest.trim_start();
    let (kind, rest) = rest.split_at(word(rest));
    let value = rest.chars().next().map_or("", |space| &rest[space.len_utf8()..]);
    if kind.is_empty() {
        return Some(Err("a line with fewer than three words"));
    }
    if kind == "seen" {
        return None;
    }
    if !KINDS.contains(&kind) {
        return Some(Err("a third word that is no type of debconf's"));
    }
    Some(Ok(Selection {
        owner: owner.into(),
        question: question.into(),
        kind: kind.into(),
        value: value.into(),
    }))
}

/// All lines, for the standard input of debconf-set-selections(1).
pub fn write(selections: &[Selection]) -> Result<String, Error> {
    selections.iter().map(Selection::to_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(owner: &str, question: &str, value: &str) -> Result<String, Error> {
        let word = |w: &str| w.to_owned();
        Selection { owner: word(owner), question: word(question), kind: word("string"), value: word(value) }
            .to_line()
    }

    #[test]
    fn a_line_is_what_debconf_set_selections_reads() {
        assert_eq!(
            line("postfix", "postfix/mailname", "a b").unwrap(),
            "postfix postfix/mailname string a b\n"
        );
        assert_eq!(line("postfix", "postfix/mailname", "").unwrap(), "postfix postfix/mailname string \n");
    }

    #[test]
    fn lines_are_read_as_debconf_set_selections_reads_them() {
        let text = "# x\n\n  p\tp/q  string  a b \np p/r select one \\\n  two\r\np p/s boolean\np p/t seen true\np p/u strnig x\nnonsense\n";
        let read = parse(text);
        let value = |i: usize| read[i].selection.clone().map(|s| (s.question, s.value));
        assert_eq!(value(0), Ok(("p/q".into(), " a b ".into())));
        assert_eq!(value(1), Ok(("p/r".into(), "one   two".into())));
        assert_eq!(value(2), Ok(("p/s".into(), String::new())));
        assert!(read[3].selection.is_err() && read[4].selection.is_err() && read.len() == 5);
        assert_eq!(&text[read[4].place.clone()], "nonsense");
    }

    #[test]
    fn nothing_becomes_a_second_line() {
        for value in ["a\nb c string d", "a\\", "a\r", "a\0"] {
            let error = line("p", "p/q", value).unwrap_err();
            assert_eq!(error, Error::Value { question: "p/q".into() });
        }
        assert!(line("#p", "p/q", "x").is_err());
        assert!(line("p", "p/q r", "x").is_err());
        assert!(line("", "p/q", "x").is_err());
    }
}
