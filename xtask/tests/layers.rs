//! Who may depend on whom (ARCHITECTURE.md, "Layers"), checked against what cargo says.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall end")]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const FORMATS: &[&str] = &["deb", "debconf", "answer", "appliance", "events"];
const DOING: &[&str] = &["exec", "apt", "repository", "configure", "backup", "rehearsal", "load"];
const BOUNDARIES: &[&str] = &["plugin", "broker-protocol", "broker", "webpage"];
const PROGRAMS: &[&str] = &["vabuild", "vainstall", "control"];

/// Every package to all that it needs at run time, directly and through others.
fn needs() -> BTreeMap<String, BTreeSet<String>> {
    let output = exec::Program::new(env!("CARGO"))
        .inherit_env()
        .args(["metadata", "--format-version=1", "--filter-platform=x86_64-unknown-linux-gnu"])
        .run()
        .expect("cargo metadata");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let list = |v: &Value| v.as_array().cloned().unwrap_or_default();
    let names: BTreeMap<String, String> = list(&metadata["packages"])
        .iter()
        .map(|p| (p["id"].as_str().unwrap().to_owned(), p["name"].as_str().unwrap().to_owned()))
        .collect();
    let mut direct: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for node in list(&metadata["resolve"]["nodes"]) {
        let normal = |dep: &Value| list(&dep["dep_kinds"]).iter().any(|k| k["kind"].is_null());
        let deps = list(&node["deps"])
            .iter()
            .filter(|d| normal(d))
            .map(|d| names[d["pkg"].as_str().unwrap()].clone())
            .collect();
        direct.insert(names[node["id"].as_str().unwrap()].clone(), deps);
    }
    direct.keys().map(|name| (name.clone(), closure(name, &direct))).collect()
}

fn closure(name: &str, direct: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let (mut all, mut todo) = (BTreeSet::new(), vec![name.to_owned()]);
    while let Some(next) = todo.pop() {
        for dep in direct.get(&next).into_iter().flatten() {
            if all.insert(dep.clone()) {
                todo.push(dep.clone());
            }
        }
    }
    all
}

#[test]
fn dependencies_point_downwards_only() {
    let needs = needs();
    let forbid = |layer: &[&str], above: &[&[&str]]| {
        for name in layer {
            for other in above.iter().copied().flatten() {
                assert!(!needs[*name].contains(*other), "{name} must not depend on {other}");
            }
        }
    };
    forbid(FORMATS, &[DOING, BOUNDARIES, PROGRAMS]);
    forbid(DOING, &[PROGRAMS, &["broker"]]);
    forbid(BOUNDARIES, &[PROGRAMS]);
}

#[test]
fn the_page_links_no_apt_and_the_broker_no_network() {
    let needs = needs();
    let without = |name: &str, others: &[&str]| {
        for other in others {
            assert!(!needs[name].contains(*other), "{name} must not link {other}");
        }
    };
    without("control", &["apt", "configure", "backup", "broker", "repository", "deb"]);
    without("broker", &["webpage", "axum", "hyper", "tokio", "rustls", "askama", "minijinja", "ureq"]);
    for name in FORMATS {
        without(name, &["exec", "tokio", "ureq"]);
    }
}

#[test]
fn only_exec_starts_programs() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let found = exec::Program::new("grep")
        .args([
            "-rlE",
            "process::Command|(^|[^:])Command::new\\(",
            "--include=*.rs",
            "crates",
            "xtask/src",
            "tests",
        ])
        .dir(root)
        .output()
        .expect("grep")
        .text();
    let others: Vec<&str> = found.lines().filter(|f| !f.starts_with("crates/exec/")).collect();
    assert!(others.is_empty(), "{others:?} start programs; use exec::Program");
}

/// What the machine and the page's forms give becomes arguments, never a script. (Tests may write scripts.)
#[test]
fn no_program_of_the_machine_is_a_shell() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for name in
        ["apt", "backup", "broker", "command-line", "configure", "control", "load", "plugin", "webpage"]
    {
        let folder = root.join("crates").join(name).join("src");
        let found = exec::Program::new("grep")
            .args(["-rlF", "Program::new(", "--include=*.rs", "--exclude=tests.rs", "."])
            .dir(&folder)
            .output()
            .expect("grep")
            .text();
        for file in found.lines() {
            let text = std::fs::read_to_string(folder.join(file)).unwrap();
            let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
            for program in ["sh", "bash", "dash", "env", "su", "runuser"] {
                for path in ["", "/bin/", "/usr/bin/", "/usr/sbin/"] {
                    let start = format!("Program::new(\"{path}{program}\")");
                    assert!(!shipped.contains(&start), "{name}/{file}: {start}");
                }
            }
        }
    }
}
