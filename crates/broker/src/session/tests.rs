//! Links, sign-ins and sessions: once, in time, and only as long as the account may.

use super::*;
use crate::accounts::tests as accounts;
use std::{sync::Barrier, thread};

fn with(test: impl FnOnce(&Sessions)) {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).unwrap();
    let accounts = Accounts::at(folder.path());
    test(&Sessions { state: &state, accounts: &accounts });
}

#[test]
fn a_link_becomes_a_session_once() {
    with(|sessions| {
        let link = sessions.create_link(Role::Viewer, 10, 1000).unwrap();
        assert!(sessions.redeem("guess", &Browser::default(), 1000).unwrap().is_none());
        assert!(sessions.redeem("../sessions", &Browser::default(), 1000).unwrap().is_none());
        let (token, who) = sessions.redeem(&link, &Browser::default(), 1001).unwrap().unwrap();
        assert_eq!((who.role, who.since, token.len()), (Role::Viewer, 1001, 64));
        assert!(sessions.redeem(&link, &Browser::default(), 1001).unwrap().is_none());
        assert_eq!(sessions.look_up(&token, 1002).unwrap(), Some(who));
        assert!(sessions.look_up(&link, 1002).unwrap().is_none(), "a link is no session");
        sessions.end(&token).unwrap();
        assert!(sessions.look_up(&token, 1003).unwrap().is_none());
    });
}

#[test]
fn links_and_sessions_end() {
    with(|sessions| {
        let session = |now| {
            let link = sessions.create_link(Role::Administrator, 1, now).unwrap();
            sessions.redeem(&link, &Browser::default(), now).unwrap().unwrap().0
        };
        let late = sessions.create_link(Role::Administrator, 1, 1000).unwrap();
        assert!(sessions.redeem(&late, &Browser::default(), 1060).unwrap().is_none());
        let idle = session(1000);
        assert!(sessions.look_up(&idle, 1000 + IDLE).unwrap().is_some());
        assert!(sessions.look_up(&idle, 1001 + 2 * IDLE).unwrap().is_none());
        let busy = session(0);
        let mut now = 0;
        while now <= LIFE {
            assert!(sessions.look_up(&busy, now).unwrap().is_some(), "{now}");
            now += IDLE;
        }
        assert!(sessions.look_up(&busy, now).unwrap().is_none());
    });
}

#[test]
fn no_token_lies_in_the_state_folder() {
    with(|sessions| {
        let link = sessions.create_link(Role::Administrator, 1, 0).unwrap();
        let other = sessions.create_link(Role::Administrator, 1, 0).unwrap();
        let (token, who) = sessions.redeem(&other, &Browser::default(), 0).unwrap().unwrap();
        for folder in [sessions.state.links(), sessions.state.sessions()] {
            for name in state::names(&folder).unwrap() {
                let content = fs::read_to_string(folder.join(&name)).unwrap();
                for secret in [&link, &other, &token, &who.csrf] {
                    assert!(!name.contains(secret.as_str()) && !content.contains(secret.as_str()));
                }
            }
        }
        assert_ne!(mark(&token), token[..8]);
    });
}

#[test]
fn one_of_many_who_redeem_at_once_wins() {
    with(|sessions| {
        for _ in 0..20 {
            let link = sessions.create_link(Role::Administrator, 1, 0).unwrap();
            let barrier = Barrier::new(8);
            let wins: usize = thread::scope(|scope| {
                let redeem = || {
                    barrier.wait();
                    usize::from(sessions.redeem(&link, &Browser::default(), 0).unwrap().is_some())
                };
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(redeem)).collect();
                threads.into_iter().map(|t| t.join().unwrap()).sum()
            });
            assert_eq!(wins, 1);
        }
    });
}

#[test]
fn a_session_that_ends_while_it_is_used_stays_ended() {
    with(|sessions| {
        for _ in 0..100 {
            let link = sessions.create_link(Role::Viewer, 1, 0).unwrap();
            let (token, _) = sessions.redeem(&link, &Browser::default(), 0).unwrap().unwrap();
            let barrier = Barrier::new(2);
            thread::scope(|scope| {
                scope.spawn(|| {
                    barrier.wait();
                    for minute in 1..20 {
                        sessions.look_up(&token, minute * USED_EVERY).unwrap();
                    }
                });
                barrier.wait();
                sessions.end(&token).unwrap();
            });
            assert!(sessions.look_up(&token, 60).unwrap().is_none());
        }
    });
}

#[test]
fn there_are_never_too_many() {
    with(|sessions| {
        for second in 0..MOST as u64 + 20 {
            sessions.create_link(Role::Viewer, 10, second).unwrap();
        }
        assert_eq!(state::names(&sessions.state.links()).unwrap().len(), MOST);
    });
}

/// Who signs in without end is in his own way alone.
#[test]
fn one_account_pushes_out_nobody_else() {
    with_accounts(|_, sessions| {
        let browser = Browser::default();
        let of = |name: &str, now: u64| {
            let account = sessions.accounts.find(name, 0).unwrap().unwrap();
            let waits = sessions.begin_sign_in(&account, "", now).unwrap();
            (sessions.create_for(&account, &browser, now).unwrap().0, waits)
        };
        let link = sessions.create_link(Role::Administrator, 9, 1).unwrap();
        let (root, _) = sessions.redeem(&link, &browser, 1).unwrap().unwrap();
        let ada = of("ada", 1);
        let bobs: Vec<_> = (0..MOST as u64 + 20).map(|n| of("bob", 2 + n / 10)).collect();
        let now = 30;
        for token in [&root, &ada.0, &bobs.last().unwrap().0] {
            assert!(sessions.look_up(token, now).unwrap().is_some());
        }
        assert!(sessions.look_up(&bobs[0].0, now).unwrap().is_none());
        assert_eq!(state::names(&sessions.state.sessions()).unwrap().len(), 2 + MOST_OF_ONE);
        assert!(sessions.sign_in(&ada.1, now).unwrap().is_some());
        assert_eq!(state::names(&sessions.state.sign_ins()).unwrap().len(), 1 + MOST_OF_ONE);
        // the accounts together are bounded as well
        for n in 0..MOST as u64 {
            let link = sessions.create_link(Role::Viewer, 9, now + n).unwrap();
            sessions.redeem(&link, &browser, now + n).unwrap().unwrap();
        }
        assert_eq!(state::names(&sessions.state.sessions()).unwrap().len(), MOST);
    });
}

