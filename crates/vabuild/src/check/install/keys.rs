//! Private keys in files that would be published.

use super::place::Places;
use crate::{folder::Folder, make::Error};
use appliance::{Definition, Folder as _, Problem, names::Mistake, problem::Kind};
use std::collections::BTreeSet;

/// Only the beginning of a file is looked at (bytes).
const LIMIT: u64 = 4 << 20;

/// A mistake for each file of the definition that goes into a package and holds a private key.
pub fn published(definition: &Definition, folder: &Folder, places: &Places) -> Result<Vec<Problem>, Error> {
    let mut problems = vec![];
    for path in files(definition) {
        // what is built in place ({bin}) is no file of the folder; a missing one was reported before
        let Ok(bytes) = folder.read(path, LIMIT) else { continue };
        if holds_key(&bytes) {
            let mistake = Mistake::new(format!(
                "{path} holds a private key, and would be in a package for all to read"
            ))
            .help("make keys on the machine: in a step, or as a question of type `password`");
            problems.push(places.text(path, Kind::Secret, mistake));
        }
    }
    Ok(problems)
}

fn files(definition: &Definition) -> BTreeSet<&str> {
    let own = definition.files.iter().flat_map(|f| f.source.iter().chain(&f.template));
    let steps =
        definition.steps.iter().flat_map(|s| [Some(&s.run), s.check.as_ref(), s.undo.as_ref()]).flatten();
    let packaged = definition.packages.iter().flat_map(|p| p.files.iter().map(|f| &f.source));
    own.chain(steps).chain(packaged).map(String::as_str).collect()
}

/// RFC 7468 and OpenPGP's armor: `-----BEGIN … PRIVATE KEY…-----`.
fn holds_key(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.lines().any(|line| {
        let line = line.trim();
        line.starts_with("-----BEGIN ") && line.ends_with("-----") && line.contains("PRIVATE KEY")
    })
}
