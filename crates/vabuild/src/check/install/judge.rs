//! What is wrong, from the definition and from what was recorded. Decides only: nothing is read or run here.

use super::{answers::rendered, place::Places};
use crate::questions::{for_want_of_services, takes_answer};
use appliance::{
    Definition, Problem,
    model::{Appliance, Seed},
    names::Mistake,
    problem::Kind,
    seed_value::{self, Part},
    suggest,
};
use debconf::Template;
use rehearsal::{Ending, Priority, Recording, trace::Input};
use std::collections::{BTreeMap, BTreeSet};

pub struct Subject<'a> {
    pub definition: &'a Definition,
    pub appliance: &'a Appliance,
    pub recording: &'a Recording,
    /// To the appliance's own questions.
    pub answers: &'a BTreeMap<String, String>,
}

#[derive(Debug, Default)]
pub struct Judged {
    pub problems: Vec<Problem>,
    /// Questions of other packages, asked at priority high or above.
    pub asked: BTreeSet<String>,
    /// Those of them that nobody answered.
    pub open: Vec<String>,
    pub remarks: Vec<String>,
}

/// All that is wrong, at once.
pub fn judge(subject: &Subject, places: &Places) -> Judged {
    let mut judged = Judged::default();
    subject.unanswered(places, &mut judged);
    for (index, seed) in subject.definition.seeds.iter().enumerate() {
        match subject.seed(seed) {
            Err((key, kind, mistake)) => {
                let databases = &subject.definition.databases;
                let problem = match databases.iter().position(|d| d.seeds().contains(seed)) {
                    Some(database) => places.database(database, kind, mistake),
                    None => places.seed(index, key, kind, mistake),
                };
                judged.problems.push(problem);
            }
            Ok(()) => judged.remarks.extend(subject.overwritten(seed)),
        }
    }
    judged.problems.extend(subject.order(places));
    judged.problems.extend(subject.package_users(places));
    judged
}

/// So many questions are listed where none is near.
const MENTIONED: usize = 12;

