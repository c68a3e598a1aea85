//! The appliance's own questions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A question that the appliance asks its owner, once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// For `select`: what can be chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// What is taken when nobody answers. May use `{{ host.name }}`, `{{ host.fqdn }}`, `{{ host.address }}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// For `password`: made on the machine when nobody answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generate: Option<Generate>,
    /// An empty answer is accepted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub optional: bool,
}

/// What an answer looks like. Names are debconf's where debconf has one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum QuestionType {
    #[default]
    String,
    /// `true` or `false`.
    Boolean,
    /// One of `choices`.
    Select,
    /// A secret: never in debconf after installation, never in a log.
    Password,
    /// `user@host`.
    Email,
    /// One label or several, RFC 1123.
    Hostname,
    /// A domain name with at least one dot.
    Domain,
    /// 1 to 65535.
    Port,
    /// A whole number.
    Number,
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
}

pub(crate) fn is_false(b: &bool) -> bool {
    !*b
}
