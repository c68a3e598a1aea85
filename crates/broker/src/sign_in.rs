//! Signing in with an account of the machine, and what one can do about one's own sessions and second factor.
//!
//! Every way to a session of an account leads through [`Broker::sign_in`], and where there is a second factor through
//! [`Broker::give_code`]: form, JSON and command line alike. A wrong name, a name that may not sign in and a wrong password
//! get one answer after one time. A one-time link asks for no code: root made it, and root could remove the second
//! factor.

use crate::{
    accounts::{self, Entitled},
    audit,
    check::{self, Verdict},
    handle::{Broker, Caller, broken, refusal},
    second_factor::{self, SecondFactors},
    session::Browser,
    state,
    table::Rights,
    throttle::{Attempt, Kind, TooMany},
};
use broker_protocol::{
    Account, Answer, Ask, OwnAccount, Reason, Refusal, Request, SecondFactor, Secret, Sessions,
};
use plugin::manifest::Role;
use std::{
    fs,
    net::IpAddr,
    sync::PoisonError,
    thread,
    time::{Duration, Instant},
};

/// When a wrong password is answered: PAM waits up to 3 s after one (pam_unix(8), pam_fail_delay(3)), and nobody shall see whether it
/// was asked at all.
const WRONG_AFTER: Duration = Duration::from_millis(3200);
/// So long after PAM gave no answer, names that it is not asked about get none either: the answer tells nobody who may sign in.
const BROKEN_FOR: Duration = Duration::from_secs(60);

impl Broker {
    /// Name and password: a session, or the next question.
    pub(crate) fn sign_in(
        &self,
        from: Option<&str>,
        name: &str,
        password: &Secret,
        agent: &str,
    ) -> Result<Answer, Refusal> {
        let started = Instant::now();
        let now = state::now();
        let address = from.and_then(|from| from.parse().ok());
        let attempt = self.throttle.begin(Kind::Password, address, name, now).map_err(too_many)?;
        let account = self.accounts.find(name, now).map_err(broken)?;
        let account = account.filter(|_| check::is_password(password));
        let verdict = match &account {
            Some(account) => self.verdict(account, password, address),
            None if self.is_broken() => Verdict::Broken,
            None => Verdict::Wrong,
        };
        // neither shall the time tell who may sign in
        if matches!(verdict, Verdict::Wrong | Verdict::Broken) {
            wait(WRONG_AFTER.saturating_sub(started.elapsed()));
        }
        match (verdict, account) {
            (Verdict::Right, Some(account)) => self.admit(&account, &attempt, from, agent, now),
            (Verdict::NotNow, Some(_)) => Err(refusal(
                Reason::Forbidden,
                "The machine does not let this account in: it has expired, or its password has to be changed first (at the console or over SSH)."
                    .into(),
            )),
            (Verdict::Broken, _) => Err(refusal(
                Reason::Failed,
                "The machine cannot check passwords right now. A one-time link works: `sudo appliance-control link`.".into(),
            )),
            _ => Err(refusal(
                Reason::SignIn,
                "Name and password do not fit together, or this account may not sign in here.".into(),
            )),
        }
    }

    fn verdict(&self, account: &Entitled, password: &Secret, from: Option<IpAddr>) -> Verdict {
        let verdict = self.check.check(&account.name, password, from).unwrap_or_else(|error| {
            audit::warn(&format!("PAM cannot be asked (appliance-account.socket): {error}"));
            Verdict::Broken
        });
        let broken_at = (verdict == Verdict::Broken).then(Instant::now);
        *self.pam_broke.lock().unwrap_or_else(PoisonError::into_inner) = broken_at;
        verdict
    }

    fn is_broken(&self) -> bool {
        let broke = *self.pam_broke.lock().unwrap_or_else(PoisonError::into_inner);
        broke.is_some_and(|at| at.elapsed() < BROKEN_FOR)
    }

    /// The password was right.
    fn admit(
        &self,
        account: &Entitled,
        attempt: &Attempt<'_>,
        from: Option<&str>,
        agent: &str,
        now: u64,
    ) -> Result<Answer, Refusal> {
        let sessions = self.sessions();
        if SecondFactors(&self.state).of(&account.name).map_err(broken)?.is_some() {
            attempt.right();
            let token = sessions.begin_sign_in(account, agent, now).map_err(broken)?;
            return Ok(Answer::CodeNeeded { token });
        }
        attempt.signed_in(now);
        let browser = Browser { from: from.unwrap_or_default().into(), agent: agent.into() };
        let (token, who) = sessions.create_for(account, &browser, now).map_err(broken)?;
        Ok(Answer::Session { token, who })
    }

