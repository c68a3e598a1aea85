//! Requests and their answers, with the page, root and strangers as callers.

use super::*;
use broker_protocol::{AuditFilter, NewAnswers};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::Value;
use std::fs;

struct Deaf;
impl Starter for Deaf {
    fn start(&self, _: &TaskId, _: &[String]) -> Result<(), String> {
        Ok(())
    }
    fn lives(&self, _: &TaskId) -> bool {
        true
    }
    fn stop(&self, _: &TaskId) -> Result<(), String> {
        Ok(())
    }
    fn wait(&self, _: &str, _: &[String], _: &std::path::Path) -> Result<(), String> {
        Ok(())
    }
}

fn with(test: impl FnOnce(&Broker)) {
    let folder = tempfile::tempdir().unwrap();
    let manifests = folder.path().join("plugins");
    fs::create_dir(&manifests).unwrap();
    let action = |name: &str, role: &str| {
        format!(
            r#"{{"name":"{name}","title":"T","run":"x","role":"{role}","user":"root",
            "parameters":[{{"name":"mail","type":"email"}}]}}"#
        )
    };
    let text = format!(
        r#"{{"version":1,"name":"wiki","title":"W","package-version":"1","actions":[{},{}]}}"#,
        action("look", "viewer"),
        action("change", "administrator")
    );
    fs::write(manifests.join("wiki.json"), text).unwrap();
    fs::write(manifests.join("bad.json"), "{").unwrap();
    let state = State::open(folder.path().join("state")).unwrap();
    test(&Broker::new(state, manifests, Box::new(Deaf)));
}

fn ask(broker: &Broker, peer: Peer, session: Option<&str>, ask: Ask) -> Result<Answer, Reason> {
    let request = Request { session: session.map(Into::into), from: Some("127.0.0.1".into()), ask };
    match broker.handle(&peer, request).0 {
        Reply::Answer(answer) => Ok(answer),
        Reply::Refused(refusal) => Err(refusal.reason),
    }
}

fn sign_in(broker: &Broker, role: Role) -> String {
    let Ok(Answer::Token(token)) = ask(broker, Peer::Root, None, Ask::CreateLink { role, minutes: 5 }) else {
        panic!("no link")
    };
    match ask(broker, Peer::Web, None, Ask::RedeemLink { token, agent: String::new() }) {
        Ok(Answer::Session { token, who }) if who.role == role => token,
        other => panic!("{other:?}"),
    }
}

fn action(name: &str, mail: &str) -> Ask {
    let parameters = [("mail".to_string(), mail.to_string())].into();
    Ask::Start { work: Work::Action { plugin: "wiki".into(), action: name.into(), parameters } }
}

#[test]
fn strangers_get_nothing_whatever_they_bring() {
    with(|broker| {
        let session = sign_in(broker, Role::Administrator);
        for token in [None, Some(session.as_str())] {
            assert_eq!(ask(broker, Peer::Stranger(1000), token, Ask::Who {}).unwrap_err(), Reason::Forbidden);
            let redeem = Ask::RedeemLink { token: "x".into(), agent: String::new() };
            assert_eq!(ask(broker, Peer::Stranger(1000), token, redeem).unwrap_err(), Reason::Forbidden);
        }
    });
}

#[test]
fn the_page_is_nobody_without_a_session_and_no_more_than_its_session() {
    with(|broker| {
        let (viewer, administrator) = (sign_in(broker, Role::Viewer), sign_in(broker, Role::Administrator));
        let refresh = || Ask::Start { work: Work::Refresh {} };
        let link = || Ask::CreateLink { role: Role::Administrator, minutes: 5 };
        for token in [None, Some("wrong"), Some("")] {
            assert_eq!(ask(broker, Peer::Web, token, Ask::Tasks {}).unwrap_err(), Reason::SignIn);
        }
        assert_eq!(ask(broker, Peer::Web, Some(&viewer), refresh()).unwrap_err(), Reason::Forbidden);
        assert!(
            matches!(ask(broker, Peer::Web, Some(&administrator), refresh()), Ok(Answer::Task(t)) if t.by == "administrator")
        );
        assert_eq!(ask(broker, Peer::Web, Some(&administrator), link()).unwrap_err(), Reason::Forbidden);
        // a session that root's process brings is still only that session
        assert_eq!(ask(broker, Peer::Root, Some(&viewer), link()).unwrap_err(), Reason::Forbidden);
        assert_eq!(ask(broker, Peer::Root, Some("wrong"), Ask::Tasks {}).unwrap_err(), Reason::SignIn);
        ask(broker, Peer::Web, Some(&viewer), Ask::EndSession {}).unwrap();
        assert_eq!(ask(broker, Peer::Web, Some(&viewer), Ask::Who {}).unwrap_err(), Reason::SignIn);
    });
}

