//! `vainstall --reconfigure NAME`: other answers for an appliance that is there.
//!
//! The same questions, sources and checks as at the installation, with the present answers as the defaults; a secret
//! stays unless another is given or, when it is optional, none. `appliance-configure` stores and applies them, and the health check has the last word.

use crate::{
    answers,
    cli::Arguments,
    ending::{self, Ending},
    failure::{Exit, Failure, Result, fail},
    health, look,
    owner::Owner,
    progress::Progress,
    signals::Signals,
    state::Stored,
};
use appliance::{answers::Origin, question::Question, seeds::SeedsFile};
use configure::{
    Installed, Machine, installed, knowledge,
    settings::{self, Given},
};
use events::{Kind, Stream};
use exec::{From, Program};
use std::collections::BTreeMap;

pub fn reconfigure(
    arguments: &Arguments,
    signals: &Signals,
    progress: &mut Progress,
    told: &mut Ending,
) -> Result<()> {
    let (name, package) = arguments.names();
    progress.phase(1, "look", "Looking at this machine");
    look::machine()?;
    let _only = look::only_one()?;
    if !look::is_installed(&package)? {
        return fail(Exit::Input, format!("{name} is not installed here: install it with vainstall {name}"));
    }
    let machine = Machine::here();
    let here = installed::load(&machine, &name).map_err(|e| Failure::new(Exit::Failed, e))?;
    told.version = here.appliance.version.clone();

    progress.phase(2, "answers", "Questions and answers");
    let present = knowledge::without_secrets(&machine, &here).map_err(|e| Failure::new(Exit::Failed, e))?;
    let alone = arguments.dry_run || !Owner::of(arguments, progress).is_there();
    let (questions, stored) = offering(&here.definition.questions, &present.answers, alone);
    let in_use = in_use(&machine, &here)?;
    let known =
        answers::Known { stored: &stored, debconf: &BTreeMap::new(), in_use: &in_use, host: &present.host };
    let found = answers::all(arguments, &seeds(&here, questions), &known, signals, progress)?;
    let changed: Given = found
        .iter()
        .filter(|(_, answer)| answer.origin != Origin::NotAsked)
        .filter_map(|(name, answer)| {
            let value = answer.expose();
            let new = match (answer.is_secret(), value.is_empty()) {
                (true, false) => Some(value.to_owned()),
                // nobody has said anything of it, or it was said that there is to be none
                (true, true) if answer.origin == Origin::Default => return None,
                (true, true) if in_use.get(name) == Some(&true) => None,
                (true, true) => return None,
                (false, _) if present.answers.get(name).is_some_and(|p| p == value) => return None,
                (false, _) => Some(value.to_owned()),
            };
            Some((name.clone(), new))
        })
        .collect();
    for name in changed.keys() {
        progress.note(format!("{name} changes"));
    }
    if changed.is_empty() || arguments.dry_run {
        let nothing = if changed.is_empty() { "; no answer changes" } else { "; nothing has been changed" };
        told.status = if arguments.dry_run { "planned" } else { "ok" };
        told.message = format!("{name} {}{nothing}.", told.version);
        return Ok(());
    }

    progress.phase(3, "apply", "Applying the answers");
    signals.changing();
    apply(&name, &changed, progress)?;

    progress.phase(4, "health", "Looking whether it works");
    told.health = health::wait(&name)?;
    health::tell(&told.health, &name, progress)?;
    told.url = ending::url_of_installed(&name);
    (told.status, told.message) = ("ok", format!("{name} {} has its new answers.", told.version));
    Ok(())
}

fn in_use(machine: &Machine, here: &Installed) -> Result<answers::InUse> {
    let shown = settings::show(machine, here, &[]).map_err(|e| Failure::new(Exit::Failed, e))?;
    Ok(shown.questions.into_iter().filter(|q| q.kept).map(|q| (q.name, q.optional)).collect())
}

/// The questions as they are asked now, and the answers that count where nobody is asked.
fn offering(
    questions: &[Question],
    present: &BTreeMap<String, String>,
    alone: bool,
) -> (Vec<Question>, Stored) {
    let mut stored = Stored::default();
    let mut offered = questions.to_vec();
    for question in &mut offered {
        if question.is_secret() {
            // an empty answer is the present one
            (question.generate, question.optional) = (None, true);
            continue;
        }
        let Some(answer) = present.get(&question.name) else { continue };
        if alone || answer.contains('{') {
            // a default is a template, an answer is not
            stored.answers.insert(question.name.clone(), answer.clone());
        } else {
            question.default = Some(answer.clone());
        }
    }
    (offered, stored)
}

fn seeds(here: &Installed, questions: Vec<Question>) -> SeedsFile {
    SeedsFile {
        appliance: here.appliance.name.clone(),
        version: here.appliance.version.clone(),
        summary: here.appliance.summary.clone(),
        url: String::new(),
        questions,
        seeds: vec![],
        packages: vec![],
        before: vec![],
        releases: vec![],
    }
}

/// Through standard input: some are secrets. debconf gets its copy.
fn apply(name: &str, changed: &Given, progress: &mut Progress) -> Result<()> {
    let json = serde_json::to_vec(changed).map_err(|e| Failure::new(Exit::Failed, e))?;
    let program =
        Program::new("appliance-configure").args(["apply", name, "--answers"]).stdin(json).own_group();
    let output = program.each_line(|from, line| {
        let stream = if from == From::Stderr { Stream::Stderr } else { Stream::Stdout };
        progress.say(Kind::Log { stream, line: line.to_owned() });
    })?;
    if output.success() {
        return Ok(());
    }
    let (exit, message) = match output.status.code() {
        Some(2) => (Exit::Input, "the new answers were not taken: see above".to_owned()),
        Some(3) => (Exit::Machine, "the new answers were not taken: see above".to_owned()),
        _ => {
            let goes_on = format!("appliance-configure apply {name} goes on");
            let message = "the new answers are stored, and could not be applied: see above";
            (Exit::Failed, format!("{message}; {goes_on}"))
        }
    };
    Err(Failure { lines: output.tail(20), ..Failure::new(exit, message) })
}
