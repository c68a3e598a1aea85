//! One-time links, sign-ins that wait for their code, and sessions.
//!
//! A token is 256 random bits and is known to its holder alone: the file that stands for it is called after its
//! SHA256. Which of two who redeem the same link at once wins is decided by unlink(2).

use crate::{
    accounts::{Accounts, Entitled},
    state::{self, State},
};
use broker_protocol::{SessionInfo, Who};
use plugin::manifest::Role;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{fs, io, net::IpAddr, path::PathBuf};

/// Seconds without a request after which a session ends.
const IDLE: u64 = 12 * 3600;
/// Seconds after which it ends in any case.
const LIFE: u64 = 7 * 24 * 3600;
/// "Last used" is written at most so often, in seconds.
const USED_EVERY: u64 = 60;
/// The longest a link is valid, in minutes.
pub const LINK_MINUTES: u32 = 1440;
/// Sessions, and links, at one time; the oldest makes room.
const MOST: usize = 200;
/// Of them, those of one account: who signs in again and again ends sessions of his own.
const MOST_OF_ONE: usize = 20;
/// Hexadecimal digits of a session's name in the journal.
const MARK: usize = 8;
/// Seconds that a sign-in waits for its code, and the codes that it takes.
const CODE_WITHIN: u64 = 300;
const CODE_TRIES: u32 = 5;
/// Characters that are kept of a browser's name.
const LONGEST_AGENT: usize = 80;

#[derive(Debug, Serialize, Deserialize)]
struct Link {
    role: Role,
    expires: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Session {
    /// As it was at sign-in; of an account, it is looked up at each use.
    role: Role,
    created: u64,
    used: u64,
    #[serde(default)]
    account: Option<Holder>,
    #[serde(default)]
    from: String,
    #[serde(default)]
    agent: String,
}

/// The account that a session belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    name: String,
    /// [`Entitled::stamp`] at sign-in.
    stamp: String,
}

/// A sign-in whose password was right, and that waits for its code.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignIn {
    pub account: String,
    stamp: String,
    expires: u64,
    tries: u32,
    agent: String,
}

/// From where, and with what.
#[derive(Debug, Clone, Default)]
pub struct Browser {
    pub from: String,
    pub agent: String,
}

impl Session {
    fn over(&self, now: u64) -> bool {
        now.saturating_sub(self.used) > IDLE || now.saturating_sub(self.created) > LIFE
    }

    /// What it may do now; None when it has ended.
    fn role_now(&self, accounts: &Accounts, now: u64) -> io::Result<Option<Role>> {
        if self.over(now) {
            return Ok(None);
        }
        let Some(holder) = &self.account else { return Ok(Some(self.role)) };
        let entitled = accounts.find(&holder.name, now)?;
        Ok(entitled.filter(|e| e.stamp == holder.stamp).map(|e| e.role))
    }

    fn name(&self) -> &str {
        match (&self.account, self.role) {
            (Some(holder), _) => &holder.name,
            (None, Role::Viewer) => "viewer",
            (None, Role::Administrator) => "administrator",
        }
    }
}

/// Links and sessions of a state folder. Times are seconds since 1970, given by the caller.
pub struct Sessions<'a> {
    pub state: &'a State,
    pub accounts: &'a Accounts,
}

