//! Restart and shut down, each after a question, now or later.

use crate::{
    machine::Machine,
    summary::Summary,
    text,
    web::{
        app::App,
        gate::{Fields, Visitor},
        pages::{
            self, Moment, overview,
            tasks::{self, Row},
        },
        reply::{self, Failure, Frame},
    },
};
use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    response::Response,
};
use broker_protocol::{Answer, Ask, Power, Scheduled, When, Work};

#[derive(Template)]
#[template(path = "power.html")]
struct Page {
    frame: Frame,
    uptime: String,
    /// The machine's time.
    local: String,
    scheduled: Option<Later>,
    running: Vec<Row>,
}

/// What was scheduled.
pub struct Later {
    pub what: &'static str,
    pub restart: bool,
    pub at: Moment,
    pub local: String,
    /// `in 4 min 10 s`
    pub left: String,
    pub by: String,
    pub boot_id: String,
}

impl Later {
    pub fn new(scheduled: &Scheduled) -> Later {
        let left = match scheduled.at.checked_sub(text::now()) {
            Some(left) if left > 0 => format!("in {}", text::span(left)),
            _ => "due".into(),
        };
        Later {
            what: scheduled.what.as_str(),
            restart: scheduled.what == Power::Restart,
            at: Moment::new(scheduled.at),
            local: text::harmless(&scheduled.local),
            left,
            by: text::harmless(&scheduled.by),
            boot_id: Machine::read().boot_id,
        }
    }
}

#[derive(Template)]
#[template(path = "power-confirm.html")]
struct ConfirmPage {
    frame: Frame,
    what: String,
    restart: bool,
    running: Vec<Row>,
}

/// `GET /power`
pub async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Failure> {
    let running = running(&app, &visitor).await?;
    let vitals = overview::vitals(&app, &visitor).await?;
    let page = Page {
        frame: Frame::new(&visitor, "Power", "power"),
        uptime: text::span(Machine::read().uptime),
        scheduled: vitals.scheduled.as_ref().map(Later::new),
        local: text::harmless(&vitals.clock.local),
        running,
    };
    reply::page(&visitor, &vitals.scheduled, &page)
}

/// `POST /power/schedule`
pub async fn schedule(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Extension(Fields(fields)): Extension<Fields>,
) -> Result<Response, Failure> {
    let get = |name: &str| fields.get(name).map_or("", |v| v.trim());
    let what: Power = get("what").parse().map_err(Failure::Invalid)?;
    let when: When = get("when").parse().map_err(Failure::Invalid)?;
    match app.ask(&visitor.caller, Ask::Schedule { what, when }).await?.0 {
        Answer::Scheduled(scheduled) => Ok(reply::done(&visitor, &scheduled, "/power")),
        _ => Err(Failure::strange()),
    }
}

/// `POST /power/schedule/cancel`
pub async fn cancel(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Failure> {
    app.ask(&visitor.caller, Ask::CancelSchedule {}).await?;
    Ok(reply::done(&visitor, &(), "/power"))
}

/// `GET /power/{what}`
pub async fn confirm(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(what): Path<String>,
) -> Result<Response, Failure> {
    let restart = matches!(work(&what)?, Work::Restart {});
    let title = if restart { "Restart this machine?" } else { "Shut down this machine?" };
    let running = running(&app, &visitor).await?;
    let page = ConfirmPage { frame: Frame::new(&visitor, title, "power"), what, restart, running };
    reply::html(axum::http::StatusCode::OK, &page)
}

/// `POST /power/{what}`
pub async fn start(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(what): Path<String>,
) -> Result<Response, Failure> {
    let Answer::Task(task) = app.ask(&visitor.caller, Ask::Start { work: work(&what)? }).await?.0 else {
        return Err(Failure::strange());
    };
    if visitor.json {
        return Ok(reply::done(&visitor, &task, ""));
    }
    // the page itself instead of the way to it: in a moment nobody is here to ask
    tasks::page_of(&visitor, &task, Summary::default())
}

/// `GET /boot-id`: differs after every start of the machine, so the script sees when it is back.
pub async fn boot_id() -> String {
    Machine::read().boot_id
}

async fn running(app: &App, visitor: &Visitor) -> Result<Vec<Row>, Failure> {
    let tasks = pages::part(pages::tasks(app, visitor).await)?.unwrap_or_default();
    Ok(tasks.iter().filter(|t| t.status.is_none()).map(Row::new).collect())
}

fn work(what: &str) -> Result<Work, Failure> {
    match what {
        "restart" => Ok(Work::Restart {}),
        "shutdown" => Ok(Work::Shutdown {}),
        _ => Err(Failure::missing()),
    }
}
