//! Conditions: a question that is asked only when an earlier one has a certain answer.
//!
//! A question that is not asked has the empty answer, in templates and seeds alike. What depends on a question that is
//! not asked is not asked either.

use super::{Question, QuestionType, chosen};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `when = "wants-mail"` or `when = { question = "database", is = "mariadb" }`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum When {
    /// The question was answered with yes, or with anything at all when it is no yes-or-no question.
    Yes(String),
    Test(Test),
}

/// The answer is one of `is`, or none of `not`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Test {
    /// An earlier question's name.
    pub question: String,
    /// The answer is this, or one of these; of a `multiselect`: it was chosen, perhaps among others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<OneOrMany>,
    /// The answer is neither of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not: Option<OneOrMany>,
}

/// One word or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub fn all(&self) -> &[String] {
        match self {
            OneOrMany::One(word) => std::slice::from_ref(word),
            OneOrMany::Many(words) => words,
        }
    }
}

impl When {
    /// The question it depends on.
    pub fn question(&self) -> &str {
        match self {
            When::Yes(question) => question,
            When::Test(test) => &test.question,
        }
    }

    /// Whether it is so, with this answer to the question (of this type) it depends on.
    pub fn holds(&self, kind: QuestionType, answer: &str) -> bool {
        let answered: Vec<&str> = match kind {
            QuestionType::Multiselect => chosen(answer).collect(),
            _ => vec![answer],
        };
        let among = |words: &OneOrMany| words.all().iter().any(|w| answered.contains(&w.as_str()));
        match self {
            When::Yes(_) => !answer.is_empty() && (kind != QuestionType::Boolean || answer == "true"),
            When::Test(Test { is: Some(words), .. }) => among(words),
            When::Test(Test { not: Some(words), .. }) => !among(words),
            When::Test(_) => true,
        }
    }
}

/// Whether a question is asked. `answers` has those to all earlier questions that are asked, and to no others.
pub fn is_asked(question: &Question, questions: &[Question], answers: &BTreeMap<String, String>) -> bool {
    let Some(when) = &question.when else { return true };
    let on = questions.iter().find(|q| q.name == when.question());
    on.zip(answers.get(when.question())).is_some_and(|(on, answer)| when.holds(on.kind, answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_notation_says_what_it_means() {
        use QuestionType::{Boolean, Multiselect, Select, String};
        for (when, kind, answer, expect) in [
            (r#""q""#, Boolean, "true", true),
            (r#""q""#, Boolean, "false", false),
            (r#""q""#, String, "x", true),
            (r#""q""#, String, "", false),
            (r#"{"question":"q","is":"a"}"#, Select, "a", true),
            (r#"{"question":"q","is":"a"}"#, Select, "b", false),
            (r#"{"question":"q","is":["a","b"]}"#, Select, "b", true),
            (r#"{"question":"q","not":["a","b"]}"#, Select, "b", false),
            (r#"{"question":"q","not":"a"}"#, Select, "c", true),
            (r#"{"question":"q","is":"false"}"#, Boolean, "false", true),
            (r#"{"question":"q","is":"b"}"#, Multiselect, "a, b", true),
            (r#"{"question":"q","is":"a, b"}"#, Multiselect, "a, b", false),
            (r#"{"question":"q","not":"b"}"#, Multiselect, "a, b", false),
        ] {
            let parsed: When = serde_json::from_str(when).unwrap();
            assert_eq!(parsed.holds(kind, answer), expect, "{when} {answer}");
            assert_eq!(serde_json::to_string(&parsed).unwrap(), when);
        }
    }

    #[test]
    fn what_depends_on_a_question_that_is_not_asked_is_not_asked() {
        let question =
            |name: &str, when: Option<When>| Question { name: name.into(), when, ..Question::default() };
        let not = Test { question: "b".into(), is: None, not: Some(OneOrMany::One("x".into())) };
        let questions = [
            question("a", None),
            question("b", Some(When::Yes("a".into()))),
            question("c", Some(When::Test(not))),
        ];
        let answers = BTreeMap::from([("a".to_owned(), String::new())]);
        assert!(is_asked(&questions[0], &questions, &answers));
        assert!(!is_asked(&questions[1], &questions, &answers));
        assert!(!is_asked(&questions[2], &questions, &answers));
    }
}
