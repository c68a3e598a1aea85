//! The appliance's own questions.

mod condition;
mod pages;
mod words;

pub use condition::{OneOrMany, Test, When, is_asked};
pub use pages::{Page, pages};
pub use words::{Translation, Words, languages};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A question that the appliance asks its owner, once.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Question {
    /// Lower case letters, digits and hyphens. In templates `answers.wiki_name` for `wiki-name`.
    pub name: String,
    /// What is asked, in one line, in the owner's words.
    pub prompt: String,
    /// What the owner should know before answering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(rename = "type", default)]
    pub kind: QuestionType,
    /// The title that this question and its neighbours with the same title are asked under, on one screen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Asked only when this is so: `"wants-mail"` (yes, or any answer), or `{ question = "database", is = "mariadb" }`,
    /// `{ question = "database", not = ["sqlite", "none"] }`. Otherwise the answer is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// For `select` and `multiselect`: what can be chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// What is taken when nobody answers. May use `{{ host.name }}`, `{{ host.fqdn }}`, `{{ host.domain }}`,
    /// `{{ host.address }}`, `{{ host.timezone }}`, and answers to earlier questions: `{{ answers.domain }}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// For `password`: made on the machine when nobody answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generate: Option<Generate>,
    /// Nobody is asked: the machine makes it (`generate`), or a file of answers gives it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub internal: bool,
    /// An empty answer is accepted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub optional: bool,
    /// For `number` and `port`: the least that is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    /// For `number` and `port`: the most that is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// For `string` and `password`, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u32>,
    /// For `string` and `password`, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// For `string` and `password`: what the whole answer looks like, a regular expression as `grep -E` knows it, with
    /// plain characters, `.`, `[a-z]`, `( | )`, `*`, `+`, `?` and `{2,5}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// What is said about an answer that does not fit the pattern, after "must be": `"a name such as ada-1"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern_hint: Option<String>,
    /// By language (`de`, `pt_BR`), from the definition's `po` folder: no key of `appliance.toml`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(skip)]
    pub translations: BTreeMap<String, Translation>,
}

/// What an answer looks like. Names are debconf's where debconf has one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum QuestionType {
    #[default]
    String,
    /// Several lines.
    Text,
    /// `true` or `false`.
    Boolean,
    /// One of `choices`.
    Select,
    /// Some of `choices`: `a, c`; a list in templates.
    Multiselect,
    /// A secret: never in debconf after installation, never in a log.
    Password,
    /// `user@host`.
    Email,
    /// One label or several, RFC 1123.
    Hostname,
    /// A domain name with at least one dot.
    Domain,
    /// An IPv4 or IPv6 address.
    Address,
    /// 1 to 65535.
    Port,
    /// An absolute path, normalised.
    Path,
    /// A whole number.
    Number,
}

impl QuestionType {
    pub const ALL: [QuestionType; 13] = [
        QuestionType::String,
        QuestionType::Text,
        QuestionType::Boolean,
        QuestionType::Select,
        QuestionType::Multiselect,
        QuestionType::Password,
        QuestionType::Email,
        QuestionType::Hostname,
        QuestionType::Domain,
        QuestionType::Address,
        QuestionType::Port,
        QuestionType::Path,
        QuestionType::Number,
    ];

    /// As it is written in a definition.
    pub fn word(self) -> &'static str {
        match self {
            QuestionType::String => "string",
            QuestionType::Text => "text",
            QuestionType::Boolean => "boolean",
            QuestionType::Select => "select",
            QuestionType::Multiselect => "multiselect",
            QuestionType::Password => "password",
            QuestionType::Email => "email",
            QuestionType::Hostname => "hostname",
            QuestionType::Domain => "domain",
            QuestionType::Address => "address",
            QuestionType::Port => "port",
            QuestionType::Path => "path",
            QuestionType::Number => "number",
        }
    }

    /// The type of the debconf question that asks for it.
    pub fn debconf(self) -> &'static str {
        match self {
            QuestionType::Boolean => "boolean",
            QuestionType::Select => "select",
            QuestionType::Multiselect => "multiselect",
            QuestionType::Password => "password",
            _ => "string",
        }
    }

    pub fn has_choices(self) -> bool {
        matches!(self, QuestionType::Select | QuestionType::Multiselect)
    }
}

/// A secret that the machine makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Generate {
    /// Characters out of a-z, A-Z, 0-9 without those that look alike; 22 or more are 128 bits.
    pub length: u32,
}

impl Question {
    /// Whether somebody has to answer: there is neither a default nor a generated value.
    pub fn needs_answer(&self) -> bool {
        self.default.is_none() && self.generate.is_none() && !self.optional
    }
    /// Whether the answer is a secret: `secrets.NAME` in templates, never shown, never in a log.
    pub fn is_secret(&self) -> bool {
        self.kind == QuestionType::Password
    }
    /// The name in templates and in the environment of steps: hyphens become underscores.
    pub fn variable(&self) -> String {
        self.name.replace('-', "_")
    }
    /// The answer as debconf holds it: in one line. Only a `text` differs.
    pub fn to_debconf(&self, answer: &str) -> String {
        match self.kind {
            QuestionType::Text => in_one_line(answer),
            _ => answer.to_owned(),
        }
    }
    /// The answer that debconf holds, as it was meant.
    pub fn of_debconf(&self, value: &str) -> String {
        match self.kind {
            QuestionType::Text => in_lines(value),
            _ => value.to_owned(),
        }
    }
}

/// A text with `%0A` for each line end, `%09` for a tab, `%5C` for a backslash and `%25` for a percent sign: debconf's values have
/// one line, and its database takes a backslash before an `n` for a line end.
pub fn in_one_line(text: &str) -> String {
    text.replace('%', "%25").replace('\\', "%5C").replace('\n', "%0A").replace('\t', "%09")
}

/// The text that [`in_one_line`] was made of. A percent sign before anything else is one.
pub fn in_lines(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        let (meant, length) = match rest.as_bytes().get(at + 1..at + 3) {
            Some(b"0A" | b"0a") => ('\n', 3),
            Some(b"09") => ('\t', 3),
            Some(b"25") => ('%', 3),
            Some(b"5C" | b"5c") => ('\\', 3),
            _ => ('%', 1),
        };
        text.push(meant);
        rest = &rest[at + length..];
    }
    text.push_str(rest);
    text
}

/// What was chosen of a `multiselect`.
pub fn chosen(answer: &str) -> impl Iterator<Item = &str> {
    answer.split(',').map(str::trim).filter(|c| !c.is_empty())
}

pub(crate) fn is_false(b: &bool) -> bool {
    !*b
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_text_comes_back_from_its_line(text in "[a05AC%\\\\n\n\t ]*|\\PC*") {
            let line = in_one_line(&text);
            prop_assert!(!line.contains(['\n', '\t']));
            prop_assert_eq!(in_lines(&line), text);
        }
    }

    #[test]
    fn a_lone_percent_sign_stays() {
        assert_eq!(in_lines("100% of %0b%"), "100% of %0b%");
    }

    #[test]
    fn types_are_called_as_they_are_written() {
        for kind in QuestionType::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
        }
    }
}
