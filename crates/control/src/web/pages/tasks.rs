//! Tasks: the history, and one task while it runs and after.

use crate::{
    log::Tail,
    machine::Machine,
    summary::Summary,
    text,
    web::{
        PORT,
        api::{self, Field, number, one_of},
        app::App,
        download,
        gate::Visitor,
        list::{self, Filter, List, has_words},
        pages::{self, Moment},
        reply::{self, Failure, Frame},
        stream,
    },
};
use askama::Template;
use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use broker_protocol::{Addresses, Answer, Ask, MadeSecret, Task, Work, machine::cidr};
use events::{Kind, Status};
use futures_util::stream::unfold;
use std::{collections::BTreeSet, io, net::SocketAddr};

/// Tasks in a page of the list.
const ROWS: usize = 50;
/// What a list of tasks may be filtered by.
pub const QUERY: &[Field] = &[
    api::text("q", "Words of the title, the result or the id"),
    one_of("kind", &["updates", "services", "settings", "plugins", "machine"], "What it is about"),
    one_of("state", &["running", "ok", "failed", "cancelled"], "How it ended, or that it has not"),
    api::text("by", "Who started it"),
    number("page", "Of the list as people see it; programs get all of it"),
];
const KINDS: &[(&str, &str)] = &[
    ("", "of every kind"),
    ("updates", "updates"),
    ("services", "services"),
    ("settings", "settings"),
    ("plugins", "plugins"),
    ("machine", "the machine"),
];
const STATES: &[(&str, &str)] = &[
    ("", "in every state"),
    ("running", "running"),
    ("ok", "done"),
    ("failed", "failed"),
    ("cancelled", "stopped"),
];

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
        let (state, word) = state_of(task);
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
    list: List,
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
    /// Secrets that wait to be seen.
    secrets: usize,
    result: Option<(String, Vec<String>)>,
    /// A package may be half installed now.
    repair: bool,
    /// `restart` or `shutdown` while the machine has not come back from it.
    leaving: &'static str,
    boot_id: String,
    /// Of a new configuration of the network that waits to be confirmed: the address to come to, and in how many seconds.
    confirm: Option<(String, u32)>,
    /// Where a person came from: the address and what to call it.
    back: (String, &'static str),
}

/// `GET /tasks`
pub async fn list(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Query(query): Query<list::Query>,
) -> Result<Response, Failure> {
    let tasks = pages::tasks(&app, &visitor).await?;
    let people: BTreeSet<&str> = tasks.iter().map(|t| t.by.as_str()).collect();
    let people = people.into_iter().map(|name| (name.to_owned(), format!("by {}", text::harmless(name))));
    let filter = Filter::new(&query, "Words of the task or its result")
        .choice(&query, "kind", "What", KINDS.iter().copied())
        .choice(&query, "state", "State", STATES.iter().copied())
        .choice(&query, "by", "Who", [(String::new(), "by anybody".to_owned())].into_iter().chain(people));
    let all = tasks.len();
    let [kind, state, by] = ["kind", "state", "by"].map(|name| filter.value(name).to_owned());
    let fits = |t: &Task| fits(t, &filter.q, &kind, &state, &by);
    let found: Vec<Task> = tasks.into_iter().filter(fits).collect();
    let (rows, list) = filter.page(&found, all, ROWS);
    let rows: Vec<Row> = rows.iter().map(Row::new).collect();
    let refresh = if rows.iter().any(|r| r.state == "running") { 5 } else { 0 };
    let frame = Frame::new(&visitor, "Tasks", "tasks").refresh(refresh);
    reply::page(&visitor, &found, &ListPage { frame, list: list.newest_first(), rows })
}

/// Whether a task is what is looked for; what is empty is not looked for.
pub fn fits(task: &Task, words: &str, kind: &str, state: &str, by: &str) -> bool {
    let or_any = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
    or_any(kind, kind_of(&task.work))
        && or_any(state, state_of(task).0)
        && or_any(by, &task.by)
        && has_words(&format!("{} {} {}", task.title, task.message, task.id), words)
}

fn kind_of(work: &Work) -> &'static str {
    match work {
        Work::Refresh {}
        | Work::Upgrade { .. }
        | Work::Download { .. }
        | Work::Repair {}
        | Work::RestartServices {}
        | Work::DecideFile { .. }
        | Work::Automatic { .. } => "updates",
        Work::Service { .. } => "services",
        Work::Settings { .. } => "settings",
        Work::Action { .. } => "plugins",
        _ => "machine",
    }
}

