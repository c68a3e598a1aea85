//! The installed packages, with a filter, a page at a time.

use crate::web::{
    app::App,
    gate::Visitor,
    list::{self, Filter, List, has_words},
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

const ROWS: usize = 60;

#[derive(Template)]
#[template(path = "packages.html")]
struct Page {
    frame: Frame,
    list: List,
    rows: Vec<Installed>,
}

/// `GET /packages`
pub async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Query(query): Query<list::Query>,
) -> Result<Response, Failure> {
    let installed = pages::packages(&app, &visitor).await?.installed;
    let all = installed.len();
    let filter = Filter::new(&query, "Name or words");
    let fits = |p: &Installed| has_words(&format!("{} {}", p.name, p.summary), &filter.q);
    let found: Vec<Installed> = installed.into_iter().filter(fits).collect();
    let (rows, list) = filter.page(&found, all, ROWS);
    let frame = Frame::new(&visitor, "Packages", "packages");
    reply::page(&visitor, &found, &Page { frame, list, rows: rows.to_vec() })
}
