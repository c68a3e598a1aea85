//! Updates from the plan to what remains to be done, with packages that behave badly.
//!
//! With VAT_SCREENSHOTS=FOLDER in the environment it leaves pictures of the pages in FOLDER/updates.

use anyhow::{Context, Result};
use scenarios::{
    Dist, apt,
    client::{Client, sign_in_link},
    debs::{Deb, publish},
    lab, machine_with_tools,
    page::{sign_in, url},
};
use serde_json::Value;
use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};
use testbed::{Lab, Machine, browser::Browser, machine::wait_until};

const LIMIT: Duration = Duration::from_secs(90);

/// A machine with the page and with these packages, whose repository the test may change.
fn with_packages(folder: &Path, name: &str, debs: &[Deb]) -> Result<(Dist, Lab, PathBuf, Machine)> {
    let (dist, lab) = lab()?;
    let repository = dist.copy_repository(folder)?;
    lab.http().serve_folder(&repository);
    publish(&dist, &repository, debs)?;
    let machine = machine_with_tools(&lab, &dist, name)?;
    let names: Vec<&str> = debs.iter().map(|d| d.name).collect();
    apt(&machine, &[&["install", "appliance-control"], &names[..]].concat())?;
    Ok((dist, lab, repository, machine))
}

fn json(machine: &Machine, command: &str) -> Result<Value> {
    let text = machine.sh(&format!("appliance-control {command} --json"))?;
    serde_json::from_str(&text).with_context(|| format!("no JSON came from {command}: {text}"))
}

/// The values of a field in a list of objects.
fn field<'a>(list: &'a Value, name: &str) -> Vec<&'a str> {
    list.as_array().into_iter().flatten().filter_map(|item| item[name].as_str()).collect()
}

fn version(machine: &Machine, package: &str) -> Result<String> {
    machine.sh(&format!("dpkg-query -W -f '${{Version}}' {package}"))
}

/// Says what it does, and waits until the test lets it go on.
const SLOW: &str = "#!/bin/sh\n[ \"$1\" = configure ] || exit 0\n[ -e /root/hold ] || exit 0\necho slow begins\ncat /root/hold\necho slow ends\n";
const BROKEN: &str = "#!/bin/sh\nif [ -e /root/breaks ]; then echo the reason of the failure; exit 3; fi\n";
const UNIT: &str = "[Unit]\nDescription=A test\n[Service]\nExecStart=/usr/lib/outdated/bin/run 100000\n";
const PREPARE: &str = "#!/bin/sh\nmkdir -p /usr/lib/outdated/bin\ncp /usr/bin/sleep /usr/lib/outdated/bin/new\nmv /usr/lib/outdated/bin/new /usr/lib/outdated/bin/run\n";

