//! The Debian mirror that this host uses, and how it reaches it.

use crate::{Error, Result};
use exec::Program;

/// The Debian mirror in the host's own configuration of apt, without a slash at its end.
///
/// # Errors
/// [`Error::NotHere`] without apt, [`Error::Mirror`] when it knows no mirror of Debian.
pub fn debian() -> Result<String> {
    let found = address("Debian", "Debian")?;
    found.ok_or_else(|| {
        Error::Mirror("apt here knows no Debian mirror, or its lists were never fetched".into())
    })
}

/// The host's source of security updates, when it has one.
pub fn security() -> Result<Option<String>> {
    address("Debian", "Debian-Security")
}

/// A program of apt's, without the caller's environment but for the way to the network.
pub fn apt(name: &str) -> Program {
    let proxies =
        ["http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "all_proxy"];
    let set = proxies.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    set.fold(Program::new(name), |program, (name, value)| program.env(name, value))
}

/// The lines of the host's configuration of apt that say how the network is reached, without its hooks.
pub fn network() -> Vec<String> {
    let text = apt("apt-config").args(["dump", "Acquire"]).run().map(|o| o.text()).unwrap_or_default();
    let wanted = |l: &&str| l.contains("Proxy") || l.contains("::Verify-") || l.contains("CaInfo");
    text.lines().filter(wanted).map(str::to_owned).collect()
}

/// Refuses what is no address, or could end the line that it gets into.
pub fn check(mirror: &str) -> Result<()> {
    let known = ["http://", "https://", "file:/"].iter().any(|start| mirror.starts_with(start));
    let plain = mirror.bytes().all(|b| b.is_ascii_graphic() && !b"\"'[]".contains(&b));
    match known && plain {
        true => Ok(()),
        false => Err(Error::Mirror(format!(
            "{} is no mirror's address; write one that begins with http:// or https://",
            mirror.escape_debug()
        ))),
    }
}

/// That apt cannot be started, in words that help.
pub(crate) fn no_apt(error: exec::Error) -> Error {
    match error {
        error @ exec::Error::Start { .. } => Error::NotHere(format!("{error}: this needs apt")),
        error => error.into(),
    }
}

fn address(origin: &str, label: &str) -> Result<Option<String>> {
    let format = "$(ORIGIN)|$(LABEL)|$(REPO_URI)";
    let program = apt("apt-get").args(["indextargets", "--format", format, "Created-By: Packages"]);
    let targets = program.run().map_err(no_apt)?.text();
    let found = targets.lines().find_map(|line| match line.split('|').collect::<Vec<_>>()[..] {
        [o, l, address] if o == origin && l == label => Some(address.trim_end_matches('/').to_owned()),
        _ => None,
    });
    Ok(found)
}
