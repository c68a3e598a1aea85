//! Questions as a section of a definition, to be pasted and thought about.

use super::{Question, for_want_of_services, takes_answer};
use appliance::{names, problem::printable};
use rehearsal::Priority;
use std::fmt::Write;

/// No comment is longer (characters).
const WIDTH: usize = 100;

/// `[[seed]]` tables with the defaults as values, for what is asked at this priority or higher. A password gets a question
/// of the appliance's own: its value has to be made on the machine.
pub fn text(questions: &[Question], from: Priority) -> String {
    let mut text = String::new();
    let mut password = None;
    for question in questions {
        let priority = question.asked.as_ref().and_then(|how| Priority::parse(&how.priority));
        let template = question.template.as_deref().unwrap_or(&question.name);
        let unwanted = !takes_answer(&question.kind) || for_want_of_services(template);
        if unwanted || priority.is_none_or(|p| p < from) {
            continue;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        match question.kind.as_str() {
            "password" if template.starts_with("dbconfig-common/") && template.ends_with("/admin-pass") => {
                comment(&mut text, question);
                text.push_str("# Empty: the database server's own administrator, without a password, through its socket.\n");
                seed(&mut text, question, "");
            }
            "password" => secret(&mut text, question, &mut password),
            _ => {
                comment(&mut text, question);
                seed(&mut text, question, &value(question));
            }
        }
    }
    if text.is_empty() {
        let _ = writeln!(text, "# nothing is asked at priority {} or higher", from.word());
    }
    text
}

fn secret(text: &mut String, question: &Question, last: &mut Option<(String, String)>) {
    // a password is asked twice: the repetition has the same answer
    let again = ["confirm", "again", "repeat", "verify"];
    let repeats = question.name.ends_with('2') || again.iter().any(|word| question.name.contains(word));
    let repeats = last.as_ref().filter(|(package, _)| repeats && *package == question.package);
    let name = match repeats {
        Some((_, name)) => name.clone(),
        None => {
            let name = own_name(&question.name);
            comment(text, question);
            let _ = writeln!(
                text,
                "[[question]]\nname = {}\nprompt = {}\ntype = \"password\"\ngenerate = {{ length = 24 }}\n",
                quoted(&name),
                quoted(question.description.trim_end_matches([':', '?']))
            );
            *last = Some((question.package.clone(), name.clone()));
            name
        }
    };
    seed(text, question, &format!("{{{{ answers.{} }}}}", name.replace('-', "_")));
}

/// A name for the appliance's own question: `slapd-password1`.
fn own_name(question: &str) -> String {
    let safe = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
    let name: String = question.to_ascii_lowercase().chars().map(safe).collect();
    let parts: Vec<&str> = name.split('-').filter(|part| !part.is_empty()).collect();
    parts.join("-")
}

fn value(question: &Question) -> String {
    match question.kind.as_str() {
        "select" if question.default.is_empty() => question.choices.first().cloned().unwrap_or_default(),
        "boolean" if question.default.is_empty() => "false".into(),
        _ => question.default.clone(),
    }
}

fn seed(text: &mut String, question: &Question, value: &str) {
    let mut table =
        format!("[[seed]]\npackage = {}\nquestion = {}\n", quoted(&question.package), quoted(&question.name));
    if question.kind != "string" {
        let _ = writeln!(table, "type = {}", quoted(&question.kind));
    }
    if let Some(template) = &question.template {
        let _ = writeln!(table, "template = {}", quoted(template));
    }
    let _ = writeln!(table, "value = {}", quoted(value));
    let usable = names::package(&question.package).is_ok()
        && names::debconf_question(&question.name).is_ok()
        && appliance::seed_value::parse(value).is_ok();
    match usable {
        true => text.push_str(&table),
        false => table.lines().for_each(|line| {
            let _ = writeln!(text, "# {line}");
        }),
    }
}

/// The description, the choices and the text below it, as comments.
fn comment(text: &mut String, question: &Question) {
    let asked = question.asked.as_ref().map_or("", |how| how.priority.as_str());
    let mut lines = vec![format!("{} ({asked})", question.description)];
    lines.extend(question.extended.split("\n\n").flat_map(|paragraph| wrapped(paragraph, WIDTH)));
    if !question.choices.is_empty() {
        lines.extend(wrapped(&format!("Choices: {}", question.choices.join(", ")), WIDTH));
    }
    for line in lines.iter().filter(|l| !l.trim().is_empty()) {
        let _ = writeln!(text, "# {}", printable(line.trim_end()));
    }
}

fn wrapped(paragraph: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in paragraph.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A basic string of TOML 1.0: quotes, backslashes and control characters are escaped.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
