use super::*;
use debconf::Template;
use proptest::prelude::*;
use rehearsal::{Installed, Priority, Trace};

fn template(name: &str, kind: &str, description: &str) -> Template {
    Template { name: name.into(), kind: kind.into(), description: description.into(), ..Template::default() }
}

fn asked(template: &str, default: &str) -> Asked {
    Asked {
        template: template.into(),
        default: default.into(),
        description: template.into(),
        ..Asked::default()
    }
}

/// Two questions of one shared template, a select whose choices a script fills in, and one that is never asked.
fn recording() -> Recording {
    let mut trace = Trace::default();
    let lines = "\
starting /var/cache/debconf/tmp.ci/mail.config.abcdef configure
<-- SUBST mail/type kinds none, full service
--> 0
<-- INPUT high mail/type
--> 0 question will be asked
<-- REGISTER shared/pass mail/pass
--> 0 registered
<-- INPUT high mail/pass
--> 0 question will be asked
<-- INPUT critical mail/pass-confirm
--> 0 question will be asked
<-- INPUT low mail/type
--> 30 question skipped
frontend running, package name is
starting /usr/sbin/pam-auth-update --package
<-- INPUT medium pam/profiles
--> 30 question skipped";
    lines.lines().for_each(|line| trace.line(&format!("debconf (developer): {line}")));
    let mail = vec![
        Template { choices: vec!["${kinds}".into()], ..template("mail/type", "select", "Kind of mail") },
        template("mail/pass-confirm", "password", "Again:"),
        template("mail/never", "string", "Never \u{1b}[2Jasked"),
        template("mail/wrong", "error", "Wrong"),
    ];
    let package = |name: &str, templates| Installed { name: name.into(), version: "1".into(), templates };
    Recording {
        release: "trixie".into(),
        closure: vec![
            package("mail", mail),
            package("db", vec![template("shared/pass", "password", "Password \"for\" it:")]),
        ],
        order: vec!["mail".into(), "db".into()],
        accounts: vec![],
        present: vec![("pam".into(), template("pam/profiles", "multiselect", "Profiles"))],
        trace,
        asked: vec![
            Asked {
                choices: vec!["none".into(), "full service".into()],
                ..asked("mail/type", "full service")
            },
            asked("shared/pass", ""),
            asked("mail/pass-confirm", ""),
        ],
        answered: Default::default(),
        problems: vec![],
        ending: Ending::Complete,
    }
}

#[test]
fn what_was_asked_is_told_as_it_was_offered() {
    let questions = of(&recording());
    let told: Vec<String> = questions
        .iter()
        .map(|q| {
            let priority = q.asked.as_ref().map_or("-", |h| h.priority.as_str());
            format!("{} {} {} {priority} [{}] {}", q.package, q.name, q.kind, q.choices.join("|"), q.default)
        })
        .collect();
    assert_eq!(
        told,
        [
            "mail mail/type select high [none|full service] full service",
            "mail mail/pass password high [] ",
            "mail mail/pass-confirm password critical [] ",
            "pam pam/profiles multiselect medium [] ",
            "mail mail/never string - [] ",
            "mail mail/wrong error - [] ",
        ]
    );
    assert_eq!(questions[1].template.as_deref(), Some("shared/pass"));
}

#[test]
fn a_table_shows_no_escapes_and_leaves_messages_out() {
    let table = table::text(&of(&recording()), false);
    assert!(!table.contains('\u{1b}') && table.contains("Never \\u{1b}[2Jasked"), "{table}");
    assert!(!table.contains("mail/wrong") && table.ends_with("4 asked, 1 not asked\n"), "{table}");
    assert!(!table::text(&of(&recording()), true).contains("mail/never"));
}

#[test]
fn seeds_can_be_pasted_and_no_password_is_among_them() {
    let section = seeds::text(&of(&recording()), Priority::High);
    let definition = format!(
        "[appliance]\nname = \"relay\"\nversion = \"1\"\nsummary = \"x\"\nmaintainer = \"A <a@example.org>\"\n\
         packages = [\"mail\"]\nurl = \"http://x/\"\n\n{section}"
    );
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
    let loaded = appliance::load(&definition, "appliance.toml", &Nothing).unwrap();
    let seeds: Vec<(&str, &str)> =
        loaded.seeds.iter().map(|s| (s.question.as_str(), s.value.as_str())).collect();
    // a password and its repetition have one answer, made on the machine
    assert_eq!(
        seeds,
        [
            ("mail/type", "full service"),
            ("mail/pass", "{{ answers.mail_pass }}"),
            ("mail/pass-confirm", "{{ answers.mail_pass }}"),
        ]
    );
    assert_eq!(loaded.questions.len(), 1);
    assert_eq!(loaded.seeds[1].template.as_deref(), Some("shared/pass"));
}

proptest! {
    /// Whatever a package writes into its templates stays within comments and strings.
    #[test]
    fn hostile_texts_stay_where_they_are(text in any::<String>(), value in any::<String>()) {
        let question = Question {
            package: "mail".into(), name: "mail/type".into(), template: None, kind: "string".into(),
            asked: Some(How { priority: "high".into(), in_advance: true }),
            default: value, choices: vec![text.clone()], description: text.clone(), extended: text,
        };
        let section = seeds::text(&[question], Priority::High);
        let tables = section.lines().filter(|l| !l.starts_with('#') && !l.is_empty());
        for line in tables {
            let known = ["[[seed]]", "package = \"", "question = \"", "value = \""].iter().any(|k| line.starts_with(k));
            prop_assert!(known, "{}", line);
        }
        prop_assert!(!section.chars().any(|c| c.is_control() && c != '\n'));
    }
}
