//! The machine itself: its load, what needs somebody, restarts at a set time, and its settings.

use anyhow::{Context, Result, ensure};
use load::{record::Record, ring::Ring};
use scenarios::{
    apt,
    client::{Client, sign_in_link},
    lab, machine_with_tools,
    page::{sign_in, url},
};
use serde_json::Value;
use std::{
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use testbed::{Lab, Machine, browser::Browser, machine::wait_until};

const LIMIT: Duration = Duration::from_secs(60);

/// A machine with the page on it and no appliance, a client that is signed in, and the proof for its forms.
fn signed_in(name: &str) -> Result<(Lab, Machine, Client, String)> {
    let (dist, lab) = lab()?;
    let machine = machine_with_tools(&lab, &dist, name)?;
    apt(&machine, &["install", "appliance-control"])?;
    let client = Client::new()?;
    client.post(&sign_in_link(&machine)?, &[])?.ok()?;
    let csrf = client.get(&url(&machine, "/power"))?.ok()?.field("csrf")?;
    Ok((lab, machine, client, csrf))
}

fn json(machine: &Machine, command: &str) -> Result<Value> {
    let text = machine.shell(&format!("appliance-control {command} --json"))?.text();
    serde_json::from_str(&text).with_context(|| format!("no JSON came from {command}: {text}"))
}

#[test]
fn the_load_is_kept_for_a_year_and_drawn() -> Result<()> {
    let (_lab, machine, client, _) = signed_in("load")?;
    machine.sh("systemctl is-enabled appliance-load.timer && systemctl is-active appliance-load.timer")?;
    let look = || machine.sh("systemctl start appliance-load.service");
    look()?;
    look()?;
    let now = |load: &Value| load["lines"].as_array().is_some_and(|l| l.iter().all(|l| l["now"].is_number()));
    let load = json(&machine, "load --span hour")?;
    assert!(now(&load), "{load:#}");
    // its folder is nobody's but its own, and the log is not full of it
    let folder = machine.root().join("var/lib/private/appliance-load");
    assert_eq!(machine.sh("stat -c %a /var/lib/private/appliance-load")?.trim(), "700");
    machine.sh("! setpriv --reuid=nobody --clear-groups cat /var/lib/appliance-load/minutes")?;
    let lines = machine.sh("journalctl -q -o cat -u appliance-load.service")?;
    assert_eq!(lines, "", "a look writes into the log");

    // a year, as the timer would have kept it
    let ring = Ring::open(&folder.join("minutes"))?;
    let minute = (SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() / 60) as u32;
    for ago in (2..365 * 24 * 60).filter(|ago| !(20_000..30_000).contains(ago)) {
        let wave = (ago * 7 % 9_000) as u16;
        let record = Record {
            minute: minute - ago,
            processor: wave,
            memory: 5_000,
            disk: 2_000,
            received: ago * 1000,
            sent: u32::from(wave),
            ..Record::default()
        };
        ring.put(&record)?;
    }
    let size = machine.sh("stat -c %s /var/lib/appliance-load/minutes")?.trim().parse::<u64>()?;
    assert!(size <= 20_000_000, "{size}");
    for span in ["hour", "day", "week", "month", "year"] {
        let page = client.get(&url(&machine, &format!("/machine/charts?span={span}")))?.ok()?;
        assert_eq!(page.body.matches("role=\"img\"").count(), 5, "{}", page.body);
        assert!(page.body.len() < 35_000 && page.body.contains(" on average, between "), "{}", page.body);
        let load = json(&machine, &format!("load --span {span}"))?;
        assert!(load["lines"][0]["points"].as_array().is_some_and(|p| p.len() <= 200));
    }
    assert!(machine.sh("appliance-control load --span year")?.contains("Network received"));
    assert_eq!(machine.shell("appliance-control load --span decade")?.status.code(), Some(2));
    assert!(client.get(&url(&machine, "/"))?.ok()?.body.contains("The last day"));

    // garbage, and a file that was cut: the next look goes on
    fs::write(folder.join("minutes"), [7; 100_001])?;
    look()?;
    look()?;
    let load = json(&machine, "load --span year")?;
    assert!(now(&load), "{load:#}");
    let page = client.get(&url(&machine, "/machine/charts?span=year"))?.ok()?;
    assert!(page.body.contains("role=\"img\""));
    Ok(())
}

#[test]
fn what_needs_somebody_is_told_and_repaired() -> Result<()> {
    let (_lab, machine, client, csrf) = signed_in("needs")?;
    let overview = || Ok::<_, anyhow::Error>(client.get(&url(&machine, "/"))?.ok()?.body);
    let unit = "[Unit]\nDescription=Sends <b>news</b>\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/bin/test -e /root/aerial\n";
    fs::write(machine.root().join("etc/systemd/system/radio.service"), unit)?;
    assert!(!overview()?.contains("radio has failed"));
    machine.sh("systemctl daemon-reload; systemctl start radio; touch /root/aerial")?;
    let page = overview()?;
    for part in
        ["What needs you", "radio has failed", "It ended with status 1", "/services/radio.service/restart"]
    {
        assert!(page.contains(part), "{part} is missing:\n{page}");
    }
    let status = json(&machine, "status")?;
    let need = &status["needs"][0];
    assert_eq!(need["command"], "appliance-control service restart radio", "{status:#}");
    assert_eq!(need["grade"], "now");
    assert!(machine.sh("appliance-control status")?.contains("radio has failed"));

    // the button of the page
    let task = client.post(&url(&machine, "/services/radio.service/restart"), &[("csrf", &csrf)])?.ok()?;
    let ended = || client.get(&task.url).is_ok_and(|page| page.body.contains("data-state=\"ok\""));
    ensure!(wait_until(LIMIT, ended), "{}", client.get(&task.url)?.body);
    assert!(!overview()?.contains("radio has failed"));

    machine.resize_disk("500M")?;
    machine.sh("head -c $(($(stat -f -c '%a * %S' /) - 8000000)) /dev/zero > /root/filler; sync")?;
    let page = overview()?;
    assert!(page.contains("The disk at / is full"), "{page}");
    Ok(())
}

#[test]
fn a_restart_at_a_set_time_waits_happens_and_can_be_taken_back() -> Result<()> {
    let (_lab, mut machine, client, csrf) = signed_in("later")?;
    let scheduled =
        |machine: &Machine| Ok::<_, anyhow::Error>(json(machine, "status")?["vitals"]["scheduled"].clone());
    for bad in ["--at 3:30", "--at now", "--in 0", "--at '2026-02-30 03:30'", "--in 99999h"] {
        assert_eq!(
            machine.shell(&format!("appliance-control restart {bad}"))?.status.code(),
            Some(2),
            "{bad}"
        );
    }
    machine.sh("ln -sf /usr/share/zoneinfo/Asia/Kolkata /etc/localtime")?;
    let told = json(&machine, "restart --at 03:30")?;
    assert!(told["local"].as_str().is_some_and(|l| l.ends_with("03:30 IST")), "{told}");
    // what was set stays while everything of ours is killed
    machine.sh("systemctl kill --signal KILL appliance-control.service appliance-broker.service")?;
    assert_eq!(scheduled(&machine)?["at"], told["at"]);
    let page = client.get(&url(&machine, "/power"))?.ok()?.body;
    assert!(page.contains("03:30 IST") && page.contains("The machine restarts"), "{page}");
    let form = [("csrf", csrf.as_str()), ("what", "shutdown"), ("when", "90min")];
    let page = client.post(&url(&machine, "/power/schedule"), &form)?.ok()?.body;
    assert!(page.contains("The machine shuts down"), "{page}");
    client.post(&url(&machine, "/power/schedule/cancel"), &[("csrf", &csrf)])?.ok()?;
    assert!(scheduled(&machine)?.is_null());
    machine.sh("! systemctl is-active appliance-schedule.timer")?;
    // somebody's own
    if machine.shell("shutdown -r +90")?.success() {
        assert_eq!(scheduled(&machine)?["by"], "shutdown(8)");
        machine.sh("appliance-control shutdown --cancel")?;
        assert!(scheduled(&machine)?.is_null());
    }
    let audit = machine.sh("journalctl -q -o cat -u appliance-broker")?;
    for line in [
        "schedule by=root about=restart at 03:30 result=ok",
        "about=shutdown in 90 min from=",
        "cancel-schedule by=administrator/",
    ] {
        assert!(audit.contains(line), "{line} is missing:\n{audit}");
    }

    // one that is due waits for a task, and the page that is open counts
    let browser = Browser::start(1280, 900, false)?;
    sign_in(&machine, &browser)?;
    machine.sh("mkfifo /root/hold; printf 'APT::Update::Pre-Invoke {\"cat /root/hold\";};' > /etc/apt/apt.conf.d/99hold")?;
    machine.sh("appliance-control update --no-wait && appliance-control restart --in 1min")?;
    browser.open(&url(&machine, "/power"))?;
    browser.wait_for_text("The machine restarts", Duration::from_secs(10))?;
    let waits = || {
        machine
            .shell("journalctl -q -o cat -u appliance-schedule | grep -q 'still running'")
            .is_ok_and(|o| o.success())
    };
    ensure!(wait_until(Duration::from_secs(120), waits), "{}", machine.sh("journalctl -q -n 30")?);
    browser.wait_for_text("The restart is due", Duration::from_secs(10))?;
    machine.sh("rm /etc/apt/apt.conf.d/99hold; echo > /root/hold")?;
    machine.start_again()?;
    browser.wait_for_text("The machine is back after", LIMIT)?;
    assert!(scheduled(&machine)?.is_null());
    let tasks = json(&machine, "task list")?;
    let last = &tasks[0];
    assert_eq!(
        (last["title"].as_str(), last["by"].as_str()),
        (Some("Restart the machine"), Some("root, scheduled"))
    );
    Ok(())
}

#[test]
fn name_clock_and_disks_are_set() -> Result<()> {
    let (_lab, machine, client, csrf) = signed_in("settings")?;
    let post = |what: &str, form: &[(&str, &str)]| -> Result<String> {
        let form = [&[("csrf", csrf.as_str())], form].concat();
        let task = client.post(&url(&machine, &format!("/machine/{what}")), &form)?.ok()?;
        // the page itself is started anew when the name has changed
        let shown = || client.get(&task.url).map(|page| page.body).unwrap_or_default();
        let ended = || shown().contains("data-state=\"ok\"") || shown().contains("data-state=\"failed\"");
        ensure!(wait_until(LIMIT, ended), "{}", shown());
        Ok(shown())
    };
    let page = post("name", &[("name", "Wiki.example.org")])?;
    assert!(page.contains("The machine is called wiki.example.org"), "{page}");
    assert_eq!(machine.sh("cat /etc/hostname; hostname; hostnamectl hostname")?, "wiki\nwiki\nwiki\n");
    assert_eq!(machine.sh("hostname --fqdn; grep -c 127.0.1.1 /etc/hosts")?, "wiki.example.org\n1\n");
    assert!(client.get(&url(&machine, "/machine"))?.ok()?.body.contains("<dd>wiki.example.org</dd>"));
    for bad in ["a b", "-a", "wiki;reboot", "localhost", "a\nb"] {
        let form = [("csrf", csrf.as_str()), ("name", bad)];
        assert_eq!(client.post(&url(&machine, "/machine/name"), &form)?.status, 400, "{bad:?}");
    }
    machine.sh("appliance-control machine set-name other")?;
    assert_eq!(machine.sh("hostname --fqdn")?, "other.example.org\n", "the domain stays");

    post("zone", &[("zone", "Asia/Kolkata")])?;
    assert_eq!(machine.sh("timedatectl show --property=Timezone --value; date +%Z")?, "Asia/Kolkata\nIST\n");
    machine.sh("appliance-control machine set-time-zone Europe/Berlin")?;
    assert_eq!(machine.sh("timedatectl show --property=Timezone --value")?, "Europe/Berlin\n");
    for bad in ["Europe/Nowhere", "../../etc/passwd", "zone.tab"] {
        let tried = machine.shell(&format!("appliance-control machine set-time-zone {bad}"))?;
        assert_eq!(tried.status.code(), Some(2), "{bad}");
    }
    // here the clock is the host's
    let clock = machine.shell("appliance-control machine set-clock on")?;
    assert!(!clock.success() && clock.text().contains("its clock is its host"), "{}", clock.text());

    machine.sh("head -c 3000000 /dev/urandom > /var/cache/apt/archives/some_1_amd64.deb")?;
    let size = || -> Result<u64> {
        let fillers = json(&machine, "machine show")?["fillers"].clone();
        fillers[0]["bytes"].as_u64().context("the first filler is no number")
    };
    assert!(size()? >= 3_000_000);
    post("clean", &[("what", "packages")])?;
    assert!(size()? < 1_000_000);
    machine.sh("appliance-control machine clean journal && appliance-control machine show")?;
    Ok(())
}

#[test]
fn a_network_that_nobody_confirms_goes_back() -> Result<()> {
    let (_lab, mut machine, client, csrf) = signed_in("network")?;
    // the machine's own way stays as it is; what is tried is tried on another interface
    fs::write(
        machine.root().join("etc/systemd/network/50-test0.network"),
        "[Match]\nName=test0\n[Network]\nAddress=10.99.0.1/24\n",
    )?;
    let host = "[Match]\nName=host0\n[Link]\nUnmanaged=yes\n";
    fs::write(machine.root().join("etc/systemd/network/10-host0.network"), host)?;
    let begin = |machine: &Machine| -> Result<()> {
        machine.sh("ip link show test0 2>/dev/null || { ip link add test0 type veth peer name test1 && ip link set test1 up; }; systemctl restart systemd-networkd")?;
        // it takes its name on the bus a moment after its start
        let told = || machine.shell("networkctl reconfigure test0").is_ok_and(|o| o.success());
        ensure!(wait_until(LIMIT, told), "systemd-networkd does not answer");
        Ok(())
    };
    begin(&machine)?;
    let has = |machine: &Machine, address: &str| {
        machine
            .shell(&format!("ip -4 address show test0 | grep -q 'inet {address}/'"))
            .is_ok_and(|o| o.success())
    };
    ensure!(
        wait_until(LIMIT, || has(&machine, "10.99.0.1")),
        "{}",
        machine.sh("networkctl status test0; ip address")?
    );
    let interfaces = json(&machine, "machine show")?["network"]["interfaces"].clone();
    let of = |name: &str| {
        interfaces.as_array().into_iter().flatten().find(|i| i["name"] == name).cloned().unwrap_or_default()
    };
    assert_eq!(of("test0")["manager"], "networkd", "{interfaces:#}");
    assert!(of("host0")["fixed"].is_string(), "{interfaces:#}");
    let set = "appliance-control machine set-address";
    for (bad, status) in [
        ("test0 10.0.0.1", 2),
        ("'test0;x' dhcp", 2),
        ("test0 10.99.0.2/24 --gateway here", 2),
        ("none0 dhcp", 1),
        ("host0 dhcp", 1),
    ] {
        assert_eq!(machine.shell(&format!("{set} {bad}"))?.status.code(), Some(status), "{bad}");
    }
    let files = |machine: &Machine| machine.sh("ls /etc/systemd/network /var/lib/appliance-broker");
    let before = files(&machine)?;

    // nobody confirms
    let tried = machine.shell(&format!("{set} test0 10.99.0.2/24 --within 10"))?;
    assert!(!tried.success() && tried.text().contains("has its old configuration again"), "{}", tried.text());
    assert!(has(&machine, "10.99.0.1") && !has(&machine, "10.99.0.2"));
    assert_eq!(files(&machine)?, before);

    // all of ours is killed: the timer is there
    machine.sh(&format!("{set} test0 10.99.0.3/24 --within 40 > /dev/null 2>&1 &"))?;
    ensure!(wait_until(LIMIT, || has(&machine, "10.99.0.3")), "{}", machine.sh("ip address")?);
    machine.sh("systemctl kill --signal KILL 'appliance-task-*' appliance-broker.service appliance-control.service; true")?;
    ensure!(
        wait_until(LIMIT, || has(&machine, "10.99.0.1")),
        "{}",
        machine.sh("ip address; systemctl list-timers --all")?
    );
    assert!(!has(&machine, "10.99.0.3"));
    // the address is there a moment before the last file is gone
    wait_until(LIMIT, || files(&machine).is_ok_and(|files| files == before));
    assert_eq!(files(&machine)?, before);

    // somebody comes over the new one: no session is needed, and what the page of the task says is enough
    let form =
        [("csrf", csrf.as_str()), ("interface", "test0"), ("method", "fixed"), ("address", "10.99.0.4/24")];
    let task = client.post(&url(&machine, "/machine/network"), &form)?.ok()?;
    let id = task.url.rsplit('/').next().unwrap_or_default().to_owned();
    assert!(task.body.contains(&format!("https://10.99.0.4:8080/network/{id}")), "{}", task.body);
    ensure!(wait_until(LIMIT, || has(&machine, "10.99.0.4")), "{}", machine.sh("ip address")?);
    let page = client.get(&url(&machine, "/machine"))?.ok()?;
    assert!(page.body.contains("test0 has a new configuration"), "{}", page.body);
    let stranger = Client::new()?;
    assert_eq!(stranger.post(&url(&machine, "/network/20260101-000000-00000000"), &[])?.status, 404);
    let kept = stranger.post(&url(&machine, &format!("/network/{id}")), &[])?.ok()?;
    assert!(kept.body.contains("The new configuration stays"), "{}", kept.body);
    let ended = || client.get(&task.url).is_ok_and(|page| page.body.contains("it was confirmed"));
    ensure!(wait_until(LIMIT, ended), "{}", client.get(&task.url)?.body);
    assert!(has(&machine, "10.99.0.4"));
    machine.sh("grep -qx Address=10.99.0.4/24 /etc/systemd/network/05-appliance-control-test0.network")?;

    // the power fails while it waits
    machine.sh(&format!("{set} test0 10.99.0.5/24 --within 600 > /dev/null 2>&1 &"))?;
    ensure!(wait_until(LIMIT, || has(&machine, "10.99.0.5")), "{}", machine.sh("ip address")?);
    machine.sh("sync")?;
    machine.cut_power()?;
    machine.start_again()?;
    begin(&machine)?;
    ensure!(
        wait_until(LIMIT, || has(&machine, "10.99.0.4")),
        "{}",
        machine.sh("ip address; journalctl -u appliance-network-revert")?
    );
    assert!(!has(&machine, "10.99.0.5"));
    Ok(())
}
