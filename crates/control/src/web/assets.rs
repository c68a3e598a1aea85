//! Style, script and icon of the page.

use crate::web::reply::Failure;
use axum::{extract::Path, http::HeaderMap, response::Response};
use std::sync::LazyLock;
use webpage::assets::{Asset, ICON, STYLE};

static SCRIPT: LazyLock<Asset> = LazyLock::new(|| Asset::script(include_bytes!("../../assets/page.js")));

pub fn style() -> &'static str {
    &STYLE.path
}
pub fn script() -> &'static str {
    &SCRIPT.path
}
pub fn icon() -> &'static str {
    &ICON.path
}

/// `GET /static/{name}`
pub async fn serve(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Failure> {
    let all: [&'static Asset; 3] = [&STYLE, &SCRIPT, &ICON];
    Ok(Asset::find(&all, &name).ok_or(Failure::missing())?.answer(&headers))
}
