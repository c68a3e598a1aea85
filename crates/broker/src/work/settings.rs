//! New answers: stored and applied by `appliance-configure`, then it is looked whether the appliance works.

use super::Ending;
use crate::{
    appliances::PROGRAM,
    settings::Model,
    tasks::{log::Log, record::Record},
};
use broker_protocol::{Check, NewAnswers, Work};
use events::{Kind, Stream};
use exec::{From, Output, Program};
use std::path::Path;

pub fn run(folder: &Path, record: &Record, log: &mut Log) -> Ending {
    let Work::Settings { appliance, revision, answers: names } = &record.work else {
        return Ending::failed("The task's record names no settings.", vec![]);
    };
    phase(log, "apply", "Applying the new answers", 1);
    let answers: NewAnswers = match Record::take_values(folder) {
        Ok(answers) => answers,
        Err(error) => return Ending::failed(format!("The new answers cannot be read: {error}."), vec![]),
    };
    // the program shows no secret, and what an appliance's step shows is masked; a log is for ever
    match Model::default().show(appliance, &[]) {
        Ok(settings) => {
            let secrets = settings.questions.iter().filter(|q| q.is_secret());
            log.hide(secrets.filter_map(|q| answers.get(&q.name).cloned().flatten()));
        }
        Err(refusal) => return Ending::failed(refusal.message, vec![]),
    }
    for name in names.keys() {
        log.tell(Kind::Log { stream: Stream::Stdout, line: format!("{name} changes") });
    }
    let json = match serde_json::to_vec(&answers) {
        Ok(json) => json,
        Err(error) => return Ending::failed(format!("The new answers cannot be written: {error}."), vec![]),
    };
    let mut program = Program::new(PROGRAM).args(["apply", "--answers"]).stdin(json);
    if let Some(revision) = revision {
        program = program.arg(format!("--revision={revision}"));
    }
    let told = program.args(["--", appliance]).each_line(|from, line| {
        let stream = if from == From::Stderr { Stream::Stderr } else { Stream::Stdout };
        log.tell(Kind::Log { stream, line: line.to_owned() });
    });
    match told {
        Ok(output) if output.success() => {}
        Ok(output) => return not_applied(appliance, &output),
        Err(error) => return Ending::failed(format!("The new answers were not taken: {error}."), vec![]),
    }
    phase(log, "check", "Looking whether the appliance works", 2);
    judge(appliance, &checks(appliance))
}

/// With statuses 2 and 3 the program's own words say all.
fn not_applied(appliance: &str, output: &Output) -> Ending {
    let details = output.tail(10);
    let said = details.last().map(String::as_str).unwrap_or_default();
    let said = said.trim().strip_prefix("appliance-configure: ").unwrap_or(said.trim()).to_owned();
    match output.status.code() {
        Some(2 | 3) => Ending::failed(format!("It could not be done: {said}."), details),
        _ => {
            let message =
                "The new answers are kept, but they could not be applied. When what is wrong is put right,";
            Ending::failed(format!("{message} `appliance-configure apply {appliance}` goes on."), details)
        }
    }
}

fn checks(appliance: &str) -> Vec<Check> {
    let unknown = |message: String| vec![Check { name: "health".into(), ok: false, message }];
    let program = Program::new(PROGRAM).args(["health", "--json", "--wait", "--", appliance]);
    match program.output() {
        Ok(output) => {
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| unknown(output.tail(1).concat()))
        }
        Err(error) => unknown(error.to_string()),
    }
}

fn judge(appliance: &str, checks: &[Check]) -> Ending {
    let ill: Vec<String> =
        checks.iter().filter(|c| !c.ok).map(|c| format!("{}: {}", c.name, c.message)).collect();
    if ill.is_empty() {
        return Ending::ok(format!("{appliance} has its new answers, and works."));
    }
    Ending::failed(format!("{appliance} has its new answers, but does not work."), ill)
}

fn phase(log: &mut Log, id: &str, title: &str, index: u32) {
    log.tell(Kind::Phase { id: id.into(), title: title.into(), index: Some(index), of: Some(2) });
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::Status;

    #[test]
    fn an_appliance_that_does_not_work_with_its_new_answers_is_a_failure() {
        let check = |ok| Check { name: "http://127.0.0.1/".into(), ok, message: "status 500".into() };
        assert_eq!(judge("wiki", &[check(true)]).status, Status::Ok);
        let ill = judge("wiki", &[check(true), check(false)]);
        assert_eq!(
            (ill.status, ill.details),
            (Status::Failed, vec!["http://127.0.0.1/: status 500".to_owned()])
        );
    }

    #[test]
    fn it_is_said_whether_anything_was_changed() {
        let ended = |status: i32| {
            let script = format!("echo 'appliance-configure: because' >&2; exit {status}");
            not_applied("wiki", &Program::new("sh").args(["-c", &script]).output().unwrap())
        };
        assert_eq!(ended(3).message, "It could not be done: because.");
        assert!(ended(1).message.contains("are kept") && ended(1).details[0].contains("because"));
    }
}
