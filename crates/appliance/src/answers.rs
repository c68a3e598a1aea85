//! Answers to the appliance's questions: from several sources, by precedence, checked all at once.

pub mod given;
mod secret;

pub use answer::{forms, pattern};
pub use given::Given;
pub use secret::{SecretError, generate};

use crate::{
    Host,
    problem::printable,
    question::{Question, is_asked},
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
    /// cloud-init's user data.
    UserData,
    /// Somebody was asked.
    Person,
    Debconf,
    /// From an earlier run.
    Stored,
    /// The question's own default.
    Default,
    /// A secret made on this machine.
    Generated,
    /// Its condition does not hold: the answer is empty.
    NotAsked,
}

/// Answers of one source, by the questions' names.
#[derive(Clone)]
pub struct Source {
    pub origin: Origin,
    pub answers: BTreeMap<String, String>,
    /// Lines in the file they come from, counted from 1.
    pub lines: BTreeMap<String, usize>,
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
    /// `why` goes after the question's name: "must be a port, …". The line is of the origin's file.
    Invalid { question: String, prompt: String, why: String, origin: Origin, line: Option<usize> },
    /// An answer to a question that nobody asks.
    Unknown { name: String, origin: Origin, line: Option<usize>, near: Option<String> },
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
/// A question that is not asked ([`is_asked`]) has an empty answer ([`Origin::NotAsked`]), whatever the sources say.
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
    let mut asked = BTreeMap::new();
    // whether these are asked is not known before an obstacle is out of the way
    let mut unclear: Vec<&str> = vec![];
    for question in questions {
        let waits = question.when.as_ref().is_some_and(|w| unclear.contains(&w.question()));
        let (name, prompt) = (question.name.clone(), question.prompt.clone());
        let secret = question.is_secret();
        if !waits && !is_asked(question, questions, &asked) {
            let none = Answer { value: String::new(), secret, origin: Origin::NotAsked };
            answers.insert(name, none);
            continue;
        }
        match answer(question, sources, host, &asked) {
            Ok(Some(found)) => {
                asked.insert(name.clone(), found.value.clone());
                answers.insert(name, found);
                continue;
            }
            Ok(None) if waits || is_made_of(question, &unclear) => {}
            Ok(None) => match question.generate {
                Some(wanted) => {
                    let value = generate(wanted.length, random)?;
                    asked.insert(name.clone(), value.clone());
                    answers.insert(name, Answer { value, secret, origin: Origin::Generated });
                    continue;
                }
                None => obstacles.push(Obstacle::Missing { question: name, prompt }),
            },
            Err((why, source)) => {
                let line = source.lines.get(&name).copied();
                let origin = source.origin.clone();
                obstacles.push(Obstacle::Invalid { question: name, prompt, why, origin, line });
            }
        }
        unclear.push(&question.name);
    }
    if obstacles.is_empty() { Ok(answers) } else { Err(Refusal::Obstacles(obstacles)) }
}

/// Whether the answer fits the question. The message does not repeat the answer, which may be a secret.
pub fn validate(question: &Question, answer: &str) -> Result<(), String> {
    answer::validate(&question.form(), answer)
}

/// The answer as it is kept: see [`answer::canonical`].
pub fn canonical(question: &Question, answer: &str) -> String {
    answer::canonical(&question.form(), answer)
}

/// The answers as they would be with these given: conditions and defaults applied in order, what nobody answered empty. Has the
/// questions that are asked, and no others: for a form or a conversation that shows one question after the other.
pub fn so_far(
    questions: &[Question],
    given: &BTreeMap<String, String>,
    host: &Host,
) -> BTreeMap<String, String> {
    let mut asked = BTreeMap::new();
    for question in questions {
        if is_asked(question, questions, &asked) {
            let value = given.get(&question.name).cloned();
            let value = value.or_else(|| default_of(question, host, &asked)).unwrap_or_default();
            asked.insert(question.name.clone(), value);
        }
    }
    asked
}

/// The default with the machine's names and earlier answers in it. None when there is none, and when what comes out
/// is no valid answer on this machine: then the question has to be answered.
pub fn default_of(question: &Question, host: &Host, answers: &BTreeMap<String, String>) -> Option<String> {
    let parts = seed_value::parse(question.default.as_deref()?).ok()?;
    let mut known = answers.clone();
    for name in seed_value::answers_used(&parts) {
        known.entry(name.to_owned()).or_default();
    }
    let value = canonical(question, &seed_value::render(&parts, host, &known).ok()?);
    validate(question, &value).is_ok().then_some(value)
}

