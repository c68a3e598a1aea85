//! The appliances' questions: shown, and new answers to them judged, by `appliance-configure`, which knows the model.
//!
//! What comes from the page is bounded here and handed on through standard input, so that nothing of it becomes an argument but an
//! appliance's name and a revision, each of which has a narrow shape.

use crate::appliances::PROGRAM;
use broker_protocol::{NewAnswers, Reason, Refusal, Settings, Unfit};
use exec::{Output, Program};
use serde::{Deserialize, de::DeserializeOwned};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

const TIMEOUT: Duration = Duration::from_secs(20);
/// Languages of one reader that are looked at.
const MOST_LANGUAGES: usize = 8;
/// `appliance-configure`'s status for what was wrong in what it was given.
const INVALID: i32 = 2;

/// `appliance-configure`, for settings.
pub struct Model {
    program: PathBuf,
}

/// What would come of new answers.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Checked {
    pub stale: bool,
    pub faults: BTreeMap<String, String>,
    /// The questions whose answers change.
    pub changes: Vec<String>,
}

impl Checked {
    pub fn unfit(self) -> Option<Unfit> {
        (self.stale || !self.faults.is_empty()).then_some(Unfit { stale: self.stale, faults: self.faults })
    }
}

impl Default for Model {
    fn default() -> Self {
        Model { program: PROGRAM.into() }
    }
}

impl Model {
    #[cfg(test)]
    pub fn at(program: impl Into<PathBuf>) -> Self {
        Model { program: program.into() }
    }

    pub fn show(&self, appliance: &str, languages: &[String]) -> Result<Settings, Refusal> {
        let known = languages.iter().filter(|l| is_language(l)).take(MOST_LANGUAGES);
        let languages: Vec<&str> = known.map(String::as_str).collect();
        self.ask(appliance, &[&format!("--languages={}", languages.join(":"))], vec![])
    }

    pub fn check(
        &self,
        appliance: &str,
        revision: Option<&str>,
        answers: &NewAnswers,
    ) -> Result<Checked, Refusal> {
        let mut arguments = vec!["--check".to_owned()];
        if let Some(revision) = revision {
            if !is_revision(revision) {
                return Err(refusal(
                    Reason::Invalid,
                    "The form does not say which answers it was made with.",
                ));
            }
            arguments.push(format!("--revision={revision}"));
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let json = serde_json::to_vec(answers).map_err(|e| refusal(Reason::Failed, &e.to_string()))?;
        self.ask(appliance, &arguments, json)
    }

    pub fn read(&self, appliance: &str, text: &str) -> Result<NewAnswers, Refusal> {
        self.ask(appliance, &["--read"], text.as_bytes().to_vec())
    }

    fn ask<T: DeserializeOwned>(
        &self,
        appliance: &str,
        arguments: &[&str],
        stdin: Vec<u8>,
    ) -> Result<T, Refusal> {
        if !is_name(appliance) {
            return Err(refusal(Reason::NotFound, "There is no such appliance on this machine."));
        }
        let program = Program::new(&self.program)
            .args(["settings"])
            .args(arguments)
            .args(["--", appliance])
            .stdin(stdin)
            .timeout(TIMEOUT);
        let output = program.output().map_err(|e| refusal(Reason::Failed, &format!("{e}.")))?;
        if !output.success() {
            return Err(failed(appliance, &output));
        }
        serde_json::from_slice(&output.stdout).map_err(|e| {
            let why = format!(
                "appliance-configure speaks another version ({e}): bring appliance-tools up to date."
            );
            refusal(Reason::Failed, &why)
        })
    }
}

fn failed(appliance: &str, output: &Output) -> Refusal {
    let said = output.tail(1).concat();
    let said = said.strip_prefix("appliance-configure: ").unwrap_or(&said);
    if output.status.code() == Some(INVALID) {
        return refusal(Reason::Invalid, &format!("{said}."));
    }
    let way_out = format!("Try `appliance-configure settings {appliance}` on the machine.");
    refusal(Reason::Failed, &format!("The settings of {appliance} cannot be read: {said}. {way_out}"))
}

fn refusal(reason: Reason, message: &str) -> Refusal {
    Refusal { reason, message: message.into() }
}

/// A part of a package name (Policy 5.6.1).
fn is_name(text: &str) -> bool {
    (2..=60).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.bytes().all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.'))
}

/// A SHA-256 in hexadecimal.
pub fn is_revision(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}

/// `de`, `pt_BR`, `sr@latin`
fn is_language(text: &str) -> bool {
    (2..=20).contains(&text.len())
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'@'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt};

    /// A program that writes down what it was given and answers with `says`.
    fn with(says: &str, test: impl FnOnce(&Model, &dyn Fn() -> String)) {
        let folder = tempfile::tempdir().unwrap();
        let (program, given) = (folder.path().join("p"), folder.path().join("given"));
        let script = format!("#!/bin/sh\n(echo \"$@\"; cat) > {}\n{says}\n", given.display());
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        test(&Model::at(program), &|| fs::read_to_string(&given).unwrap_or_default());
    }

    fn answers() -> NewAnswers {
        [("password".to_owned(), Some("hunter22".to_owned())), ("token".to_owned(), None)].into()
    }

    #[test]
    fn answers_go_through_standard_input() {
        let says = r#"echo '{"stale":false,"faults":{"a":"is wrong"},"changes":["b"],"later":1}'"#;
        with(says, |model, given| {
            let revision = "0".repeat(64);
            let checked = model.check("wiki", Some(&revision), &answers()).unwrap();
            assert_eq!(checked.changes, ["b"]);
            assert_eq!(checked.unfit().unwrap().faults["a"], "is wrong");
            let (arguments, input) =
                given().split_once('\n').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
            assert_eq!(arguments, format!("settings --check --revision={revision} -- wiki"));
            assert_eq!(input, r#"{"password":"hunter22","token":null}"#);
        });
    }

    #[test]
    fn nothing_odd_becomes_an_argument() {
        with("echo '{}'", |model, given| {
            for name in ["", "../wiki", "--help", "a b", "Wiki", "w"] {
                assert_eq!(model.check(name, None, &answers()).unwrap_err().reason, Reason::NotFound);
            }
            for revision in ["", "--read", &"g".repeat(64)] {
                assert_eq!(
                    model.check("wiki", Some(revision), &answers()).unwrap_err().reason,
                    Reason::Invalid
                );
            }
            assert_eq!(given(), "");
            let languages = ["de_AT", "de", "--x", "../..", "e:n"].map(String::from);
            assert!(model.show("wiki", &languages).is_err());
            assert_eq!(given(), "settings --languages=de_AT:de -- wiki\n");
        });
    }

    #[test]
    fn a_refusal_carries_the_programs_words() {
        for (status, reason) in [(2, Reason::Invalid), (1, Reason::Failed)] {
            with(&format!("echo 'appliance-configure: line 3: no' >&2; exit {status}"), |model, _| {
                let refusal = model.read("wiki", "x = ").unwrap_err();
                assert!(refusal.reason == reason && refusal.message.contains("line 3: no"), "{refusal:?}");
                assert!(!refusal.message.contains("appliance-configure: "));
            });
        }
        assert_eq!(Model::at("/nonexistent").show("wiki", &[]).unwrap_err().reason, Reason::Failed);
    }
}
