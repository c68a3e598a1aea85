//! New versions of configuration files that were not taken: shown with their difference, adopted or let go.

use crate::state;
use apt::conffiles::{self, Kept};
use broker_protocol::KeptFile;
use std::path::Path;

/// Where they are looked for.
pub const PLACE: &str = "/etc";
/// Files that are shown at one time, and bytes of one difference.
const MOST: usize = 100;
const TEXT: usize = 24 << 10;

/// Paths of the files in use.
pub fn paths() -> Vec<String> {
    conffiles::kept(Path::new(PLACE)).iter().map(|k| k.path.display().to_string()).collect()
}

/// With their differences.
pub fn all() -> Vec<KeptFile> {
    conffiles::kept(Path::new(PLACE)).iter().take(MOST).map(shown).collect()
}

/// One that cannot be read is shown without its difference.
fn shown(kept: &Kept) -> KeptFile {
    let (seen, difference) = match look(kept) {
        Ok((seen, difference)) => (seen, difference),
        Err(_) => (String::new(), None),
    };
    let (path, new) = (kept.path.display().to_string(), kept.new.display().to_string());
    KeptFile { path, new, since: kept.since, difference, seen }
}

fn look(kept: &Kept) -> Result<(String, Option<String>), apt::Error> {
    let (old, new) = (conffiles::read(&kept.path)?, conffiles::read(&kept.new)?);
    let seen = state::hash(&format!("{}\n{}", state::hash_of(&old), state::hash_of(&new)));
    Ok((seen, conffiles::difference(&old, &new, TEXT)))
}

/// Whether `seen` has the shape of a hash; anything else is nobody's.
pub fn is_seen(seen: &str) -> bool {
    seen.len() == 64 && seen.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Adopts or lets go the new version of `path`, when both files are what was shown. The error is for a person.
pub fn decide(place: &Path, path: &str, seen: &str, adopt: bool) -> Result<String, String> {
    let all = conffiles::kept(place);
    let kept = all.iter().find(|k| k.path == Path::new(path));
    let kept = kept.ok_or_else(|| format!("No new version of {path} waits any more."))?;
    let (is, _) = look(kept).map_err(|e| said(&e))?;
    if is != seen {
        return Err(format!("{path} or its new version has changed since you saw them. Look at them again."));
    }
    if adopt {
        kept.adopt().map_err(|e| said(&e))?;
        let old = format!("{path}.dpkg-old");
        return Ok(format!(
            "{path} is the new version now; the one before is kept as {old}. Restart what uses it."
        ));
    }
    kept.keep().map_err(|e| said(&e))?;
    Ok(format!("{path} stays as it is; the new version was removed."))
}

fn said(error: &apt::Error) -> String {
    let source = std::error::Error::source(error).map(|s| format!(": {s}")).unwrap_or_default();
    format!("It {error}{source}.").replace("It cannot", "The machine cannot")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_what_was_seen_is_decided() {
        let folder = tempfile::tempdir_in("/root").or_else(|_| tempfile::tempdir()).unwrap();
        let at = |name: &str| folder.path().join(name);
        let path = at("a").display().to_string();
        fs::write(at("a"), "mine").unwrap();
        fs::write(at("a.dpkg-dist"), "new").unwrap();
        let (seen, difference) = look(&conffiles::kept(folder.path())[0]).unwrap();
        assert!(is_seen(&seen) && difference.unwrap().contains("+new"));
        fs::write(at("a"), "changed meanwhile").unwrap();
        let refused = decide(folder.path(), &path, &seen, true).unwrap_err();
        assert!(refused.contains("has changed since"), "{refused}");
        fs::write(at("a"), "mine").unwrap();
        decide(folder.path(), &path, &seen, true).unwrap();
        assert_eq!(fs::read_to_string(at("a")).unwrap(), "new");
        assert!(decide(folder.path(), &path, &seen, false).unwrap_err().contains("waits any more"));
        assert!(!is_seen("../x") && !is_seen(""));
    }
}
