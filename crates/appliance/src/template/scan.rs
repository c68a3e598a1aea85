//! What a template refers to, found without rendering it: names with their places, and other templates.

use minijinja::machinery::{Span, Token, tokenize};
use std::ops::Range;

/// A name that a template uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// `answers`, or a name that nobody set.
    pub root: String,
    /// `wiki_name` of `answers.wiki_name`, `wiki.user` of `database.wiki.user`; None when the root is used as a whole.
    pub field: Option<String>,
    /// Bytes in the template's text.
    pub place: Range<usize>,
}

/// Something wrong with the template by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub message: String,
    pub place: Range<usize>,
}

/// All that a template refers to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    pub references: Vec<Reference>,
    /// Included, extended and imported templates, with their places.
    pub templates: Vec<(String, Range<usize>)>,
    pub findings: Vec<Finding>,
}

/// Scans one template's text; those that it includes are the caller's to follow.
pub fn scan(name: &str, text: &str) -> Scan {
    let mut found = Scan::default();
    let environment = super::environment();
    let template = match environment.template_from_named_str(name, text) {
        Ok(template) => template,
        Err(error) => {
            let place = line_range(text, error.line().unwrap_or(1));
            found.findings.push(Finding { message: super::message(&error), place });
            return found;
        }
    };
    let mut undeclared = template.undeclared_variables(false);
    // minijinja's own functions, such as range
    environment.globals().for_each(|(name, _)| {
        undeclared.remove(name);
    });
    let tokens: Vec<(Token<'_>, Span)> =
        tokenize(text, false, super::syntax()).map_while(Result::ok).collect();
    for (i, token) in tokens.iter().enumerate() {
        match token {
            (Token::BlockStart, _) => other_template(&tokens[i..], &mut found),
            (Token::Ident(root), span) if undeclared.contains(*root) && stands_alone(&tokens, i) => {
                let (mut field, mut end) = self::field(&tokens[i + 1..]);
                // a database has fields of its own
                if let (Some(name), "database") = (&mut field, *root) {
                    let dotted = matches!(tokens.get(i + 1), Some((Token::Dot, _)));
                    let (inner, last) = self::field(&tokens[i + if dotted { 3 } else { 4 }..]);
                    name.push_str(&inner.map(|f| format!(".{f}")).unwrap_or_default());
                    end = last.or(end);
                }
                let place = span.start_offset as usize..end.unwrap_or(*span).end_offset as usize;
                found.references.push(Reference { root: (*root).into(), field, place });
            }
            _ => {}
        }
    }
    found
}

/// `{% include "NAME" %}` and its like. A name that is computed cannot be checked, and is not needed.
fn other_template(tokens: &[(Token<'_>, Span)], found: &mut Scan) {
    let Some((Token::Ident("include" | "extends" | "import" | "from"), word)) = tokens.get(1) else { return };
    match tokens.get(2) {
        Some((Token::Str(name), span)) => found.templates.push(((*name).into(), bytes(*span))),
        Some((Token::String(name), span)) => found.templates.push((name.to_string(), bytes(*span))),
        _ => found.findings.push(Finding {
            message: "the name of another template is fixed text in quotation marks".into(),
            place: bytes(*word),
        }),
    }
}

/// Not an attribute, a filter, a test, the name of an argument, the word of a block.
fn stands_alone(tokens: &[(Token<'_>, Span)], i: usize) -> bool {
    let before = i.checked_sub(1).map(|i| &tokens[i].0);
    let after = tokens.get(i + 1).map(|t| &t.0);
    !matches!(before, Some(Token::Dot | Token::Pipe | Token::BlockStart | Token::Ident("is" | "filter")))
        && !matches!((before, after), (Some(Token::ParenOpen | Token::Comma), Some(Token::Assign)))
}

/// `.name` or `["name"]` after a root.
fn field(rest: &[(Token<'_>, Span)]) -> (Option<String>, Option<Span>) {
    match rest {
        [(Token::Dot, _), (Token::Ident(name), span), ..] => (Some((*name).into()), Some(*span)),
        [(Token::BracketOpen, _), (Token::Str(name), _), (Token::BracketClose, span), ..] => {
            (Some((*name).into()), Some(*span))
        }
        _ => (None, None),
    }
}

fn bytes(span: Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}

/// The bytes of a line (counted from 1) without its blanks.
fn line_range(text: &str, line: usize) -> Range<usize> {
    let mut start = 0;
    for (i, content) in text.split('\n').enumerate() {
        if i + 1 == line {
            let blanks = content.len() - content.trim_start().len();
            return start + blanks..start + blanks.max(content.trim_end().len());
        }
        start += content.len() + 1;
    }
    text.len()..text.len()
}
