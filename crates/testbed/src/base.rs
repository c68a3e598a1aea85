//! A Debian root per release, the same that rehearsals use.

use crate::host;
use anyhow::Result;
use std::path::PathBuf;

/// The root of this release (a code name); made when it is not there, which takes about 20 s.
pub fn root(release: &str) -> Result<PathBuf> {
    let mirror = host::mirror()?;
    let mut sources = format!("deb {mirror} {release} main\ndeb {mirror} {release}-updates main\n");
    if let Some(security) = rehearsal::mirror::security()? {
        sources.push_str(&format!("deb {security} {release}-security main\n"));
    }
    Ok(rehearsal::base::root(release, &sources, &|text| println!("{text}"))?)
}
