//! Answers: pages, JSON, and what went wrong.

use crate::{
    text,
    web::{assets, gate::Visitor},
};
use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use plugin::manifest::Role;
use serde::Serialize;

/// What surrounds every page.
pub struct Frame {
    pub title: String,
    /// The entry of the navigation that this page belongs to.
    pub here: String,
    pub host: String,
    /// The person's name, when signed in.
    pub who: Option<String>,
    pub administrator: bool,
    pub csrf: String,
    /// Names and titles.
    pub plugins: Vec<(String, String)>,
    /// Without JavaScript the page comes again after so many seconds; 0: never.
    pub refresh: u32,
    pub style: &'static str,
    pub script: &'static str,
    pub icon: &'static str,
}

impl Frame {
    pub fn new(visitor: &Visitor, title: impl Into<String>, here: impl Into<String>) -> Frame {
        Frame {
            title: title.into(),
            here: here.into(),
            host: visitor.host.clone(),
            who: visitor.who.as_ref().map(|w| w.name.clone()),
            administrator: visitor.role() == Some(Role::Administrator),
            csrf: visitor.who.as_ref().map(|w| w.csrf.clone()).unwrap_or_default(),
            plugins: visitor.plugins.iter().map(|p| (p.name.clone(), text::harmless(&p.title))).collect(),
            refresh: 0,
            style: assets::style(),
            script: assets::script(),
            icon: assets::icon(),
        }
    }
    pub fn refresh(mut self, seconds: u32) -> Frame {
        self.refresh = seconds;
        self
    }
}

/// The page, or for a program that asks for it, `data` as JSON.
pub fn page(visitor: &Visitor, data: &impl Serialize, template: &impl Template) -> Result<Response, Failure> {
    if visitor.json {
        return Ok(json(StatusCode::OK, data));
    }
    html(StatusCode::OK, template)
}

/// Something was done or begun: JSON of it, or on to the page that shows it.
pub fn done(visitor: &Visitor, data: &impl Serialize, next: &str) -> Response {
    if visitor.json { json(StatusCode::OK, data) } else { Redirect::to(next).into_response() }
}

pub fn html(status: StatusCode, template: &impl Template) -> Result<Response, Failure> {
    let text =
        template.render().map_err(|e| Failure::Failed(format!("the page could not be written: {e}")))?;
    Ok((status, Html(text)).into_response())
}

pub fn json(status: StatusCode, data: &impl Serialize) -> Response {
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    match serde_json::to_vec(data) {
        Ok(text) => (status, kind, text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Why a request gets no page. Travels inside the response until [`Failure::render`] knows for whom it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    SignIn,
    /// A sign-in link that was used, is too old, or never was.
    LinkSpent,
    Forbidden(String),
    /// The proof that a form came from our own page is missing.
    NotFromHere,
    NotFound(String),
    Method,
    Invalid(String),
    TooLarge,
    Busy(String),
    /// Of attempts to sign in.
    TooMany(String),
    Failed(String),
    BrokerDown,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    frame: Frame,
    heading: &'static str,
    message: &'a str,
    advice: &'static str,
    command: &'static str,
}

#[derive(Template)]
#[template(path = "sign-in.html")]
pub struct SignInPage {
    pub frame: Frame,
    /// A link that cannot be used.
    pub spent: bool,
    /// Why an account was not let in.
    pub fault: String,
    /// The name that was typed.
    pub name: String,
}

impl Failure {
    pub fn missing() -> Failure {
        Failure::NotFound(String::new())
    }
    /// The broker's answer is not one to our question.
    pub fn strange() -> Failure {
        Failure::Failed(
            "the broker and this page are of different versions: restart appliance-control.service".into(),
        )
    }

    pub fn render(&self, visitor: &Visitor) -> Response {
        let (status, heading, message, advice, command) = self.words();
        if visitor.json {
            return json(status, &serde_json::json!({ "error": heading, "message": message }));
        }
        let page = match self {
            Failure::SignIn | Failure::LinkSpent => {
                let spent = *self == Failure::LinkSpent;
                let frame = Frame::new(visitor, "Sign in", "");
                html(status, &SignInPage { frame, spent, fault: String::new(), name: String::new() })
            }
            _ => {
                let frame = Frame::new(visitor, heading, "");
                html(status, &ErrorPage { frame, heading, message, advice, command })
            }
        };
        page.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
    }

    /// Status, heading, what is wrong, what to do, and the command that does it.
    fn words(&self) -> (StatusCode, &'static str, &str, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Failure::SignIn => (S::UNAUTHORIZED, "Sign in", "Nobody is signed in.", "", ""),
            Failure::LinkSpent => {
                (S::FORBIDDEN, "Sign in", "This link was used before, or is too old.", "", "")
            }
            Failure::Forbidden(why) => (
                S::FORBIDDEN,
                "Not allowed",
                why,
                "Somebody with the role of an administrator can do this.",
                "",
            ),
            Failure::NotFromHere => (
                S::FORBIDDEN,
                "This form did not come from here",
                "The request does not carry the proof that it was sent by a page of this machine. Nothing was done.",
                "Open the page again and repeat what you did.",
                "",
            ),
            Failure::NotFound(what) => {
                let what = if what.is_empty() { "There is nothing at this address." } else { what };
                (
                    S::NOT_FOUND,
                    "Not found",
                    what,
                    "It may have been removed, or the address has a typing error.",
                    "",
                )
            }
            Failure::Method => {
                (S::METHOD_NOT_ALLOWED, "Not possible this way", "This address does something else.", "", "")
            }
            Failure::Invalid(why) => {
                (S::BAD_REQUEST, "That does not fit", why, "Go back, correct it, and send it again.", "")
            }
            Failure::TooLarge => {
                (S::PAYLOAD_TOO_LARGE, "Too much", "The form is larger than this page accepts.", "", "")
            }
            Failure::Busy(why) => (
                S::CONFLICT,
                "Something else is running",
                why,
                "Wait until it has ended, then try again.",
                "",
            ),
            Failure::TooMany(why) => (S::TOO_MANY_REQUESTS, "Too many attempts", why, "", ""),
            Failure::Failed(why) => (
                S::INTERNAL_SERVER_ERROR,
                "That did not work",
                why,
                "The machine's journal knows more:",
                "journalctl -u appliance-control -u appliance-broker -n 50",
            ),
            Failure::BrokerDown => (
                S::SERVICE_UNAVAILABLE,
                "The broker does not answer",
                "This page can do nothing by itself: it asks the broker, which is not there right now. \
                 Your appliance is not affected.",
                "Reload in a moment. If it stays like this, look on the machine:",
                "systemctl status appliance-broker.socket appliance-broker.service",
            ),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.words().0.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
