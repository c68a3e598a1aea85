//! Plugin pages: what the manifests declare, forms made from it, and live data. No plugin's markup comes in here.
//!
//! * [`data`]: queries, in cards and on pages of their own
//! * [`form`]: an action as a form

pub mod data;
mod form;

use crate::{
    text,
    web::{
        app::App,
        gate::{Fields, Visitor},
        pages::{self, services},
        reply::{self, Failure, Frame},
        upload,
    },
};
use askama::Template;
use axum::{
    Extension,
    extract::{Path, Request, State},
    http::StatusCode,
    response::Response,
};
use broker_protocol::{Answer, Appliance, Ask, Asking, Check, Work};
use data::{Card, Shown};
use form::{Form, Offered};
use futures_util::future::join_all;
use plugin::{
    Manifest,
    manifest::{Action, Role},
    wants::Want,
};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Before a parameter's name in a form, so that none can be taken for one of our own fields.
pub const PREFIX: &str = "p.";

#[derive(Template)]
#[template(path = "plugin.html")]
struct Page {
    frame: Frame,
    name: String,
    title: String,
    version: String,
    /// There is an appliance of this name, and it has settings.
    appliance: bool,
    checks: Vec<Check>,
    services: Vec<services::Row>,
    cards: Vec<Card>,
    /// Queries that stand in no card: names and titles.
    queries: Vec<(String, String)>,
    actions: Vec<Form>,
    /// In words: what it asks for beyond what was agreed to, the same as JSON, and all that it asks for.
    more: Vec<String>,
    asked: String,
    wants: Vec<String>,
}

#[derive(Template)]
#[template(path = "action.html")]
struct FormPage {
    frame: Frame,
    name: String,
    title: String,
    action: Form,
    /// Why nothing was started.
    refused: String,
}

/// A plugin as it stands in the navigation.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Listed {
    name: String,
    title: String,
    package_version: String,
}

/// `GET /plugins`: for the navigation of an open page, and for programs.
pub async fn list(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Failure> {
    let listed = |m: &Manifest| Listed {
        name: m.name.clone(),
        title: text::harmless(&m.title),
        package_version: text::harmless(&m.package_version),
    };
    let list: Vec<Listed> = app.plugins(&visitor.caller).await?.iter().map(listed).collect();
    Ok(reply::done(&visitor, &list, "/"))
}

/// `GET /plugins/{plugin}`
pub async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(plugin): Path<String>,
) -> Result<Response, Failure> {
    let plugins = app.plugins(&visitor.caller).await?;
    let manifest = find(&plugins, &plugin)?;
    if visitor.json {
        return Ok(reply::done(&visitor, manifest, ""));
    }
    let cards = manifest.cards.iter().map(|card| data::card(&app, &visitor, manifest, card));
    let (cards, appliances, asking, services) = tokio::join!(
        join_all(cards),
        app.ask(&visitor.caller, Ask::Appliances {}),
        asking(&app, &visitor),
        states(&app, &visitor, &manifest.services),
    );
    let appliances = match pages::part(appliances)? {
        Ok((Answer::Appliances(list), _)) => list,
        _ => vec![],
    };
    let appliance = appliances.iter().find(|a| a.name == manifest.name);
    let more = asking?.into_iter().find(|a| a.plugin == manifest.name).map(|a| a.more).unwrap_or_default();
    let in_card = |name: &str| manifest.cards.iter().any(|c| c.query.as_deref() == Some(name));
    let for_choice = |name: &str| {
        manifest.actions.iter().flat_map(|a| &a.parameters).any(|p| p.choices_from.as_deref() == Some(name))
    };
    let allowed = |role: Role| visitor.role().is_some_and(|has| has >= role);
    let own_page =
        |q: &&plugin::manifest::Query| !in_card(&q.name) && !for_choice(&q.name) && allowed(q.role);
    let page = Page {
        frame: Frame::new(&visitor, &manifest.title, format!("plugin-{}", manifest.name)),
        name: manifest.name.clone(),
        title: text::harmless(&manifest.title),
        version: text::harmless(&manifest.package_version),
        appliance: appliance.is_some(),
        checks: appliance.map(checks).unwrap_or_default(),
        services: services?,
        cards: cards.into_iter().flatten().collect(),
        queries: manifest
            .queries
            .iter()
            .filter(own_page)
            .map(|q| (q.name.clone(), text::harmless(&q.title)))
            .collect(),
        actions: manifest.actions.iter().map(|a| Form::new(a, &visitor, &BTreeMap::new(), None)).collect(),
        asked: serde_json::to_string(&more).unwrap_or_default(),
        more: more.iter().map(|w| text::harmless(&w.words())).collect(),
        wants: manifest.wants().iter().map(|w| text::harmless(&w.words())).collect(),
    };
    reply::html(StatusCode::OK, &page)
}

fn checks(appliance: &Appliance) -> Vec<Check> {
    let harmless =
        |c: &Check| Check { name: text::harmless(&c.name), ok: c.ok, message: text::harmless(&c.message) };
    appliance.checks.iter().map(harmless).collect()
}

async fn asking(app: &App, visitor: &Visitor) -> Result<Vec<Asking>, Failure> {
    match pages::part(app.ask(&visitor.caller, Ask::Asking {}).await)? {
        Ok((Answer::Asking(asking), _)) => Ok(asking),
        _ => Ok(vec![]),
    }
}