fn packages(version: &'static str, phased: &'static [&'static str]) -> Vec<Deb<'static>> {
    let plain = |name, files| Deb { name, version, fields: &[], files };
    vec![
        Deb { fields: phased, ..plain("a-phased", &[]) },
        plain("a-held", &[]),
        plain(
            "configured",
            if version == "1" {
                &[("etc/configured.conf", "timeout 10\n")]
            } else {
                &[("etc/configured.conf", "timeout 20\n")]
            },
        ),
        plain("outdated", &[("usr/lib/systemd/system/outdated.service", UNIT), ("DEBIAN/postinst", PREPARE)]),
        plain("slow", &[("DEBIAN/postinst", SLOW)]),
        plain("broken", &[("DEBIAN/postinst", BROKEN)]),
    ]
}

#[test]
fn an_update_is_planned_followed_repaired_and_remembered() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (dist, _lab, repository, machine) = with_packages(folder.path(), "updates", &packages("1", &[]))?;
    machine
        .sh("systemctl start outdated && echo 'timeout 99' > /etc/configured.conf && apt-mark hold a-held")?;
    publish(&dist, &repository, &packages("2", &["Phased-Update-Percentage: 0"]))?;
    machine.sh("appliance-control update")?;
    plan_tells_what_will_happen(&machine)?;
    a_download_can_be_read(&machine)?;
    chosen_packages_only(&machine)?;

    let browser = Browser::start(1280, 900, false)?;
    sign_in(&machine, &browser)?;
    configuration_is_decided_in_the_page(&machine, &browser)?;
    silence_is_explained_and_a_cut_survived(&machine, &browser)?;
    a_failure_is_repaired(&machine, &browser)?;
    every_run_is_remembered(&machine)?;
    pictures(&machine)?;

    publish(&dist, &repository, &[Deb { name: "slow", version: "3", fields: &[], files: &[] }])?;
    a_restart_belongs_to_the_task(machine, &browser)
}

fn plan_tells_what_will_happen(machine: &Machine) -> Result<()> {
    let plan = json(machine, "updates")?;
    for name in ["broken", "configured", "outdated", "slow"] {
        assert!(field(&plan["updates"], "name").contains(&name), "{name} is not in {plan:#}");
    }
    for name in ["a-held", "a-phased"] {
        assert!(!field(&plan["updates"], "name").contains(&name), "{name} is in {plan:#}");
    }
    let why = |name: &str| {
        let kept = plan["kept_back"].as_array().into_iter().flatten();
        kept.clone().find(|k| k["name"] == name).map(|k| (k["why"].clone(), k["to"].clone()))
    };
    assert_eq!(why("a-held"), Some(("held".into(), "2".into())), "{plan:#}");
    assert_eq!(why("a-phased"), Some(("phased".into(), "2".into())), "{plan:#}");
    // Debian may have updates of its own for the machine
    assert!(field(&plan["conffiles"], "path").contains(&"/etc/configured.conf"), "{plan:#}");
    assert!(plan["restarts"].as_array().is_some_and(|l| l.contains(&"outdated.service".into())), "{plan:#}");
    assert_eq!(plan["removals"], serde_json::json!([]));
    let one = json(machine, "updates configured")?;
    assert_eq!(field(&one["updates"], "name"), ["configured"]);
    let text = machine.sh("appliance-control updates")?;
    assert!(text.contains("Kept back: a-held 2: on hold") && text.contains("stays as you have it"), "{text}");
    Ok(())
}

fn a_download_can_be_read(machine: &Machine) -> Result<()> {
    let before = machine.shell("appliance-control changes configured")?;
    assert_eq!(before.status.code(), Some(1));
    machine.sh("appliance-control download configured")?;
    let changes = json(machine, "changes configured")?;
    assert!(changes["changelog"].as_str().unwrap_or_default().contains("What is new in 2."), "{changes:#}");
    let difference = changes["conffiles"][0]["difference"].as_str().unwrap_or_default();
    assert!(difference.contains("-timeout 99\n+timeout 20\n"), "{changes:#}");
    assert_eq!(version(machine, "configured")?, "1");
    Ok(())
}

fn chosen_packages_only(machine: &Machine) -> Result<()> {
    machine.sh("appliance-control upgrade configured outdated")?;
    let versions =
        ["configured", "outdated", "slow", "a-held"].map(|name| version(machine, name).unwrap_or_default());
    assert_eq!(versions, ["2", "2", "1", "1"]);
    assert_eq!(
        machine.sh("cat /etc/configured.conf /etc/configured.conf.dpkg-dist")?,
        "timeout 99\ntimeout 20\n"
    );
    let state = json(machine, "updates")?;
    assert_eq!(state["kept_files"], serde_json::json!(["/etc/configured.conf"]));
    assert!(field(&state["outdated"], "unit").contains(&"outdated.service"), "{state:#}");
    assert_eq!(state["reboot_required"], false, "{state:#}");
    let before = machine.sh("systemctl show -P MainPID outdated")?;
    machine.sh("appliance-control restart-services")?;
    assert_ne!(machine.sh("systemctl show -P MainPID outdated")?, before);
    assert!(!field(&json(machine, "updates")?["outdated"], "unit").contains(&"outdated.service"));
    machine.sh("mkdir -p /run && touch /run/reboot-required && echo libtest > /run/reboot-required.pkgs")?;
    assert_eq!(json(machine, "updates")?["reboot_reasons"], serde_json::json!(["Asked for by libtest."]));
    machine.sh("rm /run/reboot-required*")?;
    Ok(())
}

fn configuration_is_decided_in_the_page(machine: &Machine, browser: &Browser) -> Result<()> {
    browser.open(&url(machine, "/updates"))?;
    browser.click_text("Compare and decide")?;
    browser.wait_for_text("timeout 20", LIMIT)?;
    picture(browser, "files.png")?;
    browser.click_text("Adopt the new one")?;
    browser.wait_for_text("is the new version now", LIMIT)?;
    assert_eq!(
        machine.sh("cat /etc/configured.conf /etc/configured.conf.dpkg-old")?,
        "timeout 20\ntimeout 99\n"
    );
    assert_eq!(machine.sh("ls /etc/configured.conf*")?.lines().count(), 2);
    Ok(())
}

fn silence_is_explained_and_a_cut_survived(machine: &Machine, browser: &Browser) -> Result<()> {
    machine.sh("mkfifo /root/hold && touch /root/breaks")?;
    browser.open(&url(machine, "/updates"))?;
    picture(browser, "plan.png")?;
    browser.click_text("Install updates")?;
    browser.wait_for_text("slow begins", LIMIT)?;
    browser.wait_for_text("Still configuring slow, package", LIMIT)?;
    picture(browser, "silence.png")?;
    assert!(browser.text()?.contains("cannot be stopped any more"), "{}", browser.text()?);
    machine.cable(false)?;
    machine.sh("systemctl kill --signal KILL appliance-control.service; echo said while the cable was out > /root/hold")?;
    machine.cable(true)?;
    browser.wait_for_text("said while the cable was out", LIMIT)?;
    Ok(())
}

fn a_failure_is_repaired(machine: &Machine, browser: &Browser) -> Result<()> {
    browser.wait_for_text("updates failed at broken", LIMIT)?;
    let text = browser.text()?;
    for part in ["the reason of the failure", "Finish the installation", "slow", "Failed"] {
        assert!(text.contains(part), "{part:?} is missing:\n{text}");
    }
    picture(browser, "failed.png")?;
    let state = json(machine, "updates")?;
    assert_eq!(state["unfinished"], serde_json::json!(["broken"]), "{state:#}");
    assert_eq!(version(machine, "slow")?, "2");
    browser.open(&url(machine, "/updates"))?;
    assert!(browser.text()?.contains("Not completely installed: broken"), "{}", browser.text()?);
    machine.sh("rm /root/breaks /root/hold")?;
    browser.click_text("Finish the installation")?;
    browser.wait_for_text("All packages are completely installed", LIMIT)?;
    assert_eq!(json(machine, "updates")?["unfinished"], serde_json::json!([]));
    Ok(())
}

fn every_run_is_remembered(machine: &Machine) -> Result<()> {
    let runs = json(machine, "history")?;
    let runs = runs.as_array().context("no list")?;
    let of = |package: &str, from: Option<&str>| {
        runs.iter().find(|run| {
            let changes = run["changes"].as_array().into_iter().flatten();
            changes.clone().any(|c| {
                c["name"].as_str().is_some_and(|n| n.starts_with(package)) && c["from"].as_str() == from
            })
        })
    };
    let by_hand = of("slow", None).context("the installation is not there")?;
    assert_eq!(by_hand["source"], "hand", "{by_hand:#}");
    let failed = of("broken", Some("1")).context("the update is not there")?;
    assert_eq!(failed["source"], "appliance");
    assert!(failed["error"].is_string(), "{failed:#}");
    let id = failed["id"].as_str().unwrap_or_default();
    let one = machine.sh(&format!("appliance-control history --show {id}"))?;
    assert!(one.contains("the reason of the failure"), "{one}");
    // what dpkg did without apt
    machine.sh("cd /root && apt-get download slow && dpkg -i ./slow_2_all.deb")?;
    assert!(machine.sh("appliance-control history dpkg slow")?.contains("by hand"));
    Ok(())
}

fn a_restart_belongs_to_the_task(mut machine: Machine, browser: &Browser) -> Result<()> {
    machine.sh("appliance-control update")?;
    browser.open(&url(&machine, "/updates"))?;
    browser.click("input[value=slow]")?;
    browser.click_text("Only the ticked…")?;
    browser.wait_for_text("Install this update?", LIMIT)?;
    picture(browser, "chosen.png")?;
    browser.click("input[name=restart]")?;
    browser.click("main form button.primary")?;
    machine.start_again()?;
    browser.wait_for_text("is back", LIMIT)?;
    assert_eq!(version(&machine, "slow")?, "3");
    let tasks = json(&machine, "task list")?;
    assert_eq!(
        (tasks[0]["status"].as_str(), tasks[0]["work"]["restart"].as_bool()),
        (Some("ok"), Some(true)),
        "{tasks:#}"
    );
    // nothing of before is left to be restarted
    assert_eq!(json(&machine, "updates")?["outdated"], serde_json::json!([]));
    Ok(())
}

fn picture(browser: &Browser, name: &str) -> Result<()> {
    match env::var_os("VAT_SCREENSHOTS") {
        Some(folder) => {
            let folder = Path::new(&folder).join("updates");
            fs::create_dir_all(&folder)?;
            browser.screenshot(&folder.join(name))
        }
        None => Ok(()),
    }
}

fn pictures(machine: &Machine) -> Result<()> {
    if env::var_os("VAT_SCREENSHOTS").is_none() {
        return Ok(());
    }
    for (end, width, height, dark) in
        [("", 1280, 900, false), ("-phone", 390, 844, false), ("-dark", 1280, 900, true)]
    {
        let browser = Browser::start(width, height, dark)?;
        sign_in(machine, &browser)?;
        for (name, path) in
            [("updates", "/updates"), ("history", "/updates/history"), ("automatic", "/updates/automatic")]
        {
            browser.open(&url(machine, path))?;
            picture(&browser, &format!("{name}{end}.png"))?;
        }
        browser.open(&url(machine, "/updates/history?q=failed"))?;
        browser.click("table a")?;
        picture(&browser, &format!("run{end}.png"))?;
    }
    Ok(())
}

#[test]
fn locks_failing_sources_and_automatic_updates() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let app = |version| Deb { name: "app", version, fields: &[], files: &[] };
    let appliance = Deb { name: "test-appliance", version: "1", fields: &["Depends: app"], files: &[] };
    let first = [
        app("1"),
        appliance,
        Deb { name: "slow", version: "1", fields: &[], files: &[("DEBIAN/postinst", SLOW)] },
        Deb { name: "neighbour", version: "1", fields: &[], files: &[] },
    ];
    let (dist, lab, repository, machine) = with_packages(folder.path(), "automatic", &first)?;
    publish(&dist, &repository, &[app("2")])?;
    machine.sh("appliance-control update")?;
    a_lock_is_waited_for(&machine)?;
    let slow = Deb { name: "slow", version: "2", fields: &[], files: &[("DEBIAN/postinst", SLOW)] };
    publish(&dist, &repository, &[slow])?;
    machine.sh("appliance-control update")?;
    a_full_disk_is_told_and_nothing_lost(&machine)?;
    let hostile = Deb { name: "neighbour", version: "2", fields: &["Conflicts: test-appliance"], files: &[] };
    publish(&dist, &repository, &[app("3"), hostile])?;
    machine.sh("appliance-control update")?;
    a_source_that_fails_is_named(&machine, &lab)?;
    what_would_remove_the_appliance_is_refused(&machine)?;
    automatic_updates_keep_the_appliance(&machine)
}