/// A mistake with the seed's key that has it.
type Wrong = (&'static str, Kind, Mistake);

impl Subject<'_> {
    fn own(&self, package: &str) -> bool {
        package == self.seed_package() || package == format!("{}-appliance", self.appliance.name)
    }

    fn seed_package(&self) -> String {
        format!("{}-appliance-seed", self.appliance.name)
    }

    /// Fills in what is asked and what of it is open, with a mistake for each of the latter.
    fn unanswered(&self, places: &Places, judged: &mut Judged) {
        let important = |i: &&Input| i.priority >= Priority::High && !self.own(&i.package);
        for input in self.recording.trace.inputs.iter().filter(important) {
            let kind = self.recording.template(&input.question).map_or("string", |t| t.kind.as_str());
            if !takes_answer(kind) {
                continue;
            }
            let template = self.recording.template(&input.question).map(|t| t.name.as_str());
            if template.is_some_and(for_want_of_services) {
                let remark = format!(
                    "{} asked {}, for no database server runs in a rehearsal: what it asks later may be missing",
                    input.package, input.question
                );
                if input.shown && !judged.remarks.contains(&remark) {
                    judged.remarks.push(remark);
                }
                continue;
            }
            judged.asked.insert(input.question.clone());
            let given = [Some(input.question.as_str()), template];
            let given = given.into_iter().flatten().any(|name| self.recording.answered.contains(name));
            let answered = !input.shown || given;
            if answered || judged.open.contains(&input.question) {
                continue;
            }
            if self.asked_again(&input.question) {
                let remark = format!(
                    "{} marks {} as never seen and asks it again: vainstall gives the seed's value again, plain apt asks \
                     whoever is there",
                    input.package, input.question
                );
                if !judged.remarks.contains(&remark) {
                    judged.remarks.push(remark);
                }
                continue;
            }
            judged.open.push(input.question.clone());
            let package = self.recording.asker(&input.package, &input.question);
            let message = format!(
                "{package} asks {} at priority {} and nobody answers",
                input.question,
                input.priority.word()
            );
            let what = self.recording.template(&input.question).map(|t| t.description.clone());
            let what = self.recording.filled_in(&input.question, &what.unwrap_or_default());
            let mistake = Mistake::new(message).help(format!(
                "it is “{what}” ({kind}): add a [[seed]] for it; `vabuild questions --seeds {package}` writes one"
            ));
            judged.problems.push(places.appliance("packages", Kind::Seed, mistake));
        }
    }

    /// Whether it is seeded, and asked all the same because its package forgets that.
    fn asked_again(&self, question: &str) -> bool {
        self.recording.trace.forgotten.contains(question)
            && self.definition.seeds.iter().any(|seed| seed.question == question)
    }

    fn seed(&self, seed: &Seed) -> Result<(), Wrong> {
        let template = self.template(seed)?;
        self.not_published(seed, template)?;
        if template.kind != seed.kind {
            let mistake =
                Mistake::new(format!("{} is a {}, not a {}", seed.question, template.kind, seed.kind))
                    .help(format!("write `type = \"{}\"`", template.kind));
            return Err(("type", Kind::Type, mistake));
        }
        self.among_choices(seed, template)
    }

    /// The question has to be one that the package asks, or can ask.
    fn template(&self, seed: &Seed) -> Result<&Template, Wrong> {
        let recording = self.recording;
        let installed = recording.closure.iter().any(|p| p.name == seed.package)
            || recording.present.iter().any(|(p, _)| *p == seed.package);
        if !installed {
            let names = recording.closure.iter().map(|p| p.name.as_str());
            let mistake =
                Mistake::new(format!("the package {} is not installed by this appliance", seed.package))
                    .help(suggest::did_you_mean(&seed.package, names).unwrap_or_else(|| {
                        "seed the package that is installed, or name this one in `packages`".into()
                    }));
            return Err(("package", Kind::MissingPackage, mistake));
        }
        // what the seed package registered first, its owner finds there and does not register again
        let used = recording.trace.used.iter().any(|(q, by)| *q == seed.question && !self.own(by));
        let registered = recording.trace.registered.get(&seed.question);
        let registered = registered.filter(|(_, by)| used || !self.own(by));
        let wanted = seed.template.as_ref().unwrap_or(&seed.question);
        let template = self.templates().find(|(_, t)| t.name == *wanted).map(|(_, t)| t);
        match (template, registered) {
            (Some(template), _) if seed.template.is_none() => self.owned(seed).map(|()| template),
            (Some(template), Some((registered, _))) if *registered == template.name => Ok(template),
            (_, Some((registered, _))) => {
                let mistake = Mistake::new(format!("{} has the template {registered}", seed.question))
                    .help(format!("write `template = \"{registered}\"`"));
                Err(("template", Kind::Seed, mistake))
            }
            _ if used => {
                let shared = self.shared(&seed.question);
                let mistake = Mistake::new(format!("{} is made from a shared template", seed.question));
                let example = shared.unwrap_or("dbconfig-common/…");
                Err(("template", Kind::Seed, mistake.help(format!("write `template = \"{example}\"`"))))
            }
            _ => {
                let known: Vec<&str> = self.known(&seed.package);
                let mistake = Mistake::new(format!("{} has no question {}", seed.package, seed.question));
                let near = suggest::did_you_mean(&seed.question, known.iter().copied());
                Err((
                    "question",
                    Kind::Seed,
                    mistake.help(near.unwrap_or_else(|| match known.is_empty() {
                        true => "it asks nothing: leave the seed out".into(),
                        false => format!("it has {}", known[..known.len().min(MENTIONED)].join(", ")),
                    })),
                ))
            }
        }
    }

    /// The shared template with the same end: `dbconfig-common/mysql/app-pass` for `wiki/mysql/app-pass`.
    fn shared(&self, question: &str) -> Option<&str> {
        let (_, end) = question.split_once('/')?;
        self.templates()
            .map(|(_, t)| t.name.as_str())
            .find(|name| name.split_once('/').is_some_and(|(_, e)| e == end))
    }

    /// debconf would note the question under a package that it does not belong to.
    fn owned(&self, seed: &Seed) -> Result<(), Wrong> {
        let owners: Vec<&str> =
            self.templates().filter(|(_, t)| t.name == seed.question).map(|(package, _)| package).collect();
        if owners.contains(&seed.package.as_str()) {
            return Ok(());
        }
        let mistake = Mistake::new(format!("{} is a question of {}", seed.question, owners.join(", ")))
            .help(format!("write `package = \"{}\"`", owners.first().copied().unwrap_or_default()));
        Err(("package", Kind::Seed, mistake))
    }

    /// A password whose value stands in the definition under another type; under its own the definition is refused earlier.
    fn not_published(&self, seed: &Seed, template: &Template) -> Result<(), Wrong> {
        let parts = seed_value::parse(&seed.value).unwrap_or_default();
        let made_there = parts.iter().any(|p| matches!(p, Part::Answer(_)));
        if template.kind != "password" || made_there || seed.value.is_empty() {
            return Ok(());
        }
        let message =
            format!("{} is a password, and this one would be in a package for all to read", seed.question);
        let mistake = Mistake::new(message).help(
            "ask for it: `[[question]]` with `type = \"password\"`, and write `{{ answers.NAME }}` here",
        );
        Err(("value", Kind::Secret, mistake))
    }

    fn among_choices(&self, seed: &Seed, template: &Template) -> Result<(), Wrong> {
        let Some(value) = rendered(seed, self.answers) else { return Ok(()) };
        let mut choices = self.recording.choices(&seed.question);
        let values: Vec<&str> = match template.kind.as_str() {
            "boolean" => {
                choices = vec!["true".into(), "false".into()];
                vec![&value]
            }
            "select" => vec![&value],
            "multiselect" => value.split(", ").filter(|v| !v.is_empty()).collect(),
            _ => return Ok(()),
        };
        // choices that a script fills in, which it did not do here, are not known
        if choices.is_empty() || choices.iter().any(|c| c.contains("${")) {
            return Ok(());
        }
        let Some(wrong) = values.iter().find(|v| !choices.iter().any(|c| c == **v)) else { return Ok(()) };
        let near = suggest::did_you_mean(wrong, choices.iter().map(String::as_str));
        let help = near.unwrap_or_else(|| format!("write one of: {}", choices.join(", ")));
        let mistake = Mistake::new(format!("`{wrong}` is not among the choices of {}", seed.question));
        Err(("value", Kind::Choice, mistake.help(help)))
    }

    /// No seed helps where the package computes the answer itself.
    fn overwritten(&self, seed: &Seed) -> Option<String> {
        let value = rendered(seed, self.answers)?;
        let by_another =
            |(question, by, _): &&(String, String, String)| *question == seed.question && !self.own(by);
        let (_, by, _) =
            self.recording.trace.set.iter().rfind(by_another).filter(|(_, _, last)| *last != value)?;
        Some(format!(
            "{by} gives {} a value of its own, whatever the seed says: use a [[step]] where it matters",
            seed.question
        ))
    }

    /// The seed package has to come before every package whose questions it answers, where all comes in one run.
    fn order(&self, places: &Places) -> Option<Problem> {
        let position = |name: &str| self.recording.order.iter().position(|p| p == name);
        let own = position(&self.seed_package())?;
        let seeded = self.definition.seeds.iter().map(|s| s.package.as_str());
        let early = seeded.filter(|name| position(name).is_some_and(|at| at < own));
        let early: BTreeSet<&str> = early.collect();
        if early.is_empty() {
            return None;
        }
        let list = early.into_iter().collect::<Vec<_>>().join(", ");
        let mistake = Mistake::new(format!("apt unpacks {list} before {}", self.seed_package()))
            .help("such a package asks before it can be answered: leave its seeds out, and use a [[step]]");
        Some(places.appliance("packages", Kind::Seed, mistake))
    }

    /// What the author says of users has to be so.
    fn package_users(&self, places: &Places) -> Vec<Problem> {
        let accounts = || self.recording.accounts.iter().map(String::as_str);
        if matches!(self.recording.ending, Ending::Endless(_) | Ending::Silent(_)) {
            return vec![];
        }
        let missing = self.appliance.package_users.iter().filter(|user| !accounts().any(|a| a == *user));
        let problem = |user: &String| {
            let help = suggest::did_you_mean(user, accounts()).unwrap_or_else(|| {
                "name the package that makes it in `packages`, or make it with `[[user]]`".into()
            });
            let mistake = Mistake::new(format!("no package makes the user or group `{user}`")).help(help);
            places.appliance("package-users", Kind::Owner, mistake)
        };
        missing.map(problem).collect()
    }

    fn templates(&self) -> impl Iterator<Item = (&str, &Template)> {
        let new =
            self.recording.closure.iter().flat_map(|p| p.templates.iter().map(|t| (p.name.as_str(), t)));
        new.chain(self.recording.present.iter().map(|(p, t)| (p.as_str(), t)))
    }

    /// Questions of a package that take an answer.
    fn known(&self, package: &str) -> Vec<&str> {
        let own = self.templates().filter(|(p, t)| *p == package && takes_answer(&t.kind));
        let registered = self.recording.trace.registered.iter().filter(|(_, (_, by))| by == package);
        own.map(|(_, t)| t.name.as_str()).chain(registered.map(|(q, _)| q.as_str())).collect()
    }
}

#[cfg(test)]
mod tests;
