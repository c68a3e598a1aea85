//! Services: what runs, one of them, and what can be done to it.

use crate::{
    text::{self, harmless},
    web::{
        app::App,
        gate::Visitor,
        list::{self, Filter, List, has_words},
        pages::{self, Moment, journal},
        reply::{self, Failure, Frame},
    },
};
use askama::Template;
use axum::{
    Extension,
    extract::{Path, Query, State},
    response::Response,
};
use broker_protocol::{Answer, Ask, Service, ServiceState, Verb, Work};

const ROWS: usize = 60;

/// A service as a person reads it.
pub struct Row {
    pub name: String,
    /// For a link.
    pub link: String,
    description: String,
    /// The class of its badge.
    pub state: &'static str,
    pub word: String,
    starts: &'static str,
    appliance: Option<String>,
}

impl Row {
    pub fn new(service: &Service) -> Row {
        let (state, word) = match (service.active.as_str(), service.sub.as_str()) {
            ("active", "running") => ("ok", "runs"),
            ("active", "exited") => ("ok", "done"),
            ("active", other) => ("ok", other),
            ("inactive", _) => ("", "stopped"),
            ("failed", _) => ("failed", "failed"),
            (other, _) => ("running", other),
        };
        Row {
            name: harmless(&service.name),
            link: pages::percent(&service.name),
            description: harmless(&service.description),
            state,
            word: harmless(word),
            starts: match service.enabled.as_str() {
                "enabled" => "with the machine",
                "enabled-runtime" => "until the next start",
                "disabled" => "by hand",
                "masked" | "masked-runtime" => "never: it is masked",
                _ => "when it is needed",
            },
            appliance: service.appliance.as_deref().map(harmless),
        }
    }
}

#[derive(Template)]
#[template(path = "services.html")]
struct ListPage {
    frame: Frame,
    list: List,
    rows: Vec<Row>,
    failed: usize,
}

#[derive(Template)]
#[template(path = "service.html")]
struct Page {
    frame: Frame,
    row: Row,
    since: Option<Moment>,
    memory: Option<String>,
    restarts: u64,
    file: String,
    runs: bool,
    enabled: bool,
    masked: bool,
    /// It has an `[Install]` section to be enabled by.
    installable: bool,
    ours: bool,
    lines: Vec<journal::Line>,
}

/// `GET /services`
pub async fn list(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Query(query): Query<list::Query>,
) -> Result<Response, Failure> {
    let Answer::Services(services) = app.ask(&visitor.caller, Ask::Services {}).await?.0 else {
        return Err(Failure::strange());
    };
    let all = services.len();
    let failed = services.iter().filter(|s| s.active == "failed").count();
    let filter = Filter::new(&query, "Name, words, or a state such as failed");
    let found: Vec<Service> = services.into_iter().filter(|s| fits(s, &filter.q)).collect();
    let (rows, list) = filter.page(&found, all, ROWS);
    let frame = Frame::new(&visitor, "Services", "services");
    let template = ListPage { frame, list, rows: rows.iter().map(Row::new).collect(), failed };
    reply::page(&visitor, &found, &template)
}

/// Every word stands in the name, the description or the state.
pub fn fits(service: &Service, words: &str) -> bool {
    has_words(&format!("{} {} {}", service.name, service.description, service.active), words)
}

/// `GET /services/{unit}`
pub async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(unit): Path<String>,
) -> Result<Response, Failure> {
    let Answer::Service(state) = app.ask(&visitor.caller, Ask::Service { unit: unit.clone() }).await?.0
    else {
        return Err(Failure::strange());
    };
    if visitor.json {
        return Ok(reply::done(&visitor, &state, ""));
    }
    let frame = Frame::new(&visitor, harmless(&unit), "services");
    let lines = match frame.administrator {
        true => pages::part(journal::of(&app, &visitor, &unit).await)?.unwrap_or_default(),
        false => vec![],
    };
    let ServiceState { service, since, memory, restarts, file, ours, .. } = *state;
    let page = Page {
        row: Row::new(&service),
        since: since.map(Moment::new),
        memory: memory.map(text::size),
        restarts,
        file: harmless(&file),
        runs: matches!(service.active.as_str(), "active" | "activating" | "reloading"),
        enabled: service.enabled.starts_with("enabled"),
        masked: service.enabled.starts_with("masked"),
        installable: service.enabled.starts_with("enabled") || service.enabled == "disabled",
        ours,
        lines,
        frame,
    };
    reply::html(axum::http::StatusCode::OK, &page)
}

/// `POST /services/{unit}/{verb}`
pub async fn start(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path((unit, verb)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let verb: Verb = verb.parse().map_err(|_| Failure::missing())?;
    pages::start(&app, &visitor, Work::Service { unit, verb }).await
}
