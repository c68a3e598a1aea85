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
    /// By language (`de`, `pt_BR`): `Description-de.UTF-8` and `Choices-de.UTF-8`. The answer is the English choice.
    pub translations: BTreeMap<String, Translated>,
}

/// The texts of a template in another language.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Translated {
    pub description: String,
    pub extended: String,
    /// As many as the template has, or none.
    pub choices: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("{0:?} is no name of a template: letters, digits and + . - _ / only")]
    Name(String),
    #[error("{0:?} is no language of a translation, such as de or pt_BR")]
    Language(String),
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

/// Reads a file. Of translated fields, those in UTF-8 (`Description-de.UTF-8`) are read, as po2debconf writes them.
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
        let mut choices = |field: &str, choices: &[String]| -> Result<(), Error> {
            let escaped =
                choices.iter().map(|c| escape_choice(&one_line(c))).collect::<Result<Vec<_>, _>>()?;
            if !escaped.is_empty() {
                let _ = writeln!(text, "Choices{field}: {}", escaped.join(", "));
            }
            Ok(())
        };
        choices("", &self.choices)?;
        for (language, translated) in &self.translations {
            if !is_language(language) {
                return Err(Error::Language(language.clone()));
            }
            // fewer or more would be shown beside the wrong answer
            if translated.choices.len() == self.choices.len() {
                choices(&format!("-{language}.UTF-8"), &translated.choices)?;
            }
        }
        if let Some(default) = &self.default {
            // one choice of several is written as in Choices; the default of a select stands alone, unescaped
            let _ = writeln!(text, "Default: {}", default.replace(|c: char| c.is_control(), " ").trim_end());
        }
        let mut description = |field: &str, description: &str, extended: &str| {
            let _ = writeln!(text, "Description{field}: {}", one_line(description));
            for (index, paragraph) in paragraphs(extended).enumerate() {
                let before = if index == 0 { "" } else { " .\n" };
                let _ = writeln!(text, "{before} {paragraph}");
            }
        };
        description("", &self.description, &self.extended);
        for (language, translated) in &self.translations {
            description(&format!("-{language}.UTF-8"), &translated.description, &translated.extended);
        }
        Ok(text)
    }
}

/// `de`, `pt_BR`, `sr@latin`
fn is_language(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '@');
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(plain)
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

/// The fields of the template being read: each with its value and what follows it; the last one's name; and the languages
/// with upper case letters, by what stands for them in the fields' names.
#[derive(Default)]
struct Fields(BTreeMap<String, (String, String)>, String, BTreeMap<String, String>);

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
        if let Some((_, locale)) = name.split_once('-')
            && let Some(language) = locale.strip_suffix(".UTF-8").or_else(|| locale.strip_suffix(".utf-8"))
        {
            self.2.insert(locale.to_ascii_lowercase(), language.to_owned());
        }
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
        let mut translations = BTreeMap::<String, Translated>::new();
        for (field, (value, more)) in &fields {
            let Some((field, locale)) = field.split_once('-') else { continue };
            let Some(language) = self.2.get(locale) else { continue };
            let translated = translations.entry(language.clone()).or_default();
            match field {
                "description" => {
                    (translated.description, translated.extended) = (value.clone(), more.clone())
                }
                "choices" => translated.choices = split_choices(value),
                _ => {}
            }
        }
        Ok(Template {
            name,
            kind,
            default: fields.remove("default").map(|(value, _)| value),
            choices: fields.remove("choices").map(|(value, _)| split_choices(&value)).unwrap_or_default(),
            description,
            extended,
            translations,
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
    fn translations_are_written_and_read() {
        let mut select = template("Which?", "One.");
        (select.kind, select.choices) = ("select".into(), vec!["red".into(), "green".into()]);
        let german = Translated {
            description: "Welche?".into(),
            extended: "Eins.\n\nZwei.".into(),
            choices: vec!["rot".into(), "grün, hell".into()],
        };
        let short =
            Translated { description: "?".into(), choices: vec!["um".into()], ..Translated::default() };
        select.translations = [("de".to_owned(), german.clone()), ("pt_BR".to_owned(), short)].into();
        let text = select.to_text().unwrap();
        assert_eq!(
            text,
            "Template: wiki/name\nType: select\nChoices: red, green\nChoices-de.UTF-8: rot, grün\\, hell\nDescription: Which?\n One.\n\
             Description-de.UTF-8: Welche?\n Eins.\n .\n Zwei.\nDescription-pt_BR.UTF-8: ?\n"
        );
        let read = parse(&text).unwrap().remove(0).translations;
        assert_eq!(read["de"], german);
        assert_eq!(read["pt_BR"].description, "?");
        select.translations = [("de\nX: y".to_owned(), german)].into();
        assert!(matches!(select.to_text(), Err(Error::Language(_))));
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
