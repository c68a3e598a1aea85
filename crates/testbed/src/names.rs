//! The lab's name server: every name is unknown, and that is said at once.
//!
//! Machines reach nobody, and a name that nobody is asked about costs a program ten seconds each time. Of RFC 1035,
//! section 4.1, no more than that takes: the question comes back with NXDOMAIN.

use anyhow::{Context, Result};
use std::{
    net::{Ipv4Addr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

const PORT: u16 = 53;
/// Of a message (octets).
const HEADER: usize = 12;
/// No message over UDP without extensions is longer (octets).
const LONGEST: usize = 512;

/// How long the end may take. Nothing can be sent to wake the server: the bridge with its address may be gone by then.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Answers until it is dropped; then the port is free.
pub struct Server {
    stop: Arc<AtomicBool>,
    answering: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(ip: Ipv4Addr) -> Result<Server> {
        let socket =
            UdpSocket::bind((ip, PORT)).with_context(|| format!("cannot answer names at {ip}:{PORT}"))?;
        socket.set_read_timeout(Some(LOOK_EVERY))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let answering = thread::spawn(move || {
            let mut message = [0; LONGEST];
            while !stopped.load(Ordering::SeqCst) {
                let Ok((length, from)) = socket.recv_from(&mut message) else { continue };
                if let Some(reply) = unknown(&message[..length]) {
                    let _ = socket.send_to(&reply, from);
                }
            }
        });
        Ok(Server { stop, answering: Some(answering) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.answering.take().map(JoinHandle::join);
    }
}

/// The answer to a query with one question; None to anything else.
fn unknown(query: &[u8]) -> Option<Vec<u8>> {
    let (header, rest) = query.split_at_checked(HEADER)?;
    // a standard query: QR and OPCODE are 0
    if header[2] & 0xf8 != 0 || header[4..6] != [0, 1] {
        return None;
    }
    let mut end = 0;
    while *rest.get(end)? != 0 {
        end += 1 + usize::from(rest[end]);
    }
    // the root's label, QTYPE and QCLASS
    let question = rest.get(..end + 5)?;
    // a response by who has the say (AA), with recursion wanted as before (RD) and available (RA), and no such name (3)
    let mut reply = vec![header[0], header[1], 0x84 | header[2] & 1, 0x83];
    reply.extend([0, 1, 0, 0, 0, 0, 0, 0]);
    reply.extend(question);
    Some(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_comes_back_as_unknown_and_nothing_else_comes_back() {
        let mut query = vec![7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
        let question = b"\x07example\x04test\x00\x00\x1c\x00\x01";
        query.extend(question);
        // EDNS, as a modern resolver adds it
        query.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
        let reply = unknown(&query).unwrap();
        assert_eq!(reply[..4], [7, 9, 0x85, 0x83]);
        assert_eq!(reply[HEADER..], question[..]);

        let answer = [&reply[..]].concat();
        assert_eq!(unknown(&answer), None);
        for length in 0..HEADER + question.len() {
            assert_eq!(unknown(&query[..length]), None);
        }
    }
}
