//! What an owner and time do to an appliance: answers at a terminal and changed later, neighbours that are upgraded,
//! packages on hold, mail servers that are in the way, power that fails in the middle of a restore.

use anyhow::{Context, Result, bail, ensure};
use exec::Output;
use scenarios::{
    apt,
    definitions::{build, path, publish, repository_with, with_version},
    lab, machine, machine_with_tools, vainstall,
    wiki::Wiki,
};
use std::{
    fs,
    time::{Duration, Instant},
};
use testbed::{Machine, machine::wait_until};

fn said(output: &Output) -> String {
    format!("{}{}", output.text(), String::from_utf8_lossy(&output.stderr))
}

/// A command as a person starts it, who types these lines: script(1) gives it a terminal of its own. Gives what stood
/// on the screen.
fn at_a_terminal(machine: &Machine, frontend: &str, command: &str, lines: &[&str]) -> Result<String> {
    let typed: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let script = machine.program("script").args(["--quiet", "--return", "--command", command, "/dev/null"]);
    let output = script.env("DEBIAN_FRONTEND", frontend).stdin(typed).output()?;
    ensure!(output.success(), "{command} ended with {}:\n{}", output.status, said(&output));
    Ok(output.text())
}

fn secret(machine: &Machine) -> Result<String> {
    Ok(machine.sh("appliance-configure secret moinmoin admin-password")?.trim().to_owned())
}

fn assert_no_secret_in_debconf(machine: &Machine, secret: &str) -> Result<()> {
    let found =
        machine.program("grep").args(["-rlF", "--", secret, "/var/cache/debconf", "/var/log"]).output()?;
    assert_eq!(found.text(), "", "the password stands in these files");
    Ok(())
}

#[test]
fn answers_come_from_a_person_and_the_appliance_keeps_itself_in_order() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (dist, lab) = lab()?;
    let repository = dist.copy_repository(folder.path())?;
    lab.http().serve_folder(&repository);
    let machine = machine(&lab, &dist, "person", "trixie")?;
    a_person_installs(&machine)?;
    answers_are_changed(&machine)?;
    a_neighbours_upgrade_repairs_what_has_drifted(&machine)?;

    let (copy, out) = (with_version("appliances/moinmoin", "1.1", folder.path())?, folder.path().join("out"));
    build(&dist, &copy, &out)?;
    publish(&dist, &repository, &out)?;
    what_is_held_is_told(&machine)
}

/// debconf without a window, as on a fresh Debian: it shows no default of its own and takes Enter for an empty answer.
fn a_person_installs(machine: &Machine) -> Result<()> {
    // the last four: how the wiki looks, and who gets in; of a list it wants a number
    let lines = ["Terminal Wiki", "", "no address", "", "a password of mine", "1", "1", "", "1"];
    let screen = at_a_terminal(machine, "teletype", "apt-get -q -y install moinmoin-appliance", &lines)?;
    // lines end where the terminal's width has them end
    let screen = screen.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "Name of the wiki:",
        "Left empty, it is \"My Wiki\".",
        "Left empty, it is \"admin\".",
        "This answer cannot be used",
        "It is no mail address such as ada@example.org.",
        "Left empty, it is \"admin@person.example.test\".",
    ] {
        assert!(screen.contains(part), "{part:?} was not on the screen:\n{screen}");
    }
    assert!(!screen.contains("An answer is needed"), "{screen}");
    let wiki = Wiki::on(machine)?;
    assert_eq!(wiki.title()?, "Home - Terminal Wiki");
    assert!(wiki.sign_in("admin", "a password of mine")?, "the administrator cannot sign in");
    let answers = machine.sh("appliance-configure answers moinmoin")?;
    assert!(answers.contains("admin@person.example.test"), "{answers}");
    assert_no_secret_in_debconf(machine, "a password of mine")
}

fn answers_are_changed(machine: &Machine) -> Result<()> {
    // whichever package a person names; an empty line keeps what is there
    for (package, name) in [("moinmoin-appliance", "Second Wiki"), ("moinmoin-appliance-seed", "Third Wiki")]
    {
        let reconfigure = format!("dpkg-reconfigure {package}");
        at_a_terminal(machine, "readline", &reconfigure, &[name, "", "", "", "1", "1", "", "1"])?;
        let wiki = Wiki::on(machine)?;
        assert_eq!(wiki.title()?, format!("Home - {name}"), "after {reconfigure}");
        assert!(wiki.sign_in("admin", "a password of mine")?, "the password was changed by {reconfigure}");
    }
    machine
        .program("debconf-set-selections")
        .stdin(
            "moinmoin-appliance-seed moinmoin-appliance-seed/wiki-name string Fourth Wiki\n\
             moinmoin-appliance-seed moinmoin-appliance-seed/admin-password password another one of mine\n",
        )
        .run()?;
    machine.run(&["dpkg-reconfigure", "--frontend=noninteractive", "moinmoin-appliance"])?;
    let wiki = Wiki::on(machine)?;
    assert_eq!(wiki.title()?, "Home - Fourth Wiki");
    assert!(wiki.sign_in("admin", "another one of mine")?, "the administrator's new password is not taken");
    assert_eq!(secret(machine)?, "another one of mine");
    assert_no_secret_in_debconf(machine, "another one of mine")
}

