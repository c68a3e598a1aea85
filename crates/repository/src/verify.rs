//! Checks everything: signature, validity, every index, every package.

use crate::{PublicKey, Repository, Result, date, release::Index, scan};
use std::{fs, path::PathBuf};

/// What was checked, and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    pub packages: usize,
    /// Of all files in the pool that were read.
    pub bytes: u64,
    pub problems: Vec<Problem>,
    /// A change was killed just after it was published: plain names still lead to an earlier index, which only clients
    /// that know no by-hash see. The next change finishes it.
    pub unfinished: bool,
}

/// One file that is not what the signature says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub path: PathBuf,
    pub message: String,
}

impl Repository {
    /// Reads all that is published and compares it with what the key signed. An error means that there is nothing
    /// to compare with: no repository, or its signature or an index does not hold.
    pub fn verify(&self, key: &PublicKey, now: u64) -> Result<Verified> {
        let in_release = self.dist().join("InRelease");
        let Some(published) = self.published(Some(&[key]))? else {
            return Err(crate::Error::damaged(&in_release, "there is no repository"));
        };
        let mut verified = Verified { packages: published.stanzas.len(), ..Verified::default() };
        let mut unfinished = false;
        let mut problem = |path: PathBuf, message: String| verified.problems.push(Problem { path, message });
        if let Some(end) = published.release.valid_until.filter(|end| *end <= now) {
            problem(in_release, format!("not valid since {}; refresh it", date::format(end)));
        }
        for index in &published.release.indices {
            for path in [self.by_hash(index), self.dist().join(&index.path)] {
                if scan::has_hash(&path, index.size, &index.sha256) {
                    continue;
                }
                if path.ends_with(&index.path) && self.is_behind(index) {
                    unfinished = true;
                } else {
                    problem(path, "missing, or altered since it was signed".into());
                }
            }
        }
        let packages = published.stanzas.iter().map(|stanza| &stanza.package);
        let seeds = packages.clone().filter_map(|p| p.seeds.as_ref());
        let files: Vec<(&str, u64, &str)> = packages
            .map(|p| (p.path.as_str(), p.size, p.sha256.as_str()))
            .chain(seeds.map(|s| (s.path.as_str(), s.size, s.sha256.as_str())))
            .collect();
        let paths: Vec<PathBuf> = files.iter().map(|(path, ..)| self.root.join(path)).collect();
        let mut bytes = 0;
        for ((path, found), (_, size, sha256)) in paths.iter().zip(scan::hashes(&paths)).zip(&files) {
            match found {
                Ok((found_size, hash)) if found_size == *size && hash == *sha256 => bytes += size,
                Ok((found_size, _)) if found_size != *size => {
                    problem(path.clone(), format!("altered: it has {found_size} bytes, {size} were signed"));
                }
                Ok(_) => problem(path.clone(), "altered: its SHA256 is not the signed one".into()),
                Err(e) => problem(path.clone(), format!("cannot be read: {e}")),
            }
        }
        (verified.bytes, verified.unfinished) = (bytes, unfinished);
        Ok(verified)
    }

    /// Whether a change was cut off while it brought this index's plain name up to date: its staging folder is there, and
    /// the name is missing or still leads to an index of an earlier generation.
    fn is_behind(&self, index: &Index) -> bool {
        let plain = self.dist().join(&index.path);
        let earlier = |hash: String| self.by_hash(index).with_file_name(hash).exists();
        self.staging().exists()
            && match fs::read(&plain) {
                Ok(content) => earlier(scan::sha256(&content)),
                Err(e) => e.kind() == std::io::ErrorKind::NotFound,
            }
    }

    /// Whether `InRelease` is there at all.
    pub fn exists(&self) -> bool {
        fs::metadata(self.dist().join("InRelease")).is_ok()
    }
}
