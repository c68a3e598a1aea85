//! The appliance's questions as settings: shown with the present answers, and changed.
//!
//! Whoever shows them, a page or a command line, decides nothing. What is asked, what fits, what changes, and whether somebody else
//! was faster, is said here, by the same model that asked at the installation.

use crate::{
    Error, Installed, Machine, Result, debconf_copy, host,
    knowledge::{self, Knowledge},
    tree,
};
use appliance::{
    answers::{Answer, Obstacle, Origin, Refusal, Source, collect, default_of, so_far},
    question::{OneOrMany, Question, QuestionType, Test, When},
};
use debconf::Selection;
use serde::Serialize;
use std::{collections::BTreeMap, fs, io, os::unix::fs::MetadataExt};

/// New answers by their questions: an empty secret is the present one, none takes an optional one away.
pub type Given = BTreeMap<String, Option<String>>;

/// All that a form needs to know. Holds no secret.
#[derive(Debug, Serialize)]
pub struct Settings {
    pub appliance: String,
    pub version: String,
    pub summary: String,
    /// Another one when any answer, secret or question has changed.
    pub revision: String,
    pub questions: Vec<Setting>,
}

/// A question with its present answer, in the reader's language.
#[derive(Debug, Serialize)]
pub struct Setting {
    pub name: String,
    pub prompt: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// As it is written in a definition.
    #[serde(rename = "type")]
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    pub choices: Vec<Choice>,
    /// Of a secret always empty.
    pub value: String,
    /// A secret is kept here: an empty answer leaves it as it is, and when it is optional, none takes it away.
    pub kept: bool,
    /// Of a secret that is not kept: an empty answer has one made.
    pub made: bool,
    /// Nobody is asked: no part of a form.
    pub internal: bool,
    pub optional: bool,
    /// Whether its condition holds now.
    pub asked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
}

#[derive(Debug, Serialize)]
pub struct Choice {
    pub value: String,
    pub text: String,
}

/// Asked when the question is asked and its answer is one of `is`, or, where that is empty, none of `not`.
#[derive(Debug, PartialEq, Serialize)]
pub struct Condition {
    pub question: String,
    pub is: Vec<String>,
    pub not: Vec<String>,
}

/// What would come of new answers.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// The answers are others than those the form was made with.
    pub stale: bool,
    /// What is wrong, by question: goes after its name, as in "must be a port, …".
    pub faults: BTreeMap<String, String>,
    /// The questions whose answers change; of a secret it is not said whether it is the same again.
    pub changes: Vec<String>,
}

/// The questions, in the first of these languages that the definition has. A stored answer that fits no more is shown as it is.
pub fn show(machine: &Machine, installed: &Installed, languages: &[String]) -> Result<Settings> {
    let questions = &installed.definition.questions;
    let host = host::facts(machine);
    let stored = knowledge::stored(machine, installed)?.answers;
    let asked = so_far(questions, &stored, &host);
    let one = |question: &Question| {
        let words = question.words(languages);
        let kept = question.is_secret() && stored.get(&question.name).is_some_and(|s| !s.is_empty());
        let present = asked.get(&question.name).cloned();
        let value = present.clone().or_else(|| default_of(question, &host, &asked)).unwrap_or_default();
        let choices = question.choices.iter().zip(words.choices);
        Setting {
            name: question.name.clone(),
            prompt: words.prompt.into(),
            description: words.description.map(str::to_owned),
            kind: question.kind.word(),
            group: words.group.map(str::to_owned),
            choices: choices.map(|(v, t)| Choice { value: v.clone(), text: t.clone() }).collect(),
            value: if question.is_secret() { String::new() } else { value },
            kept,
            made: question.is_secret() && !kept && question.generate.is_some(),
            internal: question.internal,
            optional: question.optional,
            asked: present.is_some(),
            when: question.when.as_ref().map(|when| condition(when, questions)),
        }
    };
    Ok(Settings {
        appliance: installed.appliance.name.clone(),
        version: installed.appliance.version.clone(),
        summary: installed.appliance.summary.clone(),
        revision: revision(machine, installed)?,
        questions: questions.iter().map(one).collect(),
    })
}

/// Says what would come of these answers, and changes nothing.
pub fn check(machine: &Machine, installed: &Installed, given: &Given, seen: Option<&str>) -> Result<Checked> {
    let stale = is_stale(machine, installed, seen)?;
    let (faults, changes) = match consider(machine, installed, given)? {
        Ok(found) => (BTreeMap::new(), found.changes),
        Err(obstacles) => (obstacles.into_iter().map(fault).collect(), vec![]),
    };
    Ok(Checked { stale, faults, changes })
}

/// Takes new answers: gives debconf its copy with `copy`, then stores them. On an error nothing is stored.
pub fn change(
    machine: &Machine,
    installed: &Installed,
    given: &Given,
    seen: Option<&str>,
    copy: &mut dyn FnMut(&[Selection]) -> Result<()>,
) -> Result<Knowledge> {
    if is_stale(machine, installed, seen)? {
        return Err(Error::Stale { appliance: installed.appliance.name.clone() });
    }
    let refused = |obstacles| knowledge::refused(installed, Refusal::Obstacles(obstacles));
    let found = consider(machine, installed, given)?.map_err(refused)?;
    // before they are stored: a run that ends in between is finished by the next upgrade, which reads debconf's first
    copy(&selections(installed, &found))?;
    let mut knowledge = knowledge::knowledge(host::facts(machine), found.answers);
    knowledge::adopt(machine, installed, &mut knowledge)?;
    knowledge::store(machine, installed, &knowledge)?;
    Ok(knowledge)
}