fn a_lock_is_waited_for(machine: &Machine) -> Result<()> {
    machine.sh(
        "mkfifo /root/hold; setsid apt-get -q -y install --reinstall slow > /root/apt.log 2>&1 < /dev/null &",
    )?;
    let held = || machine.shell("pgrep -f 'cat /root/hold'").is_ok_and(|o| o.success());
    assert!(wait_until(LIMIT, held), "{}", machine.sh("cat /root/apt.log")?);
    machine.sh("setsid appliance-control upgrade app > /root/upgrade.log 2>&1 < /dev/null &")?;
    let log = || machine.sh("cat /root/upgrade.log").unwrap_or_default();
    let waits = || log().contains("Waiting for another program: apt-get (process");
    assert!(wait_until(LIMIT, waits), "{}", log());
    assert_eq!(version(machine, "app")?, "1");
    machine.sh("echo > /root/hold; rm /root/hold")?;
    assert!(wait_until(LIMIT, || log().contains("1 package was updated")), "{}", log());
    assert_eq!(version(machine, "app")?, "2");
    Ok(())
}

/// The disk fills while a package is being configured.
fn a_full_disk_is_told_and_nothing_lost(machine: &Machine) -> Result<()> {
    let client = Client::new()?;
    client.post(&sign_in_link(machine)?, &[])?.ok()?;
    let page = |path: &str| Ok::<_, anyhow::Error>(client.get(&url(machine, path))?.ok()?.body);
    machine.sh("mkfifo /root/hold && appliance-control upgrade slow --no-wait")?;
    let task = json(machine, "task list")?[0].clone();
    let path = format!("/tasks/{}", task["id"].as_str().context("no task")?);
    let held = || page(&path).is_ok_and(|text| text.contains("slow begins"));
    assert!(wait_until(LIMIT, held), "{}", page(&path)?);
    let used = machine.sh("df --output=used -BM / | tail -n 1 | tr -dc 0-9")?.parse::<u64>()?;
    machine.resize_disk(&format!("{}M", used + 20))?;
    machine.sh("! cat /dev/zero > /root/filler")?;

    assert!(page("/")?.contains("The disk at / is full"));
    assert!(page("/updates")?.contains("Updates") && page(&path)?.contains("slow begins"));
    machine.sh("echo > /root/hold")?;
    let ended = || page(&path).is_ok_and(|text| text.contains("data-state=\"failed\""));
    assert!(wait_until(LIMIT, ended), "{}", page(&path)?);
    assert!(page(&path)?.contains("the disk is full: make room"), "{}", page(&path)?);
    assert_eq!(json(machine, &format!("task show {}", &path[7..]))?["status"], "failed");

    machine.sh("rm /root/filler /root/hold")?;
    machine.resize_disk(testbed::machine::DISK)?;
    machine.sh("appliance-control repair && appliance-control upgrade slow")?;
    assert_eq!(version(machine, "slow")?, "2");
    assert_eq!(machine.sh("dpkg --audit")?, "");
    Ok(())
}

