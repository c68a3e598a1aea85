//! Stage 2, second half: answers from everywhere they may come from, checked before anything is changed.

mod sources;

use crate::{
    cli::Arguments,
    failure::{Exit, Failure, Result},
    owner::Owner,
    progress::Progress,
    seeding,
    signals::Signals,
    state::Stored,
};
use appliance::{
    Host, Problem,
    answers::{Answer, Obstacle, Origin, Refusal, SecretError, Source, collect},
    question::{Question, QuestionType},
    seeds::SeedsFile,
};
use debconf::Selection;
use std::{collections::BTreeMap, fs::File, io::Read};

pub type Answers = BTreeMap<String, Answer>;

/// Secrets that are in use, and whether they may be taken away. Nobody is shown them.
pub type InUse = BTreeMap<String, bool>;

/// What the machine knows before anybody is asked.
pub struct Known<'a> {
    /// From an interrupted run.
    pub stored: &'a Stored,
    /// As [`seeding::answered`] gives it.
    pub debconf: &'a BTreeMap<String, String>,
    pub in_use: &'a InUse,
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
    let explicit = sources::explicit(arguments, &seeds.appliance, questions)?;
    sources::warn(arguments, &explicit, questions, progress);
    // nobody is asked twice; and an image whose owner has given what it needs asks nobody
    let settled = known.stored.complete || arguments.first_boot && explicit.came_with_the_machine();
    let mut sources = explicit.sources;
    sources.push(Source::new(Origin::Stored, known.stored.answers.clone()));
    sources.push(Source::new(Origin::Debconf, of_debconf(questions, &seeds.appliance, known.debconf)));
    let first = gather(questions, &sources, host)?;
    let owner = Owner::of(arguments, progress);
    let alone = arguments.dry_run || !owner.is_there();
    let refused =
        |obstacles: &[Obstacle]| Err(refused(&explicit.problems, obstacles, questions, &seeds.appliance));
    let obstacles = first.as_ref().err().cloned().unwrap_or_default();
    // a person can answer what is missing, and cannot mend a file; what a broken file may have answered is not missing
    let wrong: Vec<Obstacle> =
        obstacles.iter().filter(|o| !matches!(o, Obstacle::Missing { .. })).cloned().collect();
    if !explicit.problems.is_empty() || !wrong.is_empty() && !alone {
        return refused(&wrong);
    }
    let answers = match first {
        Err(obstacles) if alone => return refused(&obstacles),
        Ok(answers) if alone || settled => answers,
        _ => {
            let given = given(&sources, questions);
            if questions.iter().any(|q| !q.internal && !given.contains_key(&q.name)) {
                progress.pause();
                let typed = owner.converse(seeds, &given, known, signals)?;
                sources.push(Source::new(Origin::Person, typed));
            }
            match gather(questions, &sources, host)? {
                Ok(answers) => answers,
                Err(obstacles) => return refused(&obstacles),
            }
        }
    };
    tell_unused(&sources, &answers, progress);
    Ok(answers)
}

/// The administrator's answers to other packages' questions, out of the file of `--answers` and the credentials.
pub fn foreign(arguments: &Arguments, seeds: &SeedsFile) -> Result<Vec<Selection>> {
    Ok(sources::explicit(arguments, &seeds.appliance, &seeds.questions)?.foreign)
}

/// What some source has answered already.
fn given(sources: &[Source], questions: &[Question]) -> BTreeMap<String, String> {
    let mut given = BTreeMap::new();
    for source in sources {
        for question in questions {
            let remembered = matches!(source.origin, Origin::Stored | Origin::Debconf);
            match source.answers.get(&question.name) {
                Some(answer) if !(answer.is_empty() && remembered) => {
                    given.entry(question.name.clone()).or_insert_with(|| answer.clone());
                }
                _ => {}
            }
        }
    }
    given
}

/// An answer to a question that is not asked is no mistake, and may be a misunderstanding.
fn tell_unused(sources: &[Source], answers: &Answers, progress: &mut Progress) {
    let deliberate = |o: &Origin| !matches!(o, Origin::Stored | Origin::Debconf | Origin::Person);
    for source in sources.iter().filter(|s| deliberate(&s.origin)) {
        let unused = source
            .answers
            .keys()
            .filter(|name| answers.get(*name).is_some_and(|a| a.origin == Origin::NotAsked));
        for name in unused {
            let origin = &source.origin;
            progress.warn(format!(
                "the answer to {name} from {origin} is not used: with the other answers, it is not asked"
            ));
        }
    }
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
    let answer = |q: &Question| {
        let value = known.get(&seeding::own_question(appliance, q))?;
        Some((q.name.clone(), q.of_debconf(value)))
    };
    // an empty value is what a cleared password looks like
    questions.iter().filter_map(answer).filter(|(_, value)| !value.is_empty()).collect()
}

/// The whole list, each with the ways to answer it.
fn refused(problems: &[Problem], obstacles: &[Obstacle], questions: &[Question], appliance: &str) -> Failure {
    let mut text = String::from("nothing has been changed, because of the answers:");
    for problem in problems {
        text.push_str(&format!("\n  {problem}"));
    }
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

/// The answers for a next run, should this one not come to its end. Defaults are left out: they may change. A secret
/// that nobody is asked for is none that somebody has to see.
pub fn to_store(answers: &Answers, before: &Stored, questions: &[Question], complete: bool) -> Stored {
    let told = answers.iter().filter(|(_, a)| !matches!(a.origin, Origin::Default | Origin::NotAsked));
    let shown = |name: &String| !questions.iter().any(|q| q.internal && q.name == *name);
    let generated = answers.iter().filter(|(name, a)| match a.origin {
        Origin::Generated => shown(name),
        Origin::Stored => before.generated.contains(*name),
        _ => false,
    });
    Stored {
        answers: told.map(|(name, a)| (name.clone(), a.expose().to_owned())).collect(),
        generated: generated.map(|(name, _)| name.clone()).collect(),
        complete,
        given: BTreeMap::new(),
    }
}
