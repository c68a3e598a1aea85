//! The values for an action's parameters, checked by type before anything is started.

use crate::manifest::{Action, ParameterType};
use std::collections::BTreeMap;

/// Bytes in one value: all values of a request share its one line of 64 KiB.
pub const VALUE_LIMIT: usize = 4096;

/// The values as the program will get them. Every parameter has to be given, but a boolean that is not counts as
/// `false`, as a form's unset checkbox. The error lists everything that is wrong and repeats no value.
pub fn check(
    action: &Action,
    given: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Vec<String>> {
    let (mut values, mut faults) = (BTreeMap::new(), vec![]);
    for name in given.keys().filter(|name| action.parameters.iter().all(|p| p.name != **name)) {
        let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
        faults.push(format!("`{name}` is no parameter of `{}`", action.name));
    }
    for parameter in &action.parameters {
        let value = match given.get(&parameter.name) {
            Some(value) => value.as_str(),
            None if parameter.kind == ParameterType::Boolean => "false",
            None => {
                faults.push(format!("`{}` is missing", parameter.name));
                continue;
            }
        };
        match check_value(parameter.kind, value) {
            Ok(()) => drop(values.insert(parameter.name.clone(), value.to_string())),
            Err(why) => faults.push(format!("`{}` {why}", parameter.name)),
        }
    }
    if faults.is_empty() { Ok(values) } else { Err(faults) }
}

/// Whether a value is of a type; if not, what it has to be.
pub fn check_value(kind: ParameterType, value: &str) -> Result<(), String> {
    use ParameterType as T;
    if value.is_empty() {
        return Err("may not be empty".into());
    }
    if value.len() > VALUE_LIMIT {
        return Err(format!("is longer than {VALUE_LIMIT} bytes"));
    }
    if value.chars().any(char::is_control) {
        return Err("may have no line ends or other control characters".into());
    }
    let (right, wanted) = match kind {
        T::String | T::Password => (true, ""),
        T::Boolean => (matches!(value, "true" | "false"), "has to be true or false"),
        T::Email => (is_email(value), "has to be a mail address, such as name@example.org"),
        T::Hostname => (is_host(value), "has to be a host's name: letters, digits, hyphens, dots"),
        T::Domain => (is_host(value) && value.contains('.'), "has to be a domain, such as example.org"),
        T::Port => (
            is_digits(value) && value.parse::<u16>().is_ok_and(|p| p > 0),
            "has to be a port from 1 to 65535",
        ),
        T::Number => (
            is_digits(value.strip_prefix('-').unwrap_or(value)) && value.parse::<i64>().is_ok(),
            "has to be a whole number",
        ),
        T::File => (is_upload(value), "has to be an uploaded file"),
    };
    if right { Ok(()) } else { Err(wanted.into()) }
}

/// The id of an upload: 32 lower case hexadecimal digits.
pub fn is_upload(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// RFC 1123, section 2.1.
fn is_host(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}

/// RFC 5321's `Dot-string@Domain`, without quoted forms; a local host needs no dot.
fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else { return false };
    let atom = |a: &str| {
        !a.is_empty() && a.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
    };
    // a hyphen in front would be an option to a program that is given it as an argument
    local.len() <= 64 && !local.starts_with('-') && local.split('.').all(atom) && is_host(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Parameter, Role};

    #[test]
    fn values_are_checked_by_type() {
        use ParameterType as T;
        let upload = "0123456789abcdef0123456789abcdef";
        let cases: &[(T, &[&str], &[&str])] = &[
            (T::String, &["a", "ä b; $(id)"], &["", "a\nb", "\u{1b}[0m"]),
            (T::Boolean, &["true", "false"], &["yes", "True"]),
            (T::Email, &["a@b", "a.b+c@example.org"], &["a", "@b", "a@", "a b@c", "-a@b", "a..b@c", "a@-b"]),
            (T::Hostname, &["a", "a.b-c"], &["-a", "a..b", "a_b", "a b", "a/b"]),
            (T::Domain, &["a.b"], &["a", ".a", "a."]),
            (T::Port, &["1", "65535"], &["0", "65536", "+1", "-1", "x"]),
            (T::Number, &["0", "-7"], &["1.5", "+1", "--1", "99999999999999999999"]),
            (T::File, &[upload], &["../../etc/shadow", "0", "0123456789ABCDEF0123456789abcdef"]),
        ];
        for (kind, good, bad) in cases {
            good.iter().for_each(|v| assert_eq!(check_value(*kind, v), Ok(()), "{kind:?} {v}"));
            bad.iter().for_each(|v| assert!(check_value(*kind, v).is_err(), "{kind:?} {v}"));
        }
    }

    #[test]
    fn everything_wrong_is_said_at_once_and_no_value_repeated() {
        let parameter = |name: &str, kind| Parameter { name: name.into(), kind };
        let action = Action {
            name: "act".into(),
            title: "Act".into(),
            description: None,
            run: "act".into(),
            role: Role::Viewer,
            confirm: None,
            parameters: vec![
                parameter("mail", ParameterType::Email),
                parameter("name", ParameterType::String),
                parameter("quiet", ParameterType::Boolean),
            ],
            user: "root".into(),
            writable: vec![],
            network: false,
            units: vec![],
            configures: false,
        };
        let map =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let faults = check(&action, &map(&[("mail", "my-secret"), ("other", "my-secret")])).unwrap_err();
        assert_eq!(faults.len(), 3);
        assert!(!faults.join(" ").contains("my-secret"));
        let values = check(&action, &map(&[("mail", "a@b"), ("name", "x")])).unwrap();
        assert_eq!(values["quiet"], "false");
    }
}
