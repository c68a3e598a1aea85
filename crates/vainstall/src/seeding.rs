//! debconf: what it knows of questions, and giving it answers.

use crate::failure::{Exit, Failure, Result};
use appliance::{Host, model::Seed, question::Question, seed_value, seeds::by_question_or_template};
use configure::debconf_copy;
use debconf::Selection;
use exec::Program;
use std::collections::BTreeMap;

/// What debconf has for each question that somebody has answered (`seen`), by debconf's names. May hold secrets.
pub fn answered<'a>(questions: impl IntoIterator<Item = &'a str>) -> Result<BTreeMap<String, String>> {
    let questions: Vec<&str> = questions.into_iter().filter(|q| is_word(q)).collect();
    if questions.is_empty() {
        return Ok(BTreeMap::new());
    }
    let commands: String = questions.iter().map(|q| format!("FGET {q} seen\nGET {q}\n")).collect();
    let program = Program::new("debconf-communicate")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .arg("vainstall")
        .stdin(commands);
    let replies = program.output()?.text();
    Ok(read(&questions, &replies))
}

/// Two replies for each question: `0 true`, `0 VALUE`; or `10 …` for one that debconf does not know.
fn read(questions: &[&str], replies: &str) -> BTreeMap<String, String> {
    let value = |line: Option<&str>| match line.and_then(|l| l.split_once(' ').or(Some((l, "")))) {
        Some(("0", value)) => Some(value.to_owned()),
        _ => None,
    };
    let mut lines = replies.lines();
    let mut found = BTreeMap::new();
    for question in questions {
        let (seen, answer) = (value(lines.next()), value(lines.next()));
        if let (Some("true"), Some(answer)) = (seen.as_deref(), answer) {
            found.insert((*question).to_owned(), answer);
        }
    }
    found
}

/// debconf's name of the appliance's own question.
pub fn own_question(appliance: &str, question: &Question) -> String {
    debconf_copy::name_of(appliance, &question.name)
}

/// What is answered where it is asked all the same: what debconf is given, and the seeds that it cannot be given, for what is
/// installed before the seed package asks as well. By debconf's names; has secrets.
pub fn by_question(selections: &[Selection], seeds: &[(&Seed, String)]) -> BTreeMap<String, String> {
    let mut answers = by_question_or_template(seeds);
    answers.extend(selections.iter().map(|s| (s.question.clone(), s.value.clone())));
    answers
}

/// The appliance's own answers and the seeds of others' questions that nobody has answered. Seeds that name another
/// template are left to the seed package, which can register them; debconf-set-selections cannot.
pub fn selections(
    appliance: &str,
    questions: &[Question],
    answers: &BTreeMap<String, String>,
    seeds: &[(&Seed, String)],
) -> Vec<Selection> {
    let own = debconf_copy::selections(appliance, questions, answers).into_iter();
    let others = seeds.iter().filter(|(seed, _)| seed.template.is_none()).map(|(seed, value)| Selection {
        owner: seed.package.clone(),
        question: seed.question.clone(),
        kind: seed.kind.clone(),
        value: value.clone(),
    });
    own.chain(others).collect()
}

/// What was given on the command line for packages' own questions. debconf corrects the type when it sees the template.
pub fn from_command_line(given: &[String]) -> Vec<Selection> {
    let pairs = given.iter().filter_map(|g| g.split_once('='));
    let selection = |(question, value): (&str, &str)| Selection {
        owner: question.split('/').next().unwrap_or_default().into(),
        question: question.into(),
        kind: "string".into(),
        value: value.into(),
    };
    pairs.map(selection).collect()
}

/// The seeds with their values.
pub fn rendered<'a>(
    seeds: &'a [Seed],
    host: &Host,
    answers: &BTreeMap<String, String>,
) -> Result<Vec<(&'a Seed, String)>> {
    let mut values = vec![];
    for seed in seeds {
        let wrong =
            |why: String| Failure::new(Exit::Repository, format!("the seed of {}: {why}", seed.question));
        let parts = seed_value::parse(&seed.value).map_err(|e| wrong(e.message))?;
        let value = seed_value::render(&parts, host, answers).map_err(|e| wrong(e.to_string()))?;
        values.push((seed, value));
    }
    Ok(values)
}

/// Gives debconf the answers, through standard input: some are secrets.
pub fn give(selected: &[Selection]) -> Result<()> {
    debconf_copy::give(selected).map_err(|error| {
        let exit = match error.exit_code() {
            5 => Exit::DiskFull,
            2 => Exit::Input,
            _ => Exit::Failed,
        };
        Failure { exit, error: error.into(), lines: vec![] }
    })
}

fn is_word(question: &str) -> bool {
    !question.is_empty() && !question.contains(|c: char| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_somebody_answered_counts() {
        // captured from debconf 1.5.91
        let replies = "0 true\n0 Internet Site\n10 nobody/knows doesn't exist\n10 nobody/knows doesn't exist\n0 false\n0 \n0 true\n0\n";
        let questions = ["postfix/main_mailer_type", "nobody/knows", "postfix/destinations", "empty/one"];
        let found = read(&questions, replies);
        let expect = [("empty/one", ""), ("postfix/main_mailer_type", "Internet Site")];
        assert_eq!(found, expect.map(|(q, v)| (q.to_owned(), v.to_owned())).into());
    }

    #[test]
    fn a_seed_of_a_shared_template_is_kept_for_whoever_asks_before_the_seed_package() {
        let seed = |question: &str, template: Option<&str>| Seed {
            package: "lists".into(),
            question: question.into(),
            kind: "boolean".into(),
            value: "true".into(),
            template: template.map(Into::into),
        };
        let (plain, shared) =
            (seed("lists/web", None), seed("lists/install", Some("dbconfig-common/install")));
        let seeds = [(&plain, "true".to_owned()), (&shared, "true".to_owned())];
        let selections = selections("lists", &[], &BTreeMap::new(), &seeds);
        assert!(!selections.iter().any(|s| s.question == "lists/install"));
        let given: Vec<String> = by_question(&selections, &seeds).into_keys().collect();
        assert_eq!(given, ["dbconfig-common/install", "lists/install", "lists/web"]);

        let other = Seed { question: "other/install".into(), ..shared.clone() };
        let seeds = [(&shared, "true".to_owned()), (&other, "false".to_owned())];
        let given: Vec<String> = by_question(&[], &seeds).into_keys().collect();
        assert_eq!(
            given,
            ["lists/install", "other/install"],
            "the template alone does not say which is meant"
        );
    }
}
