//! Who gets in: a link opens one browser, once; a cookie keeps it open.

use super::form::Typed;
use anyhow::{Context, Result};
use std::{
    collections::HashMap,
    fs::File,
    io::Read,
    net::IpAddr,
    time::{Duration, Instant},
};
use webpage::browser;

/// Wrong links from one address before it has to wait.
const WRONG: u32 = 10;
const WAIT: Duration = Duration::from_secs(60);
/// Addresses that are remembered for their wrong links.
const ADDRESSES: usize = 1024;
/// Browsers at once; the oldest has to leave.
const BROWSERS: usize = 8;

pub struct Doors {
    /// Of the link that nobody has used yet.
    token: String,
    browsers: Vec<Browser>,
    wrong: HashMap<IpAddr, (u32, Instant)>,
}

/// One browser that was let in.
pub struct Browser {
    session: String,
    pub csrf: String,
    /// Which questions it last sent answers to, and what was sent, secrets among it.
    pub draft: (u64, Typed),
    /// What is wrong with the draft.
    pub wrong: Typed,
}

/// What becomes of a link.
#[derive(Debug, PartialEq, Eq)]
pub enum Link {
    Good,
    /// The how many-th from this address.
    Wrong(u32),
    TooMany,
}

impl Doors {
    pub fn new() -> Result<Doors> {
        Ok(Doors { token: token()?, browsers: vec![], wrong: HashMap::new() })
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// Whether it is the link of now. Every wrong one counts.
    pub fn try_link(&mut self, given: &str, from: IpAddr) -> Link {
        self.wrong.retain(|_, (_, last)| last.elapsed() < WAIT);
        if self.wrong.get(&from).is_some_and(|(count, _)| *count >= WRONG) {
            return Link::TooMany;
        }
        if browser::same(&self.token, given) {
            return Link::Good;
        }
        if self.wrong.len() >= ADDRESSES {
            self.wrong.clear();
        }
        let entry = self.wrong.entry(from).or_insert((0, Instant::now()));
        *entry = (entry.0 + 1, Instant::now());
        Link::Wrong(entry.0)
    }

    /// Uses the link up: the cookie's value for this browser. There is another link afterwards.
    pub fn let_in(&mut self) -> Result<String> {
        self.token = token()?;
        let session = token()?;
        if self.browsers.len() >= BROWSERS {
            self.browsers.remove(0);
        }
        let browser = Browser {
            session: session.clone(),
            csrf: token()?,
            draft: (0, Typed::new()),
            wrong: Typed::new(),
        };
        self.browsers.push(browser);
        Ok(session)
    }

    pub fn browser(&mut self, session: &str) -> Option<&mut Browser> {
        self.browsers.iter_mut().find(|b| browser::same(&b.session, session))
    }
}

/// 256 random bits in hexadecimal.
fn token() -> Result<String> {
    let mut bytes = [0; 32];
    let read = File::open("/dev/urandom").and_then(|mut f| f.read_exact(&mut bytes));
    read.context("cannot make a token: /dev/urandom cannot be read")?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_works_once_and_guessing_is_counted() {
        let (here, there) = (IpAddr::from([192, 0, 2, 7]), IpAddr::from([192, 0, 2, 8]));
        let mut doors = Doors::new().unwrap();
        let first = doors.token().to_owned();
        assert_eq!(doors.try_link(&first, here), Link::Good);
        let session = doors.let_in().unwrap();
        assert!(doors.browser(&session).is_some() && doors.browser(&first).is_none());
        for count in 1..=WRONG {
            assert_eq!(doors.try_link(&first, here), Link::Wrong(count));
        }
        let next = doors.token().to_owned();
        assert_eq!(doors.try_link(&next, here), Link::TooMany);
        assert_eq!(doors.try_link(&next, there), Link::Good);
        for _ in 0..BROWSERS {
            doors.let_in().unwrap();
        }
        assert!(doors.browser(&session).is_none());
    }
}
