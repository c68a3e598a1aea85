//! The settings of an appliance: its own questions as a form, with the present answers in it.
//!
//! What is asked and what fits is the broker's to say. A form that is refused comes back with all that was typed and what is wrong
//! at its field; passwords alone are never sent back.

use crate::{
    text,
    web::{
        app::App,
        gate::{Fields, Visitor},
        pages::{self, tasks::Row},
        reply::{self, Failure, Frame},
    },
};
use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use broker_protocol::{
    Answer, Ask, Condition, NewAnswers, REQUEST_LIMIT, Setting, Settings, Task, Unfit, Work,
};
use schemars::JsonSchema;

/// Before a question's name in the form, so that none can be taken for one of our own fields.
const PREFIX: &str = "q.";
/// Before the name of an optional secret, of the box that takes it away.
const NONE: &str = "none.";
/// Languages of a reader that are looked at.
const LANGUAGES: usize = 8;

#[derive(Template)]
#[template(path = "settings.html")]
struct Page {
    frame: Frame,
    appliance: String,
    title: String,
    revision: String,
    groups: Vec<Group>,
    /// Name, prompt and what is wrong: of the fields of the form, and of others.
    wrong: Vec<(String, String, String)>,
    /// Somebody else was faster.
    stale: bool,
    /// Why nothing was done, when no field is to blame.
    refused: String,
    unchanged: bool,
    running: Vec<Row>,
}

/// Fields under one title.
struct Group {
    title: String,
    fields: Vec<Field>,
}

/// A question as a field.
struct Field {
    name: String,
    label: String,
    description: String,
    /// `line`, `lines`, `secret`, `tick`, `one`, `some`: how it is asked.
    shape: &'static str,
    /// HTML's `type` and `inputmode` of a line.
    kind: &'static str,
    mode: &'static str,
    value: String,
    /// Value, text, and whether it is chosen.
    choices: Vec<(String, String, bool)>,
    optional: bool,
    /// Left empty, there is an answer all the same.
    kept: bool,
    /// A secret is in use that may be taken away, and whether that was asked for.
    spare: bool,
    taken: bool,
    /// A secret that was typed is gone.
    again: bool,
    hint: &'static str,
    fault: String,
    /// The present answer, where another one was typed and somebody else was faster.
    now: Option<String>,
    /// In words, when it is asked only then.
    only: String,
    /// For the script: the question it depends on, and the answers, as JSON.
    when: Option<(String, String, String)>,
}

/// What somebody has typed, and what became of it.
#[derive(Default)]
struct Tried {
    typed: NewAnswers,
    unfit: Unfit,
    refused: String,
    unchanged: bool,
}

/// What comes of new answers: a task, or, when they are all in use already, nothing to object to.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, clippy::large_enum_variant, reason = "only describes what is given")]
pub enum Saved {
    Started(Task),
    Nothing(Unfit),
}

/// `GET /settings/{appliance}`
pub async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(appliance): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let settings = settings(&app, &visitor, &appliance, &headers).await?;
    if visitor.json {
        return Ok(reply::done(&visitor, &settings, ""));
    }
    page(&app, visitor, &settings, Tried::default()).await
}

/// `POST /settings/{appliance}`
pub async fn save(
    State(app): State<App>,
    Extension(mut visitor): Extension<Visitor>,
    Path(appliance): Path<String>,
    headers: HeaderMap,
    Extension(fields): Extension<Fields>,
) -> Result<Response, Failure> {
    let settings = settings(&app, &visitor, &appliance, &headers).await?;
    let mut tried = Tried { typed: typed(&settings, &fields), ..Tried::default() };
    let revision = Some(fields.0.get("revision").cloned().unwrap_or_default());
    let work = Work::Settings { appliance, revision, answers: tried.typed.clone() };
    if serde_json::to_vec(&work).is_ok_and(|bytes| bytes.len() + 1024 > REQUEST_LIMIT) {
        tried.refused = "That is more text than can be taken at once.".into();
    } else {
        match app.ask(&visitor.caller, Ask::Start { work }).await {
            Ok((Answer::Task(task), _)) => {
                let page = format!("/tasks/{}", task.id);
                return Ok(reply::done(&visitor, &task, &page));
            }
            Ok((Answer::Done, _)) => tried.unchanged = true,
            Ok((Answer::Unfit(unfit), _)) => tried.unfit = unfit,
            Ok(_) => return Err(Failure::strange()),
            // what was typed is worth more than a page of its own for what went wrong
            Err(Failure::Busy(why) | Failure::Invalid(why) | Failure::Failed(why)) if !visitor.json => {
                tried.refused = why;
            }
            Err(failure) => return Err(failure),
        }
    }
    if visitor.json {
        return Ok(reply::json(status(&tried), &tried.unfit));
    }
    visitor.plugins = app.plugins(&visitor.caller).await.unwrap_or_default();
    page(&app, visitor, &settings, tried).await
}

