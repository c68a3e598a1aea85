//! Questions as a form: what stands in each field, what was sent, and what is wrong with it. Decides, and does nothing.

use crate::answers::InUse;
use appliance::{
    Host,
    answers::{Obstacle, Origin, Refusal, Source, collect, default_of, so_far},
    question::{Question, QuestionType, Test, When, Words, chosen},
    seed_value,
};
use std::collections::BTreeMap;

/// Answers by the questions' names.
pub type Typed = BTreeMap<String, String>;

/// Before a question's name in the form's fields.
const PREFIX: &str = "a.";
/// Before the name of a secret, of the box that takes it away.
const NONE: &str = "none.";

/// What is asked at once.
#[derive(Debug, Clone, Default)]
pub struct Form {
    pub title: String,
    /// Paragraphs to be read before the questions.
    pub notes: Vec<String>,
    pub questions: Vec<Question>,
    /// Answered already: not asked, and known to conditions and defaults.
    pub given: Typed,
    pub in_use: InUse,
    pub host: Host,
}

/// One question on the page.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// Of its elements: `f0`, `f1`, …
    pub id: String,
    /// What it is sent as.
    pub name: String,
    pub label: String,
    pub description: Vec<String>,
    pub shape: Shape,
    /// Never a secret.
    pub value: String,
    /// What an empty answer means.
    pub placeholder: String,
    /// A secret that was sent before is kept.
    pub kept: bool,
    /// Of a secret in use that may be taken away: the box's name, and whether it is ticked.
    pub none: Option<(String, bool)>,
    pub optional: bool,
    pub choices: Vec<Choice>,
    /// What is wrong with the answer.
    pub wrong: Option<String>,
    /// When it is asked, in words.
    pub condition: Option<String>,
    /// The same for the script: the field's name, and a JSON array of the words that it is, or is not.
    pub when: Option<Condition>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Condition {
    pub on: String,
    /// `yes`, `is` or `not`
    pub test: &'static str,
    pub words: String,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Choice {
    pub value: String,
    pub label: String,
    pub chosen: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shape {
    /// One line, with the browser's keyboard for it.
    #[default]
    Line,
    Digits,
    Mail,
    Secret,
    Lines,
    /// One of the choices, all in sight.
    Radio,
    Select,
    Checks,
}

/// Fields that stand under one title.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Group {
    pub title: Option<String>,
    pub fields: Vec<Field>,
}

impl Field {
    pub fn is_many(&self) -> bool {
        matches!(self.shape, Shape::Radio | Shape::Checks)
    }
    pub fn is_checks(&self) -> bool {
        self.shape == Shape::Checks
    }
    pub fn is_lines(&self) -> bool {
        self.shape == Shape::Lines
    }
    pub fn is_select(&self) -> bool {
        self.shape == Shape::Select
    }
    /// Of the `input`: which keyboard, and what a browser may remember.
    pub fn attributes(&self) -> &'static str {
        match self.shape {
            Shape::Secret => r#"type="password" autocomplete="new-password""#,
            Shape::Digits => r#"type="text" inputmode="numeric" autocomplete="off""#,
            Shape::Mail => r#"type="text" inputmode="email" autocomplete="email" autocapitalize="none""#,
            _ => r#"type="text" autocomplete="off" autocapitalize="none""#,
        }
    }
}

impl Form {
    /// Those that nobody has answered, and that the given answers do not leave out.
    fn open(&self) -> impl Iterator<Item = &Question> {
        self.questions.iter().filter(|q| !self.given.contains_key(&q.name) && !self.is_settled_out(q))
    }

    /// Whether an answer that was given in advance leaves the question out.
    fn is_settled_out(&self, question: &Question) -> bool {
        let Some(when) = &question.when else { return false };
        let on = self.questions.iter().find(|q| q.name == when.question());
        let answer = self.given.get(when.question());
        on.zip(answer).is_some_and(|(on, answer)| !when.holds(on.kind, answer))
    }

    /// Whether there is anything to ask.
    pub fn is_empty(&self) -> bool {
        self.open().next().is_none()
    }

