//! The asking side: one connection, one request, one answer. Blocks; a caller that must not block gives
//! it a thread.

use crate::{Answer, Refusal, Reply, Request, SOCKET, WireError, wire};
use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    time::Duration,
};

/// Where the broker is, and how long to wait for it.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
    within: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("cannot connect to the broker at {}: is appliance-broker.socket active? (systemctl status appliance-broker.socket)", .socket.display())]
    Connect { socket: PathBuf, source: io::Error },
    #[error("cannot talk to the broker at {}", .socket.display())]
    Talk { socket: PathBuf, source: WireError },
    /// The broker's own word.
    #[error("{0}")]
    Refused(Refusal),
}

impl Default for Client {
    fn default() -> Self {
        Client::new(SOCKET)
    }
}

impl Client {
    /// Answers may take a minute: health is looked at when it is asked for.
    pub fn new(socket: impl AsRef<Path>) -> Self {
        Client { socket: socket.as_ref().into(), within: Duration::from_secs(60) }
    }

    /// How long one call may take in all.
    pub fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// Asks, and waits for the answer. The descriptor is there for `TaskEvents`, `Artifact` and `CreateUpload`.
    pub fn call(&self, request: &Request) -> Result<(Answer, Option<OwnedFd>), ClientError> {
        let stream = UnixStream::connect(&self.socket)
            .map_err(|source| ClientError::Connect { socket: self.socket.clone(), source })?;
        let talk = |source| ClientError::Talk { socket: self.socket.clone(), source };
        // a broker that refuses at once may close before all is sent: its word is worth more than our error
        let sent = wire::write_request(&stream, request, self.within);
        let reply = wire::read_reply(&stream, self.within);
        match (sent, reply) {
            (_, Ok((Reply::Answer(answer), descriptor))) => Ok((answer, descriptor)),
            (_, Ok((Reply::Refused(refusal), _))) => Err(ClientError::Refused(refusal)),
            (Err(error), Err(_)) | (Ok(()), Err(error)) => Err(talk(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ask, Reason};
    use std::{os::unix::net::UnixListener, thread};

    const SOON: Duration = Duration::from_secs(5);

    fn ask() -> Request {
        Request { session: None, from: None, ask: Ask::Who {} }
    }

    #[test]
    fn an_answer_and_a_refusal_arrive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let server = thread::spawn(move || {
            for reply in [
                Reply::Answer(Answer::Done),
                Reply::Refused(Refusal { reason: Reason::Busy, message: "later".into() }),
            ] {
                let (stream, _) = listener.accept().unwrap();
                assert!(matches!(wire::read_request(&stream, SOON).unwrap().ask, Ask::Who {}));
                wire::write_reply(&stream, &reply, None, SOON).unwrap();
            }
        });
        let client = Client::new(&path).within(SOON);
        assert!(matches!(client.call(&ask()), Ok((Answer::Done, None))));
        assert!(matches!(client.call(&ask()), Err(ClientError::Refused(r)) if r.reason == Reason::Busy));
        server.join().unwrap();
    }

    #[test]
    fn a_missing_socket_and_a_dead_broker_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let client = Client::new(&path).within(Duration::from_millis(50));
        assert!(client.call(&ask()).unwrap_err().to_string().contains("appliance-broker.socket"));
        let _silent = UnixListener::bind(&path).unwrap();
        assert!(matches!(client.call(&ask()), Err(ClientError::Talk { source: WireError::TimedOut, .. })));
    }
}
