//! The parser of messages against what a hostile or broken peer may send.

use super::*;
use crate::{Answer, Ask, TaskId, Work};
use plugin::manifest::Role;
use proptest::prelude::*;
use std::{
    io::{Read, Seek},
    thread,
};

const SOON: Duration = Duration::from_secs(5);

/// What the reader says to these bytes, sent in pieces of `piece` bytes and then closed.
fn request_from(bytes: &[u8], piece: usize) -> Result<Request, WireError> {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let bytes = bytes.to_vec();
    let sender = thread::spawn(move || {
        for part in bytes.chunks(piece.max(1)) {
            if (&theirs).write_all(part).is_err() {
                return; // the reader has seen enough
            }
        }
    });
    let got = read_request(&ours, SOON);
    drop(ours);
    sender.join().unwrap();
    got
}

fn descriptor() -> OwnedFd {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"content").unwrap();
    file.rewind().unwrap();
    file.into()
}

#[test]
fn a_reply_comes_with_its_descriptor() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    write_reply(&theirs, &Reply::Answer(Answer::File { size: 7 }), Some(descriptor()), SOON).unwrap();
    let (reply, fd) = read_reply(&ours, SOON).unwrap();
    assert!(matches!(reply, Reply::Answer(Answer::File { size: 7 })));
    let mut text = String::new();
    std::fs::File::from(fd.unwrap()).read_to_string(&mut text).unwrap();
    assert_eq!(text, "content");
}

#[test]
fn a_reply_longer_than_the_sockets_buffer_arrives_whole() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let long = Reply::Answer(Answer::Token("x".repeat(3 << 20)));
    let writer = thread::spawn(move || write_reply(&theirs, &long, Some(descriptor()), SOON));
    let (reply, fd) = read_reply(&ours, SOON).unwrap();
    writer.join().unwrap().unwrap();
    assert!(matches!(reply, Reply::Answer(Answer::Token(t)) if t.len() == 3 << 20) && fd.is_some());
}

#[test]
fn a_request_with_descriptors_is_refused() {
    for count in 1..4 {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let files: Vec<OwnedFd> = (0..count).map(|_| descriptor()).collect();
        let fds: Vec<_> = files.iter().map(|f| f.as_fd()).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
        let line = b"{\"ask\":{\"ask\":\"who\"}}\n";
        sendmsg(&theirs, &[IoSlice::new(line)], &mut control, SendFlags::NOSIGNAL).unwrap();
        assert!(matches!(read_request(&ours, SOON), Err(WireError::Descriptors)), "{count}");
    }
}

#[test]
fn limits_and_ends_are_kept() {
    let whole = b"{\"ask\":{\"ask\":\"who\"}}\n";
    assert!(request_from(whole, 1).is_ok() && request_from(whole, 7).is_ok());
    assert!(matches!(request_from(&whole[..whole.len() - 1], 99), Err(WireError::Short)));
    assert!(matches!(request_from(b"", 1), Err(WireError::Short)));
    assert!(matches!(request_from(&[&whole[..], b"x"].concat(), 99), Err(WireError::Trailing)));
    assert!(matches!(request_from(&vec![b' '; REQUEST_LIMIT + 1], 4096), Err(WireError::TooLong { .. })));
    let mut longest = vec![b' '; REQUEST_LIMIT - whole.len()];
    longest.extend(whole);
    assert!(request_from(&longest, 4096).is_ok());
    longest.insert(0, b' ');
    assert!(matches!(request_from(&longest, 4096), Err(WireError::TooLong { .. })));
}

#[test]
fn a_silent_and_a_dripping_peer_are_given_up() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    assert!(matches!(read_request(&ours, Duration::from_millis(30)), Err(WireError::TimedOut)));
    // a byte now and then must not prolong the time
    let drip = thread::spawn(move || while (&theirs).write_all(b" ").is_ok() {});
    assert!(read_request(&ours, Duration::from_millis(50)).is_err());
    drop(ours);
    drip.join().unwrap();
}

#[test]
fn what_is_not_in_the_set_is_refused_and_not_repeated() {
    for line in [
        r#"{"ask":{"ask":"shell","command":"id"}}"#,
        r#"{"ask":{"ask":"who"},"secret-thing":1}"#,
        r#"{"ask":{"ask":"task","id":"secret-thing/../x"}}"#,
        r#"{"ask":{"ask":"create-link","role":"secret-thing","minutes":1}}"#,
        r#"{"ask":{"ask":"create-link","role":"viewer","minutes":-1}}"#,
        r#"{"session":7,"ask":{"ask":"who"}}"#,
        "[]",
        "\u{0}",
    ] {
        let error = parse::<Request>(line.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("not a message") && !error.contains("secret-thing"), "{error}");
    }
}

fn any_request() -> impl Strategy<Value = Request> {
    let text = any::<String>();
    let work = prop_oneof![
        Just(Work::Refresh {}),
        prop::collection::vec(any::<String>(), 0..4)
            .prop_map(|packages| Work::Upgrade { packages, restart: false }),
        (text, any::<String>(), prop::collection::btree_map(any::<String>(), any::<String>(), 0..4))
            .prop_map(|(plugin, action, parameters)| Work::Action { plugin, action, parameters }),
    ];
    let id = "[0-9]{8}-[0-9]{6}-[0-9a-f]{8}".prop_map(|t| TaskId::try_from(t).unwrap());
    let ask = prop_oneof![
        any::<u32>().prop_map(|minutes| Ask::CreateLink { role: Role::Viewer, minutes }),
        any::<String>().prop_map(|token| Ask::RedeemLink { token, agent: String::new() }),
        id.prop_map(|id| Ask::Task { id }),
        work.prop_map(|work| Ask::Start { work }),
    ];
    (any::<Option<String>>(), any::<Option<String>>(), ask).prop_map(|(session, from, ask)| Request {
        session,
        from,
        ask,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_request_comes_back_as_it_was(request in any_request(), piece in 1usize..200) {
        let line = line_of(&request, REQUEST_LIMIT).unwrap();
        prop_assert_eq!(line.iter().filter(|b| **b == b'\n').count(), 1);
        let back = request_from(&line, piece).unwrap();
        prop_assert_eq!(format!("{back:?}"), format!("{request:?}"));
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), piece in 1usize..99) {
        prop_assert!(request_from(&bytes, piece).is_err());
    }

    #[test]
    fn a_damaged_request_never_panics(request in any_request(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut line = line_of(&request, REQUEST_LIMIT).unwrap();
        let at = at.index(line.len());
        line[at] = byte;
        let _ = request_from(&line, 64);
    }
}
