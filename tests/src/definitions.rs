//! Building definitions that tests bring along, and repositories with them.

use crate::Dist;
use anyhow::{Context, Result, ensure};
use exec::Program;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A definition of `tests/definitions`.
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("definitions").join(name)
}

/// Builds a definition's packages into a folder.
pub fn build(dist: &Dist, definition: &Path, out: &Path) -> Result<()> {
    let program = dist
        .program("vabuild")
        .arg("build")
        .arg(definition)
        .arg("-o")
        .arg(out)
        .arg("--programs")
        .arg(&dist.programs);
    program.run().with_context(|| format!("cannot build {}", definition.display()))?;
    Ok(())
}

/// Adds every .deb of a folder to a repository.
pub fn publish(dist: &Dist, repository: &Path, packages: &Path) -> Result<()> {
    let mut debs: Vec<PathBuf> = fs::read_dir(packages)?.filter_map(|e| Some(e.ok()?.path())).collect();
    debs.retain(|p| p.extension().is_some_and(|e| e == "deb"));
    debs.sort();
    let program =
        dist.program("vabuild").args(["repository", "add"]).arg(repository).arg("--key").arg(dist.secret());
    program.args(&debs).run()?;
    Ok(())
}

/// A copy of the repository with the packages of one more definition in it.
pub fn repository_with(dist: &Dist, folder: &Path, definition: &Path) -> Result<PathBuf> {
    let (repository, out) = (dist.copy_repository(folder)?, folder.join("out"));
    build(dist, definition, &out)?;
    publish(dist, &repository, &out)?;
    Ok(repository)
}

/// A copy of one of `tests/definitions` with texts in it replaced.
pub fn altered(definition: &str, changes: &[(&str, &str)], to: &Path) -> Result<PathBuf> {
    let copy = to.join(format!("altered-{definition}"));
    fs::create_dir_all(to)?;
    Program::new("cp").arg("-a").arg(path(definition)).arg(&copy).run()?;
    let file = copy.join("appliance.toml");
    let mut text = fs::read_to_string(&file)?;
    for (from, to) in changes {
        ensure!(text.contains(from), "the definition {definition} has no {from:?}");
        text = text.replacen(from, to, 1);
    }
    fs::write(&file, text)?;
    Ok(copy)
}

/// A definition of the project, from its top folder, copied with another version.
pub fn with_version(definition: &str, version: &str, to: &Path) -> Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(definition);
    let copy = to.join(version);
    Program::new("cp").arg("-a").arg(&source).arg(&copy).run()?;
    let path = copy.join("appliance.toml");
    let text = fs::read_to_string(&path)?;
    let (before, rest) = text.split_once("\nversion = \"").context("the definition has no version")?;
    let (_, after) = rest.split_once('"').context("the version does not end")?;
    fs::write(&path, format!("{before}\nversion = \"{version}\"{after}"))?;
    Ok(copy)
}
