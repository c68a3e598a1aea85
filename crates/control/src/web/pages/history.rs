//! Every run of the package manager on this machine, with a filter, and one of them with its output.

use crate::{
    text::harmless,
    web::{
        app::App,
        gate::Visitor,
        list::{self, Filter, List, has_words},
        reply::{self, Failure, Frame},
    },
};
use askama::Template;
use axum::{
    Extension,
    extract::{Path, Query, State},
    response::Response,
};
use broker_protocol::{Answer, Ask, Run, RunSource};
use schemars::JsonSchema;
use serde::Serialize;

const ROWS: usize = 40;
/// Changes and lines of output in the page of a run.
const CHANGES: usize = 150;
const LINES: usize = 150;

#[derive(Template)]
#[template(path = "history.html")]
struct ListPage {
    frame: Frame,
    list: List,
    rows: Vec<Row>,
}

struct Row {
    id: String,
    start: String,
    who: String,
    what: String,
    /// For the style, and in words.
    state: &'static str,
    word: &'static str,
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    frame: Frame,
    row: Row,
    end: String,
    command: String,
    error: String,
    /// What, name, before, now.
    changes: Vec<[String; 4]>,
    more: usize,
    output: Vec<String>,
    earlier: usize,
}

/// One run, for programs.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RunWithOutput")]
pub struct Data<'a> {
    run: &'a Run,
    /// The package manager's lines, as far as they are still there.
    output: &'a [String],
}

/// `GET /updates/history`
pub async fn list(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Query(query): Query<list::Query>,
) -> Result<Response, Failure> {
    let Answer::History(runs) = app.ask(&visitor.caller, Ask::History {}).await?.0 else {
        return Err(Failure::strange());
    };
    let all = runs.len();
    let filter = Filter::new(&query, "Package, date, automatic, failed");
    let found: Vec<Run> = runs.into_iter().filter(|run| fits(run, &filter.q)).collect();
    let (rows, list) = filter.page(&found, all, ROWS);
    let frame = Frame::new(&visitor, "History of packages", "updates");
    let template = ListPage { frame, list: list.newest_first(), rows: rows.iter().map(row).collect() };
    reply::page(&visitor, &found, &template)
}

/// Every word of the filter stands in the time, the command, who it was, or a package's name or version.
pub fn fits(run: &Run, q: &str) -> bool {
    let changes = run.changes.iter().map(|c| {
        let versions = [&c.from, &c.to].map(|v| v.clone().unwrap_or_default());
        format!("{} {} {}", c.what, c.name, versions.join(" "))
    });
    let error = if run.error.is_some() { "failed" } else { "" };
    let parts =
        [run.start.clone(), run.command.clone(), who(run), error.into(), run.end.clone().unwrap_or_default()];
    has_words(&parts.into_iter().chain(changes).collect::<Vec<_>>().join(" "), q)
}

/// Who began it, for a person.
pub fn who(run: &Run) -> String {
    match (run.source, &run.by) {
        (RunSource::Automatic, _) => "automatic updates".into(),
        (RunSource::Appliance, _) => "this page or its tools".into(),
        (RunSource::Hand, Some(user)) => format!("by hand, {}", harmless(user)),
        (RunSource::Hand, None) => "by hand".into(),
    }
}

/// `3 updated, 1 installed: openssl, libssl3t64, …`
pub fn what(run: &Run) -> String {
    let count = |what: &str| run.changes.iter().filter(|c| c.what == what).count();
    let counts = ["updated", "installed", "downgraded", "removed"].map(|what| (count(what), what));
    let counts: Vec<String> =
        counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    if counts.is_empty() {
        return "no package changed".into();
    }
    let plain = |name: &str| harmless(name.split(':').next().unwrap_or(name));
    let mut names: Vec<String> = run.changes.iter().take(4).map(|c| plain(&c.name)).collect();
    if run.changes.len() > names.len() {
        names.push("…".into());
    }
    format!("{}: {}", counts.join(", "), names.join(", "))
}

fn row(run: &Run) -> Row {
    let (state, word) = match (&run.error, &run.end) {
        (Some(_), _) => ("failed", "Failed"),
        (None, None) => ("cancelled", "No end"),
        (None, Some(_)) => ("ok", "Done"),
    };
    Row { id: run.id.clone(), start: harmless(&run.start), who: who(run), what: what(run), state, word }
}

/// `GET /updates/history/{id}`
pub async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let Answer::Run { run, output } = app.ask(&visitor.caller, Ask::Run { id }).await?.0 else {
        return Err(Failure::strange());
    };
    let cell = |text: &Option<String>| harmless(text.as_deref().unwrap_or("–"));
    let earlier = output.len().saturating_sub(LINES);
    let page = RunPage {
        frame: Frame::new(&visitor, format!("Run of {}", harmless(&run.start)), "updates"),
        row: row(&run),
        end: harmless(run.end.as_deref().unwrap_or_default()),
        command: harmless(&run.command),
        error: harmless(run.error.as_deref().unwrap_or_default()),
        changes: run
            .changes
            .iter()
            .take(CHANGES)
            .map(|c| [harmless(&c.what), harmless(&c.name), cell(&c.from), cell(&c.to)])
            .collect(),
        more: run.changes.len().saturating_sub(CHANGES),
        output: output[earlier..].iter().map(|l| harmless(l)).collect(),
        earlier,
    };
    reply::page(&visitor, &Data { run: &run, output: &output }, &page)
}
