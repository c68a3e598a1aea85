//! The `.seeds` file beside a metapackage in the repository: all that has to be known before anything is installed.

use crate::{
    model::{Definition, Seed},
    names,
    problem::printable,
    question::Question,
    seed_value,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A larger file is refused unread.
pub const SIZE_LIMIT: u64 = 1 << 20;

/// JSON, UTF-8. Written by `vabuild`, read by `vainstall`; the seed package carries the same as control member `seeds`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SeedsFile {
    /// The appliance's name, without `-appliance`.
    pub appliance: String,
    /// Of the packages.
    pub version: String,
    pub summary: String,
    /// Where the owner finds the application; placeholders as in [`seed_value`].
    pub url: String,
    #[serde(default)]
    pub questions: Vec<Question>,
    #[serde(default)]
    pub seeds: Vec<Seed>,
    /// Relations of the metapackage.
    #[serde(default)]
    pub packages: Vec<String>,
    /// Packages that are installed before the others, in a run of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
    /// Code names of the Debian releases it is made for; empty when nobody said.
    #[serde(default)]
    pub releases: Vec<String>,
}

/// Seeds' values for a debconf frontend: by the questions' names, and by those of shared templates whose questions all have one
/// answer, for debconf tells a frontend no more of a question than its template.
pub fn by_question_or_template(seeds: &[(&Seed, String)]) -> BTreeMap<String, String> {
    let one_answer = |template: &String, value: &String| {
        seeds.iter().all(|(other, said)| other.template.as_ref() != Some(template) || said == value)
    };
    let shared = seeds.iter().filter_map(|(seed, value)| Some((seed.template.clone()?, value.clone())));
    let shared = shared.filter(|(template, value)| one_answer(template, value));
    let plain = seeds.iter().map(|(seed, value)| (seed.question.clone(), value.clone()));
    shared.chain(plain).collect()
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the seeds are larger than {SIZE_LIMIT} bytes")]
    TooLarge,
    #[error("the seeds are no JSON of the known form")]
    Form(#[from] serde_json::Error),
    #[error("the seeds are not valid: {0}")]
    Value(String),
}

impl SeedsFile {
    /// None when the definition makes packages only.
    pub fn of(definition: &Definition) -> Option<Self> {
        let appliance = definition.appliance.as_ref()?;
        Some(SeedsFile {
            appliance: appliance.name.clone(),
            version: appliance.version.clone(),
            summary: appliance.summary.clone(),
            url: appliance.url.clone(),
            questions: definition.questions.clone(),
            seeds: definition.seeds.clone(),
            packages: appliance.packages.clone(),
            before: definition.before(),
            releases: appliance.releases.clone(),
        })
    }

    /// The same bytes for the same definition, with a line end.
    pub fn to_json(&self) -> Result<String, Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Unknown keys are kept out of the way of newer versions: they are ignored. Names and values that could
    /// do harm later (line ends, names that are none) are errors.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() as u64 > SIZE_LIMIT {
            return Err(Error::TooLarge);
        }
        let mut seeds: SeedsFile = serde_json::from_slice(bytes)?;
        seeds.make_visible();
        let wrong = |what: &str, name: &str, why: String| Error::Value(format!("{what} {name:?}: {why}"));
        names::package(&seeds.appliance).map_err(|e| wrong("appliance", &seeds.appliance, e.message))?;
        seed_value::parse(&seeds.url).map_err(|e| wrong("url", &seeds.url, e.message))?;
        for package in &seeds.before {
            names::package(package).map_err(|e| wrong("package", package, e.message))?;
        }
        for question in &seeds.questions {
            names::question(&question.name).map_err(|e| wrong("question", &question.name, e.message))?;
        }
        for seed in &seeds.seeds {
            names::package(&seed.package).map_err(|e| wrong("package", &seed.package, e.message))?;
            names::debconf_question(&seed.question)
                .map_err(|e| wrong("question", &seed.question, e.message))?;
            seed_value::parse(&seed.value).map_err(|e| wrong("value", &seed.value, e.message))?;
        }
        seeds.without_controls()?;
        Ok(seeds)
    }

    /// The one place where what is only shown loses its control characters, so that no text of an appliance, whoever made it,
    /// gives a terminal orders.
    fn make_visible(&mut self) {
        let visible = |text: &mut String| *text = printable(text);
        let lines = |text: &mut String| {
            *text = text
                .split('\n')
                .map(|line| printable(&line.replace('\t', " ")))
                .collect::<Vec<_>>()
                .join("\n");
        };
        visible(&mut self.summary);
        for question in &mut self.questions {
            visible(&mut question.prompt);
            question.description.iter_mut().for_each(lines);
            question.group.iter_mut().chain(&mut question.pattern_hint).for_each(visible);
            for words in question.translations.values_mut() {
                let lined = [&mut words.prompt, &mut words.group, &mut words.pattern_hint];
                lined.into_iter().flatten().chain(&mut words.choices).for_each(visible);
                words.description.iter_mut().for_each(lines);
            }
        }
    }

    /// What is used as it is, and shown too, must not have any.
    fn without_controls(&self) -> Result<(), Error> {
        let questions =
            self.questions.iter().flat_map(|q| q.choices.iter().chain(&q.default).chain(&q.pattern));
        let seeds = self.seeds.iter().flat_map(|s| [&s.kind, &s.value].into_iter().chain(&s.template));
        let own = [&self.version, &self.url].into_iter().chain(&self.packages).chain(&self.releases);
        let texts = own.chain(questions).chain(seeds);
        // the default of a `text` has lines
        match texts.into_iter().find(|t| t.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t'))) {
            Some(text) => Err(Error::Value(format!("{text:?} has control characters"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_text_is_shown_for_what_it_is_and_a_hostile_value_refused() {
        let json = r#"{"appliance":"wiki","version":"1","summary":"a\u001b[2J","url":"",
            "questions":[{"name":"q","prompt":"P\u202e","description":"one\n\u0007two","group":"\u009b"}]}"#;
        let seeds = SeedsFile::parse(json.as_bytes()).unwrap();
        let question = &seeds.questions[0];
        assert_eq!(seeds.summary, "a\\u{1b}[2J");
        assert_eq!(question.prompt, "P\\u{202e}");
        assert_eq!(question.description.as_deref(), Some("one\n\\u{7}two"));
        assert_eq!(question.group.as_deref(), Some("\\u{9b}"));
        for hostile in [
            json.replace(r#""version":"1""#, r#""version":"1\u001b""#),
            json.replace(r#""name":"q""#, r#""name":"q","choices":["\u001b"]"#),
        ] {
            assert!(matches!(SeedsFile::parse(hostile.as_bytes()), Err(Error::Value(_))), "{hostile}");
        }
    }
}
