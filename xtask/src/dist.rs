//! From the sources to a signed repository: our own programs, our own packages, the appliances.

use anyhow::{Context, Result};
use exec::Program;
use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// Where everything lies.
pub struct Dist {
    /// The folder with the built programs.
    pub programs: PathBuf,
    /// The signed repository.
    pub repository: PathBuf,
    /// Its public key, for `Signed-By`.
    pub key: PathBuf,
}

/// The definitions that ship, in the order in which they are built.
const DEFINITIONS: &[&str] =
    &["packaging/appliance-tools", "packaging/appliance-control", "packaging/vabuild", "appliances/moinmoin"];

/// Builds programs, packages and the repository. The repository's key is made once and kept, for it signs
/// nothing but what this checkout builds.
pub fn run() -> Result<Dist> {
    let root = root()?;
    println!("building the programs");
    cargo(&["build", "--release", "--workspace", "--bins"])?;
    let target = target()?;
    let dist = Dist {
        programs: target.join("release"),
        repository: target.join("dist/repository"),
        key: target.join("dist/key.asc"),
    };
    // pip fetches the archives of bundled applications
    testbed::host::need(&[("pip3", "python3-pip")])?;
    let packages = target.join("dist/packages");
    empty(&packages)?;
    empty(&dist.repository)?;
    for definition in DEFINITIONS {
        println!("building the packages of {definition}");
        vabuild(
            &dist,
            &["build"],
            &[&root.join(definition), Path::new("-o"), &packages, Path::new("--programs"), &dist.programs],
        )?;
    }
    publish(&dist, &packages)?;
    Ok(dist)
}

/// Signs a repository over all packages of a folder.
fn publish(dist: &Dist, packages: &Path) -> Result<()> {
    let secret = dist.key.with_file_name("key.secret");
    if !secret.exists() || !dist.key.exists() {
        let _ = fs::remove_file(&secret);
        vabuild(
            dist,
            &["key", "--name", "Local build"],
            &[Path::new("--output"), &secret, Path::new("--public"), &dist.key],
        )?;
    }
    println!("signing the repository");
    let mut debs: Vec<PathBuf> = fs::read_dir(packages)?.filter_map(|e| Some(e.ok()?.path())).collect();
    debs.retain(|p| p.extension().is_some_and(|e| e == "deb"));
    debs.sort();
    let mut arguments: Vec<&Path> = vec![&dist.repository, Path::new("--key"), &secret];
    arguments
        .extend(["--origin", "Virtual Appliance Tools", "--label", "Virtual Appliance Tools"].map(Path::new));
    arguments.extend(debs.iter().map(PathBuf::as_path));
    vabuild(dist, &["repository", "add"], &arguments)
}

/// Runs the `vabuild` that was just built.
pub fn vabuild(dist: &Dist, words: &[&str], paths: &[&Path]) -> Result<()> {
    let program = Program::new(dist.programs.join("vabuild")).inherit_env().args(words).args(paths);
    let status = program.interactive()?;
    anyhow::ensure!(status.success(), "{} ended with {status}", program.describe());
    Ok(())
}

/// Runs cargo with the caller's terminal.
pub fn cargo(arguments: &[&str]) -> Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let program = Program::new(cargo).inherit_env().args(arguments).dir(root()?);
    let status = program.interactive()?;
    anyhow::ensure!(status.success(), "cargo {} ended with {status}", arguments.join(" "));
    Ok(())
}

/// The checkout's top folder.
pub fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(Path::to_path_buf).context("xtask has no parent folder")
}

/// Cargo's target folder, `CARGO_TARGET_DIR` respected.
pub fn target() -> Result<PathBuf> {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => Ok(root()?.join(dir)),
        None => Ok(root()?.join("target")),
    }
}

fn empty(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(e).with_context(|| format!("cannot empty {}", dir.display()));
        }
        _ => {}
    }
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))
}
