//! All manifests of a folder.

use crate::{Faults, Manifest};
use std::{fs, io, path::Path};

/// A manifest longer than this is none.
const LIMIT: u64 = 256 << 10;

/// The plugins of a machine: those that can be used, and those that cannot, with the reason.
#[derive(Debug, Default)]
pub struct Plugins {
    /// By name.
    pub good: Vec<Manifest>,
    /// File name, and what is wrong with it.
    pub faulty: Vec<(String, String)>,
}

/// Reads every `NAME.json`. A folder that is not there holds no plugins.
pub fn load(folder: &Path) -> io::Result<Plugins> {
    let mut plugins = Plugins::default();
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(plugins),
        other => other?,
    };
    for entry in entries {
        let file = entry?.file_name();
        let Some(name) = file.to_str().and_then(|f| f.strip_suffix(".json")) else { continue };
        match read(&folder.join(&file))
            .and_then(|text| Manifest::parse(name, &text).map_err(|Faults(f)| f.join("; ")))
        {
            Ok(manifest) => plugins.good.push(manifest),
            Err(why) => plugins.faulty.push((file.to_string_lossy().into_owned(), why)),
        }
    }
    plugins.good.sort_by(|a, b| a.name.cmp(&b.name));
    plugins.faulty.sort();
    Ok(plugins)
}

pub(crate) fn read(path: &Path) -> Result<String, String> {
    let meta = fs::metadata(path).map_err(|e| e.to_string())?;
    if !meta.is_file() || meta.len() > LIMIT {
        return Err(format!("is no file of at most {LIMIT} bytes"));
    }
    fs::read_to_string(path).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_faulty_manifest_does_no_harm_to_the_others() {
        let folder = tempfile::tempdir().unwrap();
        assert!(load(&folder.path().join("none")).unwrap().good.is_empty());
        let write = |name: &str, text: &[u8]| fs::write(folder.path().join(name), text).unwrap();
        write(
            "wiki.json",
            br#"{"version":1,"name":"wiki","title":"Wiki","package-version":"1","actions":[]}"#,
        );
        write("broken.json", b"{");
        write("binary.json", &[0xff; 8]);
        write("huge.json", &vec![b' '; LIMIT as usize + 1]);
        write("note.txt", b"no manifest");
        fs::create_dir(folder.path().join("folder.json")).unwrap();
        let plugins = load(folder.path()).unwrap();
        assert_eq!(plugins.good.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["wiki"]);
        let names: Vec<_> = plugins.faulty.iter().map(|(n, _)| n.as_str()).collect();
        assert_eq!(names, ["binary.json", "broken.json", "folder.json", "huge.json"]);
    }
}