    /// The answers in what a browser has sent. Left out is what has to be a default or made; a secret that was left empty is
    /// the one of `before`.
    pub fn read(&self, sent: &[(String, String)], before: &Typed) -> Typed {
        let mut typed = Typed::new();
        for question in self.open() {
            let values = sent.iter().filter(|(name, _)| name.strip_prefix(PREFIX) == Some(&question.name));
            let mut values = values.map(|(_, value)| value.as_str());
            let value = match question.kind {
                QuestionType::Multiselect => {
                    Some(values.filter(|v| !v.is_empty()).collect::<Vec<_>>().join(", "))
                }
                QuestionType::Text => values.next().map(|v| v.replace("\r\n", "\n")),
                QuestionType::Password => {
                    let given = values.next().filter(|v| !v.is_empty()).map(str::to_owned);
                    let none = sent.iter().any(|(name, _)| name.strip_prefix(NONE) == Some(&question.name));
                    if given.is_none() && none && self.in_use.get(&question.name) == Some(&true) {
                        typed.insert(question.name.clone(), String::new());
                        continue;
                    }
                    given.or_else(|| before.get(&question.name).filter(|b| !b.is_empty()).cloned())
                }
                _ => values.next().map(|v| v.trim().to_owned()),
            };
            let Some(value) = value else { continue };
            let meant = match question.kind {
                // what is not ticked is not sent
                QuestionType::Multiselect => true,
                // the way to take back what stands in the field
                _ => question.optional && question.default.is_some() && !is_computed(question),
            };
            if !value.is_empty() || meant {
                typed.insert(question.name.clone(), value);
            }
        }
        typed
    }

    /// What is wrong with the answers, by question, in the same words as everywhere.
    pub fn check(&self, typed: &Typed, languages: &[String]) -> Typed {
        let mut wrong = Typed::new();
        let spoken: Vec<Question> = self
            .questions
            .iter()
            .map(|q| {
                let hint = q.words(languages).pattern_hint.map(str::to_owned);
                Question { pattern_hint: hint, ..q.clone() }
            })
            .collect();
        let sources = [Source::new(Origin::Person, self.all(typed))];
        let mut nothing_is_made = |buffer: &mut [u8]| {
            buffer.fill(1);
            Ok(())
        };
        let found = collect(&spoken, &sources, &self.host, &mut nothing_is_made);
        if let Err(Refusal::Obstacles(obstacles)) = found {
            for obstacle in obstacles {
                match obstacle {
                    Obstacle::Missing { question, .. } => {
                        wrong.insert(question, complaint("an answer is needed"))
                    }
                    Obstacle::Invalid { question, why, .. } => wrong.insert(question, complaint(&why)),
                    Obstacle::Unknown { .. } => None,
                };
            }
        }
        let asked = so_far(&self.questions, &self.all(typed), &self.host);
        for question in self.open().filter(|q| asked.contains_key(&q.name)) {
            // the default would come back instead
            let nothing = question.kind == QuestionType::Multiselect
                && !question.optional
                && typed.get(&question.name).is_some_and(String::is_empty);
            if nothing {
                wrong.insert(question.name.clone(), complaint("an answer is needed"));
            }
        }
        wrong
    }

    fn all(&self, typed: &Typed) -> Typed {
        typed.iter().chain(&self.given).map(|(k, v)| (k.clone(), v.clone())).collect()
    }

    /// The page's fields, with what was typed before and what is wrong with it.
    pub fn groups(&self, typed: &Typed, wrong: &Typed, languages: &[String]) -> Vec<Group> {
        let known = so_far(&self.questions, &self.all(typed), &self.host);
        let mut groups: Vec<Group> = vec![];
        for (number, question) in self.open().enumerate() {
            let words = question.words(languages);
            let mut field = self.field(question, &words, typed.get(&question.name), &known);
            field.id = format!("f{number}");
            field.wrong = wrong.get(&question.name).cloned();
            self.conditions(question, languages, &mut field);
            let title = words.group.map(str::to_owned);
            match groups.last_mut().filter(|g| g.title == title) {
                Some(group) => group.fields.push(field),
                None => groups.push(Group { title, fields: vec![field] }),
            }
        }
        groups
    }

