//! `settings`: an appliance's answers, shown and changed.

use crate::{
    cli::{
        session::{Session, Usage, strange},
        show, work,
    },
    text::harmless,
};
use anyhow::{Context, Result, bail};
use broker_protocol::{Answer, Ask, NewAnswers, Setting, Settings, Unfit, Work};
use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
    process::ExitCode,
};

/// Bytes of a file of answers; what asks the broker has room for no more.
const FILE_LIMIT: u64 = 48 << 10;

pub fn settings(
    session: &Session,
    appliance: String,
    pairs: &[String],
    file: Option<&Path>,
    wait: bool,
) -> Result<ExitCode> {
    let ask = Ask::Settings { appliance: appliance.clone(), languages: vec![] };
    let Answer::Settings(settings) = session.ask(ask)? else { return Err(strange()) };
    if pairs.is_empty() && file.is_none() {
        return print(session, &settings);
    }
    let mut answers = match file {
        Some(path) => in_file(session, &appliance, path)?,
        None => NewAnswers::new(),
    };
    answers.extend(in_arguments(&settings, pairs)?);
    match session.ask(Ask::Start { work: Work::Settings { appliance, revision: None, answers } })? {
        Answer::Task(task) => work::started(session, task, wait),
        Answer::Unfit(unfit) => bail!(Usage(told(&settings, &unfit))),
        Answer::Done => {
            if session.json {
                session.print_json(&serde_json::json!({ "changes": false }))?;
            } else {
                writeln!(io::stdout(), "Nothing to change: these answers are in use already.")?;
            }
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(strange()),
    }
}

fn print(session: &Session, settings: &Settings) -> Result<ExitCode> {
    if session.json {
        session.print_json(settings)?;
        return Ok(ExitCode::SUCCESS);
    }
    let row = |q: &Setting| vec![harmless(&q.name), answer(q), harmless(&q.prompt)];
    let rows: Vec<Vec<String>> = settings.questions.iter().filter(|q| !q.internal).map(row).collect();
    show::table(session, &mut io::stdout().lock(), &["Name", "Answer", "Question"], &rows)?;
    Ok(ExitCode::SUCCESS)
}

fn answer(question: &Setting) -> String {
    match question {
        q if !q.asked => "(not asked)".into(),
        q if q.kept => "(kept secret)".into(),
        q if q.is_secret() => "(none)".into(),
        q => q.value.lines().map(harmless).collect::<Vec<_>>().join(" / "),
    }
}

/// `-` is standard input.
fn in_file(session: &Session, appliance: &str, path: &Path) -> Result<NewAnswers> {
    let shown = path.display();
    let mut source: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(io::stdin()),
        _ => match File::open(path) {
            Ok(file) => Box::new(file),
            Err(error) => bail!(Usage(format!("cannot open {shown}: {error}"))),
        },
    };
    let mut bytes = vec![];
    (&mut source)
        .take(FILE_LIMIT + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {shown}"))?;
    if bytes.len() as u64 > FILE_LIMIT {
        bail!(Usage(format!("{shown} is larger than {} KiB: these are no answers", FILE_LIMIT >> 10)));
    }
    let Ok(text) = String::from_utf8(bytes) else {
        bail!(Usage(format!("{shown} is no UTF-8 text: save it as UTF-8")))
    };
    match session.ask(Ask::ReadAnswers { appliance: appliance.into(), text })? {
        Answer::Answers(answers) => Ok(answers),
        _ => Err(strange()),
    }
}

/// A secret does not belong where everybody on the machine can read it.
fn in_arguments(settings: &Settings, pairs: &[String]) -> Result<NewAnswers> {
    let mut answers = NewAnswers::new();
    for pair in pairs {
        let Some((name, value)) = pair.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            bail!(Usage("an answer is given as NAME=VALUE".into()));
        };
        let secret = settings.questions.iter().any(|q| q.name == name && q.is_secret());
        if secret && value.is_empty() {
            // said like that, it is none
            answers.insert(name.to_owned(), None);
            continue;
        }
        if secret && !value.starts_with('@') {
            bail!(Usage(format!(
                "{name} is a secret, and everybody on this machine can read a command line: give it as {name}=@FILE, as \
                 {name}=@- on standard input, or in the file of --answers"
            )));
        }
        answers.insert(name.to_owned(), Some(work::value_of(value)?));
    }
    Ok(answers)
}

fn told(settings: &Settings, unfit: &Unfit) -> String {
    let line = |(name, why): (&String, &String)| {
        let question = settings.questions.iter().find(|q| q.name == *name);
        let prompt = question.map(|q| format!(" ({})", harmless(&q.prompt))).unwrap_or_default();
        format!("\n  {}{prompt}: {}", harmless(name), harmless(why))
    };
    format!(
        "nothing was changed, because of the answers:{}",
        unfit.faults.iter().map(line).collect::<String>()
    )
}
