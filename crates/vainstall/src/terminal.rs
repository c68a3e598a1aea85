//! Asking a person at the terminal.

use crate::signals::Signals;
use anyhow::{Context, Result, bail};
use appliance::{
    Host,
    answers::{default_of, validate},
    question::{Question, QuestionType},
};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::io::{self, BufRead, IsTerminal, Write};

/// Whether there is somebody to ask.
pub fn is_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks until the answer fits. None: nothing was typed, and the default or a generated secret is to be taken.
pub fn ask(question: &Question, host: &Host, signals: &Signals) -> Result<Option<String>> {
    if let Some(description) = &question.description {
        eprintln!("\n{}", description.trim());
    }
    loop {
        let typed = if question.kind == QuestionType::Password {
            password(question, signals)?
        } else {
            let typed = line(&prompt(question, host))?;
            meant(question, typed.trim())
        };
        if typed.is_empty()
            && (question.default.is_some() || question.generate.is_some() || question.optional)
        {
            return Ok(None);
        }
        match validate(question, &typed) {
            Ok(()) => return Ok(Some(typed)),
            Err(why) => eprintln!(
                "  This {}",
                why.trim_end_matches('.').replace("an answer is needed", "needs an answer")
            ),
        }
    }
}

fn prompt(question: &Question, host: &Host) -> String {
    let mut text = question.prompt.clone();
    for (i, choice) in question.choices.iter().enumerate() {
        text.push_str(&format!("\n  {}. {choice}\n", i + 1));
    }
    if question.kind == QuestionType::Boolean {
        text.push_str(" (yes/no)");
    }
    match default_of(question, host, &Default::default()) {
        Some(default) if !default.is_empty() => format!("{text} [{}]: ", shown(question, &default)),
        _ => format!("{text}: "),
    }
}

fn shown(question: &Question, value: &str) -> String {
    match (question.kind, value) {
        (QuestionType::Boolean, "true") => "yes".into(),
        (QuestionType::Boolean, "false") => "no".into(),
        _ => value.into(),
    }
}

/// What a person may write for an answer: `yes` for true, a number for a choice.
fn meant(question: &Question, typed: &str) -> String {
    match question.kind {
        QuestionType::Boolean => match typed.to_lowercase().as_str() {
            "y" | "yes" => "true".into(),
            "n" | "no" => "false".into(),
            _ => typed.into(),
        },
        QuestionType::Select => {
            let choice = typed.parse::<usize>().ok().and_then(|n| question.choices.get(n.checked_sub(1)?));
            choice.cloned().unwrap_or_else(|| typed.into())
        }
        _ => typed.into(),
    }
}

/// Without echo, twice.
fn password(question: &Question, signals: &Signals) -> Result<String> {
    let hint = if question.generate.is_some() { " [Enter: one is made]" } else { "" };
    loop {
        let first = hidden(&format!("{}{hint}: ", question.prompt), signals)?;
        if first.is_empty() || hidden("The same again: ", signals)? == first {
            return Ok(first);
        }
        eprintln!("  The two are not the same.");
    }
}

fn hidden(prompt: &str, signals: &Signals) -> Result<String> {
    let was = tcgetattr(io::stdin()).context("cannot read the terminal's settings")?;
    let mut quiet = was.clone();
    quiet.local_modes.remove(LocalModes::ECHO);
    signals.terminal(Some(was.clone()));
    tcsetattr(io::stdin(), OptionalActions::Flush, &quiet).context("cannot turn the terminal's echo off")?;
    let typed = line(prompt);
    tcsetattr(io::stdin(), OptionalActions::Flush, &was)
        .context("cannot turn the terminal's echo on again")?;
    signals.terminal(None);
    eprintln!();
    typed
}

fn line(prompt: &str) -> Result<String> {
    eprint!("{prompt}");
    io::stderr().flush().ok();
    let mut typed = String::new();
    if io::stdin().lock().read_line(&mut typed).context("cannot read from the terminal")? == 0 {
        bail!("the terminal was closed before every question had its answer");
    }
    Ok(typed.trim_end_matches(['\n', '\r']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_yes_and_numbers() {
        let question = |kind, choices: &[&str]| Question {
            name: "q".into(),
            prompt: "Q".into(),
            kind,
            choices: choices.iter().map(|c| c.to_string()).collect(),
            ..Question::default()
        };
        assert_eq!(meant(&question(QuestionType::Boolean, &[]), "Yes"), "true");
        assert_eq!(meant(&question(QuestionType::Boolean, &[]), "perhaps"), "perhaps");
        let select = question(QuestionType::Select, &["a", "b"]);
        let cases = [("2", "b"), ("0", "0"), ("3", "3"), ("a", "a")];
        for (typed, expect) in cases {
            assert_eq!(meant(&select, typed), expect);
        }
    }
}
