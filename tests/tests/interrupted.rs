//! vainstall killed, and run again.

use anyhow::{Result, bail};
use scenarios::{client::Client, lab, machine_with_tools, vainstall};
use std::time::Duration;
use testbed::{Machine, machine::wait_until};

/// Starts the installation in the background, waits for the condition, and kills vainstall and all it started.
fn kill_when(machine: &Machine, condition: &str) -> Result<()> {
    machine.sh("setsid vainstall moinmoin --non-interactive --set wiki-name='Twice Wiki' > /root/log 2>&1 & echo $! > /root/pid")?;
    let seen = wait_until(Duration::from_secs(180), || machine.shell(condition).is_ok_and(|o| o.success()));
    if !seen {
        bail!("{condition} never came true; vainstall said:\n{}", machine.sh("cat /root/log")?);
    }
    machine.sh(
        "kill -9 -- -$(cat /root/pid); for p in $(pgrep -x dpkg; pgrep -x apt-get); do kill -9 $p; done",
    )?;
    assert!(wait_until(Duration::from_secs(10), || machine
        .shell("pgrep -x 'vainstall|dpkg|apt-get'")
        .is_ok_and(|o| !o.success())));
    Ok(())
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