fn with_accounts(test: impl FnOnce(&std::path::Path, &Sessions)) {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path().join("state")).unwrap();
    accounts::write(folder.path(), "ada", "bob", accounts::SHADOW);
    let accounts = Accounts::at(folder.path());
    test(folder.path(), &Sessions { state: &state, accounts: &accounts });
}

#[test]
fn a_session_is_what_its_account_is_now() {
    with_accounts(|root, sessions| {
        let browser = Browser { from: "192.0.2.7".into(), agent: "Firefox".into() };
        let session = || {
            let ada = sessions.accounts.find("ada", 0).unwrap().unwrap();
            sessions.create_for(&ada, &browser, 0).unwrap()
        };
        let role = |token: &str| sessions.look_up(token, 1).unwrap().map(|who| who.role);
        let (token, who) = session();
        assert!(who.account && who.name == "ada" && who.role == Role::Administrator);
        accounts::write(root, "", "ada", accounts::SHADOW);
        assert_eq!(role(&token), Some(Role::Viewer), "of the other group now");
        accounts::write(root, "", "", accounts::SHADOW);
        assert_eq!(role(&token), None);
        accounts::write(root, "ada", "", accounts::SHADOW);
        assert_eq!(role(&token), None, "what has ended does not come back");
        let (token, _) = session();
        accounts::write(root, "ada", "", "ada:$y$new:20000::::::");
        assert_eq!(role(&token), None, "another password");
        let (token, _) = session();
        accounts::write(root, "ada", "", "ada:!$y$new:20000::::::");
        assert_eq!(role(&token), None, "locked");
    });
}

#[test]
fn sessions_are_listed_and_ended() {
    with_accounts(|_, sessions| {
        let browser = |from: &str| Browser { from: from.into(), agent: "Firefox\n".into() };
        let of = |name: &str, from: &str| {
            let account = sessions.accounts.find(name, 0).unwrap().unwrap();
            sessions.create_for(&account, &browser(from), 5).unwrap().0
        };
        let (one, two, bob) = (of("ada", "192.0.2.1"), of("ada", "::1"), of("bob", "no address"));
        let link = sessions.create_link(Role::Administrator, 1, 5).unwrap();
        let (link, _) = sessions.redeem(&link, &browser("192.0.2.2"), 5).unwrap().unwrap();
        let list = sessions.list(Some(&one), 6).unwrap();
        assert_eq!((list.len(), list.iter().filter(|s| s.own).count()), (4, 2));
        let this = list.iter().find(|s| s.this).unwrap();
        assert_eq!(
            (this.name.as_str(), this.from.as_str(), this.agent.as_str()),
            ("ada", "192.0.2.1", "Firefox")
        );
        assert_eq!(this.id, mark(&one));
        assert!(list.iter().any(|s| s.name == "bob" && s.from.is_empty()));
        let here = |token: &str| sessions.look_up(token, 6).unwrap().is_some();
        assert_eq!(sessions.end_some(Some(&one), 6, |s| s.own && !s.this).unwrap(), 1);
        assert!(here(&one) && !here(&two) && here(&bob) && here(&link));
        assert_eq!(sessions.end_some(Some(&link), 6, |s| !s.this).unwrap(), 2);
        assert!(!here(&one) && !here(&bob) && here(&link));
    });
}

#[test]
fn a_sign_in_takes_few_codes_and_not_for_long() {
    with_accounts(|root, sessions| {
        let begin = || {
            let ada = sessions.accounts.find("ada", 0).unwrap().unwrap();
            sessions.begin_sign_in(&ada, "Firefox", 100).unwrap()
        };
        let token = begin();
        assert!(sessions.look_up(&token, 100).unwrap().is_none(), "it is no session");
        for _ in 0..CODE_TRIES {
            assert!(sessions.sign_in(&token, 101).unwrap().is_some());
        }
        assert!(sessions.sign_in(&token, 101).unwrap().is_none());
        assert!(sessions.sign_in(&begin(), 100 + CODE_WITHIN).unwrap().is_none());
        assert!(sessions.sign_in("../sessions", 101).unwrap().is_none());
        let token = begin();
        accounts::write(root, "ada", "", "ada:$y$new:20000::::::");
        assert!(sessions.sign_in(&token, 101).unwrap().is_none(), "another password");
        let token = begin();
        let (sign_in, ada) = sessions.sign_in(&token, 101).unwrap().unwrap();
        let (session, who) = sessions.finish_sign_in(&token, &sign_in, &ada, "192.0.2.1", 101).unwrap();
        assert_eq!(who.name, "ada");
        assert!(sessions.look_up(&session, 102).unwrap().is_some());
        assert!(sessions.sign_in(&token, 102).unwrap().is_none());
    });
}

#[test]
fn a_session_of_an_earlier_version_goes_on() {
    with(|sessions| {
        let path = sessions.state.sessions().join(state::hash("token"));
        fs::write(path, r#"{"role":"viewer","created":1,"used":2}"#).unwrap();
        assert_eq!(sessions.look_up("token", 3).unwrap().unwrap().name, "viewer");
    });
}
