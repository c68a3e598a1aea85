//! What an answer of each type looks like; messages in the owner's words.

use crate::{Form, QuestionType, in_one_line, pattern::Pattern};
use std::net::IpAddr;

/// An answer longer than this is refused: debconf, environments and forms all have their bounds.
pub const LENGTH_LIMIT: usize = 4096;

/// Whether the answer fits the form. The message does not repeat the answer, which may be a secret.
pub fn validate(form: &Form<'_>, answer: &str) -> Result<(), String> {
    if answer.is_empty() {
        return if form.optional { Ok(()) } else { Err("an answer is needed".into()) };
    }
    let text = form.kind == QuestionType::Text;
    let length = if text { in_one_line(answer).len() } else { answer.len() };
    if length > LENGTH_LIMIT {
        return Err(format!("is longer than {LENGTH_LIMIT} bytes"));
    }
    if answer.contains(|c: char| c.is_control() && !(text && matches!(c, '\n' | '\t'))) {
        let lines = if text { "be text" } else { "be one line" };
        return Err(format!("must {lines}, without control characters"));
    }
    match form.kind {
        QuestionType::Select if !form.choices.iter().any(|c| c == answer) => {
            Err(format!("must be one of {}", listed(form.choices)))
        }
        QuestionType::Select | QuestionType::Text => Ok(()),
        QuestionType::String | QuestionType::Password => limits(form, answer),
        QuestionType::Multiselect => multiselect(form, answer),
        QuestionType::Boolean => boolean(answer),
        QuestionType::Email => email(answer),
        QuestionType::Hostname => hostname(answer),
        QuestionType::Domain => domain(answer),
        QuestionType::Address => address(answer),
        QuestionType::Path => path(answer),
        QuestionType::Port => port(answer).and_then(|()| range(form, answer)),
        QuestionType::Number => number(answer).and_then(|()| range(form, answer)),
    }
}

fn limits(form: &Form<'_>, answer: &str) -> Result<(), String> {
    let length = answer.chars().count();
    let (least, most) = (form.min_length.unwrap_or(0), form.max_length.unwrap_or(u32::MAX));
    if length < least as usize {
        return Err(format!("must have at least {least} characters"));
    }
    if length > most as usize {
        return Err(format!("must have at most {most} characters"));
    }
    let Some(Ok(pattern)) = form.pattern.map(Pattern::parse) else { return Ok(()) };
    if pattern.matches(answer) {
        return Ok(());
    }
    Err(match form.pattern_hint {
        Some(hint) => format!("must be {hint}"),
        None => format!("must look like {}", form.pattern.unwrap_or_default()),
    })
}

fn range(form: &Form<'_>, answer: &str) -> Result<(), String> {
    let Ok(number) = answer.parse::<i64>() else { return Ok(()) };
    match (form.min, form.max) {
        (Some(min), Some(max)) if number < min || number > max => {
            Err(format!("must be a number from {min} to {max}"))
        }
        (Some(min), None) if number < min => Err(format!("must be {min} or more")),
        (None, Some(max)) if number > max => Err(format!("must be {max} or less")),
        _ => Ok(()),
    }
}

/// Choices with a comma and a space between two, each once.
fn multiselect(form: &Form<'_>, answer: &str) -> Result<(), String> {
    let all: Vec<&str> = answer.split(", ").collect();
    let known = |c: &&str| form.choices.iter().any(|choice| choice == c);
    let once = all.iter().enumerate().all(|(i, c)| !all[..i].contains(c));
    if all.iter().all(known) && once {
        return Ok(());
    }
    Err(format!("must be some of {}, with a comma between two", listed(form.choices)))
}

/// The answer as it is kept: of a `multiselect`, the choices in their order; a `text` without line ends behind it.
pub fn canonical(form: &Form<'_>, answer: &str) -> String {
    match form.kind {
        QuestionType::Multiselect => {}
        QuestionType::Text => return answer.trim_end_matches('\n').to_owned(),
        _ => return answer.to_owned(),
    }
    let given: Vec<&str> = chosen(answer).collect();
    let known: Vec<&str> = form.choices.iter().map(String::as_str).filter(|c| given.contains(c)).collect();
    if known.len() == given.len() { known.join(", ") } else { given.join(", ") }
}

/// What was chosen of a `multiselect`.
pub fn chosen(answer: &str) -> impl Iterator<Item = &str> {
    answer.split(',').map(str::trim).filter(|c| !c.is_empty())
}

pub fn boolean(answer: &str) -> Result<(), String> {
    matches!(answer, "true" | "false").then_some(()).ok_or_else(|| "must be true or false".into())
}

/// `user@host`: the local part in RFC 5322's dot-atom form, the host a name as in [`hostname`].
pub fn email(answer: &str) -> Result<(), String> {
    let wrong = || "must be a mail address such as ada@example.org".to_owned();
    let (local, host) = answer.rsplit_once('@').ok_or_else(wrong)?;
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    if local.len() > 64 || !local.split('.').all(|a| !a.is_empty() && a.chars().all(atom)) {
        return Err(wrong());
    }
    hostname(host).map_err(|_| wrong())
}

/// One label or several (RFC 1123, 2.1): letters, digits and hyphens, 63 characters each, 253 together.
pub fn hostname(answer: &str) -> Result<(), String> {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    if answer.len() <= 253 && answer.split('.').all(label) {
        return Ok(());
    }
    Err("must be a host name such as wiki or wiki.example.org".into())
}

/// A host name of two labels at least whose last is no number.
pub fn domain(answer: &str) -> Result<(), String> {
    let last_is_name = answer.rsplit('.').next().is_some_and(|l| !l.bytes().all(|b| b.is_ascii_digit()));
    if hostname(answer).is_ok() && answer.contains('.') && last_is_name {
        return Ok(());
    }
    Err("must be a domain name such as example.org".into())
}

/// IPv4 in dotted decimals without leading zeros, or IPv6 (RFC 4291, 2.2) without a zone.
pub fn address(answer: &str) -> Result<(), String> {
    let wrong = |_| "must be a network address such as 192.0.2.7 or 2001:db8::7".to_owned();
    answer.parse::<IpAddr>().map(drop).map_err(wrong)
}

/// Absolute, without an empty part, `.`, `..` or a slash at the end.
pub fn path(answer: &str) -> Result<(), String> {
    let parts = answer.strip_prefix('/').map(|rest| rest.split('/'));
    if answer == "/" || parts.is_some_and(|mut p| p.all(|part| !matches!(part, "" | "." | ".."))) {
        return Ok(());
    }
    Err("must be a whole path such as /srv/data".into())
}

pub fn port(answer: &str) -> Result<(), String> {
    let digits = answer.bytes().all(|b| b.is_ascii_digit()) && !answer.starts_with('0');
    if digits && answer.parse::<u16>().is_ok() {
        return Ok(());
    }
    Err("must be a port, a number from 1 to 65535".into())
}

pub fn number(answer: &str) -> Result<(), String> {
    let digits = answer.strip_prefix('-').unwrap_or(answer);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && answer.parse::<i64>().is_ok() {
        return Ok(());
    }
    Err("must be a whole number".into())
}

fn listed(choices: &[String]) -> String {
    choices.join(", ")
}
