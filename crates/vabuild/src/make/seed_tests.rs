//! The seed package's `config`, run by a real shell against a stand-in for debconf.

use super::seed_package;
use appliance::{
    Definition, answers,
    model::{Appliance, Seed},
    question::{Generate, OneOrMany, Question, QuestionType, Test, When, is_asked},
};
use exec::Program;
use proptest::prelude::*;
use std::{fs, path::PathBuf};
use tempfile::TempDir;

fn question(name: &str, kind: QuestionType) -> Question {
    let choices = vec!["a, b".to_owned(), "it's".into(), "*".into()];
    let choices = if kind.has_choices() { choices } else { vec![] };
    Question {
        name: name.into(),
        prompt: "What $(touch PWNED) `touch PWNED` 'x'?\nTemplate: evil/one".into(),
        kind,
        choices,
        ..Question::default()
    }
}

fn seed(question: &str, value: &str) -> Seed {
    Seed {
        package: "postfix".into(),
        question: question.into(),
        kind: "string".into(),
        value: value.into(),
        template: None,
    }
}

fn definition(questions: Vec<Question>, seeds: Vec<Seed>) -> Definition {
    let appliance = Appliance {
        name: "wiki".into(),
        version: "1.0".into(),
        summary: "a wiki".into(),
        description: None,
        maintainer: "Ada <ada@example.org>".into(),
        homepage: None,
        before: vec![],
        packages: vec![],
        releases: vec![],
        url: "http://localhost/".into(),
        package_users: vec![],
        triggers: vec![],
    };
    Definition { appliance: Some(appliance), questions, seeds, ..Definition::default() }
}

/// debconf's database, and the script that works on it.
struct Debconf {
    folder: TempDir,
    script: String,
}

impl Debconf {
    fn new(definition: &Definition) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let confmodule = concat!(env!("CARGO_MANIFEST_DIR"), "/src/make/testdata/confmodule");
        let script = seed_package::config(definition, definition.appliance.as_ref().unwrap()).unwrap();
        let state = folder.path().join("state");
        let script = script
            .replace("/usr/share/debconf/confmodule", confmodule)
            .replace("state=/var/lib/appliances/", &format!("state={}/", state.display()));
        let debconf = Debconf { folder, script };
        for question in &definition.questions {
            debconf.put(&format!("wiki-appliance-seed/{}.value", question.name), "");
        }
        debconf
    }
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name.replace('/', "%"))
    }
    fn put(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }
    fn get(&self, question: &str) -> String {
        fs::read_to_string(self.path(&format!("{question}.value"))).unwrap_or_default()
    }
    fn typed(&self, question: &str, lines: &[&str]) {
        self.put(
            &format!("wiki-appliance-seed/{question}.typed"),
            &lines.iter().map(|l| format!("{l}\n")).collect::<String>(),
        );
    }
    fn run(&self) -> exec::Output {
        let shell = Program::new("sh").args(["-c", &self.script, "config", "configure"]);
        let output = shell.dir(self.folder.path()).env("DB", self.folder.path()).output().unwrap();
        assert!(!self.folder.path().join("PWNED").exists());
        output
    }
}

#[test]
fn a_hostile_definition_stays_text_and_arrives_unharmed() {
    let hostile = [
        "$(touch PWNED)",
        "`touch PWNED`",
        "'; touch PWNED; '",
        "a  b\\c \\\\ ",
        "\"$host_name\"",
        "*",
        "# x",
    ];
    let seeds: Vec<Seed> = hostile.iter().enumerate().map(|(i, v)| seed(&format!("p/q{i}"), v)).collect();
    let mut definition = definition(vec![question("name", QuestionType::String)], seeds);
    definition
        .seeds
        .push(Seed { package: "x\ntouch PWNED".into(), ..seed("p/'$(touch PWNED)'", "{{ answers.name }}") });
    definition.questions[0].default = Some("$(touch PWNED) 'it''s' {{ host.name }}".into());
    let debconf = Debconf::new(&definition);
    assert!(debconf.run().success());
    for (i, value) in hostile.iter().enumerate() {
        assert_eq!(debconf.get(&format!("p/q{i}")), *value);
    }
    let name = debconf.get("wiki-appliance-seed/name");
    assert!(name.starts_with("$(touch PWNED) 'it''s' "));
    assert_eq!(debconf.get("p/'$(touch PWNED)'"), name);
}

