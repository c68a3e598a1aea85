//! One task's log for all who look at it: opened once, understood once, and read once for everybody who follows it.
//!
//! Whether somebody may read it, the broker has said before he gets here.

use crate::{
    log,
    summary::{Scan, Summary},
};
use axum::body::Bytes;
use broker_protocol::TaskId;
use events::Kind;
use std::{
    collections::VecDeque,
    fs::File,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Logs that are kept open.
const FEEDS: usize = 8;
/// Pieces of one that are kept for those who are not as far yet.
const PIECES: usize = 4;

/// The logs that were looked at last.
#[derive(Default)]
pub struct Feeds(Mutex<VecDeque<(TaskId, Arc<Feed>)>>);

pub struct Feed {
    file: File,
    pieces: Mutex<VecDeque<Piece>>,
    scan: Mutex<Scan>,
}

/// Some events, as they are sent.
#[derive(Clone)]
pub struct Piece {
    from: u64,
    /// Where to go on.
    pub after: u64,
    pub text: Bytes,
    /// The task's result is among them: nothing follows.
    pub last: bool,
}

impl Feeds {
    /// The log of that task, which the caller was given as `file`.
    pub fn of(&self, id: &TaskId, file: File) -> Arc<Feed> {
        let mut feeds = lock(&self.0);
        let known = feeds.iter().position(|(known, _)| known == id);
        let feed = match known.and_then(|at| feeds.remove(at)) {
            Some((_, feed)) => feed,
            None => Arc::new(Feed { file, pieces: Mutex::default(), scan: Mutex::default() }),
        };
        feeds.push_front((id.clone(), feed.clone()));
        feeds.truncate(FEEDS);
        feed
    }
}

impl Feed {
    /// Takes as long as it takes to read what is new, which may be all of it.
    pub fn summary(&self) -> io::Result<Summary> {
        lock(&self.scan).go_on(&self.file)
    }

    /// What comes at that byte; none when nothing does now.
    pub fn next(&self, from: u64) -> io::Result<Option<Piece>> {
        let mut pieces = lock(&self.pieces);
        if let Some(piece) = pieces.iter().find(|piece| piece.from == from) {
            return Ok(Some(piece.clone()));
        }
        let (events, after) = log::read(&self.file, from)?;
        if after == from {
            return Ok(None);
        }
        let piece = Piece {
            from,
            after,
            text: events.iter().map(frame).collect::<String>().into(),
            last: events.iter().any(|at| matches!(at.event.kind, Kind::Result { .. })),
        };
        if pieces.len() == PIECES {
            pieces.pop_front();
        }
        pieces.push_back(piece.clone());
        Ok(Some(piece))
    }
}

fn frame(at: &log::At) -> String {
    // one line of JSON has no line end in it
    format!("id: {}\ndata: {}\n\n", at.after, at.event.to_line())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