    /// The code of a sign-in that has begun.
    pub(crate) fn give_code(
        &self,
        from: Option<&str>,
        token: &str,
        code: &Secret,
    ) -> Result<Answer, Refusal> {
        let now = state::now();
        let _turn = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        let sessions = self.sessions();
        let late = || refusal(Reason::NotFound, "This sign-in has taken too long. Begin again.".into());
        let name = self.sign_in_of(token);
        if name.is_empty() {
            return Err(late());
        }
        let address = from.and_then(|from| from.parse().ok());
        let attempt = self.throttle.begin(Kind::Code, address, &name, now).map_err(too_many)?;
        let Some((sign_in, account)) = sessions.sign_in(token, now).map_err(broken)? else {
            return Err(late());
        };
        if !SecondFactors(&self.state).take(&account.name, &code.0, now).map_err(broken)? {
            return Err(wrong_code(Reason::SignIn));
        }
        attempt.signed_in(now);
        let from = from.unwrap_or_default();
        let (token, who) = sessions.finish_sign_in(token, &sign_in, &account, from, now).map_err(broken)?;
        Ok(Answer::Session { token, who })
    }

    /// The account whose sign-in this is; empty when there is none.
    pub(crate) fn sign_in_of(&self, token: &str) -> String {
        let path = self.state.sign_ins().join(state::hash(token));
        let account = |bytes: Vec<u8>| {
            let value: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
            Some(value["account"].as_str()?.to_owned())
        };
        fs::read(path).ok().and_then(account).unwrap_or_default()
    }

    /// Sessions, second factors, accounts.
    pub(crate) fn of_accounts(&self, caller: &Caller, request: &Request) -> Result<Answer, Refusal> {
        let now = state::now();
        let token = request.session.as_deref();
        let administers = matches!(caller.rights, Rights::Root | Rights::Session(Role::Administrator));
        let factors = SecondFactors(&self.state);
        let _turn = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match &request.ask {
            Ask::Sessions {} => {
                let mut list = self.sessions().list(token, now).map_err(broken)?;
                list.retain(|session| administers || session.own);
                Answer::Sessions(list)
            }
            Ask::EndSessions { which } => {
                let chosen = |info: &broker_protocol::SessionInfo| match which {
                    Sessions::One { id } => info.id == *id && (info.own || administers),
                    Sessions::OwnOthers {} => info.own && !info.this,
                    Sessions::Of { account } => {
                        administers
                            && info.account != account.is_empty()
                            && (account.is_empty() || info.name == *account)
                    }
                    Sessions::Others {} => administers && !info.this,
                };
                if !administers && matches!(which, Sessions::Of { .. } | Sessions::Others {}) {
                    return Err(refusal(Reason::Forbidden, "This needs an administrator.".into()));
                }
                let ended = self.sessions().end_some(token, now, chosen).map_err(broken)?;
                if ended == 0 && matches!(which, Sessions::One { .. }) {
                    return Err(refusal(Reason::NotFound, "There is no such session any more.".into()));
                }
                Answer::Done
            }
            Ask::Accounts {} => Answer::Accounts(self.accounts(now)?),
            Ask::ResetCodes { account } => {
                if !accounts::is_name(account) || factors.of(account).is_ok_and(|told| told.is_none()) {
                    return Err(refusal(Reason::NotFound, "This account has no second factor.".into()));
                }
                factors.remove(account).map_err(broken)?;
                Answer::Done
            }
            Ask::OwnAccount {} => self.own_account(caller, now)?,
            Ask::BeginCodes {} => {
                let name = own(caller)?;
                none_in_force(&factors, name)?;
                let secret = factors.begin(name).map_err(broken)?;
                let link = second_factor::link(&secret, name, &host());
                Answer::CodeSecret { secret: Secret(secret), link: Secret(link) }
            }
            Ask::ConfirmCodes { code } => {
                let name = own(caller)?;
                none_in_force(&factors, name)?;
                let attempt = self.begin_code(request, name, now)?;
                let codes = factors
                    .confirm(name, &code.0, now)
                    .map_err(broken)?
                    .ok_or_else(|| wrong_code(Reason::Invalid))?;
                attempt.right();
                // they were made without it
                self.sessions().end_some(token, now, |info| info.own && !info.this).map_err(broken)?;
                Answer::RecoveryCodes(codes.into_iter().map(Secret).collect())
            }
            Ask::EndCodes { code } => {
                let name = own(caller)?;
                let attempt = self.begin_code(request, name, now)?;
                if !factors.take(name, &code.0, now).map_err(broken)? {
                    return Err(wrong_code(Reason::Invalid));
                }
                attempt.right();
                factors.remove(name).map_err(broken)?;
                Answer::Done
            }
            _ => return Err(refusal(Reason::Invalid, "This is no question about accounts.".into())),
        })
    }

    /// Who has a session may not guess either.
    fn begin_code(&self, request: &Request, name: &str, now: u64) -> Result<Attempt<'_>, Refusal> {
        let address = request.from.as_deref().and_then(|from| from.parse().ok());
        self.throttle.begin(Kind::Code, address, name, now).map_err(too_many)
    }

    fn own_account(&self, caller: &Caller, now: u64) -> Result<Answer, Refusal> {
        let who = crate::handle::who(caller, now);
        let second_factor = match who.account {
            true => SecondFactors(&self.state).of(&who.name).map_err(broken)?,
            false => None,
        };
        let second_factor =
            second_factor.map(|told| SecondFactor { since: told.since, recovery: told.recovery });
        Ok(Answer::OwnAccount(OwnAccount {
            name: who.name,
            account: who.account,
            role: who.role,
            second_factor,
        }))
    }

    fn accounts(&self, now: u64) -> Result<Vec<Account>, Refusal> {
        let listed = self.accounts.list(now).map_err(broken)?;
        let account = |listed: accounts::Listed| Account {
            // one that cannot be read is there
            second_factor: !matches!(SecondFactors(&self.state).of(&listed.name), Ok(None)),
            name: listed.name,
            role: listed.role,
            hindered: listed.hindered.into(),
        };
        Ok(listed.into_iter().map(account).collect())
    }
}