fn a_neighbours_upgrade_repairs_what_has_drifted(machine: &Machine) -> Result<()> {
    machine.sh("sed -i 's/sitename = .*/sitename = \"Taken over\"/' /etc/moin/wikiconfig.py; \
         rm /etc/apache2/sites-enabled/moinmoin.conf; systemctl reload apache2")?;
    let upgrade = apt(machine, &["install", "--reinstall", "moin"])?;
    assert!(upgrade.contains("apache site moinmoin on"), "nothing was applied again:\n{upgrade}");
    assert_eq!(machine.sh("dpkg --audit")?, "");
    assert_eq!(Wiki::on(machine)?.title()?, "Home - Fourth Wiki");
    assert!(machine.sh("appliance-configure plan moinmoin")?.contains("nothing to change"));
    Ok(())
}

fn what_is_held_is_told(machine: &Machine) -> Result<()> {
    let updates = || -> Result<serde_json::Value> {
        Ok(serde_json::from_str(&machine.sh("appliance-control updates --json")?)?)
    };
    let has = |list: &serde_json::Value, name: &str| {
        let name_of = |item: &serde_json::Value| item.as_str().or(item["name"].as_str()).map(String::from);
        list.as_array().is_some_and(|list| list.iter().any(|item| name_of(item).as_deref() == Some(name)))
    };
    machine.run(&["apt-mark", "hold", "moinmoin-appliance"])?;
    machine.run(&["appliance-control", "update"])?;
    let held = updates()?;
    assert!(has(&held["kept_back"], "moinmoin-appliance"), "{held:#}");
    assert!(!has(&held["updates"], "moinmoin-appliance"), "{held:#}");
    assert!(machine.sh("appliance-control updates")?.contains("Kept back: "));
    machine.run(&["appliance-control", "upgrade"])?;
    assert_eq!(machine.sh("dpkg-query -W -f '${Version}' moinmoin-appliance")?, "1.0");

    machine.run(&["apt-mark", "unhold", "moinmoin-appliance"])?;
    let free = updates()?;
    assert!(
        has(&free["updates"], "moinmoin-appliance") && free["kept_back"] == serde_json::json!([]),
        "{free:#}"
    );
    machine.run(&["appliance-control", "upgrade"])?;
    assert_eq!(machine.sh("dpkg-query -W -f '${Version}' moinmoin-appliance")?, "1.1");
    Ok(())
}

#[test]
fn a_mail_server_in_the_way_goes_only_when_told_and_own_answers_stay() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (dist, lab) = lab()?;
    lab.http().serve_folder(&repository_with(&dist, folder.path(), &path("mail-relay"))?);
    let machine = machine_with_tools(&lab, &dist, "mail")?;
    apt(&machine, &["install", "--no-install-recommends", "exim4-daemon-light"])?;
    machine
        .program("debconf-set-selections")
        .stdin("postfix postfix/mailname string own.example.test\n")
        .run()?;
    let arguments = ["mail-relay", "--set", "relay-host=mx.example.test"];
    let state =
        "dpkg -l; cat /var/cache/debconf/config.dat; ls -lR /etc /var/lib/vainstall 2>/dev/null || true";
    let before = machine.sh(state)?;
    let refused = vainstall(&machine, &arguments).output()?;
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    for part in ["remove", "exim4-daemon-light", "--yes", "postfix/mailname", "own.example.test", "is kept"] {
        assert!(said(&refused).contains(part), "no {part:?} in:\n{}", said(&refused));
    }
    assert_eq!(machine.sh(state)?, before, "refused, and something has changed");

    vainstall(&machine, &arguments).arg("--yes").run()?;
    let exim = machine.shell("dpkg-query -W -f '${db:Status-Abbrev}' exim4-daemon-light")?;
    assert!(!exim.text().starts_with("ii"), "{}", exim.text());
    assert_eq!(machine.sh("cat /etc/mailname")?.trim(), "own.example.test");
    assert_eq!(machine.sh("postconf -h relayhost; dpkg --audit")?.trim(), "[mx.example.test]:587");
    Ok(())
}

