//! vainstall killed, and run again.

use anyhow::{Result, bail};
use scenarios::{
    client::Client,
    debs::{self, Deb},
    definitions, lab, machine_with_tools, vainstall,
};
use std::{
    env,
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};
use testbed::{Machine, machine::wait_until};

const NOBODY_WORKS: &str = "! pgrep -x 'vainstall|dpkg|apt-get'";

const NAME: &str = "wiki-name=Twice Wiki";

fn start(machine: &Machine) -> Result<()> {
    start_with(machine, &format!("moinmoin --set '{NAME}'"))
}

fn start_with(machine: &Machine, arguments: &str) -> Result<()> {
    machine.sh(&format!(
        "setsid vainstall {arguments} --non-interactive > /root/log 2>&1 & echo $! > /root/pid"
    ))?;
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
    kill_once(machine, condition)
}

fn kill_once(machine: &Machine, condition: &str) -> Result<()> {
    let seen = wait_until(Duration::from_secs(180), || machine.shell(condition).is_ok_and(|o| o.success()));
    if !seen {
        bail!("{condition} never came true; vainstall said:\n{}", machine.sh("cat /root/log")?);
    }
    kill_all(machine)
}

/// Run again it comes to its end, and has the answer of the first run.
fn assert_finishes(machine: &Machine, arguments: &[&str]) -> Result<()> {
    let again = vainstall(machine, &[&["moinmoin"], arguments].concat()).output()?;
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
    assert_finishes(&machine, &[])
}

#[test]
fn killed_while_configuring_it_finishes_when_run_again() -> Result<()> {
    let (dist, lab) = lab()?;
    let machine = machine_with_tools(&lab, &dist, "killed")?;
    kill_when(&machine, "grep -q ' configure apache2:' /var/log/dpkg.log")?;
    assert_finishes(&machine, &[])?;

    // with everything in place, another run has nothing to do and says so quickly
    let third = vainstall(&machine, &["moinmoin"]).run()?;
    assert!(
        third.text().contains("already") || String::from_utf8_lossy(&third.stderr).contains("already"),
        "{}",
        third.text()
    );
    Ok(())
}

/// Numbers that come again with the same seed (splitmix64).
struct Dice(u64);

impl Dice {
    /// From `VAT_SEED`, or a new one, which is told.
    fn new(what: &str) -> Dice {
        let given = env::var("VAT_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| RandomState::new().hash_one(what));
        println!("{what}: again with VAT_SEED={seed}");
        Dice(seed)
    }

    /// Below `end`.
    fn throw(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// How many installations are killed at random moments: `VAT_KILLS`, or a few.
fn kills() -> u64 {
    env::var("VAT_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(6)
}

/// A fresh machine for each kill, at any moment of its installation; then the same command is run again, and there is a wiki.
fn killed_at_random_moments(kills: u64, kill: fn(&Machine) -> Result<()>, what: &str) -> Result<()> {
    let (dist, lab) = lab()?;
    let mut dice = Dice::new(what);
    // as long as an installation takes; the first that comes to its end tells better
    let (mut whole, mut killed) = (30_000, 0);
    while killed < kills {
        let machine = machine_with_tools(&lab, &dist, "killed")?;
        let moment = Duration::from_millis(dice.throw(whole));
        let begun = Instant::now();
        start(&machine)?;
        let ended =
            wait_until(moment, || !machine.shell("kill -0 $(cat /root/pid)").is_ok_and(|o| o.success()));
        if ended {
            whole = whole.min(begun.elapsed().as_millis() as u64);
            continue;
        }
        let state = machine.shell("tail -n1 /var/log/dpkg.log; tail -n1 /root/log")?.text();
        kill(&machine)?;
        killed += 1;
        println!("{what}, {killed} of {kills}: after {moment:?}, at {}", state.trim().replace('\n', " | "));
        assert_finishes(&machine, &["--set", NAME])?;
    }
    Ok(())
}

#[test]
fn killed_alone_at_random_moments_each_installation_is_finished() -> Result<()> {
    let alone = |machine: &Machine| machine.sh("kill -9 $(cat /root/pid)").map(drop);
    killed_at_random_moments(kills().div_ceil(2), alone, "killed alone")
}

#[test]
fn killed_with_all_it_started_at_random_moments_each_installation_is_finished() -> Result<()> {
    killed_at_random_moments(kills() / 2, kill_all, "killed with all it started")
}

/// Run again and killed again, in both ways: whatever was done by then, it comes to its end.
#[test]
fn killed_again_and_again_it_goes_on() -> Result<()> {
    let (dist, lab) = lab()?;
    let machine = machine_with_tools(&lab, &dist, "killed")?;
    let mut dice = Dice::new("killed again and again");
    for _ in 0..8 {
        start(&machine)?;
        machine.sh(&format!("sleep {}", dice.throw(5000) as f32 / 1000.0))?;
        match dice.throw(2) {
            0 => drop(machine.shell("kill -9 $(cat /root/pid)")?),
            _ => kill_all(&machine)?,
        }
    }
    assert_finishes(&machine, &["--set", NAME])
}

const SLOW: &str = "#!/bin/sh\n[ -e /etc/slow-begun ] || { touch /etc/slow-begun; sleep 60; }\n";
const ASKS: &str = "#!/bin/sh\nset -e\n. /usr/share/debconf/confmodule\n\
                    db_register shared/name early/name\ndb_input high early/name || true\ndb_go\n";
const HAS_NAME: &str = "#!/bin/sh\nset -e\n. /usr/share/debconf/confmodule\n\
                        db_get early/name\necho \"$RET\" > /etc/early-name\n";

/// No seed can lie ready for a question that only its own script registers: the run that goes on has to know the answer too.
#[test]
fn killed_before_a_package_has_asked_its_question_is_answered_when_it_does() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (dist, lab) = lab()?;
    let repository = definitions::repository_with(&dist, folder.path(), &definitions::path("early"))?;
    let template = "Template: shared/name\nType: string\nDescription: Name\n Whose it is.\n";
    let early = [("DEBIAN/config", ASKS), ("DEBIAN/postinst", HAS_NAME), ("DEBIAN/templates", template)];
    let packages = [
        Deb { name: "slow", version: "1", fields: &[], files: &[("DEBIAN/postinst", SLOW)] },
        Deb { name: "early", version: "1", fields: &["Depends: debconf, slow"], files: &early },
    ];
    debs::publish(&dist, &repository, &packages)?;
    lab.http().serve_folder(&repository);
    let machine = machine_with_tools(&lab, &dist, "early")?;
    machine.sh("rm /etc/apt/apt.conf.d/70debconf")?; // preconfiguration would ask before anything is unpacked
    start_with(&machine, "early")?;
    kill_once(&machine, "test -e /etc/slow-begun")?;
    assert!(machine.shell("grep -rq early/name /var/cache/debconf/config.dat")?.status.code() == Some(1));
    vainstall(&machine, &["early"]).run()?;
    assert_eq!(machine.sh("cat /etc/early-name")?, "Ada\n");
    Ok(())
}
