//! The management page under attack, at rest, and when its process dies.

use anyhow::{Context, Result};
use scenarios::{
    apt,
    client::{Client, sign_in_link},
    lab, machine_with_tools,
    page::sign_in,
};
use std::time::Duration;
use testbed::{Lab, Machine, browser::Browser, machine::wait_until};

/// A machine with the page on it and no appliance, and a client that is signed in.
fn signed_in(name: &str) -> Result<(Lab, Machine, Client)> {
    let (dist, lab) = lab()?;
    let machine = machine_with_tools(&lab, &dist, name)?;
    apt(&machine, &["install", "appliance-control"])?;
    let client = Client::new()?;
    let page = client.post(&sign_in_link(&machine)?, &[])?.ok()?;
    assert!(page.body.contains("Sign out"), "{}", page.body);
    Ok((lab, machine, client))
}

fn url(machine: &Machine, path: &str) -> String {
    format!("https://{}:8080{path}", machine.address)
}

fn tasks(machine: &Machine) -> Result<usize> {
    let list: serde_json::Value = serde_json::from_str(&machine.sh("appliance-control task list --json")?)?;
    Ok(list.as_array().context("the list of tasks is no list")?.len())
}

#[test]
fn what_is_not_meant_is_refused() -> Result<()> {
    let (_lab, machine, client) = signed_in("attacked")?;
    let csrf = client.get(&url(&machine, "/updates"))?.ok()?.field("csrf")?;
    let field = format!("csrf={csrf}");
    let refresh = url(&machine, "/updates/refresh");
    let own = format!("Origin: https://{}:8080", machine.address);
    let stranger = Client::new()?;

    // nobody is signed in: no page, no task, no log
    for path in ["/", "/updates", "/tasks", "/packages", "/power", "/boot-id", "/plugins/moinmoin"] {
        let answer = stranger.ask(&["--header", "Accept: application/json", &url(&machine, path)])?;
        assert_eq!(answer.status, 401, "{path}: {}", answer.body);
    }
    let made_up = format!("Cookie: __Host-appliance-session={}", "A".repeat(43));
    let attacks: &[(&str, &Client, &[&str])] = &[
        ("no session", &stranger, &["--header", &own, "--data", &field]),
        (
            "a session that was made up",
            &stranger,
            &["--header", &own, "--header", &made_up, "--data", &field],
        ),
        ("no token", &client, &["--header", &own, "--data", ""]),
        (
            "a wrong token",
            &client,
            &["--header", &own, "--data", "csrf=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],
        ),
        ("another site", &client, &["--header", "Origin: https://evil.example", "--data", &field]),
        ("an opaque site", &client, &["--header", "Origin: null", "--data", &field]),
        ("a form of another site", &client, &["--header", "Sec-Fetch-Site: cross-site", "--data", &field]),
        ("plain http's origin", &client, &["--header", &own.replace("https", "http"), "--data", &field]),
        ("another host", &client, &["--header", "Host: evil.example:8080", "--data", &field]),
        ("a method that changes nothing", &client, &["--get", "--data", &field]),
    ];
    for (what, client, arguments) in attacks {
        let mut arguments = arguments.to_vec();
        arguments.extend(["--header", "Accept: application/json", &refresh]);
        let answer = client.ask(&arguments)?;
        assert!((400..500).contains(&answer.status), "{what}: {} {}", answer.status, answer.body);
    }
    assert_eq!(tasks(&machine)?, 0, "an attack started a task");
    for path in [
        "/link/made-up",
        "/tasks/../../etc/shadow",
        "/tasks/..%2f..%2fetc%2fshadow",
        "/static/..%2f..%2fetc%2fpasswd",
    ] {
        let answer = client.ask(&["--path-as-is", &url(&machine, path)])?;
        assert!(!answer.body.contains("root:"), "{path}: {}", answer.body);
    }

    // the same with everything right
    client.ask(&["--header", &own, "--data", &field, &refresh])?.ok()?;
    assert_eq!(tasks(&machine)?, 1);
    who_did_it_is_written_down(&machine, &client, &csrf)?;

    // plain HTTP on the same port leads to TLS, and nowhere else
    let plain = format!("http://{}:8080/updates", machine.address);
    let answer = client.ask(&["--no-location", "--include", &plain])?;
    assert!((301..=308).contains(&answer.status), "{}", answer.status);
    assert!(answer.body.contains(&url(&machine, "/updates")), "{}", answer.body);

    // a session that is over stays over
    client.post(&url(&machine, "/sign-out"), &[("csrf", &csrf)])?;
    let after = client.ask(&["--header", "Accept: application/json", &url(&machine, "/tasks")])?;
    assert_eq!(after.status, 401, "{}", after.body);
    Ok(())
}

fn who_did_it_is_written_down(machine: &Machine, client: &Client, csrf: &str) -> Result<()> {
    let trail = || -> Result<serde_json::Value> {
        let text = machine.sh("appliance-control audit --what 'start refresh' --who administrator --json")?;
        Ok(serde_json::from_str::<serde_json::Value>(&text)?["entries"][0].clone())
    };
    let ended = || trail().is_ok_and(|entry| entry["ended"]["status"] == "ok");
    assert!(wait_until(Duration::from_secs(60), ended), "{:#}", trail()?);
    let entry = trail()?;
    assert_eq!(entry["result"], "ok", "{entry:#}");
    assert!(entry["from"].as_str().is_some_and(|from| from.parse::<std::net::IpAddr>().is_ok()), "{entry:#}");
    let shown = client.get(&url(machine, "/audit?who=administrator"))?.ok()?.body;
    assert!(shown.contains(">Refresh</a>") && shown.contains(">done</span>"), "{shown}");
    // the journal has the same, and neither has what lets somebody in
    let journal = machine.sh("journalctl -q -o cat")?;
    let id = entry["task"].as_str().context("no task")?;
    let end = format!("end-of-task by=administrator about={id} result=ok");
    assert!(journal.contains("start refresh by=administrator/") && journal.contains(&end), "{journal}");
    let kept = machine.sh("cat /var/lib/appliance-broker/audit.jsonl")?;
    for secret in [csrf, &client.session()?] {
        assert!(!journal.contains(secret) && !kept.contains(secret), "{secret} was written down");
    }
    Ok(())
}

/// What systemd-analyze(1) says of a unit: 0 is shut off from everything, 10 from nothing.
fn exposure(machine: &Machine, unit: &str) -> Result<f64> {
    let text = machine.program("systemd-analyze").args(["security", "--no-pager", unit]).run()?.text();
    let level = text.lines().find_map(|l| l.split_once("exposure level for")?.1.split_whitespace().nth(1));
    Ok(level.with_context(|| format!("no level:\n{text}"))?.parse()?)
}

/// Kilobytes of memory that all processes of the page and its broker take, shared pages divided.
fn memory(machine: &Machine) -> Result<u64> {
    let sum = "for p in $(pgrep -f '^/usr/(bin|lib)/appliance-control'); do cat /proc/$p/smaps_rollup; done | awk '/^Pss:/ { s += $2 } END { print s + 0 }'";
    Ok(machine.sh(sum)?.trim().parse()?)
}

#[test]
fn it_takes_little_memory_and_is_gone_when_nobody_is_connected() -> Result<()> {
    let (_lab, machine, client) = signed_in("small")?;
    for path in ["/", "/updates", "/packages", "/tasks", "/power"] {
        client.get(&url(&machine, path))?.ok()?;
    }
    for (unit, most) in [("appliance-control.service", 1.5), ("appliance-broker.service", 2.4)] {
        let level = exposure(&machine, unit)?;
        assert!(level <= most, "{unit}: {level}; docs/threat-model.md says why it is {most}");
    }
    let kilobytes = memory(&machine)?;
    println!("signed in, all processes: {kilobytes} kB");
    assert!(kilobytes > 1000, "no process was found");
    assert!(kilobytes <= 15 * 1024, "{kilobytes} kB");
    assert!(
        wait_until(Duration::from_secs(60), || memory(&machine).is_ok_and(|kilobytes| kilobytes == 0)),
        "still running: {}",
        machine.sh("pgrep -af '^/usr/(bin|lib)/appliance-control'")?
    );
    // and back as soon as somebody asks, still signed in
    assert!(client.get(&url(&machine, "/"))?.ok()?.body.contains("Sign out"));
    Ok(())
}

#[test]
fn a_task_outlives_the_page_and_the_broker() -> Result<()> {
    let (_lab, machine, client) = signed_in("killed")?;
    let csrf = client.get(&url(&machine, "/updates"))?.ok()?.field("csrf")?;
    // apt waits for us, so the task runs as long as this test wants
    machine.sh("mkfifo /root/hold; printf 'APT::Update::Pre-Invoke {\"echo held; cat /root/hold\";};' > /etc/apt/apt.conf.d/99hold")?;
    let task = client.post(&url(&machine, "/updates/refresh"), &[("csrf", &csrf)])?.ok()?;
    assert!(task.url.contains("/tasks/"), "{}", task.url);
    let held = || machine.shell("pgrep -f 'cat /root/hold'").is_ok_and(|o| o.success());
    assert!(wait_until(Duration::from_secs(30), held), "the task did not start apt");
    machine.sh("systemctl kill --signal KILL appliance-control.service appliance-broker.service")?;

    let back = client.get(&task.url)?.ok()?;
    assert!(back.body.contains("data-state=\"running\""), "{}", back.body);
    machine.sh("echo > /root/hold")?;
    let ended = || client.get(&task.url).is_ok_and(|page| page.body.contains("data-state=\"ok\""));
    assert!(wait_until(Duration::from_secs(60), ended), "{}", client.get(&task.url)?.body);
    assert!(client.get(&format!("{}/log", task.url))?.ok()?.body.contains("held"));
    Ok(())
}

#[test]
fn a_task_that_is_killed_has_a_result() -> Result<()> {
    let (_lab, machine, client) = signed_in("killed")?;
    let csrf = client.get(&url(&machine, "/updates"))?.ok()?.field("csrf")?;
    machine.sh("mkfifo /root/hold; printf 'APT::Update::Pre-Invoke {\"cat /root/hold\";};' > /etc/apt/apt.conf.d/99hold")?;
    let task = client.post(&url(&machine, "/updates/refresh"), &[("csrf", &csrf)])?.ok()?;
    let held = || machine.shell("pgrep -f 'cat /root/hold'").is_ok_and(|o| o.success());
    assert!(wait_until(Duration::from_secs(30), held), "the task did not start apt");
    machine.sh("systemctl kill --signal KILL 'appliance-task-*.service'")?;
    let ended = || client.get(&task.url).is_ok_and(|page| page.body.contains("data-state=\"failed\""));
    assert!(wait_until(Duration::from_secs(30), ended), "{}", client.get(&task.url)?.body);

    // the next one is not kept from starting
    machine.sh("rm /etc/apt/apt.conf.d/99hold")?;
    let next = client.post(&url(&machine, "/updates/refresh"), &[("csrf", &csrf)])?.ok()?;
    let ended = || client.get(&next.url).is_ok_and(|page| page.body.contains("data-state=\"ok\""));
    assert!(wait_until(Duration::from_secs(60), ended), "{}", client.get(&next.url)?.body);
    Ok(())
}

#[test]
fn services_are_seen_and_handled_and_the_log_goes_on_by_itself() -> Result<()> {
    let (_lab, machine, client) = signed_in("services")?;
    let unit = "[Unit]\nDescription=Says <b>what</b> it does\n[Service]\nExecStart=/bin/sh -c 'echo on the air; sleep infinity'\n\
                [Install]\nWantedBy=multi-user.target\n";
    std::fs::write(machine.root().join("etc/systemd/system/radio.service"), unit)?;
    std::fs::write(
        machine.root().join("etc/systemd/system/broken.service"),
        "[Service]\nExecStart=/bin/sh -c 'echo no aerial; exit 3'\nType=oneshot\n",
    )?;
    machine.sh("systemctl daemon-reload")?;
    let page = |path: &str| client.get(&url(&machine, path))?.ok();
    assert!(page("/services?q=radio")?.body.contains("stopped"));
    assert_eq!(client.get(&url(&machine, "/services/none.service"))?.status, 404);

    let csrf = page("/services/radio.service")?.field("csrf")?;
    let done = |unit: &str, verb: &str, state: &str| -> Result<String> {
        let path = url(&machine, &format!("/services/{unit}/{verb}"));
        let task = client.post(&path, &[("csrf", &csrf)])?.ok()?;
        let shown = || client.get(&task.url).map(|page| page.body).unwrap_or_default();
        let state = format!("data-state=\"{state}\"");
        anyhow::ensure!(wait_until(Duration::from_secs(30), || shown().contains(&state)), "{}", shown());
        Ok(shown())
    };
    done("radio.service", "enable", "ok")?;
    machine.sh("systemctl is-enabled radio && systemctl is-active radio")?;
    let shown = page("/services/radio.service")?.body;
    assert!(shown.contains("on the air") && !shown.contains("<b>what"), "{shown}");
    assert!(done("broken.service", "start", "failed")?.contains("no aerial"));
    done("radio.service", "disable", "ok")?;
    machine.sh("! systemctl is-enabled radio && ! systemctl is-active radio")?;
    let own = url(&machine, "/services/appliance-control.service/stop");
    assert_eq!(client.post(&own, &[("csrf", &csrf)])?.status, 400);

    the_same_by_command_line(&machine)?;
    let browser = Browser::start(390, 844, true)?;
    sign_in(&machine, &browser)?;
    browser.open(&url(&machine, "/log?unit=radio"))?;
    browser.wait_for_text("on the air", Duration::from_secs(10))?;
    browser.click("#follow")?;
    machine.sh("systemctl start radio; logger -t elsewhere not for this page")?;
    machine.sh("echo 'and <i>again' | systemd-cat -t radio; systemctl restart radio")?;
    let twice = || browser.text().is_ok_and(|text| text.matches("on the air").count() >= 3);
    assert!(wait_until(Duration::from_secs(20), twice), "{}", browser.text()?);
    assert!(!browser.text()?.contains("not for this page"));
    // what is written down of it is not what it reads next
    browser.open(&url(&machine, "/log"))?;
    browser.click("#follow")?;
    let said = || machine.sh("journalctl -q -o cat -u appliance-broker | grep -c journal || true");
    let before = said()?;
    machine.sh("logger -t elsewhere the first; sleep 7; logger -t elsewhere the last")?;
    browser.wait_for_text("the last", Duration::from_secs(10))?;
    assert_eq!(said()?, before);
    Ok(())
}

fn the_same_by_command_line(machine: &Machine) -> Result<()> {
    machine.sh("appliance-control service restart radio && systemctl is-active radio")?;
    machine.sh("appliance-control service stop radio.service && ! systemctl is-active radio")?;
    assert!(!machine.shell("appliance-control service start broken")?.success());
    assert_eq!(machine.shell("appliance-control service stop appliance-broker")?.status.code(), Some(2));
    assert_eq!(machine.shell("appliance-control service stop '*'")?.status.code(), Some(2));
    let shown: serde_json::Value =
        serde_json::from_str(&machine.sh("appliance-control --json service show broken || true")?)?;
    assert_eq!((shown["active"].as_str(), shown["result"].as_str()), (Some("failed"), Some("exit-code")));
    let log = machine.sh("appliance-control log --unit broken --grep 'NO AERIAL'")?;
    assert_eq!(log.lines().count(), 2, "{log}");
    assert_eq!(machine.sh("appliance-control log --grep '.*nowhere[' --json")?.trim(), "[]");
    // it goes on until it is stopped, with one line of JSON for each entry
    let followed = machine
        .sh("timeout 6 appliance-control --json log --unit radio --follow > /root/followed & sleep 2; \
         systemctl start radio; wait; tail -n 1 /root/followed")?;
    assert!(serde_json::from_str::<serde_json::Value>(&followed)?["cursor"].is_string(), "{followed}");
    machine.sh("grep -c 'on the air' /root/followed | grep -qx 3")?;
    Ok(())
}
