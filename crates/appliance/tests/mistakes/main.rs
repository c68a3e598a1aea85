//! Every kind of mistake: what was written, and what is said about it.

use appliance::{folder::Memory, load, load_bytes, problem::Kind};
use std::collections::BTreeSet;

/// A definition without mistakes, which the cases change in one place.
const GOOD: &str = r#"[appliance]
name = "wiki"
version = "1.0"
summary = "Wiki, ready to use"
maintainer = "Ada Lovelace <ada@example.org>"
packages = ["apache2"]
url = "http://{{ host.address }}/"

[[question]]
name = "wiki-name"
prompt = "Name of the wiki"
default = "My Wiki"

[[question]]
name = "admin-password"
prompt = "Password of the administrator"
type = "password"
generate = { length = 22 }

[[user]]
name = "wiki"
title = "Wiki"

[[file]]
path = "/etc/wiki.conf"
template = "files/wiki.conf"
"#;

fn folder() -> Memory {
    Memory::default()
        .with("files/wiki.conf", "name = {{ answers.wiki_name | tojson }}\n")
        .with("files/secret.conf", "{% include \"files/part.conf\" %}\n")
        .with("files/part.conf", "password = {{ secrets.admin_password }}\n")
        .with(
            "files/names.conf",
            "{{ answers.wiki_nam }}\n{{ answers.admin_password }} {{ hots.name }}\n{{ host.nmae }}\n",
        )
        .with("files/database.conf", "{{ database.ok.password }}\n{{ database.ok.hots }}\n")
        .with("files/broken.conf", "line\n{% if answers.wiki_name %}\n")
        .with("files/a.conf", "{% include \"files/b.conf\" %}\n")
        .with("files/b.conf", "\n{% include \"files/a.conf\" %}\n")
        .with("files/lost.conf", "{% include \"files/prat.conf\" %}{% include answers.wiki_name %}\n")
        .with_program("files/run", "#!/bin/sh\n")
        .with("files/copyright", "Format: x\n")
        .with("files/bin.conf", "\u{0}")
}

/// The mistakes of the good definition with `from` replaced by `to` (at its end when `from` is empty), as lines.
fn mistakes(from: &str, to: &str) -> (Vec<String>, BTreeSet<Kind>) {
    assert!(GOOD.contains(from), "{from}");
    let text = if from.is_empty() { format!("{GOOD}\n{to}") } else { GOOD.replacen(from, to, 1) };
    match load(&text, "appliance.toml", &folder()) {
        Ok(_) => (vec![], BTreeSet::new()),
        Err(problems) => {
            (problems.iter().map(|p| p.to_string()).collect(), problems.iter().map(|p| p.kind).collect())
        }
    }
}

#[test]
fn the_good_definition_is_good() {
    let definition = load(GOOD, "appliance.toml", &folder()).unwrap();
    assert_eq!(definition.questions.len(), 2);
    assert_eq!(definition.files[0].mode, "0644");
}

/// What was written instead of what, and the mistakes as lines.
struct Case {
    from: &'static str,
    to: &'static str,
    expect: &'static [&'static str],
}

mod cases;

#[test]
fn every_mistake_is_told_with_its_place_and_what_to_write() {
    let mut failed = String::new();
    for Case { from, to, expect } in cases::CASES {
        let (lines, _) = mistakes(from, to);
        if lines != *expect {
            failed += &format!("\n{from:?} → {to:?}\n  expected {expect:#?}\n  got {lines:#?}\n");
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

#[test]
fn every_kind_of_mistake_has_a_case() {
    let mut seen: BTreeSet<Kind> = cases::CASES.iter().flat_map(|c| mistakes(c.from, c.to).1).collect();
    seen.extend(load_bytes(b"a = \"\xff\"", "appliance.toml", &folder()).unwrap_err().iter().map(|p| p.kind));
    let german = folder().with("po/de.po", "nonsense\n").with("po/German.po", "");
    seen.extend(load(GOOD, "appliance.toml", &german).unwrap_err().iter().map(|p| p.kind));
    // looked up by a caller who has an index of packages
    seen.insert(Kind::MissingPackage);
    let missing: Vec<_> = Kind::ALL.iter().filter(|k| !seen.contains(k)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn mistakes_of_all_parts_are_told_together() {
    let to = "[[file]]\npath = \"etc\"\ntemplate = \"files/names.conf\"\n[[step]]\nname = \"A\"";
    let text = GOOD.replacen("version = \"1.0\"", "version = \"x\"", 1).replacen("summary", "summry", 1) + to;
    let lines: Vec<String> =
        load(&text, "appliance.toml", &folder()).unwrap_err().iter().map(|p| p.to_string()).collect();
    for part in [
        "`summry`",
        "`summary`",
        "not a Debian version",
        "absolute",
        "not a valid name",
        "`run`",
        "wiki_nam`",
        "hots",
    ] {
        assert!(lines.iter().any(|l| l.contains(part)), "{part}: {lines:#?}");
    }
}

#[test]
fn packages_that_the_release_must_have_are_named() {
    let seed = "[[seed]]\npackage = \"postfix\"\nquestion = \"postfix/mailname\"\nvalue = \"x\"\n";
    let text = GOOD
        .replace("\"apache2\"", "\"apache2 | nginx (>= 1)\", \"appliance-control-wiki\", \"moin:any\"")
        + seed;
    let examined = appliance::examine(text.as_bytes(), "d/appliance.toml", &folder());
    let names: Vec<Vec<&str>> =
        examined.wanted.iter().map(|w| w.alternatives.iter().map(|a| a.name.as_str()).collect()).collect();
    assert_eq!(names, [vec!["apache2", "nginx"], vec!["moin"], vec!["postfix"]]);
    let problem = examined.wanted[1].missing(appliance::names::Mistake::new("gone").help("h"));
    assert_eq!(problem.to_string(), "d/appliance.toml:6:65: gone; h");
}
