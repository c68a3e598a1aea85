//! What a long piece of work says while it runs, as JSON Lines.
//!
//! One vocabulary serves `vainstall --progress json`, the log of a task in the management page, and the
//! frames that a plugin writes on its standard output (there without `v` and `at`, see the crate `plugin`).
//! This crate is pure: the clock is the caller's.
//!
//! * [`Event`]: one line: version, time, and a [`Kind`]
//! * [`Kind`]: what is said
//! * [`Status`]: how a piece of work ended

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version that this crate writes. A reader refuses a later one.
pub const VERSION: u32 = 1;

/// One line of an event stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Version of the vocabulary, [`VERSION`].
    pub v: u32,
    /// Milliseconds since 1970-01-01 UTC.
    pub at: u64,
    #[serde(flatten)]
    pub kind: Kind,
}

/// What an event says. A machine reads `id`, a person reads the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Kind {
    /// A new phase begins, `index` (from 1) of `of`.
    Phase {
        id: String,
        title: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        index: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<u32>,
    },
    /// How far the phase is: 0 to 100 percent, and what is being done right now.
    Progress { percent: f32, detail: String },
    /// One line of a program's output, without its line end.
    Log { stream: Stream, line: String },
    /// Something the person should know, that does not stop the work.
    Warning { message: String },
    /// A file that the work made: a plain file name, never a path.
    Artifact {
        name: String,
        /// Bytes.
        size: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
    },
    /// Rows to be shown as a table; every row has one cell for each column.
    Table { columns: Vec<String>, rows: Vec<Vec<String>> },
    /// Text of several lines, to be shown as it is.
    Text {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        text: String,
    },
    /// A secret was made: it is kept elsewhere, and shown once.
    Secret { label: String },
    /// The end. Nothing follows it.
    Result {
        status: Status,
        message: String,
        /// What failed: the last lines of the program's output.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        details: Vec<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stream {
    Stdout,
    Stderr,
}

/// How a piece of work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    Ok,
    Failed,
    Cancelled,
}

impl Event {
    pub fn new(at: u64, kind: Kind) -> Self {
        Event { v: VERSION, at, kind }
    }

    /// The event as one line, with its line end.
    pub fn to_line(&self) -> String {
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }

    /// Reads one line. The error says what is wrong with it.
    pub fn parse(line: &str) -> Result<Self, String> {
        let event: Event = serde_json::from_str(line).map_err(|e| format!("not an event: {e}"))?;
        if event.v > VERSION {
            return Err(format!("event of version {}, this program knows up to {VERSION}", event.v));
        }
        Ok(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_back_as_it_was() {
        let event = Event::new(7, Kind::Log { stream: Stream::Stdout, line: "a \"b\"\u{1b}".into() });
        let line = event.to_line();
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(Event::parse(line.trim_end()).unwrap(), event);
    }

    #[test]
    fn a_later_version_is_refused() {
        let line = r#"{"v":2,"at":0,"event":"warning","message":"x"}"#;
        assert!(Event::parse(line).unwrap_err().contains("version 2"));
    }
}
