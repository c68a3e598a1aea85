//! What the management page takes and how fast it is, beside Debian's cockpit on the same machine in the same run.
//!
//! * [`curl`]: asking both, as a browser does
//! * [`log`]: a long log, and many who follow it

mod curl;
mod log;

use super::{Row, vainstall};
use crate::{demo, dist};
use anyhow::{Context, Result, ensure};
use curl::Client;
use exec::Program;
use std::time::Duration;
use testbed::{Machine, machine::wait_until};

/// Longer than both stay when nobody asks: 30 s, and 90 s of cockpit.
const PATIENCE: Duration = Duration::from_secs(150);
const ROUNDS: usize = 7;
/// Who signs in to cockpit, which lets root not in.
const USER: &str = "bench";

/// One of the two.
struct Side {
    name: &'static str,
    /// What pgrep(1) finds its processes by.
    processes: &'static str,
    /// Stopped, all of it is gone; its socket stays.
    units: &'static [&'static str],
    port: u16,
    /// The page of who is not signed in.
    door: &'static str,
}

const OURS: Side = Side {
    name: "appliance-control",
    processes: "^/usr/(bin|lib)/appliance-control",
    units: &["appliance-control.service", "appliance-broker.service"],
    port: 8080,
    door: "/sign-in",
};
const THEIRS: Side = Side {
    name: "cockpit",
    processes: "cockpit-(tls|ws|session|bridge)",
    units: &[
        "cockpit.service",
        "cockpit-wsinstance-*.service",
        "cockpit-wsinstance-*.socket",
        "cockpit-session*",
    ],
    port: 9090,
    door: "/",
};

pub fn run() -> Result<Vec<Row>> {
    testbed::host::need_root()?;
    testbed::host::need_machine_tools()?;
    testbed::host::need(&[("wrk", "wrk"), ("curl", "curl")])?;
    let built = dist::run()?;
    let (_lab, machine) = vainstall::fresh(&built)?;
    // our tools are part of what ours takes
    let tools = installed(&machine, &["appliance-tools"])?;
    let ours = grown(&machine, OURS.name)?;
    let theirs = grown(&machine, THEIRS.name)?;
    let both = |name: &str, unit: &str, ours: f64, theirs: f64, most: f64, ratio: f64| {
        let row = Row {
            name: name.into(),
            ours,
            theirs: Some(theirs),
            unit: unit.into(),
            target: ratio,
            most: None,
        };
        Row { most: Some(most), ..row }
    };
    let mut rows = vec![
        both("page, installed: packages that come", "", ours.0 + tools.0, theirs.0, 5.0, 0.1),
        both("page, installed: growth of the disk", "MB", ours.1 + tools.1, theirs.1, 25.0, 0.25),
    ];
    machine.program("vainstall").args(["moinmoin-appliance", "--non-interactive"]).run()?;
    machine.sh(&format!("useradd --create-home {USER}; echo {USER}:{USER} | chpasswd"))?;
    rows.push(both(
        "page, cold: to the first byte",
        "ms",
        cold(&machine, &OURS)?,
        cold(&machine, &THEIRS)?,
        100.0,
        0.5,
    ));
    rows.push(both(
        "page, TLS kept alive: one request",
        "ms",
        alive(&machine, &OURS)?,
        alive(&machine, &THEIRS)?,
        1.0,
        0.25,
    ));
    let (quick, slow) = (many(&machine, &OURS)?, many(&machine, &THEIRS)?);
    rows.push(both("page, 32 connections: 1000 requests", "ms", quick, slow, 200.0, 0.2));
    let client = signed_in(&machine)?;
    rows.extend(log::rows(&machine, &client)?);
    let sign_in = Client::new(&machine, THEIRS.port)?;
    sign_in.get(&["--user", &format!("{USER}:{USER}")], "/cockpit/login")?;
    rows.push(both(
        "page, signed in, a task runs: memory (PSS) of all processes",
        "MiB",
        log::with_a_live_task(&machine, |task| {
            for path in ["/", "/packages", "/tasks", "/power", "/services", "/updates", task] {
                ensure!(
                    client.get(&[], path)?.contains("Sign out"),
                    "{path} is not shown to somebody who is signed in"
                );
            }
            memory(&machine, &OURS)
        })?,
        memory(&machine, &THEIRS)?,
        15.0,
        0.5,
    ));
    // cockpit's session goes on for who has signed in
    machine.sh("systemctl stop cockpit.service 'cockpit-wsinstance-*' 'cockpit-session*'")?;
    wait_until(PATIENCE, || matches!(processes(&machine, &OURS), Ok(0)));
    rows.push(Row {
        name: "page, nobody connected: processes".into(),
        ours: processes(&machine, &OURS)? as f64,
        theirs: None,
        unit: String::new(),
        target: 0.0,
        most: None,
    });
    Ok(rows)
}

