//! apt purge gives the machine back; the wiki's data stays unless its deletion is asked for.

use anyhow::Result;
use scenarios::{apt, client::Client, lab, machine, snapshot, vainstall};
use testbed::Machine;

/// What dpkg, adduser and the like keep of packages that came and went, none of it ours: backups of the user database,
/// caches that are rebuilt, the empty folder of xml-core, and the users that Debian never deletes.
const DEBIANS_OWN: &[&str] = &[
    "./passwd",
    "./group",
    "./shadow",
    "./gshadow",
    "./subuid",
    "./subgid",
    "./ld.so.cache",
    "./mailcap",
    "./.pwd.lock",
    "./xml ",
];

fn etc(machine: &Machine) -> Result<Vec<String>> {
    let mut lines = snapshot(machine, "/etc")?;
    lines.retain(|line| !DEBIANS_OWN.iter().any(|own| line.starts_with(own)));
    Ok(lines)
}

fn packages(machine: &Machine) -> Result<Vec<String>> {
    Ok(machine.sh("dpkg-query -W -f '${Package} ${Status}\\n'")?.lines().map(String::from).collect())
}

fn difference(before: &[String], after: &[String]) -> Vec<String> {
    let gone = before.iter().filter(|l| !after.contains(l)).map(|l| format!("- {l}"));
    let come = after.iter().filter(|l| !before.contains(l)).map(|l| format!("+ {l}"));
    gone.chain(come).collect()
}

#[test]
fn purge_gives_etc_and_units_back_and_keeps_the_data() -> Result<()> {
    let (dist, lab) = lab()?;
    let machine = machine(&lab, &dist, "purge", "trixie")?;
    let (etc_before, packages_before) = (etc(&machine)?, packages(&machine)?);
    apt(&machine, &["install", "appliance-tools"])?;
    vainstall(&machine, &["moinmoin"]).run()?;
    machine.sh("test -d /var/lib/moin/wiki")?;

    // by default apt keeps what anything left on the machine recommends or suggests: libidn2-0, perl, python3 here
    let weak = ["-oAPT::AutoRemove::SuggestsImportant=false", "-oAPT::AutoRemove::RecommendsImportant=false"];
    let all = ["purge", "--autoremove", weak[0], weak[1]];
    apt(
        &machine,
        &[&all[..], &["moinmoin-appliance", "moinmoin-appliance-seed", "appliance-tools"]].concat(),
    )?;
    let rest = difference(&packages_before, &packages(&machine)?);
    assert!(rest.is_empty(), "packages left: {rest:#?}");
    let rest = difference(&etc_before, &etc(&machine)?);
    assert!(rest.is_empty(), "left in /etc: {rest:#?}");
    assert!(machine.shell("systemctl list-unit-files 'appliance*' --no-legend")?.text().is_empty());
    machine.sh("test -d /var/lib/moin/wiki && ! test -e /var/lib/appliances/moinmoin")?;
    assert_eq!(machine.shell("debconf-show --listowners")?.text().matches("moinmoin").count(), 0);
    Ok(())
}

#[test]
fn no_secret_leaks_and_asked_for_the_data_goes_too() -> Result<()> {
    let (dist, lab) = lab()?;
    let machine = machine(&lab, &dist, "purge", "trixie")?;
    apt(&machine, &["install", "moinmoin-appliance"])?;
    // the password was made on the machine, and is neither in debconf nor in anybody's log
    let secret = machine.sh("appliance-configure secret moinmoin admin-password")?;
    assert!(secret.trim().len() >= 22, "a password of {} characters", secret.trim().len());
    let leaks = machine
        .shell(&format!("grep -rlF '{}' /var/cache /var/log /var/lib/dpkg /etc /run", secret.trim()))?;
    assert_eq!(leaks.text(), "", "the password stands in these files");
    machine
        .program("debconf-set-selections")
        .stdin("moinmoin-appliance moinmoin-appliance/delete-data boolean true\n")
        .run()?;
    apt(&machine, &["purge", "moinmoin-appliance"])?;
    machine.sh("! test -e /var/lib/moin")?;
    Ok(())
}

#[test]
fn apache_alone_gets_its_own_site_back() -> Result<()> {
    let (dist, lab) = lab()?;
    let machine = machine(&lab, &dist, "purge", "trixie")?;
    apt(&machine, &["install", "apache2", "libapache2-mod-wsgi-py3"])?;
    let before = snapshot(&machine, "/etc/apache2")?;
    apt(&machine, &["install", "moinmoin-appliance"])?;
    assert_ne!(snapshot(&machine, "/etc/apache2")?, before);
    apt(&machine, &["remove", "moinmoin-appliance"])?;
    let rest = difference(&before, &snapshot(&machine, "/etc/apache2")?);
    assert!(rest.is_empty(), "left in /etc/apache2: {rest:#?}");
    let page = Client::new()?.get(&format!("http://{}/", machine.address))?.ok()?;
    assert!(page.body.contains("Apache2 Debian Default Page"), "{}", page.body);
    Ok(())
}
