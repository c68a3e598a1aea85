//! Asking a person what a package asks.

use super::visible;
use crate::{
    owner::Owner,
    page::{Late, Page, form::Form},
    progress::Progress,
    signals::Signals,
    terminal,
};
use appliance::{
    Host,
    question::{Question, QuestionType, chosen},
};
use debconf::passthrough::{Answered, Asked};
use events::Kind;
use std::{
    collections::BTreeMap,
    io,
    sync::{Mutex, PoisonError},
};

/// Asks all questions of a screen. At the terminal, the progress stands still meanwhile.
pub fn ask(
    owner: &Owner,
    progress: &Mutex<&mut Progress>,
    host: &Host,
    signals: &Signals,
    title: &str,
    questions: &[Asked],
    again: bool,
) -> io::Result<Answered> {
    let ours: Vec<Question> = questions.iter().enumerate().map(|(n, q)| question(n, q)).collect();
    let asked: Vec<Question> =
        ours.iter().zip(questions).filter(|(_, q)| q.wants_answer()).map(|(ours, _)| ours.clone()).collect();
    let told = questions.iter().filter(|q| !q.wants_answer());
    let mut notes: Vec<[String; 2]> =
        told.map(|q| [visible(&q.description), paragraphs(&q.extended)]).collect();
    if again {
        notes.push(["The package asks again:".into(), "it did not take the answer of before.".into()]);
    }
    let typed = if let Owner::AtThePage(page) = owner {
        on_the_page(page, host, signals, title, &notes, asked)
    } else {
        let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.pause();
        eprintln!("\n{}", visible(title));
        for [heading, text] in &notes {
            eprintln!("{heading}\n{text}");
        }
        terminal::converse(&asked, &BTreeMap::new(), &BTreeMap::new(), host, signals)
    };
    let mut typed = typed.map_err(|why| match why.is::<Late>() {
        true => io::Error::new(io::ErrorKind::TimedOut, why),
        false => io::Error::other(why),
    })?;
    let values = ours.iter().zip(questions).map(|(ours, q)| match typed.remove(&ours.name) {
        Some(typed) => meant(&typed, ours, q),
        None => q.default.clone(),
    });
    Ok(Answered::Values(values.collect()))
}

fn on_the_page(
    page: &Page,
    host: &Host,
    signals: &Signals,
    title: &str,
    notes: &[[String; 2]],
    questions: Vec<Question>,
) -> anyhow::Result<BTreeMap<String, String>> {
    if questions.is_empty() {
        // nobody has to press a button for what is only told
        for [heading, text] in notes {
            page.board().hear(&Kind::Warning { message: format!("{heading} {text}") });
        }
    }
    let notes = notes.iter().flatten().flat_map(|text| text.lines()).map(str::to_owned).collect();
    page.ask(Form { title: visible(title), notes, questions, host: host.clone(), ..Form::default() }, signals)
}

/// The package's question as one of ours, with nothing in it that a terminal would obey.
fn question(number: usize, asked: &Asked) -> Question {
    Question {
        // two of one template may stand on a screen
        name: format!("{number}-{}", asked.template),
        prompt: visible(&asked.description),
        description: Some(paragraphs(&asked.extended)).filter(|text| !text.is_empty()),
        kind: match asked.kind.as_str() {
            "boolean" => QuestionType::Boolean,
            "select" => QuestionType::Select,
            "multiselect" => QuestionType::Multiselect,
            "password" => QuestionType::Password,
            _ => QuestionType::String,
        },
        choices: asked.choices.iter().map(|choice| plain(choice)).collect(),
        // a default of ours is a template: a package may write {{ and mean it
        default: Some(plain(&asked.default)).filter(|default| !default.is_empty() && !default.contains('{')),
        optional: true,
        ..Question::default()
    }
}

/// What a terminal would not obey is as it is.
fn plain(text: &str) -> String {
    if text.contains(char::is_control) { visible(text) } else { text.to_owned() }
}

/// The package's words for the choices that were shown.
fn meant(typed: &str, ours: &Question, asked: &Asked) -> String {
    let own = |choice: &str| {
        let place = ours.choices.iter().position(|c| c == choice);
        place.and_then(|i| asked.choices.get(i)).map_or(choice, String::as_str).to_owned()
    };
    match ours.kind {
        QuestionType::Select => own(typed),
        QuestionType::Multiselect => chosen(typed).map(own).collect::<Vec<_>>().join(", "),
        _ => typed.to_owned(),
    }
}

fn paragraphs(text: &str) -> String {
    text.lines().map(visible).collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_give_no_orders_and_mean_what_the_package_says() {
        let choices = ["a", "\u{1b}[31mred", "two  blanks"].map(String::from).to_vec();
        let asked =
            Asked { kind: "multiselect".into(), choices, default: "a\u{7}".into(), ..Asked::default() };
        let ours = question(0, &asked);
        assert_eq!(ours.choices, ["a", "[31mred", "two  blanks"]);
        assert_eq!(ours.default.as_deref(), Some("a"));
        assert_eq!(meant("[31mred, two  blanks", &ours, &asked), "\u{1b}[31mred, two  blanks");
        assert_eq!(meant("", &ours, &asked), "");
    }
}
