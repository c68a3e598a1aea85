//! One line of a program's standard output. A plugin is not trusted: what passes here is bounded and complete.

use crate::{check::is_file_name, manifest::VERSION};
use events::Kind;

/// Bytes in one line, without its line end.
pub const LINE_LIMIT: usize = 64 << 10;
/// Rows and columns of a table.
const TABLE_LIMIT: usize = 1000;

/// Parses one line, without its line end. The error is for the plugin's author.
pub fn parse(line: &[u8]) -> Result<Kind, String> {
    if line.len() > LINE_LIMIT {
        return Err(format!("a line is longer than {LINE_LIMIT} bytes"));
    }
    let text =
        std::str::from_utf8(line).map_err(|e| format!("a line is not UTF-8 at byte {}", e.valid_up_to()))?;
    let value: serde_json::Value = serde_json::from_str(text)
        .map_err(|e| format!("a line is no JSON ({e}): free text belongs on standard error"))?;
    let Some(name) = value.get("event").and_then(|e| e.as_str()) else {
        return Err("a line is no JSON object with a text `event`".into());
    };
    if value.get("v").is_some_and(|v| v.as_u64() != Some(VERSION.into())) {
        return Err(format!("a line is not of version {VERSION} of the protocol: update appliance-control"));
    }
    let known = ["phase", "progress", "log", "warning", "artifact", "table", "result"];
    if !known.contains(&name) {
        let name: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
        return Err(format!(
            "version {VERSION} of the protocol knows no event `{name}`: update appliance-control"
        ));
    }
    let kind: Kind = serde_json::from_value(value.clone()).map_err(|e| format!("event `{name}`: {e}"))?;
    check(&kind).map_err(|why| format!("event `{name}`: {why}"))?;
    Ok(kind)
}

fn check(kind: &Kind) -> Result<(), String> {
    match kind {
        Kind::Progress { percent, .. } if !(0.0..=100.0).contains(percent) => {
            Err("`percent` has to be from 0 to 100".into())
        }
        Kind::Artifact { name, .. } if !is_file_name(name) => {
            Err("`name` has to be a plain file name of letters, digits and . _ + -".into())
        }
        Kind::Table { columns, rows } if columns.len() > TABLE_LIMIT || rows.len() > TABLE_LIMIT => {
            Err(format!("more than {TABLE_LIMIT} rows or columns"))
        }
        Kind::Table { columns, rows } if rows.iter().any(|row| row.len() != columns.len()) => {
            Err("every row needs one cell for each column".into())
        }
        Kind::Log { line, .. } if line.contains('\n') => Err("`line` has a line end in it".into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_events_of_the_protocol_pass() {
        for line in [
            r#"{"event":"phase","id":"read","title":"Reading"}"#,
            r#"{"event":"progress","percent":12.5,"detail":"a"}"#,
            r#"{"event":"log","stream":"stdout","line":"a"}"#,
            r#"{"event":"warning","message":"a","v":1,"more":true}"#,
            r#"{"event":"artifact","name":"wiki-2026.tar.gz","size":3}"#,
            r#"{"event":"table","columns":["a"],"rows":[["1"]]}"#,
            r#"{"event":"result","status":"ok","message":"done"}"#,
        ] {
            parse(line.as_bytes()).unwrap();
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_reason() {
        let long = format!(r#"{{"event":"warning","message":"{}"}}"#, "x".repeat(LINE_LIMIT));
        for (line, says) in [
            (&b"hello"[..], "standard error"),
            (b"", "no JSON"),
            (b"{}", "`event`"),
            (b"[1]", "`event`"),
            (b"{\"event\":\"warning\",\"message\":\"\xff\"}", "UTF-8"),
            (long.as_bytes(), "longer"),
            (br#"{"event":"chart","points":[]}"#, "update appliance-control"),
            (br#"{"v":2,"event":"warning","message":""}"#, "update appliance-control"),
            (br#"{"event":"warning"}"#, "missing field"),
            (br#"{"event":"progress","percent":101,"detail":""}"#, "0 to 100"),
            (br#"{"event":"progress","percent":1e99,"detail":""}"#, "0 to 100"),
            (br#"{"event":"progress","percent":null,"detail":""}"#, "expected f32"),
            (br#"{"event":"artifact","name":"../x","size":1}"#, "plain file name"),
            (br#"{"event":"artifact","name":"","size":1}"#, "plain file name"),
            (br#"{"event":"table","columns":["a"],"rows":[["1","2"]]}"#, "each column"),
            (br#"{"event":"log","stream":"stdout","line":"a\nb"}"#, "line end"),
            (br#"{"event":"result","status":"great","message":""}"#, "unknown variant"),
        ] {
            let said = parse(line).unwrap_err();
            assert!(said.contains(says), "{}: {said}", String::from_utf8_lossy(line));
        }
        let deep = format!("{{\"event\":\"warning\",\"message\":{}", "[".repeat(60_000));
        assert!(parse(deep.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&line);
        }

        #[test]
        fn no_event_with_wrong_fields_makes_it_panic(name in "[a-z]{1,8}", key in "[a-z]{1,8}", number: f64) {
            for event in ["phase", "progress", "log", "warning", "artifact", "table", "result", &name] {
                let _ = parse(format!(r#"{{"event":"{event}","{key}":{number:?},"percent":{number:?}}}"#).as_bytes());
            }
        }
    }
}