async fn settings(
    app: &App,
    visitor: &Visitor,
    appliance: &str,
    headers: &HeaderMap,
) -> Result<Settings, Failure> {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let ask = Ask::Settings { appliance: appliance.into(), languages: languages(wanted) };
    match app.ask(&visitor.caller, ask).await?.0 {
        Answer::Settings(settings) => Ok(settings),
        _ => Err(Failure::strange()),
    }
}

/// `de-AT,de;q=0.9` (RFC 9110, section 12.5.4) as gettext names them, in the order in which browsers write them, the best first.
fn languages(accepted: &str) -> Vec<String> {
    let mut languages: Vec<String> = vec![];
    for wanted in accepted.split(',') {
        let exact = wanted.split(';').next().unwrap_or_default().trim().replace('-', "_");
        let language = exact.split('_').next().unwrap_or_default().to_owned();
        for name in [exact, language] {
            if !name.is_empty() && name != "*" && !languages.contains(&name) {
                languages.push(name);
            }
        }
    }
    languages.truncate(LANGUAGES);
    languages
}

/// The answers in the form. A field that is not there is not answered.
fn typed(settings: &Settings, fields: &Fields) -> NewAnswers {
    let mut typed = NewAnswers::new();
    for question in &settings.questions {
        let field = format!("{PREFIX}{}", question.name);
        let Some(value) = fields.0.get(&field) else { continue };
        let answer = match shape(&question.kind) {
            "some" => {
                let ticked = |i: &usize| fields.0.contains_key(&format!("{field}.{i}"));
                let chosen = (0..question.choices.len()).filter(ticked);
                chosen.map(|i| question.choices[i].value.as_str()).collect::<Vec<_>>().join(", ")
            }
            // browsers end lines as RFC 2046 does
            "lines" => value.replace("\r\n", "\n"),
            "secret" => value.clone(),
            _ => value.trim().to_owned(),
        };
        // what was typed into the field is meant, whatever is ticked below it
        let taken = is_spare(question)
            && answer.is_empty()
            && fields.0.contains_key(&format!("{NONE}{}", question.name));
        typed.insert(question.name.clone(), (!taken).then_some(answer));
    }
    typed
}

fn is_spare(question: &Setting) -> bool {
    question.is_secret() && question.kept && question.optional
}

async fn page(app: &App, visitor: Visitor, settings: &Settings, tried: Tried) -> Result<Response, Failure> {
    let tasks = pages::part(pages::tasks(app, &visitor).await)?.unwrap_or_default();
    let concerns =
        |work: &Work| matches!(work, Work::Settings { appliance, .. } if *appliance == settings.appliance);
    let running = tasks.iter().filter(|t| t.status.is_none() && concerns(&t.work));
    let plugin = visitor.plugins.iter().find(|p| p.name == settings.appliance);
    let title = plugin.map_or_else(|| settings.appliance.clone(), |p| p.title.clone());
    let prompt = |name: &str| {
        let question = settings.questions.iter().find(|q| q.name == name);
        question.map_or_else(|| name.to_owned(), |q| text::harmless(&q.prompt))
    };
    let wrong =
        tried.unfit.faults.iter().map(|(name, why)| (name.clone(), prompt(name), text::harmless(why)));
    let page = Page {
        frame: Frame::new(&visitor, format!("Settings · {title}"), format!("plugin-{}", settings.appliance)),
        appliance: settings.appliance.clone(),
        title,
        revision: settings.revision.clone(),
        groups: groups(settings, &tried),
        wrong: wrong.collect(),
        stale: tried.unfit.stale,
        refused: text::harmless(&tried.refused),
        unchanged: tried.unchanged,
        running: running.map(Row::new).collect(),
    };
    reply::html(status(&tried), &page)
}

fn status(tried: &Tried) -> StatusCode {
    if tried.unfit.stale {
        StatusCode::CONFLICT
    } else if !tried.unfit.faults.is_empty() || !tried.refused.is_empty() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    }
}

