//! The appliance's repository: configured with its key, refreshed, believed only when signed.

use crate::{
    cli::Arguments,
    failure::{Exit, Failure, Result, exit_of, fail},
    progress::Progress,
    signals::Signals,
};
use anyhow::Context;
use apt::{Apt, Cause, SourceFailure};
use exec::Program;
use std::{fs, io::Write, os::unix::fs::PermissionsExt, path::Path, time::Duration};

const SOURCES: &str = "/etc/apt/sources.list.d";
const KEYRINGS: &str = "/etc/apt/keyrings";
/// Debian's own list changes a few times a day.
const FRESH: Duration = Duration::from_secs(3600);
/// A public key is a few kilobytes.
const KEY_LIMIT: u64 = 1 << 20;

/// Writes the source and its key, unless the repository is configured already. They go away again with `signals`.
pub fn configure(arguments: &Arguments, signals: &Signals, progress: &mut Progress) -> Result<()> {
    let Some(given) = &arguments.repository else { return Ok(()) };
    let uri = checked_uri(given)?;
    for word in [&arguments.suite, &arguments.component] {
        if word.is_empty() || !word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._/".contains(&b)) {
            return fail(Exit::Input, format!("{word:?} is no name of a suite or component"));
        }
    }
    if is_configured(&uri)? {
        if arguments.key.is_some() {
            progress.note(format!("{uri} is configured already, with its key; --key is not used"));
        }
        return Ok(());
    }
    let Some(key) = &arguments.key else {
        let message = format!(
            "{uri} is not configured on this machine, so its public key is needed: give it with --key FILE. \
             Without a key nothing says that the packages are the publisher's"
        );
        return fail(Exit::Input, message);
    };
    let (key, extension) = read_key(key)?;
    let name = format!("vainstall-{}", slug(&uri));
    let keyring = Path::new(KEYRINGS).join(format!("{name}.{extension}"));
    let sources = Path::new(SOURCES).join(format!("{name}.sources"));
    let text = format!(
        "# written by vainstall\nTypes: deb\nURIs: {uri}\nSuites: {}\nComponents: {}\nSigned-By: {}\n",
        arguments.suite,
        arguments.component,
        keyring.display()
    );
    for (path, bytes) in [(&keyring, key.as_slice()), (&sources, text.as_bytes())] {
        if !path.exists() {
            signals.remove_at_end(path.clone());
        }
        write(path, bytes)?;
    }
    progress.note(format!("{} names {uri}", sources.display()));
    Ok(())
}

/// Refreshes the list of packages: all of it, or, when that was done within the hour, the appliance's own
/// repository. A source of somebody else's that fails is a warning.
pub fn refresh(
    arguments: &Arguments,
    package: &str,
    apt: &Apt,
    progress: &mut Progress,
) -> Result<Vec<SourceFailure>> {
    let mut say = |kind| progress.say(kind);
    let own = match apt::refresh::age()?.is_some_and(|age| age < FRESH) {
        true => apt::refresh::sources_of(package)?,
        false => None,
    };
    let failures = match own {
        Some(sources) => apt.update_only(&sources, &mut say)?,
        None => apt.update(&mut say)?,
    };
    let ours = arguments.repository.as_deref().map(|u| u.trim_end_matches('/').to_owned());
    for failure in &failures {
        if ours.as_ref().is_some_and(|uri| failure.source.starts_with(uri.as_str())) {
            return Err(refused(failure));
        }
        progress.warn(format!("{failure} ({}); what was known of it before is used", failure.cause.advice()));
    }
    Ok(failures)
}

/// Why nothing is installed from this source.
pub fn refused(failure: &SourceFailure) -> Failure {
    let words = match failure.cause {
        Cause::Network => "cannot be reached",
        Cause::Signature => "is not signed by its key",
        Cause::Expired => "has a signature that is too old",
        Cause::Renamed => "has changed its name",
        Cause::Altered => "was altered: its index is not what was signed",
        Cause::Missing => "is not there",
        _ => "cannot be used",
    };
    let exit = match exit_of(failure.cause) {
        Exit::Failed => Exit::Repository,
        other => other,
    };
    let message = format!(
        "the repository {} {words}; {}. apt said: {}",
        failure.source,
        failure.cause.advice(),
        failure.message
    );
    Failure::new(exit, message)
}

