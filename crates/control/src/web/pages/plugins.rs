//! Plugin pages: forms made from what the manifests declare. No plugin's markup comes in here.

use crate::web::{
    app::App,
    gate::{Fields, Visitor},
    pages,
    reply::{self, Failure, Frame},
    upload,
};
use askama::Template;
use axum::{
    Extension,
    extract::{Path, Request, State},
    http::StatusCode,
    response::Response,
};
use broker_protocol::Work;
use plugin::{
    Manifest,
    manifest::{Action, Parameter, ParameterType, Role},
};
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
    actions: Vec<Form>,
    /// The page of a single action.
    single: bool,
}

/// An action as a form.
struct Form {
    name: String,
    title: String,
    description: String,
    confirm: Option<String>,
    allowed: bool,
    /// Has a file in it.
    upload: bool,
    inputs: Vec<Input>,
}

/// One parameter as a field.
struct Input {
    name: String,
    label: String,
    /// `type` of HTML's input.
    kind: &'static str,
    hint: &'static str,
    autocomplete: &'static str,
    min: &'static str,
    max: &'static str,
}

/// `GET /plugins/{plugin}`
pub async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(plugin): Path<String>,
) -> Result<Response, Failure> {
    let plugins = app.plugins(&visitor.caller).await?;
    let manifest = find(&plugins, &plugin)?;
    let actions = manifest.actions.iter().map(|a| form_of(a, &visitor)).collect();
    reply::page(&visitor, manifest, &page(&visitor, manifest, actions, false))
}

/// `GET /plugins/{plugin}/{action}`
pub async fn form(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path((plugin, action)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let plugins = app.plugins(&visitor.caller).await?;
    let (manifest, action) = find_action(&plugins, &plugin, &action)?;
    reply::html(StatusCode::OK, &page(&visitor, manifest, vec![form_of(action, &visitor)], true))
}

/// `POST /plugins/{plugin}/{action}`
pub async fn start(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path((plugin, action)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Failure> {
    let plugins = app.plugins(&visitor.caller).await?;
    let (_, declared) = find_action(&plugins, &plugin, &action)?;
    if visitor.role().is_none_or(|role| role < declared.role) {
        return Err(Failure::Forbidden(format!(
            "Your session may not do \u{201c}{}\u{201d}.",
            declared.title
        )));
    }
    let (fields, held) = match request.extensions().get::<Fields>().cloned() {
        Some(fields) => (fields, vec![]),
        None => {
            let form = upload::read(&app, &visitor, &declared.parameters, request).await?;
            (form.fields, form.held)
        }
    };
    if declared.confirm.is_some() && fields.0.get("confirm").map(String::as_str) != Some("yes") {
        return Err(Failure::Invalid("The box that confirms what will happen was not ticked.".into()));
    }
    let parameters = values(&declared.parameters, fields)?;
    let started = pages::start(&app, &visitor, Work::Action { plugin, action, parameters }).await;
    drop(held); // the task has them now
    started
}

/// What the form must hold; what each value may be is the broker's to judge.
fn values(parameters: &[Parameter], mut fields: Fields) -> Result<BTreeMap<String, String>, Failure> {
    let mut values = BTreeMap::new();
    for parameter in parameters {
        let value = fields.0.remove(&format!("{PREFIX}{}", parameter.name)).unwrap_or_default();
        let value = match parameter.kind {
            ParameterType::Boolean => {
                if value.is_empty() {
                    "false".into()
                } else {
                    "true".into()
                }
            }
            ParameterType::File if value.is_empty() => {
                return Err(Failure::Invalid(format!(
                    "No file was chosen for \u{201c}{}\u{201d}.",
                    label(&parameter.name)
                )));
            }
            _ => value,
        };
        values.insert(parameter.name.clone(), value);
    }
    Ok(values)
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
    Ok((manifest, manifest.actions.iter().find(|a| a.name == action).ok_or_else(missing)?))
}

fn page(visitor: &Visitor, manifest: &Manifest, actions: Vec<Form>, single: bool) -> Page {
    Page {
        frame: Frame::new(visitor, &manifest.title, format!("plugin-{}", manifest.name)),
        name: manifest.name.clone(),
        title: manifest.title.clone(),
        version: manifest.package_version.clone(),
        actions,
        single,
    }
}

fn form_of(action: &Action, visitor: &Visitor) -> Form {
    Form {
        name: action.name.clone(),
        title: action.title.clone(),
        description: action.description.clone().unwrap_or_default(),
        confirm: action.confirm.clone(),
        allowed: visitor.role().unwrap_or(Role::Viewer) >= action.role,
        upload: action.parameters.iter().any(|p| p.kind == ParameterType::File),
        inputs: action.parameters.iter().map(input).collect(),
    }
}

fn input(parameter: &Parameter) -> Input {
    use ParameterType as T;
    let (kind, hint, autocomplete) = match parameter.kind {
        T::String => ("text", "", "off"),
        T::Boolean => ("checkbox", "", "off"),
        T::Password => ("password", "", "new-password"),
        T::Email => ("email", "for example anna@example.org", "off"),
        T::Hostname | T::Domain => ("text", "for example wiki.example.org", "off"),
        T::Port => ("number", "1 to 65535", "off"),
        T::Number => ("number", "", "off"),
        T::File => ("file", "", "off"),
    };
    let (min, max) = if parameter.kind == T::Port { ("1", "65535") } else { ("", "") };
    Input { name: parameter.name.clone(), label: label(&parameter.name), kind, hint, autocomplete, min, max }
}

/// `wiki-name` → `Wiki name`
fn label(name: &str) -> String {
    let words = name.replace(['-', '_'], " ");
    let mut chars = words.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
