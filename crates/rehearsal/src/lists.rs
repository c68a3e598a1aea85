//! apt's lists of a release: the machine's own, or private ones in the user's cache, verified with Debian's keyring.

use crate::{Error, Result, host, mirror};
use exec::Program;
use mirror::{apt, no_apt};
use rustix::fs::FlockOperation;
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

/// Where to look.
#[derive(Debug, Clone)]
pub struct Release {
    /// The code name: `trixie`.
    pub name: String,
    /// The base address of a Debian mirror; None is the machine's own.
    pub mirror: Option<String>,
}

/// Where apt finds lists of the release.
#[derive(Debug)]
pub struct Lists {
    /// None is the machine's own configuration.
    private: Option<Private>,
}

/// Lists of our own.
#[derive(Debug)]
pub struct Private {
    folder: PathBuf,
    /// In the form of sources.list(5).
    pub sources: String,
    /// Nobody fetches them again while they are read.
    _read: File,
}

impl Lists {
    /// The machine's own when it is of that release, else private ones.
    pub fn of(release: &Release) -> Result<Self> {
        let own = Lists { private: None };
        if release.mirror.is_none() && own_release() == release.name && own.are_there()? {
            return Ok(own);
        }
        Ok(Lists { private: Some(Private::of(release)?) })
    }

    /// `apt-cache` without the packages that happen to be installed here.
    pub fn apt_cache(&self) -> Program {
        let program = apt("apt-cache").args(["-o", "Dir::State::status=/dev/null"]);
        match &self.private {
            Some(private) => program.env("APT_CONFIG", private.configuration()),
            None => program,
        }
    }

    fn are_there(&self) -> Result<bool> {
        let output = self.apt_cache().args(["madison", ALWAYS]).output().map_err(no_apt)?;
        Ok(!output.text().trim().is_empty())
    }
}

impl Private {
    /// Fetched when they are not there or old.
    ///
    /// # Errors
    /// [`Error::Network`], [`Error::Mirror`], and [`Error::NotHere`] without apt.
    pub fn of(release: &Release) -> Result<Self> {
        let mirror = match &release.mirror {
            Some(mirror) => mirror.clone(),
            None => mirror::debian()?,
        };
        mirror::check(&mirror)?;
        let sources = sources(&release.name, &mirror, release.mirror.is_some())?;
        let folder = host::cache()?.join("lists").join(format!("{}-{}", release.name, file_name(&mirror)));
        prepare(&folder).map_err(Error::io("write apt's lists to", &folder))?;
        let (lock, stamp) = (folder.join("lock"), folder.join("fetched"));
        let mut read = host::lock(&lock, FlockOperation::LockShared)?;
        if !is_fresh(&stamp, &sources) {
            drop(read);
            let alone = host::lock(&lock, FlockOperation::LockExclusive)?;
            // somebody else may have done it meanwhile
            if !is_fresh(&stamp, &sources) {
                write_configuration(&folder, &sources)?;
                fetch(&folder, &release.name, &mirror)?;
                fs::write(&stamp, &sources).map_err(Error::io("write", &stamp))?;
            }
            drop(alone);
            read = host::lock(&lock, FlockOperation::LockShared)?;
        }
        Ok(Private { folder, sources, _read: read })
    }

    /// apt's configuration with these lists, and with the machine's way to the network.
    pub fn configuration(&self) -> PathBuf {
        self.folder.join("apt.conf")
    }

    /// A folder that, laid over a root, gives it these lists.
    pub fn layer(&self) -> PathBuf {
        self.folder.join("layer")
    }

    pub fn lists(self) -> Lists {
        Lists { private: Some(self) }
    }
}

/// The release, and where Debian has them its updates: security from the machine's own source.
fn sources(release: &str, mirror: &str, foreign: bool) -> Result<String> {
    let signed = if Path::new(KEYRING).exists() { format!("[signed-by={KEYRING}] ") } else { String::new() };
    let mut sources = format!("deb {signed}{mirror} {release} main\n");
    if matches!(release, "sid" | "unstable" | "experimental") || foreign {
        return Ok(sources);
    }
    sources.push_str(&format!("deb {signed}{mirror} {release}-updates main\n"));
    if let Some(security) = mirror::security()? {
        sources.push_str(&format!("deb {signed}{security} {release}-security main\n"));
    }
    Ok(sources)
}

fn fetch(folder: &Path, release: &str, mirror: &str) -> Result<()> {
    let unreachable = |why: String| {
        let what = format!("cannot fetch the list of {release}'s packages from {mirror}");
        Error::Network { what, why }
    };
    let program = apt("apt-get").env("APT_CONFIG", folder.join("apt.conf")).args(["-q", "update"]);
    match program.timeout(FETCH_TIME).run() {
        Ok(_) => {}
        Err(error @ exec::Error::Start { .. }) => return Err(no_apt(error)),
        Err(error) => return Err(unreachable(error.to_string())),
    }
    let check = apt("apt-cache").env("APT_CONFIG", folder.join("apt.conf")).args(["madison", ALWAYS]);
    match check.run()?.text().trim().is_empty() {
        true => Err(unreachable("the list is empty".into())),
        false => Ok(()),
    }
}

fn own_release() -> String {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let debian = text.lines().any(|l| l == "ID=debian");
    let name = text.lines().find_map(|l| l.strip_prefix("VERSION_CODENAME="));
    name.filter(|_| debian).unwrap_or_default().trim_matches('"').to_owned()
}

/// A name for a folder out of an address.
fn file_name(address: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' };
    address.trim_end_matches('/').chars().map(safe).take(150).collect()
}

fn prepare(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o755);
    for below in ["layer/var/lib/apt/lists/partial", "cache/archives/partial"] {
        builder.create(folder.join(below))?;
    }
    Ok(())
}

fn write_configuration(folder: &Path, sources: &str) -> Result<()> {
    let network: String = mirror::network().iter().map(|line| format!("{line}\n")).collect();
    let path = folder.display();
    let configuration = format!(
        "{network}Dir::Etc::main \"/dev/null\";\nDir::Etc::parts \"/dev/null\";\n\
         Dir::Etc::sourcelist \"{path}/sources.list\";\nDir::Etc::sourceparts \"/dev/null\";\n\
         Dir::Etc::preferences \"/dev/null\";\nDir::Etc::preferencesparts \"/dev/null\";\n\
         Dir::State \"{path}\";\nDir::State::lists \"{path}/layer/var/lib/apt/lists\";\nDir::State::status \"/dev/null\";\n\
         Dir::Cache \"{path}/cache\";\nDir::Log \"{path}\";\nAPT::Sandbox::User \"root\";\n\
         APT::Update::Error-Mode \"any\";\nAcquire::Languages \"none\";\nAcquire::Retries \"1\";\n\
         Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\n"
    );
    for (name, text) in [("sources.list", sources), ("apt.conf", configuration.as_str())] {
        let path = folder.join(name);
        fs::write(&path, text).map_err(Error::io("write", &path))?;
    }
    Ok(())
}

/// Young, and of the same sources.
fn is_fresh(stamp: &Path, sources: &str) -> bool {
    let age = fs::metadata(stamp).and_then(|m| m.modified()).map(|m| SystemTime::now().duration_since(m));
    matches!(age, Ok(Ok(age)) if age < AGE) && fs::read_to_string(stamp).is_ok_and(|text| text == sources)
}
