//! What the browsers see and the work waits for: one board, written by the work, read by every request.

use super::form::{Form, Typed};
use crate::ending::Ending;
use appliance::problem::printable;
use events::Kind;
use std::{
    collections::VecDeque,
    net::IpAddr,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Lines of output that are shown.
const LINES: usize = 200;

#[derive(Default)]
pub struct Board {
    state: Mutex<State>,
    /// An answer has come, or the ending was seen.
    changed: Condvar,
}

#[derive(Default)]
pub struct State {
    /// Counts what was asked: a form says which one it answers.
    pub number: u64,
    /// What is asked now.
    pub asked: Option<Arc<Form>>,
    answer: Option<Typed>,
    /// Who answered last.
    pub answered_by: Option<IpAddr>,
    pub work: Work,
    pub ended: Option<Told>,
    /// A browser has the ending.
    seen: bool,
    /// When a browser asked last.
    heard: Option<Instant>,
}

/// How the work is going.
#[derive(Default, Clone)]
pub struct Work {
    pub phase: String,
    pub step: Option<(u32, u32)>,
    pub percent: Option<f32>,
    pub detail: String,
    pub warnings: Vec<String>,
    pub lines: VecDeque<String>,
}

/// The ending, as the page tells it.
#[derive(Default, Clone)]
pub struct Told {
    pub ok: bool,
    pub message: String,
    pub details: Vec<String>,
    pub url: Option<String>,
    pub management: Option<(String, String, Option<String>)>,
    pub secrets: Vec<(String, String)>,
}

impl Board {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows the questions and waits until they are answered, or `stop` says why not; it is asked twice a second.
    pub fn ask<E>(&self, form: Form, mut stop: impl FnMut() -> Option<E>) -> Result<Typed, E> {
        let mut state = self.state();
        state.number += 1;
        (state.asked, state.answer) = (Some(Arc::new(form)), None);
        loop {
            if let Some(answer) = state.answer.take() {
                return Ok(answer);
            }
            if let Some(why) = stop() {
                state.asked = None;
                return Err(why);
            }
            let wait = self.changed.wait_timeout(state, Duration::from_millis(500));
            state = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The first complete form wins: false for whoever comes later.
    pub fn answer(&self, number: u64, answer: Typed, from: IpAddr) -> bool {
        let mut state = self.state();
        if state.number != number || state.asked.is_none() {
            return false;
        }
        (state.asked, state.answer, state.answered_by) = (None, Some(answer), Some(from));
        self.changed.notify_all();
        true
    }

    pub fn hear(&self, kind: &Kind) {
        let work = &mut self.state().work;
        match kind {
            Kind::Phase { title, index, of, .. } => {
                work.phase = printable(title);
                (work.step, work.percent, work.detail) = (index.zip(*of), None, String::new());
            }
            Kind::Progress { percent, detail } => {
                (work.percent, work.detail) = (Some(*percent), printable(detail));
            }
            Kind::Log { line, .. } => {
                if work.lines.len() == LINES {
                    work.lines.pop_front();
                }
                work.lines.push_back(printable(line));
            }
            Kind::Warning { message } if work.warnings.len() < LINES => {
                work.warnings.push(printable(message))
            }
            Kind::Warning { .. }
            | Kind::Artifact { .. }
            | Kind::Table { .. }
            | Kind::Text { .. }
            | Kind::Secret { .. }
            | Kind::Result { .. } => {}
        }
    }

    /// A browser that was let in asks; `showing` is whether it gets the ending.
    pub fn visited(&self, showing: bool) {
        let mut state = self.state();
        state.heard = Some(Instant::now());
        if showing && state.ended.is_some() && !state.seen {
            state.seen = true;
            self.changed.notify_all();
        }
    }

    /// Shows the ending, and waits until a browser that is still there has it, or for `patience`. Whether one has.
    pub fn end(&self, told: Told, patience: Duration) -> bool {
        let begun = Instant::now();
        let mut state = self.state();
        state.ended = Some(told);
        let there = |heard: Option<Instant>| heard.is_some_and(|at| at.elapsed() < Duration::from_secs(10));
        while !state.seen && there(state.heard) && begun.elapsed() < patience {
            let wait = self.changed.wait_timeout(state, Duration::from_millis(500));
            state = wait.unwrap_or_else(PoisonError::into_inner).0;
        }
        let seen = state.seen;
        if seen {
            // it was written, and may still be on its way
            drop(self.changed.wait_timeout(state, Duration::from_secs(1)));
        }
        seen
    }
}

impl Told {
    pub fn of(ending: &Ending, failure: Option<(String, Vec<String>)>) -> Told {
        let management = ending.management.as_ref();
        Told {
            ok: failure.is_none(),
            message: printable(failure.as_ref().map_or(&ending.message, |(message, _)| message)),
            details: failure
                .map(|(_, lines)| lines.iter().map(|l| printable(l)).collect())
                .unwrap_or_default(),
            // only what a browser should follow
            url: ending.url.clone().filter(|u| u.starts_with("https://") || u.starts_with("http://")),
            management: management.map(|m| (m.url.clone(), m.link.clone(), m.fingerprint.clone())),
            secrets: ending.secrets.clone().into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn the_first_answer_wins_and_a_later_question_is_another_one() {
        let board = Board::default();
        let from = IpAddr::from([192, 0, 2, 7]);
        let answer = |text: &str| Typed::from([("q".to_owned(), text.to_owned())]);
        thread::scope(|scope| {
            let asked = scope.spawn(|| board.ask(Form::default(), || None::<()>));
            while !board.answer(1, answer("one"), from) {
                thread::yield_now();
            }
            assert!(!board.answer(1, answer("two"), from));
            assert_eq!(asked.join().unwrap(), Ok(answer("one")));
        });
        let stopped = board.ask(Form::default(), || Some("stopped"));
        assert_eq!(stopped, Err("stopped"));
        assert!(!board.answer(2, answer("late"), from), "nobody waits for it any more");
    }

    #[test]
    fn nobody_is_waited_for_who_is_not_there() {
        let board = Board::default();
        board.hear(&Kind::Log { stream: events::Stream::Stdout, line: "a\u{1b}[2J".into() });
        assert_eq!(board.state().work.lines, ["a\\u{1b}[2J"]);
        assert!(!board.end(Told::default(), Duration::from_secs(3600)));
        board.visited(true);
        assert!(board.end(Told::default(), Duration::from_secs(3600)));
    }
}
