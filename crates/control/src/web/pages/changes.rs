//! What one update says of itself, and what becomes of configuration files that were changed here.

use crate::text::harmless;
use crate::web::{
    app::App,
    gate::{Fields, Visitor},
    pages::{self, Moment},
    reply::{self, Failure, Frame},
};
use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    response::Response,
};
use broker_protocol::{Answer, Ask, Changes, KeptFile, Work};

/// Lines of a difference or a changelog in the page.
const LINES: usize = 150;

#[derive(Template)]
#[template(path = "changes.html")]
struct ChangesPage {
    frame: Frame,
    changes: Changes,
    from: String,
    changelog: String,
    news: String,
    files: Vec<(String, Vec<Line>)>,
}

#[derive(Template)]
#[template(path = "files.html")]
struct FilesPage {
    frame: Frame,
    files: Vec<File>,
}

struct File {
    path: String,
    new: String,
    /// As it has to come back, whatever is in it.
    exact: String,
    seen: String,
    since: Moment,
    lines: Vec<Line>,
}

/// One line of a difference.
struct Line {
    /// `add`, `del`, `at` or nothing, for the style; the first character says the same.
    kind: &'static str,
    text: String,
}

/// `GET /updates/changes/{package}`
pub async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(package): Path<String>,
) -> Result<Response, Failure> {
    let Answer::Changes(changes) = app.ask(&visitor.caller, Ask::Changes { package }).await?.0 else {
        return Err(Failure::strange());
    };
    let page = ChangesPage {
        frame: Frame::new(&visitor, format!("Update of {}", changes.package), "updates"),
        from: changes.from.clone().unwrap_or_default(),
        changelog: clean(&changes.changelog),
        news: clean(&changes.news),
        files: changes
            .conffiles
            .iter()
            .map(|f| (harmless(&f.path), lines(f.difference.as_deref())))
            .collect(),
        changes: changes.clone(),
    };
    reply::page(&visitor, &changes, &page)
}

/// `GET /updates/files`
pub async fn files(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Failure> {
    let Answer::KeptFiles(files) = app.ask(&visitor.caller, Ask::KeptFiles {}).await?.0 else {
        return Err(Failure::strange());
    };
    let shown = |f: &KeptFile| File {
        path: harmless(&f.path),
        new: harmless(&f.new),
        exact: f.path.clone(),
        seen: f.seen.clone(),
        since: Moment::new(f.since),
        lines: lines(f.difference.as_deref()),
    };
    let frame = Frame::new(&visitor, "Configuration files", "updates");
    reply::page(&visitor, &files, &FilesPage { frame, files: files.iter().map(shown).collect() })
}

/// `POST /updates/files`
pub async fn decide(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Failure> {
    let field = |name: &str| fields.0.get(name).cloned().unwrap_or_default();
    let adopt = match field("decision").as_str() {
        "adopt" => true,
        "keep" => false,
        _ => return Err(Failure::Invalid("Say which of the two files shall be used.".into())),
    };
    pages::start(&app, &visitor, Work::DecideFile { path: field("path"), seen: field("seen"), adopt }).await
}

fn clean(text: &str) -> String {
    let mut lines: Vec<String> = text.lines().take(LINES).map(harmless).collect();
    if text.lines().nth(LINES).is_some() {
        lines.push("[…]".into());
    }
    lines.join("\n")
}

fn lines(difference: Option<&str>) -> Vec<Line> {
    let Some(text) = difference else {
        return vec![Line { kind: "at", text: "One of the two files is no text.".into() }];
    };
    let kind = |line: &str| match line.as_bytes().first() {
        Some(b'+') => "add",
        Some(b'-') => "del",
        Some(b'@') => "at",
        _ => "",
    };
    let mut lines: Vec<Line> =
        text.lines().take(LINES).map(|l| Line { kind: kind(l), text: harmless(l) }).collect();
    if text.lines().nth(LINES).is_some() {
        lines.push(Line { kind: "at", text: "[the rest of the difference is left out]".into() });
    }
    lines
}
