//! The plugins of the author's guide, taken out of it and tried.

#![allow(clippy::unwrap_used, reason = "what breaks in here breaks the test")]

use plugin::trial::{self, Place};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

const GUIDE: &str = include_str!("../../../docs/authors-guide.md");

/// The block of code behind the comment that names the program.
fn code(name: &str) -> &'static str {
    let after = GUIDE.split_once(&format!("<!-- program: {name} -->\n```")).unwrap().1;
    after.split_once('\n').unwrap().1.split_once("\n```").unwrap().0
}

#[test]
fn the_plugins_of_the_guide_work() {
    let folder = tempfile::tempdir().unwrap();
    let programs = folder.path().join("guide");
    fs::create_dir(&programs).unwrap();
    for name in ["disk", "count-words"] {
        fs::write(programs.join(name), format!("{}\n", code(name))).unwrap();
        fs::set_permissions(programs.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let source = folder.path().join("make-key.rs");
    fs::write(&source, code("make-key")).unwrap();
    let rustc = exec::Program::new("rustc").inherit_env().args(["--edition=2024", "-o"]);
    rustc.arg(programs.join("make-key")).arg(&source).run().unwrap();
    let manifest = r#"{"version":1,"name":"guide","title":"Guide","package-version":"1",
        "queries":[{"name":"disk","title":"Space","run":"disk","user":"nobody"}],
        "actions":[{"name":"count-words","title":"Count words","run":"count-words","role":"administrator","user":"nobody",
            "example":{"text":"one two two"},"parameters":[{"name":"text","type":"text"}]},
          {"name":"make-key","title":"Make a key","run":"make-key","role":"administrator","user":"nobody","example":{}}]}"#;
    fs::write(folder.path().join("guide.json"), manifest).unwrap();
    fs::remove_file(source).unwrap();
    let place = Place::find(&format!("{}/", folder.path().display())).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let mut found = vec![];
    trial::all(&place, Path::new(scratch.path()), &mut |finding| found.push(finding));
    assert!(found.iter().all(|f| f.wrong.is_none() && f.left_out.is_none()), "{found:#?}");
    assert_eq!(found.len(), 1 + 2 + 4 + 3, "{found:#?}");
}