impl Sessions<'_> {
    /// A new link's token.
    pub fn create_link(&self, role: Role, minutes: u32, now: u64) -> io::Result<String> {
        // all of them are root's
        prune(self.state.links(), None, |link: &Link| (now >= link.expires, link.expires, None))?;
        let link = Link { role, expires: now + u64::from(minutes.clamp(1, LINK_MINUTES)) * 60 };
        put(self.state.links(), &link)
    }

    /// A link's token becomes a session's, once. None: unknown, used or too old.
    pub fn redeem(&self, token: &str, browser: &Browser, now: u64) -> io::Result<Option<(String, Who)>> {
        let Some(link) = take::<Link>(self.state.links(), token)?.filter(|link| now < link.expires) else {
            return Ok(None);
        };
        self.create(link.role, None, browser, now).map(Some)
    }

    /// A session of an account that has proved all that it has to.
    pub fn create_for(&self, account: &Entitled, browser: &Browser, now: u64) -> io::Result<(String, Who)> {
        let holder = Holder { name: account.name.clone(), stamp: account.stamp.clone() };
        self.create(account.role, Some(holder), browser, now)
    }

    fn create(
        &self,
        role: Role,
        account: Option<Holder>,
        browser: &Browser,
        now: u64,
    ) -> io::Result<(String, Who)> {
        let holder = account.as_ref().map(|holder| holder.name.as_str());
        prune(self.state.sessions(), holder, |session: &Session| {
            (session.over(now), session.used, session.account.as_ref().map(|holder| holder.name.clone()))
        })?;
        let from = browser.from.parse::<IpAddr>().map(|a| a.to_string()).unwrap_or_default();
        let agent = browser.agent.chars().filter(|c| !c.is_control()).take(LONGEST_AGENT).collect();
        let session = Session { role, created: now, used: now, account, from, agent };
        let token = put(self.state.sessions(), &session)?;
        let who = who(&token, &session, role);
        Ok((token, who))
    }

    /// A sign-in's token, for the account whose password was right.
    pub fn begin_sign_in(&self, account: &Entitled, agent: &str, now: u64) -> io::Result<String> {
        prune(self.state.sign_ins(), Some(&account.name), |sign_in: &SignIn| {
            (now >= sign_in.expires, sign_in.expires, Some(sign_in.account.clone()))
        })?;
        let (account, stamp) = (account.name.clone(), account.stamp.clone());
        let agent = agent.chars().take(LONGEST_AGENT).collect();
        put(
            self.state.sign_ins(),
            &SignIn { account, stamp, expires: now + CODE_WITHIN, tries: CODE_TRIES, agent },
        )
    }

    /// The sign-in of this token, with one try less; it has to be looked at alone. None: unknown, too old, or tried too often.
    pub fn sign_in(&self, token: &str, now: u64) -> io::Result<Option<(SignIn, Entitled)>> {
        let path = self.state.sign_ins().join(state::hash(token));
        let Some(mut sign_in) = get::<SignIn>(&path)? else { return Ok(None) };
        let entitled =
            self.accounts.find(&sign_in.account, now)?.filter(|entitled| entitled.stamp == sign_in.stamp);
        sign_in.tries = sign_in.tries.saturating_sub(1);
        match entitled {
            Some(entitled) if now < sign_in.expires => {
                match sign_in.tries {
                    0 => remove(&path)?,
                    _ => drop(state::replace(&path, &serde_json::to_vec(&sign_in)?)?),
                }
                Ok(Some((sign_in, entitled)))
            }
            _ => remove(&path).map(|()| None),
        }
    }

    /// A sign-in whose code was right becomes a session.
    pub fn finish_sign_in(
        &self,
        token: &str,
        sign_in: &SignIn,
        entitled: &Entitled,
        from: &str,
        now: u64,
    ) -> io::Result<(String, Who)> {
        remove(&self.state.sign_ins().join(state::hash(token)))?;
        let browser = Browser { from: from.into(), agent: sign_in.agent.clone() };
        self.create_for(entitled, &browser, now)
    }

    /// Whose session it is; None when it has ended or never was.
    pub fn look_up(&self, token: &str, now: u64) -> io::Result<Option<Who>> {
        let path = self.state.sessions().join(state::hash(token));
        let Some(mut session) = get::<Session>(&path)? else { return Ok(None) };
        let Some(role) = session.role_now(self.accounts, now)? else {
            remove(&path)?;
            return Ok(None);
        };
        if now.saturating_sub(session.used) >= USED_EVERY {
            session.used = now;
            // a session that ends in this moment does not come back; a full disk signs nobody out
            if let Ok(false) = state::replace(&path, &serde_json::to_vec(&session)?) {
                return Ok(None);
            }
        }
        Ok(Some(who(token, &session, role)))
    }

    /// All that have not ended, the one used last first. `token` is that of the session that asks.
    pub fn list(&self, token: Option<&str>, now: u64) -> io::Result<Vec<SessionInfo>> {
        let asks = token.map(state::hash);
        let mut all = vec![];
        for name in state::names(&self.state.sessions())? {
            let path = self.state.sessions().join(&name);
            let Some(session) = get::<Session>(&path)? else { continue };
            let Some(role) = session.role_now(self.accounts, now)? else { continue };
            all.push((asks.as_deref() == Some(&name), name, role, session));
        }
        let holder = all.iter().find(|(this, ..)| *this).and_then(|(.., s)| s.account.clone());
        let own = |this: bool, s: &Session| {
            this || holder.as_ref().is_some_and(|h| s.account.as_ref().is_some_and(|a| a.name == h.name))
        };
        all.sort_by_key(|(.., session)| std::cmp::Reverse(session.used));
        Ok(all
            .into_iter()
            .map(|(this, name, role, session)| SessionInfo {
                id: name[..MARK].to_owned(),
                name: session.name().to_owned(),
                account: session.account.is_some(),
                role,
                since: session.created,
                used: session.used,
                own: own(this, &session),
                from: session.from,
                agent: session.agent,
                this,
            })
            .collect())
    }

    pub fn end(&self, token: &str) -> io::Result<()> {
        remove(&self.state.sessions().join(state::hash(token)))
    }

    /// Ends those whose description is chosen; how many.
    pub fn end_some(
        &self,
        token: Option<&str>,
        now: u64,
        chosen: impl Fn(&SessionInfo) -> bool,
    ) -> io::Result<usize> {
        let ids: Vec<String> =
            self.list(token, now)?.into_iter().filter(|info| chosen(info)).map(|info| info.id).collect();
        for name in state::names(&self.state.sessions())? {
            if ids.iter().any(|id| name.starts_with(id.as_str())) {
                remove(&self.state.sessions().join(name))?;
            }
        }
        Ok(ids.len())
    }
}