/// Neighbours with the same title stand together.
fn groups(settings: &Settings, tried: &Tried) -> Vec<Group> {
    let mut groups: Vec<Group> = vec![];
    for question in settings.questions.iter().filter(|q| !q.internal) {
        let title = text::harmless(question.group.as_deref().unwrap_or_default());
        let field = field(question, settings, tried);
        match groups.last_mut() {
            Some(group) if group.title == title => group.fields.push(field),
            _ => groups.push(Group { title, fields: vec![field] }),
        }
    }
    groups
}

fn field(question: &Setting, settings: &Settings, tried: &Tried) -> Field {
    let secret = question.is_secret();
    let tried_here = tried.typed.get(&question.name);
    let typed = tried_here.and_then(|answer| answer.as_ref());
    let value = if secret { "" } else { typed.unwrap_or(&question.value) };
    let (kind, mode) = match question.kind.as_str() {
        "email" => ("email", "email"),
        "hostname" | "domain" => ("text", "url"),
        "port" => ("text", "numeric"),
        _ => ("text", "text"),
    };
    let chosen = |choice: &str| match question.kind.as_str() {
        "multiselect" => value.split(", ").any(|v| v == choice),
        _ => value == choice,
    };
    let choices =
        question.choices.iter().map(|c| (c.value.clone(), text::harmless(&c.text), chosen(&c.value)));
    let other = typed.is_some_and(|t| *t != question.value) && tried.unfit.stale && !secret;
    let gone = secret && typed.is_some_and(|t| !t.is_empty());
    Field {
        name: question.name.clone(),
        label: text::harmless(&question.prompt),
        description: question.description.as_deref().map(text::harmless).unwrap_or_default(),
        shape: shape(&question.kind),
        kind,
        mode,
        value: value.to_owned(),
        choices: choices.collect(),
        optional: question.optional,
        kept: question.kept || question.made,
        spare: is_spare(question),
        taken: tried_here == Some(&None),
        again: gone,
        hint: match (secret, gone, question.kept, question.made) {
            (true, true, ..) => "Type it again: what was typed here is never sent back to a page.",
            (true, _, true, _) => "One is in use: leave this empty to keep it.",
            (true, _, _, true) => "Leave it empty and the machine makes one.",
            _ => "",
        },
        fault: tried.unfit.faults.get(&question.name).map(|why| sentence(why)).unwrap_or_default(),
        now: other.then(|| text::harmless(&question.value)),
        only: question.when.as_ref().map(|w| only(w, settings)).unwrap_or_default(),
        when: question.when.as_ref().map(|w| {
            let json = |words: &[String]| serde_json::to_string(words).unwrap_or_default();
            (w.question.clone(), json(&w.is), json(&w.not))
        }),
    }
}

fn shape(kind: &str) -> &'static str {
    match kind {
        "text" => "lines",
        "password" => "secret",
        "boolean" => "tick",
        "select" => "one",
        "multiselect" => "some",
        _ => "line",
    }
}

/// For who sees the question always: `Only if “Shall it send mail” is ticked.`
fn only(when: &Condition, settings: &Settings) -> String {
    let Some(on) = settings.questions.iter().find(|q| q.name == when.question) else { return String::new() };
    let named = |value: &String| {
        let text = on.choices.iter().find(|c| c.value == *value).map_or(value, |c| &c.text);
        format!("“{}”", text::harmless(text))
    };
    let list = |values: &[String]| values.iter().map(named).collect::<Vec<_>>().join(" or ");
    let is = match (shape(&on.kind), when.is.as_slice(), when.not.as_slice()) {
        ("tick", [yes], _) if yes == "true" => "is ticked".into(),
        ("tick", ..) => "is not ticked".into(),
        (_, [], [empty]) if empty.is_empty() => "has an answer".into(),
        (_, [], not) => format!("is not {}", list(not)),
        (_, is, _) => format!("is {}", list(is)),
    };
    format!("Only if “{}” {is}.", text::harmless(&on.prompt))
}

/// `must be a port` → `Must be a port.`
fn sentence(why: &str) -> String {
    let why = text::harmless(why);
    let mut chars = why.trim_end_matches('.').chars();
    let first = chars.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_those_of_the_browser() {
        assert_eq!(languages("de-AT,de;q=0.9, en-US;q=0.8,*;q=0.1"), ["de_AT", "de", "en_US", "en"]);
        assert_eq!(languages(""), [""; 0]);
        assert_eq!(languages(&"x-y,".repeat(100)).len(), 2);
    }

    #[test]
    fn what_is_wrong_is_a_sentence() {
        assert_eq!(sentence("must be a port"), "Must be a port.");
        assert_eq!(sentence("äther is meant."), "Äther is meant.");
        assert_eq!(sentence(""), ".");
    }
}
