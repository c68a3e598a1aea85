//! `vainstall --remove` gives the machine back, and says what is left.

use anyhow::{Context, Result};
use scenarios::{apt, client::Client, lab, machine_with_tools, vainstall};
use std::{collections::BTreeSet, time::Duration};
use testbed::{Machine, machine::wait_until};

type Lines = BTreeSet<String>;

/// Every path of the machine but what changes on a machine that only runs.
fn paths(machine: &Machine) -> Result<Lines> {
    let apart = "/proc /sys /run /dev /tmp /root /var/tmp /var/log/journal /var/lib/systemd /var/lib/dpkg /var/lib/apt /var/cache";
    let prune: Vec<String> = apart.split(' ').map(|p| format!("-path {p}")).collect();
    let find = format!("find / \\( {} \\) -prune -o -print", prune.join(" -o "));
    Ok(machine.sh(&find)?.lines().map(str::to_owned).collect())
}

fn lines(machine: &Machine, command: &str) -> Result<Lines> {
    Ok(machine.sh(command)?.lines().map(str::to_owned).collect())
}

fn packages(machine: &Machine) -> Result<Lines> {
    lines(machine, "dpkg-query -W -f '${Package} ${Status}\\n'")
}

fn units(machine: &Machine) -> Result<Lines> {
    lines(machine, "systemctl list-unit-files --no-legend | cut -d' ' -f1")
}

/// Whose questions debconf has.
fn owners(machine: &Machine) -> Result<Lines> {
    lines(machine, "debconf-show --listowners")
}

fn added(before: &Lines, after: &Lines) -> Vec<String> {
    after.difference(before).cloned().collect()
}

fn remove(machine: &Machine, arguments: &[&str]) -> Result<serde_json::Value> {
    let output = vainstall(machine, &[&["--remove", "moinmoin", "--json"], arguments].concat()).run()?;
    serde_json::from_slice(&output.stdout).context("the report of the removal is no JSON")
}

fn strings(report: &serde_json::Value, field: &str) -> Vec<String> {
    report[field].as_array().into_iter().flatten().filter_map(|v| v.as_str()).map(str::to_owned).collect()
}

/// Removed by dpkg's own account, and by that of the file system; all that is left is in the report.
fn assert_given_back(
    machine: &Machine,
    report: &serde_json::Value,
    before: &(Lines, Lines, Lines, Lines),
) -> Result<()> {
    assert_eq!(added(&before.0, &packages(machine)?), Vec::<String>::new());
    assert_eq!(added(&packages(machine)?, &before.0), Vec::<String>::new());
    assert_eq!(added(&before.1, &units(machine)?), Vec::<String>::new());
    let left = strings(report, "leftovers");
    let told = |path: &str| left.iter().any(|l| path == l || path.starts_with(&format!("{l}/")));
    // dpkg and passwd keep copies of their databases
    let own =
        |path: &str| path.starts_with("/var/backups/") || path.ends_with('-') && path.starts_with("/etc/");
    let untold: Vec<String> =
        added(&before.2, &paths(machine)?).into_iter().filter(|p| !told(p) && !own(p)).collect();
    assert_eq!(untold, Vec::<String>::new(), "left and not told; told were {left:?}");
    assert_eq!(added(&before.3, &owners(machine)?), Vec::<String>::new(), "they still own questions");
    machine.sh("test ! -e /var/lib/vainstall/moinmoin && test ! -e /var/lib/appliances/moinmoin")?;
    Ok(())
}

/// Answers change later, by the same model, and stay what they are when the packages' scripts run again.
fn other_answers(machine: &Machine) -> Result<()> {
    let name = || -> Result<bool> {
        let page = Client::new()?.get(&format!("http://{}/", machine.address))?.ok()?;
        Ok(page.body.contains("Other Name"))
    };
    let change = |set: &str| vainstall(machine, &["--reconfigure", "moinmoin", "--set", set]).output();
    let secret = machine.sh("appliance-configure secret moinmoin admin-password")?;
    let wrong = change("admin-email=nobody")?;
    assert_eq!(wrong.status.code(), Some(2), "{}", String::from_utf8_lossy(&wrong.stderr));
    assert!(!name()?);
    let done = change("wiki-name=Other Name")?;
    assert!(done.success() && name()?, "{}", String::from_utf8_lossy(&done.stderr));
    machine.sh("DEBIAN_FRONTEND=noninteractive dpkg-reconfigure moinmoin-appliance-seed")?;
    assert!(name()?, "the answer of before came back");
    assert_eq!(machine.sh("appliance-configure secret moinmoin admin-password")?, secret);
    Ok(())
}

