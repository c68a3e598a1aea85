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
