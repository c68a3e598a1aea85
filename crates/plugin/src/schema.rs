//! JSON Schemas of what goes to and fro, from the types that are read and written.

use crate::{Manifest, frame::Frame};
use schemars::{JsonSchema, Schema, schema_for};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The one line that an action's program reads.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ActionInput {
    /// Version of the protocol: 1.
    pub v: u32,
    /// By name. All values are texts; a file is the path at which it can be read.
    pub parameters: BTreeMap<String, String>,
}

/// The one line that a query's program reads.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct QueryInput {
    /// Version of the protocol: 1.
    pub v: u32,
    /// Which page of a long table is wanted, from 1.
    pub page: u32,
    /// Rows of a page.
    pub rows: u32,
    /// What a person looks for; empty for everything.
    pub search: String,
}

/// File names below `docs/schema/`, and the schemas.
pub fn all() -> Vec<(&'static str, String)> {
    let text = |schema: Schema| format!("{:#}\n", schema.to_value());
    vec![
        ("plugin-manifest.schema.json", text(schema_for!(Manifest))),
        ("plugin-frame.schema.json", text(schema_for!(Frame))),
        ("plugin-action-input.schema.json", text(schema_for!(ActionInput))),
        ("plugin-query-input.schema.json", text(schema_for!(QueryInput))),
    ]
}
