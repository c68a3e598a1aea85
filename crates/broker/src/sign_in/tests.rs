//! Ways in, and ways past: what an attacker would try with names, passwords, codes and sessions.

use super::*;
use crate::{
    accounts::{Accounts, tests as files},
    check::Check,
    peer::Peer,
    second_factor::tests::code,
    tasks::starter::Systemd,
};
use broker_protocol::Reply;
use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Knows one password of everybody's, and counts the questions.
struct Fake(Arc<AtomicUsize>);
impl Check for Fake {
    fn check(&self, account: &str, password: &Secret, _: Option<IpAddr>) -> io::Result<Verdict> {
        self.0.fetch_add(1, Ordering::SeqCst);
        assert!(["ada", "bob"].contains(&account), "PAM was asked about {account}");
        Ok(match password.0.as_str() {
            "right" => Verdict::Right,
            "expired" => Verdict::NotNow,
            "crash" => Verdict::Broken,
            _ => Verdict::Wrong,
        })
    }
}

struct House {
    broker: Broker,
    asked: Arc<AtomicUsize>,
    folder: tempfile::TempDir,
}

impl House {
    fn new() -> House {
        let folder = tempfile::tempdir().unwrap();
        files::write(folder.path(), "ada", "bob", files::SHADOW);
        let (broker, asked) = House::broker(folder.path());
        House { broker, asked, folder }
    }

    fn broker(folder: &Path) -> (Broker, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let state = state::State::open(folder.join("state")).unwrap();
        let mut broker = Broker::new(state, folder.join("plugins"), Box::new(Systemd));
        broker.accounts = Accounts::at(folder);
        broker.check = Box::new(Fake(asked.clone()));
        (broker, asked)
    }

    fn ask(&self, session: Option<&str>, from: &str, ask: Ask) -> Result<Answer, Reason> {
        let request = Request { session: session.map(Into::into), from: Some(from.into()), ask };
        match self.broker.handle(&Peer::Web, request).0 {
            Reply::Answer(answer) => Ok(answer),
            Reply::Refused(refusal) => Err(refusal.reason),
        }
    }

    fn try_in(&self, name: &str, password: &str, from: &str) -> Result<Answer, Reason> {
        let password = Secret(password.into());
        self.ask(None, from, Ask::SignIn { name: name.into(), password, agent: "Firefox".into() })
    }

    fn sign_in(&self, name: &str) -> String {
        match self.try_in(name, "right", HOME) {
            Ok(Answer::Session { token, who }) if who.name == name && who.account => token,
            other => panic!("{other:?}"),
        }
    }

    fn give(&self, token: &str, code: &str) -> Result<Answer, Reason> {
        self.ask(None, HOME, Ask::GiveCode { token: token.into(), code: Secret(code.into()) })
    }

    /// Turns ada's second factor on: its secret, and the recovery codes.
    fn enrol(&self, session: &str) -> (String, Vec<Secret>) {
        let Ok(Answer::CodeSecret { secret, link }) = self.ask(Some(session), HOME, Ask::BeginCodes {})
        else {
            panic!("no secret")
        };
        assert!(link.0.starts_with("otpauth://totp/") && link.0.contains(&secret.0));
        // the code of before, so that the test has later ones to give
        let code = Secret(code(&secret.0, state::now() - 30));
        match self.ask(Some(session), HOME, Ask::ConfirmCodes { code }) {
            Ok(Answer::RecoveryCodes(codes)) => (secret.0, codes),
            other => panic!("{other:?}"),
        }
    }

    fn half_way(&self) -> String {
        match self.try_in("ada", "right", HOME) {
            Ok(Answer::CodeNeeded { token }) => token,
            other => panic!("{other:?}"),
        }
    }
}

const HOME: &str = "192.0.2.1";

