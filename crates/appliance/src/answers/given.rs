//! Answers in a file: TOML, YAML, JSON, or debconf's selections. Every mistake is told with its line, all at once, and never with
//! the answer, which may be a secret.

mod json;
mod selections;
mod toml;
mod yaml;

use super::{Origin, Source, canonical};
use crate::{
    names::Mistake,
    problem::{Kind, Problem, Source as Text},
    question::{Question, QuestionType},
};
use debconf::Selection;
use std::collections::BTreeMap;

/// A larger file is refused.
pub const SIZE_LIMIT: usize = 1 << 20;

/// How a file of answers is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Toml,
    Yaml,
    Json,
    /// `OWNER QUESTION TYPE ANSWER`, as debconf-set-selections(1) reads it.
    Selections,
}

/// What a file says.
#[derive(Clone, Default)]
pub struct Given {
    /// By the questions' names, in their canonical form.
    pub answers: BTreeMap<String, String>,
    /// Where each stands, counted from 1.
    pub lines: BTreeMap<String, usize>,
    /// Answers to other packages' questions: the administrator's own seeds. May hold secrets.
    pub foreign: Vec<Selection>,
    pub problems: Vec<Problem>,
}

/// One answer as it is written.
struct Entry {
    name: String,
    value: Value,
    /// Of the name, in bytes.
    place: std::ops::Range<usize>,
}

enum Value {
    Text(String),
    /// As debconf holds it.
    Debconf(String),
    List(Vec<String>),
    /// What it is instead, and what to write.
    Other(&'static str, &'static str),
}

/// What a format's reader found. An error ends the reading, what stands before it counts.
#[derive(Default)]
struct Raw {
    entries: Vec<Entry>,
    foreign: Vec<Selection>,
    wrong: Vec<(std::ops::Range<usize>, Mistake)>,
}

impl Raw {
    fn wrong(&mut self, place: std::ops::Range<usize>, message: impl Into<String>, help: &str) {
        self.wrong.push((place, Mistake::new(message.into()).help(help)));
    }
}

impl Format {
    /// By the name's ending, else by the first line that says something.
    pub fn of(name: &str, text: &str) -> Format {
        match name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("toml") => return Format::Toml,
            Some("yaml" | "yml") => return Format::Yaml,
            Some("json") => return Format::Json,
            Some("seed" | "preseed" | "cfg" | "selections") => return Format::Selections,
            _ => {}
        }
        let mut lines = text.lines().map(str::trim);
        let first = lines.find(|l| !l.is_empty() && !l.starts_with('#')).unwrap_or_default();
        let key = first.split(['=', ':']).next().unwrap_or_default();
        let mut words = first.split_whitespace().skip(1);
        let asked = words.next().is_some_and(|question| question.contains('/'));
        if first.starts_with('{') {
            Format::Json
        } else if asked && words.next().is_some_and(selections::is_type) {
            Format::Selections
        } else if first.starts_with("---") || first[key.len()..].starts_with(':') {
            Format::Yaml
        } else {
            Format::Toml
        }
    }
}

/// Reads a file of answers to this appliance's questions. `name` is what the mistakes call the file.
pub fn read(bytes: &[u8], name: &str, appliance: &str, questions: &[Question]) -> Given {
    with_text(bytes, name, |text| match Format::of(name, text) {
        Format::Toml => toml::read(text),
        Format::Yaml => yaml::read(text, &[]),
        Format::Json => json::read(text),
        Format::Selections => selections::read(text, appliance),
    })
    .settle(name, questions)
}

/// Reads cloud-init's user data (cloud-config): `vainstall:`, below it the appliance's name, below that the answers. Without
/// them, or when it is no cloud-config, nothing is given.
pub fn read_user_data(bytes: &[u8], name: &str, appliance: &str, questions: &[Question]) -> Given {
    if !bytes.starts_with(b"#cloud-config") {
        return Given::default();
    }
    with_text(bytes, name, |text| yaml::read(text, &["vainstall", appliance])).settle(name, questions)
}

impl Given {
    pub fn source(&self, origin: Origin) -> Source {
        Source { origin, answers: self.answers.clone(), lines: self.lines.clone() }
    }
}

struct Unsettled<'a> {
    text: &'a str,
    raw: Raw,
}

fn with_text<'a>(bytes: &'a [u8], name: &str, read: impl FnOnce(&'a str) -> Raw) -> Unsettled<'a> {
    let refused = |text, at: usize, message: String, help: &str| {
        let mut raw = Raw::default();
        raw.wrong(at..at, message, help);
        Unsettled { text, raw }
    };
    if bytes.len() > SIZE_LIMIT {
        let message = format!("larger than {} KiB: these are no answers", SIZE_LIMIT / 1024);
        return refused("", 0, message, &format!("look what {name} is"));
    }
    // what an editor of another system may put in front
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Unsettled { text, raw: read(text) },
        Err(error) => {
            let sound = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
            refused(sound, sound.len(), "a byte that is no UTF-8".into(), "save the file as UTF-8")
        }
    }
}

