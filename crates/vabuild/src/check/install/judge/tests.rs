use super::*;
use rehearsal::{Ending, Installed, Trace};

const APPLIANCE: &str = "[appliance]\nname = \"relay\"\nversion = \"1\"\nsummary = \"x\"\nmaintainer = \"A <a@example.org>\"\n\
    packages = [\"mail\"]\nurl = \"http://x/\"\n";

/// A script asks at priority high: kind, name, and password; `answered` were answered in advance. Another question is
/// there and not asked, and a shared template is registered.
fn recording(answered: &[&str], order: [&str; 2]) -> Recording {
    let mut trace = Trace::default();
    let mut say = |line: &str| trace.line(&format!("debconf (developer): {line}"));
    say("starting /var/cache/debconf/tmp.ci/mail.config.abcdef configure");
    for (priority, question) in [
        ("high", "mail/kind"),
        ("critical", "mail/name"),
        ("high", "mail/pass"),
        ("low", "mail/size"),
        ("high", "mail/note"),
    ] {
        say(&format!("<-- INPUT {priority} {question}"));
        say(if answered.contains(&question) || priority == "low" {
            "--> 30 question skipped"
        } else {
            "--> 0 question will be asked"
        });
    }
    say("<-- REGISTER dbconfig-common/install-error mail/install-error");
    say("--> 0 registered");
    say("<-- INPUT critical mail/install-error");
    say("--> 0 question will be asked");
    say("<-- REGISTER shared/user mail/user");
    say("--> 0 registered");
    // as the seed package registers it in advance, and its owner finds it there
    say("<-- GET mail/database");
    say("--> 0 x");
    say("starting /var/cache/debconf/tmp.ci/relay-appliance-seed.config.abcdef configure");
    say("<-- REGISTER shared/database mail/database");
    say("--> 0 registered");
    say("<-- REGISTER shared/database mail/nobodys");
    say("--> 0 registered");
    say("starting /var/cache/debconf/tmp.ci/mail.config.abcdef configure");
    say("<-- SET mail/size 7");
    say("--> 0 value set");
    let template = |name: &str, kind: &str, choices: &[&str]| Template {
        name: name.into(),
        kind: kind.into(),
        choices: choices.iter().map(|c| (*c).to_owned()).collect(),
        ..Template::default()
    };
    let templates = |package: &str| match package {
        "mail" => vec![
            template("mail/kind", "select", &["Internet Site", "Local only"]),
            template("mail/name", "string", &[]),
            template("mail/pass", "password", &[]),
            template("mail/size", "string", &[]),
            template("mail/note", "note", &[]),
            template("shared/user", "string", &[]),
            template("shared/database", "string", &[]),
            template("dbconfig-common/install-error", "select", &["abort", "ignore"]),
        ],
        _ => vec![],
    };
    let package =
        |name: &str| Installed { name: name.into(), version: "1".into(), templates: templates(name) };
    Recording {
        release: "trixie".into(),
        closure: order.map(package).into(),
        order: order.map(str::to_owned).into(),
        present: vec![("tzdata".into(), template("tzdata/Areas", "select", &["Europe"]))],
        accounts: vec!["root".into()],
        trace,
        asked: vec![],
        answered: Default::default(),
        problems: vec![],
        ending: Ending::Complete,
    }
}

const FIRST: [&str; 2] = ["relay-appliance-seed", "mail"];

/// The messages about a definition with these seeds, each with its line's text.
fn wrong(seeds: &str, recording: &Recording) -> (Judged, Vec<String>) {
    let text = format!("{APPLIANCE}\n{seeds}");
    struct Nothing;
    impl appliance::Folder for Nothing {
        fn entry(&self, _: &str) -> appliance::folder::Entry {
            appliance::folder::Entry::Missing
        }
        fn read(&self, path: &str, _: u64) -> Result<Vec<u8>, String> {
            Err(path.into())
        }
        fn names(&self, _: &str) -> Vec<String> {
            vec![]
        }
    }
    let definition = appliance::load(&text, "appliance.toml", &Nothing).unwrap();
    let appliance = definition.appliance.as_ref().unwrap();
    let subject = Subject { definition: &definition, appliance, recording, answers: &BTreeMap::new() };
    let judged = judge(&subject, &Places::new("appliance.toml", &text));
    let line = |p: &Problem| text.lines().nth(p.line - 1).unwrap_or_default().to_owned();
    let told = judged.problems.iter().map(|p| format!("{}: {}", line(p), p.message)).collect();
    (judged, told)
}

fn seed(package: &str, question: &str, more: &str) -> String {
    format!("[[seed]]\npackage = \"{package}\"\nquestion = \"{question}\"\n{more}\n\n")
}

