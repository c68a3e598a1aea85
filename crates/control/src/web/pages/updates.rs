//! Updates: what there is, refresh, install.

use crate::{
    text,
    web::{
        app::App,
        gate::Visitor,
        pages::{self, Moment, tasks::Row},
        reply::{self, Failure, Frame},
    },
};
use askama::Template;
use axum::{Extension, extract::State, response::Response};
use broker_protocol::{Packages, Task, Update, Work};
use events::Status;
use serde::Serialize;

/// Rows in the page; the rest is counted.
const ROWS: usize = 100;

#[derive(Template)]
#[template(path = "updates.html")]
struct Page {
    frame: Frame,
    refreshed: Option<Moment>,
    /// Why the last refresh failed, when that was after the list's own.
    failed: Option<(Row, String)>,
    updates: Vec<Update>,
    more: usize,
    security: usize,
    total: usize,
    removals: Vec<String>,
    kept_back: Vec<String>,
    download: String,
    reboot: bool,
    running: Vec<Row>,
}

#[derive(Serialize)]
struct Data<'a> {
    refreshed: Option<u64>,
    updates: &'a [Update],
    removals: &'a [String],
    kept_back: &'a [String],
    /// Bytes.
    download: u64,
    reboot_required: bool,
}

/// `GET /updates`
pub async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Failure> {
    let (packages, tasks) = tokio::join!(pages::packages(&app, &visitor), pages::tasks(&app, &visitor));
    let (mut packages, tasks) = (packages?, pages::part(tasks)?.unwrap_or_default());
    packages.updates.sort_by(|a, b| b.security.cmp(&a.security).then_with(|| a.name.cmp(&b.name)));
    let data = Data {
        refreshed: packages.refreshed,
        updates: &packages.updates,
        removals: &packages.removals,
        kept_back: &packages.kept_back,
        download: packages.download,
        reboot_required: packages.reboot_required,
    };
    let page = Page {
        frame: Frame::new(&visitor, "Updates", "updates"),
        refreshed: packages.refreshed.map(Moment::new),
        failed: failed(&tasks, &packages),
        updates: packages.updates.iter().take(ROWS).map(shown).collect(),
        more: packages.updates.len().saturating_sub(ROWS),
        security: packages.updates.iter().filter(|u| u.security).count(),
        total: packages.updates.len(),
        removals: packages.removals.clone(),
        kept_back: packages.kept_back.clone(),
        download: text::size(packages.download),
        reboot: packages.reboot_required,
        running: tasks.iter().filter(|t| t.status.is_none()).map(Row::new).collect(),
    };
    reply::page(&visitor, &data, &page)
}

/// For a person; a program gets apt's words.
fn shown(update: &Update) -> Update {
    Update { origin: text::origin(&update.origin), ..update.clone() }
}

/// The newest refresh, when it failed: the list stays, and says how old it is.
fn failed(tasks: &[Task], packages: &Packages) -> Option<(Row, String)> {
    let newest = tasks.iter().find(|t| t.work == Work::Refresh {} && t.status.is_some())?;
    let later = packages.refreshed.is_none_or(|at| newest.started >= at);
    (newest.status == Some(Status::Failed) && later)
        .then(|| (Row::new(newest), text::harmless(&newest.message)))
}

/// `POST /updates/refresh`
pub async fn refresh(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Failure> {
    pages::start(&app, &visitor, Work::Refresh {}).await
}

/// `POST /updates/install`
pub async fn install(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Failure> {
    pages::start(&app, &visitor, Work::Upgrade { packages: vec![] }).await
}
