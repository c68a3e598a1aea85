//! Throws broken input at what reads from outside, for as long as it is told: `cargo xtask fuzz TARGET --minutes N`.
//!
//! Without a compiler that counts branches: an input that leads to an answer not seen before is kept, and later ones are made from it. What is
//! kept lies in a folder, so that each run begins where the last one ended. What breaks a target is written there and told.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what breaks in here is what is looked for")]

mod mutate;
mod targets;

use mutate::Mutator;
use std::{
    collections::HashSet,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, minutes, folder] = arguments.as_slice() else {
        eprintln!("usage: fuzz TARGET MINUTES FOLDER; the targets are {}", targets::NAMES.join(", "));
        return ExitCode::from(2);
    };
    let (Some(mut target), Ok(minutes)) = (targets::find(name), minutes.parse::<f64>()) else {
        eprintln!("there is no target {name}; the targets are {}", targets::NAMES.join(", "));
        return ExitCode::from(2);
    };
    let folder = PathBuf::from(folder).join(name);
    fs::create_dir_all(&folder).unwrap();
    let mut corpus: Vec<Vec<u8>> = target.seeds();
    corpus.extend(fs::read_dir(&folder).unwrap().flatten().filter_map(|e| fs::read(e.path()).ok()));
    let seed = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
    println!("{name}: {} inputs to begin with, seed {seed}", corpus.len());
    let mut mutator = Mutator::new(seed);
    let (mut seen, mut tried) = (HashSet::new(), 0u64);
    let end = Instant::now() + Duration::from_secs_f64(minutes * 60.0);
    let mut first = corpus.clone();
    while Instant::now() < end {
        let input = first.pop().unwrap_or_else(|| mutator.make(&corpus));
        tried += 1;
        // a target that waits for ever is as broken as one that panics
        let begun = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| target.run(&input)));
        let slow = begun.elapsed() > Duration::from_secs(5);
        match outcome {
            Ok(outcome) if !slow => {
                if seen.insert(outcome) && !corpus.contains(&input) {
                    fs::write(folder.join(format!("{seed:x}-{tried}")), &input).unwrap();
                    corpus.push(input);
                }
            }
            _ => {
                let path = folder.join(format!("broken-{seed:x}-{tried}"));
                fs::write(&path, &input).unwrap();
                eprintln!("{name} is broken{} by {}", if slow { " (slow)" } else { "" }, path.display());
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{name}: {tried} inputs in {minutes} minutes, {} different answers, nothing broken", seen.len());
    ExitCode::SUCCESS
}