#[test]
fn each_question_that_nobody_answers_is_named() {
    let (judged, told) = wrong("", &recording(&["mail/name"], FIRST));
    assert_eq!(
        told,
        [
            "packages = [\"mail\"]: mail asks mail/kind at priority high and nobody answers",
            "packages = [\"mail\"]: mail asks mail/pass at priority high and nobody answers",
        ]
    );
    // that a database server is missing is the rehearsal's fault
    assert!(judged.remarks[0].contains("mail/install-error"), "{:?}", judged.remarks);
    // neither what is shown only nor what is of low priority counts
    assert_eq!((judged.asked.len(), judged.open.len()), (3, 2));
    let (judged, told) = wrong("", &recording(&["mail/kind", "mail/name", "mail/pass"], FIRST));
    assert_eq!((judged.asked.len(), judged.open.len(), told.len()), (3, 0, 0));
    // shown, and answered by the frontend
    let answered = Recording {
        answered: ["mail/kind", "mail/name", "mail/pass"].map(str::to_owned).into(),
        ..recording(&[], FIRST)
    };
    let (judged, told) = wrong("", &answered);
    assert_eq!((judged.asked.len(), judged.open.len(), told.len()), (3, 0, 0));
}

#[test]
fn each_seed_that_cannot_work_is_named() {
    let all = ["mail/kind", "mail/name", "mail/pass"];
    let check = |seed: String, expect: &str| {
        let (_, told) = wrong(&seed, &recording(&all, FIRST));
        let expect: Vec<&str> = Some(expect).filter(|e| !e.is_empty()).into_iter().collect();
        assert_eq!(told, expect, "{seed}");
    };
    check(seed("mail", "mail/kind", "type = \"select\"\nvalue = \"Local only\""), "");
    check(
        seed("mail", "mail/kind", "type = \"select\"\nvalue = \"Local\""),
        "value = \"Local\": `Local` is not among the choices of mail/kind",
    );
    check(
        seed("mail", "mail/kind", "type = \"string\"\nvalue = \"Local only\""),
        "type = \"string\": mail/kind is a select, not a string",
    );
    check(
        seed("mail", "mail/kinds", "value = \"x\""),
        "question = \"mail/kinds\": mail has no question mail/kinds",
    );
    check(
        seed("post", "mail/kind", "type = \"select\"\nvalue = \"Local only\""),
        "package = \"post\": the package post is not installed by this appliance",
    );
    check(
        seed("tzdata", "mail/name", "value = \"x\""),
        "package = \"tzdata\": mail/name is a question of mail",
    );
    check(seed("mail", "mail/user", "value = \"x\""), "[[seed]]: mail/user has the template shared/user");
    check(seed("mail", "mail/user", "template = \"shared/user\"\nvalue = \"x\""), "");
    check(seed("mail", "mail/database", "template = \"shared/database\"\nvalue = \"x\""), "");
    check(
        seed("mail", "mail/nobodys", "template = \"shared/database\"\nvalue = \"x\""),
        "question = \"mail/nobodys\": mail has no question mail/nobodys",
    );
}

#[test]
fn a_password_under_another_type_is_found_and_an_overwritten_seed_told() {
    let all = recording(&["mail/kind", "mail/name", "mail/pass"], FIRST);
    let (_, told) = wrong(&seed("mail", "mail/pass", "value = \"hunter2\""), &all);
    assert_eq!(
        told,
        ["value = \"hunter2\": mail/pass is a password, and this one would be in a package for all to read"]
    );
    let (judged, told) = wrong(&seed("mail", "mail/size", "value = \"5\""), &all);
    assert_eq!((told.len(), judged.remarks.len()), (0, 2));
    let (judged, _) = wrong(&seed("mail", "mail/size", "value = \"7\""), &all);
    assert_eq!(judged.remarks.len(), 1);
}

#[test]
fn a_seed_package_that_comes_late_is_found() {
    let late = recording(&["mail/kind", "mail/name", "mail/pass"], ["mail", "relay-appliance-seed"]);
    let (_, told) = wrong(&seed("mail", "mail/name", "value = \"x\""), &late);
    assert_eq!(told, ["packages = [\"mail\"]: apt unpacks mail before relay-appliance-seed"]);
}

#[test]
fn a_seed_that_its_package_forgets_and_asks_for_again_counts() {
    let mut recording = recording(&["mail/kind", "mail/pass"], FIRST);
    let seeded = seed("mail", "mail/name", "value = \"x\"");
    // it is shown, so something other than the package lost the seed
    assert_eq!(wrong(&seeded, &recording).0.open, ["mail/name"]);
    for line in ["<-- FSET mail/name seen false", "--> 0 false"] {
        recording.trace.line(&format!("debconf (developer): {line}"));
    }
    let (judged, told) = wrong(&seeded, &recording);
    assert_eq!((judged.asked.len(), judged.open.len(), told.len()), (3, 0, 0));
    assert!(judged.remarks.iter().any(|r| r.contains("asks it again")), "{:?}", judged.remarks);
    assert_eq!(wrong("", &recording).0.open, ["mail/name"]);
}
