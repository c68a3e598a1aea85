//! Stage 3: what apt will do, and what it takes.

use crate::{
    failure::{Exit, Result, fail},
    progress::Progress,
};
use appliance::model::Seed;
use apt::{Plan, space};
use events::Kind;
use std::collections::BTreeMap;

/// Shows it, and refuses what must not happen without a word: removals, a disk that is too small.
pub fn check(plan: &Plan, removals_allowed: bool, progress: &mut Progress) -> Result<()> {
    show(plan, progress);
    if !plan.removals.is_empty() && !removals_allowed {
        let message = format!(
            "apt would have to remove {}; nothing has been changed. Use --yes when that is right",
            plan.removals.join(", ")
        );
        return fail(Exit::Failed, message);
    }
    if let Some(shortage) = space::shortage(plan)? {
        return fail(
            Exit::DiskFull,
            format!("{shortage}; nothing has been changed. Make room and run this again"),
        );
    }
    Ok(())
}

fn show(plan: &Plan, progress: &mut Progress) {
    let new = plan.changes.iter().filter(|c| c.from.is_none()).count();
    let changed = plan.changes.len() - new;
    let mut line = format!("{new} packages to install");
    if changed > 0 {
        line.push_str(&format!(", {changed} to upgrade"));
    }
    if !plan.removals.is_empty() {
        line.push_str(&format!(", {} to remove ({})", plan.removals.len(), plan.removals.join(", ")));
    }
    line.push_str(&format!(
        "; {} to download, {} on the disk",
        megabytes(plan.download),
        megabytes(plan.disk.max(0) as u64)
    ));
    progress.note(line);
    let rows =
        plan.changes.iter().map(|c| vec![c.name.clone(), c.from.clone().unwrap_or_default(), c.to.clone()]);
    progress.say(Kind::Table {
        columns: ["package", "from", "to"].map(str::to_owned).to_vec(),
        rows: rows
            .chain(plan.removals.iter().map(|r| vec![r.clone(), String::new(), String::new()]))
            .collect(),
    });
}

/// The seeds that still have to be given. What an administrator answered already is kept, and told where it differs.
pub fn open_seeds<'a>(
    seeds: Vec<(&'a Seed, String)>,
    answered: &BTreeMap<String, String>,
    progress: &mut Progress,
) -> Vec<(&'a Seed, String)> {
    let mut open = vec![];
    for (seed, value) in seeds {
        match answered.get(&seed.question) {
            None => open.push((seed, value)),
            Some(kept) if *kept == value => {}
            Some(_) if seed.kind == "password" => {
                progress.warn(format!("{} has an answer already, which is kept", seed.question));
            }
            Some(kept) => {
                let message = format!(
                    "{} was answered with {kept:?} already, which is kept (the appliance would have said {value:?})",
                    seed.question
                );
                progress.warn(message);
            }
        }
    }
    open
}

pub fn megabytes(bytes: u64) -> String {
    match bytes {
        0 => "nothing".into(),
        1..=999_999 => format!("{} kB", bytes.div_ceil(1000)),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
