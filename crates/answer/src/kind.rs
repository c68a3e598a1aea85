//! The types of answers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_called_as_they_are_written() {
        for kind in QuestionType::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
        }
    }
}
