//! The checker against plugins that are bad, each in its own way, and one that is good.

#![allow(clippy::unwrap_used, reason = "what breaks in here breaks the test")]

use plugin::trial::{self, Finding, Place};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

const OK: &str = r#"echo '{"event":"result","status":"ok","message":"done"}'"#;

/// Writes a plugin of one action into a folder.
fn write(folder: &Path, action: &str, script: &str) {
    let manifest = format!(
        r#"{{"version":1,"name":"wiki","title":"Wiki","package-version":"1","actions":[{{"name":"act","title":"Act","run":"act",
        "role":"viewer","user":"nobody","example":{{}}{action}}}]}}"#
    );
    fs::write(folder.join("wiki.json"), manifest).unwrap();
    fs::create_dir_all(folder.join("wiki")).unwrap();
    fs::write(folder.join("wiki/act"), format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(folder.join("wiki/act"), fs::Permissions::from_mode(0o755)).unwrap();
}

fn findings(folder: &Path) -> Vec<Finding> {
    let scratch = tempfile::tempdir().unwrap();
    let place = Place::find(&format!("{}/", folder.display())).unwrap();
    let mut findings = vec![];
    trial::all(&place, scratch.path(), &mut |finding| findings.push(finding));
    findings
}

#[test]
fn each_bad_plugin_is_found_out() {
    let state = tempfile::tempdir().unwrap();
    let lock = state.path().join("lock").display().to_string();
    let cases: &[(&str, &str, String, &str)] = &[
        (
            "asks for what is not there",
            r#","writable":["/usr/bin"],"parameters":[{"name":"a","type":"select","choices-from":"gone"}]"#,
            OK.into(),
            "query `gone`, which is not there",
        ),
        ("of a later version", r#","v2":true"#, OK.into(), "unknown field"),
        ("prints free text", "", format!("echo hello; {OK}"), "line 1 of its output is no JSON"),
        (
            "a line of 100 kB",
            "",
            format!("head -c 100000 /dev/zero | tr '\\0' x; echo; {OK}"),
            "longer than 65536",
        ),
        ("not UTF-8", "", format!("printf '\\377\\n'; {OK}"), "not UTF-8"),
        (
            "a frame of a later version",
            "",
            format!(r#"echo '{{"v":2,"event":"warning","message":""}}'; {OK}"#),
            "update appliance-control",
        ),
        ("ends without a word", "", "exit 0".into(), "without a result"),
        (
            "announces a file that is none",
            "",
            format!(
                r#"ln -s /etc/passwd "$ARTIFACTS_DIRECTORY/list"; echo '{{"event":"artifact","name":"list","size":1}}'; {OK}"#
            ),
            "no regular file",
        ),
        (
            "deaf to SIGTERM",
            "",
            format!("trap '' TERM; sleep 1; sleep 11; {OK}"),
            "within 10 s after SIGTERM",
        ),
        (
            "a lock that stays",
            "",
            format!("set -e; mkdir {lock}; sleep 0.6; rmdir {lock}; {OK}"),
            "does not work any more",
        ),
        (
            "takes a value for a command",
            r#","parameters":[{"name":"a","type":"string"}],"example":{"a":"x"}"#,
            format!(
                r#"cd "$ARTIFACTS_DIRECTORY"; read -r line; value=${{line#*\"a\":\"}}; value=${{value%%\"*}}; eval "echo $value" >/dev/null; {OK}"#
            ),
            "a command in a text was executed",
        ),
    ];
    for (name, action, script, says) in cases {
        let folder = tempfile::tempdir().unwrap();
        let action = action.to_string();
        write(folder.path(), &action, script);
        if action.contains("\"example\"") {
            let text = fs::read_to_string(folder.path().join("wiki.json")).unwrap();
            fs::write(folder.path().join("wiki.json"), text.replacen(r#""example":{},"#, "", 1)).unwrap();
        }
        let found = findings(folder.path());
        let wrong: Vec<String> = found.iter().filter_map(|f| f.wrong.clone()).collect();
        assert!(wrong.iter().any(|why| why.contains(says)), "{name}: {found:#?}");
        let _ = fs::remove_dir_all(&lock);
    }
}

#[test]
fn what_a_package_has_no_place_for_is_found() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "", OK);
    let inside = folder.path().join("wiki");
    std::os::unix::fs::symlink("/etc/shadow", inside.join("link")).unwrap();
    fs::write(inside.join("bits"), "").unwrap();
    fs::set_permissions(inside.join("bits"), fs::Permissions::from_mode(0o4755)).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, inside.join("pipe"), rustix::fs::Mode::RUSR).unwrap();
    let wrong: Vec<String> = findings(folder.path()).into_iter().filter_map(|f| f.wrong).collect();
    for says in ["link is a link", "bits has a set-user-id", "pipe is neither"] {
        assert!(wrong.iter().any(|why| why.contains(says)), "{says}: {wrong:?}");
    }
    assert_eq!(wrong.len(), 3, "nothing was run");
}

#[test]
fn a_good_plugin_passes_and_is_tried_in_every_way() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        r#","parameters":[{"name":"text","type":"text","default":"a"}]"#,
        &format!(
            r#"read -r line
            echo '{{"event":"phase","id":"a","title":"A"}}'
            sleep 0.3 & wait
            printf x > "$ARTIFACTS_DIRECTORY/x.txt"
            echo '{{"event":"artifact","name":"x.txt"}}'
            {OK}"#
        ),
    );
    let found = findings(folder.path());
    assert!(found.iter().all(|f| f.wrong.is_none()), "{found:#?}");
    let tried: Vec<&str> = found.iter().map(|f| f.what.as_str()).collect();
    assert_eq!(
        tried,
        [
            "manifest",
            "action act, with its example",
            "action act, with hostile text",
            "action act, stopped in the middle",
            "action act, killed in the middle and started again",
        ]
    );
}