#[test]
fn an_answer_that_was_given_stays_and_a_registered_question_needs_no_stand_in() {
    let mut registered = seed("app/mysql/pass", "new");
    registered.template = Some("dbconfig-common/mysql/pass".into());
    let debconf =
        Debconf::new(&definition(vec![], vec![seed("p/given", "new"), seed("p/open", "new"), registered]));
    for name in ["p/given.value", "p/open.value", "dbconfig-common/mysql/pass.value"] {
        debconf.put(name, "old");
    }
    debconf.put("p/given.seen", "");
    assert!(debconf.run().success());
    assert_eq!((debconf.get("p/given"), debconf.get("p/open")), ("old".into(), "new".into()));
    assert_eq!(debconf.get("app/mysql/pass"), "new");
    assert!(debconf.path("app/mysql/pass.seen").exists() && !debconf.path("loaded").exists());
}

#[test]
fn people_are_asked_again_until_the_answer_is_good_and_may_go_back() {
    let questions = vec![question("domain", QuestionType::Domain), question("port", QuestionType::Port)];
    let debconf = Debconf::new(&definition(questions, vec![]));
    debconf.typed("domain", &["nonsense", "example.org"]);
    debconf.typed("port", &["BACK", "0", "65536", "8080"]);
    assert!(debconf.run().success());
    assert_eq!(debconf.get("wiki-appliance-seed/domain"), "example.org");
    assert_eq!(debconf.get("wiki-appliance-seed/port"), "8080");
    let said = fs::read_to_string(debconf.path("said")).unwrap();
    assert_eq!(said.lines().filter(|line| line.contains("not_valid reason")).count(), 3);
}

#[test]
fn an_empty_line_is_the_default_which_is_told() {
    let mut questions = vec![question("domain", QuestionType::Domain), question("port", QuestionType::Port)];
    questions[0].default = Some("wiki.{{ host.name }}.example".into());
    questions[1].optional = true;
    let debconf = Debconf::new(&definition(questions, vec![]));
    debconf.typed("domain", &["nonsense", ""]);
    debconf.put("wiki-appliance-seed/port.value", "8080");
    debconf.typed("port", &[""]);
    assert!(debconf.run().success());
    let domain = debconf.get("wiki-appliance-seed/domain");
    assert!(domain.starts_with("wiki.") && domain.ends_with(".example"), "{domain}");
    assert_eq!(debconf.get("wiki-appliance-seed/port"), "", "an optional answer can be taken back");
    let said = fs::read_to_string(debconf.path("said")).unwrap();
    assert!(said.contains(&format!("default Left empty, it is \"{domain}\".")), "{said}");
    assert!(said.contains("default So far it is \"8080\"."), "{said}");
}

#[test]
fn with_nobody_there_a_missing_answer_is_an_error_with_its_name() {
    let debconf =
        Debconf::new(&definition(vec![question("domain", QuestionType::Domain)], vec![seed("p/q", "x")]));
    let output = debconf.run();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.tail(3).join(" ").contains("wiki-appliance-seed/domain"));
    assert!(!debconf.path("p/q.value").exists());
}

#[test]
fn a_secret_is_made_once_and_never_again_after_it_was_taken_out_of_debconf() {
    let mut password = question("password", QuestionType::Password);
    password.generate = Some(Generate { length: 24 });
    let debconf = Debconf::new(&definition(vec![password], vec![seed("p/q", "{{ answers.password }}")]));
    assert!(debconf.run().success());
    let made = debconf.get("wiki-appliance-seed/password");
    assert_eq!((made.len(), debconf.get("p/q")), (24, made.clone()));
    assert!(made.chars().all(|c| c.is_ascii_alphanumeric() && !"0O1lI".contains(c)));
    debconf.run();
    assert_eq!(debconf.get("wiki-appliance-seed/password"), made);
    // the appliance is configured: its secret lies in its own place
    debconf.put("wiki-appliance-seed/password.value", "");
    let secrets = debconf.folder.path().join("state/wiki/secrets");
    fs::create_dir_all(&secrets).unwrap();
    fs::write(secrets.join("password"), &made).unwrap();
    assert!(debconf.run().success());
    assert_eq!(debconf.get("wiki-appliance-seed/password"), "");
}

