//! The `.seeds` file beside a metapackage in the repository: all that has to be known before anything is installed.

use crate::{
    model::{Definition, Seed},
    names,
    question::Question,
    seed_value,
};
use serde::{Deserialize, Serialize};

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
    /// Code names of the Debian releases it is made for; empty when nobody said.
    #[serde(default)]
    pub releases: Vec<String>,
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
        let seeds: SeedsFile = serde_json::from_slice(bytes)?;
        let wrong = |what: &str, name: &str, why: String| Error::Value(format!("{what} {name:?}: {why}"));
        names::package(&seeds.appliance).map_err(|e| wrong("appliance", &seeds.appliance, e.message))?;
        seed_value::parse(&seeds.url).map_err(|e| wrong("url", &seeds.url, e.message))?;
        for question in &seeds.questions {
            names::question(&question.name).map_err(|e| wrong("question", &question.name, e.message))?;
        }
        for seed in &seeds.seeds {
            names::package(&seed.package).map_err(|e| wrong("package", &seed.package, e.message))?;
            names::debconf_question(&seed.question)
                .map_err(|e| wrong("question", &seed.question, e.message))?;
            seed_value::parse(&seed.value).map_err(|e| wrong("value", &seed.value, e.message))?;
        }
        Ok(seeds)
    }
}
