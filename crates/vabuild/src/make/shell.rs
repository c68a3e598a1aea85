//! Texts inside the shell scripts that are generated: a definition can say what it likes, it stays a word.

use appliance::{question::Question, seed_value::Part};

/// The text as one word of a POSIX shell: inside single quotes nothing has a meaning but the quote itself.
pub fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A value with placeholders as one word: fixed text quoted, placeholders as quoted variables that the
/// script has set before (`host_name` and so on, and [`variable`] of the question).
pub fn value(parts: &[Part]) -> String {
    if parts.is_empty() {
        return "''".into();
    }
    parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => quote(text),
            Part::Host(field) => format!("\"$host_{field}\""),
            Part::Answer(question) => format!("\"${}\"", variable(question)),
        })
        .collect()
}

/// The variable that holds the answer to a question. Questions' names are checked: letters, digits, hyphens.
pub fn variable(question: &str) -> String {
    format!("answer_{}", question.replace('-', "_"))
}

/// The text behind a `#`: never more than its line.
pub fn comment(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

/// Whether the question's default has to be put together on the machine.
pub fn default_parts(question: &Question) -> Vec<Part> {
    question.default.as_deref().and_then(|text| appliance::seed_value::parse(text).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use exec::Program;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_shell_gives_any_text_back(text in "[^\0]*|[ '\"\\\\$`()\n;&|*]*") {
            let script = format!("# {}\nhost_fqdn='$(x) *'\nprintf %s {}", comment(&text),
                value(&[Part::Text(text.clone()), Part::Host("fqdn")]));
            let out = Program::new("sh").arg("-s").stdin(script).run().unwrap();
            prop_assert_eq!(out.text(), format!("{text}$(x) *"));
        }
    }
}
