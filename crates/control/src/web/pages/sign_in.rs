//! Signing in with an account or a one-time link, and out.

use crate::web::{
    app::App,
    gate::{COOKIE, Fields, Visitor},
    reply::{self, Failure, Frame, SignInPage},
};
use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use broker_protocol::{Answer, Ask, Secret, Who};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage {
    frame: Frame,
    token: String,
}

#[derive(Template)]
#[template(path = "code.html")]
struct CodePage {
    frame: Frame,
    token: String,
    fault: String,
}

/// The password was right; `POST /sign-in/code` with this token goes on.
#[derive(Serialize, JsonSchema)]
pub struct CodeNeeded {
    code_needed: String,
}

/// `GET /sign-in`
pub async fn show(Extension(visitor): Extension<Visitor>) -> Result<Response, Failure> {
    door(&visitor, StatusCode::OK, String::new(), String::new())
}

/// `POST /sign-in`: name and password.
pub async fn enter(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Extension(Fields(mut fields)): Extension<Fields>,
) -> Result<Response, Failure> {
    let mut field = |name: &str| fields.remove(name).unwrap_or_default();
    let (name, password) = (field("name").trim().to_owned(), Secret(field("password")));
    let ask = Ask::SignIn { name: name.clone(), password, agent: visitor.agent.clone() };
    match app.ask(&visitor.caller, ask).await {
        Ok((Answer::Session { token, who }, _)) => Ok(signed_in(&visitor, &token, &who)),
        Ok((Answer::CodeNeeded { token }, _)) => {
            if visitor.json {
                return Ok(reply::json(StatusCode::ACCEPTED, &CodeNeeded { code_needed: token }));
            }
            let frame = Frame::new(&visitor, "Sign in", "");
            reply::html(StatusCode::OK, &CodePage { frame, token, fault: String::new() })
        }
        Ok(_) => Err(Failure::strange()),
        Err(Failure::SignIn) => {
            let fault = "Name and password do not fit together, or this account may not sign in here.";
            door(&visitor, StatusCode::UNAUTHORIZED, fault.into(), name)
        }
        Err(Failure::TooMany(why)) => door(&visitor, StatusCode::TOO_MANY_REQUESTS, why, name),
        Err(Failure::Forbidden(why)) => door(&visitor, StatusCode::FORBIDDEN, why, name),
        Err(other) => Err(other),
    }
}

/// `POST /sign-in/code`: the second factor.
pub async fn give_code(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Extension(Fields(mut fields)): Extension<Fields>,
) -> Result<Response, Failure> {
    let mut field = |name: &str| fields.remove(name).unwrap_or_default();
    let late = "This sign-in has taken too long, or too many codes were wrong. Begin again.";
    let Ok(token) = well_formed(field("token")) else {
        return door(&visitor, StatusCode::UNAUTHORIZED, late.into(), String::new());
    };
    let ask = Ask::GiveCode { token: token.clone(), code: Secret(field("code")) };
    match app.ask(&visitor.caller, ask).await {
        Ok((Answer::Session { token, who }, _)) => Ok(signed_in(&visitor, &token, &who)),
        Ok(_) => Err(Failure::strange()),
        Err(Failure::SignIn) => {
            let fault = "This code is not right, or was used before.";
            if visitor.json {
                return Ok(refused(StatusCode::UNAUTHORIZED, fault));
            }
            let frame = Frame::new(&visitor, "Sign in", "");
            reply::html(StatusCode::UNAUTHORIZED, &CodePage { frame, token, fault: fault.into() })
        }
        Err(Failure::NotFound(_)) => door(&visitor, StatusCode::UNAUTHORIZED, late.into(), String::new()),
        Err(Failure::TooMany(why)) => door(&visitor, StatusCode::TOO_MANY_REQUESTS, why, String::new()),
        Err(other) => Err(other),
    }
}

/// The way in, again when it was not found.
fn door(visitor: &Visitor, status: StatusCode, fault: String, name: String) -> Result<Response, Failure> {
    if visitor.json && !fault.is_empty() {
        return Ok(refused(status, &fault));
    }
    // a password that was typed as a name does not come back
    let name = if name.len() <= 32 { name } else { String::new() };
    let frame = Frame::new(visitor, "Sign in", "");
    reply::html(status, &SignInPage { frame, spent: false, fault, name })
}

fn refused(status: StatusCode, message: &str) -> Response {
    reply::json(status, &json!({ "error": "Not signed in", "message": message }))
}

fn signed_in(visitor: &Visitor, token: &str, who: &Who) -> Response {
    let mut response = reply::done(visitor, who, "/");
    set_cookie(&mut response, &format!("{COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Strict"));
    response
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
    let answer = app.ask(&visitor.caller, Ask::RedeemLink { token, agent: visitor.agent.clone() }).await;
    let (token, who) = match answer {
        Ok((Answer::Session { token, who }, _)) => (token, who),
        Ok(_) => return Err(Failure::strange()),
        Err(Failure::BrokerDown) => return Err(Failure::BrokerDown),
        Err(Failure::Busy(why)) => return Err(Failure::Busy(why)),
        Err(_) => return Err(Failure::LinkSpent),
    };
    Ok(signed_in(&visitor, &token, &who))
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
