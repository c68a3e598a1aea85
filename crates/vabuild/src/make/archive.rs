//! Upstream archives: fetched once, checked by their hash each time, unpacked in process.
//!
//! pip fetches from whatever index it is set up for; what arrives counts only when its SHA256 is the definition's.
//! Nothing in an archive decides where it comes to lie: `take` does.

use super::Error;
use appliance::model::Archive;
use deb::Entry;
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

/// Unpacked bytes that are taken out of one archive at most, and entries that are looked at.
const SIZE_LIMIT: u64 = 512 << 20;
const ENTRY_LIMIT: usize = 100_000;
/// A slow line has its time; a dead one does not hold the build for ever.
const FETCH_TIMEOUT: Duration = Duration::from_secs(900);

/// The folder of fetched archives: `$XDG_CACHE_HOME/virtual-appliance-tools/archives`.
#[derive(Debug, Clone)]
pub struct Cache(PathBuf);

impl Cache {
    /// The person's own. Without `HOME` there is none, and everything is fetched anew below the temporary folder.
    pub fn of_user() -> Self {
        let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
        Cache(base.unwrap_or_else(std::env::temp_dir).join("virtual-appliance-tools/archives"))
    }

    pub fn at(path: impl Into<PathBuf>) -> Self {
        Cache(path.into())
    }

    /// The archive, from the cache or fetched now. Its hash is right.
    pub fn get(&self, archive: &Archive, say: &dyn Fn(&str)) -> Result<PathBuf, Error> {
        check_names(archive)?;
        let folder = self.0.join(&archive.sha256);
        let path = folder.join(&archive.file);
        if path.is_file() && sha256(&path)? == archive.sha256 {
            return Ok(path);
        }
        say(&format!("fetching {}", archive.file));
        fs::create_dir_all(&folder).map_err(|e| Error::io("make the folder", &folder, e))?;
        let fetched = tempfile::tempdir_in(&self.0).map_err(|e| Error::io("make a folder in", &self.0, e))?;
        pip_download(archive, fetched.path())?;
        let file = fetched.path().join(&archive.file);
        let found = if file.is_file() { sha256(&file)? } else { "a file of another name".into() };
        if found != archive.sha256 {
            return Err(fetch_error(
                archive,
                format!("the index gave {found} instead of the SHA256 {}", archive.sha256),
            ));
        }
        fs::rename(&file, &path).map_err(|e| Error::io("put the archive at", &path, e))?;
        Ok(path)
    }
}

/// These words go into a requirement and a path.
fn check_names(archive: &Archive) -> Result<(), Error> {
    let word = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._+-!".contains(c))
    };
    let hex =
        archive.sha256.len() == 64 && archive.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let sound = [&archive.project, &archive.version, &archive.file].into_iter().all(|text| word(text));
    match sound && hex && !archive.file.starts_with(['.', '-']) {
        true => Ok(()),
        false => Err(Error::Definition(format!(
            "archive {:?}: project, version, file or sha256 is none",
            archive.file
        ))),
    }
}

fn pip_download(archive: &Archive, into: &Path) -> Result<(), Error> {
    let requirement = format!("{}=={} --hash=sha256:{}\n", archive.project, archive.version, archive.sha256);
    let list = into.join("requirements");
    fs::write(&list, requirement).map_err(|e| Error::io("write", &list, e))?;
    let form = if archive.file.ends_with(".whl") { "--only-binary" } else { "--no-binary" };
    // pip's own set-up (index, proxy, certificates) is the person's
    let pip = exec::Program::new("python3")
        .inherit_env()
        .args(["-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"])
        .args(["--no-deps", "--require-hashes", form, &archive.project, "--dest"])
        .arg(into)
        .arg("--requirement")
        .arg(&list)
        .timeout(FETCH_TIMEOUT);
    let output = pip.output().map_err(|e| match e {
        exec::Error::Start { .. } => Error::Tool("python3 is missing: apt-get install python3-pip".into()),
        other => fetch_error(archive, other.to_string()),
    })?;
    if output.tail(5).iter().any(|line| line.contains("No module named pip")) {
        return Err(Error::Tool("pip is missing: apt-get install python3-pip".into()));
    }
    let no_room = output.tail(20).iter().any(|line| line.contains("No space left on device"));
    if no_room {
        return Err(Error::io("fetch the archive into", into, io::ErrorKind::StorageFull.into()));
    }
    match output.success() {
        true => Ok(()),
        false => Err(fetch_error(archive, output.tail(8).join("\n"))),
    }
}

fn fetch_error(archive: &Archive, why: String) -> Error {
    Error::Fetch { file: archive.file.clone(), why }
}

/// Of a file, 64 hexadecimal digits.
pub fn sha256(path: &Path) -> Result<String, Error> {
    let mut file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    let mut hash = Sha256::new();
    io::copy(&mut file, &mut hash).map_err(|e| Error::io("read", path, e))?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What the definition takes out of the archive, each where it belongs.
pub fn entries(archive: &Archive, path: &Path) -> Result<Vec<Entry>, Error> {
    let mut taken =
        Taken { archive, entries: vec![], used: vec![false; archive.take.len()], left: SIZE_LIMIT };
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    let read = match archive.file.rsplit_once('.') {
        Some((_, "whl" | "zip")) => taken.wheel(file),
        _ if archive.file.ends_with(".tar.gz") => taken.tarball(file),
        _ => return Err(taken.bad("neither a .whl nor a .tar.gz")),
    };
    read?;
    if let Some((from, _)) = archive.take.keys().zip(&taken.used).find(|(_, used)| !**used) {
        return Err(taken.bad(format!("there is no {from:?} in it to take")));
    }
    taken.entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(taken.entries)
}

struct Taken<'a> {
    archive: &'a Archive,
    entries: Vec<Entry>,
    /// Which parts of `take` there were.
    used: Vec<bool>,
    left: u64,
}

