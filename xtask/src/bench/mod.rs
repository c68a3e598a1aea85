//! Measures the programs against those that did the job before, on the same input, in turn.

pub mod packages;
pub mod repository;

use serde::Serialize;
use std::time::{Duration, Instant};

/// One comparison; `target` is the largest ratio of `ours` to `theirs` that is good enough.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub name: String,
    pub ours: f64,
    pub theirs: f64,
    pub unit: String,
    pub target: f64,
}

/// Does both kinds of work in turn, `rounds` times, and compares the medians of their times in milliseconds.
fn compare(
    name: &str,
    target: f64,
    rounds: usize,
    mut ours: impl FnMut(usize) -> anyhow::Result<Duration>,
    mut theirs: impl FnMut(usize) -> anyhow::Result<Duration>,
) -> anyhow::Result<Row> {
    let (mut a, mut b) = (vec![], vec![]);
    for round in 0..rounds {
        a.push(ours(round)?);
        b.push(theirs(round)?);
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1000.0
    };
    let (ours, theirs) = (median(&mut a), median(&mut b));
    Ok(Row { name: name.into(), ours, theirs, unit: "ms".into(), target })
}

fn timed(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed())
}
