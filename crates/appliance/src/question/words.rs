//! The texts of a question in the owner's language.

use super::Question;
use serde::{Deserialize, Serialize};

/// What a translator has written; what is missing stays English.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Translation {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern_hint: Option<String>,
    /// As many as there are choices, in their order, or none. The answer is the English one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
}

/// What a person reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words<'a> {
    pub prompt: &'a str,
    pub description: Option<&'a str>,
    pub group: Option<&'a str>,
    pub pattern_hint: Option<&'a str>,
    /// One for each of the question's `choices`.
    pub choices: &'a [String],
}

impl Question {
    /// The texts in the first of these languages that the definition has, else in English.
    pub fn words(&self, languages: &[String]) -> Words<'_> {
        let english = languages.iter().position(|l| l == "en").unwrap_or(languages.len());
        let found = languages[..english].iter().find_map(|l| self.translations.get(l));
        let choices = found.map(|t| &t.choices).filter(|c| c.len() == self.choices.len());
        Words {
            prompt: found.and_then(|t| t.prompt.as_deref()).unwrap_or(&self.prompt),
            description: found.and_then(|t| t.description.as_deref()).or(self.description.as_deref()),
            group: found.and_then(|t| t.group.as_deref()).or(self.group.as_deref()),
            pattern_hint: found.and_then(|t| t.pattern_hint.as_deref()).or(self.pattern_hint.as_deref()),
            choices: choices.unwrap_or(&self.choices),
        }
    }
}

/// The languages that a person wants, the best first, from the environment as gettext reads it
/// (`LANGUAGE`, `LC_ALL`, `LC_MESSAGES`, `LANG`): `pt_BR.UTF-8` is `pt_BR`, then `pt`.
pub fn languages(variable: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let set = |name: &str| variable(name).filter(|v| !v.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG")).unwrap_or_default();
    let plain = locale.split(['.', '@']).next().unwrap_or_default();
    // in the locale C nothing is translated, whatever LANGUAGE says
    if matches!(plain, "" | "C" | "POSIX") {
        return vec![];
    }
    let list = set("LANGUAGE").unwrap_or_default();
    let mut languages: Vec<String> = vec![];
    for wanted in list.split(':').chain([locale.as_str()]) {
        let exact = wanted.split(['.', '@']).next().unwrap_or_default();
        let language = exact.split('_').next().unwrap_or_default();
        for name in [exact, language] {
            if !name.is_empty() && !languages.iter().any(|l| l == name) {
                languages.push(name.to_owned());
            }
        }
    }
    languages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Vec<String> {
        languages(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn languages_are_wanted_as_gettext_reads_them() {
        assert_eq!(of(&[("LANG", "de_AT.UTF-8")]), ["de_AT", "de"]);
        assert_eq!(
            of(&[("LANG", "de_DE.UTF-8"), ("LANGUAGE", "fr:pt_BR")]),
            ["fr", "pt_BR", "pt", "de_DE", "de"]
        );
        assert_eq!(of(&[("LANG", "de_DE.UTF-8"), ("LC_ALL", "C.UTF-8"), ("LANGUAGE", "de")]), [""; 0]);
        assert_eq!(of(&[]), [""; 0]);
    }

    #[test]
    fn a_missing_text_stays_english_and_english_comes_before_what_follows_it() {
        let german = Translation { prompt: Some("Farbe".into()), ..Translation::default() };
        let question = Question {
            prompt: "Colour".into(),
            choices: vec!["red".into()],
            translations: [("de".to_owned(), german)].into(),
            ..Question::default()
        };
        let words = question.words(&["fr".into(), "de".into()]);
        assert_eq!((words.prompt, words.choices), ("Farbe", &["red".to_owned()][..]));
        assert_eq!(question.words(&["en".into(), "de".into()]).prompt, "Colour");
    }
}
