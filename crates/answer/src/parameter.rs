//! A field of a form that a plugin's action has.

use crate::{Form, QuestionType, pattern::Pattern};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A field of an action's form. The rules of its value are those of the appliance's questions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Parameter {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// What stands at the field; made of the name when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// May be left empty.
    #[serde(default, skip_serializing_if = "is_false")]
    pub optional: bool,
    /// What stands in the field at first, and is taken when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// For `select` and `multiselect`: what can be chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// The same, from a query's `choice` frames. Asked again when the action is started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choices_from: Option<String>,
    /// For `number` and `port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// For `string` and `password`, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// For `string` and `password`: an extended regular expression for the whole value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Goes after "must be".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern_hint: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ParameterType {
    #[default]
    String,
    Text,
    Boolean,
    Select,
    Multiselect,
    Password,
    Email,
    Hostname,
    Domain,
    Address,
    Port,
    Path,
    Number,
    /// An upload.
    File,
}

impl Parameter {
    /// What stands at the field: `Wiki name` for `wiki-name`.
    pub fn title(&self) -> String {
        self.label.clone().unwrap_or_else(|| {
            let words = self.name.replace(['-', '_'], " ");
            let mut chars = words.chars();
            chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
        })
    }

    /// All that is wrong with it. `is_query` tells whether there is a query of a name.
    pub fn faults(&self, is_query: &dyn Fn(&str) -> bool) -> Vec<String> {
        let mut faults = vec![];
        let mut wrong = |text: &str| faults.push(text.to_owned());
        let texts = self.label.iter().chain(&self.description).chain(&self.choices).chain(&self.pattern_hint);
        for text in texts.chain(&self.default) {
            if text.trim().is_empty()
                || text.len() > 2000
                || text.chars().any(|c| c.is_control() && c != '\n')
            {
                wrong("its texts have to be 1 to 2000 bytes without control characters");
            }
        }
        match (self.kind.has_choices(), &self.choices_from, self.choices.is_empty()) {
            (true, None, true) => wrong("needs `choices`, or `choices-from`"),
            (true, Some(_), false) => wrong("has both `choices` and `choices-from`"),
            (true, Some(query), true) if !is_query(query) => {
                wrong(&format!("`choices-from` is query `{query}`, which is not there"));
            }
            (false, None, true) | (true, ..) => {}
            (false, ..) => wrong("has choices, but its type is neither `select` nor `multiselect`"),
        }
        for (i, choice) in self.choices.iter().enumerate() {
            if choice.contains(',') {
                wrong(&format!("choice `{choice}` has a comma in it"));
            }
            if self.choices[..i].contains(choice) {
                wrong(&format!("choice `{choice}` stands there twice"));
            }
        }
        if let Some(Err(mistake)) = self.pattern.as_deref().map(Pattern::parse) {
            wrong(&mistake.message);
        }
        if self.min.zip(self.max).is_some_and(|(min, max)| min > max) {
            wrong("`min` is more than `max`");
        }
        let fixed = self.default.as_ref().filter(|_| self.choices_from.is_none());
        if let Some((default, form)) = fixed.zip(self.form(&self.choices))
            && let Err(why) = crate::validate(&form, &crate::canonical(&form, default))
        {
            wrong(&format!("its default {why}"));
        }
        if self.default.is_some() && matches!(self.kind, ParameterType::File | ParameterType::Password) {
            wrong("a file or a password has no default");
        }
        faults
    }

    /// What its value looks like, with these choices. None for a file.
    pub fn form<'a>(&'a self, choices: &'a [String]) -> Option<Form<'a>> {
        Some(Form {
            kind: self.kind.answer()?,
            choices,
            optional: self.optional,
            min: self.min,
            max: self.max,
            min_length: self.min_length,
            max_length: self.max_length,
            pattern: self.pattern.as_deref(),
            pattern_hint: self.pattern_hint.as_deref(),
        })
    }
}

impl ParameterType {
    /// The type of the question that asks for the same; none for a file.
    pub fn answer(self) -> Option<QuestionType> {
        Some(match self {
            ParameterType::String => QuestionType::String,
            ParameterType::Text => QuestionType::Text,
            ParameterType::Boolean => QuestionType::Boolean,
            ParameterType::Select => QuestionType::Select,
            ParameterType::Multiselect => QuestionType::Multiselect,
            ParameterType::Password => QuestionType::Password,
            ParameterType::Email => QuestionType::Email,
            ParameterType::Hostname => QuestionType::Hostname,
            ParameterType::Domain => QuestionType::Domain,
            ParameterType::Address => QuestionType::Address,
            ParameterType::Port => QuestionType::Port,
            ParameterType::Path => QuestionType::Path,
            ParameterType::Number => QuestionType::Number,
            ParameterType::File => return None,
        })
    }
    /// As it is written.
    pub fn word(self) -> &'static str {
        self.answer().map_or("file", QuestionType::word)
    }
    pub fn has_choices(self) -> bool {
        matches!(self, ParameterType::Select | ParameterType::Multiselect)
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}
