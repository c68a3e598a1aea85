//! Plain `apt-get install`, with no vainstall on the machine.

use anyhow::Result;
use scenarios::{apt, client::Client, lab, lab_with, machine, name_repository};
use testbed::Machine;

/// What debconf was asked to ask, at which priority: `high postfix/mailname`, from debconf's own trace.
fn asked(trace: &str) -> Vec<String> {
    trace
        .lines()
        .filter_map(|line| line.split("<-- INPUT ").nth(1))
        .map(|rest| rest.trim().to_owned())
        .collect()
}

fn install_traced(machine: &Machine, package: &str) -> Result<String> {
    let program = machine
        .program("apt-get")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("DEBCONF_DEBUG", "developer")
        .args(["-q", "-y", "install", package]);
    let output = program.run()?;
    Ok(format!("{}{}", output.text(), String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn nothing_is_asked_but_the_appliances_own_questions_and_the_wiki_works() -> Result<()> {
    let (dist, lab) = lab()?;
    let machine = machine(&lab, &dist, "plain", "trixie")?;
    let trace = install_traced(&machine, "moinmoin-appliance")?;
    let urgent: Vec<String> =
        asked(&trace).into_iter().filter(|q| q.starts_with("high ") || q.starts_with("critical ")).collect();
    assert!(urgent.iter().all(|q| q.contains(" moinmoin-appliance")), "asked: {urgent:?}");
    assert!(
        asked(&trace).iter().any(|q| q.contains("moinmoin-appliance-seed/wiki-name")),
        "the trace shows no question"
    );

    let page = Client::new()?.get(&format!("http://{}/", machine.address))?.ok()?;
    assert!(page.body.contains("My Wiki"), "{}", page.body);
    assert!(machine.shell("command -v vainstall && dpkg -S $(command -v vainstall)")?.success());
    Ok(())
}

/// The seeded values as postfix uses them, not only as debconf holds them.
fn assert_relay_configured(machine: &Machine) -> Result<()> {
    assert_eq!(machine.sh("cat /etc/mailname")?.trim(), "mail.example.test");
    assert_eq!(machine.sh("postconf -h relayhost")?.trim(), "[relay.example.test]:587");
    assert_eq!(machine.sh("systemctl is-active postfix")?.trim(), "active");
    Ok(())
}

fn answer(machine: &Machine) -> Result<()> {
    let selections = "mail-relay-appliance-seed mail-relay-appliance-seed/mail-name string mail.example.test\n\
                      mail-relay-appliance-seed mail-relay-appliance-seed/relay-host string relay.example.test\n";
    machine.program("debconf-set-selections").stdin(selections).run()?;
    Ok(())
}

#[test]
fn seeds_arrive_through_preconfiguration() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (dist, lab) = lab_with(folder.path(), "mail-relay")?;
    let machine = machine(&lab, &dist, "mail", "trixie")?;
    answer(&machine)?;
    let trace = install_traced(&machine, "mail-relay-appliance")?;
    assert!(trace.contains("Preconfiguring packages"), "preconfiguration did not run");
    assert_relay_configured(&machine)
}

#[test]
fn seeds_arrive_without_preconfiguration() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (dist, lab) = lab_with(folder.path(), "mail-relay")?;
    let machine = machine(&lab, &dist, "mail", "trixie")?;
    // on Debian 12 purging apt-utils is enough; on 13 apt itself has what preconfiguration needs
    machine.run(&["dpkg", "--purge", "apt-utils"])?;
    machine.sh("rm /etc/apt/apt.conf.d/70debconf")?;
    answer(&machine)?;
    let trace = install_traced(&machine, "mail-relay-appliance")?;
    assert!(!trace.contains("Preconfiguring packages"), "preconfiguration did run");
    assert_relay_configured(&machine)
}

#[test]
fn an_administrators_own_answer_is_kept() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (dist, lab) = lab_with(folder.path(), "mail-relay")?;
    let machine = machine(&lab, &dist, "mail", "trixie")?;
    answer(&machine)?;
    machine
        .program("debconf-set-selections")
        .stdin("postfix postfix/mailname string own.example.test\n")
        .run()?;
    apt(&machine, &["install", "mail-relay-appliance"])?;
    assert_eq!(machine.sh("cat /etc/mailname")?.trim(), "own.example.test");
    Ok(())
}

#[test]
fn debian_12_and_13_accept_the_repository_and_refuse_it_altered() -> Result<()> {
    let (dist, lab) = lab()?;
    for release in ["trixie", "bookworm"] {
        let machine = lab.boot(release, release)?;
        name_repository(&machine, &lab, &dist.key)?;
        let update = || machine.shell("apt-get -q update -o APT::Update::Error-Mode=any 2>&1");
        let good = update()?;
        assert!(good.success(), "{release}: {}", good.text());
        assert!(machine.sh("apt-cache policy moinmoin-appliance")?.contains("1.0"), "{release}");
        for part in ["InRelease", "by-hash"] {
            machine.sh("rm -rf /var/lib/apt/lists/*")?;
            lab.http().alter(part);
            // apt falls back from the index's hash to its name
            lab.http().alter("binary-amd64/Packages");
            let altered = update()?;
            lab.http().alter_nothing();
            assert!(!altered.success(), "{release} took an altered {part}: {}", altered.text());
            let policy = machine.sh("apt-cache policy moinmoin-appliance")?;
            assert!(
                !policy.contains("Candidate: 1"),
                "{release} offers a package from an altered {part}: {policy}"
            );
        }
    }
    Ok(())
}