/// A text that differs when something has been changed. It tells nothing of secrets but when they were written.
pub fn revision(machine: &Machine, installed: &Installed) -> Result<String> {
    let questions = &installed.definition.questions;
    let answers = knowledge::stored_answers(machine, installed)?.answers;
    let mut secrets = vec![];
    for question in questions.iter().filter(|q| q.is_secret()) {
        let path = machine.secret(&installed.appliance.name, &question.name);
        secrets.push(match fs::symlink_metadata(&path) {
            Ok(meta) => Some((meta.ino(), meta.mtime(), meta.mtime_nsec())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(Error::io("look at", path)(e)),
        });
    }
    let seen = serde_json::to_vec(&(questions, answers, secrets))
        .map_err(|e| Error::Given { message: e.to_string() })?;
    Ok(tree::sha256(&seen))
}

fn is_stale(machine: &Machine, installed: &Installed, seen: Option<&str>) -> Result<bool> {
    match seen {
        Some(seen) => Ok(revision(machine, installed)? != seen),
        None => Ok(false),
    }
}

/// All answers as they would be, and those that are not as they were.
struct Found {
    answers: BTreeMap<String, Answer>,
    changes: Vec<String>,
}

fn consider(
    machine: &Machine,
    installed: &Installed,
    given: &Given,
) -> Result<std::result::Result<Found, Vec<Obstacle>>> {
    let mut questions = installed.definition.questions.clone();
    let mut given = given.clone();
    let mut needed = vec![];
    for question in &mut questions {
        match given.get(&question.name) {
            Some(Some(answer)) if answer.is_empty() && question.is_secret() => {
                drop(given.remove(&question.name))
            }
            Some(None) if question.is_secret() && !question.optional => {
                needed.push(obstacle(question, "is needed, and cannot be taken away"))
            }
            // what was emptied by hand is not what nobody has answered
            Some(_) if !question.is_secret() => question.default = None,
            _ => {}
        }
    }
    if !needed.is_empty() {
        return Ok(Err(needed));
    }
    let given = given.into_iter().map(|(name, answer)| (name, answer.unwrap_or_default())).collect();
    let stored = knowledge::stored(machine, installed)?;
    let before = stored.answers.clone();
    let sources = [Source::new(Origin::Person, given), stored];
    let answers = match collect(&questions, &sources, &host::facts(machine), &mut knowledge::random) {
        Ok(answers) => answers,
        Err(Refusal::Obstacles(obstacles)) => return Ok(Err(obstacles)),
        Err(refusal) => return Err(knowledge::refused(installed, refusal)),
    };
    let is_new = |(name, answer): &(&String, &Answer)| match answer.origin {
        Origin::NotAsked => false,
        // what was not there cannot be taken away
        _ if answer.is_secret() && answer.expose().is_empty() => {
            before.get(*name).is_some_and(|b| !b.is_empty())
        }
        _ if answer.is_secret() => answer.origin != Origin::Stored,
        _ => before.get(*name).is_none_or(|b| b != answer.expose()),
    };
    // in the order in which they are asked
    let asked = questions.iter().filter_map(|q| answers.get_key_value(&q.name));
    let changes = asked.filter(is_new).map(|(name, _)| name.clone()).collect();
    let found = Found { answers, changes };
    let unfit = unfit(installed, &found);
    Ok(if unfit.is_empty() { Ok(found) } else { Err(unfit) })
}

/// debconf's copy of what changes, without secrets.
fn selections(installed: &Installed, found: &Found) -> Vec<Selection> {
    let public = installed.definition.questions.iter().filter(|q| !q.is_secret()).cloned();
    let public: Vec<Question> = public.collect();
    let changed = found.answers.iter().filter(|(name, _)| found.changes.contains(name));
    let changed = changed.map(|(name, answer)| (name.clone(), answer.expose().to_owned())).collect();
    debconf_copy::selections(&installed.appliance.name, &public, &changed)
}

/// What fits the question and not debconf.
fn unfit(installed: &Installed, found: &Found) -> Vec<Obstacle> {
    let lines = selections(installed, found);
    let wrong = lines.into_iter().filter(|line| line.to_line().is_err());
    let told = |line: Selection| {
        let name = line.question.rsplit('/').next().unwrap_or_default();
        let question = installed.definition.questions.iter().find(|q| q.name == name)?;
        Some(obstacle(question, "must not end in a backslash"))
    };
    wrong.filter_map(told).collect()
}

fn obstacle(question: &Question, why: &str) -> Obstacle {
    Obstacle::Invalid {
        question: question.name.clone(),
        prompt: question.prompt.clone(),
        why: why.into(),
        origin: Origin::Person,
        line: None,
    }
}

fn fault(obstacle: Obstacle) -> (String, String) {
    match obstacle {
        Obstacle::Missing { question, .. } => (question, "an answer is needed".into()),
        Obstacle::Invalid { question, why, .. } => (question, why),
        Obstacle::Unknown { name, near, .. } => {
            let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            (name, format!("there is no such question{near}"))
        }
    }
}

fn condition(when: &When, questions: &[Question]) -> Condition {
    let question = when.question().to_owned();
    let words = |words: &Option<OneOrMany>| words.iter().flat_map(|w| w.all()).cloned().collect();
    let boolean = questions.iter().any(|q| q.name == question && q.kind == QuestionType::Boolean);
    let (is, not) = match when {
        When::Yes(_) if boolean => (vec!["true".into()], vec![]),
        When::Yes(_) => (vec![], vec![String::new()]),
        When::Test(Test { is, not, .. }) => (words(is), words(not)),
    };
    Condition { question, is, not }
}
