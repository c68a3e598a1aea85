//! The questions as a form, and new answers to them.

use crate::machine::Lab;
use configure::{Error, Installed, settings};
use std::fs;

const QUESTIONS: &str = r#"
    [[question]]
    name = "site"
    prompt = "Site"
    default = "Site of {{ host.name }}"
    [[question]]
    name = "wants-mail"
    prompt = "Mail"
    type = "boolean"
    default = "false"
    [[question]]
    name = "relay"
    prompt = "Relay"
    type = "hostname"
    when = "wants-mail"
    [[question]]
    name = "relay-password"
    prompt = "Password at the relay"
    type = "password"
    when = { question = "relay", not = "localhost" }
    [[question]]
    name = "note"
    prompt = "Note"
    optional = true
    [[question]]
    name = "password"
    prompt = "Password"
    type = "password"
    min-length = 8
    generate = { length = 22 }
    [[question]]
    name = "token"
    prompt = "Token of the statistics"
    type = "password"
    optional = true
"#;

fn given(pairs: &[(&str, &str)]) -> settings::Given {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), Some((*v).to_owned()))).collect()
}

/// What was given to debconf, a line each.
fn change(
    lab: &Lab,
    installed: &Installed,
    pairs: &[(&str, &str)],
    seen: Option<&str>,
) -> Result<String, Error> {
    let mut copied = String::new();
    settings::change(&lab.machine, installed, &given(pairs), seen, &mut |lines| {
        copied.extend(lines.iter().map(|l| l.to_line().unwrap()));
        Ok(())
    })?;
    Ok(copied)
}

#[test]
fn the_form_has_every_present_answer_and_no_secret() {
    let lab = Lab::new();
    let installed = lab.install(QUESTIONS, &[]);
    lab.settle(&installed).unwrap();
    let shown = settings::show(&lab.machine, &installed, &[]).unwrap();
    let secret = lab.read("/var/lib/appliances/wiki/secrets/password");
    assert!(secret.len() == 22 && !serde_json::to_string(&shown).unwrap().contains(&secret));
    let told: Vec<_> =
        shown.questions.iter().map(|q| (q.name.as_str(), q.asked, q.kept, q.value.as_str())).collect();
    assert!(told[0].3.starts_with("Site of "), "{told:?}");
    assert_eq!(
        told[1..],
        [
            ("wants-mail", true, false, "false"),
            ("relay", false, false, ""),
            ("relay-password", false, false, ""),
            ("note", true, false, ""),
            ("password", true, true, ""),
            ("token", true, false, ""),
        ]
    );
    let when = |i: usize| shown.questions[i].when.as_ref().map(|w| (w.question.as_str(), &w.is, &w.not));
    assert_eq!(when(2), Some(("wants-mail", &vec!["true".to_owned()], &vec![])));
    assert_eq!(when(3), Some(("relay", &vec![], &vec!["localhost".to_owned()])));
}

#[test]
fn what_does_not_fit_is_told_by_question_and_nothing_is_stored() {
    let lab = Lab::new();
    let installed = lab.install(QUESTIONS, &[]);
    lab.settle(&installed).unwrap();
    let before = lab.read("/var/lib/appliances/wiki/answers.json");
    let wrong = [("site", ""), ("wants-mail", "true"), ("relay", "a b"), ("password", "short"), ("x", "1")];
    let checked = settings::check(&lab.machine, &installed, &given(&wrong), None).unwrap();
    let faults: Vec<(&str, &str)> = checked.faults.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(
        faults,
        [
            ("password", "must have at least 8 characters"),
            ("relay", "must be a host name such as wiki or wiki.example.org"),
            ("site", "an answer is needed"),
            ("x", "there is no such question"),
        ]
    );
    assert!(matches!(change(&lab, &installed, &wrong, None), Err(Error::Answer { .. })));
    let kept = settings::check(&lab.machine, &installed, &given(&[("note", "a\\")]), None).unwrap();
    assert_eq!(kept.faults["note"], "must not end in a backslash");
    // a secret that was never given, and is asked for now
    let mail = given(&[("wants-mail", "true"), ("relay", "mx"), ("relay-password", "")]);
    let checked = settings::check(&lab.machine, &installed, &mail, None).unwrap();
    assert_eq!(checked.faults["relay-password"], "an answer is needed");
    assert_eq!(lab.read("/var/lib/appliances/wiki/answers.json"), before);
}

