//! How often a password or a code may be tried, so that guessing is hopeless and the owner is not locked out.
//!
//! Each budget is a number of failures at once and one more every so many seconds. An attempt takes its place in all
//! budgets that concern it before anything is looked at, and gives it back when it was right. From an address at which
//! the account has signed in before, only that pair's own budget counts, so nobody elsewhere can use it up; the account's
//! budget over all other addresses bounds an attack from many. Sessions and one-time links know no budget at all.
//!
//! Budgets lie on the disk, for the broker ends when it is idle. Names are kept as salted hashes: what was typed as a
//! name may be a password.

use crate::state;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    net::{IpAddr, Ipv6Addr},
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// An address at which an account has signed in is known for so many seconds.
const FAMILIAR: u64 = 90 * 86_400;
/// Entries of each kind; the one that matters least makes room.
const MOST: usize = 2000;
/// Attempts at one time in all, from strange addresses, and from one address.
const RUNNING: (usize, usize, usize) = (6, 4, 2);

/// So many failures at once, and one more every `every` seconds.
#[derive(Debug, Clone, Copy)]
struct Budget {
    most: u64,
    every: u64,
}

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Password,
    Code,
}

/// The budgets of an attempt, by key.
fn budgets(kind: Kind, familiar: bool, address: &str, account: &str) -> Vec<(String, Budget)> {
    let pair = format!("{address} {account}");
    let one = |name: &str, of: &str, most, every| (format!("{name} {of}"), Budget { most, every });
    match (kind, familiar) {
        (Kind::Password, true) => vec![one("known", &pair, 10, 30)],
        (Kind::Password, false) => vec![
            one("pair", &pair, 5, 60),
            one("address", address, 20, 30),
            one("account", account, 60, 30),
            one("all", "", 300, 2),
        ],
        // whoever gets here has the password: six digits, three of them good at a time
        (Kind::Code, true) => vec![one("known-code", &pair, 10, 60)],
        (Kind::Code, false) => {
            vec![one("pair-code", &pair, 5, 120), one("account-code", account, 10, 600)]
        }
    }
}

/// On the disk.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    salt: String,
    /// When a budget is whole again, in seconds since 1970.
    whole_at: BTreeMap<String, u64>,
    /// Address and account, and when they were last right together.
    familiar: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
struct Running {
    strange: usize,
    all: usize,
    by_address: HashMap<String, usize>,
}

pub struct Throttle {
    path: PathBuf,
    kept: Mutex<Kept>,
    running: Mutex<Running>,
}

/// Why an attempt is not looked at.
#[derive(Debug, PartialEq, Eq)]
pub enum TooMany {
    /// Seconds until the next one is.
    Wait(u64),
    /// Others are being looked at.
    AtOnce,
}

/// An attempt that is being looked at. Dropped, it was a wrong one.
pub struct Attempt<'a> {
    throttle: &'a Throttle,
    keys: Vec<(String, u64)>,
    address: String,
    pair: String,
    familiar: bool,
}

impl Throttle {
    /// What was kept there; a file that cannot be read or understood has never been.
    pub fn open(path: PathBuf) -> Throttle {
        let mut kept: Kept =
            fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        if kept.salt.is_empty() {
            kept.salt = state::random(16).unwrap_or_default();
        }
        Throttle { path, kept: Mutex::new(kept), running: Mutex::default() }
    }

