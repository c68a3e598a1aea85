//! One's own second factor: turned on with a picture for an authenticator app, and off.

use crate::web::{
    app::App,
    gate::{Fields, Visitor},
    reply::{self, Failure, Frame},
};
use askama::Template;
use axum::{Extension, extract::State, http::StatusCode, response::Response};
use broker_protocol::{Answer, Ask, Secret};
use qrcodegen::{QrCode, QrCodeEcc};
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt::Write;

#[derive(Template)]
#[template(path = "second-factor.html")]
struct Page {
    frame: Frame,
    /// The secret in groups of four, and its link; empty when a code was wrong.
    secret: String,
    link: String,
    /// Modules of a side with the quiet zone, and the dark ones as an SVG path.
    side: i32,
    dark: String,
    fault: bool,
}

#[derive(Template)]
#[template(path = "recovery-codes.html")]
struct CodesPage {
    frame: Frame,
    codes: Vec<String>,
}

/// Of no effect before it is confirmed with a code.
#[derive(Serialize, JsonSchema)]
pub struct NewSecret {
    /// Base32, for an authenticator app.
    secret: Secret,
    /// The same as an `otpauth:` link.
    link: Secret,
}

/// Each takes the place of a code, once.
#[derive(Serialize, JsonSchema)]
pub struct Recovery {
    recovery_codes: Vec<Secret>,
}

/// `POST /account/codes`
pub async fn begin(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Failure> {
    let Answer::CodeSecret { secret, link } = app.ask(&visitor.caller, Ask::BeginCodes {}).await?.0 else {
        return Err(Failure::strange());
    };
    if visitor.json {
        return Ok(reply::json(StatusCode::OK, &NewSecret { secret, link }));
    }
    let (side, dark) = picture(&link.0);
    let groups: Vec<String> =
        secret.0.as_bytes().chunks(4).map(|c| String::from_utf8_lossy(c).into_owned()).collect();
    let frame = Frame::new(&visitor, "Second factor", "account");
    let page = Page { frame, secret: groups.join(" "), link: link.0, side, dark, fault: false };
    reply::html(StatusCode::OK, &page)
}

/// `POST /account/codes/confirm`: the recovery codes, this once.
pub async fn confirm(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Failure> {
    let frame = Frame::new(&visitor, "Second factor", "account");
    match app.ask(&visitor.caller, Ask::ConfirmCodes { code: code(&fields) }).await {
        Ok((Answer::RecoveryCodes(codes), _)) if visitor.json => {
            Ok(reply::json(StatusCode::OK, &Recovery { recovery_codes: codes }))
        }
        Ok((Answer::RecoveryCodes(codes), _)) => {
            let codes = codes.into_iter().map(|code| code.0).collect();
            reply::html(StatusCode::OK, &CodesPage { frame, codes })
        }
        Ok(_) => Err(Failure::strange()),
        Err(Failure::Invalid(_)) if !visitor.json => {
            let (secret, link, dark) = Default::default();
            reply::html(StatusCode::BAD_REQUEST, &Page { frame, secret, link, side: 0, dark, fault: true })
        }
        Err(other) => Err(other),
    }
}

/// `POST /account/codes/end`
pub async fn end(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Failure> {
    app.ask(&visitor.caller, Ask::EndCodes { code: code(&fields) }).await?;
    Ok(reply::done(&visitor, &(), "/account"))
}

fn code(fields: &Fields) -> Secret {
    Secret(fields.0.get("code").cloned().unwrap_or_default())
}

/// A QR code as a path of one module a unit, with the quiet zone of four around it (ISO/IEC 18004).
fn picture(text: &str) -> (i32, String) {
    const QUIET: i32 = 4;
    let Ok(code) = QrCode::encode_text(text, QrCodeEcc::Medium) else { return (0, String::new()) };
    let mut path = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let from = x;
            while x < code.size() && code.get_module(x, y) {
                x += 1;
            }
            if x > from {
                let _ = write!(path, "M{} {}h{run}v1h-{run}z", from + QUIET, y + QUIET, run = x - from);
            }
            x += 1;
        }
    }
    (code.size() + 2 * QUIET, path)
}
