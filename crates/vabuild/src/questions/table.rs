//! Questions as a table for a person.

use super::{Question, takes_answer};
use appliance::problem::printable;
use std::fmt::Write;

const HEAD: [&str; 7] = ["PACKAGE", "QUESTION", "TYPE", "ASKED", "DEFAULT", "CHOICES", "DESCRIPTION"];
/// No column but the last is wider (characters); what is cut off ends in `…`. JSON has everything.
const WIDEST: [usize; 7] = [28, 44, 11, 8, 28, 44, 72];

/// The table. What is only shown (notes, errors) is left out unless it was asked; with `asked_only` so is what was not.
pub fn text(questions: &[Question], asked_only: bool) -> String {
    let wanted = |q: &&Question| q.asked.is_some() || (!asked_only && takes_answer(&q.kind));
    let rows: Vec<[String; 7]> = questions.iter().filter(wanted).map(row).collect();
    let width = |column: usize| {
        let longest = rows.iter().map(|r| r[column].chars().count()).max().unwrap_or(0);
        longest.max(HEAD[column].len())
    };
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let mut text = String::new();
    for cells in std::iter::once(&HEAD.map(str::to_owned)).chain(&rows) {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(&widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let asked = questions.iter().filter(|q| q.asked.is_some()).count();
    let rest = questions.iter().filter(|q| q.asked.is_none() && takes_answer(&q.kind)).count();
    let _ = writeln!(text, "\n{asked} asked, {rest} not asked");
    text
}

fn row(question: &Question) -> [String; 7] {
    let asked = question.asked.as_ref().map_or("-", |how| how.priority.as_str());
    let cells = [
        question.package.clone(),
        question.name.clone(),
        question.kind.clone(),
        asked.to_owned(),
        question.default.clone(),
        question.choices.join(", "),
        question.description.clone(),
    ];
    let mut index = 0;
    cells.map(|cell| {
        index += 1;
        cut(&printable(&cell), WIDEST[index - 1])
    })
}

fn cut(text: &str, widest: usize) -> String {
    match text.chars().count() > widest {
        true => text.chars().take(widest - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}
