//! One line of a program's standard output. A plugin is not trusted: what passes here is bounded and complete.

use crate::{check::is_file_name, manifest::VERSION};
use events::{Kind, Status, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bytes in one line, without its line end.
pub const LINE_LIMIT: usize = 64 << 10;
/// Rows and columns of a table.
pub const TABLE_LIMIT: usize = 1000;
/// Bytes of a secret.
const SECRET_LIMIT: usize = 4096;

/// What a program says. A machine reads `id`, a person reads the rest. Fields that are not known are ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Frame {
    /// Action: a new phase begins, `index` (from 1) of `of`.
    Phase {
        id: String,
        title: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        index: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<u32>,
    },
    /// Action: how far the phase is, 0 to 100 percent, and what is being done right now.
    Progress {
        #[schemars(range(min = 0, max = 100))]
        percent: f32,
        #[serde(default)]
        detail: String,
    },
    /// Action: one line of output, without its line end.
    Log {
        #[serde(default)]
        stream: From,
        line: String,
    },
    /// Something the person should know, that does not stop the work.
    Warning { message: String },
    /// Rows to be shown as a table; every row has one cell for each column.
    Table {
        columns: Vec<String>,
        rows: Vec<Vec<String>>,
        /// Query: rows in all, when these are one page of them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        total: Option<u64>,
    },
    /// Text of several lines, shown as it is.
    Text {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        text: String,
    },
    /// Action: a file that it made, complete, in `$ARTIFACTS_DIRECTORY`: a plain file name.
    Artifact {
        name: String,
        /// Bytes, as the program thinks.
        #[serde(default)]
        size: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
    },
    /// Action: shown to one person, once, and kept in no log.
    Secret { label: String, value: String },
    /// Action: have a service restarted that the manifest names in `restarts`.
    Restart { unit: String },
    /// Query: a line of a card, `Pages: 120`.
    Fact { label: String, value: String },
    /// Query: something that can be chosen, and what a person reads in its place.
    Choice {
        value: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// The end. Nothing follows it.
    Result {
        status: Ended,
        #[serde(default)]
        message: String,
        /// What failed: the last lines of a program's output.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        details: Vec<String>,
    },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum From {
    #[default]
    Stdout,
    Stderr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    Ok,
    Failed,
    Cancelled,
}

/// Whose program may say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    Action,
    Query,
}

/// All names, and who may say them.
const EVENTS: &[(&str, bool, bool)] = &[
    ("phase", true, false),
    ("progress", true, false),
    ("log", true, false),
    ("warning", true, true),
    ("table", true, true),
    ("text", true, true),
    ("artifact", true, false),
    ("secret", true, false),
    ("restart", true, false),
    ("fact", false, true),
    ("choice", false, true),
    ("result", true, true),
];

/// Parses one line, without its line end. The error is for the plugin's author and goes after "line 3 ".
pub fn parse(line: &[u8], speaker: Speaker) -> Result<Frame, String> {
    if line.len() > LINE_LIMIT {
        return Err(format!("is longer than {LINE_LIMIT} bytes"));
    }
    let text = std::str::from_utf8(line).map_err(|e| format!("is not UTF-8 at byte {}", e.valid_up_to()))?;
    let value: serde_json::Value = serde_json::from_str(text)
        .map_err(|e| format!("is no JSON ({e}): free text belongs on standard error"))?;
    let Some(name) = value.get("event").and_then(|e| e.as_str()) else {
        return Err("is no JSON object with a text `event`".into());
    };
    if value.get("v").is_some_and(|v| v.as_u64() != Some(VERSION.into())) {
        return Err(format!("is not of version {VERSION} of the protocol: update appliance-control"));
    }
    let allowed = match (EVENTS.iter().find(|(n, ..)| *n == name), speaker) {
        (Some((_, action, _)), Speaker::Action) => *action,
        (Some((_, _, query)), Speaker::Query) => *query,
        (None, _) => {
            let name: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
            return Err(format!(
                "has the event `{name}`, which version {VERSION} of the protocol does not know: update appliance-control"
            ));
        }
    };
    if !allowed {
        let whose = if speaker == Speaker::Action { "a query" } else { "an action" };
        return Err(format!("has the event `{name}`, which is for {whose} only"));
    }
    let name = name.to_owned();
    let frame: Frame = serde_json::from_value(value).map_err(|e| format!("is a wrong `{name}`: {e}"))?;
    check(&frame).map_err(|why| format!("is a wrong `{name}`: {why}"))?;
    Ok(frame)
}

fn check(frame: &Frame) -> Result<(), String> {
    match frame {
        Frame::Progress { percent, .. } if !(0.0..=100.0).contains(percent) => {
            Err("`percent` has to be from 0 to 100".into())
        }
        Frame::Artifact { name, .. } if !is_file_name(name) => {
            Err("`name` has to be a plain file name of letters, digits and . _ + -".into())
        }
        Frame::Table { columns, rows, .. } if columns.len() > TABLE_LIMIT || rows.len() > TABLE_LIMIT => {
            Err(format!("more than {TABLE_LIMIT} rows or columns"))
        }
        Frame::Table { columns, rows, .. } if rows.iter().any(|row| row.len() != columns.len()) => {
            Err("every row needs one cell for each column".into())
        }
        Frame::Log { line, .. } if line.contains('\n') => Err("`line` has a line end in it".into()),
        Frame::Secret { value, .. } if value.len() > SECRET_LIMIT => {
            Err(format!("`value` is longer than {SECRET_LIMIT} bytes"))
        }
        Frame::Choice { value, .. }
            if value.is_empty() || value.contains(',') || value.chars().any(char::is_control) =>
        {
            Err("`value` is empty, or has a comma or a control character in it".into())
        }
        _ => Ok(()),
    }
}

impl Frame {
    /// The event of a task's log that says the same. None for what is dealt with otherwise: artifact, secret, restart, result, and
    /// what only queries say.
    pub fn event(self) -> Option<Kind> {
        Some(match self {
            Frame::Phase { id, title, index, of } => Kind::Phase { id, title, index, of },
            Frame::Progress { percent, detail } => Kind::Progress { percent, detail },
            Frame::Log { stream, line } => Kind::Log { stream: stream.into(), line },
            Frame::Warning { message } => Kind::Warning { message },
            Frame::Table { columns, rows, .. } => Kind::Table { columns, rows },
            Frame::Text { title, text } => Kind::Text { title, text },
            Frame::Artifact { .. }
            | Frame::Secret { .. }
            | Frame::Restart { .. }
            | Frame::Fact { .. }
            | Frame::Choice { .. }
            | Frame::Result { .. } => return None,
        })
    }
}

impl std::convert::From<From> for Stream {
    fn from(stream: From) -> Stream {
        match stream {
            From::Stdout => Stream::Stdout,
            From::Stderr => Stream::Stderr,
        }
    }
}

impl std::convert::From<Ended> for Status {
    fn from(ended: Ended) -> Status {
        match ended {
            Ended::Ok => Status::Ok,
            Ended::Failed => Status::Failed,
            Ended::Cancelled => Status::Cancelled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_frames_of_the_protocol_pass() {
        for line in [
            r#"{"event":"phase","id":"read","title":"Reading"}"#,
            r#"{"event":"progress","percent":12.5,"detail":"a"}"#,
            r#"{"event":"log","stream":"stdout","line":"a"}"#,
            r#"{"event":"warning","message":"a","v":1,"more":true}"#,
            r#"{"event":"artifact","name":"wiki-2026.tar.gz","size":3}"#,
            r#"{"event":"table","columns":["a"],"rows":[["1"]]}"#,
            r#"{"event":"text","title":"Report","text":"a\nb"}"#,
            r#"{"event":"secret","label":"Password of ada","value":"x"}"#,
            r#"{"event":"restart","unit":"apache2.service"}"#,
            r#"{"event":"result","status":"ok","message":"done"}"#,
        ] {
            parse(line.as_bytes(), Speaker::Action).unwrap();
        }
        for line in [
            r#"{"event":"fact","label":"Pages","value":"12"}"#,
            r#"{"event":"choice","value":"ada","text":"Ada"}"#,
            r#"{"event":"table","columns":["a"],"rows":[["1"]],"total":5000}"#,
        ] {
            parse(line.as_bytes(), Speaker::Query).unwrap();
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
            (br#"{"event":"fact","label":"a","value":"b"}"#, "for a query only"),
        ] {
            let said = parse(line, Speaker::Action).unwrap_err();
            assert!(said.contains(says), "{}: {said}", String::from_utf8_lossy(line));
        }
        let secret = br#"{"event":"secret","label":"a","value":"b"}"#;
        assert!(parse(secret, Speaker::Query).unwrap_err().contains("for an action only"));
        let deep = format!("{{\"event\":\"warning\",\"message\":{}", "[".repeat(60_000));
        assert!(parse(deep.as_bytes(), Speaker::Action).is_err());
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&line, Speaker::Action);
        }

        #[test]
        fn no_event_with_wrong_fields_makes_it_panic(name in "[a-z]{1,8}", key in "[a-z]{1,8}", number: f64) {
            for event in EVENTS.iter().map(|(name, ..)| *name).chain([name.as_str()]) {
                let line = format!(r#"{{"event":"{event}","{key}":{number:?},"percent":{number:?}}}"#);
                let _ = (parse(line.as_bytes(), Speaker::Action), parse(line.as_bytes(), Speaker::Query));
            }
        }
    }
}
