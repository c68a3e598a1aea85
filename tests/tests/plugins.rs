//! Plugins on a booted machine: they come and go with apt, look at live data, do things in a sandbox, and harm nothing but their own task.
//!
//! `VAT_TRANSFER_MIB` is the size of the files that go up and down, 192 MiB when not given.

use anyhow::{Context, Result, anyhow, ensure};
use exec::Program;
use scenarios::{
    client::{Client, sign_in_link},
    definitions, guide, lab, machine,
    page::{sign_in, url, watch},
    radio::{action, actions, manifest, package},
};
use serde_json::{Value, json};
use std::{fs, path::Path, thread, time::Duration};
use testbed::{Machine, browser::Browser, machine::wait_until};

/// Within what the page has to show a change; it asks every few seconds.
const SOON: Duration = Duration::from_secs(60);

fn set_up(machine: &Machine) -> Result<()> {
    scenarios::apt(machine, &["install", "appliance-control", "python3"])?;
    machine.sh("mkdir -p /srv/radio /var/lib/appliances/radio/secrets && chown nobody /srv/radio && echo 'rock jazz' > /srv/radio/choices \
        && chmod 0700 /var/lib/appliances /var/lib/appliances/radio && echo hunter22 > /var/lib/appliances/radio/secrets/key \
        && chmod 0600 /var/lib/appliances/radio/secrets/key && mkdir -p /etc/ssh && touch /etc/ssh/key")?;
    let unit = "[Service]\nExecStart=/bin/sh -c 'echo on the air; sleep infinity'\n";
    fs::write(machine.root().join("etc/systemd/system/radio.service"), unit)?;
    machine.sh("systemctl daemon-reload && systemctl start radio && systemd-run --unit=victim bash -c 'exec -a victim sleep infinity' \
        && systemctl show -p MainPID --value victim > /run/victim.pid && systemd-run --unit=listens python3 -c \
        'import socket; s=socket.socket(); s.bind((\"127.0.0.1\",8099)); s.listen(); s.accept()'")?;
    Ok(())
}

/// Starts an action by command line; its events as JSON, and whether it was done.
fn act(machine: &Machine, name: &str, set: &[&str]) -> Result<(String, bool)> {
    let mut command = vec!["appliance-control", "--json", "action", "radio", name];
    set.iter().for_each(|pair| command.extend(["--set", pair]));
    let output = machine.program(command[0]).args(&command[1..]).output()?;
    Ok((output.text() + &String::from_utf8_lossy(&output.stderr), output.success()))
}

/// What the probe could do.
fn probed(machine: &Machine, name: &str) -> Result<Vec<String>> {
    let (said, done) = act(machine, name, &[])?;
    ensure!(done, "{said}");
    let events = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let table = events.into_iter().find(|e| e["event"] == "table").context("no table")?;
    let rows = table["rows"].as_array().cloned().unwrap_or_default();
    Ok(rows.iter().filter_map(|r| r[0].as_str().map(str::to_owned)).collect())
}

#[test]
fn plugins_come_and_go_look_and_act_and_stay_in_their_sandbox() -> Result<()> {
    let (dist, lab) = lab()?;
    let folder = tempfile::tempdir()?;
    let definition = guide::definition(&dist, folder.path())?;
    lab.http().serve_folder(&definitions::repository_with(&dist, folder.path(), &definition)?);
    let machine = machine(&lab, &dist, "plugins", "trixie")?;
    set_up(&machine)?;
    let client = Client::new()?;
    client.post(&sign_in_link(&machine)?, &[])?.ok()?;
    let browser = Browser::start(1280, 900, false)?;
    sign_in(&machine, &browser)?;

    they_come_and_go_with_apt(&machine, &client, &browser)?;
    live_data_is_paged_and_bounded(&machine, &client)?;
    a_form_a_table_a_file_and_a_secret(&machine, &browser)?;
    the_sandbox_from_inside(&machine)?;
    what_is_bad_harms_its_own_task_only(&machine, &client)?;
    big_files_go_up_and_down_in_little_memory(&machine, &client)?;
    an_upgrade_that_asks_for_more_waits(&machine, &client)?;
    one_is_removed_while_its_action_runs(&machine, &client)?;
    the_plugin_of_the_guide_works_in_an_installed_appliance(&machine, &client)?;
    Ok(())
}

