//! Reads packages, several at a time: each file once, for its hash, its control paragraph and its copy together.

use crate::{
    Error, Package, Result, Seeds,
    disk::Disk,
    parallel,
    stanza::{self, Stanza},
};
use deb::{Paragraph, Version};
use sha2::{Digest, Sha256};
use std::{
    cmp::Reverse,
    fmt::Write as _,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// Large enough that the calls do not count, small enough to stay in the processor's cache.
const CHUNK: usize = 256 << 10;
/// Seeds are a page of text.
const SEEDS_LIMIT: u64 = 4 << 20;

/// A package that was read.
#[derive(Debug)]
pub struct Scanned {
    pub source: PathBuf,
    /// The copy, when one was made.
    pub copy: Option<PathBuf>,
    pub stanza: Stanza,
    pub seeds: Option<Vec<u8>>,
}

/// Reads all packages, with copies in `staging` when that is given. The result is in the order of `files`.
pub fn packages(files: &[PathBuf], disk: &Disk, staging: Option<&Path>) -> Result<Vec<Scanned>> {
    let size = |file: &Path| fs::metadata(file).map_or(0, |meta| meta.len());
    let mut order: Vec<(usize, &Path)> = files.iter().map(PathBuf::as_path).enumerate().collect();
    // the largest first: the last thread to end then ends soon after the others
    order.sort_by_cached_key(|(_, file)| Reverse(size(file)));
    let mut scanned = parallel::each(&order, buffer, |buffer, (index, file)| {
        let copy = staging.map(|folder| folder.join(format!("{index}.deb")));
        Ok((*index, package(file, copy, disk, buffer)?))
    })?;
    scanned.sort_by_key(|(index, _)| *index);
    Ok(scanned.into_iter().map(|(_, scanned)| scanned).collect())
}

fn buffer() -> Vec<u8> {
    vec![0; CHUNK]
}

/// Size and hash of each file; a file that cannot be read is a result of its own.
pub fn hashes(files: &[PathBuf]) -> Vec<io::Result<(u64, String)>> {
    let hash = |file: &Path, buffer: &mut [u8]| {
        let mut tee = Tee::new(File::open(file)?, None, buffer);
        tee.drain()?;
        Ok((tee.total, hex(&tee.hash.finalize())))
    };
    parallel::each(files, buffer, |buffer, file| Ok(hash(file, buffer))).unwrap_or_default()
}

/// The hash as it stands in an index.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // writing to a string cannot fail
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn package(source: &Path, copy: Option<PathBuf>, disk: &Disk, buffer: &mut [u8]) -> Result<Scanned> {
    let file = File::open(source).map_err(Error::io("open", source))?;
    let length = file.metadata().map_err(Error::io("open", source))?.len();
    let out = copy.as_deref().map(|path| disk.create(path)).transpose()?;
    let mut tee = Tee::new(file, out.as_ref(), buffer);
    let control = deb::read::control(&mut tee, length, source, &[]);
    let drained = tee.drain();
    if let (Some(error), Some(path)) = (tee.copy_error.take(), &copy) {
        return Err(Error::io("write", path)(error));
    }
    let control = control?.paragraph;
    drained.map_err(Error::io("read", source))?;
    if tee.total != length {
        return Err(Error::io("read", source)(io::Error::other("it changed while it was read")));
    }
    let sha256 = hex(&tee.hash.finalize());
    let (name, version, architecture) = identity(&control, source)?;
    let path = stanza::pool_path(&control, &name, &version, &architecture);
    let seeds = seeds_beside(source)?;
    let described = seeds.as_deref().map(|bytes| Seeds {
        path: format!("{}.seeds", path.trim_end_matches(".deb")),
        size: bytes.len() as u64,
        sha256: self::sha256(bytes),
    });
    let coverage = control.get(stanza::COVERAGE).and_then(stanza::coverage);
    let package =
        Package { name, version, architecture, path, size: length, sha256, seeds: described, coverage };
    Ok(Scanned { source: source.into(), copy, stanza: Stanza::new(package, control), seeds })
}

/// Name, version and architecture, each safe to become part of a path.
fn identity(control: &Paragraph, source: &Path) -> Result<(String, Version, String)> {
    let broken = |message: String| {
        Error::Package(deb::Error::Archive {
            file: source.into(),
            message: format!("its control file: {message}"),
        })
    };
    let field = |name: &str| control.get(name).ok_or_else(|| broken(format!("the field {name} is missing")));
    let name = field("Package")?;
    if !deb::relation::is_package_name(name) {
        return Err(broken(format!("`{name}` is no package name")));
    }
    let architecture = field("Architecture")?;
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if architecture.is_empty() || !architecture.bytes().all(letter) {
        return Err(broken(format!("`{architecture}` is no architecture")));
    }
    let version = field("Version")?.parse().map_err(|e: deb::Error| broken(e.to_string()))?;
    Ok((name.into(), version, architecture.into()))
}

/// The file `.seeds` that lies beside the package under the same name, if there is one.
fn seeds_beside(deb: &Path) -> Result<Option<Vec<u8>>> {
    let path = deb.with_extension("seeds");
    let file = match File::open(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(Error::io("open", &path))?,
    };
    let mut bytes = vec![];
    file.take(SEEDS_LIMIT + 1).read_to_end(&mut bytes).map_err(Error::io("read", &path))?;
    if bytes.len() as u64 > SEEDS_LIMIT {
        return Err(Error::damaged(&path, "larger than seeds can be (4 MiB)"));
    }
    Ok(Some(bytes))
}

/// A reader that hashes and copies all that goes by.
struct Tee<'a> {
    file: File,
    copy: Option<&'a File>,
    copy_error: Option<io::Error>,
    hash: Sha256,
    total: u64,
    buffer: &'a mut [u8],
    unread: std::ops::Range<usize>,
}

impl<'a> Tee<'a> {
    fn new(file: File, copy: Option<&'a File>, buffer: &'a mut [u8]) -> Self {
        Tee { file, copy, copy_error: None, hash: Sha256::new(), total: 0, buffer, unread: 0..0 }
    }

    /// Reads the next piece; `false` at the end.
    fn fill(&mut self) -> io::Result<bool> {
        let len = loop {
            match self.file.read(self.buffer) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                result => break result?,
            }
        };
        self.hash.update(&self.buffer[..len]);
        if let Some(copy) = &mut self.copy
            && let Err(error) = copy.write_all(&self.buffer[..len])
        {
            self.copy_error = Some(error);
            return Err(io::Error::other("the copy failed"));
        }
        self.total += len as u64;
        self.unread = 0..len;
        Ok(len > 0)
    }

    /// Reads up to the end.
    fn drain(&mut self) -> io::Result<()> {
        while self.copy_error.is_none() && self.fill()? {}
        Ok(())
    }
}

impl Read for Tee<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.unread.is_empty() && !self.fill()? {
            return Ok(0);
        }
        let len = out.len().min(self.unread.len());
        out[..len].copy_from_slice(&self.buffer[self.unread.start..self.unread.start + len]);
        self.unread.start += len;
        Ok(len)
    }
}

/// Whether the file has that content, without holding both in memory.
pub fn has_hash(path: &Path, size: u64, sha256: &str) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.len() == size)
        && matches!(hashes(&[path.into()]).pop(), Some(Ok((_, hash))) if hash == sha256)
}
