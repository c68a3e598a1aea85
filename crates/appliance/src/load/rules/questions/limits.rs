//! `min`, `max`, `min-length`, `max-length`, `pattern`: where they belong, and that some answer fits them.

use super::super::{super::tree::Way, Rules};
use crate::{
    answers::pattern::Pattern,
    names::Mistake,
    problem::Kind,
    question::{Question, QuestionType},
};

pub fn check(rules: &mut Rules<'_, '_>, way: &Way<'_>, question: &Question) {
    let lengths = [question.min_length.map(i64::from), question.max_length.map(i64::from)];
    let line = matches!(question.kind, QuestionType::String | QuestionType::Password);
    let number = matches!(question.kind, QuestionType::Number | QuestionType::Port);
    let given = [
        ("min", question.min.is_some(), number, "a number or a port"),
        ("max", question.max.is_some(), number, "a number or a port"),
        ("min-length", lengths[0].is_some(), line, "a string or a password"),
        ("max-length", lengths[1].is_some(), line, "a string or a password"),
        ("pattern", question.pattern.is_some(), line, "a string or a password"),
        (
            "pattern-hint",
            question.pattern_hint.is_some(),
            question.pattern.is_some(),
            "a question with `pattern`",
        ),
    ];
    for (key, _, _, whose) in given.iter().filter(|(_, there, fits, _)| *there && !*fits) {
        let mistake = Mistake::new(format!("`{key}` is for {whose}")).help("take it out");
        rules.wrong(Kind::Value, &way.key(key), mistake);
    }
    for (key, least, most) in [("max", question.min, question.max), ("max-length", lengths[0], lengths[1])] {
        if let Some((least, most)) = least.zip(most)
            && least > most
        {
            let mistake = Mistake::new(format!("no answer fits: {least} is more than {most}"));
            rules.wrong(Kind::Value, &way.key(key), mistake.help("exchange the two"));
        }
    }
    if let Some(Err(mistake)) = question.pattern.as_deref().map(Pattern::parse) {
        rules.wrong(Kind::Value, &way.key("pattern"), mistake);
    }
    let Some(secret) = question.generate else { return };
    let fits = lengths[0].is_none_or(|l| i64::from(secret.length) >= l)
        && lengths[1].is_none_or(|l| i64::from(secret.length) <= l);
    if !fits {
        let mistake = Mistake::new("the secret that is made does not have the length that is asked for");
        rules.wrong(Kind::Generate, &way.key("generate"), mistake.help("change `length` or the limits"));
    }
    if question.pattern.is_some() {
        let mistake =
            Mistake::new("a secret that is made may not fit the pattern").help("take one of the two out");
        rules.wrong(Kind::Generate, &way.key("pattern"), mistake);
    }
}
