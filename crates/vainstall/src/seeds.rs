//! Stage 2, first half: what the appliance asks, as signed as its packages.

use crate::{
    failure::{Exit, Failure, Result, fail},
    progress::Progress,
    repository,
};
use anyhow::Context;
use appliance::seeds::{SIZE_LIMIT, SeedsFile};
use apt::{SourceFailure, fetch};
use std::{fs, os::unix::fs::MetadataExt};

/// Fetches the seeds of the metapackage's candidate, by the hash in the signed index.
pub fn fetch(
    package: &str,
    name: &str,
    failed: &[SourceFailure],
    progress: &mut Progress,
) -> Result<SeedsFile> {
    let Some(candidate) = fetch::candidate(package)? else { return Err(not_found(package, failed)?) };
    let field = |name: &str| candidate.fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    let (Some(path), Some(hash)) = (field("Seeds"), field("Seeds-SHA256")) else {
        progress
            .warn(format!("the repository has no seeds beside {package}: it is asked nothing in advance"));
        let (summary, version) =
            (field("Description").unwrap_or_default(), field("Version").unwrap_or_default());
        return Ok(SeedsFile {
            appliance: name.into(),
            version: version.into(),
            summary: summary.lines().next().unwrap_or_default().into(),
            url: String::new(),
            questions: vec![],
            seeds: vec![],
            packages: vec![],
            before: vec![],
            releases: vec![],
        });
    };
    if field("Seeds-Size").and_then(|s| s.parse::<u64>().ok()).is_none_or(|size| size > SIZE_LIMIT) {
        return fail(Exit::Repository, format!("the seeds of {package} are larger than {SIZE_LIMIT} bytes"));
    }
    let Some(base) = candidate.base else {
        return fail(Exit::Repository, format!("no repository that is configured has {package}"));
    };
    if let Some(failure) = failed.iter().find(|f| base.starts_with(f.source.split(' ').next().unwrap_or("-")))
    {
        return Err(repository::refused(failure));
    }
    let bytes = verified(&base, path, hash).map_err(|f| {
        f.context(format!("the seeds of {package} are refused, and nothing has been changed"))
    })?;
    let seeds = SeedsFile::parse(&bytes).map_err(|e| {
        Failure::new(Exit::Repository, format!("the seeds of {package} cannot be used: {e:#}"))
    })?;
    if seeds.appliance != name {
        let message = format!("the seeds of {package} are those of {}: tell the publisher", seeds.appliance);
        return fail(Exit::Repository, message);
    }
    made_for(&seeds, &fs::read_to_string("/etc/os-release").unwrap_or_default())?;
    Ok(seeds)
}

/// Refuses a release that the appliance was not made for: its packages may not be there, or be too old.
fn made_for(seeds: &SeedsFile, os_release: &str) -> Result<()> {
    let name = os_release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let Some(name) = name.map(|name| name.trim_matches(['"', '\''])) else { return Ok(()) };
    if seeds.releases.is_empty() || seeds.releases.iter().any(|release| release == name) {
        return Ok(());
    }
    let message = format!(
        "{}-appliance {} is made for Debian {}, and this machine runs {name}; nothing has been changed",
        seeds.appliance,
        seeds.version,
        seeds.releases.join(" or ")
    );
    fail(Exit::Machine, message)
}

fn verified(base: &str, path: &str, hash: &str) -> Result<Vec<u8>> {
    let folder =
        tempfile::Builder::new().prefix("vainstall-").tempdir().context("cannot make a temporary folder")?;
    // apt fetches as a user of its own, which owns this folder
    if let Ok(partial) = fs::metadata("/var/lib/apt/lists/partial") {
        let _ = std::os::unix::fs::chown(folder.path(), Some(partial.uid()), None);
    }
    let file = folder.path().join("seeds");
    fetch::download(base, path, hash, &file)?;
    Ok(fs::read(&file).context("cannot read the seeds that were fetched")?)
}

/// No such package: because a repository failed, or because of the name.
fn not_found(package: &str, failed: &[SourceFailure]) -> Result<Failure> {
    if let Some(failure) = failed.first() {
        let why = repository::refused(failure);
        return Ok(Failure {
            exit: why.exit,
            ..why.context(format!("no repository that answered has {package}"))
        });
    }
    let names = fetch::names()?;
    let appliances: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|n| n.ends_with("-appliance") && !n.starts_with('-'))
        .collect();
    let message = match (nearest(package, &appliances), appliances.as_slice()) {
        (Some(near), _) => {
            format!("there is no {package} in the configured repositories; did you mean {near}?")
        }
        (None, []) => format!(
            "there is no {package}, nor any other appliance, in the configured repositories; \
             name one with --repository URI --key FILE"
        ),
        (None, all) => format!(
            "there is no {package} in the configured repositories; they have {}",
            all.iter().take(10).copied().collect::<Vec<_>>().join(", ")
        ),
    };
    Ok(Failure::new(Exit::Input, message))
}

/// The name that shares most of its letter pairs, when that is at least half of them.
fn nearest<'a>(wanted: &str, names: &[&'a str]) -> Option<&'a str> {
    let stem = |n: &str| n.strip_suffix("-appliance").unwrap_or(n).to_owned();
    let pairs = |n: &str| -> Vec<(char, char)> {
        let padded: Vec<char> = format!("^{}$", stem(n)).chars().collect();
        padded.windows(2).map(|w| (w[0], w[1])).collect()
    };
    let mine = pairs(wanted);
    let likeness = |name: &str| {
        let theirs = pairs(name);
        let shared = mine.iter().filter(|p| theirs.contains(p)).count();
        200 * shared / (mine.len() + theirs.len())
    };
    names.iter().map(|n| (likeness(n), *n)).max().filter(|(l, _)| *l >= 50).map(|(_, n)| n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_slip_finds_its_neighbour() {
        let names = ["moinmoin-appliance", "gitea-appliance"];
        for (wanted, expect) in [
            ("moimoin-appliance", Some("moinmoin-appliance")),
            ("moin-appliance", Some("moinmoin-appliance")),
            ("gitae-appliance", Some("gitea-appliance")),
            ("wordpress-appliance", None),
        ] {
            assert_eq!(nearest(wanted, &names), expect, "{wanted}");
        }
    }

    #[test]
    fn a_release_that_it_was_not_made_for_is_refused() {
        let machine = "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n";
        let seeds = |releases: &str| {
            let json = format!(
                r#"{{"appliance":"wiki","version":"1","summary":"","url":"","releases":{releases}}}"#
            );
            SeedsFile::parse(json.as_bytes()).unwrap()
        };
        for sound in ["[]", r#"["bookworm"]"#, r#"["trixie", "bookworm"]"#] {
            assert!(made_for(&seeds(sound), machine).is_ok(), "{sound}");
        }
        let refused = made_for(&seeds(r#"["trixie"]"#), machine).unwrap_err();
        assert_eq!(refused.exit, Exit::Machine);
        let message = refused.message();
        assert!(message.contains("made for Debian trixie") && message.contains("runs bookworm"), "{message}");
    }
}
