//! Lays down a new state beside the old one and makes it the published one by a single rename.
//!
//! The order: a note of the new pool files (for [`crate::recover`]); the pool files; the indices under their hashes;
//! `InRelease`, the commit; then the plain names for clients that know no by-hash, and old generations go.

use crate::{
    COMPONENT, Error, Repository, Result, Signer,
    release::{Index, Release},
    scan,
    stanza::Stanza,
};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    thread,
};

/// The one compression besides none: apt knows it since Debian 11, and it costs a tenth of xz's time. Older
/// tools take the plain index.
const ZSTD_LEVEL: i32 = 3;

/// With more new files than this the whole filesystem is flushed once, instead of each file and folder.
pub const MANY: usize = 16;

/// A file on its way into the pool.
#[derive(Debug)]
pub struct Incoming {
    pub from: PathBuf,
    /// Relative to the repository.
    pub path: String,
    /// Give the file a second name instead of moving it.
    pub link: bool,
}

pub struct Publication<'a> {
    pub repository: &'a Repository,
    pub release: Release,
    pub incoming: Vec<Incoming>,
}

impl Publication<'_> {
    /// Publishes these packages, sorted, with this Release, which is given back with its indices.
    pub fn publish(mut self, stanzas: &[Stanza], signer: &dyn Signer, now: u64) -> Result<Release> {
        let (disk, staging) = (&self.repository.disk, self.repository.staging());
        disk.folder(&staging)?;
        self.complete_architectures(stanzas);
        for architecture in self.release.architectures.clone() {
            let indices = self.index(&architecture, stanzas)?;
            self.release.indices.extend(indices);
        }
        let signed = signer.clearsign(&self.release.text(), now)?;
        self.fill_pool()?;
        let (dist, staged) = (self.repository.dist(), staging.join("InRelease"));
        disk.write(&staged, signed.as_bytes())?;
        disk.rename(&staged, &dist.join("InRelease"))?;
        disk.sync_folder(&dist)?;
        Ok(self.release)
    }

    fn complete_architectures(&mut self, stanzas: &[Stanza]) {
        let own = stanzas.iter().map(|stanza| &stanza.package.architecture).filter(|a| *a != "all");
        self.release.architectures.extend(own.cloned().collect::<BTreeSet<_>>());
        if self.release.architectures.is_empty() {
            self.release.architectures.insert("amd64".into());
        }
    }

    /// Writes the index of an architecture, plain and compressed, under its hashes.
    fn index(&self, architecture: &str, stanzas: &[Stanza]) -> Result<[Index; 2]> {
        let mut text = String::new();
        for stanza in stanzas
            .iter()
            .filter(|s| s.package.architecture == architecture || s.package.architecture == "all")
        {
            text.push_str(&stanza.text);
            text.push('\n');
        }
        let path = format!("{COMPONENT}/binary-{architecture}/Packages");
        let folder = self.repository.dist().join(format!("{COMPONENT}/binary-{architecture}/by-hash/SHA256"));
        self.repository.disk.folder(&folder)?;
        let (plain, packed) = thread::scope(|scope| {
            let plain = scope.spawn(|| self.lay_down(path.clone(), text.as_bytes()));
            let packed = zstd::bulk::compress(text.as_bytes(), ZSTD_LEVEL)
                .map_err(Error::io("compress the index", &folder))
                .and_then(|packed| self.lay_down(format!("{path}.zst"), &packed));
            (plain.join(), packed)
        });
        let plain = plain.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let packed = packed?;
        self.repository.disk.sync_folder(&folder)?;
        Ok([plain, packed])
    }

    fn lay_down(&self, path: String, content: &[u8]) -> Result<Index> {
        let index = Index { path, size: content.len() as u64, sha256: scan::sha256(content) };
        let staged = self.repository.staging().join(&index.sha256);
        self.repository.disk.write(&staged, content)?;
        self.repository.disk.rename(&staged, &self.repository.by_hash(&index))?;
        Ok(index)
    }

    /// Brings the new files to their places, noting first which they are.
    fn fill_pool(&self) -> Result<()> {
        if self.incoming.is_empty() {
            return Ok(());
        }
        let disk = &self.repository.disk;
        let note: String = self.incoming.iter().map(|file| format!("{}\n", file.path)).collect();
        disk.write_note(&self.repository.staging().join(NOTE), note.as_bytes())?;
        let mut folders = BTreeSet::new();
        for file in &self.incoming {
            let target = self.repository.root.join(&file.path);
            let folder = target.parent().unwrap_or(Path::new("."));
            if folders.insert(folder.to_path_buf()) {
                disk.folder(folder)?;
            }
            match file.link {
                true => disk.link(&file.from, &target)?,
                false => disk.rename(&file.from, &target)?,
            }
        }
        match self.incoming.len() > MANY {
            true => disk.sync_everything(&self.repository.root),
            // with the folders above, which may be new
            false => folders.iter().try_for_each(|folder| {
                let inside = folder.ancestors().take_while(|f| f.starts_with(&self.repository.root));
                inside.take(3).try_for_each(|folder| disk.sync_folder(folder))
            }),
        }
    }
}

/// The file in the staging folder that names the pool files of a change under way, one to a line.
pub const NOTE: &str = "pool-files";
