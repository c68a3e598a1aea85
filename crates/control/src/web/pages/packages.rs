//! The installed packages, with a filter, a page at a time.

use crate::web::{
    app::App,
    gate::Visitor,
    pages,
    reply::{self, Failure, Frame},
};
use askama::Template;
use axum::{
    Extension,
    extract::{Query, State},
    response::Response,
};
use broker_protocol::Installed;
use serde::Deserialize;

const ROWS: usize = 60;

#[derive(Debug, Deserialize)]
pub struct Filter {
    #[serde(default)]
    q: String,
    #[serde(default)]
    page: usize,
}

#[derive(Template)]
#[template(path = "packages.html")]
struct Page {
    frame: Frame,
    q: String,
    rows: Vec<Installed>,
    found: usize,
    all: usize,
    first: usize,
    last: usize,
    /// Ready for a link: `?q=apache&page=`
    link: String,
    before: Option<usize>,
    after: Option<usize>,
}

/// `GET /packages`
pub async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Query(filter): Query<Filter>,
) -> Result<Response, Failure> {
    let installed = pages::packages(&app, &visitor).await?.installed;
    let q: String = filter.q.trim().chars().take(80).collect();
    let all = installed.len();
    let found: Vec<Installed> = installed.into_iter().filter(|p| matches(p, &q)).collect();
    let page = filter.page.min(found.len().saturating_sub(1) / ROWS);
    let rows: Vec<Installed> = found.iter().skip(page * ROWS).take(ROWS).cloned().collect();
    let template = Page {
        frame: Frame::new(&visitor, "Packages", "packages"),
        link: format!("?q={}&page=", pages::percent(&q)),
        found: found.len(),
        all,
        first: page * ROWS + 1,
        last: page * ROWS + rows.len(),
        before: page.checked_sub(1),
        after: ((page + 1) * ROWS < found.len()).then_some(page + 1),
        rows,
        q,
    };
    reply::page(&visitor, &found, &template)
}

/// Every word of the filter stands in the name or the summary.
fn matches(package: &Installed, q: &str) -> bool {
    let text = format!("{} {}", package.name, package.summary).to_lowercase();
    q.to_lowercase().split_whitespace().all(|word| text.contains(word))
}
