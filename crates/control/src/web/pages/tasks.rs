//! Tasks: the history, and one task while it runs and after.

use crate::{
    log::{Summary, Tail},
    machine::Machine,
    text,
    web::{
        app::App,
        download,
        gate::Visitor,
        pages::{self, Moment},
        reply::{self, Failure, Frame},
        stream,
    },
};
use askama::Template;
use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use broker_protocol::{Answer, Ask, Task, Work};
use events::{Kind, Status};
use futures_util::stream::unfold;
use std::io;

/// Tasks in the list.
const ROWS: usize = 100;

/// A task in a list.
pub struct Row {
    pub id: String,
    pub title: String,
    pub by: String,
    pub started: Moment,
    /// How long it took, or takes so far.
    pub took: String,
    /// `running`, `ok`, `failed`, `cancelled`: for the style.
    pub state: &'static str,
    /// The same for a person.
    pub word: &'static str,
    pub message: String,
}

impl Row {
    pub fn new(task: &Task) -> Row {
        let (state, word) = match task.status {
            None => ("running", "Running"),
            Some(Status::Ok) => ("ok", "Done"),
            Some(Status::Failed) => ("failed", "Failed"),
            Some(Status::Cancelled) => ("cancelled", "Stopped"),
        };
        Row {
            id: task.id.to_string(),
            title: text::harmless(&task.title),
            by: task.by.clone(),
            started: Moment::new(task.started),
            took: text::span(task.ended.unwrap_or_else(text::now).saturating_sub(task.started)),
            state,
            word,
            message: text::harmless(&task.message),
        }
    }
}

#[derive(Template)]
#[template(path = "tasks.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "task.html")]
struct Page {
    frame: Frame,
    row: Row,
    summary: Summary,
    percent: u32,
    /// Names, the same for a link, and sizes.
    artifacts: Vec<(String, String, String)>,
    cancellable: bool,
    /// It can be stopped only at its begin: the phase that ends that, and whether it has come.
    until: &'static str,
    too_late: bool,
    /// Without the script: nothing was heard for so long.
    silence: Option<String>,
    result: Option<(String, Vec<String>)>,
    /// A package may be half installed now.
    repair: bool,
    /// `restart` or `shutdown` while the machine has not come back from it.
    leaving: &'static str,
    boot_id: String,
    /// Where a person came from: the address and what to call it.
    back: (String, &'static str),
}

/// `GET /tasks`
pub async fn list(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Failure> {
    let tasks = pages::tasks(&app, &visitor).await?;
    let rows: Vec<Row> = tasks.iter().take(ROWS).map(Row::new).collect();
    let refresh = if rows.iter().any(|r| r.state == "running") { 5 } else { 0 };
    let frame = Frame::new(&visitor, "Tasks", "tasks").refresh(refresh);
    reply::page(&visitor, &tasks, &ListPage { frame, rows })
}

/// `GET /tasks/{id}`
pub async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let ask = Ask::Task { id: stream::task_id(&id)? };
    let (task, file) = tokio::join!(app.ask(&visitor.caller, ask), stream::task_events(&app, &visitor, &id));
    let Answer::Task(task) = task?.0 else { return Err(Failure::strange()) };
    if visitor.json {
        return Ok(reply::done(&visitor, &task, ""));
    }
    let summary = pages::part(file)?.ok().and_then(|f| Summary::read(f).ok()).unwrap_or_default();
    page_of(&visitor, &task, summary)
}

/// The page of one task.
pub fn page_of(visitor: &Visitor, task: &Task, summary: Summary) -> Result<Response, Failure> {
    let row = Row::new(task);
    let running = row.state == "running" && summary.result.is_none();
    let silent = text::now().saturating_sub(summary.last / 1000);
    let machine = Machine::read();
    let page = Page {
        frame: Frame::new(visitor, &row.title, "tasks").refresh(if running { 3 } else { 0 }),
        percent: summary.percent.unwrap_or(0.0) as u32,
        artifacts: task
            .artifacts
            .iter()
            .map(|a| (text::harmless(&a.name), pages::percent(&a.name), text::size(a.size)))
            .collect(),
        cancellable: running && task.cancellable,
        until: if matches!(task.work, Work::Upgrade { .. }) { "install" } else { "" },
        too_late: running && !task.cancellable && matches!(task.work, Work::Upgrade { .. }),
        silence: (running && summary.last > 0 && silent >= 10).then(|| text::span(silent)),
        result: summary.result.as_ref().map(|(_, m, d)| (m.clone(), d.clone())),
        repair: matches!(task.work, Work::Upgrade { .. } | Work::Repair {})
            && task.status == Some(Status::Failed),
        leaving: leaving(task, &summary.phase_id, machine.booted),
        boot_id: machine.boot_id,
        back: way_back(task),
        row,
        summary,
    };
    reply::html(axum::http::StatusCode::OK, &page)
}

/// Whether the machine is still to go down for this task, which is in this phase; `booted` is when it came up.
fn leaving(task: &Task, phase: &str, booted: u64) -> &'static str {
    if task.started < booted || matches!(task.status, Some(Status::Failed | Status::Cancelled)) {
        return "";
    }
    match task.work {
        Work::Restart {} => "restart",
        Work::Shutdown {} => "shutdown",
        Work::Upgrade { restart: true, .. } if phase == "restart" => "restart",
        _ => "",
    }
}