impl Taken<'_> {
    fn bad(&self, why: impl Into<String>) -> Error {
        Error::Archive { file: self.archive.file.clone(), why: why.into() }
    }

    fn wheel(&mut self, file: File) -> Result<(), Error> {
        let mut zip = zip::ZipArchive::new(file).map_err(|e| self.bad(e.to_string()))?;
        if zip.len() > ENTRY_LIMIT {
            return Err(self.bad("more entries than anybody packs"));
        }
        for index in 0..zip.len() {
            let mut entry = zip
                .by_index(index)
                .map_err(|e| Error::Archive { file: self.archive.file.clone(), why: e.to_string() })?;
            let name = entry.name().to_owned();
            let Some(place) = self.place(&name)? else { continue };
            if entry.is_dir() {
                continue;
            }
            let mode = entry.unix_mode().unwrap_or(0o644);
            // the kind is in the upper bits: 0o100000 is a regular file, 0 stands in archives made elsewhere
            if ![0, 0o100000].contains(&(mode & 0o170000)) {
                return Err(self.bad(format!("{name:?} is neither a file nor a folder")));
            }
            self.push(place, mode, &mut entry)?;
        }
        Ok(())
    }

    fn tarball(&mut self, file: File) -> Result<(), Error> {
        // as much may be unpacked as may be taken: what is left out is read as well
        let unpacked = flate2::read::GzDecoder::new(file).take(SIZE_LIMIT);
        let mut tar = tar::Archive::new(unpacked);
        let file = self.archive.file.clone();
        let broken = move |e: io::Error| Error::Archive { file: file.clone(), why: e.to_string() };
        for (index, entry) in tar.entries().map_err(&broken)?.enumerate() {
            if index > ENTRY_LIMIT {
                return Err(self.bad("more entries than anybody packs"));
            }
            let mut entry = entry.map_err(&broken)?;
            let kind = entry.header().entry_type();
            if kind.is_pax_global_extensions() {
                continue;
            }
            let name = String::from_utf8(entry.path_bytes().into_owned())
                .map_err(|_| self.bad("a name that is no UTF-8"))?;
            // the top folder carries the version
            let inner =
                name.trim_start_matches("./").split_once('/').map_or("", |(_, inner)| inner).to_owned();
            check_path(&name).map_err(|why| self.bad(why))?;
            let Some(place) = self.place(&inner)? else { continue };
            if kind.is_dir() {
                continue;
            }
            if !kind.is_file() {
                return Err(self.bad(format!("{name:?} is neither a file nor a folder")));
            }
            let mode = entry.header().mode().map_err(&broken)?;
            self.push(place, mode, &mut entry)?;
        }
        Ok(())
    }

    /// Where an entry comes to lie; nowhere when it is not taken. The longest part of `take` that fits decides.
    fn place(&mut self, name: &str) -> Result<Option<String>, Error> {
        check_path(name).map_err(|why| self.bad(why))?;
        let name = name.trim_end_matches('/');
        let inside = |from: &str| match from {
            "." => Some(name),
            from if from == name => Some(""),
            from => name.strip_prefix(from)?.strip_prefix('/'),
        };
        let parts = self.archive.take.iter().enumerate();
        let fits = parts.filter_map(|(index, (from, to))| Some((index, from.len(), inside(from)?, to)));
        let Some((index, _, below, to)) = fits.max_by_key(|(_, length, _, _)| *length) else {
            return Ok(None);
        };
        if name.is_empty()
            || below.split('/').any(|part| self.archive.leave.iter().any(|leave| leave == part))
        {
            return Ok(None);
        }
        self.used[index] = true;
        Ok(Some(if below.is_empty() { to.clone() } else { format!("{}/{below}", to.trim_end_matches('/')) }))
    }

    fn push(&mut self, place: String, mode: u32, content: &mut dyn Read) -> Result<(), Error> {
        let mut bytes = vec![];
        content.take(self.left + 1).read_to_end(&mut bytes).map_err(|e| self.bad(e.to_string()))?;
        self.left = self
            .left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| self.bad("it unpacks to more than 512 MB"))?;
        // archives made on other systems mark pictures as executable
        let program = bytes.starts_with(b"#!") || bytes.starts_with(b"\x7fELF");
        let mode = if mode & 0o111 != 0 && program { 0o755 } else { 0o644 };
        self.entries.push(Entry::bytes(place, bytes, mode));
        Ok(())
    }
}

/// An archive with such names was not made by accident.
fn check_path(name: &str) -> Result<(), String> {
    let bad = name.starts_with('/')
        || name.contains(['\\', '\0', '\n'])
        || name.split('/').any(|part| part == "..");
    if bad { Err(format!("the name {name:?} leads out of it")) } else { Ok(()) }
}
