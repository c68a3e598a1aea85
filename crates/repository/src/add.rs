//! Adds packages, and signs anew.

use crate::{
    Error, Package, Repository, Result, Signer,
    lock::Lock,
    publish::{Incoming, Publication},
    recover,
    release::Release,
    scan::{self, Scanned},
    stanza::Stanza,
    state::Published,
};
use std::{collections::HashMap, path::PathBuf};

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
        self.change(signer, now, |published| {
            let staging = self.staging();
            self.disk.folder(&staging)?;
            let scanned =
                scan::packages(debs, &self.disk, (transfer == Transfer::Copy).then_some(&*staging))?;
            Merger { repository: self, published: &published.stanzas, elsewhere: self.elsewhere()? }
                .merge(scanned)
        })
    }

    /// Signs what is published again, with a new date and a new end of validity.
    pub fn refresh(&self, signer: &dyn Signer, now: u64) -> Result<()> {
        self.change(signer, now, |_| Ok(Merged { always: true, ..Merged::default() })).map(|_| ())
    }

    /// One change of the repository from lock to tidying up.
    fn change(
        &self,
        signer: &dyn Signer,
        now: u64,
        work: impl FnOnce(&Published) -> Result<Merged>,
    ) -> Result<Added> {
        self.disk.folder(&self.root)?;
        let _lock = Lock::take(&self.root)?;
        recover::tidy(self)?;
        let result = self.locked_change(signer, now, work);
        match &result {
            Ok((_, Some(release))) => recover::finish(self, release)?,
            // whatever has been laid down is taken away again; the first error is the one to tell
            _ => drop(recover::tidy(self)),
        }
        result.map(|(added, _)| added)
    }

    /// Also gives back what was published, when something was.
    fn locked_change(
        &self,
        signer: &dyn Signer,
        now: u64,
        work: impl FnOnce(&Published) -> Result<Merged>,
    ) -> Result<(Added, Option<Release>)> {
        let mut keys = vec![signer.public_key()];
        keys.extend(&self.settings.trusted);
        let before = self.published(Some(&keys))?;
        let release = Release::next(&self.settings, before.as_ref().map(|p| &p.release), now);
        let is_new = before.is_none();
        let mut published = before.unwrap_or_else(|| Published { release: release.clone(), stanzas: vec![] });
        let merged = work(&published)?;
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
        let mut pool: HashMap<String, Package> =
            here.chain(&self.elsewhere).map(|p| (p.path.clone(), p.clone())).collect();
        for new in scanned {
            let is_same =
                |other: &Package| other.sha256 == new.package.sha256 && other.seeds == new.package.seeds;
            let known = self.published.binary_search_by(|s| s.package.order(&new.package)).ok();
            let known = known.map(|at| &self.published[at].package);
            let given = || merged.added.added.iter().find(|p| p.is_same_version(&new.package));
            match (known.or_else(given), pool.get(&new.package.path)) {
                (Some(known), _) if is_same(known) => merged.added.unchanged.push(new.package),
                (None, Some(pooled)) if is_same(pooled) => {
                    merged.added.added.push(new.package.clone());
                    merged.stanzas.push(Stanza::new(new.package, new.control));
                }
                (None, None) => {
                    pool.insert(new.package.path.clone(), new.package.clone());
                    merged.added.added.push(new.package.clone());
                    self.take(new, &mut merged)?;
                }
                _ => return Err(conflict(new)),
            }
        }
        Ok(merged)
    }

    fn take(&self, new: Scanned, merged: &mut Merged) -> Result<()> {
        if let (Some(bytes), Some(seeds)) = (new.seeds, &new.package.seeds) {
            let from = self.repository.staging().join(format!("{}.seeds", merged.incoming.len()));
            self.repository.disk.write(&from, &bytes)?;
            merged.incoming.push(Incoming { from, path: seeds.path.clone(), link: false });
        }
        let link = new.copy.is_none();
        let from = new.copy.unwrap_or(new.source);
        merged.incoming.push(Incoming { from, path: new.package.path.clone(), link });
        merged.stanzas.push(Stanza::new(new.package, new.control));
        Ok(())
    }
}

fn conflict(new: Scanned) -> Error {
    Error::Conflict {
        package: new.package.name,
        version: new.package.version.to_string(),
        architecture: new.package.architecture,
        file: new.source,
    }
}