/// Says who a session is in the journal, without being any use for getting in.
pub fn mark(token: &str) -> String {
    state::hash(token)[..MARK].to_string()
}

fn who(token: &str, session: &Session, role: Role) -> Who {
    // derived, so that it needs no place of its own: whoever knows it does not know the token
    let csrf = state::hash(&format!("csrf {token}"));
    let (name, account) = (session.name().to_owned(), session.account.is_some());
    Who { name, account, role, since: session.created, csrf }
}

/// What stands for a token, once: unlink(2) decides who of two gets it.
fn take<T: DeserializeOwned>(folder: PathBuf, token: &str) -> io::Result<Option<T>> {
    let path = folder.join(state::hash(token));
    let Some(value) = get::<T>(&path)? else { return Ok(None) };
    match fs::remove_file(&path) {
        Ok(()) => state::sync(&folder)?, // used is used, also after a power cut
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    }
    Ok(Some(value))
}

fn put<T: Serialize>(folder: PathBuf, value: &T) -> io::Result<String> {
    let token = state::random(32)?;
    state::write(&folder.join(state::hash(&token)), &serde_json::to_vec(value)?)?;
    Ok(token)
}

/// A file that cannot be understood stands for nothing.
fn get<T: DeserializeOwned>(path: &PathBuf) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

fn remove(path: &PathBuf) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Removes what has ended, and makes room for one more, of this account or of none. `look`: whether it has ended, its time, its account.
fn prune<T: DeserializeOwned>(
    folder: PathBuf,
    account: Option<&str>,
    look: impl Fn(&T) -> (bool, u64, Option<String>),
) -> io::Result<()> {
    let mut kept = vec![];
    for name in state::names(&folder)? {
        let path = folder.join(name);
        match get::<T>(&path)?.map(|value| look(&value)) {
            Some((false, time, of)) => kept.push((time, path, account.is_some() && of.as_deref() == account)),
            _ => remove(&path)?,
        }
    }
    kept.sort();
    let own = kept.iter().filter(|(.., own)| *own).count();
    let mut too_many_own = (own + 1).saturating_sub(MOST_OF_ONE);
    let mut too_many = (kept.len() + 1).saturating_sub(MOST).saturating_sub(too_many_own);
    for (_, path, own) in kept {
        let room = if own && too_many_own > 0 { &mut too_many_own } else { &mut too_many };
        if *room > 0 {
            *room -= 1;
            remove(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
