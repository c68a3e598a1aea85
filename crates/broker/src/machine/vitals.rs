//! What of the machine may need somebody.

use crate::{
    handle::refusal,
    machine::{clock, disks},
    schedule,
    state::State,
};
use broker_protocol::{FailedUnit, Reason, Refusal, Vitals};
use exec::Program;
use serde::Deserialize;
use std::{collections::BTreeMap, fs, time::Duration};

const TIMEOUT: Duration = Duration::from_secs(20);
/// Units that are told; more of them have one cause.
const MOST: usize = 20;

pub fn look(state: &State) -> Result<Vitals, Refusal> {
    Ok(Vitals {
        container: container(),
        failed: failed()?,
        file_systems: disks::file_systems(),
        clock: clock::look(),
        scheduled: schedule::look(state),
    })
}

/// Written by systemd as process 1 (https://systemd.io/CONTAINER_INTERFACE).
pub fn container() -> Option<String> {
    let kind = fs::read_to_string("/run/systemd/container").ok()?;
    Some(kind.trim().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(32).collect())
}

#[derive(Deserialize)]
struct Listed {
    unit: String,
    #[serde(default)]
    description: String,
}

fn failed() -> Result<Vec<FailedUnit>, Refusal> {
    let listed = systemctl(&["list-units", "--state=failed", "--output=json"])?;
    let listed: Vec<Listed> = serde_json::from_str(&listed).map_err(|e| broken(&e.to_string()))?;
    if listed.is_empty() {
        return Ok(vec![]);
    }
    // the names are those that systemd gave
    let mut arguments = vec!["show", "--property=Id,Result,ExecMainStatus", "--"];
    arguments.extend(listed.iter().take(MOST).map(|l| l.unit.as_str()));
    let shown = systemctl(&arguments)?;
    Ok(read(&listed, &shown))
}

fn read(listed: &[Listed], shown: &str) -> Vec<FailedUnit> {
    let blocks: Vec<BTreeMap<&str, &str>> =
        shown.split("\n\n").map(|b| b.lines().filter_map(|l| l.split_once('=')).collect()).collect();
    let unit = |listed: &Listed| {
        let block = blocks.iter().find(|b| b.get("Id") == Some(&listed.unit.as_str()));
        let get = |name: &str| block.and_then(|b| b.get(name)).copied().unwrap_or_default();
        let result = get("Result").to_owned();
        FailedUnit {
            name: listed.unit.clone(),
            description: listed.description.clone(),
            status: get("ExecMainStatus").parse().ok().filter(|_| result == "exit-code"),
            result,
        }
    };
    listed.iter().take(MOST).map(unit).collect()
}

fn systemctl(arguments: &[&str]) -> Result<String, Refusal> {
    let program = Program::new("systemctl").args(["--no-pager", "--quiet"]).args(arguments).timeout(TIMEOUT);
    match program.output() {
        Ok(output) if output.success() => Ok(output.text()),
        Ok(output) => Err(broken(&output.tail(1).concat())),
        Err(error) => Err(broken(&error.to_string())),
    }
}

fn broken(why: &str) -> Refusal {
    let why = why.trim_end_matches('.');
    refusal(Reason::Failed, format!("The system manager does not say what has failed: {why}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_unit_has_its_reason() {
        let listed: Vec<Listed> = serde_json::from_str(
            r#"[{"unit":"a.service","load":"loaded","active":"failed","sub":"failed","description":"A"},
                {"unit":"b.mount","description":"B"}]"#,
        )
        .unwrap();
        let shown = "Id=b.mount\nResult=timeout\n\nResult=exit-code\nExecMainStatus=3\nId=a.service\n";
        let failed = read(&listed, shown);
        assert_eq!((failed[0].result.as_str(), failed[0].status), ("exit-code", Some(3)));
        assert_eq!((failed[1].result.as_str(), failed[1].status), ("timeout", None));
    }
}
