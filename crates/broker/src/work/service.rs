//! Start, stop and the like of a service, through the system manager.

use super::Ending;
use crate::{services, tasks::log::Log};
use broker_protocol::{ServiceState, Verb};
use events::{Kind, Stream};
use exec::{From, Program};

/// Lines of the journal that explain a failure.
const LINES: &str = "--lines=15";

pub fn run(unit: &str, verb: Verb, log: &mut Log) -> Ending {
    // `--now` makes of "with the machine" also "now", as people expect of a switch
    let now: &[&str] = if matches!(verb, Verb::Enable | Verb::Disable) { &["--now"] } else { &[] };
    let program = Program::new("systemctl").args(["--no-pager", verb.as_str()]).args(now).args(["--", unit]);
    let ran = program.each_line(|from, line| {
        let stream = if from == From::Stderr { Stream::Stderr } else { Stream::Stdout };
        log.tell(Kind::Log { stream, line: line.to_owned() });
    });
    let output = match ran {
        Ok(output) => output,
        Err(error) => return Ending::failed(format!("The system manager was not asked: {error}."), vec![]),
    };
    let state = services::show(unit).ok();
    if output.success() {
        return Ending::ok(message(unit, verb, state.as_ref()));
    }
    let why = state.map(|s| s.service.active).filter(|active| active == "failed");
    let message = match why {
        Some(_) => format!("{unit} failed. What it said last:"),
        None => format!("The system manager refused to {} {unit}.", verb.as_str()),
    };
    Ending::failed(message, last_lines(unit, &output.tail(5)))
}

/// What is true now, not what was wanted.
fn message(unit: &str, verb: Verb, state: Option<&ServiceState>) -> String {
    let active = state.map_or("unknown", |s| s.service.active.as_str());
    let now = match active {
        "active" => "it runs",
        "inactive" => "it does not run",
        "activating" => "it is starting",
        "failed" => "it has failed",
        other => other,
    };
    match verb {
        Verb::Start => format!("{unit} was started; {now}."),
        Verb::Stop => format!("{unit} was stopped; {now}."),
        Verb::Restart => format!("{unit} was restarted; {now}."),
        Verb::Enable => format!("{unit} starts with the machine; {now}."),
        Verb::Disable => format!("{unit} does not start with the machine any more; {now}."),
    }
}

fn last_lines(unit: &str, said: &[String]) -> Vec<String> {
    let unit = format!("--unit={unit}");
    let journal =
        Program::new("journalctl").args(["--no-pager", "--quiet", "--output=cat", LINES, &unit]).output();
    let journal = journal.ok().filter(|o| o.success()).map(|o| o.tail(15)).unwrap_or_default();
    if journal.is_empty() { said.to_vec() } else { journal }
}
