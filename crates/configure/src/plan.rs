//! What `apply` would change, and where the machine has drifted, without changing anything.

use crate::{
    Installed, Machine, Result,
    accounts::Accounts,
    difference::{self, Difference, Field},
    knowledge::{self, Knowledge},
    record::{Record, Thing},
    step,
    system::System,
    wanted::{Wanted, wanted},
};

/// All that `apply` would do. Steps are asked by their checks.
pub fn plan(
    machine: &Machine,
    system: &dyn System,
    installed: &Installed,
    knowledge: &Knowledge,
) -> Result<Vec<Difference>> {
    let record = Record::open(machine, &installed.appliance.name)?;
    let accounts = Accounts::read(machine)?;
    let all = wanted(installed, knowledge, true)?;
    let mut found = obsolete(&record, &all);
    for wanted in &all {
        match wanted {
            Wanted::Step(step) => {
                if step::would_run(machine, system, installed, &record, &accounts, (step, knowledge))? {
                    found.push(one(wanted.key(), "step", "not done", "done"));
                }
            }
            other => found.extend(difference::look(machine, system, &record, &accounts, other)?),
        }
    }
    let pending = record.pending();
    if pending.files || pending.units {
        found.push(one("units".into(), "told of the last changes", "no", "yes"));
    }
    Ok(found)
}

/// Where the machine is not as the appliance says. No secret is read: a file with secrets is compared with the hash of
/// what was last written.
pub fn drift(machine: &Machine, system: &dyn System, installed: &Installed) -> Result<Vec<Difference>> {
    let record = Record::open(machine, &installed.appliance.name)?;
    let accounts = Accounts::read(machine)?;
    let knowledge = knowledge::without_secrets(machine, installed)?;
    let mut found = vec![];
    for wanted in wanted(installed, &knowledge, false)? {
        found.extend(difference::look(machine, system, &record, &accounts, &wanted)?);
    }
    Ok(found)
}

/// A difference as lines for a person.
pub fn describe(difference: &Difference) -> String {
    let mut text = format!("{}\n", difference.thing);
    for Field { field, found, wanted } in &difference.fields {
        text.push_str(&format!("    {field}: {found} → {wanted}\n"));
    }
    for line in difference.diff.iter().flat_map(|d| d.lines()) {
        text.push_str(&format!("    {line}\n"));
    }
    text
}

/// What an earlier version wanted and this one does not.
fn obsolete(record: &Record, all: &[Wanted]) -> Vec<Difference> {
    let keys: Vec<String> = all.iter().map(Wanted::key).collect();
    let given_back = |thing: &&Thing| {
        !keys.contains(&thing.key())
            && !matches!(thing, Thing::User { .. } | Thing::Step { .. } | Thing::Database { .. })
    };
    let things = record.entries().map(|(_, thing)| thing).filter(given_back);
    things.map(|thing| one(thing.key(), "wanted", "by an earlier version", "no more")).collect()
}

fn one(thing: String, field: &'static str, found: &str, wanted: &str) -> Difference {
    Difference {
        thing,
        fields: vec![Field { field, found: found.into(), wanted: wanted.into() }],
        diff: None,
    }
}
