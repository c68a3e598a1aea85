//! The packages that were downloaded, kept for the next rehearsal.

use crate::{Error, Result, host, lists::Private, mirror::apt};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// A download of hundreds of packages may take long, one that hangs for ever may not.
const FETCH_TIME: Duration = Duration::from_secs(3600);
const HELPER: &str = "/usr/lib/apt/apt-helper";

/// One file that apt wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub address: String,
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// As apt writes it: `SHA256:…`.
    pub hash: String,
}

/// The folder that they are kept in.
pub fn folder() -> Result<PathBuf> {
    let folder = host::cache()?.join("packages");
    fs::create_dir_all(folder.join("partial")).map_err(Error::io("make", &folder))?;
    Ok(folder)
}

/// Reads what `apt-get --print-uris` prints. Files of a repository on this disk are left out.
pub fn parse(output: &str) -> Vec<Wanted> {
    output.lines().filter_map(wanted).filter(|w| !w.address.starts_with("file:")).collect()
}

/// `'http://…' NAME SIZE SHA256:…`
fn wanted(line: &str) -> Option<Wanted> {
    let (address, rest) = line.strip_prefix('\'')?.split_once("' ")?;
    let mut words = rest.split(' ');
    let (name, size, hash) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
    // a name that leaves the folder is no name
    let plain = !name.is_empty() && !name.starts_with('.') && !name.contains('/');
    plain.then(|| Wanted { address: address.into(), name: name.into(), size, hash: hash.into() })
}

/// Fetches and verifies them; what is there already is not fetched again.
pub fn fetch(wanted: &[Wanted], lists: &Private, say: &dyn Fn(&str)) -> Result<()> {
    let folder = folder()?;
    let there = |w: &Wanted| fs::metadata(folder.join(&w.name)).is_ok_and(|m| m.len() == w.size);
    let missing: Vec<&Wanted> = wanted.iter().filter(|w| !there(w)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let bytes: u64 = missing.iter().map(|w| w.size).sum();
    say(&format!("downloading {} packages ({} MB)", missing.len(), bytes.div_ceil(1_000_000)));
    let incoming = folder.join(format!("incoming-{}", std::process::id()));
    fs::create_dir_all(&incoming).map_err(Error::io("make", &incoming))?;
    let result = fetch_to(&incoming, &missing, lists);
    let result = result.and_then(|()| keep(&incoming, &folder, &missing));
    let _ = fs::remove_dir_all(&incoming);
    result
}

fn fetch_to(incoming: &Path, missing: &[&Wanted], lists: &Private) -> Result<()> {
    // the kernel bounds a command line
    for some in missing.chunks(200) {
        let mut program = apt(HELPER).env("APT_CONFIG", lists.configuration()).arg("download-file");
        for one in some {
            program = program.arg(&one.address).arg(incoming.join(&one.name)).arg(&one.hash);
        }
        program.timeout(FETCH_TIME).run().map_err(|error| match error {
            error @ exec::Error::Start { .. } => error.into(),
            error => Error::Network { what: "cannot download the packages".into(), why: last(&error) },
        })?;
    }
    Ok(())
}

/// The command itself is a page long.
fn last(error: &exec::Error) -> String {
    match error {
        exec::Error::Failed { tail, .. } => tail.join("\n    "),
        exec::Error::TimedOut { after, .. } => format!("not done within {} s", after.as_secs()),
        other => other.to_string(),
    }
}

fn keep(incoming: &Path, folder: &Path, missing: &[&Wanted]) -> Result<()> {
    for one in missing {
        let to = folder.join(&one.name);
        fs::rename(incoming.join(&one.name), &to).map_err(Error::io("keep", &to))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_apt_wants_is_read_and_nothing_leaves_the_folder() {
        let text = "Reading package lists...\n\
            'http://deb.example/p/a_1.0-1_amd64.deb' a_1%3a1.0-1_amd64.deb 120 SHA256:aa\n\
            'file:/repository/b_1_all.deb' b_1_all.deb 7 SHA256:bb\n\
            'http://deb.example/x' ../x 7 SHA256:bb\n";
        let names: Vec<String> = parse(text).into_iter().map(|w| w.name).collect();
        assert_eq!(names, ["a_1%3a1.0-1_amd64.deb"]);
    }
}
