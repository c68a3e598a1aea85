//! Translations: the files `po/LANGUAGE.po` beside a definition, as gettext and po-debconf use them.
//!
//! Read strictly, as `msgfmt --check` would. A translation that is marked `fuzzy` was not looked at since the text changed, and is not
//! used; obsolete ones (`#~`) are kept by [`update`] and otherwise ignored.

mod parse;
mod write;

pub use parse::parse;
pub use write::{template, update};

use crate::{
    names::Mistake,
    question::{Question, Translation},
};
use std::{collections::BTreeMap, ops::Range};

/// A larger file is refused.
pub const SIZE_LIMIT: u64 = 1 << 20;

/// One text and its translation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Lines that begin with `#`, as they are, flags and places left out.
    pub comments: Vec<String>,
    pub fuzzy: bool,
    pub obsolete: bool,
    pub id: String,
    pub text: String,
}

/// A file's entries in their order; the first, with an empty `id`, is the header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    pub entries: Vec<Entry>,
}

/// What is wrong with a file: where in bytes, and what.
pub type Wrong = (Range<usize>, Mistake);

impl Catalog {
    fn usable(&self) -> BTreeMap<&str, &str> {
        let sound =
            self.entries.iter().filter(|e| !e.fuzzy && !e.obsolete && !e.id.is_empty() && !e.text.is_empty());
        sound.map(|e| (e.id.as_str(), e.text.as_str())).collect()
    }

    /// The translation of a question, as far as it goes. A description or a list of choices counts only when all of it
    /// is translated.
    pub fn translation(&self, question: &Question) -> Translation {
        let known = self.usable();
        let one = |text: &str| known.get(text).map(|t| (*t).to_owned());
        let all = |texts: &[String]| texts.iter().map(|t| one(t)).collect::<Option<Vec<_>>>();
        let description = question.description.as_deref().map(paragraphs).filter(|p| !p.is_empty());
        Translation {
            prompt: one(&question.prompt),
            description: description.and_then(|p| all(&p)).map(|p| p.join("\n\n")),
            group: question.group.as_deref().and_then(one),
            pattern_hint: question.pattern_hint.as_deref().and_then(one),
            choices: all(&question.choices).unwrap_or_default(),
        }
    }
}

/// The texts of the questions that can be translated, each once, with what a translator should know.
pub fn texts(questions: &[Question]) -> Vec<(String, String)> {
    let mut texts: Vec<(String, String)> = vec![];
    let mut add = |text: &str, what: String| match texts.iter_mut().find(|(t, _)| t == text) {
        Some((_, whats)) => *whats = format!("{whats}; {what}"),
        None if !text.is_empty() => texts.push((text.to_owned(), what)),
        None => {}
    };
    for question in questions.iter().filter(|q| !q.internal) {
        let name = &question.name;
        question.group.iter().for_each(|group| add(group, format!("{name}: title of its group")));
        add(&question.prompt, format!("{name}: the question"));
        for paragraph in question.description.as_deref().map(paragraphs).unwrap_or_default() {
            add(&paragraph, format!("{name}: description"));
        }
        question.choices.iter().for_each(|choice| add(choice, format!("{name}: a choice")));
        question.pattern_hint.iter().for_each(|hint| add(hint, format!("{name}: it must be …")));
    }
    texts
}

/// Paragraphs of a description, each in one line.
fn paragraphs(text: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in text.lines().map(str::trim) {
        match paragraphs.last_mut() {
            Some(last) if !line.is_empty() => {
                let space = if last.is_empty() { "" } else { " " };
                last.push_str(space);
                last.push_str(line);
            }
            _ => paragraphs.push(String::new()),
        }
    }
    paragraphs.retain(|p| !p.is_empty());
    paragraphs
}

