//! One message on the socket: one line of JSON within a limit, read before a deadline, with at most one
//! file descriptor beside it (SCM_RIGHTS; unix(7)).

use crate::{REPLY_LIMIT, REQUEST_LIMIT, Reply, Request};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::{
    io::{self, IoSlice, IoSliceMut, Write},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    time::{Duration, Instant},
};

/// What can be wrong with a message. What was in it is never repeated: it may hold a token.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    #[error("the connection broke")]
    Broken(#[from] io::Error),
    #[error("nothing came in time")]
    TimedOut,
    #[error("the connection ended before the end of the line")]
    Short,
    #[error("a message is longer than {limit} bytes")]
    TooLong { limit: usize },
    #[error("something follows the end of the line")]
    Trailing,
    #[error("file descriptors came that nobody asked for")]
    Descriptors,
    #[error("not a message of this protocol: {0}")]
    Malformed(String),
}

/// Reads one request; the whole of it has to arrive within `within`. Descriptors are not accepted.
pub fn read_request(stream: &UnixStream, within: Duration) -> Result<Request, WireError> {
    let (line, descriptor) = read_line(stream, REQUEST_LIMIT, within)?;
    if descriptor.is_some() {
        return Err(WireError::Descriptors);
    }
    parse(&line)
}

/// Writes one request.
pub fn write_request(stream: &UnixStream, request: &Request, within: Duration) -> Result<(), WireError> {
    write_line(stream, &line_of(request, REQUEST_LIMIT)?, None, within)
}

/// Reads one reply, with the descriptor that came with it.
pub fn read_reply(stream: &UnixStream, within: Duration) -> Result<(Reply, Option<OwnedFd>), WireError> {
    let (line, descriptor) = read_line(stream, REPLY_LIMIT, within)?;
    Ok((parse(&line)?, descriptor))
}

/// Writes one reply, and the descriptor that belongs to it.
pub fn write_reply(
    stream: &UnixStream,
    reply: &Reply,
    descriptor: Option<OwnedFd>,
    within: Duration,
) -> Result<(), WireError> {
    write_line(stream, &line_of(reply, REPLY_LIMIT)?, descriptor, within)
}

/// Parses a line without its line end.
pub fn parse<T: serde::de::DeserializeOwned>(line: &[u8]) -> Result<T, WireError> {
    // serde_json's message may quote the input (an unknown field's name, a wrong string), so only its kind is told
    serde_json::from_slice(line).map_err(|e| {
        let kind = match e.classify() {
            serde_json::error::Category::Data => "wrong content",
            serde_json::error::Category::Eof => "incomplete",
            _ => "no JSON",
        };
        WireError::Malformed(format!("{kind} at column {}", e.column()))
    })
}

fn line_of<T: serde::Serialize>(message: &T, limit: usize) -> Result<Vec<u8>, WireError> {
    let mut line = serde_json::to_vec(message).map_err(|e| WireError::Malformed(e.to_string()))?;
    line.push(b'\n');
    if line.len() > limit { Err(WireError::TooLong { limit }) } else { Ok(line) }
}

/// Up to the first line end, without it. Nothing may follow, for a connection carries one message each way.
fn read_line(
    stream: &UnixStream,
    limit: usize,
    within: Duration,
) -> Result<(Vec<u8>, Option<OwnedFd>), WireError> {
    let deadline = Instant::now() + within;
    let (mut line, mut descriptor) = (vec![], None);
    let mut chunk = vec![0; limit.min(64 << 10)];
    loop {
        stream.set_read_timeout(Some(left(deadline)?))?;
        let (count, came) = receive(stream, &mut chunk)?;
        if came.is_some() && descriptor.is_some() {
            return Err(WireError::Descriptors);
        }
        descriptor = descriptor.or(came);
        let bytes = &chunk[..count];
        if bytes.is_empty() {
            return Err(WireError::Short);
        }
        let end = bytes.iter().position(|b| *b == b'\n');
        if line.len() + end.map_or(count, |e| e + 1) > limit {
            return Err(WireError::TooLong { limit });
        }
        line.extend_from_slice(&bytes[..end.unwrap_or(count)]);
        match end {
            Some(end) if end + 1 == count => return Ok((line, descriptor)),
            Some(_) => return Err(WireError::Trailing),
            None => {}
        }
    }
}

/// One read, with at most one descriptor. More than one is an error; those that came are closed.
fn receive(stream: &UnixStream, chunk: &mut [u8]) -> Result<(usize, Option<OwnedFd>), WireError> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = loop {
        match recvmsg(stream, &mut [IoSliceMut::new(chunk)], &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(rustix::io::Errno::AGAIN) => return Err(WireError::TimedOut),
            other => break other.map_err(io::Error::from)?,
        }
    };
    let mut descriptors = vec![];
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(came) = message {
            descriptors.extend(came);
        }
    }
    if descriptors.len() > 1 || got.flags.contains(ReturnFlags::CTRUNC) {
        return Err(WireError::Descriptors);
    }
    Ok((got.bytes, descriptors.pop()))
}

fn write_line(
    stream: &UnixStream,
    line: &[u8],
    descriptor: Option<OwnedFd>,
    within: Duration,
) -> Result<(), WireError> {
    let deadline = Instant::now() + within;
    stream.set_write_timeout(Some(left(deadline)?))?;
    let mut sent = 0;
    if let Some(descriptor) = descriptor {
        let fds = [descriptor.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&fds));
        sent = sendmsg(stream, &[IoSlice::new(line)], &mut control, SendFlags::NOSIGNAL)
            .map_err(|e| timed(io::Error::from(e)))?;
    }
    while sent < line.len() {
        stream.set_write_timeout(Some(left(deadline)?))?;
        match (&*stream).write(&line[sent..]) {
            Ok(count) => sent += count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(timed(e)),
        }
    }
    Ok(())
}

fn timed(error: io::Error) -> WireError {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => WireError::TimedOut,
        _ => WireError::Broken(error),
    }
}

/// The time that is left; a socket's timeout of zero would mean none at all.
fn left(deadline: Instant) -> Result<Duration, WireError> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left < Duration::from_millis(1) { Err(WireError::TimedOut) } else { Ok(left) }
}

#[cfg(test)]
mod tests;
