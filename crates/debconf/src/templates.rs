//! The `templates` file of a package: what its questions look like (debconf-devel(7)).
//!
//! The writer flattens what would break the file (line ends and control characters become spaces), so a text from
//! outside can change its own template only. The reader follows `Debconf::Template::load`.

use std::{collections::BTreeMap, fmt::Write};

/// One template. The texts are debconf's own: `${name}` in them is filled in by debconf, [`literal`] protects it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template {
    /// `package/question`.
    pub name: String,
    /// string, boolean, select, multiselect, password, note, text, error, title.
    pub kind: String,
    pub default: Option<String>,
    /// For select and multiselect.
    pub choices: Vec<String>,
    /// One line.
    pub description: String,
    /// Paragraphs, with an empty line between two.
    pub extended: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{0:?} is no name of a template: letters, digits and + . - _ / only")]
    Name(String),
    #[error("{0:?} is no type of a template")]
    Kind(String),
    #[error("the choice {0:?} ends in a backslash, which debconf cannot tell from a protected comma")]
    Choice(String),
    #[error("templates line {line}: {problem}")]
    Line { line: usize, problem: &'static str },
}

/// Protects `${` in a text that is to be shown as it is.
pub fn literal(text: &str) -> String {
    text.replace("${", "\\${")
}

/// The file, templates in the given order.
pub fn write(templates: &[Template]) -> Result<String, Error> {
    let texts = templates.iter().map(Template::to_text).collect::<Result<Vec<_>, _>>()?;
    Ok(texts.join("\n"))
}

/// Reads a file. Translated fields (`Description-de.UTF-8`) are left out.
pub fn parse(text: &str) -> Result<Vec<Template>, Error> {
    let mut templates = vec![];
    let mut fields = Fields::default();
    for (index, line) in text.lines().chain([""]).enumerate() {
        if line.is_empty() {
            if !fields.0.is_empty() {
                templates.push(fields.take(index)?);
            }
        } else {
            fields.line(line).map_err(|problem| Error::Line { line: index + 1, problem })?;
        }
    }
    Ok(templates)
}

impl Template {
    /// The template as it stands in the file, without an empty line at its end.
    pub fn to_text(&self) -> Result<String, Error> {
        let name_ok = |c: char| c.is_ascii_alphanumeric() || "+.-_/".contains(c);
        if self.name.is_empty() || !self.name.chars().all(name_ok) {
            return Err(Error::Name(self.name.clone()));
        }
        if self.kind.is_empty() || !self.kind.chars().all(|c| c.is_ascii_lowercase()) {
            return Err(Error::Kind(self.kind.clone()));
        }
        let mut text = format!("Template: {}\nType: {}\n", self.name, self.kind);
        if !self.choices.is_empty() {
            let choices =
                self.choices.iter().map(|c| escape_choice(&one_line(c))).collect::<Result<Vec<_>, _>>()?;
            let _ = writeln!(text, "Choices: {}", choices.join(", "));
        }
        if let Some(default) = &self.default {
            // one choice of several is written as in Choices; the default of a select stands alone, unescaped
            let _ = writeln!(text, "Default: {}", default.replace(|c: char| c.is_control(), " ").trim_end());
        }
        let _ = writeln!(text, "Description: {}", one_line(&self.description));
        for (index, paragraph) in paragraphs(&self.extended).enumerate() {
            let before = if index == 0 { "" } else { " .\n" };
            let _ = writeln!(text, "{before} {paragraph}");
        }
        Ok(text)
    }
}

