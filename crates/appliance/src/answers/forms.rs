//! What an answer of each type looks like; messages in the owner's words.

use crate::question::{Question, QuestionType};

/// An answer longer than this is refused: debconf, environments and forms all have their bounds.
const LENGTH_LIMIT: usize = 4096;

/// Whether the answer fits the question. The message does not repeat the answer, which may be a secret.
pub fn validate(question: &Question, answer: &str) -> Result<(), String> {
    if answer.is_empty() {
        return if question.optional { Ok(()) } else { Err("an answer is needed".into()) };
    }
    if answer.len() > LENGTH_LIMIT {
        return Err(format!("is longer than {LENGTH_LIMIT} bytes"));
    }
    if answer.contains(char::is_control) {
        return Err("must be one line, without control characters".into());
    }
    match question.kind {
        QuestionType::Select if !question.choices.iter().any(|c| c == answer) => {
            Err(format!("must be one of {}", listed(&question.choices)))
        }
        QuestionType::Select | QuestionType::String | QuestionType::Password => Ok(()),
        QuestionType::Boolean => boolean(answer),
        QuestionType::Email => email(answer),
        QuestionType::Hostname => hostname(answer),
        QuestionType::Domain => domain(answer),
        QuestionType::Port => port(answer),
        QuestionType::Number => number(answer),
    }
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
