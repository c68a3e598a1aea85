//! Values of seeds, defaults of questions, an appliance's address: fixed text and two kinds of placeholders.
//!
//! A seed has to be rendered by a shell script before any package is unpacked, so this is no template language:
//! `{{ host.name }}` (and `fqdn`, `domain`, `address`, `timezone`) and `{{ answers.NAME }}`, nothing else.

use crate::{Host, host, names::Mistake, suggest};
use std::collections::BTreeMap;

/// A piece of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Text(String),
    /// A field of [`Host`], out of [`host::FIELDS`].
    Host(&'static str),
    /// The answer to this question. The question's name, with hyphens, though a placeholder is written with underscores.
    Answer(String),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no answer to the question {0}")]
pub struct NoAnswer(pub String);

/// The pieces in their order, no two texts side by side; none for an empty value.
pub fn parse(value: &str) -> Result<Vec<Part>, Mistake> {
    if let Some(at) = value.find(['\n', '\r', '\0']) {
        return Err(Mistake::at(at, "a value is one line of text").help("write it without line ends"));
    }
    let mut parts = vec![];
    let mut at = 0;
    while let Some(open) = value[at..].find("{{").map(|i| at + i) {
        check_text(value, at, open)?;
        if open > at {
            parts.push(Part::Text(value[at..open].into()));
        }
        let Some(close) = value[open..].find("}}").map(|i| open + i) else {
            return Err(Mistake::at(open, "a placeholder that does not end").help("close it with `}}`"));
        };
        parts.push(placeholder(&value[open + 2..close], open)?);
        at = close + 2;
    }
    check_text(value, at, value.len())?;
    if at < value.len() {
        parts.push(Part::Text(value[at..].into()));
    }
    Ok(parts)
}

/// The value as text. `answers` by the questions' names.
pub fn render(parts: &[Part], host: &Host, answers: &BTreeMap<String, String>) -> Result<String, NoAnswer> {
    let mut text = String::new();
    for part in parts {
        text.push_str(match part {
            Part::Text(fixed) => fixed,
            Part::Host(field) => host.field(field).unwrap_or_default(),
            Part::Answer(name) => answers.get(name).ok_or_else(|| NoAnswer(name.clone()))?,
        });
    }
    Ok(text)
}

/// The names of the questions whose answers are used.
pub fn answers_used(parts: &[Part]) -> impl Iterator<Item = &str> {
    parts.iter().filter_map(|p| if let Part::Answer(name) = p { Some(name.as_str()) } else { None })
}

/// `{%` and `{#` would mean something to a reader who knows templates, and mean nothing here.
fn check_text(value: &str, from: usize, to: usize) -> Result<(), Mistake> {
    for mark in ["{%", "{#", "}}"] {
        if let Some(i) = value[from..to].find(mark) {
            return Err(Mistake::at(from + i, format!("`{mark}` has no meaning here"))
                .help("a value is fixed text with `{{ host.NAME }}` or `{{ answers.NAME }}`"));
        }
    }
    Ok(())
}

fn placeholder(inside: &str, at: usize) -> Result<Part, Mistake> {
    let name = inside.trim_matches([' ', '\t']);
    let Some((root, field)) = name.split_once('.') else {
        return Err(unknown(name, at));
    };
    match (root, field) {
        ("host", field) => match host::FIELDS.iter().find(|f| **f == field) {
            Some(known) => Ok(Part::Host(known)),
            None => Err(match suggest::nearest(field, host::FIELDS) {
                Some(near) => unknown(name, at).help(format!("did you mean `{{{{ host.{near} }}}}`?")),
                None => unknown(name, at),
            }),
        },
        ("answers", field) if is_variable(field) => Ok(Part::Answer(field.replace('_', "-"))),
        ("answers", field) if is_variable(&field.replace('-', "_")) => Err(unknown(name, at)
            .help(format!("write hyphens as underscores: `{{{{ answers.{} }}}}`", field.replace('-', "_")))),
        _ => Err(unknown(name, at)),
    }
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn unknown(name: &str, at: usize) -> Mistake {
    Mistake::at(at, format!("`{{{{ {name} }}}}` is no placeholder")).help(
        "there are `{{ host.name }}`, `{{ host.fqdn }}`, `{{ host.domain }}`, `{{ host.address }}`, `{{ host.timezone }}`, \
         `{{ answers.NAME }}` and, in seeds, `{{ database.NAME.password }}`; filters and conditions are for files only",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_taken_apart_and_rendered() {
        let host = Host {
            name: "h".into(),
            fqdn: "h.d".into(),
            domain: "d".into(),
            timezone: "Etc/UTC".into(),
            ..Host::default()
        };
        let answers = BTreeMap::from([("wiki-name".to_owned(), "My {{ Wiki }}".to_owned())]);
        for (value, expect) in [
            ("", ""),
            ("a { b } c", "a { b } c"),
            ("{{ host.name }}", "h"),
            ("{{host.fqdn}}/{{\thost.domain }}/{{ host.timezone }}", "h.d/d/Etc/UTC"),
            ("<{{ answers.wiki_name }}>", "<My {{ Wiki }}>"),
        ] {
            assert_eq!(render(&parse(value).unwrap(), &host, &answers).unwrap(), expect, "{value}");
        }
        let parts = parse("x{{ answers.a_b }}{{ host.name }}y").unwrap();
        let expect =
            [Part::Text("x".into()), Part::Answer("a-b".into()), Part::Host("name"), Part::Text("y".into())];
        assert_eq!(parts, expect);
        assert_eq!(answers_used(&parts).collect::<Vec<_>>(), ["a-b"]);
        assert_eq!(render(&parts, &host, &answers), Err(NoAnswer("a-b".into())));
    }

    #[test]
    fn what_a_shell_script_could_not_render_is_refused() {
        for (value, at, expect) in [
            ("a\nb", 1, "one line"),
            ("x {{ host.name", 2, "does not end"),
            ("x }} y", 2, "`}}` has no meaning"),
            ("{% if a %}", 0, "`{%` has no meaning"),
            ("{{ host.name | upper }}", 0, "is no placeholder"),
            ("{{ answers.a-b }}", 0, "is no placeholder"),
            ("{{ secrets.x }}", 0, "is no placeholder"),
            ("{{ answers.a.b }}", 0, "is no placeholder"),
            ("{{ }}", 0, "is no placeholder"),
        ] {
            let mistake = parse(value).unwrap_err();
            assert!(mistake.at == at && mistake.message.contains(expect), "{value}: {mistake:?}");
        }
        assert_eq!(parse("{{ host.nmae }}").unwrap_err().help.unwrap(), "did you mean `{{ host.name }}`?");
        let help = parse("{{ answers.a-b }}").unwrap_err().help.unwrap();
        assert!(help.contains("answers.a_b"), "{help}");
    }

    proptest! {
        #[test]
        fn text_without_braces_stays_as_it_is(value in "[^{}\\n\\r\\x00]*") {
            let parts = parse(&value).unwrap();
            prop_assert_eq!(render(&parts, &Host::default(), &BTreeMap::new()).unwrap(), value);
        }
        #[test]
        fn nothing_panics(value in "(\\{\\{|\\}\\}|[ a-z.é|%]|host\\.name|answers\\.){0,12}") {
            let _ = parse(&value);
        }
    }
}
