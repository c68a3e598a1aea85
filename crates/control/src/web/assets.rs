//! Style, script and icon: compiled in, compressed once, named by their content, so that a browser may keep them for ever.

use crate::web::reply::Failure;
use axum::{
    extract::Path,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use std::{io::Write, sync::LazyLock};

struct Asset {
    /// `/static/0123456789abcdef-style.css`
    path: String,
    kind: &'static str,
    plain: &'static [u8],
    gzip: Vec<u8>,
}

static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        asset("style.css", "text/css; charset=utf-8", include_bytes!("../../assets/style.css")),
        asset("page.js", "text/javascript; charset=utf-8", include_bytes!("../../assets/page.js")),
        asset("icon.svg", "image/svg+xml", include_bytes!("../../assets/icon.svg")),
    ]
});

pub fn style() -> &'static str {
    &ASSETS[0].path
}
pub fn script() -> &'static str {
    &ASSETS[1].path
}
pub fn icon() -> &'static str {
    &ASSETS[2].path
}

/// `GET /static/{name}`
pub async fn serve(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Failure> {
    let asset =
        ASSETS.iter().find(|a| a.path.strip_prefix("/static/") == Some(&name)).ok_or(Failure::missing())?;
    let accepts = headers.get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or("");
    let fixed = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
    ];
    if accepts.split(',').any(|e| e.trim() == "gzip") {
        let encoding = [(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
        return Ok((fixed, encoding, asset.gzip.as_slice()).into_response());
    }
    Ok((fixed, asset.plain).into_response())
}

fn asset(name: &str, kind: &'static str, plain: &'static [u8]) -> Asset {
    let hash: String = Sha256::digest(plain).iter().take(8).map(|b| format!("{b:02x}")).collect();
    let mut encoder = GzEncoder::new(vec![], Compression::new(6));
    let gzip = encoder.write_all(plain).and_then(|()| encoder.finish()).unwrap_or_default();
    Asset { path: format!("/static/{hash}-{name}"), kind, plain, gzip }
}
