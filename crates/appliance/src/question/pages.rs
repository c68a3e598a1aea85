//! Which questions stand on one screen.

use super::Question;
use crate::seed_value;

/// Questions that are asked at once, by their places in the definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub group: Option<String>,
    pub questions: Vec<usize>,
}

/// In the definition's order. Neighbours with the same `group` share a page, but for one that has to know another's answer first, for
/// its condition or its default.
pub fn pages(questions: &[Question]) -> Vec<Page> {
    let mut pages: Vec<Page> = vec![];
    for (index, question) in questions.iter().enumerate() {
        let joins = pages.last().is_some_and(|page| {
            let waits = |i: &usize| depends(question, &questions[*i].name);
            page.group.is_some() && page.group == question.group && !page.questions.iter().any(waits)
        });
        match pages.last_mut() {
            Some(page) if joins => page.questions.push(index),
            _ => pages.push(Page { group: question.group.clone(), questions: vec![index] }),
        }
    }
    pages
}

fn depends(question: &Question, on: &str) -> bool {
    let default = question.default.as_deref().and_then(|d| seed_value::parse(d).ok()).unwrap_or_default();
    question.when.as_ref().is_some_and(|w| w.question() == on)
        || seed_value::answers_used(&default).any(|n| n == on)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::When;

    #[test]
    fn neighbours_share_a_page_until_one_has_to_wait() {
        let question = |name: &str, group: Option<&str>| Question {
            name: name.into(),
            group: group.map(str::to_owned),
            ..Question::default()
        };
        let mut questions = ["a", "b", "c", "d", "e", "f"].map(|n| question(n, Some("Mail")));
        questions[2].when = Some(When::Yes("a".into()));
        questions[3].default = Some("x{{ answers.c }}".into());
        questions[4].group = None;
        questions[5].group = None;
        let pages: Vec<Vec<usize>> = pages(&questions).into_iter().map(|p| p.questions).collect();
        assert_eq!(pages, [vec![0, 1], vec![2], vec![3], vec![4], vec![5]]);
    }
}
