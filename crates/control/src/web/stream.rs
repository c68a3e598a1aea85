//! What comes in pieces: a task's events while they happen, and files.

use crate::{
    log::{At, Tail},
    web::{app::App, gate::Visitor, reply::Failure},
};
use axum::{
    Extension,
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use broker_protocol::{Answer, Ask, TaskId};
use events::Kind;
use futures_util::stream;
use serde::Deserialize;
use std::{fs::File, io, time::Duration};
use tokio::{io::AsyncReadExt, time::sleep};

/// How often a running task's file is looked at. It is another user's file, so inotify(7) cannot watch it.
const LOOK: Duration = Duration::from_millis(150);
/// Looks without news after which a sign of life is sent: 15 s.
const QUIET_LOOKS: u32 = 100;
const CHUNK: usize = 64 << 10;

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
    let file = task_events(&app, &visitor, &id).await?;
    let last = headers.get("last-event-id").and_then(|v| v.to_str().ok()?.parse().ok());
    let follow = Follow { tail: Tail::new(file, last.or(query.from).unwrap_or(0)), quiet: 0, ended: false };
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
    tail: Tail,
    quiet: u32,
    ended: bool,
}

impl Follow {
    /// The next piece; none at the end, which is the task's result.
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        while !self.ended {
            match self.tail.read() {
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
                Ok(events) if events.is_empty() => {
                    sleep(LOOK).await;
                    self.quiet += 1;
                    if self.quiet % QUIET_LOOKS == 1 {
                        return Some(Ok(Bytes::from_static(b": still here\n\n")));
                    }
                }
                Ok(events) => {
                    self.quiet = 0;
                    self.ended = events.iter().any(|e| matches!(e.event.kind, Kind::Result { .. }));
                    return Some(Ok(events.iter().map(frame).collect::<String>().into()));
                }
            }
        }
        None
    }
}

fn frame(At { after, event }: &At) -> String {
    // one line of JSON has no line end in it
    format!("id: {after}\ndata: {}\n\n", event.to_line())
}

/// A file that the broker opened, as a download of `size` bytes under `name`.
pub fn download(file: File, size: u64, name: &str) -> Response {
    let file = tokio::fs::File::from_std(file).take(size);
    let body = Body::from_stream(stream::unfold(file, |mut file| async move {
        let mut chunk = Vec::with_capacity(CHUNK);
        match file.read_buf(&mut chunk).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(Bytes::from(chunk)), file)),
            Err(error) => Some((Err(error), file)),
        }
    }));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::CONTENT_LENGTH, HeaderValue::from(size)),
        (header::CONTENT_DISPOSITION, disposition(name)),
    ];
    (headers, body).into_response()
}

/// RFC 6266: a plain name for old programs, the exact one for the rest.
fn disposition(name: &str) -> HeaderValue {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let plain: String = name.chars().map(|c| if safe(c) { c } else { '_' }).collect();
    let exact: String = name
        .bytes()
        .map(|b| if safe(b as char) { (b as char).to_string() } else { format!("%{b:02X}") })
        .collect();
    let text = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_cannot_leave_its_header() {
        let value = disposition("wiki\r\nX: \"é.tar.gz");
        assert_eq!(
            value.to_str().unwrap(),
            "attachment; filename=\"wiki__X____.tar.gz\"; filename*=UTF-8''wiki%0D%0AX%3A%20%22%C3%A9.tar.gz"
        );
    }
}
