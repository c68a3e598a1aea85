//! The check by installation: the definition's packages, really built, are installed in a throw-away root, and every
//! question that is asked there has to be answered by somebody.
//!
//! * [`conflicts`]: two appliances that seed one question differently, without installing anything
//! * `stage`: the packages and their repository; `answers`: answers to the appliance's own questions
//! * [`judge`]: what is wrong, from the definition and the recording; `place`: where in `appliance.toml` that is
//! * `keys`: private keys in files that would be published

mod answers;
pub mod conflicts;
pub mod judge;
mod keys;
mod place;
mod stage;

use crate::{coverage::Coverage, folder::Folder, questions};
use anyhow::Result;
use appliance::{Definition, Host, Problem, model::Appliance, names::Mistake, problem::Kind};
use judge::Subject;
use rehearsal::{Ending, Priority, Rehearsal, Release, rehearse::Wanted, root};
use std::path::Path;

/// How to go about it.
pub struct Options<'a> {
    pub release: &'a Release,
    /// A file with answers to the appliance's own questions.
    pub answers: Option<&'a Path>,
    /// The folder that `{bin}` stands for.
    pub programs: Option<&'a Path>,
    pub say: &'a dyn Fn(&str),
}

/// What came out.
pub struct Checked {
    pub problems: Vec<Problem>,
    pub coverage: Coverage,
    /// What the author should know, and what is no mistake.
    pub remarks: Vec<String>,
}

/// Builds, installs and judges; keeps the coverage beside the definition when the installation went to its end.
/// `shown` is what mistakes call the definition's file.
pub fn check(
    folder: &Folder,
    shown: &str,
    definition: &Definition,
    appliance: &Appliance,
    options: &Options,
) -> Result<Checked> {
    rehearsal::host::check()?;
    let answers = answers::of(definition, appliance, options.answers)?;
    let repository = stage::repository(definition, folder, options)?;
    let rehearsal = Rehearsal {
        release: options.release,
        wanted: Wanted::Packages(vec![format!("{}-appliance", appliance.name)]),
        first: definition.before(),
        first_seeds: answers.seeds(definition),
        first_answers: answers.by_question(definition),
        repository: Some((&repository.folder, &repository.key)),
        selections: answers.selections(definition, appliance)?,
        // as on a machine: what is less important is not shown, so it is open when it becomes important
        priority: Priority::High,
        say: options.say,
    };
    let recording = rehearsal::rehearse(&rehearsal)?;
    let subject = Subject { definition, appliance, recording: &recording, answers: &answers.values };
    let text = folder.text(crate::folder::DEFINITION)?;
    let places = place::Places::new(shown, &text);
    let mut judged = judge::judge(&subject, &places);
    judged.problems.extend(keys::published(definition, folder, &places)?);
    let coverage = Coverage {
        definition: crate::coverage::hash(folder).unwrap_or_default(),
        release: options.release.name.clone(),
        asked: judged.asked.len(),
        answered: judged.asked.len() - judged.open.len(),
        open: judged.open,
    };
    // what was cut short says nothing about the questions that would have come
    match recording.ending {
        Ending::Complete | Ending::Failed(_) => coverage.store(folder)?,
        Ending::Endless(_) | Ending::Silent(_) => {
            let mistake =
                Mistake::new("the installation did not come to its end, so not every question is known")
                    .help("which question it stopped at is told above; answer it with a [[seed]]");
            judged.problems.push(places.appliance("packages", Kind::Seed, mistake));
        }
    }
    let mut remarks = answers.remarks();
    remarks.extend(judged.remarks);
    remarks.extend(questions::remarks(&recording));
    Ok(Checked { problems: judged.problems, coverage, remarks })
}

/// The machine of a rehearsal, as seeds and defaults see it.
fn host() -> Host {
    Host {
        name: root::HOST.into(),
        fqdn: format!("{}.{}", root::HOST, root::DOMAIN),
        domain: root::DOMAIN.into(),
        // for documentation (RFC 5737): nobody has it
        address: "192.0.2.1".into(),
        timezone: "Etc/UTC".into(),
    }
}
