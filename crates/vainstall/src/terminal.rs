//! Asking a person at the terminal.

use crate::{answers::InUse, signals::Signals};
use anyhow::{Context, Result, bail};
use appliance::{
    Host,
    answers::{canonical, default_of, so_far, validate},
    problem::printable,
    question::{Question, QuestionType, Words, chosen, languages},
};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::{
    collections::BTreeMap,
    env,
    io::{self, BufRead, IsTerminal, Write},
};

/// Whether there is somebody to ask.
pub fn is_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Takes back what stands in brackets.
const NOTHING: &str = "\"\"";

/// What a person did at a question.
enum Typed {
    Answer(String),
    /// Enter: what stands in brackets, or nothing.
    Nothing,
    Back,
}

/// Asks the questions that nobody has answered, by group, forwards and back, in the person's language. What was typed stays, also
/// when the way back and another answer leave its question out.
pub fn converse(
    questions: &[Question],
    given: &BTreeMap<String, String>,
    in_use: &InUse,
    host: &Host,
    signals: &Signals,
) -> Result<BTreeMap<String, String>> {
    let languages = languages(|name| env::var(name).ok());
    let mut typed = BTreeMap::<String, String>::new();
    let (mut behind, mut next) = (Vec::<usize>::new(), 0);
    let mut group = None;
    eprintln!("Enter takes what stands in brackets, < goes back.");
    loop {
        let all = given.iter().chain(&typed).map(|(k, v)| (k.clone(), v.clone())).collect();
        let asked = so_far(questions, &all, host);
        let open = |q: &Question| !q.internal && !given.contains_key(&q.name) && asked.contains_key(&q.name);
        let Some(index) = (next..questions.len()).find(|i| open(&questions[*i])) else { return Ok(typed) };
        let question = &questions[index];
        let words = question.words(&languages);
        if words.group != group
            && let Some(title) = words.group
        {
            eprintln!("\n-- {title} --");
        }
        group = words.group;
        let before = typed.get(&question.name).cloned();
        let offered = before.clone().or_else(|| default_of(question, host, &asked));
        let secret = match (before, in_use.get(&question.name)) {
            (Some(_), _) => Secret::Typed,
            (None, Some(spare)) => Secret::InUse { spare: *spare },
            (None, None) => Secret::None,
        };
        match ask(question, &words, offered.as_deref(), secret, signals)? {
            Typed::Back => match behind.pop() {
                Some(before) => next = before,
                None => eprintln!("  This is the first question."),
            },
            answer => {
                if let Typed::Answer(answer) = answer {
                    typed.insert(question.name.clone(), answer);
                }
                behind.push(index);
                next = index + 1;
            }
        }
    }
}

/// What Enter leaves of a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Secret {
    None,
    /// As it was typed before.
    Typed,
    /// The present one; `spare` can be taken away.
    InUse {
        spare: bool,
    },
}

/// Asks until the answer fits. `offered` is what Enter takes.
fn ask(
    question: &Question,
    words: &Words<'_>,
    offered: Option<&str>,
    secret: Secret,
    signals: &Signals,
) -> Result<Typed> {
    if let Some(description) = words.description {
        eprintln!("\n{}", description.trim());
    }
    let spoken = Question { pattern_hint: words.pattern_hint.map(str::to_owned), ..question.clone() };
    loop {
        let typed = match question.kind {
            QuestionType::Password => password(question, words, secret, signals)?,
            QuestionType::Text => lines(&prompt(question, words, offered))?,
            _ => line(&prompt(question, words, offered))?.trim().to_owned(),
        };
        let typed = match typed.as_str() {
            "<" => return Ok(Typed::Back),
            "" if offered.is_some() || question.generate.is_some() || question.optional => {
                return Ok(Typed::Nothing);
            }
            NOTHING if secret == (Secret::InUse { spare: false }) => {
                eprintln!("  This is needed, and cannot be taken away");
                continue;
            }
            NOTHING if question.optional => String::new(),
            r"\<" => "<".into(),
            _ => canonical(question, &meant(question, words, &typed)),
        };
        match validate(&spoken, &typed) {
            Ok(()) => return Ok(Typed::Answer(typed)),
            Err(why) => eprintln!(
                "  This {}",
                why.trim_end_matches('.').replace("an answer is needed", "needs an answer")
            ),
        }
    }
}

