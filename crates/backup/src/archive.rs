//! The format.
//!
//! `NAME.tar.zst`: first the member `MANIFEST.json`, then the saved files under `files/` with their path on the machine,
//! a folder before what lies in it, last `INDEX.json` with the SHA-256 of every file. What is cut off has no index; what
//! was altered does not match it. Owners are kept by name. No hard links, devices, sockets or pipes;
//! set-user-id and set-group-id bits of files are not put back.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The format that this program writes, and the last one it reads.
pub const FORMAT: u32 = 1;
pub const MANIFEST: &str = "MANIFEST.json";
pub const INDEX: &str = "INDEX.json";
pub const FILES: &str = "files";
/// Bytes of a manifest or index; a larger one is refused, and not made.
pub const META_LIMIT: u64 = 64 << 20;
/// Members below `files/`, as [`META_LIMIT`].
pub const MEMBERS: usize = 500_000;
/// Bytes of a member's path or a link's target (PATH_MAX in limits.h, without its end); a longer one is refused.
pub const PATH_LIMIT: usize = 4095;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    pub appliance: String,
    /// Of the appliance's packages.
    pub version: String,
    /// Seconds since 1970.
    pub created: u64,
    /// What was saved, absolute.
    pub paths: Vec<String>,
    /// Installed packages of the appliance: name to version.
    #[serde(default)]
    pub packages: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// Of the manifest member.
    pub manifest: String,
    /// Member path below `files/` to SHA-256: of a file its content, of a link its target; empty for a folder.
    pub members: BTreeMap<String, String>,
    /// Bytes of all files.
    pub size: u64,
}
