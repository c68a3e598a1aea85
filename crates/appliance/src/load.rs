//! From the text of `appliance.toml` to a checked model, with all mistakes at once.
//!
//! 1. `tree`: the TOML document, each value with its place; where it is no TOML, that is all that is told
//! 2. `shape`: keys and types, against the schema; what does not fit is reported and taken out
//! 3. `rules`: what remains becomes the model, and the model is checked for its meaning

mod report;
mod rules;
mod shape;
mod tree;

use crate::{
    Definition, Folder, Problem,
    names::Mistake,
    problem::{Kind, Source},
};
use report::Report;
use toml::de::DeTable;

/// A longer `appliance.toml` is refused unread.
pub const SIZE_LIMIT: usize = 1 << 20;
/// Dots in one line, nesting of brackets in the file: more is nobody's definition, and would exhaust the stack.
const DEPTH_LIMIT: usize = 60;

/// The definition, or all that is wrong with it, in the order of files and lines.
///
/// `file_name` is what the mistakes call the file; `folder` is the folder that it lies in.
pub fn load(text: &str, file_name: &str, folder: &dyn Folder) -> Result<Definition, Vec<Problem>> {
    let mut report = Report::new(Source::new(file_name, text));
    let definition = read(text, folder, &mut report);
    let problems = report.into_problems();
    match definition {
        Some(definition) if problems.is_empty() => Ok(definition),
        _ => Err(problems),
    }
}

/// As [`load`], for bytes as they came from a disk.
pub fn load_bytes(bytes: &[u8], file_name: &str, folder: &dyn Folder) -> Result<Definition, Vec<Problem>> {
    if bytes.len() > SIZE_LIMIT {
        let message = format!("larger than {} KiB: this is no definition", SIZE_LIMIT / 1024);
        return Err(vec![Source::new(file_name, "").problem(Kind::Text, 0..0, Mistake::new(message))]);
    }
    std::str::from_utf8(bytes)
        .map_err(|error| {
            let sound = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let mistake = Mistake::new("a byte that is no UTF-8").help("save the file as UTF-8");
            vec![Source::new(file_name, &sound).problem(Kind::Text, sound.len()..sound.len(), mistake)]
        })
        .and_then(|text| load(text, file_name, folder))
}

/// None when it is not worth to look for meaning.
fn read(text: &str, folder: &dyn Folder, report: &mut Report<'_>) -> Option<Definition> {
    if let Some(at) = too_deep(text) {
        report.add(Kind::Syntax, &(at..at + 1), Mistake::new("nested too deeply"));
        return None;
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let place = error.span().unwrap_or(0..0);
        report.add(Kind::Syntax, &place, Mistake::new(format!("not TOML: {}", error.message())));
    }
    if !errors.is_empty() {
        return None;
    }
    let whole = tree::document(&table);
    let mut sound = whole.clone();
    shape::check(&mut sound, report);
    match serde_json::from_value::<Definition>(sound.to_json()) {
        Ok(definition) => {
            rules::check(&definition, &sound, &whole, folder, report);
            Some(definition)
        }
        Err(error) => {
            // the schema and the model come from the same types; should they disagree, serde has the last word
            report.add(Kind::Type, &(0..0), Mistake::new(error.to_string()));
            None
        }
    }
}

/// Where the text nests deeper than [`DEPTH_LIMIT`], by a count that may be too high inside of strings but never too low.
fn too_deep(text: &str) -> Option<usize> {
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
