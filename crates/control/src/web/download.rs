//! Files, whole or in part: a download that was interrupted goes on where it was (RFC 9110, section 14).

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use std::{
    fs::File,
    io::{self, Seek, SeekFrom},
};
use tokio::io::AsyncReadExt;

const CHUNK: usize = 64 << 10;

/// A file that the broker opened, as a download of `size` bytes under `name`. `tag` names this very content; `asked` are the
/// request's headers.
pub fn download(mut file: File, size: u64, name: &str, tag: &str, asked: &HeaderMap) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{tag}\"")).unwrap_or(HeaderValue::from_static("\"\""));
    let always = [
        (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        (header::ETAG, tag.clone()),
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::CONTENT_DISPOSITION, disposition(name)),
    ];
    // whoever has a part of something else gets all of this
    let same = asked.get(header::IF_RANGE).is_none_or(|t| *t == tag);
    let wanted = asked.get(header::RANGE).filter(|_| same).and_then(|v| range(v.to_str().ok()?, size));
    let (status, from, length) = match wanted {
        None => (StatusCode::OK, 0, size),
        Some(Ok((first, last))) => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        Some(Err(Beyond)) => {
            let of = [(header::CONTENT_RANGE, of_size("*", size))];
            return (StatusCode::RANGE_NOT_SATISFIABLE, always, of).into_response();
        }
    };
    if file.seek(SeekFrom::Start(from)).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let mut response = (status, always, body(file, length)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("{from}-{}", from + length - 1);
        headers.insert(header::CONTENT_RANGE, of_size(&range, size));
    }
    response
}

fn body(file: File, length: u64) -> Body {
    let file = tokio::fs::File::from_std(file).take(length);
    Body::from_stream(stream::unfold(file, |mut file| async move {
        let mut chunk = Vec::with_capacity(CHUNK);
        match file.read_buf(&mut chunk).await {
            Ok(0) => None,
            Ok(_) => Some((Ok::<_, io::Error>(Bytes::from(chunk)), file)),
            Err(error) => Some((Err(error), file)),
        }
    }))
}

/// Nothing of what was asked for is there.
#[derive(Debug, PartialEq, Eq)]
struct Beyond;

/// First and last byte that are asked for. None for what may be ignored: several ranges, other units, nonsense.
fn range(asked: &str, size: u64) -> Option<Result<(u64, u64), Beyond>> {
    let (first, last) = asked.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| -> Option<u64> {
        if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
    };
    if first.is_empty() {
        let count = number(last)?.min(size);
        return Some(if count == 0 { Err(Beyond) } else { Ok((size - count, size - 1)) });
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    Some(if first >= size { Err(Beyond) } else { Ok((first, last.min(size - 1))) })
}

fn of_size(range: &str, size: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("bytes {range}/{size}")).unwrap_or(HeaderValue::from_static("bytes */*"))
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
    fn ranges_are_what_the_standard_says() {
        for (asked, expect) in [
            ("bytes=0-0", Some(Ok((0, 0)))),
            ("bytes=10-", Some(Ok((10, 99)))),
            ("bytes=90-200", Some(Ok((90, 99)))),
            ("bytes=-5", Some(Ok((95, 99)))),
            ("bytes=-500", Some(Ok((0, 99)))),
            ("bytes=100-", Some(Err(Beyond))),
            ("bytes=-0", Some(Err(Beyond))),
            ("bytes=5-4", None),
            ("bytes=0-1,5-6", None),
            ("bytes=+1-2", None),
            ("bytes=99999999999999999999-", None),
            ("lines=0-1", None),
            ("bytes=-", None),
            ("bytes", None),
        ] {
            assert_eq!(range(asked, 100), expect, "{asked}");
        }
        assert_eq!(range("bytes=0-", 0), Some(Err(Beyond)));
    }

    #[test]
    fn a_file_name_cannot_leave_its_header() {
        let value = disposition("wiki\r\nX: \"é.tar.gz");
        assert_eq!(
            value.to_str().unwrap(),
            "attachment; filename=\"wiki__X____.tar.gz\"; filename*=UTF-8''wiki%0D%0AX%3A%20%22%C3%A9.tar.gz"
        );
    }
}
