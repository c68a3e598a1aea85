//! Adds packages, and signs anew.

use crate::{
    Error, Package, Repository, Result, Signer,
    disk::Flush,
    lock::Lock,
    parallel::joined,
    publish::{Incoming, Publication},
    recover,
    release::Release,
    scan::{self, Scanned},
    stanza::Stanza,
    state::Published,
};
use std::{borrow::Cow, collections::HashMap, path::PathBuf, thread};

/// How packages come into the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// What is hashed is what is stored, whatever happens to the original.
    Copy,
    /// A second name for the same file, on the same filesystem: nobody may write to the original afterwards.
    Link,
}

/// What became of the packages given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Added {
    pub added: Vec<Package>,
    /// Those that were published already, with the same content.
    pub unchanged: Vec<Package>,
}

impl Repository {
    /// Adds packages, and the `.seeds` beside them, all or none. Older versions stay.
    ///
    /// `now` is the date of the new Release in seconds since 1970. Fails when a version is published already with
    /// other content, when what is published was not signed by the signer or [`crate::Settings::trusted`], and
    /// when somebody else is changing the repository.
    pub fn add(&self, debs: &[PathBuf], transfer: Transfer, signer: &dyn Signer, now: u64) -> Result<Added> {
        let scan = || {
            let staging = self.staging();
            self.disk.folder(&staging)?;
            scan::packages(debs, &self.disk, (transfer == Transfer::Copy).then_some(&*staging))
        };
        self.change(signer, now, scan, |published, scanned| {
            Merger { repository: self, published: &published.stanzas, elsewhere: self.elsewhere()? }
                .merge(scanned)
        })
    }

    /// Signs what is published again, with a new date and a new end of validity.
    pub fn refresh(&self, signer: &dyn Signer, now: u64) -> Result<()> {
        let merge = |_: &Published, ()| Ok(Merged { always: true, ..Merged::default() });
        self.change(signer, now, || Ok(()), merge).map(|_| ())
    }

    /// One change of the repository from lock to tidying up: what is new is read while what is published is.
    fn change<N: Send>(
        &self,
        signer: &dyn Signer,
        now: u64,
        read: impl FnOnce() -> Result<N> + Send,
        merge: impl FnOnce(&Published, N) -> Result<Merged>,
    ) -> Result<Added> {
        self.disk.folder(&self.root)?;
        let _lock = Lock::take(&self.root)?;
        recover::tidy(self)?;
        let result = self.locked_change(signer, now, read, merge);
        match &result {
            Ok((_, Some(release))) => recover::finish(self, release)?,
            // whatever has been laid down is taken away again; the first error is the one to tell
            _ => drop(recover::tidy(self)),
        }
        result.map(|(added, _)| added)
    }

    /// Also gives back what was published, when something was.
    fn locked_change<N: Send>(
        &self,
        signer: &dyn Signer,
        now: u64,
        read: impl FnOnce() -> Result<N> + Send,
        merge: impl FnOnce(&Published, N) -> Result<Merged>,
    ) -> Result<(Added, Option<Release>)> {
        let mut keys = vec![signer.public_key()];
        keys.extend(&self.settings.trusted);
        let (before, new) = thread::scope(|scope| {
            let new = scope.spawn(read);
            (self.published(Some(&keys)), joined(new))
        });
        let (before, new) = (before?, new?);
        let release = Release::next(&self.settings, before.as_ref().map(|p| &p.release), now);
        let is_new = before.is_none();
        let mut published = before.unwrap_or_else(|| Published { release: release.clone(), stanzas: vec![] });
        let merged = merge(&published, new)?;
        if merged.incoming.is_empty() && !merged.always && !is_new {
            return Ok((merged.added, None));
        }
        published.stanzas.extend(merged.stanzas);
        published.stanzas.sort_by(|a, b| a.package.order(&b.package));
        let publication = Publication { repository: self, release, incoming: merged.incoming };
        let release = publication.publish(&published.stanzas, signer, now)?;
        Ok((merged.added, Some(release)))
    }
}

/// What a change brings.
#[derive(Default)]
struct Merged {
    stanzas: Vec<Stanza>,
    incoming: Vec<Incoming>,
    added: Added,
    /// Publish even when nothing is new.
    always: bool,
}

/// Compares what was read with what is published.
struct Merger<'a> {
    repository: &'a Repository,
    /// In this suite, sorted.
    published: &'a [Stanza],
    /// In the other suites of the same pool.
    elsewhere: Vec<Package>,
}

impl Merger<'_> {
    fn merge(&self, scanned: Vec<Scanned>) -> Result<Merged> {
        let mut merged = Merged::default();
        let here = self.published.iter().map(|s| &s.package);
        let mut pool: HashMap<Cow<str>, Cow<Package>> =
            here.chain(&self.elsewhere).map(|p| (Cow::Borrowed(p.path.as_str()), Cow::Borrowed(p))).collect();
        // by name, as places in `merged.added.added`
        let mut given: HashMap<String, Vec<usize>> = HashMap::new();
        for new in scanned {
            let package = &new.stanza.package;
            let is_same = |other: &Package| other.sha256 == package.sha256 && other.seeds == package.seeds;
            let known = self.published.binary_search_by(|s| s.package.order(package)).ok();
            let known = known.map(|at| &self.published[at].package);
            let same_name = given.get(&package.name).into_iter().flatten().map(|at| &merged.added.added[*at]);
            let given_before = || same_name.clone().find(|p| p.is_same_version(package));
            match (known.or_else(given_before), pool.get(package.path.as_str())) {
                (Some(known), _) if is_same(known) => merged.added.unchanged.push(new.stanza.package),
                (None, Some(pooled)) if is_same(pooled) => {
                    given.entry(package.name.clone()).or_default().push(merged.added.added.len());
                    merged.added.added.push(package.clone());
                    merged.stanzas.push(new.stanza);
                }
                (None, None) => {
                    pool.insert(Cow::Owned(package.path.clone()), Cow::Owned(package.clone()));
                    given.entry(package.name.clone()).or_default().push(merged.added.added.len());
                    merged.added.added.push(package.clone());
                    self.take(new, &mut merged)?;
                }
                _ => return Err(conflict(new)),
            }
        }
        Ok(merged)
    }

    fn take(&self, new: Scanned, merged: &mut Merged) -> Result<()> {
        if let (Some(bytes), Some(seeds)) = (new.seeds, &new.stanza.package.seeds) {
            let from = self.repository.staging().join(format!("{}.seeds", merged.incoming.len()));
            self.repository.disk.write(&from, &bytes, Flush::Later)?;
            merged.incoming.push(Incoming { from, path: seeds.path.clone(), link: false });
        }
        let link = new.copy.is_none();
        let from = new.copy.unwrap_or(new.source);
        merged.incoming.push(Incoming { from, path: new.stanza.package.path.clone(), link });
        merged.stanzas.push(new.stanza);
        Ok(())
    }
}

fn conflict(new: Scanned) -> Error {
    let package = new.stanza.package;
    Error::Conflict {
        package: package.name,
        version: package.version.to_string(),
        architecture: package.architecture,
        file: new.source,
    }
}
