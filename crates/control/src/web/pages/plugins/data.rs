//! Live data: what a query says, in a card and on a page of its own.

use crate::{
    text,
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
    http::StatusCode,
    response::Response,
};
use broker_protocol::{Answer, Ask};
use plugin::{
    Manifest, manifest,
    query::{Data, ROWS, Wanted},
};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::timeout;

/// A page is not kept waiting longer than this by what stands in a card.
const PATIENCE: Duration = Duration::from_secs(4);
/// Rows of a table in a card; the rest is on the query's own page.
const CARD_ROWS: usize = 8;

/// What was said, harmless.
#[derive(Debug, Default)]
pub struct Shown {
    pub facts: Vec<(String, String)>,
    pub tables: Vec<Table>,
    /// Titles, perhaps empty, and texts.
    pub texts: Vec<(String, String)>,
    pub warnings: Vec<String>,
    pub message: String,
    /// Why there is nothing.
    pub failed: String,
    /// It takes longer.
    pub waits: bool,
}

impl Shown {
    /// There is more than stands here.
    pub fn cut(&self) -> bool {
        self.tables.iter().any(|t| t.hidden > 0)
    }
}

#[derive(Debug, Default)]
pub struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
    pub total: u64,
    /// Rows that are not shown here.
    pub hidden: u64,
}

pub struct Card {
    pub title: String,
    /// The query's name; empty when nothing is asked.
    pub query: String,
    pub shown: Shown,
}

#[derive(Template)]
#[template(path = "query.html")]
struct Page {
    frame: Frame,
    name: String,
    title: String,
    query: String,
    heading: String,
    description: String,
    /// What is looked for; none when it does not search.
    search: Option<String>,
    shown: Shown,
    before: Option<String>,
    after: Option<String>,
}

#[derive(Deserialize)]
pub struct Asked {
    page: Option<u32>,
    #[serde(default)]
    q: String,
}

/// `GET /plugins/{plugin}/data/{query}`
pub async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path((plugin, query)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let plugins = app.plugins(&visitor.caller).await?;
    let manifest = super::find(&plugins, &plugin)?;
    let declared =
        manifest.query(&query).ok_or_else(|| Failure::NotFound("The plugin has no such query.".into()))?;
    let number = asked.page.unwrap_or(1).max(1);
    let wanted = Wanted { page: number, search: asked.q.clone() };
    let data = ask(&app, &visitor, &plugin, &query, wanted).await;
    if visitor.json {
        return Ok(reply::done(&visitor, &data?, ""));
    }
    let data = pages::part(data)?;
    let most = data.iter().flat_map(|d| &d.tables).map(|t| t.total).max().unwrap_or(0);
    let link = |page: u32| {
        let search =
            if asked.q.is_empty() { String::new() } else { format!("&q={}", pages::percent(&asked.q)) };
        format!("/plugins/{}/data/{}?page={page}{search}", pages::percent(&plugin), pages::percent(&query))
    };
    let page = Page {
        frame: Frame::new(&visitor, &declared.title, format!("plugin-{plugin}")),
        name: manifest.name.clone(),
        title: text::harmless(&manifest.title),
        query: declared.name.clone(),
        heading: text::harmless(&declared.title),
        description: declared.description.as_deref().map(text::lines).unwrap_or_default(),
        search: declared.search.then(|| asked.q.clone()),
        before: (number > 1).then(|| link(number - 1)),
        after: (u64::from(number) * u64::from(ROWS) < most).then(|| link(number + 1)),
        shown: shown(data, usize::MAX),
    };
    reply::html(StatusCode::OK, &page)
}

/// None when the card asks what this visitor may not look at.
pub async fn card(app: &App, visitor: &Visitor, manifest: &Manifest, card: &manifest::Card) -> Option<Card> {
    let mut all = Card {
        title: text::harmless(&card.title),
        query: card.query.clone().unwrap_or_default(),
        shown: card.into(),
    };
    let Some(query) = card.query.as_deref().and_then(|name| manifest.query(name)) else { return Some(all) };
    if visitor.role().is_none_or(|role| role < query.role) {
        return None;
    }
    let asked = ask(app, visitor, &manifest.name, &query.name, Wanted::default());
    match timeout(PATIENCE, asked).await {
        Ok(data) => {
            let own = std::mem::take(&mut all.shown);
            let live =
                shown(pages::part(data).unwrap_or_else(|_| Err("Nobody is signed in.".into())), CARD_ROWS);
            all.shown = Shown {
                facts: own.facts.into_iter().chain(live.facts).collect(),
                texts: own.texts.into_iter().chain(live.texts).collect(),
                ..live
            };
        }
        Err(_) => all.shown.waits = true,
    }
    Some(all)
}

pub async fn ask(
    app: &App,
    visitor: &Visitor,
    plugin: &str,
    query: &str,
    wanted: Wanted,
) -> Result<Data, Failure> {
    let ask = Ask::Query { plugin: plugin.into(), query: query.into(), wanted };
    match app.ask(&visitor.caller, ask).await?.0 {
        Answer::Data(data) => Ok(*data),
        _ => Err(Failure::strange()),
    }
}

fn shown(data: Result<Data, String>, most: usize) -> Shown {
    let data = match data {
        Ok(data) => data,
        Err(why) => return Shown { failed: text::harmless(&why), ..Shown::default() },
    };
    let all = |texts: &[String]| texts.iter().map(|t| text::harmless(t)).collect::<Vec<_>>();
    let table = |t: &plugin::query::Table| {
        let rows: Vec<Vec<String>> = t.rows.iter().take(most).map(|row| all(row)).collect();
        let hidden = if most == usize::MAX { 0 } else { t.total.saturating_sub(rows.len() as u64) };
        Table { columns: all(&t.columns), rows, total: t.total, hidden }
    };
    Shown {
        facts: data.facts.iter().map(|f| (text::harmless(&f.label), text::harmless(&f.value))).collect(),
        tables: data.tables.iter().map(table).collect(),
        texts: data
            .texts
            .iter()
            .map(|t| (t.title.as_deref().map(text::harmless).unwrap_or_default(), text::lines(&t.text)))
            .collect(),
        warnings: all(&data.warnings),
        message: text::harmless(&data.message),
        ..Shown::default()
    }
}