#[test]
fn a_release_that_the_appliance_is_not_made_for_is_refused_before_anything_changes() -> Result<()> {
    let (dist, lab) = lab()?;
    let machine = machine(&lab, &dist, "older", "bookworm")?;
    apt(&machine, &["install", "appliance-tools"])?;
    let state =
        "dpkg -l; cat /var/cache/debconf/config.dat; ls -lR /etc /var/lib/vainstall 2>/dev/null || true";
    let before = machine.sh(state)?;
    let refused = vainstall(&machine, &["moinmoin"]).output()?;
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    assert!(
        said(&refused).contains("made for Debian trixie, and this machine runs bookworm"),
        "{}",
        said(&refused)
    );
    assert_eq!(machine.sh(state)?, before, "refused, and something has changed");
    Ok(())
}

#[test]
fn power_that_fails_in_the_middle_of_a_restore_leaves_the_old_wiki_or_the_new() -> Result<()> {
    let (dist, lab) = lab()?;
    let mut machine = machine(&lab, &dist, "power", "trixie")?;
    apt(&machine, &["install", "moinmoin-appliance"])?;
    let password = secret(&machine)?;
    let writer = Wiki::on(&machine)?;
    assert!(writer.sign_in("admin", &password)?);
    writer.write("Saved", "= Saved =\nBergkristall.\n")?;
    machine.run(&["appliance-control", "backup", "moinmoin", "-o", "/root/wiki.backup"])?;

    for phase in ["preparing", "swapping", "done"] {
        stop_a_restore_while(&machine, phase, &password)?;
        machine.cut_power()?;
        machine.start_again()?;
        assert_whole(&machine, phase).with_context(|| format!("after a power failure while {phase}"))?;
    }
    Ok(())
}

/// A machine that stands still while a restore is in this phase of its journal. A phase may last a millisecond: whoever
/// looks for it comes too late now and then, and the restore is begun anew.
fn stop_a_restore_while(machine: &Machine, phase: &str, password: &str) -> Result<()> {
    let journal = machine.root().join("var/lib/appliances/moinmoin/backup-journal.json");
    let ended = machine.root().join("root/ended");
    let there = format!("\"phase\":\"{phase}\"");
    let is_in_it = || fs::read_to_string(&journal).is_ok_and(|text| text.contains(&there));
    for _ in 0..20 {
        let writer = Wiki::on(machine)?;
        assert!(writer.sign_in("admin", password)?);
        writer.write("Later", "= Later =\nWritten after the backup.\n")?;
        let restore =
            "appliance-control restore moinmoin /root/wiki.backup > /root/log 2>&1; touch /root/ended";
        machine.sh(&format!("rm -f /root/ended; setsid sh -c '{restore}' > /dev/null 2>&1 &"))?;
        let limit = Instant::now() + Duration::from_secs(120);
        while !is_in_it() && !ended.exists() && Instant::now() < limit {
            std::hint::spin_loop();
        }
        machine.freeze(true)?;
        if is_in_it() {
            return Ok(());
        }
        machine.freeze(false)?;
        ensure!(
            wait_until(Duration::from_secs(120), || ended.exists()),
            "it hangs:\n{}",
            machine.sh("cat /root/log")?
        );
    }
    bail!("no restore could be stopped while {phase}:\n{}", machine.sh("cat /root/log")?)
}

/// The repair has ended, and the wiki is one or the other, in all its parts.
fn assert_whole(machine: &Machine, phase: &str) -> Result<()> {
    machine.run(&["appliance-configure", "health", "moinmoin"])?;
    let left = machine.sh("find /var/lib /etc -name '.*.restore-*' -o -name 'backup-journal.json'")?;
    let journal = machine.sh("journalctl --no-pager --boot --unit appliance-backup-repair.service")?;
    ensure!(left.is_empty(), "left behind: {left}\n{journal}");

    let wiki = Wiki::on(machine)?;
    assert!(wiki.get("/Saved")?.ok()?.body.contains("Bergkristall"), "the saved page is lost");
    assert!(wiki.finds("Bergkristall", "Saved")?, "the search does not find the saved page");
    let later = wiki.get("/Later")?.status == 200;
    assert_eq!(wiki.finds("Written", "Later")?, later, "the page and the search index are not of one time");
    // what was in use before the cut stays in use
    assert!(phase != "done" || !later, "the restored wiki was in use, and the old came back");
    assert!(phase != "preparing" || later, "nothing was swapped, and the page is lost");

    let tasks: serde_json::Value = serde_json::from_str(&machine.sh("appliance-control task list --json")?)?;
    let restores = tasks.as_array().context("no list of tasks")?.iter();
    let running = restores.filter(|task| task["status"] == "running").count();
    assert_eq!(running, 0, "a task runs that the power cut ended: {tasks}");
    Ok(())
}