fn they_come_and_go_with_apt(machine: &Machine, client: &Client, browser: &Browser) -> Result<()> {
    // one page, which stays open all the while
    browser.open(&url(machine, "/"))?;
    assert!(!browser.text()?.contains("The radio"));
    let page = machine.sh("systemctl show -p MainPID --value appliance-control.service")?;
    package(machine, "radio", "1.0", &manifest("radio", "1.0", actions()))?;
    package(machine, "second", "1.0", &manifest("second", "1.0", vec![]))?;
    browser.wait_for_text("The radio", SOON)?;
    browser.wait_for_text("The second", SOON)?;
    machine.run(&["dpkg", "-r", "appliance-control-second"])?;
    let gone = || browser.text().is_ok_and(|text| !text.contains("The second") && text.contains("The radio"));
    assert!(wait_until(SOON, gone), "{}", browser.text()?);
    assert_eq!(
        machine.sh("systemctl show -p MainPID --value appliance-control.service")?,
        page,
        "nothing was restarted"
    );
    let missing = || client.get(&url(machine, "/plugins/second")).is_ok_and(|answer| answer.status == 404);
    assert!(wait_until(SOON, missing));
    // one that is broken does no harm to the others
    fs::write(machine.root().join("usr/share/appliance-control/plugins/broken.json"), "{")?;
    assert!(!machine.shell("appliance-control plugin list")?.success());
    fs::remove_file(machine.root().join("usr/share/appliance-control/plugins/broken.json"))?;
    machine.sh("appliance-control plugin list")?;
    Ok(())
}

fn live_data_is_paged_and_bounded(machine: &Machine, client: &Client) -> Result<()> {
    let page = client.get(&url(machine, "/plugins/radio"))?.ok()?.body;
    assert!(page.contains("Stations") && page.contains("Frequency") && !page.contains("<b>bold"), "{page}");
    assert!(
        page.contains("write to /srv/radio, as nobody") && page.contains("/services/radio.service"),
        "{page}"
    );
    let data = |path: &str| -> Result<Value> {
        let answer = client.ask(&["--header", "Accept: application/json", &url(machine, path)])?;
        Ok(serde_json::from_str(&answer.body)?)
    };
    let second = data("/plugins/radio/data/stations?page=2")?;
    assert_eq!(
        (&second["tables"][0]["rows"][0][0], &second["tables"][0]["total"]),
        (&json!("station-50"), &json!(500))
    );
    assert_eq!(data("/plugins/radio/data/stations?q=station-499")?["tables"][0]["total"], 1);
    assert!(data("/plugins/radio/data/hang")?["message"].as_str().is_some_and(|m| m.contains("2 s")));
    assert!(data("/plugins/radio/data/flood")?["message"].as_str().is_some_and(|m| m.contains("MiB")));
    let tasks = machine.sh("appliance-control task list --json")?;
    assert_eq!(tasks.trim(), "[]", "a query leaves no task");
    assert_eq!(machine.sh("ls /run/appliance-broker/queries | wc -l")?.trim(), "0");
    machine.sh("appliance-control plugin query radio numbers | grep 'Stations'")?;
    Ok(())
}

