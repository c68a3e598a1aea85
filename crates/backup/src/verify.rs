//! Reading an archive and holding it to every rule, before anything on the machine is touched.

use crate::{
    Error, Result,
    archive::{FILES, FORMAT, INDEX, Index, MANIFEST, MEMBERS, META_LIMIT, Manifest, PATH_LIMIT},
};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Read, Seek},
    path::{Component, Path},
};

/// A member as its header tells it.
#[derive(Debug, Clone)]
pub struct Member {
    /// Below the machine's root, no slash in front.
    pub path: String,
    pub kind: MemberKind,
    pub mode: u32,
    pub user: String,
    pub group: String,
    /// Seconds since 1970.
    pub modified: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberKind {
    Folder,
    File { size: u64 },
    Link { target: String },
}

/// An archive that keeps all rules.
#[derive(Debug)]
pub struct Verified {
    pub manifest: Manifest,
    pub index: Index,
    /// Bytes below each of the saved paths.
    pub sizes: BTreeMap<String, u64>,
}

/// Reads the whole archive. `paths` are those that may be restored, absolute.
pub fn verify(file: &mut File, appliance: &str, paths: &[String]) -> Result<Verified> {
    let (mut folders, mut hashes, mut sizes) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
    let (manifest, index, manifest_hash) = walk(file, &mut |member, content| {
        let root = root_of(&member.path, paths).ok_or_else(|| {
            bad(format!("{:?} is not below the paths that belong to the appliance", member.path))
        })?;
        let parent =
            Path::new(&member.path).parent().map(|p| p.to_string_lossy().into_owned()).unwrap_or_default();
        let top = member.path == root;
        if !top && !folders.contains(&parent) {
            return Err(bad(format!("{:?} lies in no folder of the archive", member.path)));
        }
        if member.kind == MemberKind::Folder {
            folders.insert(member.path.clone());
        }
        if let MemberKind::File { size } = member.kind {
            *sizes.entry(root).or_insert(0) += size;
        }
        let hash = hash_of(member, content)?;
        match hashes.insert(member.path.clone(), hash) {
            Some(_) => Err(bad(format!("{:?} is in it twice", member.path))),
            None => Ok(()),
        }
    })?;
    if manifest.appliance != appliance {
        return Err(Error::OtherAppliance { found: manifest.appliance, wanted: appliance.into() });
    }
    if index.manifest != manifest_hash || index.members != hashes {
        return Err(bad("its contents do not match its index: it was altered or damaged"));
    }
    Ok(Verified { manifest, index, sizes })
}

/// Calls `each` for every member below `files/`; checks the order and the kinds, and that the archive has its end. Memory is
/// bounded whatever the archive holds: long names are read here, for the library would read them whole.
pub(crate) fn walk(
    file: &mut File,
    each: &mut dyn FnMut(&Member, &mut dyn Read) -> Result<()>,
) -> Result<(Manifest, Index, String)> {
    file.rewind().map_err(|e| damaged(&e))?;
    let mut tar = tar::Archive::new(zstd::Decoder::new(&mut *file).map_err(|e| damaged(&e))?);
    let (mut manifest, mut index): (Option<(Manifest, String)>, Option<Index>) = (None, None);
    let (mut long, mut members) = (Long::default(), 0);
    for entry in tar.entries().map_err(|e| damaged(&e))?.raw(true) {
        let mut entry = entry.map_err(|e| damaged(&e))?;
        if index.is_some() {
            return Err(bad("something follows its index"));
        }
        if long.take(&mut entry)? {
            continue;
        }
        let (path, target) = std::mem::take(&mut long).names(&entry)?;
        match (path.as_str(), manifest.is_some()) {
            (MANIFEST, false) => manifest = Some(read_manifest(&mut entry)?),
            (_, false) => return Err(bad("it does not begin with a manifest")),
            (INDEX, true) => {
                let text = bounded(&mut entry)?;
                index = Some(serde_json::from_slice(&text).map_err(|e| bad(format!("its index: {e}")))?);
            }
            (_, true) => {
                members += 1;
                if members > MEMBERS {
                    return Err(bad(format!("it has more than {MEMBERS} members")));
                }
                let member = member(&entry, &path, target)?;
                each(&member, &mut entry)?;
            }
        }
    }
    // to the very end, so that the checksum of the compression is looked at
    io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(|e| damaged(&e))?;
    match (manifest, index) {
        (Some((manifest, hash)), Some(index)) => Ok((manifest, index, hash)),
        (None, _) => Err(bad("it is empty")),
        (_, None) => Err(bad("its end is missing")),
    }
}

/// Names that do not fit into a header: GNU tar writes them as members of their own before the one they belong to.
#[derive(Default)]
struct Long {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
}

impl Long {
    /// Whether the entry is such a name.
    fn take(&mut self, entry: &mut tar::Entry<impl Read>) -> Result<bool> {
        let place = match entry.header().entry_type() {
            tar::EntryType::GNULongName => &mut self.path,
            tar::EntryType::GNULongLink => &mut self.target,
            _ => return Ok(false),
        };
        let mut name = vec![];
        entry.take(PATH_LIMIT as u64 + 2).read_to_end(&mut name).map_err(|e| damaged(&e))?;
        if name.last() == Some(&0) {
            name.pop();
        }
        if name.len() > PATH_LIMIT {
            return Err(bad(format!("a name is longer than {PATH_LIMIT} bytes")));
        }
        match place.replace(name) {
            Some(_) => Err(bad("a name comes twice")),
            None => Ok(true),
        }
    }

