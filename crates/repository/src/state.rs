//! The repository and what is published in it.

use crate::{
    Error, Package, PublicKey, Result, Settings, disk::Disk, key, release::Index, release::Release, scan,
    stanza::Stanza,
};
use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    thread,
};

/// A repository in a folder, seen as one of its suites.
#[derive(Debug)]
pub struct Repository {
    pub(crate) root: PathBuf,
    pub(crate) settings: Settings,
    pub(crate) disk: Disk,
}

/// What `InRelease` says and names.
#[derive(Debug)]
pub(crate) struct Published {
    pub release: Release,
    /// Sorted by [`Package::order`].
    pub stanzas: Vec<Stanza>,
}

impl Repository {
    /// The repository in that folder, which may be empty or not exist yet.
    pub fn new(folder: &Path, settings: Settings) -> Result<Self> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b"-_.+".contains(&b);
        if settings.suite.is_empty() || settings.suite.starts_with('.') || !settings.suite.bytes().all(word) {
            return Err(Error::Settings(format!(
                "`{}` is no name for a suite; letters, digits and - _ . + are allowed",
                settings.suite.escape_debug()
            )));
        }
        Ok(Repository { root: folder.into(), settings, disk: Disk::default() })
    }

    /// What is published, sorted by name and version. The index is compared with what `InRelease` names; the
    /// signature is not checked, [`Repository::verify`] does that.
    pub fn list(&self) -> Result<Vec<Package>> {
        let published = self.published(None)?;
        Ok(published.map_or_else(Vec::new, |p| p.stanzas.into_iter().map(|s| s.package).collect()))
    }

    /// What the other suites publish, which share the pool.
    pub(crate) fn elsewhere(&self) -> Result<Vec<Package>> {
        let folder = self.root.join("dists");
        let entries = match fs::read_dir(&folder) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            entries => entries.map_err(Error::io("list", &folder))?,
        };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut all = vec![];
        for suite in names.filter(|name| *name != self.settings.suite) {
            all.extend(Repository::new(&self.root, Settings { suite, ..Settings::default() })?.list()?);
        }
        Ok(all)
    }

    pub(crate) fn dist(&self) -> PathBuf {
        self.root.join("dists").join(&self.settings.suite)
    }

    /// Files that are not yet, or no longer, part of the repository.
    pub(crate) fn staging(&self) -> PathBuf {
        self.root.join(".staging")
    }

    /// Where that index lies under its hash.
    pub(crate) fn by_hash(&self, index: &Index) -> PathBuf {
        let plain = self.dist().join(&index.path);
        plain.with_file_name("by-hash").join("SHA256").join(&index.sha256)
    }

    /// Reads what is published; `None` when nothing is. With keys, one of them must have signed it.
    pub(crate) fn published(&self, keys: Option<&[&PublicKey]>) -> Result<Option<Published>> {
        let path = self.dist().join("InRelease");
        let signed = match fs::read_to_string(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            signed => signed.map_err(Error::io("read", &path))?,
        };
        let text = match keys {
            None => key::unverified(&signed).ok_or_else(|| Error::damaged(&path, "no signed text"))?,
            Some(keys) => keys.iter().find_map(|key| key.verify(&signed)).ok_or_else(|| {
                let names: Vec<_> = keys.iter().map(|key| key.fingerprint()).collect();
                Error::damaged(&path, format!("not signed by {}, or altered since", names.join(" or ")))
            })?,
        };
        let release = Release::parse(&text).map_err(|message| Error::damaged(&path, message))?;
        let stanzas = self.stanzas(&release)?;
        Ok(Some(Published { release, stanzas }))
    }

    /// All packages of all architectures, each once.
    fn stanzas(&self, release: &Release) -> Result<Vec<Stanza>> {
        let mut seen = HashSet::new();
        let mut all = vec![];
        for index in release.indices.iter().filter(|index| index.path.ends_with("/Packages")) {
            let path = self.by_hash(index);
            let text = fs::read_to_string(&path).map_err(Error::io("read the index", &path))?;
            // both read all of it; nothing that was parsed is believed before the hash is known
            let (hash, stanzas) = thread::scope(|scope| {
                let hash = scope.spawn(|| scan::sha256(text.as_bytes()));
                (hash.join(), Stanza::parse_all(&text))
            });
            if hash.ok().as_ref() != Some(&index.sha256) {
                return Err(Error::damaged(&path, "altered since it was signed"));
            }
            let stanzas = stanzas.map_err(|message| Error::damaged(&path, message))?;
            all.extend(stanzas.into_iter().filter(|stanza| seen.insert(stanza.package.path.clone())));
        }
        all.sort_by(|a, b| a.package.order(&b.package));
        Ok(all)
    }
}