fn a_form_a_table_a_file_and_a_secret(machine: &Machine, browser: &Browser) -> Result<()> {
    browser.open(&url(machine, "/plugins/radio/tune"))?;
    assert!(browser.text()?.contains("Station jazz"));
    // without the box nothing starts, and what was typed is still there
    browser.fill("textarea", "two\nlines")?;
    browser.click("form[action$=tune] button")?;
    browser.wait_for_text("Nothing was started", SOON)?;
    assert_eq!(browser.script("return document.querySelector('textarea').value")?, "two\nlines");
    browser.script("const s = document.querySelector('select'); s.value = 'jazz'; return 1")?;
    browser.click("input[name='p.bands=fm']")?;
    browser.click("input[name=confirm]")?;
    let before = machine.sh("systemctl show -p MainPID --value radio")?;
    browser.click("form[action$=tune] button")?;
    watch(browser, "radio.service was restarted")?;
    assert_ne!(machine.sh("systemctl show -p MainPID --value radio")?, before);
    let text = browser.text()?;
    for part in [
        "\"station\": \"jazz\"",
        "\"bands\": \"fm\"",
        "two\\nlines",
        "line two",
        "log.txt",
        "A secret was made",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("correct-horse"), "{text}");
    let address = browser.url()?;
    browser.click_text("Show")?;
    browser.wait_for_text("correct-horse-battery", SOON)?;
    browser.open(&address)?;
    assert!(!browser.text()?.contains("A secret was made"));
    machine.sh("! grep -rl correct-horse /var/lib/appliance-broker /run/appliance-broker /var/log/journal /run/log/journal 2>/dev/null")?;
    // what can be chosen is asked for again
    machine.sh("echo rock > /srv/radio/choices")?;
    let (said, done) = act(machine, "tune", &["station=jazz"])?;
    assert!(!done && said.contains("one of rock"), "{said}");
    Ok(())
}

fn the_sandbox_from_inside(machine: &Machine) -> Result<()> {
    assert_eq!(probed(machine, "probe")?, ["write-own"]);
    assert_eq!(probed(machine, "probe-root")?, ["write-own"]);
    assert_eq!(probed(machine, "probe-given")?, ["read-own-secret", "read-ssh", "write-own", "network"]);
    assert!(!machine.root().join("etc/probe").exists());
    Ok(())
}

fn what_is_bad_harms_its_own_task_only(machine: &Machine, client: &Client) -> Result<()> {
    let (said, done) = act(machine, "garbage", &[])?;
    assert!(
        !done && said.contains("line 1 of its output is no JSON") && !said.contains("\\u001b[2J"),
        "{said}"
    );
    let (said, done) = act(machine, "elsewhere", &[])?;
    assert!(!done && said.contains("does not name cron.service"), "{said}");
    // root in its own folder: nothing is given away by a link, and nobody waits for a pipe
    act(machine, "spoil", &[])?;
    let tasks: Value = serde_json::from_str(&machine.sh("appliance-control --json task list")?)?;
    let spoilt = tasks[0]["id"].as_str().with_context(|| format!("no task: {tasks}"))?;
    assert!(wait_until(SOON, || client
        .get(&url(machine, &format!("/tasks/{spoilt}")))
        .is_ok_and(|page| page.body.contains("data-state=\"failed\""))));
    assert_eq!(client.get(&url(machine, &format!("/tasks/{spoilt}/artifacts/passwd")))?.status, 404);
    // two at the same moment: one of them is told of the other
    let csrf = client.get(&url(machine, "/plugins/radio"))?.ok()?.field("csrf")?;
    let fields = [("csrf", csrf.as_str())];
    let slow = url(machine, "/plugins/radio/slow");
    let start = || client.post(&slow, &fields);
    let (first, second) = thread::scope(|scope| {
        let other = scope.spawn(start);
        (start(), other.join())
    });
    let second = second.map_err(|_| anyhow!("the second has panicked"))?;
    let (task, refused) = match (first?, second?) {
        (first, second) if first.status == 200 => (first, second),
        (first, second) => (second, first),
    };
    ensure!(task.status == 200, "{} {}", task.status, task.body);
    assert!(refused.status == 422 && refused.body.contains("still running"), "{}", refused.body);
    let unit = format!("appliance-task-{}.service", id_of(&task.url));
    assert_eq!(machine.sh(&format!("systemctl show -p MemoryMax --value {unit}"))?.trim(), "67108864");
    client.post(&format!("{}/cancel", task.url), &fields)?.ok()?;
    let stopped = || client.get(&task.url).is_ok_and(|page| page.body.contains("data-state=\"cancelled\""));
    assert!(wait_until(SOON, stopped));
    assert!(client.get(&url(machine, "/plugins/radio"))?.status == 200);
    Ok(())
}

