//! Patterns of answers: the part of POSIX extended regular expressions (POSIX.1-2024, chapter 9) in which this crate and
//! `grep -E -x`, which the seed package's script uses, cannot disagree. A pattern always means the whole answer.
//!
//! Plain characters, `.`, `[a-z]` and `[^a-z]` of ASCII without classes, `( )`, `|`, `*`, `+`, `?`, `{2}`, `{2,}`, `{2,5}`, and a backslash
//! before a character that has a meaning. Matched by following all ways at once, so no pattern takes long.

use crate::Mistake;

/// A pattern with all repetitions written out has at most so many states.
const STATES: usize = 2000;
const MEANING: &str = r".[]()|*+?{}^$\";

#[derive(Debug, Clone)]
enum Part {
    Any,
    One(char),
    /// Ranges, and whether it is all but these.
    Set(Vec<(char, char)>, bool),
    All(Vec<Part>),
    Either(Vec<Part>),
    /// At least, at most.
    Repeat(Box<Part>, usize, Option<usize>),
}

#[derive(Debug, Clone)]
enum State {
    Take(Part),
    Split(usize, usize),
    Jump(usize),
    End,
}

/// A pattern that was understood.
#[derive(Debug, Clone)]
pub struct Pattern(Vec<State>);

impl Pattern {
    pub fn parse(text: &str) -> Result<Pattern, Mistake> {
        let mut parser = Parser { text, at: 0, depth: 0 };
        let part = parser.either()?;
        if parser.at < text.len() {
            return Err(parser.wrong("a `)` that closes nothing"));
        }
        let mut states = vec![];
        compile(&part, &mut states);
        states.push(State::End);
        if states.len() > STATES {
            return Err(
                Mistake::new("the pattern is too large").help("repeat fewer times, or use `max-length`")
            );
        }
        Ok(Pattern(states))
    }

    /// Whether the whole text fits.
    pub fn matches(&self, text: &str) -> bool {
        let mut now = vec![false; self.0.len()];
        self.reach(0, &mut now);
        for c in text.chars() {
            let mut next = vec![false; self.0.len()];
            for (i, _) in now.iter().enumerate().filter(|(_, there)| **there) {
                if matches!(&self.0[i], State::Take(part) if takes(part, c)) {
                    self.reach(i + 1, &mut next);
                }
            }
            now = next;
        }
        now.last().copied().unwrap_or(false)
    }

    fn reach(&self, from: usize, reached: &mut [bool]) {
        let mut open = vec![from];
        while let Some(i) = open.pop() {
            if !std::mem::replace(&mut reached[i], true) {
                match self.0[i] {
                    State::Split(a, b) => open.extend([a, b]),
                    State::Jump(to) => open.push(to),
                    State::Take(_) | State::End => {}
                }
            }
        }
    }
}

fn takes(part: &Part, c: char) -> bool {
    match part {
        Part::Any => true,
        Part::One(one) => *one == c,
        Part::Set(ranges, not) => ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != *not,
        Part::All(_) | Part::Either(_) | Part::Repeat(..) => false,
    }
}

