//! The runs of the package manager, in the words of the protocol.

use apt::history::{self, What};
use broker_protocol::{Run, RunChange, RunSource};
use std::path::Path;

const LOG: &str = "/var/log";
/// Bytes of all runs together, about: a reply has a limit, and the newest are worth the most.
const MOST: usize = 4 << 20;

/// Newest first.
pub fn runs() -> Vec<Run> {
    let mut sum = 0;
    let runs = history::runs(Path::new(LOG)).into_iter().map(told);
    runs.take_while(|run| {
        sum += run.command.len() + run.changes.len() * 120 + 200;
        sum < MOST
    })
    .collect()
}

/// One, with what it showed; None when there is none of that name.
pub fn run(id: &str) -> Option<(Run, Vec<String>)> {
    let run = history::runs(Path::new(LOG)).into_iter().find(|run| run.id == id)?;
    let output = history::output(Path::new(LOG), &run.start);
    Some((told(run), output))
}

fn told(run: history::Run) -> Run {
    let source = if run.command.contains("unattended-upgrade") {
        RunSource::Automatic
    } else if run.command.contains("APT::Status-Fd=") {
        RunSource::Appliance
    } else {
        RunSource::Hand
    };
    let what = |what| match what {
        What::Installed => "installed",
        What::Updated => "updated",
        What::Downgraded => "downgraded",
        What::Removed => "removed",
    };
    let change =
        |c: history::Change| RunChange { what: what(c.what).into(), name: c.name, from: c.from, to: c.to };
    Run {
        id: run.id,
        start: run.start,
        end: run.end,
        command: run.command,
        by: run.by,
        source,
        changes: run.changes.into_iter().map(change).collect(),
        error: run.error,
    }
}
