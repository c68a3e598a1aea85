//! The client's side of debconf's protocol.
//!
//! One command, one line; one line comes back, a number and a text. The frontend ends the conversation with the process that
//! sourced `/usr/share/debconf/confmodule`; a program started by that script may talk in between, and leaves
//! the capabilities as the script set them ([`Confmodule::capabilities`] changes them for the script too).

use std::{
    fs::File,
    io::{self, BufRead, StdinLock, Write},
};

/// Talks to debconf: commands out through `W`, replies in through `R`.
#[derive(Debug)]
pub struct Confmodule<R, W> {
    replies: R,
    commands: W,
    escape: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "cannot open debconf's descriptor 3: is this run by a script that sourced /usr/share/debconf/confmodule?"
    )]
    Connect(#[source] io::Error),
    #[error("cannot talk to debconf ({command})")]
    Talk { command: String, source: io::Error },
    #[error("debconf ended the conversation ({command})")]
    Closed { command: String },
    /// The question or template is not known to debconf (status 10).
    #[error("debconf does not know {question}")]
    Unknown { question: String },
    #[error("debconf refused {command}: {status} {text}")]
    Refused { command: String, status: u32, text: String },
    #[error("debconf's reply to {command} is no reply")]
    Garbled { command: String },
    /// Without the capability `escape` such a text cannot be sent unharmed.
    #[error(
        "the text for {question} has a line end, a backslash or spaces that debconf would not keep; ask for `escape` first"
    )]
    Unsendable { question: String },
}

/// What [`Confmodule::go`] ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Went {
    /// Everything was answered.
    On,
    /// The person wants to see the questions before.
    Back,
}

/// Opens the conversation of the maintainer script that started this program: replies on descriptor 0, commands
/// on descriptor 3. Standard output stays free (the script made it standard error).
pub fn connect() -> Result<Confmodule<StdinLock<'static>, File>, Error> {
    // the descriptor is a pipe, which can be opened once more by name without `unsafe`
    let commands = File::options().write(true).open("/proc/self/fd/3").map_err(Error::Connect)?;
    Ok(Confmodule::new(io::stdin().lock(), commands))
}

impl<R: BufRead, W: Write> Confmodule<R, W> {
    pub fn new(replies: R, commands: W) -> Self {
        Confmodule { replies, commands, escape: false }
    }

    /// The streams, to look at what was said.
    pub fn into_inner(self) -> (R, W) {
        (self.replies, self.commands)
    }

    /// Agrees on version 2 of the protocol.
    pub fn version(&mut self) -> Result<(), Error> {
        self.say("VERSION", &["2.0"]).map(drop)
    }

    /// Tells debconf what the client can do (`backup`, `escape`) and returns what debconf can do. With `escape`, any
    /// text passes unharmed from here on; the script that shares the conversation is concerned as well.
    pub fn capabilities(&mut self, ours: &[&str]) -> Result<Vec<String>, Error> {
        let reply = self.say("CAPB", ours)?;
        let theirs: Vec<String> = reply.text.split_whitespace().map(str::to_owned).collect();
        self.escape = ours.contains(&"escape") && theirs.iter().any(|t| t == "escape");
        Ok(theirs)
    }

    /// The value of a question; empty when it has none.
    pub fn get(&mut self, question: &str) -> Result<String, Error> {
        self.say("GET", &[question]).map(|reply| reply.text)
    }

    pub fn set(&mut self, question: &str, value: &str) -> Result<(), Error> {
        self.say("SET", &[question, value]).map(drop)
    }

    /// A flag of a question, usually `seen`.
    pub fn fget(&mut self, question: &str, flag: &str) -> Result<bool, Error> {
        self.say("FGET", &[question, flag]).map(|reply| reply.text == "true")
    }

    pub fn fset(&mut self, question: &str, flag: &str, value: bool) -> Result<(), Error> {
        self.say("FSET", &[question, flag, if value { "true" } else { "false" }]).map(drop)
    }

    /// Back to the template's default, and unseen.
    pub fn reset(&mut self, question: &str) -> Result<(), Error> {
        self.say("RESET", &[question]).map(drop)
    }

    /// Makes the question from a template that is loaded.
    pub fn register(&mut self, template: &str, question: &str) -> Result<(), Error> {
        self.say("REGISTER", &[template, question]).map(drop)
    }

    pub fn unregister(&mut self, question: &str) -> Result<(), Error> {
        self.say("UNREGISTER", &[question]).map(drop)
    }

    /// What `${variable}` in the question's template stands for.
    pub fn subst(&mut self, question: &str, variable: &str, value: &str) -> Result<(), Error> {
        self.say("SUBST", &[question, variable, value]).map(drop)
    }