fn a_source_that_fails_is_named(machine: &Machine, lab: &Lab) -> Result<()> {
    let known = json(machine, "updates")?;
    assert!(field(&known["updates"], "name").contains(&"app"), "{known:#}");
    lab.http().set_offline(true);
    let failed = machine.shell("appliance-control update")?;
    assert_eq!(failed.status.code(), Some(1), "{}", failed.text());
    let state = json(machine, "updates")?;
    assert_eq!(state["updates"], known["updates"]);
    let sources = field(&state["failed_sources"], "source");
    assert!(sources.iter().any(|s| s.contains(&lab.repository())), "{state:#}");
    let fetched = |source: &Value| source["fetched"].is_u64();
    assert!(state["failed_sources"].as_array().is_some_and(|l| l.iter().all(fetched)), "{state:#}");
    lab.http().set_offline(false);
    machine.sh("appliance-control update")?;
    assert_eq!(json(machine, "updates")?["failed_sources"], serde_json::json!([]));
    Ok(())
}

fn what_would_remove_the_appliance_is_refused(machine: &Machine) -> Result<()> {
    let all = json(machine, "updates")?;
    let kept = all["kept_back"].as_array().into_iter().flatten().find(|k| k["name"] == "neighbour");
    assert_eq!(kept.map(|k| k["why"].clone()), Some("blocked".into()), "{all:#}");
    let chosen = json(machine, "updates neighbour")?;
    assert!(
        chosen["removals"].as_array().is_some_and(|l| l.contains(&"test-appliance".into())),
        "{chosen:#}"
    );
    let refused = machine.shell("appliance-control upgrade neighbour")?;
    assert_eq!(refused.status.code(), Some(1), "{}", refused.text());
    assert_eq!(version(machine, "test-appliance")?, "1");
    Ok(())
}

