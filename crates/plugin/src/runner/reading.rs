//! The threads around a program: one feeds it, two read from it, one waits for its end. All that happens
//! arrives through one short queue, so a program that floods us waits for us.

use crate::frame::LINE_LIMIT;
use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ExitStatus},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

/// Messages that wait at most; each holds up to 64 KiB.
const QUEUE: usize = 64;

pub enum Said {
    /// A line of standard output, without its line end; one that is too long is cut one byte after the limit.
    Frame(Vec<u8>),
    /// A line of standard error; one that is too long comes in pieces.
    Free(String),
    /// One of the two streams has ended.
    Closed,
    /// None when its end could not be learnt.
    Ended(Option<ExitStatus>),
}

pub fn listen(mut child: Child, input: String) -> Receiver<Said> {
    let (send, receive) = sync_channel(QUEUE);
    if let Some(mut stdin) = child.stdin.take() {
        // a program that does not read its input is no error of ours
        thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    }
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (frames, free) = (send.clone(), send.clone());
    thread::spawn(move || {
        if let Some(stream) = stdout {
            read_frames(stream, &frames);
        }
        let _ = frames.send(Said::Closed);
    });
    thread::spawn(move || {
        if let Some(stream) = stderr {
            read_free(stream, &free);
        }
        let _ = free.send(Said::Closed);
    });
    thread::spawn(move || drop(send.send(Said::Ended(child.wait().ok()))));
    receive
}

fn read_frames(stream: impl Read, frames: &SyncSender<Said>) {
    let mut stream = BufReader::new(stream);
    let mut skipping = false;
    loop {
        let mut line = vec![];
        match (&mut stream).take(LINE_LIMIT as u64 + 1).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let whole = line.last() == Some(&b'\n');
        if whole {
            line.pop();
        }
        // the pieces that follow belong to the same line, which has been handed on already
        let rest = std::mem::replace(&mut skipping, !whole);
        if !rest && frames.send(Said::Frame(line)).is_err() {
            return;
        }
    }
}

fn read_free(stream: impl Read, free: &SyncSender<Said>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = vec![];
        match (&mut stream).take(LINE_LIMIT as u64).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_string();
        if free.send(Said::Free(text)).is_err() {
            return;
        }
    }
}
