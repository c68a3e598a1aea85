//! The audit trail: who did what, when, from where, and what came of it.

use crate::{
    text::{self, harmless},
    web::{
        api::{self, Field, number, one_of},
        app::App,
        gate::Visitor,
        list::{self, Filter, List},
        pages::Moment,
        reply::{self, Failure, Frame},
    },
};
use askama::Template;
use axum::{
    Extension,
    extract::{Query, State},
    response::Response,
};
use broker_protocol::{Answer, Ask, Audit, AuditFilter, Audited, MOST_AUDITED};
use events::Status;

/// Entries in a page.
const ROWS: usize = 50;
const PERIODS: &[(&str, &str, u64)] = &[
    ("", "at any time", 0),
    ("day", "in the last day", 86_400),
    ("week", "in the last week", 604_800),
    ("month", "in the last month", 30 * 86_400),
];
pub const QUERY: &[Field] = &[
    api::text("q", "Words that all have to be there"),
    api::text("who", "A person, as in `people`"),
    api::text("what", "What was done, as in `actions`"),
    one_of("period", &["day", "week", "month"], "The last …"),
    number("page", "From 0; programs get 500 entries a page"),
];

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    frame: Frame,
    list: List,
    rows: Vec<Row>,
}

struct Row {
    at: Moment,
    who: String,
    from: String,
    what: String,
    about: String,
    /// The class of its badge, and what it says.
    state: &'static str,
    word: String,
    task: String,
}

impl Row {
    fn new(entry: &Audited) -> Row {
        let (state, word) = outcome(entry);
        Row {
            at: Moment::new(entry.at),
            who: harmless(&entry.who),
            from: harmless(entry.from.as_deref().unwrap_or("on the machine")),
            what: words(&entry.what),
            about: harmless(&entry.about),
            state,
            word,
            task: entry.task.as_ref().map(ToString::to_string).unwrap_or_default(),
        }
    }
}

/// What came of it: how its task ended, where it has started one. For the style, and in words.
pub fn outcome(entry: &Audited) -> (&'static str, String) {
    let (state, word) = match (entry.result.as_str(), entry.ended.as_ref().map(|end| end.status)) {
        ("ok", Some(Status::Ok)) => ("ok", "done"),
        ("ok", Some(Status::Failed)) => ("failed", "failed"),
        ("ok", Some(Status::Cancelled)) => ("cancelled", "stopped"),
        ("ok", None) if entry.task.is_some() => ("running", "begun"),
        ("ok", None) => ("ok", "done"),
        ("unfit", _) => ("failed", "did not fit"),
        ("sign-in", _) => ("failed", "not signed in"),
        ("forbidden", _) => ("failed", "not allowed"),
        ("not-found", _) => ("failed", "not there"),
        ("invalid", _) => ("failed", "not valid"),
        ("busy", _) => ("failed", "something else ran"),
        _ => ("failed", "failed"),
    };
    let more = if entry.left_out > 0 { format!(", {} more", entry.left_out) } else { String::new() };
    (state, format!("{word}{more}"))
}

/// `start restart-services` → `Restart services`
pub fn words(what: &str) -> String {
    let what = harmless(what.strip_prefix("start ").unwrap_or(what)).replace('-', " ");
    let mut chars = what.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// `GET /audit`
pub async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Query(query): Query<list::Query>,
) -> Result<Response, Failure> {
    let rows = if visitor.json { MOST_AUDITED as usize } else { ROWS };
    let page: u32 = query.get("page").and_then(|p| p.parse().ok()).unwrap_or(0);
    let given = |name: &str| query.get(name).map(|v| v.trim().to_owned()).unwrap_or_default();
    let period = PERIODS.iter().find(|(value, ..)| *value == given("period")).map_or(0, |(.., s)| *s);
    let filter = AuditFilter {
        who: given("who"),
        what: given("what"),
        since: (period > 0).then(|| text::now().saturating_sub(period)),
        words: given("q"),
        skip: page.saturating_mul(rows as u32),
        lines: rows as u32,
    };
    let Answer::Audit(audit) = app.ask(&visitor.caller, Ask::Audit { filter }).await?.0 else {
        return Err(Failure::strange());
    };
    let (all, found) = (audit.all as usize, audit.found as usize);
    let (list, _) = form(&query, &audit).paged(found, all, rows);
    let frame = Frame::new(&visitor, "Audit", "audit");
    let page = Page { frame, list: list.newest_first(), rows: audit.entries.iter().map(Row::new).collect() };
    reply::page(&visitor, &audit, &page)
}

fn form(query: &list::Query, audit: &Audit) -> Filter {
    let any = |words: &str| [(String::new(), words.to_owned())];
    let people = audit.people.iter().map(|p| (p.clone(), harmless(p)));
    let actions = audit.actions.iter().map(|a| (a.clone(), words(a)));
    Filter::new(query, "Words")
        .choice(query, "who", "Who", any("anybody").into_iter().chain(people))
        .choice(query, "what", "What", any("did anything").into_iter().chain(actions))
        .choice(query, "period", "When", PERIODS.iter().map(|(value, words, _)| (*value, *words)))
}
