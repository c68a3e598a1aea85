//! The data part: the tree as a compressed tar archive, and the MD5 sums of its files on the way.

use super::plan::{Plan, Planned};
use crate::{Content, Entry, Error, Kind, Result, tape, xz};
use md5::{Digest, Md5};
use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

const CHUNK: usize = 128 << 10;

/// Writes `data.tar.xz` and gives back the output and the content of `md5sums`.
///
/// Files below `/etc` have no sum there, as they are the administrator's to change.
pub fn write<W: Write>(plan: &Plan, mtime: u64, out: W, target: &Path) -> Result<(W, String)> {
    let failed = || Error::io("write the package", target);
    let mut out = xz::encoder(out, plan.tar_size()).map_err(failed())?;
    let mut sums = String::new();
    let mut written = 0;
    for (path, planned) in &plan.entries {
        let name =
            if planned.is_dir() && !path.is_empty() { format!("./{path}/") } else { format!("./{path}") };
        tape::write_header(&mut out, &header(planned, &name, mtime)).map_err(failed())?;
        written += tape::entry_size(&name, planned.link(), planned.size);
        if let Some(Entry { kind: Kind::File(content), .. }) = planned.entry {
            let sum = file(&mut out, content, planned.size, target)?;
            tape::pad(&mut out, planned.size).map_err(failed())?;
            if !path.starts_with("etc/") {
                sums.push_str(&format!("{sum:x}  {path}\n"));
            }
        }
    }
    tape::finish(&mut out, written).map_err(failed())?;
    Ok((out.finish().map_err(failed())?, sums))
}

fn header<'a>(planned: &'a Planned, name: &'a str, mtime: u64) -> tape::Header<'a> {
    let link = planned.link();
    let kind = match planned {
        _ if !link.is_empty() => b'2',
        p if p.is_file() => b'0',
        _ => b'5',
    };
    let (mode, owner, group) =
        planned.entry.map_or((0o755, "root", "root"), |e| (e.mode, e.owner.as_str(), e.group.as_str()));
    let mode = if kind == b'2' { 0o777 } else { mode };
    tape::Header {
        name,
        kind,
        link,
        mode,
        size: planned.size,
        mtime,
        owner: (owner, planned.owner),
        group: (group, planned.group),
    }
}

/// Writes a file's content, which must have exactly the size its header says.
fn file(
    out: &mut impl Write,
    content: &Content,
    size: u64,
    target: &Path,
) -> Result<md5::digest::Output<Md5>> {
    let failed = || Error::io("write the package", target);
    let path = match content {
        Content::Bytes(bytes) => {
            out.write_all(bytes).map_err(failed())?;
            return Ok(Md5::digest(bytes));
        }
        Content::Path(path) => path,
    };
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let mut sum = Md5::new();
    let mut chunk = vec![0; CHUNK.min(size as usize + 1)];
    let mut left = size;
    loop {
        let len = match file.read(&mut chunk) {
            Ok(len) => len,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(Error::io("read", path)(e)),
        };
        match (left.checked_sub(len as u64), len) {
            (Some(0), 0) => return Ok(sum.finalize()),
            (Some(rest), 1..) => left = rest,
            _ => return Err(Error::io("pack", path)(io::Error::other("it changed while it was read"))),
        }
        sum.update(&chunk[..len]);
        out.write_all(&chunk[..len]).map_err(failed())?;
    }
}