/// The most memory that page, broker and the task's own process have had, in MiB: VmHWM of proc_pid_status(5).
fn peak(machine: &Machine, task: &str) -> Result<[u64; 3]> {
    let mut peaks = [0; 3];
    let task = format!("appliance-task-{task}.service");
    for (peak, unit) in peaks.iter_mut().zip(["appliance-control.service", "appliance-broker.service", &task])
    {
        let look =
            format!("awk '/^VmHWM/ {{ print $2 }}' /proc/$(systemctl show -p MainPID --value {unit})/status");
        *peak = machine.sh(&look)?.trim().parse::<u64>()? >> 10;
    }
    Ok(peaks)
}

/// Lets the action go on that waits, and waits for its end.
fn finish(machine: &Machine, client: &Client, task: &str) -> Result<()> {
    machine.sh("touch /srv/radio/go")?;
    let ended = || client.get(task).is_ok_and(|page| page.body.contains("data-state=\"ok\""));
    ensure!(wait_until(SOON, ended), "{}", client.get(task)?.body);
    machine.sh("rm /srv/radio/go").map(drop)
}

fn id_of(task: &str) -> &str {
    task.rsplit('/').next().unwrap_or_default()
}

fn big_files_go_up_and_down_in_little_memory(machine: &Machine, client: &Client) -> Result<()> {
    let mib: u64 = std::env::var("VAT_TRANSFER_MIB").ok().map_or(Ok(192), |mib| mib.parse())?;
    let limit = Duration::from_secs(120 + mib);
    let csrf = client.get(&url(machine, "/plugins/radio"))?.ok()?.field("csrf")?;
    // something small first: what it takes to do it at all
    let small =
        client.post(&url(machine, "/plugins/radio/send"), &[("csrf", &csrf), ("p.mib", "1")])?.ok()?.url;
    let sums = |task: &str| -> Result<Vec<String>> {
        let log = client.get(&format!("{task}/log"))?.ok()?.body;
        let is_sum = |word: &&str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
        Ok(log.split_whitespace().filter(is_sum).map(str::to_owned).collect())
    };
    let has_sum = |task: &str| wait_until(limit, || sums(task).is_ok_and(|sums| !sums.is_empty()));
    assert!(has_sum(&small));
    let before = peak(machine, id_of(&small))?;
    finish(machine, client, &small)?;

    let fields = [("csrf", csrf.as_str()), ("p.mib", &mib.to_string())];
    let sent = client.post(&url(machine, "/plugins/radio/send"), &fields)?.ok()?.url;
    assert!(has_sum(&sent), "{}", client.get(&sent)?.body);
    let making = peak(machine, id_of(&sent))?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("recording");
    let name = file.to_str().context("no path")?;
    let patience = limit.as_secs().to_string();
    let address = format!("{sent}/artifacts/recording");
    assert_eq!(client.ask(&["--max-time", &patience, "--output", name, &address])?.status, 200);
    assert_eq!(fs::metadata(&file)?.len(), mib << 20);
    let sum = Program::new("sha256sum").arg(&file).timeout(limit).run()?.text();
    assert!(sums(&sent)?.iter().any(|s| sum.starts_with(s)), "{sum}");
    let down = peak(machine, id_of(&sent))?;
    finish(machine, client, &sent)?;

    let target = url(machine, "/plugins/radio/receive");
    let origin = format!("Origin: {}", url(machine, ""));
    let (proof, upload) = (format!("csrf={csrf}"), format!("p.recording=@{name}"));
    let form = ["--max-time", &patience, "--header", &origin, "--form", &proof, "--form", &upload, &target];
    let received = client.ask(&form)?.ok()?.url;
    assert!(has_sum(&received), "{}", client.get(&received)?.body);
    assert!(sums(&received)?.iter().any(|s| sum.starts_with(s)), "{sum}");
    let up = peak(machine, id_of(&received))?;
    finish(machine, client, &received)?;
    println!(
        "{mib} MiB; peaks of page, broker and task in MiB: before {before:?}, made {making:?}, down {down:?}, up {up:?}"
    );
    for (peaks, before) in [making, down, up].iter().flat_map(|p| p.iter().zip(&before)) {
        assert!(*peaks < before + 15, "{before} MiB have become {peaks}");
    }

    // one that breaks off starts nothing, and is gone when the next one comes
    let tasks = || machine.sh("ls /var/lib/appliance-broker/tasks | wc -l");
    let before = tasks()?;
    assert!(client.ask(&[&["--limit-rate", "1M", "--max-time", "3"], &form[2..]].concat()).is_err());
    assert_eq!(tasks()?, before);
    fs::write(&file, "x")?;
    let clean = || -> Result<bool> {
        let next = client.ask(&form)?.ok()?.url;
        let left = machine.sh("ls -A /var/lib/appliance-broker/uploads")?;
        finish(machine, client, &next)?;
        Ok(left.trim().is_empty())
    };
    assert!(wait_until(SOON, || clean().unwrap_or(false)));
    Ok(())
}

