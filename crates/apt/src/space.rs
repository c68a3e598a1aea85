//! Whether the disk has room for what apt is about to do.

use crate::{Error, Plan};
use rustix::fs::statvfs;
use std::{fmt, path::Path};

/// Left free on the system's file system after everything is there: dpkg's database, logs, what the scripts make.
pub const RESERVE: u64 = 50_000_000;

/// A file system that is too full. Sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    pub path: String,
    pub needed: u64,
    pub free: u64,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mb = |bytes: u64| bytes.div_ceil(1_000_000);
        write!(f, "{} has {} MB free, {} MB are needed", self.path, mb(self.free), mb(self.needed))
    }
}

/// Bytes that root can still write there, and the file system's id.
fn free(path: &Path) -> Result<(u64, u64), Error> {
    let info = statvfs(path).map_err(|e| Error::Space { path: path.into(), source: e.into() })?;
    Ok((info.f_bavail.saturating_mul(info.f_frsize), info.f_fsid))
}

/// The file system that the plan would fill, if there is one.
pub fn shortage(plan: &Plan) -> Result<Option<Shortage>, Error> {
    let grown = u64::try_from(plan.disk).unwrap_or(0);
    let (archives, usr) = (Path::new("/var/cache/apt/archives"), Path::new("/usr"));
    let (free_archives, id_archives) = free(archives)?;
    let (free_usr, id_usr) = free(usr)?;
    let needs = if id_archives == id_usr {
        vec![(usr, plan.download + grown + RESERVE, free_usr)]
    } else {
        vec![(archives, plan.download, free_archives), (usr, grown + RESERVE, free_usr)]
    };
    let short = needs.into_iter().find(|(_, needed, free)| needed > free);
    Ok(short.map(|(path, needed, free)| Shortage { path: path.display().to_string(), needed, free }))
}
