//! Connections: how many, how long, and when to end.
//!
//! One thread for each connection, a fixed number at most; one request each, read before a deadline. With nobody
//! connected for a while the broker ends: the socket stays with the system manager, and a connection that comes in
//! that very moment is what the next broker is started for.

use crate::{STATE, audit, handle::Broker, peer, state::State, tasks::starter::Systemd};
use anyhow::Context;
use broker_protocol::{Reason, Refusal, Reply, wire};
use listenfd::ListenFd;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use std::{
    io,
    os::unix::net::{UnixListener, UnixStream},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// The whole program `appliance-broker`.
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("<3>appliance-broker: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let listener = ListenFd::from_env()
        .take_unix_listener(0)
        .context("cannot take the socket of the system manager")?
        .context("started without a socket; it is started by the system manager: systemctl start appliance-broker.socket")?;
    let state = State::open(STATE).with_context(|| format!("cannot use the folder {STATE}"))?;
    let web = peer::user(peer::WEB_USER).context("cannot read /etc/passwd")?.map(|user| user.uid);
    if web.is_none() {
        audit::warn("there is no user appliance-control: only root is answered");
    }
    let broker = Arc::new(Broker::new(state, plugin::manifest::MANIFESTS, Box::new(Systemd)));
    serve(&listener, broker, web, &Limits::default()).context("cannot serve the socket")
}

/// The limits of a server.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at one time; more are told to come again.
    pub connections: usize,
    /// For a request to arrive, and for an answer to be taken.
    pub talk: Duration,
    /// Without a connection.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { connections: 32, talk: Duration::from_secs(10), idle: Duration::from_secs(15) }
    }
}

/// Serves until nobody has been connected for the idle time. `web` is the user id of the management page.
pub fn serve(
    listener: &UnixListener,
    broker: Arc<Broker>,
    web: Option<u32>,
    limits: &Limits,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let active = Arc::new(AtomicUsize::new(0));
    let mut last = Instant::now();
    loop {
        if active.load(Ordering::SeqCst) > 0 {
            last = Instant::now();
        }
        let left = limits.idle.saturating_sub(last.elapsed());
        if left.is_zero() {
            broker.finish();
            return Ok(());
        }
        // while somebody is connected, it is looked again soon whether he still is
        let wait = if active.load(Ordering::SeqCst) > 0 { left.min(Duration::from_secs(1)) } else { left };
        if !readable(listener, wait)? {
            continue;
        }
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => continue,
            Err(e) if e.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(e) => return Err(e),
        };
        last = Instant::now();
        stream.set_nonblocking(false)?;
        let slot = Slot::take(&active);
        if slot.0.load(Ordering::SeqCst) > limits.connections {
            turn_away(&stream);
            continue;
        }
        let (broker, talk) = (broker.clone(), limits.talk);
        let started = thread::Builder::new().name("connection".into()).spawn(move || {
            let _slot = slot;
            one(&stream, &broker, web, talk);
        });
        if let Err(error) = started {
            audit::warn(&format!("no thread for a connection: {error}"));
        }
    }
}

/// One place among the connections, given back when it is dropped.
struct Slot(Arc<AtomicUsize>);

impl Slot {
    fn take(active: &Arc<AtomicUsize>) -> Slot {
        active.fetch_add(1, Ordering::SeqCst);
        Slot(active.clone())
    }
}
impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn one(stream: &UnixStream, broker: &Broker, web: Option<u32>, talk: Duration) {
    let peer = match peer::of(stream, web) {
        Ok(peer) => peer,
        Err(error) => return audit::warn(&format!("a caller's user cannot be read: {error}")),
    };
    let (reply, descriptor) = match wire::read_request(stream, talk) {
        Ok(request) => broker.handle(&peer, request),
        Err(wire::WireError::Short | wire::WireError::Broken(_)) => return, // gone
        Err(error) => {
            audit::warn(&format!("a request of {peer:?} was refused: {error}"));
            let message = format!(
                "The broker does not understand the request ({error}). Is one of the two programs older?"
            );
            (Reply::Refused(Refusal { reason: Reason::Invalid, message }), None)
        }
    };
    if let Err(wire::WireError::TooLong { limit }) = wire::write_reply(stream, &reply, descriptor, talk) {
        let message = format!("The answer is longer than {limit} bytes.");
        let reply = Reply::Refused(Refusal { reason: Reason::Failed, message });
        let _ = wire::write_reply(stream, &reply, None, talk);
    }
}

