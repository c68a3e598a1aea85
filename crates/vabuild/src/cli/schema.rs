//! `vabuild schema`

use anyhow::Context;
use std::io::Write;

/// Writes the JSON Schema of definitions, for editors
#[derive(Debug, clap::Args)]
#[command(after_help = "Example, for an editor that reads schemas (Taplo, Even Better TOML):\n  \
    vabuild schema > appliance.schema.json\n  and in the first line of appliance.toml: #:schema appliance.schema.json")]
pub struct Arguments {}

pub fn run(_: &Arguments) -> anyhow::Result<()> {
    std::io::stdout().write_all(appliance::schema::text().as_bytes()).context("cannot write the schema")
}
