//! The values for an action's parameters, checked by type before anything is started.

use crate::{
    Manifest,
    manifest::{Action, Parameter, ParameterType, Query},
    query::Wanted,
};
use std::collections::BTreeMap;

/// Values of one parameter that are looked up one by one.
const LOOK_UPS: usize = 50;

/// What can be chosen, by the query's name: values in their order.
pub type Choices = BTreeMap<String, Vec<String>>;

/// The values as the program will get them. What is not given is the parameter's default; a boolean without one counts as
/// `false`, as a form's unset box. The error lists everything that is wrong and repeats no value.
pub fn check(
    action: &Action,
    given: &BTreeMap<String, String>,
    choices: &Choices,
) -> Result<BTreeMap<String, String>, Vec<String>> {
    let (mut values, mut faults) = (BTreeMap::new(), vec![]);
    for name in given.keys().filter(|name| action.parameters.iter().all(|p| p.name != **name)) {
        let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
        faults.push(format!("`{name}` is no parameter of `{}`", action.name));
    }
    for parameter in &action.parameters {
        match value(parameter, given.get(&parameter.name).map(String::as_str), choices) {
            Ok(value) => drop(values.insert(parameter.name.clone(), value)),
            Err(why) => faults.push(format!("`{}` {why}", parameter.name)),
        }
    }
    if faults.is_empty() { Ok(values) } else { Err(faults) }
}

/// What has to be asked before `given` can be checked: the queries that `choices-from` names. One that searches is asked for the values
/// themselves, for there may be more than it says at once.
pub fn look_ups<'a>(
    manifest: &'a Manifest,
    action: &'a Action,
    given: &BTreeMap<String, String>,
) -> Vec<(&'a Query, Wanted)> {
    let mut all = vec![];
    for parameter in &action.parameters {
        let Some(query) = parameter.choices_from.as_ref().and_then(|name| manifest.query(name)) else {
            continue;
        };
        let value = given.get(&parameter.name).or(parameter.default.as_ref()).map_or("", String::as_str);
        let searches: Vec<&str> = match (query.search, parameter.kind) {
            (false, _) => vec![""],
            (true, ParameterType::Multiselect) => value.split(',').map(str::trim).take(LOOK_UPS).collect(),
            (true, _) => vec![value.trim()],
        };
        for search in searches {
            let wanted = (query, Wanted { page: 1, search: search.into() });
            if !all.contains(&wanted) {
                all.push(wanted);
            }
        }
    }
    all
}

fn value(parameter: &Parameter, given: Option<&str>, choices: &Choices) -> Result<String, String> {
    let boolean = parameter.kind == ParameterType::Boolean;
    let fallback = parameter.default.as_deref().or(boolean.then_some("false"));
    let value = match given.or(fallback) {
        Some(value) => value,
        None if parameter.optional => "",
        None => return Err("is missing".into()),
    };
    let known =
        parameter.choices_from.as_ref().map(|query| choices.get(query).map_or(&[][..], Vec::as_slice));
    if known.is_some_and(<[String]>::is_empty) && !value.is_empty() {
        return Err("is not among what can be chosen".into());
    }
    let Some(form) = parameter.form(known.unwrap_or(&parameter.choices)) else {
        return upload(value, parameter.optional);
    };
    let value = answer::canonical(&form, value);
    answer::validate(&form, &value)?;
    // a hyphen in front would be an option to a program that is given it as an argument
    if parameter.kind == ParameterType::Email && value.starts_with('-') {
        return Err("may not begin with a hyphen".into());
    }
    Ok(value)
}

fn upload(value: &str, optional: bool) -> Result<String, String> {
    match value {
        "" if optional => Ok(String::new()),
        id if is_upload(id) => Ok(id.into()),
        _ => Err("has to be an uploaded file".into()),
    }
}

