//! Updates that install themselves: which, when, and when they may restart the machine.

use crate::web::{
    app::App,
    gate::{Fields, Visitor},
    pages,
    reply::{self, Failure, Frame},
};
use askama::Template;
use axum::{Extension, extract::State, response::Response};
use broker_protocol::{Answer, Ask, Automatic, Which, Work};

#[derive(Template)]
#[template(path = "automatic.html")]
struct Page {
    frame: Frame,
    /// Value, title, words, and whether it is chosen.
    choices: Vec<(&'static str, &'static str, &'static str, bool)>,
    at: String,
    restarts: bool,
    restart: String,
}

/// `GET /updates/automatic`
pub async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Failure> {
    let Answer::Automatic(settings) = app.ask(&visitor.caller, Ask::Automatic {}).await?.0 else {
        return Err(Failure::strange());
    };
    let choice = |value, which, title, words| (value, title, words, settings.install == which);
    let page = Page {
        frame: Frame::new(&visitor, "Automatic updates", "updates"),
        choices: vec![
            choice(
                "security",
                Which::Security,
                "Security updates",
                "What Debian publishes to close holes. Recommended.",
            ),
            choice(
                "all",
                Which::All,
                "All updates",
                "Also new versions of the appliance, and corrections without a hole behind them.",
            ),
            choice("nothing", Which::Nothing, "None", "You install them yourself."),
        ],
        at: settings.at.clone(),
        restarts: settings.restart.is_some(),
        restart: settings.restart.clone().unwrap_or_else(|| "04:00".into()),
    };
    reply::page(&visitor, &settings, &page)
}

/// `POST /updates/automatic`
pub async fn save(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Failure> {
    let field = |name: &str| fields.0.get(name).map(|v| v.trim().to_owned()).unwrap_or_default();
    let install = match field("install").as_str() {
        "security" => Which::Security,
        "all" => Which::All,
        "nothing" => Which::Nothing,
        _ => return Err(Failure::Invalid("Say which updates shall be installed.".into())),
    };
    let restart = fields.0.contains_key("restarts").then(|| field("restart"));
    let settings = Automatic { install, at: field("at"), restart };
    pages::start(&app, &visitor, Work::Automatic { settings }).await
}
