//! Question coverage: how many of the questions that are asked of an unattended machine the appliance answers.
//!
//! `vabuild check --install` measures it and writes it beside the definition; `vabuild build`, which is offline and has
//! to make the same bytes everywhere, takes it from there as long as it is about the same definition.

use crate::{
    folder::{DEFINITION, Folder},
    make::Error,
};
use appliance::Folder as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{fmt, io};

/// The record's name, in the definition's folder.
pub const FILE: &str = "appliance.coverage";
/// The field of the metapackage.
pub const FIELD: &str = "Question-Coverage";
/// No record is larger (bytes).
const LIMIT: u64 = 1 << 16;

/// What was measured. Only questions of other packages count, asked at priority high or above.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// SHA-256 of the `appliance.toml` that it is about.
    pub definition: String,
    /// The Debian release it was measured in.
    pub release: String,
    pub asked: usize,
    pub answered: usize,
    /// The questions that nobody answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<String>,
}

impl Coverage {
    /// The record in a definition's folder, when it is about the definition as it is now.
    pub fn stored(folder: &Folder) -> Option<Coverage> {
        let bytes = folder.read(FILE, LIMIT).ok()?;
        let coverage: Coverage = serde_json::from_slice(&bytes).ok()?;
        let right = coverage.answered <= coverage.asked && coverage.definition == hash(folder)?;
        right.then_some(coverage)
    }

    /// Puts the record into the folder, whole or not at all.
    pub fn store(&self, folder: &Folder) -> Result<(), Error> {
        let path = folder.root().join(FILE);
        let failed = |e: io::Error| Error::io("write", &path, e);
        let text = serde_json::to_string_pretty(self).map_err(Error::Json)? + "\n";
        let mut file = tempfile::NamedTempFile::new_in(folder.root()).map_err(failed)?;
        io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)?;
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(file.path(), readable).map_err(failed)?;
        file.persist(&path).map_err(|e| failed(e.error))?;
        Ok(())
    }
}

/// As in the package: `12/12`.
impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.answered, self.asked)
    }
}

/// Of the definition as it is now.
pub fn hash(folder: &Folder) -> Option<String> {
    let bytes = folder.read(DEFINITION, appliance::SIZE_LIMIT as u64 + 1).ok()?;
    Some(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_about_one_definition() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(DEFINITION), "one").unwrap();
        let definition = Folder::open(folder.path()).unwrap();
        assert_eq!(Coverage::stored(&definition), None);
        let coverage = Coverage {
            definition: hash(&definition).unwrap(),
            release: "trixie".into(),
            asked: 3,
            answered: 2,
            open: vec!["a/b".into()],
        };
        coverage.store(&definition).unwrap();
        assert_eq!(Coverage::stored(&definition).unwrap().to_string(), "2/3");
        std::fs::write(folder.path().join(DEFINITION), "two").unwrap();
        assert_eq!(Coverage::stored(&definition), None);
    }
}
