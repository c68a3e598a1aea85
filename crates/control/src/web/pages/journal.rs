//! The journal: filtered, page by page, and live.

use crate::{
    text::{self, harmless},
    web::{
        app::App,
        gate::Visitor,
        pages::{self, Moment},
        reply::{self, Failure, Frame},
    },
};
use askama::Template;
use axum::{
    Extension,
    extract::{Query, State},
    response::Response,
};
use broker_protocol::{Answer, Ask, Entry, JournalFilter, services::From};
use serde::Deserialize;

/// Entries in the page.
const LINES: u32 = 40;
/// Characters of a message in the page; the whole is in the JSON and on the command line.
const LONGEST: usize = 400;
/// Of one service, on its own page.
const FEW: u32 = 20;
const PERIODS: &[(&str, &str, u64)] = &[
    ("", "any time", 0),
    ("hour", "the last hour", 3600),
    ("day", "the last day", 86_400),
    ("week", "the last week", 604_800),
];
const PRIORITIES: &[(&str, &str)] =
    &[("", "everything"), ("4", "warnings and errors"), ("3", "errors"), ("2", "the gravest")];

/// What stands in the address.
#[derive(Debug, Default, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    unit: String,
    #[serde(default)]
    priority: String,
    #[serde(default)]
    period: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    before: String,
    #[serde(default)]
    after: String,
}

/// An entry as a person reads it.
#[derive(Debug)]
pub struct Line {
    pub time: Moment,
    pub clock: String,
    pub who: String,
    pub message: String,
    /// The class of its row.
    pub grave: &'static str,
}

impl Line {
    fn new(entry: &Entry) -> Line {
        let seconds = entry.at / 1000;
        let who = if entry.identifier.is_empty() { &entry.unit } else { &entry.identifier };
        Line {
            time: Moment::new(seconds),
            clock: format!("{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60),
            who: harmless(who),
            message: shortened(&entry.message),
            grave: match entry.priority {
                0..=3 => "bad",
                4 => "warn",
                _ => "",
            },
        }
    }
}

fn shortened(message: &str) -> String {
    let whole = message.lines().map(harmless).collect::<Vec<_>>().join("\n");
    match whole.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &whole[..end]),
        None => whole,
    }
}

#[derive(Template)]
#[template(path = "journal.html")]
struct Page {
    frame: Frame,
    unit: String,
    q: String,
    /// Value, words, and whether it is chosen.
    priorities: Vec<(&'static str, &'static str, bool)>,
    periods: Vec<(&'static str, &'static str, bool)>,
    lines: Vec<Line>,
    /// The address of what is older, when there may be more.
    older: Option<String>,
    /// The newest entry's cursor; empty on an older page, which does not grow.
    newest: String,
    filtered: bool,
}

impl Wanted {
    fn filter(&self) -> JournalFilter {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|t| !t.is_empty());
        let period = PERIODS.iter().find(|(value, ..)| *value == self.period).map_or(0, |(.., s)| *s);
        JournalFilter {
            unit: given(&self.unit).map(|unit| match unit.contains('.') {
                true => unit,
                false => format!("{unit}.service"),
            }),
            priority: self.priority.parse().ok(),
            since: (period > 0).then(|| text::now().saturating_sub(period)),
            until: None,
            text: given(&self.q),
            from: given(&self.before).map(From::Before).or_else(|| given(&self.after).map(From::After)),
            lines: LINES,
        }
    }

    /// The same filter, for a link.
    fn link(&self, cursor: &str) -> String {
        let part = |name: &str, value: &str| format!("{name}={}&", pages::percent(value.trim()));
        let parts =
            [("unit", &self.unit), ("priority", &self.priority), ("period", &self.period), ("q", &self.q)];
        let same: String = parts.iter().filter(|(_, v)| !v.is_empty()).map(|(n, v)| part(n, v)).collect();
        format!("/log?{same}before={}", pages::percent(cursor))
    }
}

/// `GET /log`
pub async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Query(query): Query<Wanted>,
) -> Result<Response, Failure> {
    let entries = read(&app, &visitor, query.filter()).await?;
    let chosen = |list: &'static [(&str, &str)], is: &str| {
        list.iter().map(|(value, words)| (*value, *words, *value == is)).collect::<Vec<_>>()
    };
    let page = Page {
        frame: Frame::new(&visitor, "Log", "log"),
        priorities: chosen(PRIORITIES, &query.priority),
        periods: PERIODS.iter().map(|(value, words, _)| (*value, *words, *value == query.period)).collect(),
        lines: entries.iter().map(Line::new).collect(),
        older: entries.last().filter(|_| entries.len() == LINES as usize).map(|e| query.link(&e.cursor)),
        newest: match query.before.is_empty() {
            true => entries.first().map(|e| e.cursor.clone()).unwrap_or_default(),
            false => String::new(),
        },
        filtered: [&query.unit, &query.priority, &query.period, &query.q].iter().any(|p| !p.is_empty()),
        unit: query.unit.clone(),
        q: query.q.clone(),
    };
    reply::page(&visitor, &entries, &page)
}

/// The last words of one service.
pub async fn of(app: &App, visitor: &Visitor, unit: &str) -> Result<Vec<Line>, Failure> {
    let filter = JournalFilter { unit: Some(unit.into()), lines: FEW, ..JournalFilter::default() };
    Ok(read(app, visitor, filter).await?.iter().map(Line::new).collect())
}

async fn read(app: &App, visitor: &Visitor, filter: JournalFilter) -> Result<Vec<Entry>, Failure> {
    match app.ask(&visitor.caller, Ask::Journal { filter }).await?.0 {
        Answer::Journal(entries) => Ok(entries),
        _ => Err(Failure::strange()),
    }
}