async fn states(app: &App, visitor: &Visitor, wanted: &[String]) -> Result<Vec<services::Row>, Failure> {
    if wanted.is_empty() {
        return Ok(vec![]);
    }
    match pages::part(app.ask(&visitor.caller, Ask::Services {}).await)? {
        Ok((Answer::Services(all), _)) => {
            Ok(all.iter().filter(|s| wanted.contains(&s.name)).map(services::Row::new).collect())
        }
        _ => Ok(vec![]),
    }
}

/// `POST /agree/{plugin}`
pub async fn agree(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(plugin): Path<String>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Failure> {
    let shown = fields.0.get("asked").map(String::as_str).unwrap_or_default();
    let more: Vec<Want> = serde_json::from_str(shown)
        .map_err(|_| Failure::Invalid("The form does not say what was agreed to.".into()))?;
    let page = format!("/plugins/{}", pages::percent(&plugin));
    app.ask(&visitor.caller, Ask::Agree { plugin, more }).await?;
    Ok(reply::done(&visitor, &(), &page))
}

/// `GET /plugins/{plugin}/{action}`
pub async fn form(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path((plugin, action)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let plugins = app.plugins(&visitor.caller).await?;
    let (manifest, action) = find_action(&plugins, &plugin, &action)?;
    if visitor.json {
        return Ok(reply::done(&visitor, action, ""));
    }
    form_page(&app, &visitor, (manifest, action), None, String::new()).await
}

async fn form_page(
    app: &App,
    visitor: &Visitor,
    (manifest, action): (&Manifest, &Action),
    typed: Option<&BTreeMap<String, String>>,
    mut refused: String,
) -> Result<Response, Failure> {
    let mut choices: BTreeMap<String, Offered> = BTreeMap::new();
    let queries = action.parameters.iter().filter_map(|p| manifest.query(p.choices_from.as_ref()?));
    for query in queries {
        match pages::part(data::ask(app, visitor, &manifest.name, &query.name, Default::default()).await)? {
            Ok(data) => {
                let offered = Offered { choices: data.choices, searches: query.search };
                choices.insert(query.name.clone(), offered);
            }
            Err(why) => refused = why,
        }
    }
    let status = if refused.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = FormPage {
        frame: Frame::new(visitor, &action.title, format!("plugin-{}", manifest.name)),
        name: manifest.name.clone(),
        title: text::harmless(&manifest.title),
        action: Form::new(action, visitor, &choices, typed).whole(),
        refused: text::harmless(&refused),
    };
    reply::html(status, &page)
}

/// `POST /plugins/{plugin}/{action}`
pub async fn start(
    State(app): State<App>,
    Extension(mut visitor): Extension<Visitor>,
    Path((plugin, action)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Failure> {
    let plugins = app.plugins(&visitor.caller).await?;
    let (manifest, declared) = find_action(&plugins, &plugin, &action)?;
    if visitor.role().is_none_or(|role| role < declared.role) {
        return Err(Failure::Forbidden(format!(
            "Your session may not do \u{201c}{}\u{201d}.",
            text::harmless(&declared.title)
        )));
    }
    let (fields, held) = match request.extensions().get::<Fields>().cloned() {
        Some(fields) => (fields, vec![]),
        None => {
            let form = upload::read(&app, &visitor, &declared.parameters, request).await?;
            (form.fields, form.held)
        }
    };
    let ticked = fields.0.get("confirm").map(String::as_str) == Some("yes");
    let typed = form::values(declared, fields);
    let started = if declared.confirm.is_some() && !ticked {
        Err(Failure::Invalid("The box that confirms what will happen was not ticked.".into()))
    } else {
        let work = Work::Action { plugin, action, parameters: typed.clone() };
        pages::start(&app, &visitor, work).await
    };
    drop(held); // the task has them now
    match started {
        // what was typed is worth more than a page of its own for what went wrong
        Err(Failure::Invalid(why) | Failure::Busy(why) | Failure::Failed(why)) if !visitor.json => {
            visitor.plugins = plugins.clone();
            form_page(&app, &visitor, (manifest, declared), Some(&typed), why).await
        }
        other => other,
    }
}

fn find<'a>(plugins: &'a [Manifest], name: &str) -> Result<&'a Manifest, Failure> {
    let missing = || Failure::NotFound("There is no such plugin on this machine.".into());
    plugins.iter().find(|p| p.name == name).ok_or_else(missing)
}

fn find_action<'a>(
    plugins: &'a [Manifest],
    plugin: &str,
    action: &str,
) -> Result<(&'a Manifest, &'a Action), Failure> {
    let manifest = find(plugins, plugin)?;
    let missing = || Failure::NotFound("The plugin has no such action.".into());
    Ok((manifest, manifest.action(action).ok_or_else(missing)?))
}

/// Facts of a card that are known beforehand.
impl From<&plugin::manifest::Card> for Shown {
    fn from(card: &plugin::manifest::Card) -> Shown {
        let fact = |f: &plugin::manifest::Fact| (text::harmless(&f.label), text::harmless(&f.value));
        Shown {
            facts: card.facts.iter().map(fact).collect(),
            texts: card.text.iter().map(|t| (String::new(), text::lines(t))).collect(),
            ..Shown::default()
        }
    }
}
