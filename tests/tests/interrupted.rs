//! vainstall killed, and run again.

use anyhow::{Result, bail};
use scenarios::{client::Client, lab, machine_with_tools, vainstall};
use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};
use testbed::{Machine, machine::wait_until};

const NOBODY_WORKS: &str = "! pgrep -x 'vainstall|dpkg|apt-get'";

fn start(machine: &Machine) -> Result<()> {
    machine.sh("setsid vainstall moinmoin --non-interactive --set wiki-name='Twice Wiki' > /root/log 2>&1 & echo $! > /root/pid")?;
    Ok(())
}

/// With all that it has started.
fn kill_all(machine: &Machine) -> Result<()> {
    machine.sh(
        "kill -9 $(cat /root/pid) -$(cat /root/pid); for p in $(pgrep -x dpkg; pgrep -x apt-get); do kill -9 $p; done; true",
    )?;
    let gone = wait_until(Duration::from_secs(10), || machine.shell(NOBODY_WORKS).is_ok_and(|o| o.success()));
    assert!(gone, "{}", machine.sh("ps ax")?);
    Ok(())
}

/// Starts the installation in the background, waits for the condition, and kills vainstall and all it started.
fn kill_when(machine: &Machine, condition: &str) -> Result<()> {
    start(machine)?;
    let seen = wait_until(Duration::from_secs(180), || machine.shell(condition).is_ok_and(|o| o.success()));
    if !seen {
        bail!("{condition} never came true; vainstall said:\n{}", machine.sh("cat /root/log")?);
    }
    kill_all(machine)
}

fn assert_finishes(machine: &Machine) -> Result<()> {
    let again = vainstall(machine, &["moinmoin"]).output()?;
    assert!(again.success(), "{}\n{}", again.text(), String::from_utf8_lossy(&again.stderr));
    assert_eq!(machine.sh("dpkg --audit")?, "");
    let page = Client::new()?.get(&format!("http://{}/", machine.address))?.ok()?;
    assert!(page.body.contains("Twice Wiki"), "the answer of the first run is lost");
    Ok(())
}

#[test]
fn killed_while_unpacking_it_finishes_when_run_again() -> Result<()> {
    let (dist, lab) = lab()?;
    let machine = machine_with_tools(&lab, &dist, "killed")?;
    kill_when(&machine, "test $(grep -c ' status half-installed ' /var/log/dpkg.log) -gt 60")?;
    assert_finishes(&machine)
}

#[test]
fn killed_while_configuring_it_finishes_when_run_again() -> Result<()> {
    let (dist, lab) = lab()?;
    let machine = machine_with_tools(&lab, &dist, "killed")?;
    kill_when(&machine, "grep -q ' configure apache2:' /var/log/dpkg.log")?;
    assert_finishes(&machine)?;

    // with everything in place, another run has nothing to do and says so quickly
    let third = vainstall(&machine, &["moinmoin"]).run()?;
    assert!(
        third.text().contains("already") || String::from_utf8_lossy(&third.stderr).contains("already"),
        "{}",
        third.text()
    );
    Ok(())
}

/// Below `end`.
fn random(end: u64) -> u64 {
    RandomState::new().hash_one(0) % end
}

/// Run again and killed again, at moments that nobody chose: alone, so that apt works on without it, or with all that
/// it has started. Whenever it comes to its end there is a wiki; then the machine is given back and it begins anew.
#[test]
fn killed_at_thirty_random_moments_it_goes_on_each_time() -> Result<()> {
    let (dist, lab) = lab()?;
    let machine = machine_with_tools(&lab, &dist, "killed")?;
    let (mut kills, mut told) = (0, vec![]);
    while kills < 30 {
        let (alone, moment) = (random(2) == 0, random(5000) as f32 / 1000.0);
        start(&machine)?;
        machine.sh(&format!("sleep {moment}"))?;
        if machine.shell("kill -0 $(cat /root/pid)")?.success() {
            kills += 1;
            told.push(format!("after {moment} s{}", if alone { ", alone" } else { "" }));
            match alone {
                true => drop(machine.sh("kill -9 $(cat /root/pid)")?),
                false => kill_all(&machine)?,
            }
            continue;
        }
        println!("finished after these kills: {}", told.join("; "));
        assert_finishes(&machine)?;
        vainstall(&machine, &["--remove", "moinmoin", "--delete-data"]).run()?;
        told.clear();
    }
    println!("killed at last: {}", told.join("; "));
    assert_finishes(&machine)
}
