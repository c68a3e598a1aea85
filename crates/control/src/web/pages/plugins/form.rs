//! An action as a form: fields in the shapes of the settings page.

use super::PREFIX;
use crate::{
    text,
    web::gate::{Fields, Visitor},
};
use plugin::{
    manifest::{Action, Parameter, ParameterType, Role},
    query::Choice,
};
use std::collections::BTreeMap;

/// Fields that stand on the plugin's own page; a longer form has one of its own.
const SHORT: usize = 4;
/// Choices of a query that searches: more than these are suggestions, for there may be more than it says.
const SUGGESTED: usize = 200;

/// What a query offers for a field.
pub struct Offered {
    pub choices: Vec<Choice>,
    /// It can be asked for more.
    pub searches: bool,
}

pub struct Form {
    pub name: String,
    pub title: String,
    pub description: String,
    pub confirm: Option<String>,
    pub allowed: bool,
    /// Has a file in it.
    pub upload: bool,
    /// It is not shown on the plugin's page.
    pub apart: bool,
    pub inputs: Vec<Input>,
}

/// One parameter as a field.
pub struct Input {
    pub name: String,
    pub label: String,
    pub description: String,
    /// `line`, `lines`, `secret`, `tick`, `one`, `some`, `file`, or `suggest`, a line with suggestions: how it is asked.
    pub shape: &'static str,
    /// HTML's `type` and `inputmode` of a line.
    pub kind: &'static str,
    pub mode: &'static str,
    pub value: String,
    /// Value, text, and whether it is chosen.
    pub choices: Vec<(String, String, bool)>,
    pub optional: bool,
    pub hint: &'static str,
}

impl Form {
    /// `choices` by the query's name; `typed` is what stood in the form before.
    pub fn new(
        action: &Action,
        visitor: &Visitor,
        choices: &BTreeMap<String, Offered>,
        typed: Option<&BTreeMap<String, String>>,
    ) -> Form {
        let asks = action.parameters.iter().any(|p| p.choices_from.is_some());
        Form {
            name: action.name.clone(),
            title: text::harmless(&action.title),
            description: action.description.as_deref().map(text::lines).unwrap_or_default(),
            confirm: action.confirm.as_deref().map(text::harmless),
            allowed: visitor.role().unwrap_or(Role::Viewer) >= action.role,
            upload: action.parameters.iter().any(|p| p.kind == ParameterType::File),
            apart: asks || action.parameters.len() > SHORT,
            inputs: action.parameters.iter().map(|p| input(p, choices, typed)).collect(),
        }
    }

    /// On a page of its own.
    pub fn whole(mut self) -> Form {
        self.apart = false;
        self
    }
}

fn input(
    parameter: &Parameter,
    choices: &BTreeMap<String, Offered>,
    typed: Option<&BTreeMap<String, String>>,
) -> Input {
    use ParameterType as T;
    let (shape, kind, mode, hint) = match parameter.kind {
        T::String | T::Path => ("line", "text", "text", ""),
        T::Text => ("lines", "text", "text", ""),
        T::Boolean => ("tick", "text", "text", ""),
        T::Select => ("one", "text", "text", ""),
        T::Multiselect => ("some", "text", "text", ""),
        T::Password => ("secret", "password", "text", ""),
        T::Email => ("line", "email", "email", "for example anna@example.org"),
        T::Hostname | T::Domain => ("line", "text", "url", "for example wiki.example.org"),
        T::Address => ("line", "text", "text", "for example 192.0.2.7"),
        T::Port => ("line", "text", "numeric", "1 to 65535"),
        T::Number => ("line", "text", "numeric", ""),
        T::File => ("file", "file", "text", ""),
    };
    let first = || parameter.default.clone().unwrap_or_default();
    let value = match parameter.kind {
        T::Password | T::File => String::new(),
        _ => typed.and_then(|t| t.get(&parameter.name).cloned()).unwrap_or_else(first),
    };
    let chosen = |v: &str| value.split(", ").any(|c| c == v);
    let own = parameter.choices.iter().map(|c| (c.clone(), text::harmless(c), chosen(c)));
    let offered = parameter.choices_from.as_ref().and_then(|query| choices.get(query));
    let searches = offered.is_some_and(|o| o.searches);
    let offered = offered.iter().flat_map(|o| &o.choices);
    let offered = offered.map(|c| (c.value.clone(), text::harmless(&c.text), chosen(&c.value)));
    let mut choices: Vec<_> = own.chain(offered).collect();
    let many = searches && choices.len() > SUGGESTED && parameter.kind == T::Select;
    if many {
        choices.truncate(SUGGESTED);
    }
    Input {
        name: parameter.name.clone(),
        label: text::harmless(&parameter.title()),
        description: parameter.description.as_deref().map(text::lines).unwrap_or_default(),
        shape: if many { "suggest" } else { shape },
        kind,
        mode,
        choices,
        optional: parameter.optional,
        hint,
        value,
    }
}

