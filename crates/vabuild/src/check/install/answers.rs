//! Answers to the appliance's own questions: from the author's file, the defaults, and made up where there is neither.

use crate::{check, exit::Failure};
use anyhow::{Context, Result};
use appliance::{
    Definition,
    answers::{self, Answer, Obstacle, Origin, Refusal, Source, given},
    model::{Appliance, Seed},
    question::{Question, QuestionType},
    seed_value,
    seeds::by_question_or_template,
};
use debconf::{Selection, selections};
use std::{collections::BTreeMap, fs::File, io::Read, path::Path};

/// The answers of a rehearsal. May hold secrets of the author's.
pub struct Answers {
    pub values: BTreeMap<String, String>,
    made_up: Vec<String>,
}

/// All answers, or what is wrong with those in the file.
pub fn of(definition: &Definition, appliance: &Appliance, file: Option<&Path>) -> Result<Answers> {
    let mut sources = vec![];
    if let Some(path) = file {
        sources.push(read(path, definition, appliance)?);
    }
    let mut made_up = BTreeMap::new();
    // an answer may open further questions: each round answers one at least
    for _ in 0..=definition.questions.len() {
        let made = Source::new(Origin::Person, made_up.clone());
        let all: Vec<Source> = sources.iter().cloned().chain([made]).collect();
        match answers::collect(&definition.questions, &all, &super::host(), &mut random) {
            Ok(answers) => {
                return Ok(Answers { values: asked(answers), made_up: made_up.into_keys().collect() });
            }
            Err(Refusal::NoSecret(error)) => return Err(error.into()),
            Err(Refusal::Obstacles(obstacles)) => {
                for obstacle in &obstacles {
                    let Obstacle::Missing { question, .. } = obstacle else {
                        return Err(refused(&obstacles));
                    };
                    let question = definition.questions.iter().find(|q| q.name == *question);
                    let value = question.and_then(|q| Some((q.name.clone(), make_up(q)?)));
                    let Some((name, value)) = value else { return Err(refused(&obstacles)) };
                    made_up.insert(name, value);
                }
            }
        }
    }
    Err(Failure::bad_input("no answers to the appliance's own questions: give them with --answers FILE")
        .into())
}

impl Answers {
    /// For debconf-set-selections(1), as vainstall gives them.
    pub fn selections(&self, definition: &Definition, appliance: &Appliance) -> Result<String> {
        let owner = format!("{}-appliance-seed", appliance.name);
        let one = |question: &Question| {
            let value = question.to_debconf(self.values.get(&question.name)?);
            let (owner, name) = (owner.clone(), format!("{owner}/{}", question.name));
            Some(Selection { owner, question: name, kind: question.kind.debconf().into(), value })
        };
        let selected: Vec<Selection> = definition.questions.iter().filter_map(one).collect();
        selections::write(&selected).map_err(|e| Failure::bad_input(e.to_string()).into())
    }

    /// What `vainstall` tells debconf before anything is installed: it cannot register a shared template's questions.
    pub fn seeds(&self, definition: &Definition) -> Vec<Selection> {
        let one = |seed: &Seed| {
            let (owner, question, kind) = (seed.package.clone(), seed.question.clone(), seed.kind.clone());
            Some(Selection { owner, question, kind, value: rendered(seed, &self.values)? })
        };
        definition.seeds.iter().filter(|seed| seed.template.is_none()).filter_map(one).collect()
    }

    /// What `vainstall` answers as debconf's frontend.
    pub fn by_question(&self, definition: &Definition) -> BTreeMap<String, String> {
        let values = definition.seeds.iter().filter_map(|seed| Some((seed, rendered(seed, &self.values)?)));
        by_question_or_template(&values.collect::<Vec<_>>())
    }

    pub fn remarks(&self) -> Vec<String> {
        match self.made_up.is_empty() {
            true => vec![],
            false => vec![format!(
                "answers were made up for {}; --answers FILE gives better ones",
                self.made_up.join(", ")
            )],
        }
    }
}

/// The seed's value on the rehearsal's machine; None where an answer is missing.
pub fn rendered(seed: &Seed, answers: &BTreeMap<String, String>) -> Option<String> {
    let parts = seed_value::parse(&seed.value).ok()?;
    seed_value::render(&parts, &super::host(), answers).ok()
}

fn read(path: &Path, definition: &Definition, appliance: &Appliance) -> Result<Source> {
    let cannot = || format!("cannot read the answers in {}", path.display());
    let mut bytes = vec![];
    let file = File::open(path).map_err(|e| Failure::bad_input(format!("{}: {e}", cannot())))?;
    file.take(given::SIZE_LIMIT as u64 + 1).read_to_end(&mut bytes).with_context(cannot)?;
    let name = path.display().to_string();
    let given = given::read(&bytes, &name, &appliance.name, &definition.questions);
    match given.problems.is_empty() {
        true => Ok(given.source(Origin::File(name))),
        false => Err(check::refuse(&given.problems)?.into()),
    }
}

fn asked(answers: BTreeMap<String, Answer>) -> BTreeMap<String, String> {
    let asked = answers.into_iter().filter(|(_, answer)| answer.origin != Origin::NotAsked);
    asked.map(|(name, answer)| (name, answer.expose().to_owned())).collect()
}

/// Something that an owner could have answered; None when nothing fits.
fn make_up(question: &Question) -> Option<String> {
    let tries: Vec<String> = match question.kind {
        QuestionType::Boolean => vec!["false".into()],
        QuestionType::Select | QuestionType::Multiselect => {
            question.choices.first().cloned().into_iter().collect()
        }
        QuestionType::Password => vec!["Rehearsal-of-1-password".into()],
        QuestionType::Port | QuestionType::Number => {
            question.min.map(|n| n.to_string()).into_iter().chain(["8080".into(), "1".into()]).collect()
        }
        _ => ["rehearsal", "admin@example.test", "rehearsal.example.test", "192.0.2.1", "/srv/rehearsal"]
            .map(str::to_owned)
            .into(),
    };
    tries.into_iter().find(|value| answers::validate(question, value).is_ok())
}

fn refused(obstacles: &[Obstacle]) -> anyhow::Error {
    let lines: Vec<String> = obstacles.iter().map(|o| format!("    {o}")).collect();
    Failure::bad_input(format!(
        "the appliance's own questions cannot be answered (--answers FILE):\n{}",
        lines.join("\n")
    ))
    .into()
}

fn random(buffer: &mut [u8]) -> Result<(), answers::SecretError> {
    let read = File::open("/dev/urandom").and_then(|mut f| f.read_exact(buffer));
    read.map_err(|e| answers::SecretError(e.to_string()))
}
