//! From the text of `appliance.toml` to a checked model, with all mistakes at once.
//!
//! 1. `tree`: the TOML document, each value with its place; where it is no TOML, that is all that is told
//! 2. `shape`: keys and types, against the schema; what does not fit is reported and taken out
//! 3. `translations`: the po files beside it are read into the questions
//! 4. `rules`: what remains becomes the model, and the model is checked for its meaning
//!
//! At last the model is completed with what its databases imply.

mod report;
mod rules;
mod shape;
mod translations;
mod tree;

use crate::{
    Definition, Folder, Problem,
    names::Mistake,
    problem::{Kind, Source},
};
use deb::relation::Relation;
use report::Report;
use toml::de::DeTable;
use tree::Node;

/// A longer `appliance.toml` is refused unread.
pub const SIZE_LIMIT: usize = 1 << 20;
/// Dots in one line, nesting of brackets in the file: more is nobody's definition, and would exhaust the stack.
const DEPTH_LIMIT: usize = 60;

/// A definition looked at: what could be read of it, and all that is wrong.
#[derive(Debug, Default)]
pub struct Examined {
    /// What remains when everything wrong is left out; None when the text is no TOML.
    pub definition: Option<Definition>,
    /// In the order of files and lines.
    pub problems: Vec<Problem>,
    /// Packages that have to exist in the release, for a caller who can look them up.
    pub wanted: Vec<Wanted>,
}

/// A relation to packages that the definition does not make itself.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub alternatives: Vec<Relation>,
    place: Problem,
}

impl Wanted {
    /// The mistake that no package fulfils the relation.
    pub fn missing(&self, mistake: Mistake) -> Problem {
        Problem { message: mistake.message, help: mistake.help, ..self.place.clone() }
    }
}

/// The definition, or all that is wrong with it, in the order of files and lines.
///
/// `file_name` is what the mistakes call the file; `folder` is the folder that it lies in.
pub fn load(text: &str, file_name: &str, folder: &dyn Folder) -> Result<Definition, Vec<Problem>> {
    load_bytes(text.as_bytes(), file_name, folder)
}

/// As [`load`], for bytes as they came from a disk.
pub fn load_bytes(bytes: &[u8], file_name: &str, folder: &dyn Folder) -> Result<Definition, Vec<Problem>> {
    let examined = examine(bytes, file_name, folder);
    match examined.definition {
        Some(definition) if examined.problems.is_empty() => Ok(definition),
        _ => Err(examined.problems),
    }
}

/// As [`load_bytes`], for a caller who goes on looking when there are mistakes.
pub fn examine(bytes: &[u8], file_name: &str, folder: &dyn Folder) -> Examined {
    let refused = |text: &str, mistake| Examined {
        problems: vec![Source::new(file_name, text).problem(Kind::Text, text.len()..text.len(), mistake)],
        ..Examined::default()
    };
    if bytes.len() > SIZE_LIMIT {
        return refused(
            "",
            Mistake::new(format!("larger than {} KiB: this is no definition", SIZE_LIMIT / 1024)),
        );
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => read(text, file_name, folder),
        Err(error) => {
            let sound = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            refused(&sound, Mistake::new("a byte that is no UTF-8").help("save the file as UTF-8"))
        }
    }
}

fn read(text: &str, file_name: &str, folder: &dyn Folder) -> Examined {
    let mut report = Report::new(Source::new(file_name, text));
    let mut wanted = vec![];
    let definition = tree(text, &mut report).and_then(|whole| {
        let mut sound = whole.clone();
        shape::check(&mut sound, &mut report);
        let mut definition = model(&sound, &mut report)?;
        translations::add(&mut definition, folder, &mut report);
        rules::check(&definition, &sound, &whole, folder, &mut report);
        wanted = rules::wanted(&definition, &sound, &report);
        definition.complete();
        Some(definition)
    });
    Examined { definition, problems: report.into_problems(), wanted }
}

/// The document, when it is one.
fn tree(text: &str, report: &mut Report<'_>) -> Option<Node> {
    if let Some(at) = too_deep(text) {
        report.add(Kind::Syntax, &(at..at + 1), Mistake::new("nested too deeply"));
        return None;
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let place = error.span().unwrap_or(0..0);
        report.add(Kind::Syntax, &place, Mistake::new(format!("not TOML: {}", error.message())));
    }
    errors.is_empty().then(|| tree::document(&table))
}

/// The schema and the model come from the same types; should they disagree, serde has the last word.
fn model(sound: &Node, report: &mut Report<'_>) -> Option<Definition> {
    let model = serde_json::from_value(sound.to_json());
    model.map_err(|error| report.add(Kind::Type, &(0..0), Mistake::new(error.to_string()))).ok()
}

/// Where the text nests deeper than [`DEPTH_LIMIT`], by a count that may be too high inside of strings but never too low.
pub(crate) fn too_deep(text: &str) -> Option<usize> {
    let (mut open, mut dots) = (0usize, 0usize);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > DEPTH_LIMIT {
            return Some(at);
        }
        // dots between words only: `a.b.c`, not an ellipsis or a sentence
        match byte {
            b'.' => dots += 1,
            b'\n' | b',' | b'=' => dots = 0,
            _ => {}
        }
        if dots > 4 * DEPTH_LIMIT {
            return Some(at);
        }
    }
    None
}