#[test]
fn an_action_is_checked_against_its_manifest() {
    with(|broker| {
        let viewer = sign_in(broker, Role::Viewer);
        let as_viewer = |what| ask(broker, Peer::Web, Some(&viewer), what);
        assert_eq!(as_viewer(action("change", "a@b")).unwrap_err(), Reason::Forbidden);
        assert_eq!(as_viewer(action("missing", "a@b")).unwrap_err(), Reason::Forbidden);
        assert_eq!(as_viewer(action("look", "no mail")).unwrap_err(), Reason::Invalid);
        assert_eq!(ask(broker, Peer::Root, None, action("missing", "a@b")).unwrap_err(), Reason::NotFound);
        let Ok(Answer::Plugins(plugins)) = as_viewer(Ask::Plugins {}) else { panic!() };
        assert_eq!(plugins.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["wiki"]);
        let Ok(Answer::FaultyPlugins(faulty)) = as_viewer(Ask::FaultyPlugins {}) else { panic!() };
        assert!(
            faulty.len() == 1 && faulty[0].file.ends_with("plugins/bad.json") && !faulty[0].why.is_empty()
        );
    });
}

#[test]
fn arguments_are_checked_again() {
    with(|broker| {
        let root = |what| ask(broker, Peer::Root, None, what);
        let upgrade =
            |name: &str| Ask::Start { work: Work::Upgrade { packages: vec![name.into()], restart: false } };
        for name in ["-o=APT::x", "a;id", "bash-", "../x", "", "A"] {
            assert_eq!(root(upgrade(name)).unwrap_err(), Reason::Invalid, "{name}");
        }
        for minutes in [0, LINK_MINUTES + 1] {
            assert_eq!(root(Ask::CreateLink { role: Role::Viewer, minutes }).unwrap_err(), Reason::Invalid);
        }
        let id = TaskId::try_from("20260101-000000-00000000".to_string()).unwrap();
        assert_eq!(root(Ask::Task { id: id.clone() }).unwrap_err(), Reason::NotFound);
        assert_eq!(root(Ask::TaskEvents { id: id.clone() }).unwrap_err(), Reason::NotFound);
        assert_eq!(root(Ask::Artifact { id, name: "../task.json".into() }).unwrap_err(), Reason::NotFound);
        assert!(matches!(root(Ask::Who {}), Ok(Answer::Who(who)) if who.name == "root"));
    });
}

#[test]
fn wrong_links_wait_but_lock_nobody_out() {
    with(|broker| {
        let wrong =
            || ask(broker, Peer::Web, None, Ask::RedeemLink { token: "wrong".into(), agent: String::new() });
        thread::scope(|scope| {
            let attackers: Vec<_> = (0..20).map(|_| scope.spawn(wrong)).collect();
            let started = std::time::Instant::now();
            sign_in(broker, Role::Administrator);
            assert!(started.elapsed() < WRONG_LINK_WAIT, "{:?}", started.elapsed());
            for attacker in attackers {
                assert_eq!(attacker.join().unwrap().unwrap_err(), Reason::SignIn);
            }
        });
    });
}

/// A broker whose `appliance-configure` says this of every check.
fn with_settings(says: &str, test: impl FnOnce(&Broker)) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("appliance-configure");
    fs::write(&program, format!("#!/bin/sh\ncat > /dev/null\necho '{says}'\n")).unwrap();
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let state = State::open(folder.path().join("state")).unwrap();
    let mut broker = Broker::new(state, folder.path().join("plugins"), Box::new(Deaf));
    broker.settings = Model::at(program);
    test(&broker);
}

