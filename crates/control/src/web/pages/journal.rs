//! The journal: filtered, page by page, and live.

use crate::{
    text::{self, harmless},
    web::{
        api::{self, Field, number, one_of},
        app::App,
        gate::Visitor,
        list::{self, Filter},
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

/// What may stand in the address.
pub const QUERY: &[Field] = &[
    api::text("q", "Stands in the message"),
    api::text("unit", "A service"),
    number("priority", "0 (emergency) to 7 (debug): this and what is graver"),
    one_of("period", &["hour", "day", "week"], "The last …"),
    api::text("before", "A cursor: what came before"),
    api::text("after", "A cursor: what came after"),
];

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
    filter: Filter,
    lines: Vec<Line>,
    /// The address of what is older, when there may be more.
    older: Option<String>,
    /// The newest entry's cursor; empty on an older page, which does not grow.
    newest: String,
}

/// `GET /log`
pub async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Query(query): Query<list::Query>,
) -> Result<Response, Failure> {
    let periods = PERIODS.iter().map(|(value, words, _)| (*value, *words));
    let filter = Filter::new(&query, "Words of the message")
        .text(&query, "unit", "Service")
        .choice(&query, "priority", "How grave", PRIORITIES.iter().copied())
        .choice(&query, "period", "When", periods);
    let entries = read(&app, &visitor, wanted(&query, &filter)).await?;
    let older = entries.last().filter(|_| entries.len() == LINES as usize);
    let page = Page {
        frame: Frame::new(&visitor, "Log", "log"),
        lines: entries.iter().map(Line::new).collect(),
        older: older.map(|e| format!("/log?{}before={}", filter.link(), pages::percent(&e.cursor))),
        newest: match query.contains_key("before") {
            true => String::new(),
            false => entries.first().map(|e| e.cursor.clone()).unwrap_or_default(),
        },
        filter,
    };
    reply::page(&visitor, &entries, &page)
}

fn wanted(query: &list::Query, filter: &Filter) -> JournalFilter {
    let given = |text: &str| Some(text.trim().to_owned()).filter(|t| !t.is_empty());
    let cursor = |name: &str| query.get(name).and_then(|c| given(c));
    let period = PERIODS.iter().find(|(value, ..)| *value == filter.value("period")).map_or(0, |(.., s)| *s);
    JournalFilter {
        unit: given(filter.value("unit")).map(|unit| match unit.contains('.') {
            true => unit,
            false => format!("{unit}.service"),
        }),
        // of those that are not offered, too
        priority: query.get("priority").and_then(|p| p.parse().ok()),
        since: (period > 0).then(|| text::now().saturating_sub(period)),
        until: None,
        text: given(&filter.q),
        from: cursor("before").map(From::Before).or_else(|| cursor("after").map(From::After)),
        lines: LINES,
    }
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
