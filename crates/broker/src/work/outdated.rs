//! Restarts the services that run on files that an update has replaced, but for those whose restart would cut people off.

use super::Ending;
use crate::{running, tasks::log::Log};
use events::{Kind, Stream};
use exec::Program;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5 * 60);

pub fn restart(log: &mut Log) -> Ending {
    let outdated = running::outdated(&running::units());
    let (alone, others): (Vec<_>, Vec<_>) = outdated.into_iter().partition(|o| o.restartable);
    let mut failed = vec![];
    for (at, service) in alone.iter().enumerate() {
        let percent = at as f32 * 100.0 / alone.len() as f32;
        log.tell(Kind::Progress { percent, detail: format!("Restarting {}", service.unit) });
        // the name is one that systemd gave
        let program = Program::new("systemctl").args(["--no-ask-password", "restart", "--", &service.unit]);
        let line = match program.timeout(PATIENCE).output() {
            Ok(output) if output.success() => format!("{} was restarted", service.unit),
            Ok(output) => {
                failed.push(service.unit.clone());
                format!("{} was not restarted: {}", service.unit, output.tail(3).join(" "))
            }
            Err(error) => {
                failed.push(service.unit.clone());
                format!("{} was not restarted: {error}", service.unit)
            }
        };
        log.tell(Kind::Log { stream: Stream::Stdout, line });
    }
    if !failed.is_empty() {
        return Ending::failed(format!("Not restarted: {}.", failed.join(", ")), vec![]);
    }
    let mut message = match alone.len() {
        0 => "No service had to be restarted.".to_string(),
        1 => "1 service was restarted.".into(),
        count => format!("{count} services were restarted."),
    };
    if !others.is_empty() {
        let names: Vec<&str> = others.iter().map(|o| o.unit.as_str()).collect();
        message +=
            &format!(" It takes a restart of the machine, or a new sign-in there, for {}.", names.join(", "));
    }
    Ending::ok(message)
}
