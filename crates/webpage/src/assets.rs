//! Style, script and icon: compiled in, compressed once, named by their content, so that a browser may keep them for ever.

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use std::{io::Write, sync::LazyLock};

pub struct Asset {
    /// `/static/0123456789abcdef-style.css`
    pub path: String,
    kind: &'static str,
    plain: &'static [u8],
    gzip: Vec<u8>,
}

/// The look of all our pages.
pub static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("style.css", "text/css; charset=utf-8", include_bytes!("../assets/style.css"))
});
pub static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icon.svg", "image/svg+xml", include_bytes!("../assets/icon.svg")));

impl Asset {
    pub fn new(name: &str, kind: &'static str, plain: &'static [u8]) -> Asset {
        let hash: String = Sha256::digest(plain).iter().take(8).map(|b| format!("{b:02x}")).collect();
        let mut encoder = GzEncoder::new(vec![], Compression::new(6));
        let gzip = encoder.write_all(plain).and_then(|()| encoder.finish()).unwrap_or_default();
        Asset { path: format!("/static/{hash}-{name}"), kind, plain, gzip }
    }

    /// JavaScript of ours.
    pub fn script(plain: &'static [u8]) -> Asset {
        Asset::new("page.js", "text/javascript; charset=utf-8", plain)
    }

    /// `GET /static/{name}`, of these.
    pub fn find<'a>(assets: &[&'a Asset], name: &str) -> Option<&'a Asset> {
        assets.iter().copied().find(|a| a.path.strip_prefix("/static/") == Some(name))
    }

    /// As the browser takes it.
    pub fn answer(&'static self, headers: &HeaderMap) -> Response {
        let accepts = headers.get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or("");
        let fixed = [
            (header::CONTENT_TYPE, HeaderValue::from_static(self.kind)),
            (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
            (header::VARY, HeaderValue::from_static("accept-encoding")),
        ];
        if accepts.split(',').any(|e| e.trim() == "gzip") {
            let encoding = [(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
            return (fixed, encoding, self.gzip.as_slice()).into_response();
        }
        (fixed, self.plain).into_response()
    }
}
