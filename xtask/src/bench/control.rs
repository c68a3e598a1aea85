//! What the management page takes: nothing when nobody is connected, little when somebody is.

use super::{Row, vainstall};
use crate::{demo, dist};
use anyhow::{Context, Result, ensure};
use exec::Program;
use std::time::Duration;
use testbed::{Machine, machine::wait_until};

/// The page, its broker and their tasks.
const OURS: &str = "^/usr/(bin|lib)/appliance-control";
/// Longer than the page and the broker stay when nobody asks: 30 s.
const PATIENCE: Duration = Duration::from_secs(90);

pub fn run() -> Result<Vec<Row>> {
    testbed::host::need_root()?;
    testbed::host::need_machine_tools()?;
    let built = dist::run()?;
    let (_lab, machine) = vainstall::fresh(&built)?;
    machine.program("vainstall").args(["moinmoin-appliance", "--non-interactive"]).run()?;
    let signed_in = memory_signed_in(&machine)?;
    wait_until(PATIENCE, || matches!(processes(&machine), Ok(0)));
    Ok(vec![
        Row {
            name: "management page, nobody connected: processes".into(),
            ours: processes(&machine)? as f64,
            theirs: None,
            unit: String::new(),
            target: 0.0,
        },
        Row {
            name: "management page, signed in: memory (PSS) of all processes".into(),
            ours: signed_in,
            theirs: None,
            unit: "MiB".into(),
            target: 15.0,
        },
    ])
}

fn processes(machine: &Machine) -> Result<usize> {
    let found = machine.program("pgrep").args(["-f", OURS]).output()?;
    // pgrep(1): 1 is "none", more is an error
    ensure!(matches!(found.status.code(), Some(0 | 1)), "pgrep ended with {}", found.status);
    Ok(found.text().lines().count())
}

/// Signs in, opens every page of the menu, and sums what is in memory while the updates are shown, in MiB.
fn memory_signed_in(machine: &Machine) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let cookies = folder.path().join("cookies");
    let site = format!("https://{}:8080", machine.address);
    let curl = |arguments: &[&str]| -> Result<String> {
        let program = Program::new("curl")
            .args(["--silent", "--show-error", "--fail", "--location", "--insecure", "--max-time", "60"])
            .arg("--cookie-jar")
            .arg(&cookies)
            .arg("--cookie")
            .arg(&cookies)
            .args(arguments);
        Ok(program.run()?.text())
    };
    curl(&["--header", &format!("Origin: {site}"), "--data", "", &demo::one_time_link(machine)?])?;
    for path in ["/", "/packages", "/tasks", "/power", "/updates"] {
        let page = curl(&[&format!("{site}{path}")])?;
        ensure!(page.contains("Sign out"), "{path} is not shown to somebody who is signed in");
    }
    ensure!(processes(machine)? > 0, "nothing answers, and yet a page came");
    let found = machine.program("pgrep").args(["-f", OURS]).run()?.text();
    let files = found.split_whitespace().map(|pid| format!("/proc/{pid}/smaps_rollup"));
    let text = machine.program("cat").args(files).run()?.text();
    let sizes = text.lines().filter_map(|l| l.strip_prefix("Pss:")?.split_whitespace().next());
    let kib = sizes.map(|size| size.parse::<f64>()).sum::<Result<f64, _>>().context("smaps_rollup")?;
    Ok(kib / 1024.0)
}
