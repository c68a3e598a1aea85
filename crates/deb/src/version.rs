//! Versions and their order (Debian Policy 5.6.12, deb-version(7)), as dpkg compares them.

use crate::{Error, Result};
use std::{cmp::Ordering, fmt, str::FromStr};

/// `[epoch:]upstream[-revision]`. Equality is dpkg's: `1.0` and `1.00` are the same version.
#[derive(Debug, Clone)]
pub struct Version {
    text: String,
    epoch: u32,
    upstream: std::ops::Range<usize>,
}

impl Version {
    /// 0 when none was written.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }
    pub fn upstream(&self) -> &str {
        &self.text[self.upstream.clone()]
    }
    /// Empty when none was written, which compares like `0`.
    pub fn revision(&self) -> &str {
        self.text.get(self.upstream.end + 1..).unwrap_or("")
    }
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
    /// Without the epoch: what stands in the names of files.
    pub fn without_epoch(&self) -> &str {
        &self.text[self.upstream.start..]
    }
}

impl FromStr for Version {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let error = |message| Error::Version { text: text.chars().take(80).collect(), message };
        let (epoch, start) = match text.split_once(':') {
            Some((epoch, _)) => {
                let digits = !epoch.is_empty() && epoch.bytes().all(|b| b.is_ascii_digit());
                let number = epoch.parse::<i32>().ok().filter(|_| digits);
                (number.ok_or_else(|| error("the epoch before the colon is no number"))?, epoch.len() + 1)
            }
            None => (0, 0),
        };
        let end = text[start..].rfind('-').map_or(text.len(), |at| start + at);
        let (upstream, revision) = (&text[start..end], text.get(end + 1..));
        if upstream.is_empty() {
            return Err(error("there is nothing before the revision"));
        }
        if !upstream.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(error("it does not begin with a digit"));
        }
        if !upstream.bytes().all(|b| b.is_ascii_alphanumeric() || b".+-~:".contains(&b)) {
            return Err(error("only letters, digits and . + - ~ : are allowed"));
        }
        match revision {
            Some("") => Err(error("nothing follows the last hyphen")),
            Some(r) if !r.bytes().all(|b| b.is_ascii_alphanumeric() || b".+~".contains(&b)) => {
                Err(error("only letters, digits and . + ~ are allowed in the revision"))
            }
            _ => Ok(Version { text: text.into(), epoch: epoch.unsigned_abs(), upstream: start..end }),
        }
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare(self.upstream(), other.upstream()))
            .then_with(|| compare(self.revision(), other.revision()))
    }
}
impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Version {}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Turn by turn a run of non-digits, then a run of digits.
fn compare(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while !a.is_empty() || !b.is_empty() {
        loop {
            let (x, y) = (weight(a), weight(b));
            match x.cmp(&y) {
                Ordering::Equal if x == 0 => break,
                Ordering::Equal => (a, b) = (&a[1..], &b[1..]),
                unequal => return unequal,
            }
        }
        let (x, y) = (number(&mut a), number(&mut b));
        match x.len().cmp(&y.len()).then_with(|| x.cmp(y)) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
    }
    Ordering::Equal
}

/// `~` sorts before the end, the end and digits before letters, letters before the rest.
fn weight(text: &[u8]) -> i32 {
    match text.first() {
        None => 0,
        Some(b) if b.is_ascii_digit() => 0,
        Some(b'~') => -1,
        Some(b) if b.is_ascii_alphabetic() => i32::from(*b),
        Some(b) => i32::from(*b) + 256,
    }
}

/// Takes the digits off the front and gives them back without leading zeros, of any length.
fn number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    &digits[digits.iter().position(|b| *b != b'0').unwrap_or(end)..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dpkg_says(a: &str, relation: &str, b: &str) -> bool {
        exec::Program::new("dpkg").args(["--compare-versions", a, relation, b]).output().unwrap().success()
    }

    #[test]
    fn parts_are_told_apart() {
        let version: Version = "2:1.0-rc-3~bpo12+1".parse().unwrap();
        assert_eq!((version.epoch(), version.upstream(), version.revision()), (2, "1.0-rc", "3~bpo12+1"));
        assert_eq!(version.without_epoch(), "1.0-rc-3~bpo12+1");
        for bad in ["", "a", ":1", "x:1", "-1", "1-", "1_2", "1 2", "1:", "99999999999:1", "1-2:3", "+1:1"] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn the_order_is_dpkgs(a in "([01]:)?[0-9][0-9a.~+-]{0,6}(-[0-9a~.+]{1,4})?", b in "([01]:)?[0-9][0-9a.~+-]{0,6}(-[0-9a~.+]{1,4})?") {
            if let (Ok(x), Ok(y)) = (a.parse::<Version>(), b.parse::<Version>()) {
                let relation = match x.cmp(&y) { Ordering::Less => "lt", Ordering::Equal => "eq", Ordering::Greater => "gt" };
                prop_assert!(dpkg_says(&a, relation, &b), "{} {} {}", a, relation, b);
                prop_assert_eq!(y.cmp(&x), x.cmp(&y).reverse());
            }
        }

        #[test]
        fn any_text_is_read_without_panic(text in "\\PC*|[0-9:a~.-]{0,9}") {
            if let Ok(version) = text.parse::<Version>() {
                prop_assert_eq!(version.to_string(), text);
            }
        }
    }
}
