//! Questions of packages that nobody foresaw: never lost, never answered by nobody.

use anyhow::Result;
use scenarios::{Dist, lab_with, machine_with_tools, vainstall};
use std::{path::Path, time::Duration};
use testbed::{Lab, Machine, machine::wait_until};

const MAILER: &str = "postfix/main_mailer_type";

fn ready(folder: &Path, name: &str) -> Result<(Dist, Lab, Machine)> {
    let (dist, lab) = lab_with(folder, "unforeseen")?;
    let machine = machine_with_tools(&lab, &dist, name)?;
    Ok((dist, lab, machine))
}

/// Without it debconf asks in the middle of the installation only.
fn without_preconfiguration(machine: &Machine) -> Result<()> {
    machine.sh("rm /etc/apt/apt.conf.d/70debconf").map(drop)
}

fn state(machine: &Machine, package: &str) -> Result<String> {
    Ok(machine
        .shell(&format!("dpkg-query -W -f '${{db:Status-Abbrev}}' {package}"))?
        .text()
        .trim()
        .to_owned())
}

fn setting(machine: &Machine, name: &str) -> Result<String> {
    Ok(machine.sh(&format!("postconf -h {name}"))?.trim().to_owned())
}

#[test]
fn with_nobody_there_nothing_is_unpacked_and_every_question_is_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (_dist, _lab, machine) = ready(folder.path(), "nobody")?;
    let before = machine.sh("dpkg-query -W; cat /var/cache/debconf/config.dat | grep -c seen")?;
    let refused = vainstall(&machine, &["unforeseen"]).output()?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    for words in [
        MAILER,
        "postfix/mailname",
        "--set",
        "--accept-defaults",
        "Internet Site",
        "nothing has been installed",
    ] {
        assert!(said.contains(words), "{words} is not said:\n{said}");
    }
    let after = machine.sh("dpkg-query -W; cat /var/cache/debconf/config.dat | grep -c seen")?;
    assert_eq!(before, after, "something was changed");
    assert_eq!(machine.sh("ls -A /run/vainstall")?, "", "a socket is left");

    let set = ["--set", "postfix/main_mailer_type=Local only", "--set", "postfix/mailname=box.example.test"];
    let answered = vainstall(&machine, &[&["unforeseen"], set.as_slice()].concat()).output()?;
    assert!(answered.success(), "{}", String::from_utf8_lossy(&answered.stderr));
    assert_eq!(machine.sh("cat /etc/mailname")?.trim(), "box.example.test");
    assert_eq!(setting(&machine, "default_transport")?, "error");
    Ok(())
}

#[test]
fn in_the_middle_of_it_the_package_waits_for_its_answer() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (_dist, _lab, machine) = ready(folder.path(), "middle")?;
    without_preconfiguration(&machine)?;
    let refused = vainstall(&machine, &["unforeseen"]).output()?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains(MAILER) && said.contains("goes on from there"), "{said}");
    assert!(["iF", "iU"].contains(&state(&machine, "postfix")?.as_str()), "{}", state(&machine, "postfix")?);

    // a person sits down, is asked, and is killed off with the question open
    let typed = "mkfifo /root/keys; sleep 600 > /root/keys & setsid script -qefc 'vainstall unforeseen' /root/screen < /root/keys > /dev/null 2>&1 &";
    machine.sh(typed)?;
    let asks = "grep -q 'General mail configuration type' /root/screen";
    assert!(
        wait_until(Duration::from_secs(60), || machine.shell(asks).is_ok_and(|o| o.success())),
        "{}",
        machine.sh("cat /root/screen")?
    );
    machine.sh("kill -9 $(pgrep -x vainstall | head -1)")?;
    let quiet = "! pgrep -x 'vainstall|dpkg|apt-get' && ! test -e /run/vainstall/debconf";
    assert!(
        wait_until(Duration::from_secs(60), || machine.shell(quiet).is_ok_and(|o| o.success())),
        "{}",
        machine.sh("ps ax")?
    );
    assert!(["iF", "iU"].contains(&state(&machine, "postfix")?.as_str()), "{}", state(&machine, "postfix")?);
    let kept = machine.shell(&format!(
        "echo 'GET {MAILER}' | debconf-communicate; echo 'FGET {MAILER} seen' | debconf-communicate"
    ))?;
    assert!(!kept.text().contains("true"), "an answer that nobody gave is kept: {}", kept.text());

    let screen = "rm -f /root/screen; printf '5\\nbox.example.test\\n' | script -qefc 'vainstall unforeseen' /root/screen";
    let answered = machine.shell(screen)?;
    assert!(answered.success(), "{}", answered.text());
    assert_eq!(machine.sh("cat /etc/mailname")?.trim(), "box.example.test");
    Ok(())
}
