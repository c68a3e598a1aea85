//! deb822: paragraphs of `Field: value` lines (Debian Policy 5.1), read strictly and written back the same.

use crate::{Error, Result};
use std::fmt;

/// One paragraph: fields in their order, names compared without regard to case.
///
/// A value holds the text after the colon without the blanks around it. Lines after the first keep the
/// blank they begin with, as in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paragraph {
    fields: Vec<(String, String)>,
}

impl Paragraph {
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads text that holds exactly one paragraph.
    pub fn parse(text: &str) -> Result<Self> {
        let mut all = Paragraph::parse_all(text)?;
        match (all.pop(), all.is_empty()) {
            (Some(one), true) => Ok(one),
            (None, _) => Err(Error::Paragraph { line: 1, message: "there is no field".into() }),
            (Some(_), false) => {
                Err(Error::Paragraph { line: 1, message: "there is more than one paragraph".into() })
            }
        }
    }

    /// Reads any number of paragraphs. Lines that begin with `#` are comments.
    pub fn parse_all(text: &str) -> Result<Vec<Self>> {
        let mut all = vec![];
        let mut current = Paragraph::new();
        for (index, line) in text.lines().enumerate() {
            if line.starts_with('#') {
                continue;
            }
            if line.trim().is_empty() {
                if !current.is_empty() {
                    all.push(std::mem::take(&mut current));
                }
                continue;
            }
            current.take_line(line).map_err(|message| Error::Paragraph { line: index + 1, message })?;
        }
        if !current.is_empty() {
            all.push(current);
        }
        Ok(all)
    }

    fn take_line(&mut self, line: &str) -> Result<(), String> {
        let line = line.trim_end();
        if line.starts_with([' ', '\t']) {
            let Some((_, value)) = self.fields.last_mut() else {
                return Err("the paragraph begins with the continuation of a field".into());
            };
            value.push('\n');
            value.push_str(line);
            return Ok(());
        }
        let Some((name, value)) = line.split_once(':') else {
            return Err(format!("`{}` is no `Field: value`", shorten(line)));
        };
        if !is_field_name(name) {
            return Err(format!("`{}` is no field name", shorten(name)));
        }
        if self.get(name).is_some() {
            return Err(format!("the field {name} stands there twice"));
        }
        self.fields.push((name.into(), value.trim().into()));
        Ok(())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// Sets a field, in its old place when it was there.
    ///
    /// No value can break out of its field: later lines that do not begin with a blank get one, and empty
    /// ones become ` .` (Policy 5.6.13).
    pub fn set(&mut self, name: &str, value: impl AsRef<str>) -> &mut Self {
        let value = fold(value.as_ref());
        match self.fields.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
            Some((_, old)) => *old = value,
            None => self.fields.push((name.into(), value)),
        }
        self
    }

    /// The same as [`Paragraph::set`], for building a paragraph in one expression.
    pub fn with(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.set(name, value);
        self
    }

    /// Puts a new field right after another one, or at the end when that one is missing.
    pub fn set_after(&mut self, after: &str, name: &str, value: impl AsRef<str>) -> &mut Self {
        self.remove(name);
        let at = self.fields.iter().position(|(n, _)| n.eq_ignore_ascii_case(after));
        let at = at.map_or(self.fields.len(), |at| at + 1);
        self.fields.insert(at, (name.into(), fold(value.as_ref())));
        self
    }

    pub fn remove(&mut self, name: &str) -> Option<String> {
        let at = self.fields.iter().position(|(n, _)| n.eq_ignore_ascii_case(name))?;
        Some(self.fields.remove(at).1)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

/// The fields one to a line, each with its line end; no empty line after the paragraph.
impl fmt::Display for Paragraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.fields {
            let gap = if value.is_empty() || value.starts_with('\n') { "" } else { " " };
            writeln!(f, "{name}:{gap}{value}")?;
        }
        Ok(())
    }
}

/// Policy 5.1: printable ASCII without blank and colon, not beginning with `#` or `-`.
pub fn is_field_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(['#', '-'])
        && name.bytes().all(|b| matches!(b, b'!'..=b'9' | b';'..=b'~'))
}

/// The value as it stands in a file, whatever was given.
fn fold(value: &str) -> String {
    let mut folded = String::with_capacity(value.len());
    for (index, line) in value.trim_end().split(['\n', '\r']).enumerate() {
        let line = line.trim_end();
        match index {
            0 => folded.push_str(line.trim_start()),
            _ if line.is_empty() => folded.push_str("\n ."),
            _ => {
                folded.push_str(if line.starts_with([' ', '\t']) { "\n" } else { "\n " });
                folded.push_str(line);
            }
        }
    }
    folded
}

fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_and_writes_the_same() {
        let text = "Package: a\nDescription: b\n long\n .\n\tmore\nEmpty:\nList:\n x\n y\n";
        let paragraph = Paragraph::parse(text).unwrap();
        assert_eq!(paragraph.get("package"), Some("a"));
        assert_eq!(paragraph.get("List"), Some("\n x\n y"));
        assert_eq!(paragraph.to_string(), text);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let check = |text: &str, expect: &str| {
            let error = Paragraph::parse_all(text).unwrap_err().to_string();
            assert!(error.contains(expect), "{text:?} gave {error}");
        };
        check("A: 1\nB", "line 2: `B` is no `Field: value`");
        check(" a", "line 1: the paragraph begins");
        check("A: 1\na: 2", "line 2: the field a stands there twice");
        check("A b: 1", "`A b` is no field name");
        assert!(Paragraph::parse("").is_err() && Paragraph::parse("A: 1\n\nB: 2\n").is_err());
        assert_eq!(Paragraph::parse_all("A: 1\n\n \n# note\nB: 2\n\n").unwrap().len(), 2);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic_and_what_was_read_is_stable(text in "\\PC*|([A-Za-z-]{0,4}:? ?[ .a\t#\r]{0,4}\n){0,8}") {
            if let Ok(all) = Paragraph::parse_all(&text) {
                let written: Vec<String> = all.iter().map(|p| p.to_string()).collect();
                prop_assert_eq!(Paragraph::parse_all(&written.join("\n")).unwrap(), all);
            }
        }

        #[test]
        fn no_value_breaks_out_of_its_field(value in "[ -~\n\r\tä]*") {
            let paragraph = Paragraph::new().with("A", &value).with("B", "end");
            let again = Paragraph::parse(&paragraph.to_string()).unwrap();
            prop_assert_eq!(again.iter().count(), 2);
            prop_assert_eq!(again.get("B"), Some("end"));
        }
    }
}
