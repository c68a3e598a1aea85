//! The frontend's side of debconf's passthrough protocol: being the one who asks.
//!
//! A package's script talks to debconf; with `DEBIAN_FRONTEND=passthrough` debconf hands every question that nobody
//! has answered yet to whoever listens at the socket `DEBCONF_PIPE`, one connection for each process. Each line gets
//! one line back. [`serve`] speaks it for one connection and turns to a [`Frontend`] for the answers.
//!
//! Source: Debconf::FrontEnd::Passthrough of debconf 1.5.91 (there is no written specification). What follows from it:
//! the tag is the *template's* name, so questions of one template are told apart by their substitutions only; a
//! value is one line; and a frontend that goes away in the middle leaves debconf with empty answers, so it must not.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    io::{self, BufRead, Read, Write},
};

/// No honest line is longer (bytes).
const LINE_LIMIT: u64 = 1 << 20;
/// No honest script asks more at once.
const QUESTIONS_LIMIT: usize = 1000;

/// A question that debconf hands on, as its package wrote it: nothing in it may go to a terminal unfiltered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The template's name; the question's own name in most cases, but see [`Asked::variables`].
    pub template: String,
    /// `low`, `medium`, `high` or `critical`
    pub priority: String,
    /// debconf's type: `string`, `boolean`, `select`, `multiselect`, `password`, `note`, `text`, `error`, `title`
    pub kind: String,
    pub description: String,
    /// Lines; paragraphs are parted by an empty one.
    pub extended: String,
    pub choices: Vec<String>,
    /// What debconf takes when the answer is not changed. Of a multiselect: choices joined by `, `.
    pub default: String,
    /// What the script substituted. dbconfig-common's questions of one template differ in `pkg` only.
    pub variables: BTreeMap<String, String>,
}

impl Asked {
    /// Whether there is something to answer: the others are shown only.
    pub fn wants_answer(&self) -> bool {
        !matches!(self.kind.as_str(), "note" | "text" | "error" | "title")
    }

    /// The question's name, as far as it can be told: debconf hands on the template's. dbconfig-common makes a question of
    /// its templates for each package, `PACKAGE/…`.
    pub fn question(&self) -> String {
        match (self.template.strip_prefix("dbconfig-common/"), self.variables.get("pkg")) {
            (Some(rest), Some(package)) => format!("{package}/{rest}"),
            _ => self.template.clone(),
        }
    }
}

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// One value for each question, in their order; for those that are only shown, anything.
    Values(Vec<String>),
    /// The person wants to see the questions before these; only where it was offered.
    Back,
}

/// Who asks.
pub trait Frontend {
    /// Asks all questions of one screen. `title` is the package's or the script's own; `back` says whether the script
    /// can go back. An error ends the conversation: see [`serve`].
    fn ask(&mut self, title: &str, questions: &[Asked], back: bool) -> io::Result<Answered>;

    /// A bar of the script's own moves: percent of it, and what it does.
    fn progress(&mut self, _percent: u8, _doing: &str) {}
}

/// Speaks with one of debconf's processes until it has no more to say.
///
/// An error of the [`Frontend`] is handed on with the question *unanswered*: the caller then has to end debconf's
/// process before it closes the connection, for debconf would take an end for empty answers and go on.
pub fn serve(
    reader: &mut dyn BufRead,
    writer: &mut dyn Write,
    frontend: &mut dyn Frontend,
) -> io::Result<()> {
    let mut talk = Talk::default();
    while let Some(line) = read_line(reader)? {
        let reply = talk.reply(&line, frontend)?;
        writer.write_all(format!("{reply}\n").as_bytes())?;
        writer.flush()?;
    }
    Ok(())
}

