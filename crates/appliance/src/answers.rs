//! Answers to the appliance's questions: from several sources, by precedence, checked all at once.

pub mod forms;
mod secret;

pub use forms::validate;
pub use secret::{SecretError, generate};

use crate::{
    Host,
    question::{Question, QuestionType},
    seed_value, suggest,
};
use std::{collections::BTreeMap, fmt};

/// Where an answer came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    CommandLine,
    /// The path.
    File(String),
    Environment,
    /// systemd's credentials.
    Credentials,
    /// Somebody was asked.
    Person,
    Debconf,
    /// From an earlier run.
    Stored,
    /// The question's own default.
    Default,
    /// A secret made on this machine.
    Generated,
}

/// Answers of one source, by the questions' names.
#[derive(Clone)]
pub struct Source {
    pub origin: Origin,
    pub answers: BTreeMap<String, String>,
}

/// A checked answer. Never printed when it is a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    value: String,
    secret: bool,
    pub origin: Origin,
}

/// What keeps the work from beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// Nobody answered, and there is no default.
    Missing { question: String, prompt: String },
    /// `why` goes after the question's name: "must be a port, …".
    Invalid { question: String, prompt: String, why: String, origin: Origin },
    /// An answer to a question that nobody asks.
    Unknown { name: String, origin: Origin, near: Option<String> },
}

/// Why there are no answers.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("{}", lines(.0))]
    Obstacles(Vec<Obstacle>),
    #[error("no secret can be made")]
    NoSecret(#[from] SecretError),
}

/// All answers of the questions. The first source that has one wins; a source's invalid answer is an obstacle
/// even where a later source has a valid one, for its author meant it. Then the default, then a generated secret.
///
/// `random` fills a buffer with random bytes. All obstacles are told at once.
pub fn collect(
    questions: &[Question],
    sources: &[Source],
    host: &Host,
    random: &mut dyn FnMut(&mut [u8]) -> Result<(), SecretError>,
) -> Result<BTreeMap<String, Answer>, Refusal> {
    let mut obstacles = unknown_names(questions, sources);
    let mut answers = BTreeMap::new();
    for question in questions {
        match answer(question, sources, host) {
            Ok(Some(found)) => {
                answers.insert(question.name.clone(), found);
            }
            Ok(None) => match question.generate {
                Some(secret) => {
                    let value = generate(secret.length, random)?;
                    answers.insert(
                        question.name.clone(),
                        Answer { value, secret: true, origin: Origin::Generated },
                    );
                }
                None => obstacles.push(Obstacle::Missing {
                    question: question.name.clone(),
                    prompt: question.prompt.clone(),
                }),
            },
            Err((why, origin)) => obstacles.push(Obstacle::Invalid {
                question: question.name.clone(),
                prompt: question.prompt.clone(),
                why,
                origin,
            }),
        }
    }
    if obstacles.is_empty() { Ok(answers) } else { Err(Refusal::Obstacles(obstacles)) }
}

/// The default with the machine's names in it; None when there is none.
pub fn default_of(question: &Question, host: &Host) -> Option<String> {
    let parts = seed_value::parse(question.default.as_deref()?).ok()?;
    seed_value::render(&parts, host, &BTreeMap::new()).ok()
}

fn answer(question: &Question, sources: &[Source], host: &Host) -> Result<Option<Answer>, (String, Origin)> {
    let secret = question.kind == QuestionType::Password;
    for source in sources {
        let Some(value) = source.answers.get(&question.name) else { continue };
        // an empty password in debconf or a form means "make one"
        if value.is_empty()
            && !question.optional
            && (question.generate.is_some() || question.default.is_some())
        {
            continue;
        }
        validate(question, value).map_err(|why| (why, source.origin.clone()))?;
        return Ok(Some(Answer { value: value.clone(), secret, origin: source.origin.clone() }));
    }
    if let Some(value) = default_of(question, host) {
        validate(question, &value).map_err(|why| (why, Origin::Default))?;
        return Ok(Some(Answer { value, secret, origin: Origin::Default }));
    }
    if question.optional && question.generate.is_none() {
        return Ok(Some(Answer { value: String::new(), secret, origin: Origin::Default }));
    }
    Ok(None)
}

fn unknown_names(questions: &[Question], sources: &[Source]) -> Vec<Obstacle> {
    let known = || questions.iter().map(|q| q.name.as_str());
    let mut unknown = vec![];
    // what was stored or left in debconf by an older version is no mistake of today's caller
    let deliberate = sources.iter().filter(|s| !matches!(s.origin, Origin::Stored | Origin::Debconf));
    for source in deliberate {
        for name in source.answers.keys().filter(|n| !known().any(|k| k == n.as_str())) {
            let near = suggest::nearest(name, known()).map(str::to_owned);
            unknown.push(Obstacle::Unknown { name: name.clone(), origin: source.origin.clone(), near });
        }
    }
    unknown
}

impl Answer {
    /// The answer itself, secret or not: to be stored, rendered or handed on, never printed.
    pub fn expose(&self) -> &str {
        &self.value
    }
    pub fn is_secret(&self) -> bool {
        self.secret
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = if self.secret { "(secret)" } else { &self.value };
        f.debug_struct("Answer").field("value", &value).field("origin", &self.origin).finish()
    }
}

/// For a person: a secret is not shown.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secret { "(secret)" } else { &self.value })
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("origin", &self.origin).field("names", &self.answers.keys()).finish()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::CommandLine => f.write_str("the command line"),
            Origin::File(path) => f.write_str(path),
            Origin::Environment => f.write_str("the environment"),
            Origin::Credentials => f.write_str("the credentials"),
            Origin::Person => f.write_str("the terminal"),
            Origin::Debconf => f.write_str("debconf"),
            Origin::Stored => f.write_str("an earlier run"),
            Origin::Default => f.write_str("the default"),
            Origin::Generated => f.write_str("this machine"),
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Obstacle::Missing { question, prompt } => write!(f, "{question} ({prompt}): an answer is needed"),
            Obstacle::Invalid { question, prompt, why, origin } => {
                write!(f, "{question} ({prompt}): the answer from {origin} {}", as_predicate(why))
            }
            Obstacle::Unknown { name, origin, near } => {
                write!(f, "{} (from {origin}): there is no such question", name.escape_debug())?;
                near.as_ref().map_or(Ok(()), |near| write!(f, "; did you mean {near}?"))
            }
        }
    }
}

fn lines(obstacles: &[Obstacle]) -> String {
    obstacles.iter().map(|o| o.to_string()).collect::<Vec<_>>().join("\n")
}

fn as_predicate(why: &str) -> &str {
    if why == "an answer is needed" { "is empty" } else { why }
}
