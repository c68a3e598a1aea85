//! `appliance-configure secret` and `answers`

use crate::{Error, Machine, installed, knowledge};
use anyhow::Result;
use std::process::ExitCode;

/// Prints one secret: the only way to see it, for root alone.
pub fn secret(machine: &Machine, name: &str, question: &str) -> Result<ExitCode> {
    super::need_root()?;
    let installed = installed::load(machine, name)?;
    let secret = installed.definition.questions.iter().filter(|q| q.is_secret());
    let names: Vec<&str> = secret.map(|q| q.name.as_str()).collect();
    let hint = match (names.is_empty(), names.contains(&question)) {
        (true, _) => "this appliance has no secrets".to_string(),
        (false, true) => format!("it is made by `appliance-configure apply {name}`"),
        (false, false) => format!("there are: {}", names.join(", ")),
    };
    let missing = || Error::NoSuch { what: "the secret", name: question.into(), hint };
    let found =
        names.contains(&question).then(|| knowledge::secret(machine, name, question)).transpose()?.flatten();
    println!("{}", found.ok_or_else(missing)?);
    Ok(ExitCode::SUCCESS)
}

pub fn answers(machine: &Machine, name: &str, json: bool) -> Result<ExitCode> {
    super::need_root()?;
    let installed = installed::load(machine, name)?;
    let answers = knowledge::without_secrets(machine, &installed)?.answers;
    if json {
        println!("{}", serde_json::to_string(&answers)?);
    } else {
        answers.iter().for_each(|(question, answer)| println!("{question}={answer}"));
    }
    Ok(ExitCode::SUCCESS)
}