/// The address as it may stand in a sources file: one word, of a kind apt fetches from, ending in `/`.
fn checked_uri(given: &str) -> Result<String> {
    let known = ["http://", "https://", "file:/"].iter().any(|s| given.starts_with(s));
    let plain = given.chars().all(|c| c.is_ascii_graphic() && !"'\"\\<>{}|^`".contains(c));
    if !known || !plain {
        let message =
            format!("{given:?} is no repository's address: it begins with http://, https:// or file:/");
        return fail(Exit::Input, message);
    }
    if given
        .split_once("://")
        .is_some_and(|(_, rest)| rest.split('/').next().is_some_and(|h| h.contains('@')))
    {
        let message = "a password does not belong in a repository's address: put it into /etc/apt/auth.conf.d (apt_auth.conf(5))";
        return fail(Exit::Input, message);
    }
    Ok(format!("{}/", given.trim_end_matches('/')))
}

fn is_configured(uri: &str) -> Result<bool> {
    let listed = Program::new("apt-get").args(["indextargets", "--format", "$(REPO_URI)"]).run()?.text();
    Ok(listed.lines().any(|l| l.trim_end_matches('/') == uri.trim_end_matches('/')))
}

/// The key and the extension by which apt knows its form.
fn read_key(path: &Path) -> Result<(Vec<u8>, &'static str)> {
    let size = fs::metadata(path).map_err(|e| input(path, e))?.len();
    let bytes = if size <= KEY_LIMIT { fs::read(path).map_err(|e| input(path, e))? } else { vec![] };
    let text = String::from_utf8_lossy(&bytes);
    if text.contains("PRIVATE KEY BLOCK") {
        return fail(Exit::Input, format!("{} is a private key; the public one is needed", path.display()));
    }
    if text.contains("-----BEGIN PGP PUBLIC KEY BLOCK-----") {
        return Ok((bytes, "asc"));
    }
    // RFC 9580, 4.2: the first octet of a packet has its highest bit set; a public key's is tag 6
    match bytes.first() {
        Some(0x98..=0x9b | 0xc6) => Ok((bytes, "gpg")),
        _ => fail(Exit::Input, format!("{} is no OpenPGP public key", path.display())),
    }
}

fn input(path: &Path, error: std::io::Error) -> Failure {
    Failure::new(Exit::Input, format!("cannot read {}: {error}", path.display()))
}

/// Whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let all = || -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        // apt reads it as its own user
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
        file.persist(path)?;
        Ok(())
    };
    Ok(all().with_context(|| format!("cannot write {}", path.display()))?)
}

/// `http://host:80/a b/` becomes `host-80-a-b`.
fn slug(uri: &str) -> String {
    let plain: String = uri.split_once(':').map_or(uri, |(_, rest)| rest).to_lowercase();
    let words: Vec<&str> =
        plain.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
    words.join("-").chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_apt_fetches_from() {
        for good in ["http://a.example/debian", "https://a.example/", "file:/srv/repository", "http://[::1]/"]
        {
            assert!(checked_uri(good).is_ok(), "{good}");
        }
        for bad in [
            "ftp://a/",
            "a.example",
            "http://a b/",
            "http://a/\nURIs: http://b/",
            "",
            "https://u:p@a.example/",
        ] {
            assert_eq!(checked_uri(bad).unwrap_err().exit, Exit::Input, "{bad}");
        }
    }

    #[test]
    fn a_slug_is_a_plain_file_name() {
        assert_eq!(slug("http://Host.example:8000/a/b/"), "host-example-8000-a-b");
        assert_eq!(slug("file:/../../etc"), "etc");
    }

    #[test]
    fn keys_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let check = |bytes: &[u8]| {
            let path = folder.path().join("key");
            fs::write(&path, bytes).unwrap();
            read_key(&path).map(|(_, extension)| extension).map_err(|f| f.message())
        };
        assert_eq!(check(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n"), Ok("asc"));
        assert_eq!(check(&[0x99, 1, 2]), Ok("gpg"));
        assert!(check(b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n").unwrap_err().contains("private"));
        assert!(check(b"hello").unwrap_err().contains("no OpenPGP"));
        assert!(check(b"").is_err());
    }
}
