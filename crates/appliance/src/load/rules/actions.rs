//! `[[action]]`, `[[query]]` and `[[card]]`: what the management page can do for the appliance, and shows of it.

use super::{super::tree::Way, Need, Rules};
use crate::{
    model::{Action, Parameter, Query},
    names::{self, Mistake},
    problem::Kind,
    suggest,
};

/// Types of an action's parameters in short: a question's types but for those that need choices, and an upload.
pub const PARAMETER_TYPES: [&str; 12] = [
    "string", "text", "boolean", "password", "email", "hostname", "domain", "address", "port", "path",
    "number", "file",
];
/// Who may start an action.
pub const ROLES: [&str; 2] = ["viewer", "administrator"];
/// Made from `[backup]`.
const RESERVED: [&str; 2] = ["backup", "restore"];

pub fn check(rules: &mut Rules<'_, '_>) {
    let definition = rules.definition;
    for (i, action) in definition.actions.iter().enumerate() {
        check_action(rules, &Way::to("action").index(i), action);
    }
    rules.unique("action", "name", definition.actions.iter().map(|a| a.name.as_str()));
    for (i, query) in definition.queries.iter().enumerate() {
        check_query(rules, &Way::to("query").index(i), query);
    }
    rules.unique("query", "name", definition.queries.iter().map(|q| q.name.as_str()));
    for (i, card) in definition.cards.iter().enumerate() {
        let way = Way::to("card").index(i);
        rules.not_empty(&way.key("title"), &card.title);
        card.query.iter().for_each(|query| is_query(rules, &way.key("query"), query));
        if card.facts.is_empty() && card.text.is_none() && card.query.is_none() {
            let mistake = Mistake::new("a card with nothing in it");
            rules.wrong(Kind::Either, &way, mistake.help("give it `text`, `query`, or `[[card.fact]]`"));
        }
    }
}

fn check_action(rules: &mut Rules<'_, '_>, way: &Way<'_>, action: &Action) {
    let name = way.key("name");
    if rules.expect(Kind::Name, &name, names::question(&action.name))
        && RESERVED.contains(&action.name.as_str())
    {
        let mistake = Mistake::new(format!("the action `{}` is made from `[backup]`", action.name));
        rules.wrong(Kind::Action, &name, mistake.help("take another name"));
    }
    rules.not_empty(&way.key("title"), &action.title);
    rules.file(&way.key("run"), &action.run, Need::Executable);
    one_of(rules, &way.key("role"), "role", &action.role, &ROLES);
    for (parameter, kind) in &action.parameters {
        let way = way.key("parameters").key(parameter);
        rules.expect(Kind::Name, &way, names::question(parameter));
        one_of(rules, &way, "parameter's type", kind, &PARAMETER_TYPES);
    }
    for (i, parameter) in action.fields.iter().enumerate() {
        check_parameter(rules, &way.key("parameter").index(i), action, i, parameter);
    }
    rules.user(&way.key("user"), &action.user);
    for (i, path) in action.writable.iter().enumerate() {
        rules.machine_path(&way.key("writable").index(i), path);
    }
    rules.unique_list(&way.key("writable"), &action.writable);
    check_reach(rules, way, &action.readable, &action.secrets);
    for (i, unit) in action.restarts.iter().enumerate() {
        rules.unit(&way.key("restarts").index(i), unit);
    }
    rules.unique_list(&way.key("restarts"), &action.restarts);
    within(rules, &way.key("timeout"), action.timeout, 1, 86_400);
    within(rules, &way.key("memory"), action.memory, 16, 65_536);
    for name in action.example.iter().flat_map(|example| example.keys()) {
        if !action.parameters.contains_key(name) && action.fields.iter().all(|f| f.name != *name) {
            let mistake = Mistake::new(format!("`{name}` is no parameter of the action"));
            rules.wrong(Kind::UnknownName, &way.key("example").key(name), mistake.help("take it out"));
        }
    }
}

