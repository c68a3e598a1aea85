//! `when`: on an earlier question, and on an answer that it can have.

use super::{
    super::{super::tree::Way, Rules},
    earlier,
};
use crate::{
    names::Mistake,
    problem::Kind,
    question::{Question, QuestionType, Test, When},
    suggest,
};

pub fn check(rules: &mut Rules<'_, '_>, way: &Way<'_>, question: &Question) {
    let Some(when) = &question.when else { return };
    let way = way.key("when");
    let place = if matches!(when, When::Test(_)) { way.key("question") } else { way.clone() };
    let on = match earlier(rules, question, when.question()) {
        Ok(on) => on,
        Err(mistake) => return rules.wrong(Kind::UnknownName, &place, mistake),
    };
    let (kind, choices) = (on.kind, on.choices.clone());
    let When::Test(Test { is, not, .. }) = when else { return };
    if is.is_some() == not.is_some() {
        let mistake = Mistake::new("a condition has one of `is` and `not`")
            .help("write `{ question = \"…\", is = \"…\" }`, or only the question's name");
        return rules.wrong(Kind::Either, &way, mistake);
    }
    let (key, words) =
        if let Some(words) = is { ("is", words) } else { ("not", not.as_ref().unwrap_or(NONE)) };
    let possible: Vec<&str> = match kind {
        QuestionType::Boolean => vec!["true", "false"],
        QuestionType::Select | QuestionType::Multiselect => choices.iter().map(String::as_str).collect(),
        _ => return,
    };
    for word in words.all().iter().filter(|w| !possible.contains(&w.as_str())) {
        let near = suggest::did_you_mean(word, possible.iter().copied());
        let help = near.unwrap_or_else(|| format!("there are {}", possible.join(", ")));
        let mistake = Mistake::new(format!("`{word}` is no answer to `{}`", when.question())).help(help);
        rules.wrong(Kind::Choice, &way.key(key), mistake);
    }
}

const NONE: &crate::question::OneOrMany = &crate::question::OneOrMany::Many(Vec::new());
