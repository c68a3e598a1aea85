//! The pages. Every text in them is escaped.

use super::{
    board::{Told, Work},
    form::Group,
};
use askama::Template;
use axum::{
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use std::sync::LazyLock;
use webpage::assets::{Asset, ICON, STYLE};

pub static SCRIPT: LazyLock<Asset> = LazyLock::new(|| Asset::script(include_bytes!("../../assets/form.js")));

/// What surrounds every page.
pub struct Frame {
    pub title: String,
    pub host: String,
    pub style: &'static str,
    pub script: &'static str,
    pub icon: &'static str,
    /// Seconds after which the page comes again where no script runs; 0: never.
    pub refresh: u32,
}

impl Frame {
    pub fn new(title: &str, host: &str) -> Frame {
        Frame {
            title: title.into(),
            host: host.into(),
            style: &STYLE.path,
            script: &SCRIPT.path,
            icon: &ICON.path,
            refresh: 0,
        }
    }
}

#[derive(Template)]
#[template(path = "form.html")]
pub struct FormPage<'a> {
    pub frame: Frame,
    pub csrf: &'a str,
    pub number: u64,
    pub title: &'a str,
    pub notes: &'a [String],
    pub groups: &'a [Group],
    pub wrong: usize,
    pub warnings: &'a [String],
}

#[derive(Template)]
#[template(path = "progress.html")]
pub struct ProgressPage<'a> {
    pub frame: Frame,
    pub work: &'a Work,
    pub percent: u32,
    pub lines: Vec<&'a str>,
}

#[derive(Template)]
#[template(path = "ended.html")]
pub struct EndedPage<'a> {
    pub frame: Frame,
    pub told: &'a Told,
    pub warnings: &'a [String],
}

#[derive(Template)]
#[template(path = "door.html")]
pub struct DoorPage<'a> {
    pub frame: Frame,
    pub token: &'a str,
}

/// One text and nothing to do.
#[derive(Template)]
#[template(path = "notice.html")]
pub struct NoticePage<'a> {
    pub frame: Frame,
    pub heading: &'a str,
    pub paragraphs: &'a [&'a str],
    /// To the page that shows how it stands.
    pub onward: bool,
}

pub fn html(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
