//! Signing in with a one-time link, and out.

use crate::web::{
    app::App,
    gate::{COOKIE, Visitor},
    reply::{self, Failure, Frame, SignInPage},
};
use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use broker_protocol::{Answer, Ask};

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage {
    frame: Frame,
    token: String,
}

/// `GET /sign-in`
pub async fn show(Extension(visitor): Extension<Visitor>) -> Result<Response, Failure> {
    let frame = Frame::new(&visitor, "Sign in", "");
    reply::html(StatusCode::OK, &SignInPage { frame, spent: false })
}

/// `GET /link/{token}`: one button. Programs that only look at links (mail filters, chat previews) do not press it,
/// so they do not use the link up.
pub async fn link(
    Extension(visitor): Extension<Visitor>,
    Path(token): Path<String>,
) -> Result<Response, Failure> {
    let token = well_formed(token)?;
    reply::html(StatusCode::OK, &LinkPage { frame: Frame::new(&visitor, "Sign in", ""), token })
}

/// `POST /link/{token}`
pub async fn redeem(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(token): Path<String>,
) -> Result<Response, Failure> {
    let token = well_formed(token)?;
    let answer = app.ask(&visitor.caller, Ask::RedeemLink { token }).await;
    let (token, who) = match answer {
        Ok((Answer::Session { token, who }, _)) => (token, who),
        Ok(_) => return Err(Failure::strange()),
        Err(Failure::BrokerDown) => return Err(Failure::BrokerDown),
        Err(Failure::Busy(why)) => return Err(Failure::Busy(why)),
        Err(_) => return Err(Failure::LinkSpent),
    };
    let mut response = reply::done(&visitor, &who, "/");
    set_cookie(&mut response, &format!("{COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Strict"));
    Ok(response)
}

/// `POST /sign-out`
pub async fn sign_out(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Failure> {
    app.ask(&visitor.caller, Ask::EndSession {}).await?;
    app.signed_out();
    let mut response = reply::done(&visitor, &(), "/sign-in");
    set_cookie(&mut response, &format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"));
    Ok(response)
}

fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
}

/// Tokens are letters of base64url or hexadecimal; the broker is not bothered with anything else.
fn well_formed(token: String) -> Result<String, Failure> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if (16..=128).contains(&token.len()) && token.bytes().all(good) {
        Ok(token)
    } else {
        Err(Failure::LinkSpent)
    }
}
