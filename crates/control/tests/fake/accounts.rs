//! Accounts, sessions and second factors of the made-up machine. `ada` has a second factor, `bob` has none; both have the
//! password `right`.

use super::{ADMINISTRATOR, VIEWER, now, who};
use broker_protocol::*;
use plugin::manifest::Role;

pub const CODE: &str = "123456";
pub const SIGN_IN: &str = "sign-in-that-waits-00000001";

/// What nobody in particular may ask; None: it is no such question.
pub fn at_the_door(ask: &Ask) -> Option<Result<Answer, (Reason, &'static str)>> {
    let session = |token: &str, name: &str, role| {
        let who = Who { name: name.into(), account: true, ..who(role) };
        Ok(Answer::Session { token: token.into(), who })
    };
    Some(match ask {
        Ask::SignIn { name, password, .. } => match (name.as_str(), password.0.as_str()) {
            ("ada", "right") => Ok(Answer::CodeNeeded { token: SIGN_IN.into() }),
            ("bob", "right") => session(VIEWER, "bob", Role::Viewer),
            ("often", _) => Err((Reason::TooMany, "Too many attempts. Try again in 60 seconds.")),
            ("old", "right") => Err((Reason::Forbidden, "The machine does not let this account in.")),
            _ => Err((Reason::SignIn, "no")),
        },
        Ask::GiveCode { token, code } if token == SIGN_IN && code.0 == CODE => {
            session(ADMINISTRATOR, "ada", Role::Administrator)
        }
        Ask::GiveCode { token, .. } if token == SIGN_IN => Err((Reason::SignIn, "no")),
        Ask::GiveCode { .. } => Err((Reason::NotFound, "late")),
        _ => return None,
    })
}

/// What who is signed in may ask.
pub fn signed_in(ask: &Ask, role: Role) -> Option<Result<Answer, (Reason, &'static str)>> {
    let administers = role == Role::Administrator;
    Some(match ask {
        Ask::OwnAccount {} => Ok(Answer::OwnAccount(OwnAccount {
            name: if administers { "ada" } else { "bob" }.into(),
            account: true,
            role,
            second_factor: administers.then(|| SecondFactor { since: now() - 86_400, recovery: 2 }),
        })),
        Ask::Sessions {} => {
            let mut all = vec![session("00000001", "ada", administers), session("00000002", "ada", false)];
            all[1].agent = "<script>alert('s')</script>".into();
            let mut bob = session("00000003", "bob", !administers);
            (bob.role, bob.own) = (Role::Viewer, !administers);
            all.iter_mut().for_each(|s| s.own = administers);
            all.push(bob);
            all.retain(|s| administers || s.own);
            Ok(Answer::Sessions(all))
        }
        Ask::EndSessions { .. } => Ok(Answer::Done),
        Ask::BeginCodes {} => Ok(Answer::CodeSecret {
            secret: Secret("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP".into()),
            link: Secret(
                "otpauth://totp/wiki:bob?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=wiki".into(),
            ),
        }),
        Ask::ConfirmCodes { code } | Ask::EndCodes { code } if code.0 != CODE => {
            Err((Reason::Invalid, "This code is not right."))
        }
        Ask::ConfirmCodes { .. } => {
            Ok(Answer::RecoveryCodes((0..10).map(|n| Secret(format!("abcd-efgh-ijkl-mno{n}"))).collect()))
        }
        Ask::EndCodes { .. } => Ok(Answer::Done),
        Ask::Accounts {} if administers => Ok(Answer::Accounts(vec![
            account("ada", Some(Role::Administrator), "", true),
            account("bob", Some(Role::Viewer), "", false),
            account("eve", None, "", false),
            account("old", Some(Role::Viewer), "it has expired", false),
        ])),
        Ask::ChangeCertificate { .. } if administers => Ok(Answer::Done),
        _ => return None,
    })
}

fn session(id: &str, name: &str, this: bool) -> SessionInfo {
    SessionInfo {
        id: id.into(),
        name: name.into(),
        account: true,
        role: Role::Administrator,
        since: now() - 7200,
        used: now() - 60,
        from: "192.0.2.7".into(),
        agent: "Firefox on Linux".into(),
        this,
        own: true,
    }
}

fn account(name: &str, role: Option<Role>, hindered: &str, second_factor: bool) -> Account {
    Account { name: name.into(), role, hindered: hindered.into(), second_factor }
}
