//! Definitions that want to do harm: nothing panics, nothing hangs, nothing reaches a terminal.

use appliance::{
    folder::{Entry, Folder, Memory},
    load, load_bytes,
};
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// The mistakes as lines, told within a time that a person would wait.
fn mistakes(bytes: &[u8], folder: &dyn Folder) -> Vec<String> {
    let start = Instant::now();
    let problems = load_bytes(bytes, "appliance.toml", folder).err().unwrap_or_default();
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    problems.iter().map(|p| p.to_string()).collect()
}

fn one(text: &str, expect: &str) {
    let lines = mistakes(text.as_bytes(), &Memory::default());
    assert!(lines.iter().any(|l| l.contains(expect)), "{expect}: {:?}", lines.first());
}

#[test]
fn size_and_depth_have_bounds() {
    one(&"#".repeat(10 << 20), "larger than 1024 KiB");
    one(&format!("x = {}", "[".repeat(500_000)), "nested too deeply");
    one(&format!("x = {}", "{a=".repeat(100_000)), "nested too deeply");
    one(&format!("[{}a]", "a.".repeat(400_000)), "nested too deeply");
    one(&format!("{}a = 1", "a.".repeat(400_000)), "nested too deeply");
    one(&format!("{}\n", "\"a\".".repeat(100_000)), "nested too deeply");
    // under the bound it is read
    one(&format!("x = {}{}", "[".repeat(59), "]".repeat(59)), "has no key `x`");
    one(&format!("{}a = 1", "a.".repeat(50)), "has no key `a`");
}

#[test]
fn many_mistakes_are_told_up_to_a_limit() {
    let keys: String = (0..50_000).map(|i| format!("k{i} = 1\n")).collect();
    assert_eq!(mistakes(keys.as_bytes(), &Memory::default()).len(), 500);
    let questions = "[[question]]\n".repeat(50_000);
    assert_eq!(mistakes(questions.as_bytes(), &Memory::default()).len(), 500);
    mistakes("x = \n".repeat(100_000).as_bytes(), &Memory::default());
    mistakes("= [ ".repeat(15).repeat(1000).as_bytes(), &Memory::default());
}

#[test]
fn bytes_that_are_no_text_are_placed() {
    let lines = mistakes(b"[appliance]\nname = \"\xff\"", &Memory::default());
    assert_eq!(lines, ["appliance.toml:2:9: a byte that is no UTF-8; save the file as UTF-8"]);
}

#[test]
fn no_control_character_gets_through() {
    let text = "\"\\u001b]0;x\\u0007\" = 1\n[appliance]\nname = \"a\\u001b[2J\"\nurl = \"\\u009b31m\"\n[[file]]\ntemplate = \"\\u202egnp\"\npath=\"/x\"\n";
    let lines = mistakes(text.as_bytes(), &Memory::default());
    assert!(lines.len() >= 4, "{lines:?}");
    assert!(!lines.concat().contains(|c: char| c.is_control() || c == '\u{202e}'), "{lines:?}");
}

/// A folder of what must not be opened.
struct Trap;

impl Folder for Trap {
    fn entry(&self, path: &str) -> Entry {
        match path {
            "pipe" => Entry::Special("a named pipe"),
            "out" => Entry::Outside,
            "locked" => Entry::Unreadable("permission denied".into()),
            _ => Entry::File { executable: false, size: u64::MAX },
        }
    }
    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, String> {
        assert!(!["pipe", "out", "locked"].contains(&path), "{path} was opened");
        Ok(if path == "huge" {
            vec![b'x'; limit as usize]
        } else {
            b"{% include \"pipe\" %}\xff"[..20].to_vec()
        })
    }
    fn names(&self, _: &str) -> Vec<String> {
        vec![]
    }
}

#[test]
fn files_that_are_none_are_not_opened() {
    let files: String = ["pipe", "out", "locked", "huge", "includes"]
        .map(|name| format!("[[file]]\npath = \"/etc/{name}\"\ntemplate = \"{name}\"\n"))
        .concat();
    let lines = mistakes(files.as_bytes(), &Trap);
    for expect in [
        "`pipe` is a named pipe",
        "`out` is a symbolic link that leaves",
        "`locked` cannot be read: permission denied",
        "`huge` is larger than 1024 KiB",
        "includes:1:12: `pipe` is a named pipe",
    ] {
        assert!(lines.iter().any(|l| l.contains(expect)), "{expect}: {lines:#?}");
    }
}

#[test]
fn a_template_cannot_hang_the_check() {
    let folder = Memory::default()
        .with(
            "loop",
            "{% for a in range(100000) %}{% for b in range(100000) %}{{ a }}{% endfor %}{% endfor %}",
        )
        .with("deep", &format!("{}{}", "{% if 1 %}".repeat(20_000), "{{ (".repeat(20_000)))
        .with("brackets", &format!("{{{{ {}", "[".repeat(100_000)))
        .with("self", "{% include \"self\" %}{% extends \"self\" %}");
    let files: String = ["loop", "deep", "brackets", "self"]
        .map(|name| format!("[[file]]\npath = \"/etc/{name}\"\ntemplate = \"{name}\"\n"))
        .concat();
    let lines = mistakes(files.as_bytes(), &folder);
    assert!(lines.iter().any(|l| l.contains("self:1:12: templates in a circle: self → self")), "{lines:#?}");
    assert!(
        lines.iter().any(|l| l.starts_with("deep:")) && lines.iter().any(|l| l.starts_with("brackets:")),
        "{lines:#?}"
    );
}

const KEYS: &str = "(appliance|question|seed|file|directory|step|health|action|package|name|path|template|type|default|generate|value|url|packages|[a-z]{1,4})";

/// A line of a definition, as a regular expression.
fn line() -> String {
    format!(
        "(\\[\\[?{KEYS}(\\.{KEYS})?\\]\\]?|{KEYS} = (\"[a-zé{{}}. %|/<>@-]{{0,12}}\"|[0-9-]{{1,20}}|true|\\[\"[a-z]\", 1\\]|\\{{ {KEYS} = \"é\\{{\\{{ host.x \\}}\\}}\" \\}}|1979-05-27))"
    )
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        mistakes(text.as_bytes(), &Memory::default());
        mistakes(&bytes, &Memory::default());
    }

    #[test]
    fn nothing_that_looks_like_a_definition_panics(
        lines in prop::collection::vec(
            prop::string::string_regex(&line()).unwrap(),
            0..25,
        ),
    ) {
        let text = lines.join("\n");
        let folder = Memory::default().with("a", "{{ answers.x }}{% include \"b\" %}").with("b", "{{ é");
        for problem in load(&text, "appliance.toml", &folder).err().unwrap_or_default() {
            prop_assert!(problem.line >= 1 && problem.column >= 1);
            let snippet = problem.snippet.unwrap();
            prop_assert!(snippet.width >= 1 && snippet.mark <= snippet.text.chars().count() + 1, "{snippet:?}");
        }
    }
}