fn way_back(task: &Task) -> (String, &'static str) {
    match &task.work {
        Work::Refresh {}
        | Work::Upgrade { .. }
        | Work::Download { .. }
        | Work::Repair {}
        | Work::RestartServices {} => ("/updates".into(), "Back to updates"),
        Work::DecideFile { .. } => ("/updates/files".into(), "Back to the configuration files"),
        Work::Automatic { .. } => ("/updates/automatic".into(), "Back to automatic updates"),
        Work::Service { unit, .. } => (format!("/services/{}", pages::percent(unit)), "Back to the service"),
        Work::Settings { appliance, .. } => {
            (format!("/settings/{}", pages::percent(appliance)), "Back to the settings")
        }
        Work::Restart {} | Work::Shutdown {} | Work::Action { .. } => ("/".into(), "To the overview"),
    }
}

/// `GET /tasks/{id}/log`: the whole output as text, as it is now.
pub async fn log(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let tail = Tail::new(stream::task_events(&app, &visitor, &id).await?, 0);
    let body = Body::from_stream(unfold(tail, |mut tail| async move {
        match tail.read() {
            Ok(events) if events.is_empty() => None,
            Ok(events) => {
                let text: String = events.iter().filter_map(|at| as_text(&at.event.kind)).collect();
                Some((Ok::<_, io::Error>(Bytes::from(text)), tail))
            }
            Err(error) => Some((Err(error), tail)),
        }
    }));
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))];
    Ok((kind, body).into_response())
}

fn as_text(kind: &Kind) -> Option<String> {
    Some(match kind {
        Kind::Phase { title, .. } => format!("== {title}\n"),
        Kind::Log { line, .. } => format!("{line}\n"),
        Kind::Warning { message } => format!("Warning: {message}\n"),
        Kind::Result { message, .. } => format!("== {message}\n"),
        Kind::Table { columns, rows } => {
            let lines = std::iter::once(columns).chain(rows).map(|r| r.join("\t") + "\n");
            lines.collect()
        }
        Kind::Progress { .. } | Kind::Artifact { .. } => return None,
    })
}

/// `POST /tasks/{id}/cancel`
pub async fn cancel(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    app.ask(&visitor.caller, Ask::Cancel { id: stream::task_id(&id)? }).await?;
    Ok(reply::done(&visitor, &(), &format!("/tasks/{id}")))
}

/// `GET /tasks/{id}/artifacts/{name}`
pub async fn artifact(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path((id, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let ask = Ask::Artifact { id: stream::task_id(&id)?, name: name.clone() };
    match app.ask(&visitor.caller, ask).await? {
        // nothing changes an artifact once it is taken
        (Answer::File { size }, Some(descriptor)) => {
            Ok(download::download(descriptor.into(), size, &name, &format!("{id}-{size}"), &headers))
        }
        _ => Err(Failure::strange()),
    }
}
