//! What the host has and lacks.

use anyhow::{Context, Result, bail};
use exec::Program;
use std::{fs, path::PathBuf};

/// Where base roots, downloaded packages and archives are kept; made again when it is gone.
pub fn cache() -> Result<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME") {
        Some(dir) => PathBuf::from(dir),
        None => PathBuf::from(std::env::var_os("HOME").context("neither XDG_CACHE_HOME nor HOME is set")?)
            .join(".cache"),
    };
    let dir = base.join("virtual-appliance-tools");
    fs::create_dir_all(&dir).with_context(|| format!("cannot make the cache folder {}", dir.display()))?;
    Ok(dir)
}

/// Fails unless this is root: namespaces, mounts and bridges need it.
pub fn need_root() -> Result<()> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    bail!("booting machines needs root; run it again with sudo");
}

/// Installs the Debian packages whose program is missing, and says so.
pub fn need(programs: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<&str> =
        programs.iter().filter(|(program, _)| which(program).is_none()).map(|(_, p)| *p).collect();
    if missing.is_empty() {
        return Ok(());
    }
    need_root()?;
    println!("installing missing tools: {}", missing.join(" "));
    let apt =
        |args: &[&str]| Program::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(args).run();
    apt(&["-q", "update"]).context("apt-get update on this host failed")?;
    let mut args = vec!["-q", "-y", "--no-install-recommends", "install"];
    args.extend(&missing);
    apt(&args).with_context(|| format!("cannot install {}", missing.join(" ")))?;
    match programs.iter().find(|(program, _)| which(program).is_none()) {
        Some((program, package)) => bail!("{package} is installed, but {program} is not there"),
        None => Ok(()),
    }
}

/// What every machine needs on the host.
pub fn need_machine_tools() -> Result<()> {
    need(&[
        ("mmdebstrap", "mmdebstrap"),
        ("systemd-nspawn", "systemd-container"),
        ("ip", "iproute2"),
        ("nsenter", "util-linux"),
        ("curl", "curl"),
        ("/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring"),
    ])
}

/// The Debian mirror that this host uses, without a slash at its end.
pub fn mirror() -> Result<String> {
    if let Some(mirror) = std::env::var_os("VAT_MIRROR") {
        return Ok(mirror.to_string_lossy().trim_end_matches('/').to_owned());
    }
    uri_of("Debian", |label| label == "Debian")
        .context("this host has no Debian mirror in its apt configuration; name one in VAT_MIRROR")
}

/// The host's source of security updates, when it has one.
pub fn security_mirror() -> Option<String> {
    uri_of("Debian", |label| label == "Debian-Security").ok()
}

fn uri_of(origin: &str, label: impl Fn(&str) -> bool) -> Result<String> {
    let targets = Program::new("apt-get")
        .args(["indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Created-By: Packages"])
        .run()?
        .text();
    let found = targets.lines().find_map(|line| {
        let mut fields = line.splitn(3, '|');
        let fits = fields.next() == Some(origin) && fields.next().is_some_and(&label);
        fits.then(|| fields.next().unwrap_or_default().trim_end_matches('/').to_owned())
    });
    found.context("no such source; is `apt-get update` done?")
}

fn which(program: &str) -> Option<PathBuf> {
    if program.starts_with('/') {
        return Some(PathBuf::from(program)).filter(|p| p.exists());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).map(|dir| dir.join(program)).find(|p| p.is_file())
}