    fn field(&self, question: &Question, words: &Words, typed: Option<&String>, known: &Typed) -> Field {
        let default = default_of(question, &self.host, known);
        let secret = question.is_secret();
        let shown = match (secret, typed, &default) {
            (true, ..) => String::new(),
            (_, Some(typed), _) => typed.clone(),
            // it would stay as it is when the answer that it is made of changes
            (_, None, Some(default)) if !is_computed(question) => default.clone(),
            _ => String::new(),
        };
        let labels: Vec<(String, String)> = match question.kind {
            QuestionType::Boolean => {
                [("true", "Yes"), ("false", "No")].map(|(v, l)| (v.into(), l.into())).into()
            }
            _ => question.choices.iter().cloned().zip(words.choices.iter().cloned()).collect(),
        };
        let answer = if shown.is_empty() && typed.is_none() {
            default.clone().unwrap_or_default()
        } else {
            shown.clone()
        };
        let is_chosen = |value: &str| match question.kind {
            QuestionType::Multiselect => chosen(&answer).any(|c| c == value),
            _ => answer == value,
        };
        let in_use = self.in_use.get(&question.name);
        let taken = secret && typed.is_some_and(String::is_empty);
        let placeholder = match (question.generate, default) {
            _ if in_use.is_some() => "Left empty, it stays as it is".to_owned(),
            (Some(_), _) => "Left empty, one is made here".to_owned(),
            (None, None) if is_computed(question) => "Left empty, it follows from other answers".to_owned(),
            (None, Some(default)) if !secret => default.lines().next().unwrap_or_default().to_owned(),
            _ => String::new(),
        };
        Field {
            name: format!("{PREFIX}{}", question.name),
            label: words.prompt.to_owned(),
            description: words
                .description
                .unwrap_or_default()
                .lines()
                .map(str::to_owned)
                .filter(|l| !l.is_empty())
                .collect(),
            shape: shape(question),
            value: shown,
            placeholder,
            kept: secret && typed.is_some() && !taken,
            none: in_use.filter(|spare| **spare).map(|_| (format!("{NONE}{}", question.name), taken)),
            optional: question.optional,
            choices: labels
                .into_iter()
                .map(|(value, label)| Choice { chosen: is_chosen(&value), value, label })
                .collect(),
            ..Field::default()
        }
    }

    /// Where the question depends on another one of this form.
    fn conditions(&self, question: &Question, languages: &[String], field: &mut Field) {
        let Some(when) = &question.when else { return };
        let Some(on) = self.open().find(|q| q.name == when.question()) else { return };
        let none = [].as_slice();
        let (test, words) = match when {
            When::Yes(_) => ("yes", none),
            When::Test(Test { is: Some(words), .. }) => ("is", words.all()),
            When::Test(Test { not: Some(words), .. }) => ("not", words.all()),
            When::Test(_) => return,
        };
        let spoken = on.words(languages);
        let label = |word: &String| {
            let place = on.choices.iter().position(|c| c == word);
            match word.as_str() {
                "true" if on.kind == QuestionType::Boolean => "yes".to_owned(),
                "false" if on.kind == QuestionType::Boolean => "no".to_owned(),
                _ => place.and_then(|p| spoken.choices.get(p)).unwrap_or(word).clone(),
            }
        };
        let listed = words.iter().map(label).collect::<Vec<_>>().join(" or ");
        let is = match (test, on.kind) {
            ("yes", QuestionType::Boolean) => "is answered with yes".to_owned(),
            ("yes", _) => "is answered".to_owned(),
            ("is", _) => format!("is {listed}"),
            _ => format!("is not {listed}"),
        };
        field.condition = Some(format!("Only asked when “{}” {is}.", spoken.prompt));
        let words = serde_json::to_string(words).unwrap_or_default();
        field.when = Some(Condition { on: format!("{PREFIX}{}", on.name), test, words });
    }
}

/// As the terminal says it.
pub fn complaint(why: &str) -> String {
    format!("This {}", why.trim_end_matches('.').replace("an answer is needed", "needs an answer"))
}

/// Whether the default is made of other answers.
fn is_computed(question: &Question) -> bool {
    let parts = question.default.as_deref().and_then(|d| seed_value::parse(d).ok()).unwrap_or_default();
    seed_value::answers_used(&parts).next().is_some()
}

fn shape(question: &Question) -> Shape {
    match question.kind {
        QuestionType::Boolean => Shape::Radio,
        QuestionType::Select if question.choices.len() <= 5 => Shape::Radio,
        QuestionType::Select => Shape::Select,
        QuestionType::Multiselect => Shape::Checks,
        QuestionType::Password => Shape::Secret,
        QuestionType::Text => Shape::Lines,
        QuestionType::Port | QuestionType::Number => Shape::Digits,
        QuestionType::Email => Shape::Mail,
        _ => Shape::Line,
    }
}

