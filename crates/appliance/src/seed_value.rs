//! Values of seeds, defaults of questions, an appliance's address: fixed text and four kinds of placeholders.
//!
//! A seed has to be rendered by a shell script before any package is unpacked, so this is no template language:
//! `{{ host.name }}`, `{{ host.fqdn }}`, `{{ host.address }}` and `{{ answers.NAME }}`, nothing else.

use crate::{Host, host, names::Mistake, suggest};
use std::collections::BTreeMap;

/// A piece of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Text(String),
    HostName,
    HostFqdn,
    HostAddress,
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
            Part::HostName => &host.name,
            Part::HostFqdn => &host.fqdn,
            Part::HostAddress => &host.address,
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
                .help("a value is fixed text with `{{ host.name }}`, `{{ host.fqdn }}`, `{{ host.address }}` or `{{ answers.NAME }}`"));
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
        ("host", "name") => Ok(Part::HostName),
        ("host", "fqdn") => Ok(Part::HostFqdn),
        ("host", "address") => Ok(Part::HostAddress),
        ("host", _) => Err(match suggest::nearest(field, host::FIELDS) {
            Some(near) => unknown(name, at).help(format!("did you mean `{{{{ host.{near} }}}}`?")),
            None => unknown(name, at),
        }),
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
        "there are `{{ host.name }}`, `{{ host.fqdn }}`, `{{ host.address }}` and `{{ answers.NAME }}`; \
         filters and conditions are for files only",
    )
}