fn one_line(text: &str) -> String {
    let spaced = text.replace(|c: char| c.is_control(), " ");
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Each paragraph in one line. One that is a mere dot would be read as an empty line, and is left out.
fn paragraphs(text: &str) -> impl Iterator<Item = String> {
    let mut paragraphs = vec![String::new()];
    for line in text.lines() {
        let line = one_line(line);
        match paragraphs.last_mut() {
            Some(last) if !line.is_empty() => {
                let space = if last.is_empty() { "" } else { " " };
                last.push_str(space);
                last.push_str(&line);
            }
            _ => paragraphs.push(String::new()),
        }
    }
    paragraphs.into_iter().filter(|p| !p.is_empty() && p != ".")
}

/// `\,` is a comma in a choice; `\ ` is a space, needed only where a backslash stands before it.
fn escape_choice(choice: &str) -> Result<String, Error> {
    if choice.ends_with('\\') {
        return Err(Error::Choice(choice.to_owned()));
    }
    Ok(choice.replace("\\ ", "\\\\ ").replace(',', "\\,"))
}

/// As `Debconf::Question::choices_split`: a comma and white space separate, `\,` and `\ ` are protected.
pub fn split_choices(text: &str) -> Vec<String> {
    let (mut choices, mut choice) = (vec![], String::new());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("\\,").or_else(|| rest.strip_prefix("\\ ")) {
            choice.extend(rest.chars().nth(1));
            rest = after;
        } else if c == ',' && rest[1..].starts_with(char::is_whitespace) {
            choices.push(std::mem::take(&mut choice));
            rest = rest[1..].trim_start();
        } else {
            choice.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    if !choice.is_empty() {
        choices.push(choice);
    }
    choices
}

/// The fields of the template being read: each with its value and what follows it.
#[derive(Default)]
struct Fields(BTreeMap<String, (String, String)>, String);

impl Fields {
    fn line(&mut self, line: &str) -> Result<(), &'static str> {
        if let Some(more) = line.strip_prefix([' ', '\t']) {
            let (_, extended) = self.0.get_mut(&self.1).ok_or("a line that continues nothing")?;
            if more == "." {
                extended.push_str("\n\n");
            } else {
                let joins = !extended.is_empty() && !extended.ends_with(['\n', ' ']);
                // a line that is indented further stands by itself
                extended.push_str(if joins && more.starts_with(' ') {
                    "\n"
                } else if joins {
                    " "
                } else {
                    ""
                });
                extended.push_str(more.trim_end());
            }
            return Ok(());
        }
        let (name, value) = line.split_once(':').ok_or("neither a field nor the continuation of one")?;
        let name = name.to_ascii_lowercase();
        if self.0.contains_key(&name) {
            return Err("this field was there before: is the empty line between two templates missing?");
        }
        let value = value.strip_prefix([' ', '\t']).unwrap_or(value).trim_end();
        self.1 = name.clone();
        self.0.insert(name, (value.to_owned(), String::new()));
        Ok(())
    }

    fn take(&mut self, line: usize) -> Result<Template, Error> {
        let mut fields = std::mem::take(&mut self.0);
        let (name, _) = fields
            .remove("template")
            .ok_or(Error::Line { line, problem: "a template without `Template:`" })?;
        let (kind, _) =
            fields.remove("type").ok_or(Error::Line { line, problem: "a template without `Type:`" })?;
        let (description, extended) = fields.remove("description").unwrap_or_default();
        Ok(Template {
            name,
            kind,
            default: fields.remove("default").map(|(value, _)| value),
            choices: fields.remove("choices").map(|(value, _)| split_choices(&value)).unwrap_or_default(),
            description,
            extended,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn template(description: &str, extended: &str) -> Template {
        Template {
            name: "wiki/name".into(),
            kind: "string".into(),
            description: description.into(),
            extended: extended.into(),
            ..Template::default()
        }
    }

    #[test]
    fn a_template_as_debconf_reads_it() {
        let mut select = template("Which?", "One\nparagraph.\n\n\nAnother.");
        select.kind = "select".into();
        select.choices = vec!["a, b".into(), "c".into(), "d".into()];
        select.default = Some("d".into());
        let text = select.to_text().unwrap();
        assert_eq!(
            text,
            "Template: wiki/name\nType: select\nChoices: a\\, b, c, d\nDefault: d\nDescription: Which?\n One paragraph.\n .\n Another.\n"
        );
    }

    #[test]
    fn a_hostile_text_stays_in_its_template() {
        let hostile =
            template("x\n\nTemplate: evil/one\nType: string", "y\n\nTemplate: evil/two\n.\n\r\nType: z\n\n.");
        let text = write(&[hostile, template("second", "")]).unwrap();
        let names: Vec<String> = parse(&text).unwrap().into_iter().map(|t| t.name).collect();
        assert_eq!(names, ["wiki/name", "wiki/name"]);
        assert!(write(&[Template { name: "a\nb".into(), ..template("", "") }]).is_err());
        let choice = Template { choices: vec!["a\\".into()], ..template("", "") };
        assert_eq!(choice.to_text(), Err(Error::Choice("a\\".into())));
        assert_eq!(literal("a ${b}"), "a \\${b}");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_line() {
        let line = |text| match parse(text) {
            Err(Error::Line { line, .. }) => line,
            other => panic!("{other:?}"),
        };
        assert_eq!(line("Template: a/b\nType: string\nTemplate: c/d\n"), 3);
        assert_eq!(line("Template: a/b\nnonsense\n"), 2);
        assert_eq!(line(" x\n"), 1);
        assert_eq!(line("Type: string\n"), 1);
    }

    proptest! {
        #[test]
        fn what_is_written_comes_back(
            description in any::<String>(), extended in any::<String>(), default in any::<Option<String>>(),
            choices in prop::collection::vec("[a-z, \\\\]*[a-z]", 0..4),
        ) {
            let choices: Vec<String> = choices.iter().map(|c| one_line(c)).collect();
            let template = Template { default, choices: choices.clone(), ..template(&description, &extended) };
            let read = parse(&write(&[template.clone(), template.clone()]).unwrap()).unwrap();
            prop_assert_eq!(read.len(), 2);
            prop_assert_eq!(&read[0], &read[1]);
            prop_assert_eq!(&read[0].choices, &choices);
            prop_assert_eq!(&read[0].description, &one_line(&description));
            let paragraphs: Vec<String> = paragraphs(&extended).collect();
            prop_assert_eq!(&read[0].extended, &paragraphs.join("\n\n"));
        }
    }
}