/// One screen for a group, one more for what has to wait, none for what is not asked; and back over the gap.
#[test]
fn groups_conditions_and_the_way_back() {
    let mut questions = vec![
        question("first", QuestionType::String),
        question("wants-mail", QuestionType::Boolean),
        question("port", QuestionType::Port),
        question("relay", QuestionType::Hostname),
        question("last", QuestionType::String),
    ];
    for question in &mut questions[1..4] {
        question.group = Some("Mail".into());
    }
    questions[3].when = Some(When::Yes("wants-mail".into()));
    let debconf = Debconf::new(&definition(questions, vec![seed("p/relay", "<{{ answers.relay }}>")]));
    debconf.typed("first", &["a", "b"]);
    debconf.typed("wants-mail", &["true", "false", "false"]);
    debconf.typed("port", &["25", "x", "26"]);
    debconf.typed("relay", &["BACK"]);
    debconf.typed("last", &["BACK", "z"]);
    let output = debconf.run();
    assert!(output.success(), "{:?}", output.tail(5));
    let screens: Vec<String> = fs::read_to_string(debconf.path("input"))
        .unwrap()
        .lines()
        .filter_map(|l| Some(l.strip_prefix("go ")?.replace("wiki-appliance-seed/", "")))
        .collect();
    // relay goes back to its group; without mail, going back from the last leads past relay
    let expect = ["first", "wants-mail port", "relay", "wants-mail port", "last", "wants-mail"];
    assert_eq!(screens[..4], expect[..4], "{screens:?}");
    assert_eq!(debconf.get("p/relay"), "<>");
    assert_eq!(debconf.get("wiki-appliance-seed/last"), "z");
    assert_eq!(debconf.get("wiki-appliance-seed/port"), "26");
    let said = fs::read_to_string(debconf.path("said")).unwrap();
    assert!(said.contains("title wiki-appliance-seed/title_2") && said.contains("It is no port"), "{said}");
}

#[test]
fn a_default_uses_earlier_answers_and_one_that_does_not_fit_is_asked() {
    let mut questions = vec![question("domain", QuestionType::Domain), question("mail", QuestionType::Email)];
    questions[1].default = Some("root@{{ answers.domain }}".into());
    let mut definition = definition(questions, vec![]);
    let debconf = Debconf::new(&definition);
    debconf.typed("domain", &["example.org"]);
    assert!(debconf.run().success());
    assert_eq!(debconf.get("wiki-appliance-seed/mail"), "root@example.org");
    definition.questions[1].default = Some("{{ answers.domain }}".into());
    let debconf = Debconf::new(&definition);
    debconf.typed("domain", &["example.org"]);
    let output = debconf.run();
    assert!(
        !output.success() && output.tail(1)[0].contains("wiki-appliance-seed/mail"),
        "{:?}",
        output.tail(1)
    );
    assert!(fs::read_to_string(debconf.path("input")).unwrap().contains("critical wiki-appliance-seed/mail"));
}