/// For the style and the filter, and for a person.
fn state_of(task: &Task) -> (&'static str, &'static str) {
    match task.status {
        None => ("running", "Running"),
        Some(Status::Ok) => ("ok", "Done"),
        Some(Status::Failed) => ("failed", "Failed"),
        Some(Status::Cancelled) => ("cancelled", "Stopped"),
    }
}

/// `GET /tasks/{id}`
pub async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let ask = Ask::Task { id: stream::task_id(&id)? };
    let task_id = stream::task_id(&id)?;
    let (task, feed) = tokio::join!(app.ask(&visitor.caller, ask), app.feed(&visitor.caller, &task_id));
    let Answer::Task(task) = task?.0 else { return Err(Failure::strange()) };
    if visitor.json {
        return Ok(reply::done(&visitor, &task, ""));
    }
    let summary = match pages::part(feed)? {
        // a long log takes its time, which is nobody else's
        Ok(feed) => tokio::task::spawn_blocking(move || feed.summary()).await.ok().and_then(Result::ok),
        Err(_) => None,
    };
    let summary = summary.unwrap_or_default();
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
        secrets: if running { 0 } else { task.secrets },
        result: summary.result.as_ref().map(|(_, m, d)| (m.clone(), d.clone())),
        repair: matches!(task.work, Work::Upgrade { .. } | Work::Repair {})
            && task.status == Some(Status::Failed),
        leaving: leaving(task, &summary.phase_id, machine.booted),
        boot_id: machine.boot_id,
        confirm: confirm(task).filter(|_| running),
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

/// With a fixed address, where the machine will be; else where it is.
fn confirm(task: &Task) -> Option<(String, u32)> {
    let Work::Network { addresses, within, .. } = &task.work else { return None };
    let ip = match addresses {
        Addresses::Fixed { address, .. } => cidr(address).map(|(ip, _)| ip),
        Addresses::Dhcp => None,
    };
    let begin = ip.map(|ip| format!("https://{}", SocketAddr::new(ip, PORT))).unwrap_or_default();
    Some((format!("{begin}/network/{}", task.id), *within))
}

fn way_back(task: &Task) -> (String, &'static str) {
    match &task.work {
        Work::Refresh {}
        | Work::Upgrade { .. }
        | Work::Download { .. }
        | Work::Repair {}
        | Work::RestartServices {} => ("/updates".into(), "Back to updates"),
        Work::DecideFile { .. } => ("/updates/files".into(), "Back to the configuration files"),
        Work::Viewer { .. } => ("/account".into(), "Back to the account"),
        Work::Automatic { .. } => ("/updates/automatic".into(), "Back to automatic updates"),
        Work::HostName { .. }
        | Work::TimeZone { .. }
        | Work::Clock { .. }
        | Work::Clean { .. }
        | Work::Network { .. } => ("/machine".into(), "Back to the machine"),
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
        Kind::Text { title, text } => {
            format!("{}{text}\n", title.as_ref().map(|t| format!("== {t}\n")).unwrap_or_default())
        }
        Kind::Progress { .. } | Kind::Artifact { .. } | Kind::Secret { .. } => return None,
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

#[derive(Template)]
#[template(path = "secrets.html")]
struct SecretsPage {
    frame: Frame,
    id: String,
    /// Labels and values.
    secrets: Vec<(String, String)>,
}

/// `POST /tasks/{id}/secrets`
pub async fn secrets(
    State(app): State<App>,
    Extension(mut visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let Answer::Secrets(secrets) =
        app.ask(&visitor.caller, Ask::Reveal { id: stream::task_id(&id)? }).await?.0
    else {
        return Err(Failure::strange());
    };
    if visitor.json {
        return Ok(reply::done(&visitor, &secrets, ""));
    }
    visitor.plugins = app.plugins(&visitor.caller).await.unwrap_or_default();
    let harmless = |s: &MadeSecret| (text::harmless(&s.label), text::lines(&s.value));
    let page = SecretsPage {
        frame: Frame::new(&visitor, "Shown once", "tasks"),
        id,
        secrets: secrets.iter().map(harmless).collect(),
    };
    reply::html(axum::http::StatusCode::OK, &page)
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