/// The language of a file's name: `de.po`, `pt_BR.po`, `sr@latin.po`.
pub fn language(file: &str) -> Option<&str> {
    let name = file.strip_suffix(".po")?;
    let (plain, variant) = name.split_once('@').unwrap_or((name, "x"));
    let (language, country) = plain.split_once('_').unwrap_or((plain, "XX"));
    let small = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_lowercase());
    let sound = (2..=3).contains(&language.len())
        && small(language)
        && small(variant)
        && country.len() == 2
        && country.bytes().all(|b| b.is_ascii_uppercase());
    sound.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::QuestionType;

    fn questions() -> Vec<Question> {
        vec![Question {
            name: "colour".into(),
            prompt: "Which \"colour\"?".into(),
            description: Some("It is seen\nby all.\n\nIt can be changed: C:\\dir.".into()),
            kind: QuestionType::Select,
            group: Some("Looks".into()),
            choices: vec!["red".into(), "green".into()],
            ..Question::default()
        }]
    }

    #[test]
    fn a_translators_round() {
        let questions = questions();
        let template = template("wiki", &questions);
        let german = template
            .replace("\"Language: \\n\"", "\"Language: de\\n\"")
            .replace("msgid \"red\"\nmsgstr \"\"", "# warm\nmsgid \"red\"\nmsgstr \"rot\"")
            .replace("msgid \"green\"\nmsgstr \"\"", "msgid \"green\"\nmsgstr \"\"\n\"gr\"\n\"ün\"")
            .replace("msgid \"Looks\"\nmsgstr \"\"", "#, fuzzy\nmsgid \"Looks\"\nmsgstr \"Aussehen\"");
        let catalog = parse(&german).unwrap();
        let translation = catalog.translation(&questions[0]);
        assert_eq!(translation.choices, ["rot", "grün"]);
        assert_eq!((translation.prompt, translation.group, translation.description), (None, None, None));
        // another choice, and one gone
        let mut later = questions.clone();
        later[0].choices = vec!["red".into(), "blue".into()];
        let updated = update("wiki", &later, &catalog);
        assert!(updated.contains("#~ msgid \"green\"\n#~ msgstr \"grün\""), "{updated}");
        assert!(updated.contains("# warm\n") && updated.contains("msgid \"blue\"\nmsgstr \"\""), "{updated}");
        let again = parse(&updated).unwrap();
        assert_eq!(update("wiki", &later, &again), updated, "a second update changes nothing");
        // and back: the obsolete one serves again
        let back = parse(&update("wiki", &questions, &again)).unwrap();
        assert_eq!(back.translation(&questions[0]).choices, ["rot", "grün"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, line, expect) in [
            ("msgid \"\"\nmsgstr \"Content-Type: text/plain; charset=ISO-8859-1\\n\"\n", 1, "UTF-8"),
            ("msgid \"a\"\nmsgstr \"b\"\n\nmsgid \"a\"\nmsgstr \"c\"\n", 4, "a second time"),
            ("msgid \"a\"\n", 1, "without `msgstr`"),
            ("msgid \"a\nmsgstr \"b\"\n", 1, "quotation mark"),
            ("msgid \"a\\q\"\nmsgstr \"b\"\n", 1, "backslash"),
            ("nonsense\n", 1, "no line of a po file"),
            ("msgid \"a\"\nmsgid_plural \"b\"\n", 2, "plural"),
            ("msgid \"a\"\nmsgstr \"b\\n\"\n", 1, "line ends"),
            ("msgid \"a\"\nmsgstr \"\\033\"\n", 2, "backslash"),
        ] {
            let wrong = parse(text).unwrap_err();
            let there = wrong.iter().any(|(place, mistake)| {
                text[..place.start].matches('\n').count() + 1 == line && mistake.message.contains(expect)
            });
            assert!(there, "{text:?}: {wrong:?}");
        }
    }

    #[test]
    fn files_are_named_by_their_language() {
        let good = ["de.po", "pt_BR.po", "sr@latin.po"].map(|f| language(f).is_some());
        assert_eq!(good, [true; 3]);
        for bad in ["de", "DE.po", "d.po", "de_DE_x.po", "../de.po", "de\n.po", "templates.pot"] {
            assert_eq!(language(bad), None, "{bad:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_comes_back(text in "\\PC*|[a\"\\\\\n\t ]*", translated in "\\PC+") {
            let mut question = questions().remove(0);
            question.choices = vec![text.replace('\n', " ")];
            proptest::prop_assume!(!question.choices[0].is_empty());
            let questions = [question];
            let mut catalog = parse(&template("wiki", &questions)).unwrap();
            for entry in catalog.entries.iter_mut().filter(|e| e.id == questions[0].choices[0]) {
                entry.text = translated.clone();
            }
            let read = parse(&update("wiki", &questions, &catalog)).unwrap();
            proptest::prop_assert_eq!(&read.translation(&questions[0]).choices, &[translated]);
        }
        #[test]
        fn nothing_panics(text in "((msgid|msgstr|#,|#~|\"|\\\\|\n| |a|fuzzy)){0,30}") {
            let _ = parse(&text);
        }
    }
}