fn settings(pairs: &[(&str, &str)]) -> Ask {
    let answers = pairs.iter().map(|(k, v)| ((*k).to_owned(), Some((*v).to_owned()))).collect();
    Ask::Start { work: Work::Settings { appliance: "wiki".into(), revision: None, answers } }
}

#[test]
fn answers_are_judged_before_a_task_starts() {
    let given = [("name", "Ours"), ("password", "hunter22"), ("port", "80")];
    with_settings(r#"{"stale":false,"faults":{"name":"is wrong"},"changes":[]}"#, |broker| {
        let Ok(Answer::Unfit(unfit)) = ask(broker, Peer::Root, None, settings(&given)) else { panic!() };
        assert!(!unfit.stale && unfit.faults["name"] == "is wrong");
        assert!(broker.tasks.list().unwrap().is_empty());
    });
    with_settings(r#"{"stale":true,"faults":{},"changes":["name"]}"#, |broker| {
        let answer = ask(broker, Peer::Root, None, settings(&given));
        assert!(matches!(answer, Ok(Answer::Unfit(unfit)) if unfit.stale));
    });
    with_settings(r#"{"stale":false,"faults":{},"changes":[]}"#, |broker| {
        assert!(matches!(ask(broker, Peer::Root, None, settings(&given)), Ok(Answer::Done)));
        assert!(broker.tasks.list().unwrap().is_empty(), "nothing to do");
    });
}

#[test]
fn a_task_keeps_the_names_of_what_changes_and_no_answer() {
    with_settings(r#"{"stale":false,"faults":{},"changes":["name","password"]}"#, |broker| {
        let viewer = sign_in(broker, Role::Viewer);
        let given = [("name", "Ours"), ("password", "hunter22"), ("port", "80")];
        for session in [None, Some(viewer.as_str())] {
            assert!(ask(broker, Peer::Web, session, settings(&given)).is_err());
        }
        let Ok(Answer::Task(task)) = ask(broker, Peer::Root, None, settings(&given)) else { panic!() };
        let Work::Settings { answers, .. } = &task.work else { panic!() };
        assert_eq!(answers.keys().collect::<Vec<_>>(), ["name", "password"]);
        let folder = broker.tasks.folder(&task.id);
        let kept = fs::read_to_string(folder.join("task.json")).unwrap();
        assert!(!kept.contains("hunter22") && !kept.contains("Ours"), "{kept}");
        let values: NewAnswers = crate::tasks::record::Record::take_values(&folder).unwrap();
        assert_eq!(values["password"].as_deref(), Some("hunter22"));
        assert!(!folder.join("secrets.json").exists());
        // the second of two who save at once
        assert_eq!(ask(broker, Peer::Root, None, settings(&given)).unwrap_err(), Reason::Busy);
    });
}

/// What of a request may be written down. Everything else that is text counts as a secret, also in requests to come.
const NO_SECRETS: &[&str] = &[
    "ask",
    "work",
    "role",
    "verb",
    "install",
    "id",
    "name",
    "appliance",
    "plugin",
    "action",
    "query",
    "package",
    "packages",
    "unit",
    "path",
    "zone",
    "interface",
    "account",
];

