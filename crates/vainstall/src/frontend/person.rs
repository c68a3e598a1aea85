//! Asking a person what a package asks.

use super::visible;
use crate::{
    owner::Owner,
    page::{Page, form::Form},
    progress::Progress,
    signals::Signals,
    terminal,
};
use appliance::{
    Host,
    question::{Question, QuestionType},
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
) -> io::Result<Answered> {
    let ours: Vec<Question> = questions.iter().enumerate().map(|(n, q)| question(n, q)).collect();
    let asked: Vec<Question> =
        ours.iter().zip(questions).filter(|(_, q)| q.wants_answer()).map(|(ours, _)| ours.clone()).collect();
    let notes: Vec<[String; 2]> = questions
        .iter()
        .filter(|q| !q.wants_answer())
        .map(|q| [visible(&q.description), paragraphs(&q.extended)])
        .collect();
    let typed = if let Owner::AtThePage(page) = owner {
        on_the_page(page, host, signals, title, &notes, asked)
    } else {
        let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.pause();
        eprintln!("\n{}", visible(title));
        for [heading, text] in &notes {
            eprintln!("{heading}\n{text}");
        }
        terminal::converse(&asked, &BTreeMap::new(), host, signals)
    };
    let mut typed = typed.map_err(io::Error::other)?;
    let values = ours.iter().zip(questions);
    let values = values.map(|(ours, q)| typed.remove(&ours.name).unwrap_or_else(|| q.default.clone()));
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
    let given = BTreeMap::new();
    page.ask(Form { title: visible(title), notes, questions, given, host: host.clone() }, signals)
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
        choices: asked.choices.clone(),
        // a default of ours is a template: a package may write {{ and mean it
        default: Some(asked.default.clone()).filter(|default| !default.is_empty() && !default.contains('{')),
        optional: true,
        ..Question::default()
    }
}

fn paragraphs(text: &str) -> String {
    text.lines().map(visible).collect::<Vec<_>>().join("\n").trim().to_owned()
}
