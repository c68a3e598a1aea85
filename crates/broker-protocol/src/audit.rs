//! The audit trail: who did what, when, from where, and what came of it.

use crate::TaskId;
use events::Status;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Entries in one answer.
pub const MOST_AUDITED: u32 = 500;

/// What of the trail is wanted. What is empty is not looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditFilter {
    #[serde(default)]
    pub who: String,
    /// A request's name, as [`Audited::what`] has it.
    #[serde(default)]
    pub what: String,
    /// Seconds since 1970.
    #[serde(default)]
    pub since: Option<u64>,
    /// Words that all have to be there.
    #[serde(default)]
    pub words: String,
    /// So many of the newest are passed over.
    #[serde(default)]
    pub skip: u32,
    /// At most so many, [`MOST_AUDITED`] or less.
    pub lines: u32,
}

/// A part of the trail, newest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Audit {
    /// Entries that there are.
    pub all: u64,
    /// Entries that fit the filter.
    pub found: u64,
    /// Those of them that were asked for.
    pub entries: Vec<Audited>,
    /// Everybody who is in the trail.
    pub people: Vec<String>,
    /// Everything that was done.
    pub actions: Vec<String>,
}

/// One request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Audited {
    /// Seconds since 1970.
    pub at: u64,
    /// A user's name, `root` for who was on the machine, `nobody` for who was not signed in.
    pub who: String,
    /// Which of the person's sessions; of no use for getting in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The browser's address; none for who was on the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// `start upgrade`, `create-link` …
    pub what: String,
    /// What it was about: packages, a unit, a plugin's action. Never a value that was given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// `ok`, `unfit`, or why not: `sign-in`, `forbidden`, `not-found`, `invalid`, `busy`, `failed`.
    pub result: String,
    /// So many more refusals like this one came since the entry before.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
    /// The task that was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// How the task ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<AuditedEnd>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditedEnd {
    /// Seconds since 1970.
    pub at: u64,
    pub status: Status,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