fn an_upgrade_that_asks_for_more_waits(machine: &Machine, client: &Client) -> Result<()> {
    let mut more = actions();
    more.push(action("shout", json!({ "network": true, "run": "radio" })));
    package(machine, "radio", "1.1", &manifest("radio", "1.1", more))?;
    let shown = || client.get(&url(machine, "/plugins/radio")).map(|page| page.body).unwrap_or_default();
    assert!(wait_until(SOON, || shown().contains("asks for more than before")), "{}", shown());
    assert!(shown().contains("use the network, as nobody"));
    let (said, done) = act(machine, "probe", &[])?;
    assert!(!done && said.contains("An administrator has to agree first"), "{said}");
    let page = client.get(&url(machine, "/plugins/radio"))?.ok()?;
    let asked = page.field("asked")?.replace("&#34;", "\"").replace("&quot;", "\"");
    client.post(&url(machine, "/agree/radio"), &[("csrf", &page.field("csrf")?), ("asked", &asked)])?.ok()?;
    assert!(!shown().contains("asks for more than before"));
    assert!(act(machine, "probe", &[])?.1);
    Ok(())
}

fn one_is_removed_while_its_action_runs(machine: &Machine, client: &Client) -> Result<()> {
    let csrf = client.get(&url(machine, "/plugins/radio"))?.ok()?.field("csrf")?;
    let task = client.post(&url(machine, "/plugins/radio/slow"), &[("csrf", &csrf)])?.ok()?;
    let running = || client.get(&task.url).is_ok_and(|page| page.body.contains("data-state=\"running\""));
    assert!(wait_until(SOON, running));
    machine.run(&["dpkg", "-r", "appliance-control-radio"])?;
    machine.sh("touch /srv/radio/go")?;
    let ended = || client.get(&task.url).is_ok_and(|page| page.body.contains("data-state=\"ok\""));
    assert!(wait_until(SOON, ended), "{}", client.get(&task.url)?.body);
    let gone = || client.get(&url(machine, "/plugins/radio")).is_ok_and(|answer| answer.status == 404);
    assert!(wait_until(SOON, gone));
    assert!(Path::new(&machine.root().join("srv/radio")).exists());
    Ok(())
}

fn the_plugin_of_the_guide_works_in_an_installed_appliance(machine: &Machine, client: &Client) -> Result<()> {
    scenarios::apt(machine, &["install", "recipes-appliance", "curl"])?;
    let checked = machine.sh("appliance-control plugin check recipes")?;
    for tried in [
        "query pages",
        "query disk",
        "action count-words, killed in the middle and started again",
        "action make-key",
    ] {
        assert!(checked.contains(tried), "{checked}");
    }
    machine.sh("appliance-control action recipes add-page --set name=soup --set text='Hot & good'")?;
    assert!(machine.sh("curl -fsS http://127.0.0.1/soup.html")?.contains("Hot &amp; good"));
    let (said, done) = {
        let output =
            machine.shell("appliance-control action recipes add-page --set name=soup --set text=again")?;
        (output.text() + &String::from_utf8_lossy(&output.stderr), output.success())
    };
    assert!(!done && said.contains("There is a page soup already."), "{said}");
    let key = machine.sh("appliance-control plugin run recipes make-key")?;
    assert!(key.lines().any(|line| line.starts_with("The key: ") && line.len() == 9 + 32), "{key}");
    let shown = || client.get(&url(machine, "/plugins/recipes")).map(|page| page.body).unwrap_or_default();
    // the page lists it within seconds
    assert!(wait_until(SOON, || shown().contains("soup.html")), "{}", shown());
    Ok(())
}
