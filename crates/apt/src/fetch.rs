//! What the signed index says of a package, and files fetched by its hashes.

use crate::{
    Error, Failure, name,
    output::{Cause, cause},
};
use exec::Program;
use std::path::Path;

/// The version of a package that apt would install.
pub struct Candidate {
    /// Of its paragraph in the signed index.
    pub fields: Vec<(String, String)>,
    /// The address of the repository that it comes from, with a `/` at its end; None for one that is only installed.
    pub base: Option<String>,
}

/// None when there is no such package.
pub fn candidate(package: &str) -> Result<Option<Candidate>, Error> {
    let Some(source) = source(package)? else { return Ok(None) };
    // asked for the candidate alone, apt-cache weighs every package there is, which takes eight times as long
    let shown = Program::new("apt-cache").args(["show", "--", package]).output()?.text();
    let paragraphs = shown.split("\n\n").map(fields);
    let is_it = |fields: &Vec<(String, String)>| {
        fields.iter().any(|(name, value)| name == "Version" && *value == source.version)
    };
    Ok(paragraphs.into_iter().find(is_it).map(|fields| Candidate { fields, base: source.base }))
}

/// `Name: value` lines of one stanza; continued lines are joined with line ends.
fn fields(text: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = vec![];
    for line in text.lines().take_while(|l| !l.is_empty()) {
        match (line.starts_with([' ', '\t']), line.split_once(':')) {
            (true, _) => {
                if let Some((_, value)) = fields.last_mut() {
                    value.push('\n');
                    value.push_str(line.trim());
                }
            }
            (false, Some((name, value))) => fields.push((name.to_owned(), value.trim().to_owned())),
            (false, None) => {}
        }
    }
    fields
}

/// Where a candidate comes from.
pub(crate) struct Source {
    version: String,
    pub(crate) base: Option<String>,
}

pub(crate) fn source(package: &str) -> Result<Option<Source>, Error> {
    name::check(&[package])?;
    Ok(source_of_candidate(&Program::new("apt-cache").args(["policy", "--", package]).run()?.text()))
}

/// The candidate and the first repository below it in the table of versions of `apt-cache policy`.
fn source_of_candidate(policy: &str) -> Option<Source> {
    let mut lines = policy.lines();
    let candidate = lines.find_map(|l| l.trim_start().strip_prefix("Candidate: "))?;
    let mut source = Source { version: candidate.to_owned(), base: None };
    let mut below = false;
    for line in lines {
        // a version stands four or five columns in, its sources stand eight in
        if let Some(origin) = line.strip_prefix("        ") {
            let uri = origin.split_whitespace().nth(1).filter(|_| below);
            if let Some(uri) = uri.filter(|u| u.contains(":/")) {
                source.base = Some(format!("{}/", uri.trim_end_matches('/')));
                break;
            }
        } else {
            let version = line.trim_start_matches([' ', '*']).split(' ').next();
            below = version == Some(candidate);
        }
    }
    (candidate != "(none)").then_some(source)
}

/// Fetches `base` + `path` to `to`, which is there afterwards only when its SHA256 is the one given (64 hexadecimal
/// digits). `path` comes from the index and must stay below the base.
pub fn download(base: &str, path: &str, sha256: &str, to: &Path) -> Result<(), Error> {
    let shaped = sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit());
    let inside = !path.starts_with('/') && path.split('/').all(|part| !part.is_empty() && part != "..");
    let plain = path.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'%'));
    if !shaped || !inside || !plain {
        return Err(Error::BadEntry(format!("{path} with SHA256 {sha256}")));
    }
    let uri = format!("{base}{path}");
    let program = Program::new("/usr/lib/apt/apt-helper")
        .args(["-o", "Acquire::Retries=1", "download-file", &uri])
        .arg(to)
        .arg(format!("SHA256:{sha256}"));
    let output = program.output()?;
    if output.success() && to.exists() {
        return Ok(());
    }
    let lines = output.tail(10);
    let found = match cause(lines.iter().map(String::as_str)) {
        Cause::Other => Cause::Network,
        other => other,
    };
    Err(Failure { doing: format!("fetching {uri}"), cause: found, packages: vec![], lines }.into())
}

/// The names of all packages that apt knows.
pub fn names() -> Result<Vec<String>, Error> {
    let output = Program::new("apt-cache").arg("pkgnames").run()?;
    Ok(output.text().lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stanza_becomes_fields() {
        let text = "Package: a\nDescription: x\n y\n .\nSeeds: pool/a.seeds\n\nPackage: b\n";
        let found = fields(text);
        assert_eq!(found.len(), 3);
        assert_eq!(found[1].1, "x\ny\n.");
    }

    #[test]
    fn the_candidate_is_fetched_from_its_own_repository() {
        let policy = "\
wiki-appliance:
  Installed: 1.0
  Candidate: 1.1
  Version table:
     2.0 100
        100 http://other.example/debian stable/main amd64 Packages
     1.1 500
        500 file:/srv/repository stable/main amd64 Packages
        500 http://mirror.example/debian stable/main amd64 Packages
 *** 1.0 500
        500 http://old.example/ ./ Packages
        100 /var/lib/dpkg/status
";
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(source_of_candidate(text).and_then(|s| s.base).as_deref(), expect, "{text}");
        };
        check(policy, Some("file:/srv/repository/"));
        check(&policy.replace("Candidate: 1.1", "Candidate: 1.0"), Some("http://old.example/"));
        check(&policy.replace("Candidate: 1.1", "Candidate: (none)"), None);
        check("", None);
        assert_eq!(source_of_candidate(policy).unwrap().version, "1.1");
    }

    #[test]
    fn a_path_that_leaves_the_repository_is_refused() {
        let hash = "0".repeat(64);
        for path in ["../x", "/x", "a//b", "a/../../b", "a b", "a?b", ""] {
            let result = download("http://127.0.0.1:9/", path, &hash, Path::new("/nonexistent/x"));
            assert!(matches!(result, Err(Error::BadEntry(_))), "{path}");
        }
    }
}