fn check_parameter(
    rules: &mut Rules<'_, '_>,
    way: &Way<'_>,
    action: &Action,
    index: usize,
    parameter: &Parameter,
) {
    rules.expect(Kind::Name, &way.key("name"), names::question(&parameter.name));
    let before = action.fields[..index].iter().any(|f| f.name == parameter.name);
    if before || action.parameters.contains_key(&parameter.name) {
        let mistake = Mistake::new(format!("the parameter `{}` stands there a second time", parameter.name));
        rules.wrong(Kind::Duplicate, &way.key("name"), mistake.help("keep one of them"));
    }
    let queries = &rules.definition.queries;
    let faults = parameter.faults(&|name| queries.iter().any(|q| q.name == name));
    for fault in faults {
        let mistake = Mistake::new(format!("the parameter `{}`: {fault}", parameter.name));
        rules.wrong(Kind::Action, way, mistake.help("see the author's guide, `[[action.parameter]]`"));
    }
}

fn check_query(rules: &mut Rules<'_, '_>, way: &Way<'_>, query: &Query) {
    rules.expect(Kind::Name, &way.key("name"), names::question(&query.name));
    rules.not_empty(&way.key("title"), &query.title);
    rules.file(&way.key("run"), &query.run, Need::Executable);
    one_of(rules, &way.key("role"), "role", &query.role, &ROLES);
    rules.user(&way.key("user"), &query.user);
    check_reach(rules, way, &query.readable, &query.secrets);
    within(rules, &way.key("timeout"), query.timeout, 1, 30);
    within(rules, &way.key("cache"), query.cache, 0, 3600);
    within(rules, &way.key("memory"), query.memory, 16, 65_536);
}

/// Paths that it may read, and secrets: each the answer to a question of type password.
fn check_reach(rules: &mut Rules<'_, '_>, way: &Way<'_>, readable: &[String], secrets: &[String]) {
    for (i, path) in readable.iter().enumerate() {
        rules.machine_path(&way.key("readable").index(i), path);
    }
    rules.unique_list(&way.key("readable"), readable);
    for (i, secret) in secrets.iter().enumerate() {
        let known = rules.known.questions.get(secret).copied();
        if !matches!(known, Some(Some(true) | None)) {
            let way = way.key("secrets").index(i);
            let mistake = Mistake::new(format!("there is no question `{secret}` of type password"));
            rules.wrong(Kind::UnknownName, &way, mistake.help("name such a question, or take it out"));
        }
    }
    rules.unique_list(&way.key("secrets"), secrets);
}

fn is_query(rules: &mut Rules<'_, '_>, way: &Way<'_>, name: &str) {
    let known: Vec<&str> = rules.definition.queries.iter().map(|q| q.name.as_str()).collect();
    if !known.contains(&name) {
        let help = suggest::did_you_mean(name, known.iter().copied());
        let help = help.unwrap_or_else(|| format!("make it: `[[query]]` with `name = \"{name}\"`"));
        rules.wrong(Kind::UnknownName, way, Mistake::new(format!("there is no query `{name}`")).help(help));
    }
}

fn within(rules: &mut Rules<'_, '_>, way: &Way<'_>, value: Option<u32>, least: u32, most: u32) {
    if value.is_some_and(|v| !(least..=most).contains(&v)) {
        let mistake = Mistake::new(format!("`{}` is out of its range", way.name()));
        rules.wrong(Kind::Value, way, mistake.help(format!("write a number from {least} to {most}")));
    }
}

fn one_of(rules: &mut Rules<'_, '_>, way: &Way<'_>, what: &str, value: &str, known: &[&str]) {
    if known.contains(&value) {
        return;
    }
    let near = suggest::did_you_mean(value, known.iter().copied());
    let help = near.unwrap_or_else(|| format!("there are {}", known.join(", ")));
    rules.wrong(Kind::Action, way, Mistake::new(format!("`{value}` is no {what}")).help(help));
}
