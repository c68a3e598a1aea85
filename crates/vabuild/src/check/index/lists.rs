//! apt's lists of a release: the machine's own, or private ones.

use super::{Release, apt, unreachable};
use crate::exit::{Failure, Kind};
use anyhow::{Context, Result};
use exec::Program;
use std::{
    fs::{self, File},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Private lists are fetched again when they are older.
const AGE: Duration = Duration::from_secs(6 * 3600);
/// A fetch of lists takes seconds; a mirror that hangs is given up on.
const FETCH_TIME: Duration = Duration::from_secs(300);
/// A package that every release has.
const ALWAYS: &str = "dpkg";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Where apt finds lists of the release.
pub struct Lists {
    /// apt's configuration file; None is the machine's own.
    configuration: Option<PathBuf>,
}

impl Lists {
    pub fn of(release: &Release) -> Result<Self> {
        let own = Lists { configuration: None };
        if release.mirror.is_none() && own_release()? == release.name && own.are_there()? {
            return Ok(own);
        }
        private(release)
    }

    /// `apt-cache` without the packages that happen to be installed here.
    pub fn apt_cache(&self) -> Program {
        let program = apt("apt-cache").args(["-o", "Dir::State::status=/dev/null"]);
        match &self.configuration {
            Some(file) => program.env("APT_CONFIG", file),
            None => program,
        }
    }

    fn are_there(&self) -> Result<bool> {
        let output = self.apt_cache().args(["madison", ALWAYS]).output();
        match output {
            Ok(output) => Ok(!output.text().trim().is_empty()),
            Err(error @ exec::Error::Start { .. }) => Err(no_apt(&error)),
            Err(error) => Err(error.into()),
        }
    }
}

fn no_apt(error: &exec::Error) -> anyhow::Error {
    let message = format!("{error}: looking packages up needs apt; with --offline they are not looked up");
    Failure::new(Kind::NotHere, message).into()
}

fn own_release() -> Result<String> {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let debian = text.lines().any(|l| l == "ID=debian");
    let name = text.lines().find_map(|l| l.strip_prefix("VERSION_CODENAME="));
    Ok(name.filter(|_| debian).unwrap_or_default().trim_matches('"').to_owned())
}

/// Lists in the user's cache, one set for each release and mirror.
fn private(release: &Release) -> Result<Lists> {
    let mirror = match &release.mirror {
        Some(mirror) => mirror.clone(),
        None => own_mirror()?,
    };
    check_mirror(&mirror)?;
    let folder = cache()?.join(format!("{}-{}", release.name, file_name(&mirror)));
    prepare(&folder).with_context(|| format!("cannot write apt's lists to {}", folder.display()))?;
    let lock =
        File::create(folder.join("lock")).with_context(|| format!("cannot lock {}", folder.display()))?;
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive)
        .with_context(|| format!("cannot lock {}", folder.display()))?;
    let configuration = folder.join("apt.conf");
    write_configuration(&folder, &configuration, release, &mirror)?;
    let lists = Lists { configuration: Some(configuration.clone()) };
    let stamp = folder.join("fetched");
    if is_fresh(&stamp) && lists.are_there()? {
        return Ok(lists);
    }
    let what = format!("cannot fetch the list of {}'s packages from {mirror}", release.name);
    let fetch = apt("apt-get").env("APT_CONFIG", &configuration).args(["-q", "update"]).timeout(FETCH_TIME);
    match fetch.run() {
        Ok(_) => {}
        Err(error @ exec::Error::Start { .. }) => return Err(no_apt(&error)),
        Err(error) => return Err(unreachable(&what, error)),
    }
    if !lists.are_there()? {
        return Err(unreachable(&what, "the list is empty"));
    }
    fs::write(&stamp, "").with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(lists)
}

