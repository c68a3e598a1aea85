//! Tidies up after every change, and after one that was killed: the published state is never touched.

use crate::{Error, Package, Repository, Result, publish::NOTE, release::Release, state::Published};
use std::{
    collections::HashSet,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// After a change that did not come to its end, or before one. Needs the lock.
pub fn tidy(repository: &Repository) -> Result<()> {
    if !repository.staging().exists() {
        return Ok(());
    }
    // what cannot be read is reported by whoever needs it; nothing is removed then
    if let (Ok(published), Ok(elsewhere)) = (repository.published(None), repository.elsewhere()) {
        remove_unpublished(repository, published.as_ref(), &elsewhere)?;
        if let Some(published) = &published {
            return finish(repository, &published.release);
        }
    }
    repository.disk.remove_folder(&repository.staging())
}

/// After a change: what it published is named in `release`.
pub fn finish(repository: &Repository, release: &Release) -> Result<()> {
    name_indices(repository, release)?;
    drop_generations(repository, release)?;
    repository.disk.remove_folder(&repository.staging())
}

/// Takes away the pool files of a change that did not come to its end.
fn remove_unpublished(
    repository: &Repository,
    published: Option<&Published>,
    elsewhere: &[Package],
) -> Result<()> {
    let Ok(note) = fs::read_to_string(repository.staging().join(NOTE)) else { return Ok(()) };
    let packages = published.iter().flat_map(|p| &p.stanzas).map(|s| &s.package).chain(elsewhere);
    let known: HashSet<&str> = packages
        .flat_map(|p| [Some(p.path.as_str()), p.seeds.as_ref().map(|s| s.path.as_str())])
        .flatten()
        .collect();
    for path in note.lines().filter(|path| !known.contains(path) && path.starts_with("pool/")) {
        let path = repository.root.join(path);
        repository.disk.remove(&path)?;
        if let Some(folder) = path.parent() {
            repository.disk.prune(folder, &repository.root);
        }
    }
    Ok(())
}

/// Gives the published indices their plain names, and the Release file without signature for those who look.
fn name_indices(repository: &Repository, release: &Release) -> Result<()> {
    let inode = |path: &Path| fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    for index in &release.indices {
        let (from, to) = (repository.by_hash(index), repository.dist().join(&index.path));
        if inode(&from) != inode(&to) {
            let staged = repository.staging().join("index");
            repository.disk.link(&from, &staged)?;
            repository.disk.rename(&staged, &to)?;
        }
    }
    Ok(())
}

/// Keeps the files of the last generations and removes those before.
fn drop_generations(repository: &Repository, release: &Release) -> Result<()> {
    let current: HashSet<PathBuf> = release.indices.iter().map(|i| repository.by_hash(i)).collect();
    let folders: HashSet<&Path> = current.iter().filter_map(|path| path.parent()).collect();
    for folder in folders {
        let per_generation = current.iter().filter(|path| path.parent() == Some(folder)).count();
        let mut old = vec![];
        for entry in fs::read_dir(folder).map_err(Error::io("list", folder))?.flatten() {
            if !current.contains(&entry.path())
                && let Ok(meta) = entry.metadata()
            {
                old.push((meta.mtime(), meta.mtime_nsec(), entry.path()));
            }
        }
        old.sort();
        let superfluous = old.len().saturating_sub(per_generation * repository.settings.generations);
        for (_, _, path) in &old[..superfluous] {
            repository.disk.remove(path)?;
        }
    }
    Ok(())
}
