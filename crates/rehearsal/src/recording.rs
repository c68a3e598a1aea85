//! What a rehearsal tells.

use crate::Trace;
use debconf::{Template, passthrough::Asked};
use std::collections::BTreeSet;

/// A package that was installed, in apt's order.
#[derive(Debug, Clone)]
pub struct Installed {
    pub name: String,
    pub version: String,
    pub templates: Vec<Template>,
}

/// How the installation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    Complete,
    /// apt or a package's script failed; the last words of the first failure. A package whose script failed was taken for
    /// configured, and the others were.
    Failed(Vec<String>),
    /// A script asked the question of this template again and again, and was stopped. What would come after is unknown.
    Endless(String),
    /// Nothing was heard for so long (seconds) that it was stopped.
    Silent(u64),
}

#[derive(Debug, Clone)]
pub struct Recording {
    pub release: String,
    /// In apt's order, which is the order of unpacking and of preconfiguration; what came in a first run stands first.
    pub closure: Vec<Installed>,
    /// Names in apt's order where all comes in one run.
    pub order: Vec<String>,
    /// Templates of packages that every Debian of the release has: package and template.
    pub present: Vec<(String, Template)>,
    /// Names of the users and groups that the root has in the end.
    pub accounts: Vec<String>,
    pub trace: Trace,
    /// What the frontend was asked, with the texts, choices and defaults as a person would have seen them.
    pub asked: Vec<Asked>,
    /// Those of them that were answered in advance, by debconf's names of the questions.
    pub answered: BTreeSet<String>,
    /// What went wrong on the way, in the packages' own words: nothing here may go to a terminal unfiltered.
    pub problems: Vec<String>,
    pub ending: Ending,
}

impl Recording {
    /// The template of a question: its own, or the shared one that a script registered it with.
    pub fn template(&self, question: &str) -> Option<&Template> {
        let registered = self.trace.registered.get(question).map(|(template, _)| template.as_str());
        let name = registered.unwrap_or(question);
        let installed = self.closure.iter().flat_map(|p| &p.templates);
        installed.chain(self.present.iter().map(|(_, t)| t)).find(|t| t.name == name)
    }

    /// Whose question one is that this script asked: the script's package, or for a program that is nobody's maintainer
    /// script (`ucf`, `pam-auth-update`) the package that has the template.
    pub fn asker<'a>(&'a self, script: &'a str, question: &str) -> &'a str {
        let template = self.template(question).map(|t| t.name.as_str());
        let new = self.closure.iter().flat_map(|p| p.templates.iter().map(|t| (p.name.as_str(), t)));
        let mut all = new.chain(self.present.iter().map(|(p, t)| (p.as_str(), t)));
        let known =
            self.closure.iter().any(|p| p.name == script) || self.present.iter().any(|(p, _)| p == script);
        match known {
            true => script,
            false => all.find(|(_, t)| Some(t.name.as_str()) == template).map_or(script, |(owner, _)| owner),
        }
    }

    /// The choices of a question with the variables in them filled in, as debconf does it.
    pub fn choices(&self, question: &str) -> Vec<String> {
        let Some(template) = self.template(question) else { return vec![] };
        let fill = |choice: &String| match choice.contains("${") {
            true => debconf::templates::split_choices(&self.filled_in(question, choice)),
            false => vec![choice.clone()],
        };
        template.choices.iter().flat_map(fill).collect()
    }

    /// A text of a template with the question's variables filled in.
    pub fn filled_in(&self, question: &str, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in self.trace.substituted.get(question).into_iter().flatten() {
            text = text.replace(&format!("${{{name}}}"), value);
        }
        text
    }
}
