//! One line for everything privileged: who, from where, what, and what came of it. Never a token, a parameter's value, or what a
//! program said. It stands in the journal, and in the trail that the page shows ([`crate::trail`]).

use crate::tasks::record::Record;
use events::{Event, Kind, Status};
use std::{
    collections::BTreeMap,
    fmt::Write,
    mem,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Whoever reaches the page can be refused as often as he likes: once his lines are used up, there is one more in so long.
const ONE_EVERY: Duration = Duration::from_secs(60);

/// Those whose lines are counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Crowd {
    /// Who is not signed in.
    Strangers,
    /// The same with a wrong password or code: it may be the owner, or somebody who guesses.
    AtTheDoor,
    /// Of this account: who does not administer, or is not in yet.
    Account(String),
}

impl Crowd {
    /// Lines at once.
    fn most(&self) -> u32 {
        match self {
            Crowd::Strangers => 1,
            Crowd::AtTheDoor => 60,
            Crowd::Account(_) => 20,
        }
    }
}

/// Keeps those who do not administer from filling the journal and the trail.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<BTreeMap<Crowd, Lines>>);

#[derive(Debug)]
struct Lines {
    /// When all of them can be written again.
    whole_at: Instant,
    left_out: u64,
}

impl Throttle {
    /// None when a line is only counted; else those that were counted since the last line.
    pub fn pass(&self, crowd: Crowd, now: Instant) -> Option<u64> {
        let most = crowd.most();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = all.entry(crowd).or_insert(Lines { whole_at: now, left_out: 0 });
        let whole_at = lines.whole_at.max(now) + ONE_EVERY;
        if whole_at > now + ONE_EVERY * most {
            lines.left_out += 1;
            return None;
        }
        lines.whole_at = whole_at;
        Some(mem::take(&mut lines.left_out))
    }

    /// What was counted and not yet said, for the last word.
    pub fn rest(&self) -> u64 {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.values_mut().map(|lines| mem::take(&mut lines.left_out)).sum()
    }
}

/// What is known of a request when its line is written.
#[derive(Debug, Default)]
pub struct Line<'a> {
    /// The request's name in the table.
    pub what: &'a str,
    /// What it is about: a task's id, an action's name.
    pub about: &'a str,
    /// `root`, or role and the session's mark.
    pub by: &'a str,
    /// The browser's address, as the page tells it.
    pub from: Option<&'a str>,
    /// `ok`, or the reason of the refusal.
    pub result: &'a str,
    /// Lines that were left out since the last one ([`Throttle`]).
    pub left_out: u64,
}

/// Writes the line to standard error, which is the journal in the unit.
pub fn log(line: &Line<'_>) {
    // the priority in front is read by the journal (sd-daemon(3)): notice, or warning
    let priority = if line.result == "ok" { 5 } else { 4 };
    eprintln!("<{priority}>{}", format(line));
}

/// The end of a task, for the journal; the trail finds it with the task.
pub fn log_end(record: &Record, event: &Event) {
    let Kind::Result { status, .. } = event.kind else { return };
    let result = match status {
        Status::Ok => "ok",
        Status::Failed => "failed",
        Status::Cancelled => "cancelled",
    };
    log(&Line { what: "end-of-task", about: record.id.as_str(), by: &record.by, result, ..Line::default() });
}

/// A remark of the broker's own.
pub fn warn(text: &str) {
    eprintln!("<4>{}", clean(text, 500));
}

impl Line<'_> {
    /// The address comes from outside: anything that is none is not written at all.
    pub fn address(&self) -> Option<String> {
        let address = self.from?.parse::<std::net::IpAddr>();
        Some(address.map_or("?".into(), |address| address.to_string()))
    }
}

fn format(line: &Line<'_>) -> String {
    let mut text = format!("{} by={}", line.what, clean(line.by, 64));
    if !line.about.is_empty() {
        let _ = write!(text, " about={}", clean(line.about, 200));
    }
    if let Some(address) = line.address() {
        let _ = write!(text, " from={address}");
    }
    let _ = write!(text, " result={}", line.result);
    if line.left_out > 0 {
        let _ = write!(text, " left-out={}", line.left_out);
    }
    text
}

fn clean(text: &str, most: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_a_line_a_minute_with_their_number() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let lines: Vec<u64> =
            (0..1000).filter_map(|n| throttle.pass(Crowd::Strangers, start + ONE_EVERY * n / 400)).collect();
        assert_eq!(lines, [0, 399, 399]);
        assert_eq!((throttle.rest(), throttle.rest()), (199, 0));
        // one viewer's flood hides nothing of another's
        let viewer = |name: &str| throttle.pass(Crowd::Account(name.into()), start);
        assert_eq!((0..100).filter_map(|_| viewer("bob")).count(), 20);
        assert_eq!(viewer("eve"), Some(0));
        let line =
            Line { what: "redeem-link", by: "nobody", result: "sign-in", left_out: 399, ..Line::default() };
        assert!(format(&line).ends_with("result=sign-in left-out=399"));
    }

    #[test]
    fn a_line_is_one_line_whatever_is_in_it() {
        let line = Line {
            what: "start action",
            about: "wiki\n<0>forged by=root",
            by: "administrator/12345678",
            from: Some("127.0.0.1\n<0>forged"),
            result: "ok",
            left_out: 0,
        };
        let text = format(&line);
        assert!(!text.contains('\n') && text.contains("from=?"), "{text}");
        let line = Line { from: Some("2001:db8::1"), ..line };
        assert!(format(&line).contains("from=2001:db8::1 result=ok"));
    }
}