/// The request with the mark in the place of every text that is not known to be none.
fn with_secrets(ask: &Ask, mark: &str) -> Ask {
    fn put(value: &mut Value, key: &str, mark: &str) {
        match value {
            Value::String(text) if !NO_SECRETS.contains(&key) => *text = mark.into(),
            Value::Object(map) if map.is_empty() => drop(map.insert("x".into(), mark.into())),
            Value::Object(map) => map.iter_mut().for_each(|(key, value)| put(value, key, mark)),
            Value::Array(list) if list.is_empty() && !NO_SECRETS.contains(&key) => list.push(mark.into()),
            Value::Array(list) => list.iter_mut().for_each(|value| put(value, key, mark)),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(ask).unwrap();
    put(&mut value, "", mark);
    // what was put where nothing may be, or what has a shape, stays as it is
    serde_json::from_value(value).unwrap_or_else(|_| ask.clone())
}

#[test]
fn no_secret_is_in_the_audit_trail() {
    with(|broker| {
        let look = |mark: String| {
            for ask in table::tests::every_ask() {
                let name = table::name(&ask);
                let ask = with_secrets(&ask, &mark);
                let hides = serde_json::to_string(&ask).unwrap().contains(&mark);
                let with_one = ["redeem-link", "sign-in", "give-code", "confirm-codes", "end-codes"];
                if with_one.contains(&name)
                    || ["read-answers", "start settings", "start action"].contains(&name)
                {
                    assert!(hides, "{name} is tried without a secret");
                }
                let request = Request { session: Some(mark.clone()), from: Some(mark.clone()), ask };
                // a broker of its own for each, for of strangers' lines it counts most
                let alone = Broker::new(broker.state.clone(), &broker.manifests, Box::new(Deaf));
                alone.handle(&Peer::Stranger(1000), request);
            }
            let kept = fs::read_to_string(broker.state.root().join("refused.jsonl")).unwrap();
            assert!(kept.contains("start settings"), "{kept}");
            assert_eq!(kept.lines().find(|line| line.contains(&mark)), None);
            Ok(())
        };
        let mut runner =
            TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20) });
        runner
            .run(&"[!-~]{12,40}".prop_filter("as it stands in JSON", |m| !m.contains(['"', '\\'])), look)
            .unwrap();
    });
}

#[test]
fn the_trail_says_who_did_what_and_how_it_ended() {
    with(|broker| {
        let (viewer, administrator) = (sign_in(broker, Role::Viewer), sign_in(broker, Role::Administrator));
        let refresh = || Ask::Start { work: Work::Refresh {} };
        let _ = ask(broker, Peer::Web, Some(&viewer), refresh());
        let Ok(Answer::Task(task)) = ask(broker, Peer::Web, Some(&administrator), refresh()) else {
            panic!()
        };
        let look = || Ask::Audit { filter: AuditFilter { lines: 50, ..AuditFilter::default() } };
        assert_eq!(ask(broker, Peer::Web, Some(&viewer), look()).unwrap_err(), Reason::Forbidden);
        let Ok(Answer::Audit(audit)) = ask(broker, Peer::Web, Some(&administrator), look()) else { panic!() };
        let lines: Vec<String> =
            audit.entries.iter().rev().map(|e| format!("{} {} {}", e.who, e.what, e.result)).collect();
        let signed_in = ["root create-link ok", "nobody redeem-link ok"];
        let then =
            ["viewer start refresh forbidden", "administrator start refresh ok", "viewer audit forbidden"];
        assert_eq!(lines, [&signed_in[..], &signed_in, &then].concat());
        let started = &audit.entries[1];
        assert_eq!((started.task.as_ref(), started.from.as_deref()), (Some(&task.id), Some("127.0.0.1")));
        // looking leaves no line, or the page that shows them would make some
        assert!(
            matches!(ask(broker, Peer::Web, Some(&administrator), look()), Ok(Answer::Audit(a)) if a.all == audit.all)
        );
    });
}

#[test]
fn secrets_are_shown_when_their_task_has_ended() {
    with(|broker| {
        let work = Work::Action {
            plugin: "wiki".into(),
            action: "look".into(),
            parameters: [("mail".into(), "a@example.org".into())].into(),
        };
        let task = match ask(broker, Peer::Root, None, Ask::Start { work }) {
            Ok(Answer::Task(task)) => task,
            other => panic!("{other:?}"),
        };
        shown_once::keep(&broker.state.shown(&task.id), "Key", "hunter22").unwrap();
        let reveal = || ask(broker, Peer::Root, None, Ask::Reveal { id: task.id.clone() });
        assert_eq!(reveal().unwrap_err(), Reason::Busy);
        let result =
            events::Kind::Result { status: events::Status::Ok, message: String::new(), details: vec![] };
        crate::tasks::log::append(&broker.state.tasks().join(task.id.as_str()), result).unwrap();
        assert!(matches!(reveal(), Ok(Answer::Secrets(secrets)) if secrets[0].value == "hunter22"));
    });
}