#[test]
fn the_account_decides_who_one_is() {
    let house = House::new();
    let (ada, bob) = (house.sign_in("ada"), house.sign_in("bob"));
    let refresh = || Ask::Start { work: broker_protocol::Work::Repair {} };
    assert_eq!(house.ask(Some(&bob), HOME, refresh()).unwrap_err(), Reason::Forbidden);
    assert_eq!(house.ask(Some(&bob), HOME, Ask::Accounts {}).unwrap_err(), Reason::Forbidden);
    let Ok(Answer::Accounts(list)) = house.ask(Some(&ada), HOME, Ask::Accounts {}) else { panic!() };
    assert_eq!(
        list.iter().map(|a| a.role).collect::<Vec<_>>(),
        [Some(Role::Administrator), Some(Role::Viewer), None]
    );
    // out of the group, out of the page
    files::write(house.folder.path(), "", "bob", files::SHADOW);
    assert_eq!(house.ask(Some(&ada), HOME, Ask::Who {}).unwrap_err(), Reason::SignIn);
    assert!(house.ask(Some(&bob), HOME, Ask::Who {}).is_ok());
}

#[test]
fn what_is_wrong_is_told_alike_and_pam_is_asked_about_nobody_else() {
    let house = House::new();
    let all = [
        ("ada", "wrong"),
        ("eve", "right"),
        ("root", "right"),
        ("mallory", "right"),
        ("ada", "right\nright"),
        ("ada", ""),
        ("-ada", "right"),
        ("../ada", "right"),
        ("-oProxyCommand=id", "right"),
        ("ada@evil.example", "right"),
    ];
    thread::scope(|scope| {
        let mut running = vec![];
        for (number, (name, password)) in all.iter().enumerate() {
            // few at once
            if number % 4 == 0 {
                running.drain(..).for_each(|r: thread::ScopedJoinHandle<'_, ()>| r.join().unwrap());
            }
            let house = &house;
            running.push(scope.spawn(move || {
                let started = Instant::now();
                let from = format!("10.0.0.{number}");
                assert_eq!(house.try_in(name, password, &from).unwrap_err(), Reason::SignIn, "{name}");
                assert!(started.elapsed() >= WRONG_AFTER, "{name} was answered early");
            }));
        }
    });
    assert_eq!(house.asked.load(Ordering::SeqCst), 1);
    assert_eq!(house.try_in("ada", "expired", HOME).unwrap_err(), Reason::Forbidden);
}

#[test]
fn a_broken_pam_tells_nobody_who_may_sign_in() {
    let house = House::new();
    let failed = |name: &str, password: &str, from: &str| house.try_in(name, password, from).unwrap_err();
    assert_eq!(failed("ada", "crash", HOME), Reason::Failed);
    let started = Instant::now();
    for (number, name) in ["mallory", "eve", "../ada"].into_iter().enumerate() {
        assert_eq!(failed(name, "crash", &format!("10.0.0.{number}")), Reason::Failed, "{name}");
    }
    assert!(started.elapsed() >= 3 * WRONG_AFTER, "the time tells it");
    house.sign_in("ada");
    assert_eq!(failed("mallory", "crash", "10.0.0.9"), Reason::SignIn, "PAM answers again");
}

#[test]
fn guessing_stops_and_its_victim_gets_in_all_the_same() {
    let house = House::new();
    house.sign_in("ada");
    // as if five had been answered already: the test does not wait for them
    for _ in 0..5 {
        let attacker = "203.0.113.5".parse().ok();
        drop(house.broker.throttle.begin(Kind::Password, attacker, "ada", state::now()).unwrap());
    }
    let before = house.asked.load(Ordering::SeqCst);
    assert_eq!(house.try_in("ada", "right", "203.0.113.5").unwrap_err(), Reason::TooMany);
    assert_eq!(house.asked.load(Ordering::SeqCst), before, "PAM is not asked");
    house.sign_in("ada");
    // the broker ends and comes back: the attacker starts where he was
    let (broker, asked) = House::broker(house.folder.path());
    let again = House { broker, asked, folder: tempfile::tempdir().unwrap() };
    assert_eq!(again.try_in("ada", "right", "203.0.113.5").unwrap_err(), Reason::TooMany);
    // and a link knows no budget
    let link = again.broker.sessions().create_link(Role::Administrator, 5, state::now()).unwrap();
    let redeem = Ask::RedeemLink { token: link, agent: String::new() };
    assert!(again.ask(None, "203.0.113.5", redeem).is_ok());
}

#[test]
fn there_is_no_way_around_the_second_factor() {
    let house = House::new();
    let session = house.sign_in("ada");
    let (secret, recovery) = house.enrol(&session);
    let token = house.half_way();
    // what the password alone gives is no session, whatever it is asked for
    for ask in [Ask::Who {}, Ask::OwnAccount {}, Ask::BeginCodes {}, Ask::Sessions {}] {
        assert_eq!(house.ask(Some(&token), HOME, ask).unwrap_err(), Reason::SignIn);
    }
    let end = Ask::EndCodes { code: Secret(code(&secret, state::now())) };
    assert_eq!(house.ask(Some(&token), HOME, end).unwrap_err(), Reason::SignIn);
    // a wrong one, another account's token, no token
    assert_eq!(house.give(&token, "").unwrap_err(), Reason::SignIn);
    assert_eq!(house.give("made-up", &code(&secret, state::now())).unwrap_err(), Reason::NotFound);
    let good = code(&secret, state::now());
    let Ok(Answer::Session { token: in_, who }) = house.give(&token, &good) else { panic!() };
    assert!(who.name == "ada" && house.ask(Some(&in_), HOME, Ask::Who {}).is_ok());
    // neither the code nor the token serves again
    assert_eq!(house.give(&token, &recovery[0].0).unwrap_err(), Reason::NotFound);
    assert_eq!(house.give(&house.half_way(), &good).unwrap_err(), Reason::SignIn);
    assert!(house.give(&house.half_way(), &recovery[1].0).is_ok());
    assert_eq!(house.give(&house.half_way(), &recovery[1].0).unwrap_err(), Reason::SignIn);
}

#[test]
fn codes_cannot_be_guessed_through_many_sign_ins() {
    let house = House::new();
    let session = house.sign_in("ada");
    house.enrol(&session);
    // from a strange address, with the right password each time
    let strange = "203.0.113.9";
    let mut refused = None;
    for _ in 0..20 {
        let Ok(Answer::CodeNeeded { token }) = house.try_in("ada", "right", strange) else { panic!() };
        let give = Ask::GiveCode { token, code: Secret("000000".into()) };
        match house.ask(None, strange, give) {
            Err(Reason::SignIn) => {}
            other => {
                refused = Some(other.unwrap_err());
                break;
            }
        }
    }
    assert_eq!(refused, Some(Reason::TooMany));
}

#[test]
fn a_second_factor_is_turned_off_with_a_code_and_reset_by_root_only() {
    let house = House::new();
    let session = house.sign_in("ada");
    let (_, recovery) = house.enrol(&session);
    let own = || match house.ask(Some(&session), HOME, Ask::OwnAccount {}) {
        Ok(Answer::OwnAccount(own)) => own.second_factor.map(|f| f.recovery),
        other => panic!("{other:?}"),
    };
    let end = |code: &str| house.ask(Some(&session), HOME, Ask::EndCodes { code: Secret(code.into()) });
    assert_eq!(end("123").unwrap_err(), Reason::Invalid);
    assert_eq!(own(), Some(10));
    end(&recovery[0].0).unwrap();
    assert_eq!(own(), None);
    house.enrol(&session);
    let reset = || Ask::ResetCodes { account: "ada".into() };
    assert_eq!(house.ask(Some(&session), HOME, reset()).unwrap_err(), Reason::Forbidden);
    let root = |ask| house.broker.handle(&Peer::Root, Request { session: None, from: None, ask }).0;
    assert!(matches!(root(reset()), Reply::Answer(Answer::Done)));
    assert!(matches!(root(reset()), Reply::Refused(r) if r.reason == Reason::NotFound));
    assert!(matches!(root(Ask::ResetCodes { account: "../x".into() }), Reply::Refused(_)));
    assert_eq!(own(), None);
    // a link has no account, and so no second factor to change
    let link = house.broker.sessions().create_link(Role::Administrator, 5, state::now()).unwrap();
    let redeem = Ask::RedeemLink { token: link, agent: String::new() };
    let Ok(Answer::Session { token, .. }) = house.ask(None, HOME, redeem) else { panic!() };
    assert_eq!(house.ask(Some(&token), HOME, Ask::BeginCodes {}).unwrap_err(), Reason::Forbidden);
}

#[test]
fn a_session_alone_replaces_no_second_factor() {
    let house = House::new();
    let (session, stolen) = (house.sign_in("ada"), house.sign_in("ada"));
    let lives = |session: &str| house.ask(Some(session), HOME, Ask::Who {}).is_ok();
    // begun by the one, and confirmed after the other has
    let Ok(Answer::CodeSecret { .. }) = house.ask(Some(&stolen), HOME, Ask::BeginCodes {}) else { panic!() };
    let (secret, _) = house.enrol(&session);
    assert!(lives(&session) && !lives(&stolen), "made without the factor");
    let refused = |ask| assert_eq!(house.ask(Some(&session), HOME, ask).unwrap_err(), Reason::Forbidden);
    refused(Ask::BeginCodes {});
    // as if it had been begun all the same
    let other = SecondFactors(&house.broker.state).begin("ada").unwrap();
    refused(Ask::ConfirmCodes { code: Secret(code(&other, state::now())) });
    assert!(house.give(&house.half_way(), &code(&secret, state::now())).is_ok(), "the factor of before");
}

#[test]
fn floods_leave_few_lines_and_push_out_nothing() {
    let house = House::new();
    let ada = house.sign_in("ada");
    let bob = house.sign_in("bob");
    let id = broker_protocol::TaskId::try_from("20260101-000000-00000001".to_owned()).unwrap();
    for number in 0..200 {
        house.give(&format!("made-up {number}"), "000000").unwrap_err();
        house.ask(Some(&bob), HOME, Ask::EndSessions { which: Sessions::OwnOthers {} }).unwrap();
        house.ask(Some(&bob), HOME, Ask::BeginCodes {}).unwrap();
        house.ask(Some(&bob), HOME, Ask::Accounts {}).unwrap_err();
    }
    let confirm =
        |id: &broker_protocol::TaskId| house.ask(None, HOME, Ask::ConfirmNetwork { id: id.clone() });
    assert_eq!(confirm(&id).unwrap_err(), Reason::NotFound);
    house.ask(Some(&ada), HOME, Ask::EndSessions { which: Sessions::OwnOthers {} }).unwrap();
    let lines = |file: &str| {
        let text = fs::read_to_string(house.broker.state.root().join(file)).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let (done, refused) = (lines("audit.jsonl"), lines("refused.jsonl"));
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].contains("give-code"), "{refused:?}");
    // two sign-ins, ada's word, and bob's share
    assert_eq!(done.len(), 2 + 1 + 19, "{done:?}");
    assert!(done.last().unwrap().contains("ada"), "{done:?}");
    assert_eq!(lines("audit.jsonl").iter().filter(|line| line.contains("not-found")).count(), 0);
}

