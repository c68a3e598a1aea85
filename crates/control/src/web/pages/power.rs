//! Restart and shut down, each after a question.

use crate::{
    machine::Machine,
    summary::Summary,
    text,
    web::{
        app::App,
        gate::Visitor,
        pages::{
            self,
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
use broker_protocol::{Answer, Ask, Work};

#[derive(Template)]
#[template(path = "power.html")]
struct Page {
    frame: Frame,
    uptime: String,
    running: Vec<Row>,
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
    let uptime = text::span(Machine::read().uptime);
    reply::html(
        axum::http::StatusCode::OK,
        &Page { frame: Frame::new(&visitor, "Power", "power"), uptime, running },
    )
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
