//! A task's events while they happen.

use crate::web::{
    app::{App, Caller},
    feed::Feed,
    gate::Visitor,
    reply::Failure,
};
use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use broker_protocol::{Answer, Ask, TaskId};
use futures_util::stream;
use serde::Deserialize;
use std::{
    fs::File,
    io,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// How often a running task's file is looked at. It is another user's file, so inotify(7) cannot watch it.
const LOOK: Duration = Duration::from_millis(150);
/// Looks without news after which a sign of life is sent: 15 s.
const QUIET_LOOKS: u32 = 100;
/// How often the broker is asked whether the session is still one, when nobody signs out here.
const MAY_EVERY: Duration = Duration::from_secs(20);

#[derive(Debug, Deserialize)]
pub struct From {
    from: Option<u64>,
}

/// `GET /tasks/{id}/events`: server-sent events. The id of each is the byte to read on from, so a browser that lost
/// the connection goes on where it was (HTML, section 9.2).
pub async fn events(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Query(query): Query<From>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let feed = app.feed(&visitor.caller, &task_id(&id)?).await?;
    let last = headers.get("last-event-id").and_then(|v| v.to_str().ok()?.parse().ok());
    let follow = Follow {
        feed,
        offset: last.or(query.from).unwrap_or(0),
        quiet: 0,
        ended: false,
        session: Session { sign_outs: app.sign_outs(), app, caller: visitor.caller, asked: Instant::now() },
    };
    let body = Body::from_stream(stream::unfold(follow, |mut follow| async move {
        let piece = follow.next().await?;
        Some((piece, follow))
    }));
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"))];
    Ok((kind, body).into_response())
}

/// The events of a task, opened by the broker.
pub async fn task_events(app: &App, visitor: &Visitor, id: &str) -> Result<File, Failure> {
    let id = task_id(id)?;
    match app.ask(&visitor.caller, Ask::TaskEvents { id }).await? {
        (Answer::File { .. }, Some(descriptor)) => Ok(File::from(descriptor)),
        _ => Err(Failure::strange()),
    }
}

pub fn task_id(text: &str) -> Result<TaskId, Failure> {
    TaskId::try_from(text.to_owned()).map_err(|_| Failure::NotFound("There is no such task.".into()))
}

struct Follow {
    feed: Arc<Feed>,
    offset: u64,
    quiet: u32,
    ended: bool,
    session: Session,
}

/// Whose stream it is, for as long as it is one.
struct Session {
    app: App,
    caller: Caller,
    asked: Instant,
    sign_outs: u64,
}

impl Session {
    /// Whether it has ended. Asked of the broker after every sign-out here, and from time to time; while the broker is away, as
    /// when it is upgraded, nothing is known against the session.
    async fn over(&mut self) -> bool {
        let sign_outs = self.app.sign_outs();
        if sign_outs == self.sign_outs && self.asked.elapsed() < MAY_EVERY {
            return false;
        }
        (self.sign_outs, self.asked) = (sign_outs, Instant::now());
        matches!(self.app.ask(&self.caller, Ask::Who {}).await, Err(Failure::SignIn))
    }
}

impl Follow {
    /// The next piece; none at the end, which is the task's result or the session's end.
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        while !self.ended {
            if self.session.over().await {
                self.ended = true;
                return Some(Ok(Bytes::from_static(b"event: signed-out\ndata:\n\n")));
            }
            match self.feed.next(self.offset) {
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
                Ok(None) => {
                    sleep(LOOK).await;
                    self.quiet += 1;
                    if self.quiet % QUIET_LOOKS == 1 {
                        return Some(Ok(Bytes::from_static(b": still here\n\n")));
                    }
                }
                Ok(Some(piece)) => {
                    (self.quiet, self.offset, self.ended) = (0, piece.after, piece.last);
                    if !piece.text.is_empty() {
                        return Some(Ok(piece.text));
                    }
                }
            }
        }
        None
    }
}