fn answer<'s>(
    question: &Question,
    sources: &'s [Source],
    host: &Host,
    asked: &BTreeMap<String, String>,
) -> Result<Option<Answer>, (String, &'s Source)> {
    let secret = question.is_secret();
    for source in sources {
        let Some(value) = source.answers.get(&question.name) else { continue };
        // an empty password in debconf or a form means "make one"; what a machine remembers as empty was never answered
        let remembered = matches!(source.origin, Origin::Stored | Origin::Debconf);
        let open = question.generate.is_some() || question.default.is_some() || remembered;
        if value.is_empty() && !question.optional && open {
            continue;
        }
        let value = canonical(question, value);
        validate(question, &value).map_err(|why| (why, source))?;
        return Ok(Some(Answer { value, secret, origin: source.origin.clone() }));
    }
    let default = default_of(question, host, asked);
    let default = default.or((question.optional && question.generate.is_none()).then(String::new));
    Ok(default.map(|value| Answer { value, secret, origin: Origin::Default }))
}

/// Whether the default takes in one of these answers.
fn is_made_of(question: &Question, answers: &[&str]) -> bool {
    let parts = question.default.as_deref().and_then(|d| seed_value::parse(d).ok()).unwrap_or_default();
    seed_value::answers_used(&parts).any(|name| answers.contains(&name))
}

fn unknown_names(questions: &[Question], sources: &[Source]) -> Vec<Obstacle> {
    let known = || questions.iter().map(|q| q.name.as_str());
    let mut unknown = vec![];
    // what was stored or left in debconf by an older version is no mistake of today's caller
    let deliberate = sources.iter().filter(|s| !matches!(s.origin, Origin::Stored | Origin::Debconf));
    for source in deliberate {
        for name in source.answers.keys().filter(|n| !known().any(|k| k == n.as_str())) {
            let near = suggest::nearest(name, known()).map(str::to_owned);
            let line = source.lines.get(name).copied();
            unknown.push(Obstacle::Unknown { name: name.clone(), origin: source.origin.clone(), line, near });
        }
    }
    unknown
}

impl Source {
    pub fn new(origin: Origin, answers: BTreeMap<String, String>) -> Self {
        Source { origin, answers, lines: BTreeMap::new() }
    }
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
            Origin::File(path) => f.write_str(&printable(path)),
            Origin::Environment => f.write_str("the environment"),
            Origin::Credentials => f.write_str("the credentials"),
            Origin::UserData => f.write_str("cloud-init's user data"),
            Origin::Person => f.write_str("the terminal"),
            Origin::Debconf => f.write_str("debconf"),
            Origin::Stored => f.write_str("an earlier run"),
            Origin::Default => f.write_str("the default"),
            Origin::Generated => f.write_str("this machine"),
            Origin::NotAsked => f.write_str("nobody"),
        }
    }
}