#[test]
fn sessions_of_others_are_an_administrators() {
    let house = House::new();
    let (ada, ada_too, bob) = (house.sign_in("ada"), house.sign_in("ada"), house.sign_in("bob"));
    let list = |session: &str| match house.ask(Some(session), HOME, Ask::Sessions {}) {
        Ok(Answer::Sessions(list)) => list,
        other => panic!("{other:?}"),
    };
    assert_eq!((list(&bob).len(), list(&ada).len()), (1, 3));
    let adas = list(&ada).iter().find(|s| s.this).unwrap().id.clone();
    let end = |session: &str, which| house.ask(Some(session), HOME, Ask::EndSessions { which });
    let lives = |session: &str| house.ask(Some(session), HOME, Ask::Who {}).is_ok();
    for (which, expect) in [
        (Sessions::One { id: adas }, Reason::NotFound),
        (Sessions::One { id: String::new() }, Reason::NotFound),
        (Sessions::Others {}, Reason::Forbidden),
        (Sessions::Of { account: "ada".into() }, Reason::Forbidden),
    ] {
        assert_eq!(end(&bob, which).unwrap_err(), expect);
    }
    end(&bob, Sessions::OwnOthers {}).unwrap();
    assert!(lives(&ada) && lives(&ada_too) && lives(&bob));
    end(&ada, Sessions::OwnOthers {}).unwrap();
    assert!(lives(&ada) && !lives(&ada_too) && lives(&bob));
    end(&ada, Sessions::Of { account: "bob".into() }).unwrap();
    assert!(lives(&ada) && !lives(&bob));
}
