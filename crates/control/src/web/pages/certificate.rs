//! The certificate that browsers know this page by: the machine's own, or one that the owner brings.

use crate::{
    text,
    web::{
        app::App,
        gate::{Fields, Visitor},
        pages::Moment,
        reply::{self, Failure, Frame},
    },
};
use askama::Template;
use axum::{Extension, extract::State, response::Response};
use broker_protocol::Ask;
use schemars::JsonSchema;
use serde::Serialize;
use std::path::Path;
use webpage::{network::Network, own};

/// Days before the end of an own certificate at which the overview begins to warn.
const SOON: u64 = 21;

/// What is in use.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct InUse {
    /// The owner brought it.
    pub own: bool,
    /// SHA-256, as browsers show it.
    pub fingerprint: String,
    /// Seconds since 1970.
    pub expires: u64,
}

#[derive(Template)]
#[template(path = "certificate.html")]
struct Page {
    frame: Frame,
    own: bool,
    /// In two halves: a line may end between them.
    fingerprint: (String, String),
    expires: Moment,
    /// Until it ends.
    left: String,
    soon: bool,
    fault: String,
}

impl InUse {
    pub fn read(folder: &Path) -> anyhow::Result<InUse> {
        let (identity, own) = own::in_use(folder)?;
        Ok(InUse { own, fingerprint: identity.fingerprint(), expires: identity.expires })
    }

    /// What the overview says of it; the machine's own renews itself.
    pub fn warning(&self, now: u64) -> Option<String> {
        if !self.own || self.expires > now + SOON * 86_400 {
            return None;
        }
        Some(match self.expires.checked_sub(now) {
            None | Some(0) => "The certificate of this page has expired.".into(),
            Some(left) => format!("The certificate of this page expires in {}.", text::span(left)),
        })
    }
}

/// `GET /certificate`
pub async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Failure> {
    page(&app, &visitor, String::new())
}

/// `POST /certificate`: `chain` and `key` in PEM.
pub async fn install(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Failure> {
    let field = |name: &str| fields.0.get(name).map(String::as_str).unwrap_or_default();
    let check = |network: &Network| own::check(field("chain"), field("key"), network, text::now());
    // a name may have been added a moment ago
    let checked = match check(&app.network()).or_else(|_| check(&Network::read())) {
        Ok(checked) => checked,
        Err(fault) if visitor.json => {
            return Err(Failure::Invalid(format!("Nothing was changed: {fault:#}.")));
        }
        Err(fault) => return page(&app, &visitor, format!("{fault:#}.")),
    };
    let fingerprint = Some(checked.fingerprint.clone());
    app.ask(&visitor.caller, Ask::ChangeCertificate { fingerprint }).await?;
    own::install(app.tls(), &checked).map_err(failed)?;
    Ok(reply::done(&visitor, &InUse::read(app.tls()).map_err(failed)?, "/certificate"))
}

/// `POST /certificate/remove`: back to the machine's own.
pub async fn remove(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Failure> {
    app.ask(&visitor.caller, Ask::ChangeCertificate { fingerprint: None }).await?;
    own::remove(app.tls()).map_err(failed)?;
    Ok(reply::done(&visitor, &InUse::read(app.tls()).map_err(failed)?, "/certificate"))
}

fn page(app: &App, visitor: &Visitor, fault: String) -> Result<Response, Failure> {
    let in_use = InUse::read(app.tls()).map_err(failed)?;
    let now = text::now();
    let page = Page {
        frame: Frame::new(visitor, "Certificate", "account"),
        own: in_use.own,
        fingerprint: in_use
            .fingerprint
            .split_at_checked(48)
            .map_or_else(Default::default, |(first, second)| (first.into(), second.into())),
        expires: Moment::new(in_use.expires),
        left: text::span(in_use.expires.saturating_sub(now)),
        soon: in_use.warning(now).is_some(),
        fault,
    };
    reply::page(visitor, &in_use, &page)
}

fn failed(error: anyhow::Error) -> Failure {
    Failure::Failed(format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_does_not_renew_itself_is_warned_of() {
        let warning = |own, expires| InUse { own, fingerprint: String::new(), expires }.warning(100 * 86_400);
        assert_eq!(warning(true, 122 * 86_400), None);
        assert!(warning(true, 110 * 86_400).unwrap().contains("in 10 days"));
        assert!(warning(true, 99 * 86_400).unwrap().contains("has expired"));
        assert_eq!(warning(false, 99 * 86_400), None);
    }
}