fn automatic_updates_keep_the_appliance(machine: &Machine) -> Result<()> {
    assert_eq!(json(machine, "automatic")?["install"], "nothing");
    machine.sh("appliance-control automatic security --at 05:00 --restart-at 05:30")?;
    let timer = machine.sh("systemctl show -P TimersCalendar apt-daily-upgrade.timer; systemctl is-active apt-daily-upgrade.timer")?;
    assert!(
        timer.contains("OnCalendar=*-*-* 05:00:00") && !timer.contains("06:00") && timer.contains("\nactive"),
        "{timer}"
    );
    let allowed = machine.sh("unattended-upgrade --dry-run -v 2>&1")?;
    let line = allowed.lines().find(|l| l.contains("Allowed origins")).unwrap_or_default().to_owned();
    assert!(line.contains("Debian-Security") && !line.contains("origin=*"), "{allowed}");
    assert!(machine.sh("apt-config dump Unattended-Upgrade::Automatic-Reboot-Time")?.contains("05:30"));

    machine.sh("appliance-control automatic all --no-restart && apt-mark auto test-appliance app && apt-get -q update")?;
    machine.sh("unattended-upgrade -v > /root/unattended.log 2>&1")?;
    let log = machine.sh("cat /root/unattended.log")?;
    assert_eq!(version(machine, "app")?, "3", "{log}");
    assert_eq!(version(machine, "test-appliance")?, "1", "{log}");
    assert_eq!(version(machine, "neighbour")?, "1", "{log}");
    machine.sh("apt-get -q -y autoremove")?;
    assert_eq!(machine.sh("dpkg-query -W -f '${db:Status-Abbrev}' app test-appliance")?, "ii ii ");
    let runs = json(machine, "history app automatic")?;
    assert!(field(&runs, "source").contains(&"automatic"), "{runs:#}");
    machine.sh("appliance-control automatic nothing && test ! -e /etc/systemd/system/apt-daily.timer.d/appliance-control.conf")?;
    assert_eq!(json(machine, "automatic")?["install"], "nothing");
    // what we wrote goes with the package
    apt(machine, &["purge", "appliance-control"])?;
    machine.sh("test ! -e /etc/apt/apt.conf.d/60appliance-control")?;
    Ok(())
}
