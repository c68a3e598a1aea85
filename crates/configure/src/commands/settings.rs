//! `appliance-configure settings`: for the management page, in JSON.

use crate::{Error, Installed, Machine, installed, settings};
use anyhow::Result;
use appliance::answers::given;
use std::{
    io::{self, Read},
    process::ExitCode,
};

/// The questions with their present answers. `languages` as LANGUAGE has them: `de_AT:de`.
pub fn show(machine: &Machine, name: &str, languages: &str) -> Result<ExitCode> {
    super::need_root()?;
    let languages: Vec<String> = languages.split(':').filter(|l| !l.is_empty()).map(str::to_owned).collect();
    print(&settings::show(machine, &installed::load(machine, name)?, &languages)?)
}

/// What would come of the answers on standard input.
pub fn check(machine: &Machine, name: &str, revision: Option<&str>) -> Result<ExitCode> {
    super::need_root()?;
    let installed = installed::load(machine, name)?;
    print(&settings::check(machine, &installed, &answers()?, revision)?)
}

/// A file of answers on standard input, in any of its notations, as the object that `--answers` and `--check` take.
pub fn read(machine: &Machine, name: &str) -> Result<ExitCode> {
    super::need_root()?;
    let Installed { definition, .. } = installed::load(machine, name)?;
    let given = given::read(&input(given::SIZE_LIMIT)?, "the answers", name, &definition.questions);
    if given.problems.is_empty() && given.foreign.is_empty() {
        // who writes down that an optional secret is empty wants none
        let none =
            |name: &str| definition.questions.iter().any(|q| q.name == name && q.is_secret() && q.optional);
        let answer = |(name, text): (String, String)| {
            let answer = if text.is_empty() && none(&name) { None } else { Some(text) };
            (name, answer)
        };
        return print(&given.answers.into_iter().map(answer).collect::<settings::Given>());
    }
    let mut wrong: Vec<String> = given.problems.iter().map(ToString::to_string).collect();
    wrong.extend(given.foreign.iter().map(|s| format!("{} is a question of another package", s.question)));
    Err(Error::Given { message: wrong.join("; ") }.into())
}

/// From standard input. No part of it is repeated: it may hold secrets.
pub fn answers() -> Result<settings::Given, Error> {
    let wrong = |_| Error::Given { message: "standard input is no JSON object of names and texts".into() };
    serde_json::from_slice(&input(given::SIZE_LIMIT)?).map_err(wrong)
}

/// At most so many bytes, and one to see that there are more.
fn input(most: usize) -> Result<Vec<u8>, Error> {
    let mut text = vec![];
    io::stdin().take(most as u64 + 1).read_to_end(&mut text).map_err(Error::io("read", "/dev/stdin"))?;
    Ok(text)
}

fn print(value: &impl serde::Serialize) -> Result<ExitCode> {
    println!("{}", serde_json::to_string(value)?);
    Ok(ExitCode::SUCCESS)
}