#[test]
fn shell_and_library_agree_on_conditions() {
    let words = |list: &[&str]| Some(OneOrMany::Many(list.iter().map(|w| (*w).to_owned()).collect()));
    let test = |is, not| When::Test(Test { question: "q".into(), is, not });
    let conditions = [
        When::Yes("q".into()),
        test(words(&["true"]), None),
        test(words(&["it's", "*"]), None),
        test(None, words(&["it's", "*"])),
        test(words(&[]), None),
        test(None, words(&[])),
        test(words(&["$(touch PWNED)", ""]), None),
    ];
    let mut script = String::new();
    let mut expect = vec![];
    for kind in [QuestionType::Boolean, QuestionType::Select, QuestionType::Multiselect, QuestionType::String]
    {
        for when in &conditions {
            let mut questions = vec![question("q", kind), question("r", QuestionType::String)];
            questions[1].when = Some(when.clone());
            script += &seed_package::functions(&questions, 1);
            for (asked, answer) in [
                ("yes", "true"),
                ("yes", "false"),
                ("yes", "*"),
                ("yes", "it's, *"),
                ("yes", "x"),
                ("yes", ""),
                ("no", ""),
            ] {
                let answer_word = super::shell::quote(answer);
                script += &format!(
                    "asked_1={asked} answer_q={answer_word}\nif wanted_2; then echo yes; else echo no; fi\n"
                );
                let answers = [("q".to_owned(), answer.to_owned())].into();
                let answers = if asked == "yes" { answers } else { Default::default() };
                let holds = is_asked(&questions[1], &questions, &answers);
                expect.push((if holds { "yes" } else { "no" }, format!("{kind:?} {when:?} {answer}")));
            }
        }
    }
    let out = Program::new("sh").arg("-s").stdin(script).run().unwrap().text();
    assert_eq!(out.lines().count(), expect.len());
    for (said, (holds, what)) in out.lines().zip(expect) {
        assert_eq!(said, holds, "{what}");
    }
}

/// Limits and patterns that a question may have.
fn limited() -> Vec<Question> {
    let mut all: Vec<Question> = QuestionType::ALL.map(|kind| question("q", kind)).to_vec();
    let mut with = |kind, change: &dyn Fn(&mut Question)| {
        let mut question = question("q", kind);
        change(&mut question);
        all.push(question);
    };
    with(QuestionType::Number, &|q| (q.min, q.max) = (Some(-5), Some(70)));
    with(QuestionType::Port, &|q| q.min = Some(1024));
    with(QuestionType::String, &|q| (q.min_length, q.max_length) = (Some(3), Some(12)));
    for pattern in
        ["[a-z][a-z0-9-]*", "(a|bc)+.?", ".{2,9}", r"[^a]*\.[^.]+", "[ -~]+", "[0-9]+(\\.[0-9]+){3}"]
    {
        with(QuestionType::String, &|q| q.pattern = Some(pattern.into()));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]
    /// The shell's judgement of an answer is the one that `appliance-configure` makes later.
    #[test]
    fn shell_and_library_agree_on_answers(
        answers in prop::collection::vec(prop_oneof![
            "[a-z0-9.@-]{1,12}", "-?0{0,2}[0-9]{1,20}", "[ -~]{1,10}@[a-z.]{1,8}", "[ -~]{1,20}",
            "-?922337203685477580[0-9]", Just("a, b".to_owned()), Just("it's".to_owned()), Just("true".to_owned()), "[a-z]{60,66}\\.[a-z]{1,3}",
            "[0-9]{1,3}(\\.[0-9]{1,3}){2,4}", "(([0-9a-f]{1,5})?:){1,8}([0-9a-f]{1,4})?", "::(ffff:)?[0-9]{1,3}(\\.[0-9]{1,2}){3}",
            "(/[a-z.]{0,3}){1,4}", "(it's|\\*|a)(, (it's|\\*|a)){0,2}", "[äöü€\u{1f600}a.\u{85}]{1,13}",
        ], 1..30),
    ) {
        for question in limited() {
            let debconf = Debconf::new(&definition(vec![question.clone()], vec![]));
            // the functions alone, without what asks and answers
            let (functions, _) = debconf.script.rsplit_once("\nask_all ").unwrap();
            let mut script = format!("{functions}\nquestion_1\n");
            for answer in &answers {
                let word = super::shell::quote(&question.to_debconf(answer));
                script += &format!("if is_valid {} {word}; then echo yes; else echo no; fi\n", question.kind.word());
            }
            let out = Program::new("sh").arg("-c").arg(script).env("DB", debconf.folder.path()).run().unwrap().text();
            prop_assert_eq!(out.lines().count(), answers.len());
            for (answer, verdict) in answers.iter().zip(out.lines()) {
                let expect = answers::validate(&question, answer).is_ok();
                prop_assert_eq!(verdict == "yes", expect, "{:?} {:?}", question, answer);
            }
        }
    }
}