/// What stands in the form's fields; whether it fits is the broker's to judge.
pub fn values(action: &Action, mut fields: Fields) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    for parameter in &action.parameters {
        let field = format!("{PREFIX}{}", parameter.name);
        let value = match parameter.kind {
            ParameterType::Boolean => {
                fields.0.get(&field).is_some_and(|v| v == "true" || v == "on").to_string()
            }
            // each box has a name of its own: a form's field of the same name would be there once
            ParameterType::Multiselect => {
                let prefix = format!("{field}=");
                let ticked: Vec<&str> = fields.0.keys().filter_map(|k| k.strip_prefix(&prefix)).collect();
                match fields.0.get(&field) {
                    Some(list) if ticked.is_empty() => list.clone(),
                    _ => ticked.join(", "),
                }
            }
            // browsers end lines as RFC 2046 does
            ParameterType::Text => fields.0.remove(&field).unwrap_or_default().replace("\r\n", "\n"),
            ParameterType::Password | ParameterType::File => fields.0.remove(&field).unwrap_or_default(),
            _ => fields.0.remove(&field).unwrap_or_default().trim().to_owned(),
        };
        values.insert(parameter.name.clone(), value);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_choices_than_fit_are_suggestions_where_they_can_be_looked_for() {
        let parameter = Parameter {
            name: "user".into(),
            kind: ParameterType::Select,
            choices_from: Some("users".into()),
            ..Parameter::default()
        };
        let choice = |n: usize| Choice { value: n.to_string(), text: n.to_string() };
        let of = |count: usize, searches| {
            let offered = Offered { choices: (0..count).map(choice).collect(), searches };
            let input = input(&parameter, &BTreeMap::from([("users".to_owned(), offered)]), None);
            (input.shape, input.choices.len())
        };
        assert_eq!(of(SUGGESTED, true), ("one", SUGGESTED));
        assert_eq!(of(SUGGESTED + 1, true), ("suggest", SUGGESTED));
        assert_eq!(of(SUGGESTED + 1, false), ("one", SUGGESTED + 1));
    }

    #[test]
    fn a_form_becomes_values() {
        let parameter = |name: &str, kind| Parameter { name: name.into(), kind, ..Parameter::default() };
        let action = Action {
            parameters: vec![
                parameter("quiet", ParameterType::Boolean),
                parameter("loud", ParameterType::Boolean),
                parameter("some", ParameterType::Multiselect),
                parameter("note", ParameterType::Text),
                parameter("name", ParameterType::String),
            ],
            ..Action::default()
        };
        let fields = [
            ("p.quiet", "true"),
            ("p.some=a b", "on"),
            ("p.some=c", "on"),
            ("p.note", "x\r\ny"),
            ("p.name", " ada "),
            ("p.other", "no field"),
        ];
        let fields = Fields(fields.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect());
        let values = values(&action, fields);
        let got: Vec<&str> =
            ["quiet", "loud", "some", "note", "name"].iter().map(|n| values[*n].as_str()).collect();
        assert_eq!(got, ["true", "false", "a b, c", "x\ny", "ada"]);
        assert_eq!(values.len(), 5);
    }
}