/// Packages and megabytes of these packages.
fn installed(machine: &Machine, names: &[&str]) -> Result<(f64, f64)> {
    let list =
        machine.program("dpkg-query").args(["--show", "--showformat", "${Installed-Size}\\n"]).args(names);
    let sizes: Vec<f64> = list.run()?.text().lines().filter_map(|l| l.trim().parse().ok()).collect();
    Ok((sizes.len() as f64, sizes.iter().sum::<f64>() / 1000.0))
}

/// What installing it adds, in packages and megabytes.
fn grown(machine: &Machine, package: &str) -> Result<(f64, f64)> {
    let before = installed(machine, &[])?;
    let install = ["-q", "-y", "install", package];
    machine.program("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(install).run()?;
    let after = installed(machine, &[])?;
    Ok((after.0 - before.0, after.1 - before.1))
}

/// Milliseconds from the connection to the first byte, with no process there.
fn cold(machine: &Machine, side: &Side) -> Result<f64> {
    let client = Client::new(machine, side.port)?;
    // made once: its certificate
    client.time(&[], side.door)?;
    let mut times = vec![];
    for _ in 0..ROUNDS {
        machine.program("systemctl").arg("stop").args(side.units).output()?;
        ensure!(wait_until(PATIENCE, || matches!(processes(machine, side), Ok(0))), "{} stays", side.name);
        times.push(client.time(&[], side.door)?[0]);
    }
    Ok(middle(times))
}

/// Milliseconds of a request on a connection that is open.
fn alive(machine: &Machine, side: &Side) -> Result<f64> {
    let times = Client::new(machine, side.port)?.time(&[], &format!("{}?n=[1-400]", side.door))?;
    Ok(middle(times[1..].to_vec()))
}

/// Milliseconds for 1000 requests.
fn many(machine: &Machine, side: &Side) -> Result<f64> {
    let url = format!("https://{}:{}{}", machine.address, side.port, side.door);
    let said = Program::new("wrk").args(["-t1", "-c32", "-d5s", &url]).run()?.text();
    let rate = said.lines().find_map(|l| l.trim().strip_prefix("Requests/sec:")?.trim().parse::<f64>().ok());
    Ok(1_000_000.0 / rate.with_context(|| format!("wrk says nothing of requests:\n{said}"))?)
}

fn middle(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn signed_in(machine: &Machine) -> Result<Client> {
    let client = Client::new(machine, OURS.port)?;
    let link = demo::one_time_link(machine)?;
    let path = link.find("/link/").map(|at| &link[at..]).context("the link leads elsewhere")?;
    client.get(&["--data", ""], path)?;
    Ok(client)
}

fn processes(machine: &Machine, side: &Side) -> Result<usize> {
    let found = machine.program("pgrep").args(["-f", side.processes]).output()?;
    // pgrep(1): 1 is "none", more is an error
    ensure!(matches!(found.status.code(), Some(0 | 1)), "pgrep ended with {}", found.status);
    Ok(found.text().lines().count())
}

/// MiB of all processes, shared pages divided.
fn memory(machine: &Machine, side: &Side) -> Result<f64> {
    let found = machine.program("pgrep").args(["-f", side.processes]).run()?.text();
    let files = found.split_whitespace().map(|pid| format!("/proc/{pid}/smaps_rollup"));
    let text = machine.program("cat").args(files).run()?.text();
    let sizes = text.lines().filter_map(|l| l.strip_prefix("Pss:")?.split_whitespace().next());
    let kib = sizes.map(|size| size.parse::<f64>()).sum::<Result<f64, _>>().context("smaps_rollup")?;
    Ok(kib / 1024.0)
}