fn turn_away(stream: &UnixStream) {
    let message = "Too many requests at once. Try again in a moment.".into();
    let reply = Reply::Refused(Refusal { reason: Reason::Busy, message });
    // short enough for the socket's buffer: nobody waits here
    let _ = wire::write_reply(stream, &reply, None, Duration::from_millis(100));
}

fn readable(listener: &UnixListener, wait: Duration) -> io::Result<bool> {
    let mut fds = [PollFd::new(listener, PollFlags::IN)];
    let wait = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) };
    match poll(&mut fds, Some(&wait)) {
        Ok(count) => Ok(count > 0),
        Err(Errno::INTR) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use broker_protocol::{Answer, Ask, Client, ClientError, Request};
    use std::io::Write;

    fn request(session: Option<&str>) -> Request {
        Request { session: session.map(Into::into), from: None, ask: Ask::Who {} }
    }

    /// Runs the server, with our own user as the page's, while the test talks to it; the time it served.
    fn with(limits: Limits, test: impl FnOnce(&std::path::Path)) -> Duration {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path().join("state")).unwrap();
        let socket = folder.path().join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        let broker = Arc::new(Broker::new(state, folder.path().join("plugins"), Box::new(Systemd)));
        let started = Instant::now();
        let uid = Some(rustix::process::geteuid().as_raw());
        let server =
            thread::spawn(move || serve(&listener, broker, uid, &limits).map(|()| started.elapsed()));
        test(&socket);
        server.join().unwrap().unwrap()
    }

    fn limits() -> Limits {
        Limits { connections: 2, talk: Duration::from_millis(300), idle: Duration::from_millis(500) }
    }

    #[test]
    fn it_answers_and_ends_when_idle() {
        // the place of a request is free a moment after its answer
        let patient = Limits { connections: 20, talk: Duration::from_secs(10), idle: Duration::from_secs(2) };
        let served = with(patient, |socket| {
            for _ in 0..5 {
                // root is known by its user id, anybody else has to sign in
                match Client::new(socket).call(&request(None)) {
                    Ok((Answer::Who(who), None)) => assert_eq!(who.name, "root"),
                    Err(ClientError::Refused(refusal)) => assert_eq!(refusal.reason, Reason::SignIn),
                    other => panic!("{other:?}"),
                }
                let refused = Client::new(socket).call(&request(Some("wrong"))).unwrap_err();
                assert!(matches!(refused, ClientError::Refused(r) if r.reason == Reason::SignIn));
            }
        });
        assert!(served >= Duration::from_secs(2));
    }

    #[test]
    fn too_many_are_turned_away_and_the_silent_make_room() {
        with(limits(), |socket| {
            let silent: Vec<UnixStream> = (0..2).map(|_| UnixStream::connect(socket).unwrap()).collect();
            let reason = |result| match result {
                Err(ClientError::Refused(refusal)) => Some(refusal.reason),
                Ok(_) => None,
                other => panic!("{other:?}"),
            };
            assert_eq!(reason(Client::new(socket).call(&request(Some("x")))), Some(Reason::Busy));
            for stream in &silent {
                let (reply, _) = wire::read_reply(stream, Duration::from_secs(5)).unwrap();
                assert!(matches!(reply, Reply::Refused(r) if r.reason == Reason::Invalid));
            }
            let mut last = Some(Reason::Busy);
            while last == Some(Reason::Busy) {
                last = reason(Client::new(socket).call(&request(Some("x"))));
            }
            assert_eq!(last, Some(Reason::SignIn));
        });
    }

    #[test]
    fn rubbish_is_refused() {
        with(limits(), |socket| {
            let mut stream = UnixStream::connect(socket).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
            let (reply, _) = wire::read_reply(&stream, Duration::from_secs(5)).unwrap();
            assert!(matches!(reply, Reply::Refused(r) if r.reason == Reason::Invalid));
        });
    }
}
