//! `audit`: who did what.

use crate::{
    cli::{
        session::{Session, strange},
        show::table,
    },
    text,
    web::pages::audit::{outcome, words},
};
use anyhow::Result;
use broker_protocol::{Answer, Ask, AuditFilter, MOST_AUDITED};
use std::{io, process::ExitCode};

/// What of the trail is wanted.
#[derive(Debug, clap::Args)]
pub struct Wanted {
    /// Only entries that contain all of these
    words: Vec<String>,
    /// Only what this person did
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// Only this, as `start upgrade` or `create-link` (--json names them)
    #[arg(long, value_name = "ACTION")]
    what: Option<String>,
    /// Only what is no older than this
    #[arg(long, value_name = "MINUTES")]
    since: Option<u64>,
    /// At most so many, the newest
    #[arg(short = 'n', long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=MOST_AUDITED as i64))]
    lines: u32,
    /// Pass over so many of the newest
    #[arg(long, default_value_t = 0)]
    skip: u32,
}

pub fn audit(session: &Session, wanted: Wanted) -> Result<ExitCode> {
    let filter = AuditFilter {
        who: wanted.who.unwrap_or_default(),
        what: wanted.what.unwrap_or_default(),
        since: wanted.since.map(|minutes| text::now().saturating_sub(minutes.saturating_mul(60))),
        words: wanted.words.join(" "),
        skip: wanted.skip,
        lines: wanted.lines,
    };
    let Answer::Audit(audit) = session.ask(Ask::Audit { filter })? else { return Err(strange()) };
    if session.json {
        session.print_json(&audit)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = audit.entries.iter().map(|e| {
        let from = e.from.clone().unwrap_or_else(|| "on the machine".into());
        vec![text::iso(e.at), e.who.clone(), from, outcome(e).1, format!("{} {}", words(&e.what), e.about)]
    });
    let columns = ["When", "Who", "From", "Result", "What"];
    table(session, &mut io::stdout().lock(), &columns, &rows.collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}
