//! How busy the machine was.

use crate::web::{
    app::App,
    chart::{self, Chart},
    gate::Visitor,
    reply::{self, Failure, Frame},
};
use askama::Template;
use axum::{
    Extension,
    extract::{Query, State},
    response::Response,
};
use broker_protocol::{Answer, Ask, Load, Span};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    span: String,
}

#[derive(Template)]
#[template(path = "charts.html")]
struct Page {
    frame: Frame,
    /// Name, and whether it is shown.
    spans: Vec<(&'static str, bool)>,
    charts: Vec<Chart>,
    empty: bool,
}

/// `GET /machine/charts`
pub async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    let span: Span = match wanted.span.as_str() {
        "" => Span::default(),
        text => text.parse().map_err(|why: String| Failure::Invalid(why))?,
    };
    let load = load(&app, &visitor, span).await?;
    let page = Page {
        frame: Frame::new(&visitor, "Load", "overview"),
        spans: Span::ALL.iter().map(|s| (s.as_str(), *s == span)).collect(),
        charts: chart::charts(&load, usize::MAX),
        empty: chart::is_empty(&load),
    };
    reply::page(&visitor, &load, &page)
}

/// What was kept of a span.
pub async fn load(app: &App, visitor: &Visitor, span: Span) -> Result<Load, Failure> {
    match app.ask(&visitor.caller, Ask::Load { span }).await?.0 {
        Answer::Load(load) => Ok(load),
        _ => Err(Failure::strange()),
    }
}
