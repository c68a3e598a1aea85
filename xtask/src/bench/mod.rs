//! Measures the programs against those that did the job before, on the same input, in turn.

pub mod control;
pub mod packages;
pub mod repository;
pub mod vainstall;

use serde::Serialize;
use std::{
    fs::File,
    io::{self, Write},
    time::{Duration, Instant},
};

#[derive(clap::Args)]
pub struct Arguments {
    /// A list of {name, ours, theirs, unit, ratio, target, most, met} instead of the table
    #[arg(long)]
    json: bool,
    /// Only these parts: packages, repository, vainstall, control
    parts: Vec<String>,
}

/// One measurement. `target` is the largest ratio of `ours` to `theirs` that is good enough; where there is nothing
/// to compare with, it is the largest value of `ours`, and `ratio` and `theirs` are null.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub name: String,
    pub ours: f64,
    pub theirs: Option<f64>,
    pub unit: String,
    pub target: f64,
    /// Beside the ratio, the largest value of `ours` that is good enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub most: Option<f64>,
}

type Part = (&'static str, fn() -> anyhow::Result<Vec<Row>>);

const PARTS: &[Part] = &[
    ("packages", packages::run),
    ("repository", repository::run),
    ("vainstall", vainstall::run),
    ("control", control::run),
];

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let known = |name: &String| PARTS.iter().any(|(part, _)| part == name);
    if let Some(unknown) = arguments.parts.iter().find(|name| !known(name)) {
        let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
        anyhow::bail!("there is no part {unknown}; the parts are {}", names.join(", "));
    }
    // the list alone goes to standard output: what building and measuring say goes with the errors
    let mut out = File::from(rustix::io::dup(io::stdout())?);
    if arguments.json {
        rustix::stdio::dup2_stdout(io::stderr())?;
    }
    let mut rows = vec![];
    for (name, part) in PARTS {
        if arguments.parts.is_empty() || arguments.parts.iter().any(|p| p == name) {
            eprintln!("measuring {name}");
            rows.extend(part()?);
        }
    }
    if arguments.json {
        let list: Vec<_> = rows.iter().map(Row::json).collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&list)?)?;
        return Ok(());
    }
    println!("{:<58} {:>11} {:>11} {:>5} {:>7} {:>7}", "", "ours", "theirs", "", "ratio", "target");
    for row in rows {
        let met = if row.met() { "met" } else { "NOT MET" };
        let most = row.most.map(|most| format!(" (and at most {most})")).unwrap_or_default();
        let cell = |number: Option<f64>, digits: usize| {
            number.map_or_else(|| "-".to_owned(), |n| format!("{n:.digits$}"))
        };
        println!(
            "{:<58} {:>11.2} {:>11} {:>5} {:>7} {:>7.3} {met}{most}",
            row.name,
            row.ours,
            cell(row.theirs, 2),
            row.unit,
            cell(row.ratio(), 3),
            row.target
        );
    }
    Ok(())
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        self.theirs.map(|theirs| self.ours / theirs)
    }
    fn met(&self) -> bool {
        self.ratio().unwrap_or(self.ours) <= self.target && self.most.is_none_or(|most| self.ours <= most)
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
    Ok(Row {
        name: name.into(),
        ours: median(a),
        theirs: Some(median(b)),
        unit: "ms".into(),
        target,
        most: None,
    })
}

/// In milliseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

fn timed(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed())
}