#[test]
fn what_changes_is_stored_and_copied_and_an_empty_secret_stays() {
    let lab = Lab::new();
    let installed = lab.install(QUESTIONS, &[]);
    lab.settle(&installed).unwrap();
    let (state, secret) =
        ("/var/lib/appliances/wiki/answers.json", "/var/lib/appliances/wiki/secrets/password");
    let first = lab.read(secret);
    let same = [("wants-mail", "false"), ("note", ""), ("password", "")];
    assert!(settings::check(&lab.machine, &installed, &given(&same), None).unwrap().changes.is_empty());

    let new = [
        ("site", "Ours"),
        ("wants-mail", "true"),
        ("relay", "mx"),
        ("relay-password", "pw"),
        ("password", ""),
    ];
    let changes = settings::check(&lab.machine, &installed, &given(&new), None).unwrap().changes;
    assert_eq!(changes, ["site", "wants-mail", "relay", "relay-password"]);
    let copied = change(&lab, &installed, &new, None).unwrap();
    let seed = "wiki-appliance-seed wiki-appliance-seed";
    let line = |rest: &str| format!("{seed}/{rest}\n");
    assert_eq!(
        copied,
        line("site string Ours") + &line("wants-mail boolean true") + &line("relay string mx"),
        "secrets are not debconf's"
    );
    assert!(lab.read(state).contains("Ours") && lab.read(secret) == first);
    assert_eq!(lab.read("/var/lib/appliances/wiki/secrets/relay-password"), "pw");
    change(&lab, &installed, &[("password", "another one")], None).unwrap();
    assert_eq!(lab.read(secret), "another one");
    // the same again cannot be told from another one: nobody can try secrets out
    let again = settings::check(&lab.machine, &installed, &given(&[("password", "another one")]), None);
    assert_eq!(again.unwrap().changes, ["password"]);

    // debconf's refusal is the end of it
    let refuses = &mut |_: &[_]| Err(Error::NotCopied { why: "no".into() });
    let more = given(&[("site", "Theirs")]);
    assert!(settings::change(&lab.machine, &installed, &more, None, refuses).is_err());
    assert!(lab.read(state).contains("Ours"));
}

#[test]
fn an_optional_secret_can_be_taken_away_and_a_needed_one_cannot() {
    let lab = Lab::new();
    let installed = lab.install(QUESTIONS, &[]);
    lab.settle(&installed).unwrap();
    let none = |name: &str| settings::Given::from([(name.to_owned(), None)]);
    let check = |given| settings::check(&lab.machine, &installed, &given, None).unwrap();
    let kept = || {
        let shown = settings::show(&lab.machine, &installed, &[]).unwrap();
        shown.questions.into_iter().find(|q| q.name == "token").unwrap().kept
    };
    assert!(!kept() && check(none("token")).changes.is_empty(), "there is none yet");
    change(&lab, &installed, &[("token", "abc")], None).unwrap();
    change(&lab, &installed, &[("token", ""), ("site", "Ours")], None).unwrap();
    assert!(kept() && lab.read("/var/lib/appliances/wiki/secrets/token") == "abc");

    assert_eq!(check(none("token")).changes, ["token"]);
    settings::change(&lab.machine, &installed, &none("token"), None, &mut |_| Ok(())).unwrap();
    assert!(!kept() && lab.read("/var/lib/appliances/wiki/secrets/token").is_empty());
    lab.settle(&installed).unwrap();
    assert!(!kept(), "it came back");

    let password = lab.read("/var/lib/appliances/wiki/secrets/password");
    assert_eq!(check(none("password")).faults["password"], "is needed, and cannot be taken away");
    assert!(settings::change(&lab.machine, &installed, &none("password"), None, &mut |_| Ok(())).is_err());
    assert_eq!(lab.read("/var/lib/appliances/wiki/secrets/password"), password);
}

#[test]
fn whoever_comes_second_is_told() {
    let lab = Lab::new();
    let installed = lab.install(QUESTIONS, &[]);
    lab.settle(&installed).unwrap();
    let revision = || settings::revision(&lab.machine, &installed).unwrap();
    let seen = revision();
    lab.settle(&installed).unwrap();
    assert_eq!(revision(), seen, "a run that changes nothing is no change");
    change(&lab, &installed, &[("site", "Ours")], Some(&seen)).unwrap();
    let checked =
        settings::check(&lab.machine, &installed, &given(&[("site", "Mine")]), Some(&seen)).unwrap();
    assert!(checked.stale && checked.faults.is_empty());
    assert!(matches!(change(&lab, &installed, &[("site", "Mine")], Some(&seen)), Err(Error::Stale { .. })));
    assert!(lab.read("/var/lib/appliances/wiki/answers.json").contains("Ours"));
    // a secret is a change too, and the revision says nothing of what it is
    let seen = revision();
    change(&lab, &installed, &[("password", "another one")], Some(&seen)).unwrap();
    assert_ne!(revision(), seen);
    // another question is another form
    let seen = revision();
    let later = lab.install(&QUESTIONS.replace("\"Site\"", "\"The site\""), &[]);
    assert_ne!(settings::revision(&lab.machine, &later).unwrap(), seen);
}

#[test]
fn a_stored_answer_that_fits_no_more_is_shown_and_told() {
    let lab = Lab::new();
    let installed = lab.install(QUESTIONS, &[]);
    lab.settle(&installed).unwrap();
    let path = lab.path("/var/lib/appliances/wiki/answers.json");
    fs::write(&path, r#"{"site":"x","wants-mail":"perhaps"}"#).unwrap();
    let shown = settings::show(&lab.machine, &installed, &[]).unwrap();
    assert_eq!(shown.questions[1].value, "perhaps");
    let checked = settings::check(&lab.machine, &installed, &given(&[("site", "y")]), None).unwrap();
    assert_eq!(checked.faults["wants-mail"], "must be true or false");
}