fn compile(part: &Part, states: &mut Vec<State>) {
    if states.len() > STATES {
        return;
    }
    match part {
        Part::All(parts) => parts.iter().for_each(|p| compile(p, states)),
        Part::Either(ways) => {
            let mut ends = vec![];
            for (i, way) in ways.iter().enumerate() {
                let split = states.len();
                if i + 1 < ways.len() {
                    states.push(State::Jump(0));
                }
                compile(way, states);
                if i + 1 < ways.len() {
                    ends.push(states.len());
                    states.push(State::Jump(0));
                    states[split] = State::Split(split + 1, states.len());
                }
            }
            let end = states.len();
            ends.into_iter().for_each(|i| states[i] = State::Jump(end));
        }
        Part::Repeat(part, least, most) => {
            (0..*least).for_each(|_| compile(part, states));
            match most {
                None => {
                    let split = states.len();
                    states.push(State::Jump(0));
                    compile(part, states);
                    states.push(State::Jump(split));
                    states[split] = State::Split(split + 1, states.len());
                }
                Some(most) => (*least..*most).for_each(|_| {
                    let split = states.len();
                    states.push(State::Jump(0));
                    compile(part, states);
                    states[split] = State::Split(split + 1, states.len());
                }),
            }
        }
        one => states.push(State::Take(one.clone())),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }
    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }
    fn eat(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        if there {
            self.at += wanted.len_utf8();
        }
        there
    }
    fn wrong(&self, what: &str) -> Mistake {
        Mistake::at(self.at, format!("the pattern has {what}"))
            .help("write a backslash before a character that has a meaning and is to stand for itself")
    }

    fn either(&mut self) -> Result<Part, Mistake> {
        let mut ways = vec![self.all()?];
        while self.eat('|') {
            ways.push(self.all()?);
        }
        Ok(if ways.len() == 1 { ways.remove(0) } else { Part::Either(ways) })
    }

    fn all(&mut self) -> Result<Part, Mistake> {
        let mut parts = vec![];
        while self.peek().is_some_and(|c| !matches!(c, '|' | ')')) {
            let one = self.one()?;
            parts.push(self.repeated(one)?);
        }
        // grep's implementations differ in what nothing means there
        if parts.is_empty() {
            Err(self.wrong("a place where something is missing"))
        } else {
            Ok(Part::All(parts))
        }
    }

    fn one(&mut self) -> Result<Part, Mistake> {
        match self.next() {
            Some('.') => Ok(Part::Any),
            Some('[') => self.set(),
            Some('(') => {
                self.depth += 1;
                if self.depth > 20 {
                    return Err(self.wrong("too many brackets in each other"));
                }
                let inner = self.either()?;
                self.depth -= 1;
                if self.eat(')') { Ok(inner) } else { Err(self.wrong("a `(` that is not closed")) }
            }
            Some('\\') => match self.next() {
                Some(c) if MEANING.contains(c) => Ok(Part::One(c)),
                _ => Err(self.wrong("a backslash before a character without a meaning")),
            },
            Some('^' | '$') => Err(self.wrong("a `^` or `$`: it means the whole answer anyway")),
            Some(c) if MEANING.contains(c) => Err(self.wrong(&format!("a `{c}` with nothing before it"))),
            Some(c) => Ok(Part::One(c)),
            None => Err(self.wrong("no end")),
        }
    }

    fn set(&mut self) -> Result<Part, Mistake> {
        let not = self.eat('^');
        let mut ranges = vec![];
        loop {
            let c = self.next().ok_or_else(|| self.wrong("a `[` that is not closed"))?;
            match c {
                ']' if !ranges.is_empty() => return Ok(Part::Set(ranges, not)),
                '[' | ']' | '\\' | '^' => return Err(self.wrong(&format!("a `{c}` in `[ ]`"))),
                '-' if !ranges.is_empty() && self.peek() != Some(']') => {
                    return Err(self.wrong("a `-` in `[ ]` that is neither last nor between two characters"));
                }
                c if !c.is_ascii() => return Err(self.wrong("a letter in `[ ]` that is not ASCII")),
                c if self.peek() == Some('-') && !self.text[self.at + 1..].starts_with(']') => {
                    self.at += 1;
                    let to = self.next().filter(char::is_ascii).ok_or_else(|| self.wrong("half a range"))?;
                    if to < c || "[]\\^".contains(to) {
                        return Err(self.wrong("a range that goes backwards"));
                    }
                    ranges.push((c, to));
                }
                c => ranges.push((c, c)),
            }
        }
    }

    fn repeated(&mut self, part: Part) -> Result<Part, Mistake> {
        let repeat = |least, most| Part::Repeat(Box::new(part.clone()), least, most);
        let repeated = match self.peek() {
            Some('*') => repeat(0, None),
            Some('+') => repeat(1, None),
            Some('?') => repeat(0, Some(1)),
            Some('{') => {
                let inside = self.text[self.at + 1..].split_once('}').map(|(inside, _)| inside);
                let inside = inside.ok_or_else(|| self.wrong("a `{` that is not closed"))?;
                let (least, most) = inside.split_once(',').unwrap_or((inside, inside));
                let number = |text: &str| text.parse::<usize>().ok().filter(|n| *n <= 255);
                let bounds =
                    number(least).zip(if most.is_empty() { Some(None) } else { number(most).map(Some) });
                let (least, most) = bounds
                    .filter(|(least, most)| most.is_none_or(|most| *least <= most && most > 0))
                    .ok_or_else(|| self.wrong("a `{ }` with other than one or two numbers up to 255"))?;
                self.at += inside.len() + 1;
                repeat(least, most)
            }
            _ => return Ok(part),
        };
        self.at += 1;
        match self.peek() {
            Some('*' | '+' | '?' | '{') => Err(self.wrong("two repetitions one after the other")),
            _ => Ok(repeated),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_the_whole_answer() {
        for (pattern, good, bad) in [
            ("[a-z][a-z0-9-]*", &["a", "ada-1"][..], &["", "1a", "ada_", "ada b", "ä"][..]),
            ("(ab|c)+d?", &["ab", "cab", "abcd"], &["a", "d", "abdd", ""]),
            (".{2,3}", &["ab", "äöü"], &["a", "abcd"]),
            ("a{2}", &["aa"], &["a", "aaa"]),
            (r"v\.[^.]+", &["v.1"], &["vx1", "v."]),
            ("a|b|cd", &["a", "b", "cd"], &["ad", "c"]),
            ("([a-z]+\\+)*x", &["x", "a+b+x"], &["a+", "ax"]),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            good.iter().for_each(|t| assert!(parsed.matches(t), "{pattern} {t}"));
            bad.iter().for_each(|t| assert!(!parsed.matches(t), "{pattern} {t}"));
        }
    }

    #[test]
    fn what_grep_might_understand_otherwise_is_refused() {
        for pattern in [
            "",
            "a|",
            "()",
            "(a",
            "a)",
            "*",
            "a**",
            "a{3,2}",
            "a{x}",
            "a{0}",
            "^a$",
            r"\d",
            r"\<a",
            "[]a]",
            "[a",
            "[z-a]",
            "[[:alpha:]]",
            "[ä]",
            "a{256}",
            "((((((((((((((((((((((a",
            "(a{255}){255}",
        ] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn no_pattern_takes_long() {
        let pattern = Pattern::parse("((a*)*)*b").unwrap();
        assert!(!pattern.matches(&"a".repeat(4096)));
    }
}
