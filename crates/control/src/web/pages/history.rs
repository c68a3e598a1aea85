//! Every run of the package manager on this machine, with a filter, and one of them with its output.

use crate::{
    text::harmless,
    web::{
        app::App,
        gate::Visitor,
        pages,
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
use serde::Deserialize;

const ROWS: usize = 40;
/// Changes and lines of output in the page of a run.
const CHANGES: usize = 150;
const LINES: usize = 150;

#[derive(Debug, Deserialize)]
pub struct Filter {
    #[serde(default)]
    q: String,
    #[serde(default)]
    page: usize,
}

#[derive(Template)]
#[template(path = "history.html")]
struct ListPage {
    frame: Frame,
    q: String,
    rows: Vec<Row>,
    all: usize,
    found: usize,
    link: String,
    before: Option<usize>,
    after: Option<usize>,
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

/// `GET /updates/history`
pub async fn list(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Query(filter): Query<Filter>,
) -> Result<Response, Failure> {
    let Answer::History(runs) = app.ask(&visitor.caller, Ask::History {}).await?.0 else {
        return Err(Failure::strange());
    };
    let q: String = filter.q.trim().chars().take(80).collect();
    let all = runs.len();
    let found: Vec<Run> = runs.into_iter().filter(|run| fits(run, &q)).collect();
    let page = filter.page.min(found.len().saturating_sub(1) / ROWS);
    let template = ListPage {
        frame: Frame::new(&visitor, "History of packages", "updates"),
        rows: found.iter().skip(page * ROWS).take(ROWS).map(row).collect(),
        all,
        found: found.len(),
        link: format!("?q={}&page=", pages::percent(&q)),
        before: page.checked_sub(1),
        after: ((page + 1) * ROWS < found.len()).then_some(page + 1),
        q,
    };
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
    let text = parts.into_iter().chain(changes).collect::<Vec<_>>().join(" ").to_lowercase();
    q.to_lowercase().split_whitespace().all(|word| text.contains(word))
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
    reply::page(&visitor, &serde_json::json!({ "run": run, "output": output }), &page)
}
