//! `[[action]]`: what the management page can do for the appliance.

use super::{super::tree::Way, Need, Rules};
use crate::{
    model::Action,
    names::{self, Mistake},
    problem::Kind,
    suggest,
};

/// Types of an action's parameters: a question's types but for `select`, which needs choices, and an upload.
pub const PARAMETER_TYPES: [&str; 9] =
    ["string", "boolean", "password", "email", "hostname", "domain", "port", "number", "file"];
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
    rules.user(&way.key("user"), &action.user);
    for (i, path) in action.writable.iter().enumerate() {
        rules.machine_path(&way.key("writable").index(i), path);
    }
    rules.unique_list(&way.key("writable"), &action.writable);
}

fn one_of(rules: &mut Rules<'_, '_>, way: &Way<'_>, what: &str, value: &str, known: &[&str]) {
    if known.contains(&value) {
        return;
    }
    let near = suggest::did_you_mean(value, known.iter().copied());
    let help = near.unwrap_or_else(|| format!("there are {}", known.join(", ")));
    rules.wrong(Kind::Action, way, Mistake::new(format!("`{value}` is no {what}")).help(help));
}
