//! What the signed index says of a package, and files fetched by its hashes.

use crate::{
    Error, Failure, name,
    output::{Cause, cause},
};
use exec::Program;
use std::path::Path;

/// The fields of the package's newest candidate in the signed index; None when there is no such package.
pub fn stanza(package: &str) -> Result<Option<Vec<(String, String)>>, Error> {
    name::check(&[package])?;
    let output = Program::new("apt-cache").args(["show", "--no-all-versions", "--", package]).output()?;
    let fields = fields(&output.text());
    Ok((output.success() && !fields.is_empty()).then_some(fields))
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

/// The address of the repository that the package's candidate comes from, with a `/` at its end.
pub fn base_uri(package: &str) -> Result<Option<String>, Error> {
    name::check(&[package])?;
    let uris = Program::new("apt-get").args(["download", "--print-uris", "--", package]).output()?.text();
    let Some(uri) =
        uris.lines().find_map(|l| l.strip_prefix('\'')?.split_once('\'').map(|(uri, _)| uri.to_owned()))
    else {
        return Ok(None);
    };
    let bases = Program::new("apt-get").args(["indextargets", "--format", "$(REPO_URI)"]).run()?.text();
    Ok(longest_base(&uri, bases.lines()))
}

/// Of several repositories below one another, the one that is nearest to the file.
fn longest_base<'a>(uri: &str, bases: impl Iterator<Item = &'a str>) -> Option<String> {
    let with_slash = |base: &str| format!("{}/", base.trim_end_matches('/'));
    bases.map(with_slash).filter(|base| uri.starts_with(base.as_str())).max_by_key(String::len)
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
    fn the_nearest_base_wins() {
        let bases = ["http://h/debian/", "http://h/debian/extra", "http://other/"];
        let base = longest_base("http://h/debian/extra/pool/x.deb", bases.into_iter());
        assert_eq!(base.as_deref(), Some("http://h/debian/extra/"));
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
