//! The appliance's own questions.

mod condition;
mod pages;
mod words;

pub use answer::{Form, QuestionType, chosen, in_lines, in_one_line};
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
    /// What its answer looks like.
    pub fn form(&self) -> Form<'_> {
        Form {
            kind: self.kind,
            choices: &self.choices,
            optional: self.optional,
            min: self.min,
            max: self.max,
            min_length: self.min_length,
            max_length: self.max_length,
            pattern: self.pattern.as_deref(),
            pattern_hint: self.pattern_hint.as_deref(),
        }
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

pub(crate) fn is_false(b: &bool) -> bool {
    !*b
}