/// What the owner has put on top of the appliance would go with it: that is refused, and said.
fn nothing_else_is_taken_along(machine: &Machine) -> Result<()> {
    machine.sh(
        "mkdir -p /root/on-top/DEBIAN; printf 'Package: on-top\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\n\
         Depends: moinmoin-appliance\nDescription: stands on the appliance\n' > /root/on-top/DEBIAN/control; \
         dpkg-deb --build /root/on-top && dpkg -i /root/on-top.deb",
    )?;
    let installed = packages(machine)?;
    let refused = vainstall(machine, &["--remove", "moinmoin"]).output()?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert!(said.contains("on-top would go as well") && said.contains("nothing has been changed"), "{said}");
    assert_eq!(packages(machine)?, installed);
    machine.sh("dpkg --purge on-top")?;
    Ok(())
}

#[test]
fn removed_rolled_back_and_removed_with_its_data() -> Result<()> {
    let (dist, lab) = lab()?;
    let machine = machine_with_tools(&lab, &dist, "removal")?;
    let unknown = vainstall(&machine, &["--remove", "moinmoin"]).output()?;
    assert_eq!(unknown.status.code(), Some(2), "{}", String::from_utf8_lossy(&unknown.stderr));

    let mut before = (packages(&machine)?, units(&machine)?, paths(&machine)?, owners(&machine)?);
    vainstall(&machine, &["moinmoin"]).run()?;
    other_answers(&machine)?;
    // what the owner installs since is the owner's
    apt(&machine, &["install", "tree"])?;
    before.0.insert("tree install ok installed".into());
    before.2.extend(machine.sh("dpkg -L tree")?.lines().map(str::to_owned));
    let planned = remove(&machine, &["--dry-run"])?;
    assert!(strings(&planned, "packages").contains(&"apache2".to_owned()), "{planned}");
    assert_eq!(strings(&planned, "kept"), ["tree"]);
    nothing_else_is_taken_along(&machine)?;
    let report = remove(&machine, &[])?;
    assert_given_back(&machine, &report, &before)?;
    assert!(strings(&report, "leftovers").contains(&"/var/lib/moin".to_owned()), "{report}");
    machine.sh("test -d /var/lib/moin/wiki")?;

    before.2 = paths(&machine)?;

    // an installation that was cut off is rolled back
    machine.sh(": > /var/log/dpkg.log")?;
    machine.sh("setsid vainstall moinmoin --non-interactive > /root/log 2>&1 & echo $! > /root/pid")?;
    let unpacking = "test $(grep -c ' status half-installed ' /var/log/dpkg.log) -gt 100";
    let seen = wait_until(Duration::from_secs(180), || machine.shell(unpacking).is_ok_and(|o| o.success()));
    assert!(seen, "{}", machine.sh("cat /root/log")?);
    machine.sh(
        "kill -9 -- -$(cat /root/pid); for p in $(pgrep -x dpkg; pgrep -x apt-get); do kill -9 $p; done",
    )?;
    let gone = "! pgrep -x 'vainstall|dpkg|apt-get'";
    assert!(wait_until(Duration::from_secs(30), || machine.shell(gone).is_ok_and(|o| o.success())));
    let report = remove(&machine, &[])?;
    assert_given_back(&machine, &report, &before)?;

    vainstall(&machine, &["moinmoin"]).run()?;
    let report = remove(&machine, &["--delete-data"])?;
    assert_given_back(&machine, &report, &before)?;
    machine.sh("test ! -e /var/lib/moin")?;
    Ok(())
}