impl Unsettled<'_> {
    fn settle(self, name: &str, questions: &[Question]) -> Given {
        let source = Text::new(name, self.text);
        let mut given = Given { foreign: self.raw.foreign, ..Given::default() };
        let problem =
            |kind, place, mistake| Problem { snippet: None, ..source.problem(kind, place, mistake) };
        given.problems =
            self.raw.wrong.into_iter().map(|(place, m)| problem(Kind::Syntax, place, m)).collect();
        for entry in self.raw.entries {
            let line = source.line(entry.place.start);
            if let Some(first) = given.lines.get(&entry.name) {
                let mistake = Mistake::new(format!("`{}` is answered a second time", entry.name))
                    .help(format!("the first answer is in line {first}; keep one of them"));
                given.problems.push(problem(Kind::Duplicate, entry.place, mistake));
                continue;
            }
            given.lines.insert(entry.name.clone(), line);
            let question = questions.iter().find(|q| q.name == entry.name);
            match text(&entry, question) {
                Ok(text) => {
                    let text = question.map_or(text.clone(), |q| canonical(q, &text));
                    given.answers.insert(entry.name, text);
                }
                Err(mistake) => given.problems.push(problem(Kind::Type, entry.place, mistake)),
            }
        }
        given.problems.sort_by_key(|p| (p.line, p.column));
        given
    }
}

