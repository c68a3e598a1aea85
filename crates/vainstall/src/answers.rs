//! Stage 2, second half: answers from everywhere they may come from, checked before anything is changed.

mod sources;

use crate::{
    cli::Arguments,
    failure::{Exit, Failure, Result},
    progress::Progress,
    seeding,
    signals::Signals,
    state::Stored,
    terminal,
};
use anyhow::Context;
use appliance::{
    Host,
    answers::{Answer, Obstacle, Origin, Refusal, SecretError, Source, collect},
    question::{Question, QuestionType},
    seeds::SeedsFile,
};
use std::{collections::BTreeMap, fs::File, io::Read};

pub type Answers = BTreeMap<String, Answer>;

/// What the machine knows before anybody is asked.
pub struct Known<'a> {
    /// From an interrupted run.
    pub stored: &'a Stored,
    /// As [`seeding::answered`] gives it.
    pub debconf: &'a BTreeMap<String, String>,
    pub host: &'a Host,
}

/// All answers, or the list of all that keeps them from being complete.
pub fn all(
    arguments: &Arguments,
    seeds: &SeedsFile,
    known: &Known,
    signals: &Signals,
    progress: &mut Progress,
) -> Result<Answers> {
    let (questions, host) = (&seeds.questions, known.host);
    let mut sources = sources::explicit(arguments, &seeds.appliance, questions, progress)?;
    sources.push(Source::new(Origin::Stored, known.stored.answers.clone()));
    sources.push(Source::new(Origin::Debconf, of_debconf(questions, &seeds.appliance, known.debconf)));
    let first = gather(questions, &sources, host)?;
    if arguments.dry_run || arguments.non_interactive || !terminal::is_there() {
        return first.map_err(|obstacles| refused(&obstacles, questions, &seeds.appliance));
    }
    if let Err(obstacles) = &first {
        // a person can answer what is missing, and cannot mend a file
        let wrong: Vec<_> =
            obstacles.iter().filter(|o| !matches!(o, Obstacle::Missing { .. })).cloned().collect();
        if !wrong.is_empty() {
            return Err(refused(&wrong, questions, &seeds.appliance));
        }
    }
    let open: Vec<&Question> =
        questions.iter().filter(|q| !sources.iter().any(|s| s.answers.contains_key(&q.name))).collect();
    if !open.is_empty() {
        progress.pause();
        sources.push(person(&open, host, signals)?);
    }
    gather(questions, &sources, host)?.map_err(|obstacles| refused(&obstacles, questions, &seeds.appliance))
}

fn person(open: &[&Question], host: &Host, signals: &Signals) -> Result<Source> {
    let mut answers = BTreeMap::new();
    for question in open {
        if let Some(answer) = terminal::ask(question, host, signals)? {
            answers.insert(question.name.clone(), answer);
        }
    }
    Ok(Source::new(Origin::Person, answers))
}

/// The inner result is the check's, the outer one ours.
fn gather(
    questions: &[Question],
    sources: &[Source],
    host: &Host,
) -> Result<std::result::Result<Answers, Vec<Obstacle>>> {
    let mut random = |buffer: &mut [u8]| {
        let read = File::open("/dev/urandom").and_then(|mut f| f.read_exact(buffer));
        read.map_err(|e| SecretError(e.to_string()))
    };
    match collect(questions, sources, host, &mut random) {
        Ok(answers) => Ok(Ok(answers)),
        Err(Refusal::Obstacles(obstacles)) => Ok(Err(obstacles)),
        Err(error @ Refusal::NoSecret(_)) => Err(anyhow::Error::new(error).into()),
    }
}

fn of_debconf(
    questions: &[Question],
    appliance: &str,
    known: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let answer =
        |q: &Question| Some((q.name.clone(), known.get(&seeding::own_question(appliance, q))?.clone()));
    // an empty value is what a cleared password looks like
    questions.iter().filter_map(answer).filter(|(_, value)| !value.is_empty()).collect()
}

/// The whole list, each with the ways to answer it.
fn refused(obstacles: &[Obstacle], questions: &[Question], appliance: &str) -> Failure {
    let mut text = String::from("nothing has been changed, because of the answers:");
    for obstacle in obstacles {
        text.push_str(&format!("\n  {obstacle}"));
        let name = match obstacle {
            Obstacle::Missing { question, .. } | Obstacle::Invalid { question, .. } => question,
            Obstacle::Unknown { .. } => continue,
        };
        if let Some(question) = questions.iter().find(|q| q.name == *name) {
            text.push_str(&format!("\n      give it with {}", ways(question)));
        }
    }
    if obstacles.iter().any(|o| matches!(o, Obstacle::Unknown { .. })) {
        let names: Vec<&str> = questions.iter().map(|q| q.name.as_str()).collect();
        text.push_str(&format!("\n  {appliance} asks for: {}", names.join(", ")));
    }
    Failure::new(Exit::Input, text)
}

fn ways(question: &Question) -> String {
    let (name, variable) = (&question.name, sources::variable(question));
    if question.kind == QuestionType::Password {
        return format!("{name} = \"…\" in the file of --answers, or {variable} in the environment");
    }
    format!("--set {name}=…, or {name} = \"…\" in the file of --answers, or {variable} in the environment")
}

/// What debconf is given and the seeds are rendered with.
pub fn values(answers: &Answers) -> BTreeMap<String, String> {
    answers.iter().map(|(name, answer)| (name.clone(), answer.expose().to_owned())).collect()
}

/// The answers for a next run, should this one not come to its end. Defaults are left out: they may change.
pub fn to_store(answers: &Answers, before: &Stored) -> Stored {
    let told = answers.iter().filter(|(_, a)| !matches!(a.origin, Origin::Default | Origin::NotAsked));
    let generated = answers.iter().filter(|(name, a)| match a.origin {
        Origin::Generated => true,
        Origin::Stored => before.generated.contains(*name),
        _ => false,
    });
    Stored {
        answers: told.map(|(name, a)| (name.clone(), a.expose().to_owned())).collect(),
        generated: generated.map(|(name, _)| name.clone()).collect(),
    }
}

/// Reads a file or a folder's entry that may hold secrets, with its path in the error.
fn read(path: &std::path::Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read the answers in {}", path.display()));
    let bytes = bytes.map_err(|error| Failure { exit: Exit::Input, ..error.into() })?;
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|b| **b == b'\n').count() + 1;
        let message = format!("{}, line {line}: this is not UTF-8; save the file as UTF-8", path.display());
        Failure::new(Exit::Input, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_another_encoding_is_told_by_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.toml");
        std::fs::write(&path, b"a = 1\nb = \"caf\xe9\"\n").unwrap();
        let failure = read(&path).unwrap_err();
        assert_eq!(failure.exit, Exit::Input);
        assert!(failure.message().contains("answers.toml, line 2"), "{}", failure.message());
        assert_eq!(read(&folder.path().join("none")).unwrap_err().exit, Exit::Input);
    }
}