    /// The entry's path, and the target of a link.
    fn names(self, entry: &tar::Entry<impl Read>) -> Result<(String, Option<String>)> {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|_| bad("a name is not UTF-8"));
        let path = self.path.unwrap_or_else(|| entry.path_bytes().into_owned());
        let target = self.target.or_else(|| entry.link_name_bytes().map(|t| t.into_owned()));
        Ok((text(path)?, target.map(text).transpose()?))
    }
}

/// The content's hash, as the index has it.
pub(crate) fn hash_of(member: &Member, content: &mut dyn Read) -> Result<String> {
    match &member.kind {
        MemberKind::Folder => Ok(String::new()),
        MemberKind::Link { target } => Ok(configure::tree::sha256(target.as_bytes())),
        MemberKind::File { .. } => {
            let mut hash = Sha256::new();
            io::copy(content, &mut hash).map_err(|e| damaged(&e))?;
            Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
        }
    }
}

/// The saved path that a member belongs to, without its slash.
pub(crate) fn root_of(member: &str, paths: &[String]) -> Option<String> {
    let roots = paths.iter().map(|p| p.trim_start_matches('/'));
    roots.filter(|root| Path::new(member).starts_with(root)).max_by_key(|root| root.len()).map(str::to_owned)
}

fn read_manifest(entry: &mut impl Read) -> Result<(Manifest, String)> {
    #[derive(serde::Deserialize)]
    struct Format {
        format: u32,
    }
    let text = bounded(entry)?;
    let wrong = |e: serde_json::Error| bad(format!("its manifest: {e}"));
    let found = serde_json::from_slice::<Format>(&text).map_err(wrong)?.format;
    if found > FORMAT {
        return Err(Error::TooNew { found, known: FORMAT });
    }
    Ok((serde_json::from_slice(&text).map_err(wrong)?, configure::tree::sha256(&text)))
}

fn member<R: Read>(entry: &tar::Entry<R>, path: &str, target: Option<String>) -> Result<Member> {
    let below = path.strip_prefix(FILES).and_then(|p| p.strip_prefix('/')).map(|p| p.trim_end_matches('/'));
    let plain = |p: &&str| {
        !p.is_empty()
            && !p.contains("//")
            && Path::new(p).components().all(|c| matches!(c, Component::Normal(_)))
    };
    let below = below.filter(plain).ok_or_else(|| bad(format!("the path {path:?} is not allowed")))?;
    let header = entry.header();
    let kind = match header.entry_type() {
        tar::EntryType::Directory => MemberKind::Folder,
        tar::EntryType::Regular => MemberKind::File { size: entry.size() },
        tar::EntryType::Symlink => {
            let target = target.filter(|t| !t.is_empty());
            MemberKind::Link {
                target: target.ok_or_else(|| bad(format!("the link {path:?} has no target")))?,
            }
        }
        _ => return Err(bad(format!("{path:?} is neither a file, nor a folder, nor a symbolic link"))),
    };
    // a program that runs as its owner is no data: an archive must not be a way to become root
    let permitted = if kind == MemberKind::Folder { 0o3777 } else { 0o1777 };
    let name = |n: Result<Option<&str>, _>| n.ok().flatten().unwrap_or_default().to_string();
    Ok(Member {
        path: below.into(),
        kind,
        mode: header.mode().map_err(|e| damaged(&e))? & permitted,
        user: name(header.username()),
        group: name(header.groupname()),
        modified: header.mtime().map_err(|e| damaged(&e))?,
    })
}

fn bounded(entry: &mut impl Read) -> Result<Vec<u8>> {
    let mut text = vec![];
    entry.take(META_LIMIT + 1).read_to_end(&mut text).map_err(|e| damaged(&e))?;
    if text.len() as u64 > META_LIMIT { Err(bad("its manifest or index is too large")) } else { Ok(text) }
}

fn bad(why: impl Into<String>) -> Error {
    Error::Archive(why.into())
}

fn damaged(e: &io::Error) -> Error {
    bad(format!("it is damaged or cut off ({e})"))
}