/// A text of the appliance may come from anybody: it is shown with control characters made visible.
impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = |origin: &Origin, line: &Option<usize>| match line {
            Some(line) => format!("{origin}, line {line}"),
            None => origin.to_string(),
        };
        match self {
            Obstacle::Missing { question, prompt } => {
                write!(f, "{question} ({}): an answer is needed", printable(prompt))
            }
            Obstacle::Invalid { question, prompt, why, origin, line } => {
                let (prompt, why) = (printable(prompt), printable(as_predicate(why)));
                write!(f, "{question} ({prompt}): the answer from {} {why}", from(origin, line))
            }
            Obstacle::Unknown { name, origin, line, near } => {
                write!(f, "{} (from {}): there is no such question", printable(name), from(origin, line))?;
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
    use crate::question::{Generate, OneOrMany, QuestionType, Test, When};

    fn question(name: &str, kind: QuestionType) -> Question {
        Question { name: name.into(), prompt: format!("The {name}"), kind, ..Question::default() }
    }

    fn source(origin: Origin, answers: &[(&str, &str)]) -> Source {
        Source::new(origin, answers.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect())
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
    fn a_default_made_of_a_wrong_answer_is_no_second_mistake() {
        let mut contact = question("contact", QuestionType::Email);
        contact.default = Some("root@{{ answers.domain }}".into());
        let questions = [question("domain", QuestionType::Domain), contact];
        let found = obstacles(&questions, &[source(Origin::CommandLine, &[("domain", "x")])]);
        assert_eq!(found.len(), 1, "{found:?}");
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
            (Text, &["a\nb\tc"], &["", "a\u{1b}", "a\r\n"]),
            (
                Address,
                &["192.0.2.7", "::1", "2001:db8::192.0.2.7"],
                &["192.0.2", "192.0.2.07", "fe80::1%eth0", "a"],
            ),
            (Path, &["/", "/srv/a b"], &["srv", "/srv/", "/srv//a", "/srv/../a", "/./a"]),
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
    fn limits_are_told_in_words() {
        let told = |change: fn(&mut Question), kind, answer| {
            let mut question = question("q", kind);
            change(&mut question);
            validate(&question, answer).err().unwrap_or_default()
        };
        use QuestionType::{Multiselect, Number, Password, Port, String};
        let between: fn(&mut Question) = |q| (q.min, q.max) = (Some(-2), Some(9));
        assert_eq!(told(between, Number, "10"), "must be a number from -2 to 9");
        assert_eq!(told(between, Number, "-2"), "");
        assert_eq!(told(|q| q.min = Some(1024), Port, "80"), "must be 1024 or more");
        assert_eq!(told(|q| q.max = Some(5), Number, "6"), "must be 5 or less");
        assert_eq!(told(|q| q.min_length = Some(3), Password, "äö"), "must have at least 3 characters");
        assert_eq!(told(|q| q.max_length = Some(2), String, "äöü"), "must have at most 2 characters");
        let pattern: fn(&mut Question) = |q| {
            q.pattern = Some("[a-z]+".into());
            q.pattern_hint = Some("a word in small letters".into());
        };
        assert_eq!(told(pattern, String, "A"), "must be a word in small letters");
        let some: fn(&mut Question) = |q| q.choices = vec!["a".into(), "b".into()];
        assert_eq!(told(some, Multiselect, "b, a"), "");
        assert_eq!(told(some, Multiselect, "a, c"), "must be some of a, b, with a comma between two");
        assert_eq!(told(some, Multiselect, "a, a"), "must be some of a, b, with a comma between two");
    }

    #[test]
    fn conditions_and_defaults_follow_earlier_answers() {
        let mut mail = question("wants-mail", QuestionType::Boolean);
        mail.default = Some("false".into());
        let mut relay = question("relay", QuestionType::Hostname);
        relay.when = Some(When::Yes("wants-mail".into()));
        relay.default = Some("mx.{{ answers.domain }}".into());
        let mut secret = question("relay-password", QuestionType::Password);
        let is = Some(OneOrMany::One("mx.example.org".into()));
        secret.when = Some(When::Test(Test { question: "relay".into(), is, not: None }));
        let questions = [question("domain", QuestionType::Domain), mail, relay, secret];
        let told = |given: &[(&str, &str)]| {
            let sources = [source(Origin::CommandLine, given)];
            let found = collect(&questions, &sources, &Host::default(), &mut counting());
            found.map(|a| a["relay"].expose().to_owned()).map_err(|e| e.to_string())
        };
        assert_eq!(told(&[("domain", "example.org")]), Ok(String::new()));
        // given, and not asked: not even looked at
        assert_eq!(told(&[("domain", "example.org"), ("relay", "a b")]), Ok(String::new()));
        let yes = [("domain", "example.org"), ("wants-mail", "true")];
        assert_eq!(told(&yes), Err("relay-password (The relay-password): an answer is needed".into()));
        let other = [("domain", "example.net"), ("wants-mail", "true")];
        assert_eq!(told(&other), Ok("mx.example.net".into()));
        // what depends on an unusable answer is not called missing, but what is wrong with it is told
        let wrong = told(&[("domain", "example.org"), ("wants-mail", "yes"), ("relay", "a b")]).unwrap_err();
        assert_eq!(wrong.lines().count(), 2, "{wrong}");
        let given = [("wants-mail", "true")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let names: Vec<String> = so_far(&questions, &given, &Host::default()).into_keys().collect();
        assert_eq!(names, ["domain", "relay", "wants-mail"]);
    }

    #[test]
    fn a_default_that_does_not_fit_this_machine_is_none() {
        let mut domain = question("domain", QuestionType::Domain);
        domain.default = Some("{{ host.fqdn }}".into());
        let host = Host { fqdn: "wiki".into(), ..Host::default() };
        assert_eq!(default_of(&domain, &host, &BTreeMap::new()), None);
        let told = collect(&[domain], &[], &host, &mut counting()).unwrap_err().to_string();
        assert_eq!(told, "domain (The domain): an answer is needed");
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
