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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::Generate;

    fn question(name: &str, kind: QuestionType) -> Question {
        Question {
            name: name.into(),
            prompt: format!("The {name}"),
            description: None,
            kind,
            choices: vec![],
            default: None,
            generate: None,
            optional: false,
        }
    }

    fn source(origin: Origin, answers: &[(&str, &str)]) -> Source {
        Source { origin, answers: answers.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect() }
    }

    /// Bytes that are all different, then all different again.
    fn counting() -> impl FnMut(&mut [u8]) -> Result<(), SecretError> {
        let mut next = 0u8;
        move |bytes| {
            bytes.fill_with(|| {
                next = next.wrapping_add(1);
                next
            });
            Ok(())
        }
    }

    fn obstacles(questions: &[Question], sources: &[Source]) -> Vec<String> {
        match collect(questions, sources, &Host::default(), &mut counting()) {
            Err(Refusal::Obstacles(list)) => list.iter().map(|o| o.to_string()).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_first_source_wins_then_the_default_then_a_secret() {
        let mut name = question("name", QuestionType::String);
        name.default = Some("Wiki on {{ host.name }}".into());
        let mut password = question("password", QuestionType::Password);
        password.generate = Some(Generate { length: 24 });
        let mut note = question("note", QuestionType::String);
        note.optional = true;
        let questions = [name, password, note, question("mail", QuestionType::Email)];
        let sources = [
            source(Origin::CommandLine, &[("mail", "a@b.c"), ("password", "")]),
            source(Origin::Stored, &[("mail", "old@b.c"), ("gone", "x")]),
        ];
        let host = Host { name: "h".into(), ..Host::default() };
        let answers = collect(&questions, &sources, &host, &mut counting()).unwrap();
        let told: Vec<_> =
            answers.iter().map(|(k, a)| (k.as_str(), a.to_string(), a.origin.clone())).collect();
        let expect = [
            ("mail", "a@b.c".to_owned(), Origin::CommandLine),
            ("name", "Wiki on h".to_owned(), Origin::Default),
            ("note", String::new(), Origin::Default),
            ("password", "(secret)".to_owned(), Origin::Generated),
        ];
        assert_eq!(told, expect);
        let secret = answers["password"].expose();
        assert!(secret.len() == 24 && !format!("{answers:?}").contains(secret));
    }

    #[test]
    fn all_that_is_missing_or_wrong_is_told_at_once() {
        let mut colour = question("colour", QuestionType::Select);
        colour.choices = vec!["red".into(), "green".into()];
        let questions = [
            question("name", QuestionType::String),
            question("port", QuestionType::Port),
            question("admin-mail", QuestionType::Email),
            colour,
            question("password", QuestionType::Password),
        ];
        let sources = [
            source(
                Origin::CommandLine,
                &[("port", "0"), ("admin-mial", "a@b.c"), ("password", "se\u{1b}cret")],
            ),
            source(
                Origin::File("answers.toml".into()),
                &[("port", "80"), ("colour", "blue"), ("x\u{1b}", "")],
            ),
        ];
        let expect = [
            "admin-mial (from the command line): there is no such question; did you mean admin-mail?",
            "x\\u{1b} (from answers.toml): there is no such question",
            "name (The name): an answer is needed",
            "port (The port): the answer from the command line must be a port, a number from 1 to 65535",
            "admin-mail (The admin-mail): an answer is needed",
            "colour (The colour): the answer from answers.toml must be one of red, green",
            "password (The password): the answer from the command line must be one line, without control characters",
        ];
        assert_eq!(obstacles(&questions, &sources), expect);
    }

    #[test]
    fn each_type_has_its_form() {
        use QuestionType::*;
        for (kind, good, bad) in [
            (String, &["x", "ä b"][..], &["", "a\nb"][..]),
            (Boolean, &["true", "false"], &["yes", "True", ""]),
            (Email, &["a@b", "a.b+c@d.example"], &["a", "a@", "@b", "a b@c", "a@b@c", "a..b@c", "a@-b"]),
            (Hostname, &["wiki", "wiki.example.org", "1a"], &["a_b", "-a", "a-", "a..b", "a.", "ä"]),
            (Domain, &["example.org"], &["example", "192.0.2.1", "a b.c"]),
            (Port, &["1", "65535"], &["0", "65536", "080", "+1", "-1", "x"]),
            (Number, &["0", "-5", "007"], &["1.5", "-", "1e3", "99999999999999999999"]),
        ] {
            let question = question("q", kind);
            for answer in good {
                assert_eq!(validate(&question, answer), Ok(()), "{kind:?} {answer}");
            }
            for answer in bad {
                assert!(validate(&question, answer).is_err(), "{kind:?} {answer}");
            }
        }
    }

    #[test]
    fn every_character_of_a_secret_is_equally_likely() {
        let secret = generate(57 * 40, &mut counting()).unwrap();
        let mut counts = BTreeMap::new();
        secret.chars().for_each(|c| *counts.entry(c).or_insert(0) += 1);
        assert_eq!(counts.len(), 57);
        assert!(counts.values().all(|n| (39..=41).contains(n)), "{counts:?}");
        assert!(!secret.contains(['0', 'O', '1', 'l', 'I']));
        assert!(
            generate(22, &mut |bytes| {
                bytes.fill(255);
                Ok(())
            })
            .is_err()
        );
        assert!(generate(22, &mut |_| Err(SecretError("no".into()))).is_err());
    }
}
