//! One's own account: sessions and second factor; for administrators, everybody's.

use crate::{
    text::harmless,
    web::{
        app::App,
        gate::{Fields, Visitor},
        pages::{self, Moment},
        reply::{self, Failure, Frame},
    },
};
use askama::Template;
use axum::{Extension, extract::State, response::Response};
use broker_protocol::{Account, Answer, Ask, OwnAccount, SessionInfo, Sessions, Work};
use plugin::manifest::Role;
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Template)]
#[template(path = "account.html")]
struct Page {
    frame: Frame,
    name: String,
    account: bool,
    /// Since when, and the recovery codes that are left.
    second_factor: Option<(Moment, usize)>,
    own: Vec<Row>,
    others: Vec<Row>,
    /// For administrators.
    accounts: Option<Result<Vec<Person>, String>>,
}

/// A session as a person reads it.
struct Row {
    id: String,
    name: String,
    role: &'static str,
    browser: String,
    from: String,
    since: Moment,
    used: Moment,
    this: bool,
}

struct Person {
    name: String,
    role: &'static str,
    hindered: String,
    second_factor: bool,
    /// What can be done: `allow`, `forbid`, or nothing.
    change: &'static str,
}

#[derive(Serialize, JsonSchema)]
pub struct Data<'a> {
    account: &'a OwnAccount,
    sessions: &'a [SessionInfo],
    #[serde(skip_serializing_if = "Option::is_none")]
    accounts: Option<&'a [Account]>,
}

/// `GET /account`
pub async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Failure> {
    let Answer::OwnAccount(own) = app.ask(&visitor.caller, Ask::OwnAccount {}).await?.0 else {
        return Err(Failure::strange());
    };
    let Answer::Sessions(sessions) = app.ask(&visitor.caller, Ask::Sessions {}).await?.0 else {
        return Err(Failure::strange());
    };
    let frame = Frame::new(&visitor, "Account", "account");
    let accounts = match frame.administrator {
        true => Some(pages::part(accounts(&app, &visitor).await)?),
        false => None,
    };
    let (mine, others): (Vec<&SessionInfo>, Vec<_>) = sessions.iter().partition(|s| s.own);
    let page = Page {
        name: own.name.clone(),
        account: own.account,
        second_factor: own.second_factor.as_ref().map(|f| (Moment::new(f.since), f.recovery)),
        own: mine.into_iter().map(row).collect(),
        others: others.into_iter().map(row).collect(),
        accounts: accounts.as_ref().map(|a| a.as_ref().map(|a| people(a)).map_err(Clone::clone)),
        frame,
    };
    let accounts = accounts.as_ref().and_then(|a| a.as_deref().ok());
    reply::page(&visitor, &Data { account: &own, sessions: &sessions, accounts }, &page)
}

async fn accounts(app: &App, visitor: &Visitor) -> Result<Vec<Account>, Failure> {
    match app.ask(&visitor.caller, Ask::Accounts {}).await?.0 {
        Answer::Accounts(accounts) => Ok(accounts),
        _ => Err(Failure::strange()),
    }
}

/// `POST /account/sessions`
pub async fn end(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Failure> {
    let field = |name: &str| fields.0.get(name).map(String::as_str).unwrap_or_default();
    let which = match (field("which"), field("id")) {
        ("own-others", _) => Sessions::OwnOthers {},
        ("others", _) => Sessions::Others {},
        ("one", id) if !id.is_empty() => Sessions::One { id: id.into() },
        _ => return Err(Failure::Invalid("Say which sessions are to end.".into())),
    };
    app.ask(&visitor.caller, Ask::EndSessions { which }).await?;
    app.signed_out();
    Ok(reply::done(&visitor, &(), "/account"))
}

/// `POST /account/viewers`: `account=…`, `may=yes` or `no`.
pub async fn viewer(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Failure> {
    let field = |name: &str| fields.0.get(name).cloned().unwrap_or_default();
    let may = match field("may").as_str() {
        "yes" => true,
        "no" => false,
        _ => return Err(Failure::Invalid("Say whether the account may look.".into())),
    };
    pages::start(&app, &visitor, Work::Viewer { account: field("account"), may }).await
}

fn role(role: Option<Role>) -> &'static str {
    match role {
        Some(Role::Administrator) => "administers",
        Some(Role::Viewer) => "may look",
        None => "may not sign in",
    }
}

fn row(session: &SessionInfo) -> Row {
    let unknown = |text: &str| if text.is_empty() { "unknown".to_owned() } else { harmless(text) };
    Row {
        id: session.id.clone(),
        name: match session.account {
            true => session.name.clone(),
            false => "by a link".into(),
        },
        role: role(Some(session.role)),
        browser: unknown(&session.agent),
        from: unknown(&session.from),
        since: Moment::new(session.since),
        used: Moment::new(session.used),
        this: session.this,
    }
}

fn people(accounts: &[Account]) -> Vec<Person> {
    let person = |account: &Account| Person {
        name: account.name.clone(),
        role: role(account.role),
        hindered: account.hindered.clone(),
        second_factor: account.second_factor,
        change: match account.role {
            None => "allow",
            Some(Role::Viewer) => "forbid",
            Some(Role::Administrator) => "",
        },
    };
    accounts.iter().map(person).collect()
}
