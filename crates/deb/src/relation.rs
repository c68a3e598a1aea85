//! Package relations: `Depends`, `Conflicts` and their kin (Debian Policy 7.1).

use crate::{Error, Result, Version};
use std::{fmt, str::FromStr};

/// All of a field: every group must hold, a group holds when one of its alternatives does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Relations(pub Vec<Vec<Relation>>);

/// `name:qualifier (>= version) [architectures] <profiles>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    pub name: String,
    /// `any`, `native` or an architecture.
    pub qualifier: Option<String>,
    pub version: Option<(Operator, Version)>,
    /// As written, with their `!`; empty means all.
    pub architectures: Vec<String>,
    /// Build profiles as written, each list without its angle brackets.
    pub profiles: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Earlier,
    EarlierOrEqual,
    Exactly,
    LaterOrEqual,
    Later,
}

const OPERATORS: [(&str, Operator); 5] = [
    ("<<", Operator::Earlier),
    ("<=", Operator::EarlierOrEqual),
    (">=", Operator::LaterOrEqual),
    (">>", Operator::Later),
    ("=", Operator::Exactly),
];

impl Relation {
    /// Whether that version of the named package satisfies this relation.
    pub fn allows(&self, version: &Version) -> bool {
        self.version.as_ref().is_none_or(|(operator, wanted)| match operator {
            Operator::Earlier => version < wanted,
            Operator::EarlierOrEqual => version <= wanted,
            Operator::Exactly => version == wanted,
            Operator::LaterOrEqual => version >= wanted,
            Operator::Later => version > wanted,
        })
    }
}

impl FromStr for Relations {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let groups = text.split(',').map(str::trim).filter(|group| !group.is_empty());
        let groups = groups.map(|group| group.split('|').map(str::parse).collect());
        groups.collect::<Result<_>>().map(Relations)
    }
}

impl FromStr for Relation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let error = |message| Error::Relation { text: text.trim().chars().take(80).collect(), message };
        let text_end = text.trim();
        let end = text_end.find(|c: char| c.is_whitespace() || "([<".contains(c)).unwrap_or(text_end.len());
        let (name, mut rest) = text_end.split_at(end);
        let (name, qualifier) = match name.split_once(':') {
            Some((name, qualifier)) => (name, Some(qualifier.to_string())),
            None => (name, None),
        };
        if !is_package_name(name) {
            return Err(error("it does not begin with a package's name"));
        }
        if qualifier.as_deref().is_some_and(|q| !is_word(q)) {
            return Err(error("after the colon stands no architecture, `any` or `native`"));
        }
        let name = name.to_string();
        let mut relation =
            Relation { name, qualifier, version: None, architectures: vec![], profiles: vec![] };
        if let Some(inside) = bracketed(&mut rest, '(', ')').map_err(error)? {
            relation.version = Some(constraint(inside).ok_or_else(|| error("write (>= VERSION)"))?);
        }
        if let Some(inside) = bracketed(&mut rest, '[', ']').map_err(error)? {
            relation.architectures = inside.split_whitespace().map(str::to_string).collect();
            let sound = |a: &String| is_word(a.strip_prefix('!').unwrap_or(a));
            if relation.architectures.is_empty() || !relation.architectures.iter().all(sound) {
                return Err(error("between [ and ] stand no architectures"));
            }
        }
        while let Some(inside) = bracketed(&mut rest, '<', '>').map_err(error)? {
            relation.profiles.push(inside.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        if !rest.trim().is_empty() {
            return Err(error("something follows the relation; a comma or | may be missing"));
        }
        Ok(relation)
    }
}

/// Policy 5.6.1: lower case letters, digits, `+ - .`; at least two characters, the first no sign.
pub fn is_package_name(name: &str) -> bool {
    let sign = |b: u8| b"+-.".contains(&b);
    name.len() >= 2
        && !name.bytes().next().is_some_and(sign)
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || sign(b))
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Takes `(…)` off the front of `rest`, when it is there.
fn bracketed<'a>(rest: &mut &'a str, open: char, close: char) -> Result<Option<&'a str>, &'static str> {
    let Some(inside) = rest.trim_start().strip_prefix(open) else { return Ok(None) };
    let (inside, after) = inside.split_once(close).ok_or("a bracket is not closed")?;
    *rest = after;
    Ok(Some(inside.trim()))
}

fn constraint(inside: &str) -> Option<(Operator, Version)> {
    let (sign, operator) = OPERATORS.iter().find(|(sign, _)| inside.starts_with(sign))?;
    Some((*operator, inside[sign.len()..].trim().parse().ok()?))
}

impl fmt::Display for Relations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, group) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            for (index, relation) in group.iter().enumerate() {
                write!(f, "{}{relation}", if index == 0 { "" } else { " | " })?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(qualifier) = &self.qualifier {
            write!(f, ":{qualifier}")?;
        }
        if let Some((operator, version)) = &self.version {
            write!(f, " ({operator} {version})")?;
        }
        if !self.architectures.is_empty() {
            write!(f, " [{}]", self.architectures.join(" "))?;
        }
        self.profiles.iter().try_for_each(|profile| write!(f, " <{profile}>"))
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = OPERATORS.iter().find(|(_, operator)| operator == self).map_or("=", |(sign, _)| sign);
        f.write_str(sign)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_policy_allows() {
        let check = |text: &str, expect: &str| {
            assert_eq!(text.parse::<Relations>().unwrap().to_string(), expect);
        };
        check("a1,b2", "a1, b2");
        check(" libc6(>=2.36) |musl , ", "libc6 (>= 2.36) | musl");
        check(
            "python3:any (<< 3.14~), g++ [amd64 !i386] <!nocheck> <a  b>",
            "python3:any (<< 3.14~), g++ [amd64 !i386] <!nocheck> <a b>",
        );
        check("", "");
        let relation: Relation = "a1 (>> 1.0)".parse().unwrap();
        assert!(relation.allows(&"1.0-1".parse().unwrap()) && !relation.allows(&"1.00".parse().unwrap()));
    }

    #[test]
    fn refuses_the_rest() {
        for bad in [
            "a", "Ab", "ab (1)", "ab (>= )", "ab (>= 1", "ab cd", "ab:", "ab []", "ab [X]", "|", "ab |",
            "ab (> 1)", "-ab",
        ] {
            assert!(bad.parse::<Relations>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_was_read_is_written_and_read_again(text in "\\PC*|([a-c]{1,3}[:()<>=|,0-9!\\[\\] ]{0,6}){0,4}") {
            if let Ok(relations) = text.parse::<Relations>() {
                prop_assert_eq!(relations.to_string().parse::<Relations>().unwrap(), relations);
            }
        }
    }
}
