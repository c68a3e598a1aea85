//! What packages ask: every debconf question of an installation, and which of them are really asked.
//!
//! * [`table`]: for a person; [`seeds`]: as a section of a definition
//! * [`wanted`]: the packages of a definition, as apt is asked for them
//!
//! Texts come from packages: each goes through [`printable`] before it reaches a terminal.

pub mod seeds;
pub mod table;
pub mod wanted;

use appliance::problem::printable;
use debconf::passthrough::Asked;
use rehearsal::{Ending, Recording, trace::Moment};
use serde::Serialize;
use std::collections::BTreeMap;

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Question {
    /// Whose script asks it; of one that is not asked, whose template it is.
    pub package: String,
    pub name: String,
    /// Where it has another name than the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    #[serde(rename = "type")]
    pub kind: String,
    /// How it was asked; None when it was not.
    pub asked: Option<How>,
    /// As it was offered when it was asked, else the template's.
    pub default: String,
    pub choices: Vec<String>,
    pub description: String,
    /// Paragraphs, with an empty line between two.
    pub extended: String,
}

/// How a question was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct How {
    /// The highest, when it was asked several times.
    pub priority: String,
    /// Before anything was unpacked; otherwise in the middle of the installation.
    pub in_advance: bool,
}

/// Whether a question of this type takes an answer; the others are shown only.
pub fn takes_answer(kind: &str) -> bool {
    !matches!(kind, "note" | "text" | "error" | "title")
}

/// Whether a question of this template comes only because a rehearsal has no running services: dbconfig-common asks
/// what to do when the database server does not answer (`dbconfig-common/install-error` and its like).
pub fn for_want_of_services(template: &str) -> bool {
    template.starts_with("dbconfig-common/") && template.ends_with("-error")
}

/// All questions: those that were asked in their order, then the others by package.
pub fn of(recording: &Recording) -> Vec<Question> {
    let offered = offered(recording);
    let mut found: Vec<Question> = vec![];
    for input in &recording.trace.inputs {
        if found.iter().any(|q| q.name == input.question) {
            continue;
        }
        let mut question = question(recording, &input.question);
        question.package = recording.asker(&input.package, &input.question).to_owned();
        if let Some(strongest) = recording.trace.strongest(&input.question) {
            let in_advance = input.moment == Moment::Preconfiguration;
            question.asked = Some(How { priority: strongest.priority.word().into(), in_advance });
        }
        if let Some(asked) = offered.get(input.question.as_str()) {
            question.default = asked.default.clone();
            question.choices = asked.choices.clone();
            question.description = asked.description.clone();
        }
        found.push(question);
    }
    for package in &recording.closure {
        for template in &package.templates {
            let shared = found.iter().any(|q| q.template.as_deref() == Some(&template.name));
            if !shared && !found.iter().any(|q| q.name == template.name) {
                found.push(Question { package: package.name.clone(), ..question(recording, &template.name) });
            }
        }
    }
    found
}

fn question(recording: &Recording, name: &str) -> Question {
    let template = recording.template(name).cloned().unwrap_or_default();
    Question {
        package: String::new(),
        name: name.into(),
        template: Some(template.name.clone()).filter(|t| !t.is_empty() && t != name),
        kind: template.kind.clone(),
        asked: None,
        default: template.default.clone().unwrap_or_default(),
        choices: recording.choices(name),
        description: recording.filled_in(name, &template.description),
        extended: recording.filled_in(name, &template.extended),
    }
}

/// What the frontend was told of each question the first time. It is told the template's name only; the order is the trace's.
fn offered(recording: &Recording) -> BTreeMap<&str, &Asked> {
    let mut shown = recording.trace.inputs.iter().filter(|i| i.shown);
    let mut offered = BTreeMap::new();
    for asked in &recording.asked {
        let template = |question: &str| recording.template(question).map(|t| t.name.as_str());
        // what a script asked and took back before it was shown is passed over
        let found = shown.by_ref().find(|i| template(&i.question) == Some(&asked.template));
        if let Some(input) = found {
            offered.entry(input.question.as_str()).or_insert(asked);
        }
    }
    offered
}

/// What the person has to know about the rehearsal itself, one line each.
pub fn remarks(recording: &Recording) -> Vec<String> {
    let mut remarks: Vec<String> = recording.problems.iter().map(|p| printable(p)).collect();
    match &recording.ending {
        Ending::Complete => {}
        Ending::Failed(last) => {
            remarks.extend(last.iter().map(|l| format!("    {}", printable(l))));
            remarks.push(
                "the installation failed (in a root where no service runs that need not mean anything); \
                 what a script would have asked after its failure is not known, what the other packages ask is"
                    .into(),
            );
        }
        Ending::Endless(template) => remarks.push(format!(
            "{} was asked again and again, whatever the answer, and the installation was stopped: \
             what would be asked after it is not known",
            printable(template)
        )),
        Ending::Silent(seconds) => remarks.push(format!(
            "nothing was heard of the installation for {seconds} s and it was stopped: what would be asked later is not known"
        )),
    }
    remarks
}

#[cfg(test)]
mod tests;