/// The languages that a browser wants (RFC 9110, 12.5.4), the best first: `de-AT;q=0.8` is `de_AT`, then `de`.
pub fn languages(accept: &str) -> Vec<String> {
    let mut wanted: Vec<(f32, &str)> = accept
        .split(',')
        .take(20)
        .map(|one| {
            let (tag, quality) = one.split_once(';').unwrap_or((one, ""));
            let quality = quality.trim().strip_prefix("q=").and_then(|q| q.parse().ok()).unwrap_or(1.0);
            (quality, tag.trim())
        })
        .filter(|(quality, tag)| {
            *quality > 0.0 && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
        .collect();
    wanted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut languages: Vec<String> = vec![];
    for (_, tag) in wanted {
        let language = tag.split('-').next().unwrap_or_default();
        for name in [tag.replace('-', "_"), language.to_owned()] {
            if !name.is_empty() && !languages.contains(&name) {
                languages.push(name);
            }
        }
    }
    languages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::views::{FormPage, Frame};
    use appliance::question::{Generate, OneOrMany};
    use askama::Template;

    fn question(name: &str, kind: QuestionType) -> Question {
        Question { name: name.into(), prompt: format!("The {name}"), kind, ..Question::default() }
    }

    fn form() -> Form {
        let mut wants = question("wants-mail", QuestionType::Boolean);
        wants.default = Some("false".into());
        let mut relay = question("relay", QuestionType::Hostname);
        relay.when = Some(When::Yes("wants-mail".into()));
        relay.default = Some("mx.{{ answers.domain }}".into());
        let mut parts = question("parts", QuestionType::Multiselect);
        parts.choices = ["a", "b", "c"].map(String::from).into();
        parts.default = Some("a".into());
        let mut note = question("note", QuestionType::String);
        (note.optional, note.default) = (true, Some("hello".into()));
        let mut secret = question("secret", QuestionType::Password);
        secret.generate = Some(Generate { length: 20 });
        let questions = vec![
            question("domain", QuestionType::Domain),
            wants,
            relay,
            parts,
            note,
            secret,
            question("key", QuestionType::Password),
            question("text", QuestionType::Text),
        ];
        Form { title: "T".into(), questions, ..Form::default() }
    }

    fn sent(fields: &[(&str, &str)]) -> Vec<(String, String)> {
        fields.iter().map(|(n, v)| (format!("a.{n}"), (*v).to_owned())).collect()
    }

    #[test]
    fn what_was_sent_becomes_answers() {
        let before = Typed::from([("key".to_owned(), "of before".to_owned())]);
        let fields = [
            ("domain", " example.org "),
            ("relay", ""),
            ("parts", "c"),
            ("parts", "a"),
            ("note", ""),
            ("secret", ""),
            ("key", ""),
            ("text", "one\r\ntwo"),
            ("nobody-asks", "x"),
        ];
        let typed = form().read(&sent(&fields), &before);
        let expect = [
            ("domain", "example.org"),
            ("key", "of before"),
            ("note", ""),
            ("parts", "c, a"),
            ("text", "one\ntwo"),
        ];
        assert_eq!(typed, expect.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        assert_eq!(form().check(&typed, &[]), Typed::new());
    }

    #[test]
    fn a_secret_in_use_stays_or_is_taken_away() {
        let mut form = form();
        form.questions.retain(|q| ["secret", "key"].contains(&q.name.as_str()));
        form.questions.iter_mut().for_each(|q| (q.optional, q.generate) = (true, None));
        form.in_use = InUse::from([("secret".to_owned(), false), ("key".to_owned(), true)]);
        let ticked = |name: &str| (format!("none.{name}"), "true".to_owned());
        let read = |fields: &[(String, String)], before: &Typed| form.read(fields, before);
        let none = Typed::from([("key".to_owned(), String::new())]);
        assert_eq!(read(&[ticked("secret"), ticked("key")], &Typed::new()), none);
        assert_eq!(form.check(&none, &[]), Typed::new());
        // not ticked any more
        assert_eq!(read(&[], &none), Typed::new());
        // what was typed is meant
        let other = ("a.key".to_owned(), "other".to_owned());
        assert_eq!(read(&[ticked("key"), other], &none)["key"], "other");
        let fields = form.groups(&none, &Typed::new(), &[]).remove(0).fields;
        assert_eq!((&fields[0].none, fields[0].kept), (&None, false));
        assert_eq!((&fields[1].none, fields[1].kept), (&Some(("none.key".to_owned(), true)), false));
    }

    #[test]
    fn wrong_answers_are_told_in_the_words_of_the_terminal() {
        let typed =
            form().read(&sent(&[("domain", "x"), ("wants-mail", "true"), ("relay", "-")]), &Typed::new());
        let wrong: Vec<(String, String)> = form().check(&typed, &[]).into_iter().collect();
        let expect = [
            ("domain", "This must be a domain name such as example.org"),
            ("key", "This needs an answer"),
            ("parts", "This needs an answer"),
            ("relay", "This must be a host name such as wiki or wiki.example.org"),
            ("text", "This needs an answer"),
        ];
        assert_eq!(wrong, expect.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn what_is_given_is_not_asked_and_settles_conditions() {
        let mut form = form();
        form.given = Typed::from([("wants-mail".to_owned(), "false".to_owned())]);
        let names = |form: &Form| -> Vec<String> {
            let groups = form.groups(&Typed::new(), &Typed::new(), &[]);
            groups.into_iter().flat_map(|g| g.fields).map(|f| f.name).collect()
        };
        assert_eq!(names(&form), ["a.domain", "a.parts", "a.note", "a.secret", "a.key", "a.text"]);
        form.given.insert("wants-mail".into(), "true".into());
        assert!(names(&form).contains(&"a.relay".to_owned()));
    }

    #[test]
    fn fields_tell_defaults_and_conditions() {
        let mut form = form();
        form.questions[3].when = Some(When::Test(Test {
            question: "wants-mail".into(),
            is: None,
            not: Some(OneOrMany::One("true".into())),
        }));
        let typed = Typed::from([
            ("domain".to_owned(), "example.org".to_owned()),
            ("key".to_owned(), "k".to_owned()),
        ]);
        let fields = form.groups(&typed, &Typed::new(), &[]).remove(0).fields;
        let field = |name: &str| fields.iter().find(|f| f.name == format!("a.{name}")).unwrap();
        // it would stay as it is when the domain changes
        assert_eq!(
            (field("relay").value.as_str(), field("relay").placeholder.as_str()),
            ("", "mx.example.org")
        );
        assert_eq!(
            field("relay").condition.as_deref(),
            Some("Only asked when “The wants-mail” is answered with yes.")
        );
        let when = field("parts").when.as_ref().unwrap();
        assert_eq!((when.on.as_str(), when.test, when.words.as_str()), ("a.wants-mail", "not", "[\"true\"]"));
        assert!(field("wants-mail").choices[1].chosen && !field("wants-mail").choices[0].chosen);
        assert_eq!((field("key").value.as_str(), field("key").kept), ("", true));
        assert_eq!(field("secret").placeholder, "Left empty, one is made here");
    }

    #[test]
    fn a_hostile_text_is_text_on_the_page() {
        let hostile = "\"><script>alert(1)</script>'&\u{1b}[2J";
        let mut question = question("q", QuestionType::Select);
        (question.prompt, question.description) = (hostile.into(), Some(hostile.into()));
        (question.group, question.choices) = (Some(hostile.into()), vec![hostile.into(), "b".into()]);
        let mut depends = Question { name: "r".into(), ..question.clone() };
        (depends.kind, depends.default) = (QuestionType::String, Some(hostile.into()));
        depends.when = Some(When::Test(Test {
            question: "q".into(),
            is: Some(OneOrMany::One(hostile.into())),
            not: None,
        }));
        let form = Form {
            title: hostile.into(),
            notes: vec![hostile.into()],
            questions: vec![question, depends],
            ..Form::default()
        };
        let typed = Typed::from([("r".to_owned(), hostile.to_owned())]);
        let wrong = Typed::from([("q".to_owned(), hostile.to_owned())]);
        let page = FormPage {
            frame: Frame::new(hostile, hostile),
            csrf: "c",
            number: 1,
            title: hostile,
            notes: &form.notes,
            groups: &form.groups(&typed, &wrong, &[]),
            wrong: 1,
            warnings: &[hostile.to_owned()],
        };
        let html = page.render().unwrap();
        assert!(!html.contains("<script>alert"), "{html}");
        assert!(html.matches("&#60;script&#62;alert").count() > 10, "{html}");
    }

    #[test]
    fn browsers_say_their_languages() {
        assert_eq!(languages("de-AT,de;q=0.9,fr;q=0,en;q=0.95"), ["de_AT", "de", "en"]);
        assert!(languages("*;q=0.5,<x>").is_empty());
    }
}