/// The id of an upload: 32 lower case hexadecimal digits.
pub fn is_upload(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(parameter: Parameter, given: &str, choices: &Choices) -> Result<String, String> {
        value(&parameter, Some(given), choices)
    }

    #[test]
    fn values_are_checked_by_type() {
        use ParameterType as T;
        let upload = "0123456789abcdef0123456789abcdef";
        let cases: &[(T, &[&str], &[&str])] = &[
            (T::String, &["a", "ä b; $(id)"], &["", "a\nb", "\u{1b}[0m"]),
            (T::Text, &["a\nb\tc"], &["", "\u{1b}[0m"]),
            (T::Boolean, &["true", "false"], &["yes", "True"]),
            (T::Select, &["red"], &["blue", "red, green"]),
            (T::Multiselect, &["red", "green,red"], &["blue", "red,,blue"]),
            (T::Email, &["a@b", "a.b+c@example.org"], &["a", "@b", "a@", "a b@c", "-a@b", "a..b@c", "a@-b"]),
            (T::Hostname, &["a", "a.b-c"], &["-a", "a..b", "a_b", "a b", "a/b"]),
            (T::Domain, &["a.b"], &["a", ".a", "a."]),
            (T::Address, &["192.0.2.1", "2001:db8::1"], &["192.0.2", "x"]),
            (T::Port, &["1", "65535"], &["0", "65536", "+1", "-1", "x"]),
            (T::Path, &["/srv/a b"], &["srv", "/srv/../etc", "/srv/"]),
            (T::Number, &["0", "-7"], &["1.5", "+1", "--1", "99999999999999999999"]),
            (T::File, &[upload], &["../../etc/shadow", "0", "0123456789ABCDEF0123456789abcdef"]),
        ];
        for (kind, good, bad) in cases {
            let parameter = Parameter {
                name: "p".into(),
                kind: *kind,
                choices: vec!["red".into(), "green".into()],
                ..Parameter::default()
            };
            let of = |v: &str| checked(parameter.clone(), v, &Choices::new());
            good.iter().for_each(|v| assert!(of(v).is_ok(), "{kind:?} {v}: {:?}", of(v)));
            bad.iter().for_each(|v| assert!(of(v).is_err(), "{kind:?} {v}"));
        }
    }

    #[test]
    fn what_a_query_offers_is_all_that_can_be_chosen() {
        let parameter = Parameter {
            name: "user".into(),
            kind: ParameterType::Select,
            choices_from: Some("users".into()),
            ..Parameter::default()
        };
        let choices = Choices::from([("users".to_owned(), vec!["ada".to_owned()])]);
        assert_eq!(checked(parameter.clone(), "ada", &choices), Ok("ada".into()));
        assert!(checked(parameter.clone(), "eve", &choices).unwrap_err().contains("one of ada"));
        assert!(checked(parameter, "ada", &Choices::new()).unwrap_err().contains("can be chosen"));
    }

    #[test]
    fn a_query_that_searches_is_asked_for_what_was_given() {
        let parameter = |name: &str, kind, query: &str| Parameter {
            name: name.into(),
            kind,
            choices_from: Some(query.into()),
            ..Parameter::default()
        };
        let query = |name: &str, search| Query { name: name.into(), search, ..Query::default() };
        let manifest =
            Manifest { queries: vec![query("users", true), query("skins", false)], ..Manifest::default() };
        let action = Action {
            parameters: vec![
                parameter("one", ParameterType::Select, "users"),
                parameter("some", ParameterType::Multiselect, "users"),
                parameter("skin", ParameterType::Select, "skins"),
            ],
            ..Action::default()
        };
        let given = [("one", "ada"), ("some", "ada, eve"), ("skin", "dark")];
        let given = given.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let asked: Vec<String> = look_ups(&manifest, &action, &given)
            .into_iter()
            .map(|(query, wanted)| format!("{} {}", query.name, wanted.search))
            .collect();
        assert_eq!(asked, ["users ada", "users eve", "skins "]);
    }

    #[test]
    fn everything_wrong_is_said_at_once_and_no_value_repeated() {
        let parameter = |name: &str, kind| Parameter { name: name.into(), kind, ..Parameter::default() };
        let mut limited = parameter("code", ParameterType::String);
        limited.pattern = Some("[a-z]{3}".into());
        let action = Action {
            name: "act".into(),
            parameters: vec![
                parameter("mail", ParameterType::Email),
                parameter("name", ParameterType::String),
                parameter("quiet", ParameterType::Boolean),
                Parameter { default: Some("abc".into()), ..limited },
                Parameter { optional: true, ..parameter("note", ParameterType::Text) },
            ],
            ..Action::default()
        };
        let map =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let given = map(&[("mail", "my-secret"), ("other", "my-secret"), ("code", "my-secret")]);
        let faults = check(&action, &given, &Choices::new()).unwrap_err();
        assert_eq!(faults.len(), 4);
        assert!(!faults.join(" ").contains("my-secret"));
        let values = check(&action, &map(&[("mail", "a@b"), ("name", "x")]), &Choices::new()).unwrap();
        assert_eq!(
            (values["quiet"].as_str(), values["code"].as_str(), values["note"].as_str()),
            ("false", "abc", "")
        );
    }
}