fn text(entry: &Entry, question: Option<&Question>) -> Result<String, Mistake> {
    let name = &entry.name;
    match (&entry.value, question.map(|q| q.kind)) {
        (Value::Text(text), _) => Ok(text.clone()),
        (Value::Debconf(value), _) => Ok(question.map_or(value.clone(), |q| q.of_debconf(value))),
        // to a question that there is not; its name is told elsewhere
        (Value::List(_), None) => Ok(String::new()),
        (Value::List(list), Some(QuestionType::Multiselect)) => Ok(list.join(", ")),
        (Value::List(_), Some(_)) => Err(Mistake::new(format!("the answer to `{name}` is a list"))
            .help("write one answer, without the brackets")),
        (Value::Other(what, help), _) => {
            Err(Mistake::new(format!("the answer to `{name}` is {what}")).help(*help))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn questions() -> Vec<Question> {
        let question = |name: &str, kind| Question {
            name: name.into(),
            kind,
            choices: vec!["a b".into(), "c".into()],
            ..Question::default()
        };
        vec![
            question("wiki-name", QuestionType::String),
            question("port", QuestionType::Port),
            question("open", QuestionType::Boolean),
            question("parts", QuestionType::Multiselect),
            question("motd", QuestionType::Text),
            question("password", QuestionType::Password),
        ]
    }

    fn given(name: &str, text: &str) -> Given {
        read(text.as_bytes(), name, "wiki", &questions())
    }

    fn problems(name: &str, text: &str) -> Vec<String> {
        given(name, text).problems.iter().map(|p| p.to_string()).collect()
    }

    #[test]
    fn the_same_answers_in_each_format() {
        let toml = "# mine\nwiki-name = \"Ada's = \\\"Wiki\\\": ü\"\nport = 8080\nopen = true\nparts = [\"c\", \"a b\"]\nmotd = \"\"\"\none\ntwo\\\\n\n\"\"\"\n";
        let yaml = "---\nwiki-name: \"Ada's = \\\"Wiki\\\": ü\"\nport: 8080\nopen: true\nparts:\n  - c\n  - a b\nmotd: |\n  one\n  two\\n\n";
        let json = r#"{ "wiki-name": "Ada's = \"Wiki\": \u00fc",
            "port": 8080, "open": true, "parts": ["c", "a b"], "motd": "one\ntwo\\n\n" }"#;
        let selections = "# mine\nwiki-appliance-seed wiki-appliance-seed/wiki-name string Ada's = \"Wiki\": ü\n\
            wiki-appliance-seed\twiki-appliance-seed/port string 8080\nwiki-appliance-seed wiki-appliance-seed/open boolean true\n\
            wiki-appliance-seed wiki-appliance-seed/parts multiselect c, a b\n\
            wiki-appliance-seed wiki-appliance-seed/motd string one%0Atwo%5Cn\npostfix postfix/mailname string x y\n";
        let expect = given("x.toml", toml).answers;
        assert_eq!(expect["parts"], "a b, c");
        assert_eq!(expect["motd"], "one\ntwo\\n");
        for (name, text) in [("x.toml", toml), ("x.yaml", yaml), ("x.json", json), ("x.seed", selections)] {
            assert_eq!(problems(name, text), [""; 0], "{name}");
            assert_eq!(given(name, text).answers, expect, "{name}");
            assert_eq!(given("answers", text).answers, expect, "{name} by its content");
        }
        let foreign = given("answers", selections).foreign;
        assert_eq!((foreign[0].question.as_str(), foreign[0].value.as_str()), ("postfix/mailname", "x y"));
    }

    #[test]
    fn each_mistake_has_its_line_and_no_answer_is_repeated() {
        for (name, text, expect) in [
            ("a.toml", "port = 1\npassword = \"hunter2\nopen = true\n", &["a.toml:2:"][..]),
            ("a.toml", "port = 1\nport = 2\n", &["a.toml:2:1: ", "duplicate"]),
            (
                "a.toml",
                "open = 1.5\nwiki-name = 2020-01-01\n[port]\nx = 1\nport = [1]\n",
                &["a.toml:1:", "quotation marks", "a.toml:2:", "a.toml:3:2:"],
            ),
            (
                "a.toml",
                "port = [1]\nparts = [[1]]\n",
                &["a.toml:1:1: the answer to `port` is a list", "a.toml:2:1: "],
            ),
            (
                "a.yaml",
                "port: 1\nport: 2\n",
                &["a.yaml:2:1: `port` is answered a second time; the first answer is in line 1"],
            ),
            ("a.yaml", "password: \"hunter2\nopen: true\n", &["a.yaml:"]),
            (
                "a.yaml",
                "open:\nport: {x: hunter2}\nwiki-name: [{x: hunter2}]\n",
                &["a.yaml:1:1: the answer to `open` is empty", "a.yaml:2:1: ", "a.yaml:3:1: "],
            ),
            ("a.yaml", "- a\n", &["a.yaml:1:1: "]),
            ("a.yaml", "a: &x hunter2\nopen: *x\n", &["a.yaml:2:1: the answer to `open` is a reference"]),
            ("a.json", "{\"port\": 1,\n\"port\": 2}", &["a.json:2:1: `port` is answered a second time"]),
            ("a.json", "{\"port\": 1,\n\"password\": \"hunter2}", &["a.json:2:"]),
            (
                "a.json",
                "{\"port\": null, \"open\":\n {\"x\": [\"}\"]}, \"parts\": [{}]}",
                &["a.json:1:2: the answer to `port`", "a.json:1:16: ", "a.json:2:16: "],
            ),
            ("a.seed", "wiki-appliance-seed wiki-appliance-seed/port string 1\nhunter2\n", &["a.seed:2:1: "]),
            ("a.seed", "wiki-appliance-seed wiki-appliance-seed/port strnig hunter2\n", &["a.seed:1:1: "]),
            ("a.seed", "p p/q string 1\np p/q string 2\n", &["a.seed:2:1: `p/q` is answered a second time"]),
            ("a.toml", "x = \"a\"\ny = \"\u{1b}[2Jhunter2\"\n", &["a.toml:2:"]),
        ] {
            let told = problems(name, text).join("\n");
            for part in expect {
                assert!(told.contains(part), "{name} {text:?}: {part:?} is not in {told}");
            }
            assert!(!told.contains("hunter2"), "{told}");
        }
        let broken = read(b"port = 1\nwiki-name = \"\xff\"\n", "a.toml", "wiki", &questions());
        assert_eq!(
            broken.problems[0].to_string(),
            "a.toml:2:14: a byte that is no UTF-8; save the file as UTF-8"
        );
    }

    #[test]
    fn user_data_has_the_answers_below_two_keys() {
        let read = |text: &str| read_user_data(text.as_bytes(), "user data", "wiki", &questions());
        let text = "#cloud-config\nusers:\n- &x {name: ada, keys: [a, b]}\n- *x\nvainstall:\n  other: {port: 1}\n  wiki:\n    port: 8080\n    parts: [c]\n";
        let given = read(text);
        assert_eq!(
            given.answers,
            [("parts", "c"), ("port", "8080")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
        );
        assert_eq!(given.lines["port"], 8);
        assert!(given.problems.is_empty());
        assert!(read("#cloud-config\nvainstall: {other: {port: 1}}\n").answers.is_empty());
        assert!(read("#!/bin/sh\nvainstall: {wiki: {port: 1}}\n").answers.is_empty());
        assert_eq!(read("#cloud-config\nvainstall: {wiki: 3}\n").problems.len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(text in "([a-z]{1,3}|[ \n:={}\\[\\]\"'#&*|>,-]|ü){0,40}", name in "x\\.(toml|yaml|json|seed)") {
            given(&name, &text);
            given("x", &text);
        }
        #[test]
        fn a_json_text_comes_back(text in proptest::prelude::any::<String>()) {
            let json = serde_json::json!({ "a": 1, "wiki-name": text }).to_string();
            let given = given("x.json", &json);
            proptest::prop_assert_eq!(&given.answers["wiki-name"], &text);
        }
    }
}
