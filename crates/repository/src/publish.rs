//! Lays down a new state beside the old one and makes it the published one by a single rename.
//!
//! The order: a note of the new pool files (for [`crate::recover`]); at the same time the pool files and the indices
//! under their hashes; all of them flushed to the disk; `InRelease`, the commit; then the plain names for clients that know no by-hash, and old generations go.

use crate::{
    COMPONENT, Error, Repository, Result, Signer,
    disk::Flush,
    parallel::{self, joined},
    release::{Index, Release},
    scan,
    stanza::Stanza,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    thread,
};

/// The one compression besides none: apt knows it since Debian 11, and it costs a tenth of xz's time. Older
/// tools take the plain index. Level 3 makes an index a seventh
/// smaller, and takes half as long again.
const ZSTD_LEVEL: i32 = 1;

/// An index is compressed in frames of about that many bytes, several at a time, and zstd's format lets a file be
/// any number of frames. By size alone, so that the same packages give the same bytes on every machine.
const FRAME: usize = 1 << 20;

/// With more new files than this the whole filesystem is flushed once, instead of each file and folder.
const MANY: usize = 16;

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
        self.note()?;
        let (indices, pool) = thread::scope(|scope| {
            let pool = scope.spawn(|| self.fill_pool());
            (self.indices(stanzas), joined(pool))
        });
        (self.release.indices, ()) = (indices?, pool?);
        let signed = signer.clearsign(&self.release.text(), now)?;
        let (dist, staged) = (self.repository.dist(), staging.join("InRelease"));
        disk.write(&staged, signed.as_bytes(), Flush::Now)?;
        disk.rename(&staged, &dist.join("InRelease"))?;
        disk.sync(&dist)?;
        Ok(self.release)
    }

    fn complete_architectures(&mut self, stanzas: &[Stanza]) {
        let own = stanzas.iter().map(|stanza| &stanza.package.architecture).filter(|a| *a != "all");
        self.release.architectures.extend(own.cloned().collect::<BTreeSet<_>>());
        if self.release.architectures.is_empty() {
            self.release.architectures.insert("amd64".into());
        }
    }

    fn indices(&self, stanzas: &[Stanza]) -> Result<Vec<Index>> {
        let mut all = vec![];
        for architecture in &self.release.architectures {
            all.extend(self.index(architecture, stanzas)?);
        }
        Ok(all)
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
        let is_new = !folder.is_dir();
        self.repository.disk.folder(&folder)?;
        let (plain, packed) = thread::scope(|scope| {
            let plain = scope.spawn(|| self.lay_down(path.clone(), text.as_bytes()));
            let packed = compress(text.as_bytes(), &folder)
                .and_then(|packed| self.lay_down(format!("{path}.zst"), &packed));
            (joined(plain), packed)
        });
        let indices = [plain?, packed?];
        self.sync_upwards(&folder, if is_new { usize::MAX } else { 1 })?;
        Ok(indices)
    }

    fn lay_down(&self, path: String, content: &[u8]) -> Result<Index> {
        let index = Index { path, size: content.len() as u64, sha256: scan::sha256(content) };
        let staged = self.repository.staging().join(&index.sha256);
        self.repository.disk.write(&staged, content, Flush::Now)?;
        self.repository.disk.rename(&staged, &self.repository.by_hash(&index))?;
        Ok(index)
    }

    /// Says which files are about to come into the pool. It may be lost in a power cut: then a file stays that
    /// nobody names, and the next one of its name takes its place.
    fn note(&self) -> Result<()> {
        if self.incoming.is_empty() {
            return Ok(());
        }
        let note: String = self.incoming.iter().map(|file| format!("{}\n", file.path)).collect();
        let path = self.repository.staging().join(NOTE);
        self.repository.disk.write(&path, note.as_bytes(), Flush::Later)
    }

    /// Brings the new files to their places, folder by folder, and makes them durable.
    fn fill_pool(&self) -> Result<()> {
        let mut folders: BTreeMap<PathBuf, Vec<(&Incoming, PathBuf)>> = BTreeMap::new();
        for file in &self.incoming {
            let target = self.repository.root.join(&file.path);
            let folder = target.parent().unwrap_or(&self.repository.root).to_path_buf();
            folders.entry(folder).or_default().push((file, target));
        }
        let folders: Vec<_> = folders.into_iter().collect();
        let disk = &self.repository.disk;
        let few = self.incoming.len() <= MANY;
        parallel::each(
            &folders,
            || (),
            |(), (folder, files)| {
                disk.folder(folder)?;
                for (file, target) in files {
                    match file.link {
                        true => disk.link(&file.from, target)?,
                        false => disk.rename(&file.from, target)?,
                    }
                    if few {
                        disk.sync(target)?;
                    }
                }
                // the folders above may be new
                if few { self.sync_upwards(folder, 3) } else { Ok(()) }
            },
        )?;
        if few { Ok(()) } else { disk.sync_everything(&self.repository.root) }
    }

    /// Makes the names in a folder durable, and in those above it inside the repository, `count` in all.
    fn sync_upwards(&self, folder: &Path, count: usize) -> Result<()> {
        let inside = folder.ancestors().take_while(|f| f.starts_with(&self.repository.root));
        inside.take(count).try_for_each(|folder| self.repository.disk.sync(folder))
    }
}

/// `folder` is for the message.
fn compress(content: &[u8], folder: &Path) -> Result<Vec<u8>> {
    let frames = content.len().div_ceil(FRAME).max(1);
    let pieces: Vec<&[u8]> = match content.len().div_ceil(frames) {
        0 => vec![content],
        size => content.chunks(size).collect(),
    };
    let packed = parallel::each(
        &pieces,
        || (),
        |(), piece| zstd::bulk::compress(piece, ZSTD_LEVEL).map_err(Error::io("compress the index", folder)),
    )?;
    Ok(packed.concat())
}

/// The file in the staging folder that names the pool files of a change under way, one to a line.
pub const NOTE: &str = "pool-files";
