//! Where answers are given in advance: the command line, a file, the environment, systemd's credentials.

use super::read;
use crate::{
    cli::Arguments,
    failure::{Exit, Failure, Result, fail},
    progress::Progress,
};
use appliance::{
    answers::{Origin, Source},
    question::{Question, QuestionType},
};
use std::{collections::BTreeMap, env, os::unix::fs::PermissionsExt, path::Path};

const VARIABLE: &str = "VAINSTALL_ANSWER_";

/// By precedence, the first first.
pub fn explicit(
    arguments: &Arguments,
    appliance: &str,
    questions: &[Question],
    progress: &mut Progress,
) -> Result<Vec<Source>> {
    let secret = |name: &str| questions.iter().any(|q| q.name == name && q.kind == QuestionType::Password);
    let mut sources = vec![];
    let set = command_line(&arguments.set)?;
    for name in set.keys().filter(|n| secret(n)) {
        progress.warn(format!(
            "{name} was given on the command line, where others can read it; --answers is better"
        ));
    }
    sources.push(Source::new(Origin::CommandLine, set));
    if let Some(path) = &arguments.answers {
        let answers = parse(&read(path)?, &path.display().to_string())?;
        let open = path.metadata().is_ok_and(|m| m.permissions().mode() & 0o044 != 0);
        if open && answers.keys().any(|n| secret(n)) {
            progress.warn(format!("{} holds a password and others can read it: chmod 600", path.display()));
        }
        sources.push(Source::new(Origin::File(path.display().to_string()), answers));
    }
    sources.push(Source::new(Origin::Environment, environment(env::vars_os(), questions)));
    if let Some(folder) = env::var_os("CREDENTIALS_DIRECTORY") {
        let path = Path::new(&folder).join(format!("vainstall.{appliance}"));
        if path.exists() {
            sources.push(Source::new(Origin::Credentials, parse(&read(&path)?, "the credentials")?));
        }
    }
    Ok(sources)
}

/// `VAINSTALL_ANSWER_WIKI_NAME`
pub fn variable(question: &Question) -> String {
    format!("{VARIABLE}{}", question.variable().to_uppercase())
}

fn command_line(set: &[String]) -> Result<BTreeMap<String, String>> {
    let mut answers = BTreeMap::new();
    for given in set {
        let Some((name, answer)) = given.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            // it may be half a secret: not repeated
            return fail(Exit::Input, "--set takes QUESTION=ANSWER, such as --set wiki-name='Our Wiki'");
        };
        if answers.insert(name.to_owned(), answer.to_owned()).is_some() {
            return fail(Exit::Input, format!("--set gives two answers to {name}"));
        }
    }
    Ok(answers)
}

fn environment(
    variables: impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
    questions: &[Question],
) -> BTreeMap<String, String> {
    let given = variables.filter_map(|(name, value)| {
        let name = name.to_str()?.strip_prefix(VARIABLE)?.to_owned();
        Some((name, value.to_string_lossy().into_owned()))
    });
    given
        .map(|(name, value)| {
            let known = questions.iter().find(|q| q.variable().to_uppercase() == name);
            (known.map_or_else(|| name.to_lowercase().replace('_', "-"), |q| q.name.clone()), value)
        })
        .collect()
}

/// JSON when it begins with a brace, else TOML: names with texts, numbers, or true and false.
fn parse(text: &str, from: &str) -> Result<BTreeMap<String, String>> {
    // the parsers' own words would repeat the line, which may hold a secret
    let wrong = |at: String| {
        Failure::new(Exit::Input, format!("{from}{at} is neither TOML (wiki-name = \"Our Wiki\") nor JSON"))
    };
    let values: serde_json::Map<String, serde_json::Value> = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|e| wrong(format!(", line {},", e.line())))?
    } else {
        toml::from_str(text).map_err(|e| {
            let line = e.span().map(|s| text[..s.start.min(text.len())].matches('\n').count() + 1);
            wrong(line.map_or(String::new(), |l| format!(", line {l},")))
        })?
    };
    let (mut answers, mut odd) = (BTreeMap::new(), vec![]);
    for (name, value) in values {
        match value {
            serde_json::Value::String(text) => drop(answers.insert(name, text)),
            serde_json::Value::Bool(yes) => drop(answers.insert(name, yes.to_string())),
            serde_json::Value::Number(number) => drop(answers.insert(name, number.to_string())),
            _ => odd.push(name),
        }
    }
    if odd.is_empty() {
        return Ok(answers);
    }
    fail(
        Exit::Input,
        format!("{from}: an answer must be one text, number or true/false: see {}", odd.join(", ")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toml_and_json_say_the_same() {
        let toml = parse("wiki-name = \"A = b\"\nport = 8080\nopen = true\n", "x").unwrap();
        let json = parse("{\"wiki-name\": \"A = b\", \"port\": 8080, \"open\": true}", "x").unwrap();
        assert_eq!(toml, json);
        assert_eq!(toml["port"], "8080");
    }

    #[test]
    fn a_mistake_is_placed_and_no_secret_repeated() {
        let message = parse("a = 1\npassword = \"hunter2\nb = 2", "answers.toml").unwrap_err().message();
        assert!(message.contains("answers.toml, line 2") && !message.contains("hunter2"), "{message}");
        assert!(!command_line(&["hunter2".into()]).unwrap_err().message().contains("hunter2"));
        let message = parse("a = [1]\nfine = 1\nb = { c = 1 }", "x").unwrap_err().message();
        assert!(message.ends_with("see a, b"), "{message}");
    }

    #[test]
    fn the_first_equals_sign_parts_name_and_answer() {
        let set = command_line(&["a=b=c".into(), "empty=".into()]).unwrap();
        assert_eq!((set["a"].as_str(), set["empty"].as_str()), ("b=c", ""));
        assert!(command_line(&["a=1".into(), "a=2".into()]).is_err());
    }
}
