//! debconf's copy of the answers: an upgrade reads it first, so whoever changes an answer changes it there too.

use crate::{Error, Result};
use appliance::question::Question;
use debconf::{Selection, selections};
use exec::Program;
use std::collections::BTreeMap;

pub fn seed_package(appliance: &str) -> String {
    format!("{appliance}-appliance-seed")
}

/// debconf's name of the appliance's own question.
pub fn name_of(appliance: &str, question: &str) -> String {
    format!("{}/{question}", seed_package(appliance))
}

/// The appliance's own answers, as debconf takes them.
pub fn selections(
    appliance: &str,
    questions: &[Question],
    answers: &BTreeMap<String, String>,
) -> Vec<Selection> {
    let own = questions.iter().filter_map(|question| {
        Some(Selection {
            owner: seed_package(appliance),
            question: name_of(appliance, &question.name),
            kind: question.kind.debconf().into(),
            // one that is not asked has none
            value: answers
                .get(&question.name)
                .filter(|a| question.when.is_none() || !a.is_empty())
                .map(|a| question.to_debconf(a))?,
        })
    });
    own.collect()
}

/// Gives debconf the answers, through standard input: some may be secrets.
pub fn give(selected: &[Selection]) -> Result<()> {
    if selected.is_empty() {
        return Ok(());
    }
    let lines = selections::write(selected).map_err(|e| Error::Given { message: e.to_string() })?;
    let program =
        Program::new("debconf-set-selections").env("DEBIAN_FRONTEND", "noninteractive").stdin(lines);
    let purpose = || "give debconf the answers".to_owned();
    let output = program.output().map_err(|e| Error::Program { purpose: purpose(), source: Box::new(e) })?;
    if output.success() {
        return Ok(());
    }
    // its complaints may repeat a line: only what is known of them is told
    let said = |part: &str| output.tail(20).iter().any(|line| line.contains(part));
    if said("No space left") {
        return Err(Error::DiskFull { operation: "write the answers to", path: DATABASE.into() });
    }
    Err(Error::NotCopied {
        why: if said("is locked by another process") {
            "another program is using it, try again when that has ended".into()
        } else {
            format!("debconf-set-selections failed, look at {DATABASE}")
        },
    })
}

const DATABASE: &str = "/var/cache/debconf";
