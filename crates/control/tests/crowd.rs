//! A task's log that is very long, and one that very many look at.

#![allow(clippy::unwrap_used, reason = "what breaks in here breaks the test")]

mod client;
mod fake;

use client::{Page, cookie};
use events::{Event, Kind, Status, Stream};
use fake::{RUNNING, VIEWER};
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{BufWriter, Read, Write},
    thread,
};

const LINES: usize = 1_000_000;
const BROWSERS: usize = 200;
/// Bytes; the log is a hundred times as long.
const GROWS: u64 = 12 << 20;

/// Bytes of memory of this process, the page in it.
fn memory() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

fn said(line: &str) -> String {
    Event::new(1_764_000_000_000, Kind::Log { stream: Stream::Stdout, line: line.into() }).to_line()
}

fn write(page: &Page, lines: impl Iterator<Item = String>) {
    let mut log = BufWriter::new(File::options().append(true).open(page.fake.events(RUNNING)).unwrap());
    lines.for_each(|line| log.write_all(said(&line).as_bytes()).unwrap());
    log.flush().unwrap();
}

/// Reads until the text has come; nothing is kept.
fn until(stream: &mut impl Read, text: &str) {
    let (mut seen, mut chunk) = (Vec::<u8>::new(), [0; 16 << 10]);
    while !seen.windows(text.len()).any(|part| part == text.as_bytes()) {
        let count = stream.read(&mut chunk).unwrap();
        assert!(count > 0, "the stream ended before {text}");
        // what was begun at the end of the last piece
        seen.drain(..seen.len().saturating_sub(text.len()));
        seen.extend(&chunk[..count]);
    }
}

// one after the other: the memory is that of the process
#[test]
fn a_long_log_and_a_crowd() {
    let page = Page::start();
    a_long_log_is_shown_at_its_end_and_followed_without_growing(&page);
    two_hundred_browsers_hear_the_same(&page);
}

fn a_long_log_is_shown_at_its_end_and_followed_without_growing(page: &Page) {
    write(page, (0..LINES).map(|n| format!("Unpacking package-{n} (1.{n}-1+deb13u1) over (1.{n}-1) ...")));
    let path = format!("/tasks/{RUNNING}");
    let before = memory();
    let shown = page.get(&path, VIEWER);
    let text = shown.text();
    assert!(text.contains("package-999999 ") && !text.contains("package-999 "), "{text}");
    assert!(shown.body.len() < 40_000, "{}", shown.body.len());
    // the script goes on where the page ends
    let end = std::fs::metadata(page.fake.events(RUNNING)).unwrap().len();
    assert!(text.contains(&end.to_string()), "{end} is not in {text}");
    let mut follower = page.send("GET", &format!("{path}/events?from={end}"), &[&cookie(VIEWER)], b"");
    for round in 0..10 {
        write(page, (0..10_000).map(|n| format!("line {n} of round {round}")));
        until(&mut follower, &format!("line 9999 of round {round}"));
    }
    let grown = memory().saturating_sub(before);
    assert!(grown < GROWS, "it took {grown} bytes more");
}

fn two_hundred_browsers_hear_the_same(page: &Page) {
    let end = std::fs::metadata(page.fake.events(RUNNING)).unwrap().len();
    let path = format!("/tasks/{RUNNING}/events?from={end}");
    write(page, ["here it begins".to_owned()].into_iter());
    // each has heard something before the rest is written
    let followers: Vec<_> = (0..BROWSERS)
        .map(|_| {
            let mut stream = page.send("GET", &path, &[&cookie(VIEWER)], b"");
            until(&mut stream, "here it begins");
            stream
        })
        .collect();
    let heard: Vec<_> = followers
        .into_iter()
        .map(|mut stream| {
            thread::spawn(move || {
                let mut bytes = vec![];
                let _ = stream.read_to_end(&mut bytes);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let events: Vec<&str> = text.lines().filter(|l| l.starts_with("data: ")).collect();
                (events.len(), Sha256::digest(events.join("\n")))
            })
        })
        .collect();
    write(page, (0..3_000).map(|n| format!("line {n} for all")));
    page.fake.say(RUNNING, Kind::Result { status: Status::Ok, message: "the end".into(), details: vec![] });
    let heard: Vec<_> = heard.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(heard[0].0, 3_001);
    assert!(heard.iter().all(|one| *one == heard[0]), "somebody has heard something else");
}