fn read_line(reader: &mut dyn BufRead) -> io::Result<Option<String>> {
    let mut line = vec![];
    reader.take(LINE_LIMIT).read_until(b'\n', &mut line)?;
    if line.last() != Some(&b'\n') {
        // cut off, or longer than any honest line
        let cut = |_| io::Error::new(io::ErrorKind::InvalidData, "debconf sent a line that does not end");
        return if line.is_empty() { Ok(None) } else { Err(cut(())) };
    }
    line.pop();
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

/// What was said in one connection.
#[derive(Default)]
struct Talk {
    title: String,
    back: bool,
    known: HashMap<String, Asked>,
    asked: Vec<Asked>,
    /// Asked, and answered with "back". debconf tells nobody when the next script cannot go back: then it wants answers.
    left: Vec<Asked>,
    /// By template, in the order of the questions: two of one template are fetched in that order.
    answers: HashMap<String, VecDeque<String>>,
    range: (i64, i64),
    at: i64,
    doing: String,
}

impl Talk {
    fn reply(&mut self, line: &str, frontend: &mut dyn Frontend) -> io::Result<String> {
        let (command, rest) = cut(line);
        match command.to_ascii_uppercase().as_str() {
            "TITLE" => self.title = unescape(rest),
            "SETTITLE" => {
                self.title = self.known.get(rest).map_or_else(String::new, |q| q.description.clone())
            }
            "CAPB" => {
                self.back |= rest.split_whitespace().any(|c| c == "backup");
                return Ok("0 backup multiselect".into());
            }
            "DATA" => self.data(rest),
            "SET" => {
                let (tag, value) = cut(rest);
                self.question(tag).default = value.to_owned();
            }
            "SUBST" => {
                let (tag, rest) = cut(rest);
                let (variable, value) = cut(rest);
                self.question(tag).variables.insert(variable.to_owned(), value.to_owned());
            }
            "INPUT" => self.input(rest)?,
            "GO" => return self.go(frontend),
            "GET" => return self.get(rest, frontend),
            "PROGRESS" => self.progress(rest, frontend),
            _ => {}
        }
        Ok("0".into())
    }

    fn question(&mut self, tag: &str) -> &mut Asked {
        self.known
            .entry(tag.to_owned())
            .or_insert_with(|| Asked { template: tag.to_owned(), ..Asked::default() })
    }

    fn data(&mut self, rest: &str) {
        let (tag, rest) = cut(rest);
        let (item, value) = cut(rest);
        match item {
            // always the first: what was known is of a former question of the same template
            "type" => {
                let fresh = Asked { template: tag.into(), kind: value.into(), ..Asked::default() };
                self.known.insert(tag.to_owned(), fresh);
            }
            "description" => self.question(tag).description = unescape(value),
            "extended_description" => self.question(tag).extended = unescape(value),
            "choices" => self.question(tag).choices = choices(value),
            _ => {}
        }
    }

    fn input(&mut self, rest: &str) -> io::Result<()> {
        if self.asked.len() == QUESTIONS_LIMIT {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "debconf asks without end"));
        }
        let (priority, tag) = cut(rest);
        let mut asked = self.question(tag).clone();
        asked.priority = priority.to_owned();
        self.asked.push(asked);
        Ok(())
    }

    fn go(&mut self, frontend: &mut dyn Frontend) -> io::Result<String> {
        self.answers.clear();
        self.left.clear();
        let asked = std::mem::take(&mut self.asked);
        if asked.is_empty() {
            return Ok("0 ok".into());
        }
        self.ask(asked, frontend)
    }

    fn ask(&mut self, asked: Vec<Asked>, frontend: &mut dyn Frontend) -> io::Result<String> {
        match frontend.ask(&self.title, &asked, self.back)? {
            Answered::Back if self.back => {
                self.left = asked;
                Ok("30 backup".into())
            }
            Answered::Back => Err(io::Error::other("there is no way back from this question")),
            Answered::Values(values) => {
                for (question, value) in asked.iter().zip(values) {
                    if value.contains(['\n', '\r']) {
                        return Err(io::Error::other("debconf takes answers of one line only"));
                    }
                    self.answers.entry(question.template.clone()).or_default().push_back(value);
                }
                Ok("0 ok".into())
            }
        }
    }

    /// debconf asks for the answers right after GO, for each question once.
    fn get(&mut self, tag: &str, frontend: &mut dyn Frontend) -> io::Result<String> {
        if !self.left.is_empty() {
            self.back = false;
            let left = std::mem::take(&mut self.left);
            self.ask(left, frontend)?;
        }
        let kept = self.answers.get_mut(tag);
        let value = kept.and_then(|v| if v.len() > 1 { v.pop_front() } else { v.front().cloned() });
        let value = value.or_else(|| self.known.get(tag).map(|q| q.default.clone()));
        Ok(format!("0 {}", value.unwrap_or_default()))
    }

    fn progress(&mut self, rest: &str, frontend: &mut dyn Frontend) {
        let (what, rest) = cut(rest);
        let number = |text: &str| text.trim().parse::<i64>().unwrap_or(0);
        match what.to_ascii_uppercase().as_str() {
            "START" => {
                let mut words = rest.splitn(3, ' ');
                self.range = (number(words.next().unwrap_or("")), number(words.next().unwrap_or("")));
                self.at = self.range.0;
                self.doing = self.described(words.next().unwrap_or(""));
            }
            "SET" => self.at = number(rest),
            "STEP" => self.at = self.at.saturating_add(number(rest)),
            "INFO" => self.doing = self.described(rest),
            _ => return,
        }
        let (from, to) = self.range;
        let whole = i128::from(to) - i128::from(from);
        let done = (i128::from(self.at) - i128::from(from)).clamp(0, whole.max(0));
        let percent = if whole > 0 { (done * 100 / whole) as u8 } else { 0 };
        frontend.progress(percent, &self.doing);
    }

    fn described(&self, tag: &str) -> String {
        self.known.get(tag).map(|q| q.description.clone()).unwrap_or_default()
    }
}

/// The first word and what follows the space after it.
fn cut(line: &str) -> (&str, &str) {
    line.split_once(' ').unwrap_or((line, ""))
}

fn unescape(text: &str) -> String {
    text.replace("\\n", "\n")
}

/// debconf's own way: parted by a comma and spaces, with `\,` and `\ ` for the characters themselves.
fn choices(text: &str) -> Vec<String> {
    let (mut items, mut item) = (vec![], String::new());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\\' if matches!(rest.peek(), Some(',' | ' ')) => item.extend(rest.next()),
            ',' if rest.peek().is_some_and(|c| c.is_whitespace()) => {
                while rest.next_if(|c| c.is_whitespace()).is_some() {}
                items.push(std::mem::take(&mut item));
            }
            _ => item.push(character),
        }
    }
    if !item.is_empty() {
        items.push(item);
    }
    items
}

#[cfg(test)]
mod tests;