/// The base address of the Debian mirror in the machine's own configuration of apt.
fn own_mirror() -> Result<String> {
    let format = "$(CREATED_BY)|$(COMPONENT)|$(RELEASE)|$(REPO_URI)";
    let program = apt("apt-get").args(["indextargets", "--format", format]);
    let output = match program.run() {
        Ok(output) => output.text(),
        Err(error @ exec::Error::Start { .. }) => return Err(no_apt(&error)),
        Err(error) => return Err(error.into()),
    };
    let address = output.lines().find_map(|line| match line.split('|').collect::<Vec<_>>()[..] {
        ["Packages", "main", release, address] if is_whole_release(release) && is_debian(address) => {
            Some(address.to_owned())
        }
        _ => None,
    });
    address.ok_or_else(|| {
        let message = "apt here knows no Debian mirror; name one with --mirror, or leave the packages out with --offline";
        Failure::bad_input(message).into()
    })
}

/// Not the security or the updates suite, which hold few packages.
fn is_whole_release(release: &str) -> bool {
    !release.is_empty() && release.bytes().all(|b| b.is_ascii_lowercase())
}

fn is_debian(address: &str) -> bool {
    address.trim_end_matches('/').ends_with("debian")
}

fn check_mirror(mirror: &str) -> Result<()> {
    let known = ["http://", "https://", "file:/"].iter().any(|start| mirror.starts_with(start));
    let plain = mirror.bytes().all(|b| b.is_ascii_graphic() && !b"\"'[]".contains(&b));
    match known && plain {
        true => Ok(()),
        false => Err(Failure::bad_input(format!(
            "{} is no mirror's address; write one that begins with http:// or https://",
            appliance::problem::printable(mirror)
        ))
        .into()),
    }
}

fn cache() -> Result<PathBuf> {
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
    let base =
        std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|p| p.is_absolute()).or_else(home);
    let base =
        base.context("neither HOME nor XDG_CACHE_HOME is set, so there is no place for apt's lists")?;
    Ok(base.join("vabuild/apt"))
}

/// A name for a folder out of an address.
fn file_name(address: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' };
    address.trim_end_matches('/').chars().map(safe).take(150).collect()
}

fn prepare(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o755);
    for below in ["lists/partial", "cache/archives/partial", "trusted"] {
        builder.create(folder.join(below))?;
    }
    Ok(())
}

fn write_configuration(folder: &Path, file: &Path, release: &Release, mirror: &str) -> Result<()> {
    let sources = folder.join("sources.list");
    let signed = if Path::new(KEYRING).exists() { format!("[signed-by={KEYRING}] ") } else { String::new() };
    let source = format!("deb {signed}{mirror} {} main\n", release.name);
    let path = folder.display();
    // the machine's way to the network, without its hooks
    let network = apt("apt-config").args(["dump", "Acquire"]).run().map(|o| o.text()).unwrap_or_default();
    let network: String = network
        .lines()
        .filter(|l| l.contains("Proxy") || l.contains("::Verify-") || l.contains("CaInfo"))
        .map(|l| format!("{l}\n"))
        .collect();
    let configuration = format!(
        "{network}Dir::Etc::main \"/dev/null\";\nDir::Etc::parts \"/dev/null\";\n\
         Dir::Etc::sourcelist \"{path}/sources.list\";\nDir::Etc::sourceparts \"/dev/null\";\n\
         Dir::Etc::preferences \"/dev/null\";\nDir::Etc::preferencesparts \"/dev/null\";\n\
         Dir::State \"{path}\";\nDir::State::lists \"{path}/lists\";\nDir::State::status \"/dev/null\";\n\
         Dir::Cache \"{path}/cache\";\nDir::Log \"{path}\";\nAPT::Sandbox::User \"root\";\n\
         APT::Update::Error-Mode \"any\";\nAcquire::Languages \"none\";\nAcquire::Retries \"1\";\n\
         Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\n"
    );
    for (path, text) in [(sources.as_path(), source.as_str()), (file, configuration.as_str())] {
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn is_fresh(stamp: &Path) -> bool {
    let age = fs::metadata(stamp).and_then(|m| m.modified()).map(|m| SystemTime::now().duration_since(m));
    matches!(age, Ok(Ok(age)) if age < AGE)
}
