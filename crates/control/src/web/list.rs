//! Lists: words and choices that filter them, and a page at a time.
//!
//! Both are templates of their own, `filter.html` and `pager.html`; a page has a [`List`] called `list`, or, where it goes on by other
//! means than numbers, a [`Filter`] called `filter`. Programs get all that was found.

use crate::web::pages::percent;
use std::collections::BTreeMap;

/// Characters of what is looked for.
const LONGEST: usize = 200;

/// What stands behind `?`. What cannot be understood counts as not given.
pub type Query = BTreeMap<String, String>;

/// The form above a list.
#[derive(Debug)]
pub struct Filter {
    pub q: String,
    pub hint: &'static str,
    pub texts: Vec<Text>,
    pub choices: Vec<Choice>,
    page: usize,
}

#[derive(Debug)]
pub struct Text {
    pub name: &'static str,
    pub label: &'static str,
    pub value: String,
}

#[derive(Debug)]
pub struct Choice {
    pub name: &'static str,
    pub label: &'static str,
    /// Value and words; the first one is for all.
    pub options: Vec<(String, String)>,
    pub value: String,
}

/// What of a list is shown.
#[derive(Debug)]
pub struct List {
    pub filter: Filter,
    pub all: usize,
    pub found: usize,
    /// Counted from 1.
    pub first: usize,
    pub last: usize,
    pub before: Option<usize>,
    pub after: Option<usize>,
    /// What leads to the pages before and after.
    pub words: (&'static str, &'static str),
}

impl Filter {
    /// `hint` says what to look for.
    pub fn new(query: &Query, hint: &'static str) -> Filter {
        let page = query.get("page").and_then(|p| p.parse().ok()).unwrap_or(0);
        Filter { q: given(query, "q"), hint, texts: vec![], choices: vec![], page }
    }

    pub fn text(mut self, query: &Query, name: &'static str, label: &'static str) -> Filter {
        self.texts.push(Text { name, label, value: given(query, name) });
        self
    }

    /// The first of the options is what counts when nothing was chosen.
    pub fn choice(
        mut self,
        query: &Query,
        name: &'static str,
        label: &'static str,
        options: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Filter {
        let options: Vec<_> = options.into_iter().map(|(v, words)| (v.into(), words.into())).collect();
        let value = given(query, name);
        let known = options.iter().any(|(v, _): &(String, String)| *v == value);
        self.choices.push(Choice { name, label, value: if known { value } else { String::new() }, options });
        self
    }

    /// What was chosen or typed there; empty when nothing was.
    pub fn value(&self, name: &str) -> &str {
        let texts = self.texts.iter().map(|t| (t.name, &t.value));
        let mut all = texts.chain(self.choices.iter().map(|c| (c.name, &c.value)));
        all.find(|(n, _)| *n == name).map_or("", |(_, value)| value)
    }

    pub fn is_empty(&self) -> bool {
        self.parts().next().is_none()
    }

    /// The same filter for a link: `q=apache&`, to be gone on with.
    pub fn link(&self) -> String {
        self.parts().map(|(name, value)| format!("{name}={}&", percent(value))).collect()
    }

    fn parts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let texts = self.texts.iter().map(|t| (t.name, t.value.as_str()));
        let choices = self.choices.iter().map(|c| (c.name, c.value.as_str()));
        texts.chain(choices).chain([("q", self.q.as_str())]).filter(|(_, value)| !value.is_empty())
    }

    /// Those of what was `found` that stand on the wanted page of `rows`, out of `all` that there are.
    pub fn page<T>(self, found: &[T], all: usize, rows: usize) -> (&[T], List) {
        let (list, here) = self.paged(found.len(), all, rows);
        (&found[here], list)
    }

    /// The same when only the number of what was found is known.
    pub fn paged(self, found: usize, all: usize, rows: usize) -> (List, std::ops::Range<usize>) {
        let page = self.page.min(found.saturating_sub(1) / rows);
        let here = page * rows..found.min((page + 1) * rows);
        let list = List {
            filter: self,
            all,
            found,
            first: here.start + 1,
            last: here.end,
            before: page.checked_sub(1),
            after: (here.end < found).then_some(page + 1),
            words: ("Before", "Next"),
        };
        (list, here)
    }
}

impl List {
    /// It begins with the newest.
    pub fn newest_first(self) -> List {
        List { words: ("Newer", "Older"), ..self }
    }
}

fn given(query: &Query, name: &str) -> String {
    query.get(name).map(|v| v.trim().chars().take(LONGEST).collect()).unwrap_or_default()
}

/// Whether every word of `q` stands in the text, in whatever case.
pub fn has_words(text: &str, q: &str) -> bool {
    let text = text.to_lowercase();
    q.to_lowercase().split_whitespace().all(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(pairs: &[(&str, &str)]) -> Query {
        pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn a_page_is_never_beyond_the_end() {
        let items: Vec<u32> = (0..25).collect();
        for (page, rows, before, after) in [
            ("0", 0..10, None, Some(1)),
            ("2", 20..25, Some(1), None),
            ("99", 20..25, Some(1), None),
            ("x", 0..10, None, Some(1)),
        ] {
            let (shown, list) = Filter::new(&query(&[("page", page)]), "").page(&items, 30, 10);
            assert_eq!((shown, list.before, list.after), (&items[rows.clone()], before, after), "{page}");
            assert_eq!((list.first, list.last), (rows.start + 1, rows.end));
        }
        assert!(Filter::new(&query(&[]), "").page(&[0; 0], 0, 10).0.is_empty());
    }

    #[test]
    fn a_link_carries_the_whole_filter() {
        let query = query(&[("q", " a&b "), ("state", "failed"), ("unit", ""), ("kind", "no such kind")]);
        let filter = Filter::new(&query, "")
            .text(&query, "unit", "Service")
            .choice(&query, "state", "State", [("", "any"), ("failed", "failed")])
            .choice(&query, "kind", "Kind", [("", "any")]);
        assert_eq!(filter.link(), "state=failed&q=a%26b&");
        assert_eq!((filter.value("state"), filter.value("kind")), ("failed", ""));
        assert!(!filter.is_empty() && has_words("Apache HTTP server", "http APACHE") && !has_words("x", "y"));
    }
}