    /// Takes a place in the budgets of this attempt, or says how long there is none.
    pub fn begin(
        &self,
        kind: Kind,
        from: Option<IpAddr>,
        account: &str,
        now: u64,
    ) -> Result<Attempt<'_>, TooMany> {
        let mut kept = self.kept();
        let (address, account) = (kept.hash(&prefix(from)), kept.hash(account));
        let pair = format!("{address} {account}");
        let familiar = kept.familiar.get(&pair).is_some_and(|at| now.saturating_sub(*at) < FAMILIAR);
        let list = budgets(kind, familiar, &address, &account);
        let wait = list.iter().map(|(key, budget)| kept.wait(key, *budget, now)).max().unwrap_or_default();
        if wait > 0 {
            return Err(TooMany::Wait(wait));
        }
        self.run(&address, familiar)?;
        let keys: Vec<(String, u64)> = list.into_iter().map(|(key, b)| (key, b.every)).collect();
        for (key, every) in &keys {
            let at = kept.whole_at.entry(key.clone()).or_default();
            *at = (*at).max(now) + every;
        }
        kept.prune(now);
        kept.write(&self.path);
        Ok(Attempt { throttle: self, keys, address, pair, familiar })
    }

    fn run(&self, address: &str, familiar: bool) -> Result<(), TooMany> {
        let mut running = self.running();
        let (all, strange, one) = RUNNING;
        let here = running.by_address.get(address).copied().unwrap_or_default();
        if running.all >= all || here >= one || (!familiar && running.strange >= strange) {
            return Err(TooMany::AtOnce);
        }
        running.all += 1;
        running.strange += usize::from(!familiar);
        running.by_address.insert(address.to_owned(), here + 1);
        Ok(())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// It was right: it costs nothing.
    pub fn right(&self) {
        let mut kept = self.throttle.kept();
        for (key, every) in &self.keys {
            if let Some(at) = kept.whole_at.get_mut(key) {
                *at = at.saturating_sub(*every);
            }
        }
        kept.write(&self.throttle.path);
    }

    /// It was right, and nothing more is asked: the address is known from now on, and its failures are forgotten.
    pub fn signed_in(&self, now: u64) {
        self.right();
        let mut kept = self.throttle.kept();
        kept.familiar.insert(self.pair.clone(), now);
        let own = format!(" {}", self.pair);
        kept.whole_at.retain(|key, _| !key.ends_with(&own));
        kept.prune(now);
        kept.write(&self.throttle.path);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let mut running = self.throttle.running();
        running.all = running.all.saturating_sub(1);
        running.strange = running.strange.saturating_sub(usize::from(!self.familiar));
        let left = running.by_address.get(&self.address).map_or(0, |n| n.saturating_sub(1));
        match left {
            0 => drop(running.by_address.remove(&self.address)),
            left => drop(running.by_address.insert(self.address.clone(), left)),
        }
    }
}

impl Kept {
    fn hash(&self, text: &str) -> String {
        state::hash(&format!("{} {text}", self.salt))[..24].to_owned()
    }

    /// Seconds until the budget has room for one more.
    fn wait(&mut self, key: &str, budget: Budget, now: u64) -> u64 {
        let Some(at) = self.whole_at.get_mut(key) else { return 0 };
        // a clock that was set back locks nobody out for longer than the budget is deep
        *at = (*at).min(now + budget.most * budget.every);
        (*at + budget.every).saturating_sub(now + budget.most * budget.every)
    }

    fn prune(&mut self, now: u64) {
        self.whole_at.retain(|_, at| *at > now);
        self.familiar.retain(|_, at| now.saturating_sub(*at) < FAMILIAR);
        for map in [&mut self.whole_at, &mut self.familiar] {
            while map.len() > MOST {
                let least = map.iter().min_by_key(|(_, at)| **at).map(|(key, _)| key.clone());
                least.and_then(|key| map.remove(&key));
            }
        }
    }

    /// Without waiting for the disk: what a power cut takes away is a few attempts. A disk that is full keeps nobody from signing in.
    fn write(&self, path: &std::path::Path) {
        let aside = path.with_extension("new");
        let written =
            serde_json::to_vec(self).map_err(io::Error::from).and_then(|bytes| fs::write(&aside, bytes));
        if let Err(error) = written.and_then(|()| fs::rename(&aside, path)) {
            crate::audit::warn(&format!("{} cannot be written: {error}", path.display()));
        }
    }
}

