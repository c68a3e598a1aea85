//! Reading a stream line by line, and keeping what was read within bounds.

use crate::{CAPTURE_LIMIT, From};
use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read},
    sync::mpsc::Sender,
    thread,
};

/// A line longer than this is cut into several: a program that never ends a line must not fill the memory.
const LINE_LIMIT: u64 = 64 << 10;

/// Reads the stream in a thread of its own and sends each line with its line end.
pub fn reader<R: Read + Send + 'static>(
    stream: Option<R>,
    from: From,
    lines: Sender<(From, Vec<u8>)>,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let Some(stream) = stream else { return };
        let mut stream = BufReader::new(stream);
        loop {
            let mut line = vec![];
            match (&mut stream).take(LINE_LIMIT).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {
                    if lines.send((from, line)).is_err() {
                        return;
                    }
                }
            }
        }
    })
}

/// The first and the last half of [`CAPTURE_LIMIT`] of what was written.
#[derive(Default)]
pub struct Captured {
    head: Vec<u8>,
    tail: VecDeque<Vec<u8>>,
    tail_len: usize,
    dropped: bool,
}

impl Captured {
    pub fn push(&mut self, bytes: &[u8]) {
        if self.tail.is_empty() && self.head.len() + bytes.len() <= CAPTURE_LIMIT / 2 {
            self.head.extend_from_slice(bytes);
            return;
        }
        self.tail_len += bytes.len();
        self.tail.push_back(bytes.to_vec());
        while self.tail_len > CAPTURE_LIMIT / 2
            && let Some(first) = self.tail.pop_front()
        {
            self.tail_len -= first.len();
            self.dropped = true;
        }
    }

    pub fn into_bytes(mut self) -> Vec<u8> {
        if self.dropped {
            self.head.extend_from_slice(b"[...]\n");
        }
        for bytes in self.tail {
            self.head.extend_from_slice(&bytes);
        }
        self.head
    }
}
