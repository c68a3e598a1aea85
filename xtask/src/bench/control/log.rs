//! A log of a million lines, and two hundred browsers on one log. Cockpit keeps no log of what it does.

use super::{Client, OURS, Row, memory, middle};
use anyhow::{Context, Result, ensure};
use events::{Event, Kind, Stream};
use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    os::unix::fs::PermissionsExt,
    process::Stdio,
    time::{Duration, Instant},
};
use testbed::{Machine, machine::wait_until};

const LINES: usize = 1_000_000;
const FOLLOWERS: usize = 200;
const ID: &str = "20260101-000000-0000beef";
const TASKS: &str = "var/lib/appliance-broker/tasks";

pub fn rows(machine: &Machine, client: &Client) -> Result<Vec<Row>> {
    with_a_live_task(machine, |task| {
        let path = machine.root().join(TASKS).join(ID).join("events.jsonl");
        let mut log = BufWriter::new(File::options().append(true).open(&path)?);
        for n in 0..LINES {
            log.write_all(
                said(&format!("Unpacking package-{n} (1.{n}-1+deb13u1) over (1.{n}-1) ...")).as_bytes(),
            )?;
        }
        log.flush()?;
        let mut log = log.into_inner().context("the log")?;
        // the first look reads all of it; a page that was closed and is opened again, what is new
        let first = client.time(&[], task)?[0];
        let again = middle((0..5).map(|_| Ok(client.time(&[], task)?[0])).collect::<Result<_>>()?);
        let before = memory(machine, &OURS)?;
        let one = follow(machine, client, &mut log, 1)?;
        let all = follow(machine, client, &mut log, FOLLOWERS)?;
        let row = |name: String, ours: f64, unit: &str, target: f64| Row {
            name,
            ours,
            theirs: None,
            unit: unit.into(),
            target,
            most: None,
        };
        Ok(vec![
            row("page, a log of 1,000,000 lines: opens at its end".into(), first, "ms", 300.0),
            row("page, the same log: opens again".into(), again, "ms", 300.0),
            row("page, 100,000 more lines followed: memory grows by".into(), one.memory - before, "MiB", 2.0),
            row(
                format!("page, {FOLLOWERS} browsers follow: memory of all processes"),
                all.memory,
                "MiB",
                64.0,
            ),
            row(format!("page, {FOLLOWERS} browsers follow: somebody else's page"), all.other, "ms", 500.0),
            row(format!("page, {FOLLOWERS} browsers follow: missed the end"), all.missed as f64, "", 0.0),
        ])
    })
}

fn said(line: &str) -> String {
    Event::new(1_764_000_000_000, Kind::Log { stream: Stream::Stdout, line: line.into() }).to_line()
}

/// Runs with the address of a task that goes on for as long. It is no real one: a unit that sleeps, under a task's name.
pub fn with_a_live_task<T>(machine: &Machine, work: impl FnOnce(&str) -> Result<T>) -> Result<T> {
    let folder = machine.root().join(TASKS).join(ID);
    let boot = machine.sh("cat /proc/sys/kernel/random/boot_id")?;
    fs::create_dir_all(folder.join("artifacts"))?;
    let record = serde_json::json!({
        "id": ID, "title": "Look for updates", "work": { "work": "refresh" }, "by": "root", "started": 1_767_225_600,
        "boot": boot.trim(),
    });
    fs::write(folder.join("events.jsonl"), said("begun"))?;
    fs::write(folder.join("task.json"), record.to_string())?;
    for file in ["events.jsonl", "task.json"] {
        fs::set_permissions(folder.join(file), fs::Permissions::from_mode(0o600))?;
    }
    let unit = format!("appliance-task-{ID}.service");
    machine
        .program("systemd-run")
        .args(["--quiet", "--collect", &format!("--unit={unit}"), "sleep", "900"])
        .run()?;
    let done = work(&format!("/tasks/{ID}"));
    machine.program("systemctl").args(["stop", &unit]).run()?;
    fs::remove_dir_all(&folder)?;
    done
}

struct Followed {
    memory: f64,
    /// Milliseconds of a page that somebody else opens meanwhile.
    other: f64,
    missed: usize,
}

/// So many follow while 100,000 lines are written; each has to hear the last of them.
fn follow(machine: &Machine, client: &Client, log: &mut File, count: usize) -> Result<Followed> {
    let end = log.metadata()?.len();
    let heard = client.folder().join("heard");
    fs::create_dir_all(&heard)?;
    let urls = client.url(&format!("/tasks/{ID}/events?from={end}&n=[1-{count}]"));
    let program =
        client.program().args(["--no-buffer", "--parallel", "--parallel-immediate", "--max-time", "120"]);
    let program = program.arg("--parallel-max").arg(count.to_string()).arg("--output").arg(heard.join("#1"));
    let mut browsers = program.arg(urls).spawn(Stdio::null(), Stdio::null())?;
    let listening = || fs::read_dir(&heard).is_ok_and(|d| d.count() >= count);
    log.write_all(said("all are there?").as_bytes())?;
    ensure!(wait_until(Duration::from_secs(60), listening), "not all of {count} browsers were let in");
    for n in 0..100 {
        let lines: String = (0..1000).map(|m| said(&format!("line {n} {m}"))).collect();
        log.write_all(lines.as_bytes())?;
    }
    let last = "the very last line";
    log.write_all(said(last).as_bytes())?;
    let other = client.time(&[], "/sign-in")?[0];
    let begun = Instant::now();
    let missed = || {
        let files = fs::read_dir(&heard).into_iter().flatten().flatten();
        count - files.filter(|f| ends_with(&f.path(), last)).count()
    };
    wait_until(Duration::from_secs(90), || missed() == 0);
    eprintln!("  {count} heard it all after {:.1?}", begun.elapsed());
    let followed = Followed { memory: memory(machine, &OURS)?, other, missed: missed() };
    browsers.kill()?;
    browsers.wait()?;
    fs::remove_dir_all(&heard)?;
    Ok(followed)
}

fn ends_with(path: &std::path::Path, text: &str) -> bool {
    let Ok(bytes) = fs::read(path) else { return false };
    String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(500)..]).contains(text)
}