/// Whom an address belongs to: itself, or with IPv6 its network, of which one has 2^64.
fn prefix(address: Option<IpAddr>) -> String {
    match address {
        None => "nowhere".into(),
        Some(IpAddr::V4(v4)) => v4.to_string(),
        Some(IpAddr::V6(v6)) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.to_string(),
            None => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(test: impl FnOnce(&Throttle)) {
        let folder = tempfile::tempdir().unwrap();
        test(&Throttle::open(folder.path().join("throttle.json")));
    }

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    /// Wrong attempts until one is not looked at.
    fn wrong(throttle: &Throttle, kind: Kind, from: &str, account: &str, now: u64) -> usize {
        (0..1000).take_while(|_| throttle.begin(kind, address(from), account, now).is_ok()).count()
    }

    #[test]
    fn guessing_from_one_address_ends_soon_and_hits_nobody_else() {
        with(|throttle| {
            assert_eq!(wrong(throttle, Kind::Password, "192.0.2.1", "ada", 1000), 5);
            // the same account from elsewhere, and another account from here
            assert_eq!(wrong(throttle, Kind::Password, "192.0.2.2", "ada", 1000), 5);
            assert_eq!(wrong(throttle, Kind::Password, "192.0.2.1", "bob", 1000), 5);
            // one more a minute
            assert_eq!(wrong(throttle, Kind::Password, "192.0.2.1", "ada", 1059), 0);
            assert_eq!(wrong(throttle, Kind::Password, "192.0.2.1", "ada", 1060), 1);
            // many accounts from one address
            let tried: usize =
                (0..50).map(|n| wrong(throttle, Kind::Password, "192.0.2.3", &format!("u{n}"), 1000)).sum();
            assert_eq!(tried, 20);
        });
    }

    #[test]
    fn an_attack_from_everywhere_does_not_lock_out_who_is_known() {
        with(|throttle| {
            throttle.begin(Kind::Password, address("198.51.100.7"), "ada", 1000).unwrap().signed_in(1000);
            let tried: usize =
                (0..250).map(|n| wrong(throttle, Kind::Password, &format!("10.0.0.{n}"), "ada", 1000)).sum();
            assert_eq!(tried, 60);
            assert_eq!(wrong(throttle, Kind::Password, "192.0.2.9", "ada", 1000), 0);
            assert_eq!(wrong(throttle, Kind::Password, "198.51.100.7", "ada", 1000), 10);
            // one network of IPv6 is one address
            let six = |n: usize| format!("2001:db8::{n:x}");
            let tried: usize = (0..50).map(|n| wrong(throttle, Kind::Password, &six(n), "bob", 1000)).sum();
            assert_eq!(tried, 5);
        });
    }

    #[test]
    fn what_was_right_costs_nothing_and_what_was_wrong_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("throttle.json");
        let throttle = Throttle::open(path.clone());
        let begin = |throttle: &Throttle| {
            throttle.begin(Kind::Password, address("192.0.2.1"), "hunter22", 1000).map(|a| a.right())
        };
        (0..100).for_each(|_| begin(&throttle).unwrap());
        assert_eq!(wrong(&throttle, Kind::Password, "192.0.2.1", "hunter22", 1000), 5);
        // the broker ends, and another one starts
        let again = Throttle::open(path.clone());
        assert_eq!(begin(&again), Err(TooMany::Wait(60)));
        let kept = fs::read_to_string(&path).unwrap();
        assert!(!kept.contains("hunter22") && !kept.contains("192.0.2.1"), "{kept}");
        // a clock that is set back
        assert_eq!(wrong(&again, Kind::Password, "192.0.2.1", "hunter22", 10), 0);
        assert_eq!(wrong(&again, Kind::Password, "192.0.2.1", "hunter22", 10 + 300), 5);
    }

    #[test]
    fn few_are_looked_at_at_once() {
        with(|throttle| {
            let begin =
                |from: &str, account: &str| throttle.begin(Kind::Password, address(from), account, 1000);
            begin("192.0.2.1", "ada").unwrap().signed_in(1000);
            let held: Vec<_> = (2..6).map(|n| begin(&format!("192.0.2.{n}"), "ada").unwrap()).collect();
            assert_eq!(begin("192.0.2.9", "ada").err(), Some(TooMany::AtOnce));
            // a place is kept for those who are known
            let (one, two) = (begin("192.0.2.1", "ada").unwrap(), begin("192.0.2.1", "ada").unwrap());
            assert_eq!(begin("192.0.2.1", "ada").err(), Some(TooMany::AtOnce));
            drop((held, one, two));
            begin("192.0.2.9", "ada").unwrap();
        });
    }

    #[test]
    fn codes_are_tried_seldom() {
        with(|throttle| {
            let tried: usize =
                (0..250).map(|n| wrong(throttle, Kind::Code, &format!("10.0.0.{n}"), "ada", 1000)).sum();
            assert_eq!(tried, 10);
        });
    }
}
