//! One-time links and sessions.
//!
//! A token is 256 random bits and is known to its holder alone: the file that stands for it is called after its
//! SHA256. Which of two who redeem the same link at once wins is decided by unlink(2).

use crate::state::{self, State};
use broker_protocol::Who;
use plugin::manifest::Role;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{fs, io, path::PathBuf};

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

#[derive(Debug, Serialize, Deserialize)]
struct Link {
    role: Role,
    expires: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Session {
    role: Role,
    created: u64,
    used: u64,
}

impl Session {
    fn over(&self, now: u64) -> bool {
        now.saturating_sub(self.used) > IDLE || now.saturating_sub(self.created) > LIFE
    }
}

/// Links and sessions of a state folder. Times are seconds since 1970, given by the caller.
pub struct Sessions<'a>(pub &'a State);

impl Sessions<'_> {
    /// A new link's token.
    pub fn create_link(&self, role: Role, minutes: u32, now: u64) -> io::Result<String> {
        self.prune(now)?;
        let link = Link { role, expires: now + u64::from(minutes.clamp(1, LINK_MINUTES)) * 60 };
        put(self.0.links(), &link)
    }

    /// A link's token becomes a session's, once. None: unknown, used or too old.
    pub fn redeem(&self, token: &str, now: u64) -> io::Result<Option<(String, Who)>> {
        let path = self.0.links().join(state::hash(token));
        let Some(link) = get::<Link>(&path)? else { return Ok(None) };
        match fs::remove_file(&path) {
            Ok(()) => state::sync(&self.0.links())?, // used is used, also after a power cut
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        }
        if now >= link.expires {
            return Ok(None);
        }
        self.prune(now)?;
        let session = Session { role: link.role, created: now, used: now };
        let token = put(self.0.sessions(), &session)?;
        let who = who(&token, &session);
        Ok(Some((token, who)))
    }

    /// Whose session it is; None when it has ended or never was.
    pub fn look_up(&self, token: &str, now: u64) -> io::Result<Option<Who>> {
        let path = self.0.sessions().join(state::hash(token));
        let Some(mut session) = get::<Session>(&path)? else { return Ok(None) };
        if session.over(now) {
            remove(&path)?;
            return Ok(None);
        }
        if now.saturating_sub(session.used) >= USED_EVERY {
            session.used = now;
            // a session that ends in this moment does not come back; a full disk signs nobody out
            if let Ok(false) = state::replace(&path, &serde_json::to_vec(&session)?) {
                return Ok(None);
            }
        }
        Ok(Some(who(token, &session)))
    }

    pub fn end(&self, token: &str) -> io::Result<()> {
        remove(&self.0.sessions().join(state::hash(token)))
    }

    /// Removes what has ended, and the oldest of too many.
    fn prune(&self, now: u64) -> io::Result<()> {
        prune(self.0.links(), |link: &Link| (now >= link.expires, link.expires))?;
        prune(self.0.sessions(), |session: &Session| (session.over(now), session.used))
    }
}

/// Says who a session is in the journal, without being any use for getting in.
pub fn mark(token: &str) -> String {
    state::hash(token)[..8].to_string()
}

fn who(token: &str, session: &Session) -> Who {
    let name = match session.role {
        Role::Viewer => "viewer",
        Role::Administrator => "administrator",
    };
    // derived, so that it needs no place of its own: whoever knows it does not know the token
    let csrf = state::hash(&format!("csrf {token}"));
    Who { name: name.into(), role: session.role, since: session.created, csrf }
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

fn prune<T: DeserializeOwned>(folder: PathBuf, look: impl Fn(&T) -> (bool, u64)) -> io::Result<()> {
    let mut kept = vec![];
    for name in state::names(&folder)? {
        let path = folder.join(name);
        match get::<T>(&path)?.map(|value| look(&value)) {
            Some((false, age)) => kept.push((age, path)),
            _ => remove(&path)?,
        }
    }
    kept.sort();
    let too_many = (kept.len() + 1).saturating_sub(MOST);
    kept.into_iter().take(too_many).try_for_each(|(_, path)| remove(&path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::Barrier, thread};

    fn with(test: impl FnOnce(&Sessions)) {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        test(&Sessions(&state));
    }

    #[test]
    fn a_link_becomes_a_session_once() {
        with(|sessions| {
            let link = sessions.create_link(Role::Viewer, 10, 1000).unwrap();
            assert!(sessions.redeem("guess", 1000).unwrap().is_none());
            assert!(sessions.redeem("../sessions", 1000).unwrap().is_none());
            let (token, who) = sessions.redeem(&link, 1001).unwrap().unwrap();
            assert_eq!((who.role, who.since, token.len()), (Role::Viewer, 1001, 64));
            assert!(sessions.redeem(&link, 1001).unwrap().is_none());
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
                sessions.redeem(&link, now).unwrap().unwrap().0
            };
            let late = sessions.create_link(Role::Administrator, 1, 1000).unwrap();
            assert!(sessions.redeem(&late, 1060).unwrap().is_none());
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
            let (token, who) = sessions.redeem(&other, 0).unwrap().unwrap();
            for folder in [sessions.0.links(), sessions.0.sessions()] {
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
                        usize::from(sessions.redeem(&link, 0).unwrap().is_some())
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
                let (token, _) = sessions.redeem(&link, 0).unwrap().unwrap();
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
            assert_eq!(state::names(&sessions.0.links()).unwrap().len(), MOST);
        });
    }
}
