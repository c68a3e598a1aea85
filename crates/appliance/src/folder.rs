//! The definition's folder, as a checker sees it: what is there, and the text of templates.
//!
//! This crate reads no files; the caller implements [`Folder`]. An implementation never follows a symbolic
//! link out of the folder, never opens anything that is no regular file, and reads no more than it is told.

use std::collections::BTreeMap;

/// What lies at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    File {
        executable: bool,
        size: u64,
    },
    Folder,
    Missing,
    /// A symbolic link on the way leaves the folder, or goes round in a circle.
    Outside,
    /// A pipe, a socket, a device: named as a person would say it, "a named pipe".
    Special(&'static str),
    /// The reason.
    Unreadable(String),
}

/// Access to the definition's folder. Paths are relative, normalised, without `..`.
pub trait Folder {
    fn entry(&self, path: &str) -> Entry;
    /// At most `limit` bytes of a regular file; the error is a reason for a person to read.
    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, String>;
    /// Names of what is in a folder, for "did you mean"; empty when it cannot be read.
    fn names(&self, path: &str) -> Vec<String>;
}

/// A folder in memory: path to (content, executable).
#[derive(Debug, Clone, Default)]
pub struct Memory(pub BTreeMap<String, (Vec<u8>, bool)>);

impl Memory {
    pub fn with(mut self, path: &str, content: &str) -> Self {
        self.0.insert(path.into(), (content.into(), false));
        self
    }
    pub fn with_program(mut self, path: &str, content: &str) -> Self {
        self.0.insert(path.into(), (content.into(), true));
        self
    }
}

impl Folder for Memory {
    fn entry(&self, path: &str) -> Entry {
        if let Some((content, executable)) = self.0.get(path) {
            return Entry::File { executable: *executable, size: content.len() as u64 };
        }
        let below = format!("{path}/");
        if self.0.keys().any(|k| k.starts_with(&below)) { Entry::Folder } else { Entry::Missing }
    }
    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, String> {
        let (content, _) = self.0.get(path).ok_or("no such file")?;
        let end = content.len().min(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(content[..end].to_vec())
    }
    fn names(&self, path: &str) -> Vec<String> {
        let below = if path.is_empty() { String::new() } else { format!("{path}/") };
        let names = self.0.keys().filter_map(|k| k.strip_prefix(&below)?.split('/').next());
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.dedup();
        names
    }
}