/// Yes or no; an empty line is no.
pub fn confirm(question: &str) -> Result<bool> {
    let typed = line(&format!("{question} (yes/no) [no]: "))?;
    Ok(matches!(typed.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn prompt(question: &Question, words: &Words<'_>, offered: Option<&str>) -> String {
    let mut text = words.prompt.to_owned();
    for (i, choice) in words.choices.iter().enumerate() {
        text.push_str(&format!("\n  {}. {choice}", i + 1));
    }
    text.push_str(match question.kind {
        QuestionType::Boolean => " (yes/no)",
        QuestionType::Multiselect => "\nSome of them, with commas",
        QuestionType::Select => "\nOne of them",
        QuestionType::Text => " (several lines; a line with only a dot ends them)",
        _ => "",
    });
    match offered {
        Some(answer) if !answer.is_empty() => {
            let shown: Vec<String> =
                answer.lines().map(|line| printable(&shown(question, words, line))).collect();
            format!("{text} [{}]: ", shown.join(" / "))
        }
        _ => format!("{text}: "),
    }
}

/// The answer in the person's words.
fn shown(question: &Question, words: &Words<'_>, value: &str) -> String {
    let choice = |value: &str| {
        let place = question.choices.iter().position(|c| c == value);
        place.and_then(|i| words.choices.get(i)).map_or(value, |c| c).to_owned()
    };
    match (question.kind, value) {
        (QuestionType::Boolean, "true") => "yes".into(),
        (QuestionType::Boolean, "false") => "no".into(),
        (QuestionType::Select, value) => choice(value),
        (QuestionType::Multiselect, value) => chosen(value).map(choice).collect::<Vec<_>>().join(", "),
        _ => value.into(),
    }
}

/// What a person may write for an answer: `yes` for true, a number or a word of their language for a choice.
fn meant(question: &Question, words: &Words<'_>, typed: &str) -> String {
    let choice = |typed: &str| {
        let number = typed.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
        let named = words.choices.iter().position(|c| c.to_lowercase() == typed.to_lowercase());
        let found = question.choices.iter().find(|c| *c == typed);
        let found = found.or_else(|| question.choices.get(named.or(number)?));
        found.cloned().unwrap_or_else(|| typed.into())
    };
    match question.kind {
        QuestionType::Boolean => match typed.to_lowercase().as_str() {
            "y" | "yes" => "true".into(),
            "n" | "no" => "false".into(),
            _ => typed.into(),
        },
        QuestionType::Select => choice(typed),
        QuestionType::Multiselect => {
            let numbers = typed.split([',', ' ']).filter(|w| !w.is_empty());
            let by_number = numbers.clone().all(|w| w.parse::<usize>().is_ok());
            let parts: Vec<&str> = if by_number { numbers.collect() } else { chosen(typed).collect() };
            parts.into_iter().map(choice).collect::<Vec<_>>().join(", ")
        }
        _ => typed.into(),
    }
}

/// Lines up to one that is a dot; an empty or `<` first line is all there is.
fn lines(prompt: &str) -> Result<String> {
    let first = line(&format!("{prompt}\n"))?;
    if first.is_empty() || first == "<" {
        return Ok(first);
    }
    let (mut text, mut next) = (String::new(), first);
    while next != "." {
        text.push_str(&next);
        text.push('\n');
        next = line("")?;
    }
    Ok(text)
}

/// Without echo, twice.
fn password(question: &Question, words: &Words<'_>, secret: Secret, signals: &Signals) -> Result<String> {
    let hint = match (secret, question.generate) {
        (Secret::Typed, _) => " [Enter: as before]",
        (Secret::InUse { spare: true }, _) => " [Enter: as it is; \"\": none any more]",
        (Secret::InUse { spare: false }, _) => " [Enter: as it is]",
        (Secret::None, Some(_)) => " [Enter: one is made]",
        (Secret::None, None) => "",
    };
    loop {
        let first = hidden(&format!("{}{hint}: ", words.prompt), signals)?;
        if ["", "<", NOTHING].contains(&first.as_str()) || hidden("The same again: ", signals)? == first {
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
    use appliance::question::Translation;

    fn question(kind: QuestionType, choices: &[&str]) -> Question {
        Question {
            name: "q".into(),
            prompt: "Q".into(),
            kind,
            choices: choices.iter().map(|c| c.to_string()).collect(),
            ..Question::default()
        }
    }

    #[test]
    fn people_write_yes_numbers_and_words_of_their_language() {
        let mut choice = question(QuestionType::Select, &["red", "green", "7"]);
        let german = vec!["rot".to_owned(), "Grün".into(), "sieben".into()];
        choice.translations =
            [("de".to_owned(), Translation { choices: german, ..Translation::default() })].into();
        let several = Question { kind: QuestionType::Multiselect, ..choice.clone() };
        let boolean = question(QuestionType::Boolean, &[]);
        for (question, typed, expect) in [
            (&boolean, "Yes", "true"),
            (&boolean, "perhaps", "perhaps"),
            (&choice, "2", "green"),
            (&choice, "7", "7"),
            (&choice, "0", "0"),
            (&choice, "grün", "green"),
            (&choice, "red", "red"),
            (&several, "1 3", "red, 7"),
            (&several, "grün, red", "green, red"),
            (&several, "2,9", "green, 9"),
        ] {
            assert_eq!(meant(question, &question.words(&["de".into()]), typed), expect, "{typed}");
        }
        let words = several.words(&["de".into()]);
        assert_eq!(shown(&several, &words, "red, 7"), "rot, sieben");
        assert!(prompt(&several, &words, Some("red")).ends_with("Some of them, with commas [rot]: "));
    }

    #[test]
    fn an_offered_answer_gives_the_terminal_no_orders() {
        let question = question(QuestionType::Text, &[]);
        let text = prompt(&question, &question.words(&[]), Some("a\u{1b}[2J\nb"));
        assert!(text.ends_with(" [a\\u{1b}[2J / b]: "), "{text}");
    }
}