    /// Puts the question into the next [`go`](Self::go). False when it will not be shown: seen before, of too low
    /// a priority, or nobody is there.
    pub fn input(&mut self, priority: &str, question: &str) -> Result<bool, Error> {
        match self.say("INPUT", &[priority, question]) {
            Ok(_) => Ok(true),
            Err(Error::Refused { status: 30, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub fn go(&mut self) -> Result<Went, Error> {
        match self.say("GO", &[]) {
            Ok(_) => Ok(Went::On),
            Err(Error::Refused { status: 30, .. }) => Ok(Went::Back),
            Err(error) => Err(error),
        }
    }

    /// Ends the conversation, for the script as well. There is no reply.
    pub fn stop(mut self) -> Result<(), Error> {
        let talk = |source| Error::Talk { command: "STOP".into(), source };
        self.commands.write_all(b"STOP\n").and_then(|()| self.commands.flush()).map_err(talk)
    }

    fn say(&mut self, verb: &str, arguments: &[&str]) -> Result<Reply, Error> {
        // values may be secrets: a message names the verb and the question alone
        let question = arguments.first().copied().unwrap_or_default();
        let command = format!("{verb} {question}");
        let mut line = verb.to_owned();
        for argument in arguments {
            line.push(' ');
            line.push_str(&self.sendable(argument).ok_or(Error::Unsendable { question: question.into() })?);
        }
        line.push('\n');
        let talk = |source| Error::Talk { command: command.clone(), source };
        self.commands.write_all(line.as_bytes()).and_then(|()| self.commands.flush()).map_err(talk)?;
        let mut bytes = vec![];
        self.replies.read_until(b'\n', &mut bytes).map_err(talk)?;
        if bytes.pop() != Some(b'\n') {
            return Err(Error::Closed { command });
        }
        let reply = Reply::parse(&String::from_utf8_lossy(&bytes))
            .ok_or(Error::Garbled { command: command.clone() })?;
        match reply.status {
            0 | 1 => Ok(reply),
            10 => Err(Error::Unknown { question: question.into() }),
            status => Err(Error::Refused { command, status, text: reply.text }),
        }
    }

    fn sendable(&self, text: &str) -> Option<String> {
        if self.escape {
            return Some(escape(text));
        }
        let kept = text.split_whitespace().collect::<Vec<_>>().join(" ") == text;
        kept.then(|| text.to_owned())
    }
}

struct Reply {
    status: u32,
    text: String,
}

impl Reply {
    fn parse(line: &str) -> Option<Reply> {
        let (status, text) = line.split_once(' ').unwrap_or((line, ""));
        let status = status.parse().ok()?;
        // 1: escaped data
        Some(Reply { status, text: if status == 1 { unescape(text) } else { text.to_owned() } })
    }
}

/// Debconf's escape: a backslash before each backslash and white space, `\n` for a line end.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\\' => out.push_str("\\\\"),
            c if c.is_whitespace() => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn talk<T>(replies: &str, with: impl FnOnce(&mut Confmodule<&[u8], Vec<u8>>) -> T) -> (T, String) {
        let mut module = Confmodule::new(replies.as_bytes(), vec![]);
        let result = with(&mut module);
        (result, String::from_utf8(module.into_inner().1).unwrap())
    }

    #[test]
    fn values_come_back_and_statuses_are_told_apart() {
        let (value, said) =
            talk("0 2.0\n0 My  Wiki \n", |m| m.version().and_then(|()| m.get("a/b")).unwrap());
        assert_eq!((value.as_str(), said.as_str()), ("My  Wiki ", "VERSION 2.0\nGET a/b\n"));
        assert!(!talk("30 question skipped\n", |m| m.input("high", "a/b").unwrap()).0);
        assert_eq!(talk("30 backup\n", |m| m.go().unwrap()).0, Went::Back);
        assert!(matches!(talk("10 a/b doesn't exist\n", |m| m.get("a/b")).0, Err(Error::Unknown { .. })));
        assert!(matches!(talk("0", |m| m.get("a/b")).0, Err(Error::Closed { .. })));
        assert!(matches!(talk("", |m| m.go()).0, Err(Error::Closed { .. })));
        assert!(matches!(talk("hello\n", |m| m.go()).0, Err(Error::Garbled { .. })));
    }

    #[test]
    fn without_escape_a_text_that_would_be_harmed_is_refused() {
        for value in ["a\nSTOP", " a", "a  b", "a\t", ""] {
            let (result, said) = talk("0 ok\n", |m| m.set("a/b", value));
            assert_eq!(matches!(result, Err(Error::Unsendable { .. })), !value.is_empty(), "{value:?}");
            assert!(value.is_empty() || said.is_empty());
        }
    }

    #[test]
    fn a_refusal_never_shows_the_value() {
        let (result, _) = talk("20 bad\n", |m| m.set("a/b", "s3cret"));
        assert!(!format!("{:?} {}", result, result.as_ref().unwrap_err()).contains("s3cret"));
    }

    proptest! {
        /// The other end splits as debconf's unescape_split does: white space separates, a backslash protects.
        #[test]
        fn with_escape_any_text_is_one_word_and_one_line(value in any::<String>()) {
            let ((), said) = talk("0 multiselect escape\n0 value set\n", |m| {
                m.capabilities(&["escape"]).unwrap();
                m.set("a/b", &value).unwrap();
            });
            let line = said.strip_prefix("CAPB escape\nSET a/b ").unwrap().strip_suffix('\n').unwrap();
            prop_assert!(!line.contains('\n'));
            let mut protected = false;
            for c in line.chars() {
                prop_assert!(protected || !c.is_whitespace());
                protected = !protected && c == '\\';
            }
            prop_assert_eq!(unescape(line), value);
        }
    }
}