/// What a request to end sessions is about, for the journal.
pub(crate) fn about(which: &Sessions) -> String {
    match which {
        Sessions::One { id } => crate::handle::short(id),
        Sessions::OwnOthers {} => "own others".into(),
        Sessions::Of { account } if account.is_empty() => "of links".into(),
        Sessions::Of { account } => format!("of {}", crate::handle::short(account)),
        Sessions::Others {} => "all others".into(),
    }
}

fn own(caller: &Caller) -> Result<&str, Refusal> {
    match &caller.who {
        Some(who) if who.account => Ok(&who.name),
        _ => Err(refusal(
            Reason::Forbidden,
            "A second factor belongs to an account: sign in with your name and password first.".into(),
        )),
    }
}

/// A session alone puts no other second factor in the place of one.
fn none_in_force(factors: &SecondFactors<'_>, account: &str) -> Result<(), Refusal> {
    match factors.of(account).map_err(broken)? {
        None => Ok(()),
        Some(_) => Err(refusal(
            Reason::Forbidden,
            "Your account has a second factor. Turn it off first, with one of its codes.".into(),
        )),
    }
}

/// Nobody is signed in who gives it at the door.
fn wrong_code(reason: Reason) -> Refusal {
    refusal(reason, "This code is not right, or was used before. Is the clock of this machine right?".into())
}

fn too_many(why: TooMany) -> Refusal {
    let when = match why {
        TooMany::AtOnce => "in a few seconds".into(),
        TooMany::Wait(seconds) if seconds < 90 => format!("in {seconds} seconds"),
        TooMany::Wait(seconds) => format!("in {} minutes", seconds.div_ceil(60)),
    };
    let message = format!(
        "Too many attempts. Try again {when}. A one-time link works at once: `sudo appliance-control link` on the machine."
    );
    refusal(Reason::TooMany, message)
}

fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "appliance".into() } else { name.into() }
}

#[allow(clippy::disallowed_methods, reason = "time is what is wanted here")]
fn wait(time: Duration) {
    thread::sleep(time);
}

#[cfg(test)]
mod tests;
