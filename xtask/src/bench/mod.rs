//! Measures the programs against those that did the job before, on the same input, in turn.

pub mod packages;
pub mod repository;

use serde::Serialize;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub struct Arguments {
    /// A list of {name, ours, theirs, unit, ratio, target, met} instead of the table
    #[arg(long)]
    json: bool,
    /// Only these parts: packages, repository
    parts: Vec<String>,
}

/// One comparison; `target` is the largest ratio of `ours` to `theirs` that is good enough.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub name: String,
    pub ours: f64,
    pub theirs: f64,
    pub unit: String,
    pub target: f64,
}

type Part = (&'static str, fn() -> anyhow::Result<Vec<Row>>);

const PARTS: &[Part] = &[("packages", packages::run), ("repository", repository::run)];

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let known = |name: &String| PARTS.iter().any(|(part, _)| part == name);
    if let Some(unknown) = arguments.parts.iter().find(|name| !known(name)) {
        let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
        anyhow::bail!("there is no part {unknown}; the parts are {}", names.join(", "));
    }
    let mut rows = vec![];
    for (name, part) in PARTS {
        if arguments.parts.is_empty() || arguments.parts.iter().any(|p| p == name) {
            eprintln!("measuring {name}");
            rows.extend(part()?);
        }
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&rows.iter().map(Row::json).collect::<Vec<_>>())?);
        return Ok(());
    }
    println!("{:<58} {:>11} {:>11} {:>5} {:>7} {:>7}", "", "ours", "theirs", "", "ratio", "target");
    for row in rows {
        let met = if row.met() { "met" } else { "NOT MET" };
        let (ratio, target) = (row.ratio(), row.target);
        println!(
            "{:<58} {:>11.2} {:>11.2} {:>5} {ratio:>7.3} {target:>7.3} {met}",
            row.name, row.ours, row.theirs, row.unit
        );
    }
    Ok(())
}

impl Row {
    fn ratio(&self) -> f64 {
        self.ours / self.theirs
    }
    fn met(&self) -> bool {
        self.ratio() <= self.target
    }
    fn json(&self) -> serde_json::Value {
        let mut value = serde_json::json!(self);
        value["ratio"] = self.ratio().into();
        value["met"] = self.met().into();
        value
    }
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
