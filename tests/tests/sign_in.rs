//! Signing in with the machine's own accounts: through PAM as it is there, with a second factor that another program
//! computes, under attack, and with a certificate of one's own.

use anyhow::{Context, Result, ensure};
use scenarios::{
    apt,
    client::{Answer, Client, sign_in_link},
    lab, machine_with_tools,
    page::url,
};
use serde_json::Value;
use std::{fs, time::Duration};
use testbed::{Machine, browser::Browser, machine::wait_until};

const ADAS: &str = "correct horse battery staple";
const BOBS: &str = "Tr0ub4dor&3";
/// What a console shows above its login prompt.
const CONSOLE: &str = "script --quiet --return --command 'agetty --show-issue' /dev/null";
const JSON: &str = "Accept: application/json";

#[test]
fn accounts_of_the_machine_sign_in_and_nobody_else() -> Result<()> {
    let (dist, lab) = lab()?;
    let machine = machine_with_tools(&lab, &dist, "accounts")?;
    apt(&machine, &["install", "appliance-control", "curl", "oathtool", "openssl"])?;
    machine.sh("useradd --create-home --shell /bin/bash --groups sudo ada; useradd --shell /bin/bash bob")?;
    for (name, password) in [("ada", ADAS), ("bob", BOBS), ("root", ADAS)] {
        machine.program("chpasswd").stdin(format!("{name}:{password}\n")).run()?;
    }
    the_door_knows_who_may_come_in(&machine)?;
    an_administrator_lets_somebody_look(&machine)?;
    what_becomes_of_the_account_becomes_of_its_sessions(&machine)?;
    a_second_factor_cannot_be_passed_by(&machine)?;
    sessions_are_seen_and_ended(&machine)?;
    guessing_from_one_address_hits_nobody_elsewhere(&machine)?;
    a_module_that_crashes_harms_nobody(&machine)?;
    a_certificate_is_brought_and_told_of_on_the_console(&machine)?;
    no_password_was_written_down(&machine)
}

fn sign_in(machine: &Machine, client: &Client, name: &str, password: &str) -> Result<Answer> {
    client.post(&url(machine, "/sign-in"), &[("name", name), ("password", password)])
}

/// A client that is signed in.
fn signed_in(machine: &Machine, name: &str, password: &str) -> Result<Client> {
    let client = Client::new()?;
    let page = sign_in(machine, &client, name, password)?.ok()?;
    ensure!(page.body.contains(&format!("<b>{name}</b>")), "{}", page.body);
    Ok(client)
}

fn lives(machine: &Machine, client: &Client) -> Result<bool> {
    Ok(client.ask(&["--header", JSON, &url(machine, "/account")])?.status == 200)
}

fn post(machine: &Machine, client: &Client, path: &str, fields: &[(&str, &str)]) -> Result<Answer> {
    let csrf = client.get(&url(machine, "/account"))?.ok()?.field("csrf")?;
    let fields = [&[("csrf", csrf.as_str())], fields].concat();
    client.post(&url(machine, path), &fields)
}

fn the_door_knows_who_may_come_in(machine: &Machine) -> Result<()> {
    let client = Client::new()?;
    let browser = Browser::start(390, 844, true)?;
    browser.open(&url(machine, "/sign-in"))?;
    browser.fill("[name=name]", "ada")?;
    browser.fill("[name=password]", ADAS)?;
    browser.click_text("Sign in")?;
    browser.wait_for_text("Overview", Duration::from_secs(10))?;
    for (name, password) in [("ada", BOBS), ("root", ADAS), ("bob", BOBS), ("mallory", ADAS)] {
        let answer = sign_in(machine, &client, name, password)?;
        assert_eq!(answer.status, 401, "{name}: {}", answer.body);
        assert!(answer.body.contains("do not fit together"), "{name}");
    }
    let ada = signed_in(machine, "ada", ADAS)?;
    let account = ada.get(&url(machine, "/account"))?.ok()?.body;
    assert!(account.contains("curl") && account.contains("Chrome on Linux"), "{account}");
    Ok(())
}

fn an_administrator_lets_somebody_look(machine: &Machine) -> Result<()> {
    let ada = signed_in(machine, "ada", ADAS)?;
    let task = post(machine, &ada, "/account/viewers", &[("account", "bob"), ("may", "yes")])?.ok()?;
    let done = || ada.get(&task.url).is_ok_and(|page| page.body.contains("data-state=\"ok\""));
    assert!(wait_until(Duration::from_secs(30), done), "{}", ada.get(&task.url)?.body);
    assert!(machine.sh("id -nG bob")?.contains("appliance-viewers"));
    let bob = signed_in(machine, "bob", BOBS)?;
    assert_eq!(post(machine, &bob, "/updates/refresh", &[])?.status, 403);
    assert_eq!(post(machine, &bob, "/account/viewers", &[("account", "bob"), ("may", "yes")])?.status, 403);
    assert_eq!(bob.get(&url(machine, "/log"))?.status, 403);
    machine.sh("appliance-control account forbid bob")?;
    assert!(!lives(machine, &bob)?);
    machine.sh("appliance-control account allow bob")?;
    let list: Value = serde_json::from_str(&machine.sh("appliance-control account list --json")?)?;
    assert_eq!((&list[0]["role"], &list[1]["role"]), (&"administrator".into(), &"viewer".into()), "{list}");
    Ok(())
}

fn what_becomes_of_the_account_becomes_of_its_sessions(machine: &Machine) -> Result<()> {
    for (change, back) in [
        ("usermod --lock bob", "usermod --unlock bob"),
        ("chage --expiredate 2020-01-01 bob", "chage --expiredate -1 bob"),
        ("gpasswd --delete bob appliance-viewers", "gpasswd --add bob appliance-viewers"),
    ] {
        let bob = signed_in(machine, "bob", BOBS)?;
        machine.sh(change)?;
        assert!(!lives(machine, &bob)?, "{change}");
        assert_eq!(sign_in(machine, &bob, "bob", BOBS)?.status, 401, "{change}");
        machine.sh(back)?;
        assert!(!lives(machine, &bob)?, "it came back after {back}");
    }
    // what PAM's account management says
    for (change, back) in [
        ("usermod --shell /usr/sbin/nologin bob", "usermod --shell /bin/bash bob"),
        ("chage --lastday 0 bob", "chage --lastday 2026-01-01 bob"),
    ] {
        machine.sh(change)?;
        let answer = sign_in(machine, &Client::new()?, "bob", BOBS)?;
        assert_eq!(answer.status, 403, "{change}: {}", answer.body);
        machine.sh(back)?;
    }
    // both programs are replaced under it, as in an upgrade
    let bob = signed_in(machine, "bob", BOBS)?;
    machine.sh("systemctl restart appliance-control.service; systemctl restart appliance-broker.service")?;
    assert!(lives(machine, &bob)?);
    Ok(())
}

fn a_second_factor_cannot_be_passed_by(machine: &Machine) -> Result<()> {
    let ada = signed_in(machine, "ada", ADAS)?;
    let csrf = ada.get(&url(machine, "/account"))?.ok()?.field("csrf")?;
    let origin = format!("Origin: {}", url(machine, "").trim_end_matches('/'));
    let field = format!("csrf={csrf}");
    let begin = url(machine, "/account/codes");
    let begun = ada.ask(&["--header", JSON, "--header", &origin, "--data", &field, &begin])?.ok()?;
    let begun: Value = serde_json::from_str(&begun.body)?;
    let secret = begun["secret"].as_str().context("no secret")?.to_owned();
    let code = |when: &str| -> Result<String> {
        Ok(machine.run(&["oathtool", "--totp", "--base32", "--now", when, &secret])?.text().trim().to_owned())
    };
    let confirmed = post(machine, &ada, "/account/codes/confirm", &[("code", &code("now")?)])?.ok()?;
    let recovery = confirmed.body.split("<pre class=\"text\">").nth(1).context("no recovery codes")?;
    let recovery: Vec<&str> = recovery.split('<').next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(recovery.len(), 10, "{}", confirmed.body);

    let stranger = Client::new()?;
    let half = || -> Result<String> { sign_in(machine, &stranger, "ada", ADAS)?.ok()?.field("token") };
    let give = |token: &str, code: &str| {
        stranger.post(&url(machine, "/sign-in/code"), &[("token", token), ("code", code)])
    };
    let token = half()?;
    assert!(!lives(machine, &stranger)?);
    let cookie = format!("Cookie: __Host-appliance-session={token}");
    let answer = stranger.ask(&["--header", &cookie, "--header", JSON, &url(machine, "/account")])?;
    assert_eq!(answer.status, 401, "the password's token is no session");
    assert_eq!(give(&token, "000000")?.status, 401);
    // a code counts once, so this is the next one
    let good = code("30 seconds")?;
    assert!(give(&token, &good)?.ok()?.body.contains("Sign out"));
    // once: the code, the token, the recovery code
    assert_eq!(give(&half()?, &good)?.status, 401);
    assert!(give(&half()?, recovery[0])?.ok()?.body.contains("Sign out"));
    assert_eq!(give(&half()?, recovery[0])?.status, 401);

    let kept = machine.sh("cat /var/lib/appliance-broker/second-factors/ada.json; stat -c %a /var/lib/appliance-broker/second-factors/ada.json")?;
    assert!(kept.trim_end().ends_with("600") && !kept.contains(recovery[1]), "{kept}");
    machine.sh("appliance-control account reset-codes ada")?;
    signed_in(machine, "ada", ADAS)?;
    Ok(())
}

fn sessions_are_seen_and_ended(machine: &Machine) -> Result<()> {
    machine.sh("appliance-control session end --all")?;
    let (one, two, bob) = (
        signed_in(machine, "ada", ADAS)?,
        signed_in(machine, "ada", ADAS)?,
        signed_in(machine, "bob", BOBS)?,
    );
    let list: Value = serde_json::from_str(&machine.sh("appliance-control session list --json")?)?;
    let list = list.as_array().context("no list")?.clone();
    assert_eq!(list.len(), 3, "{list:?}");
    assert!(list.iter().all(|s| s["agent"] == "curl" && s["from"].as_str().is_some_and(|f| f.contains('.'))));
    assert_eq!(post(machine, &bob, "/account/sessions", &[("which", "others")])?.status, 403);
    let id = |name: &str| {
        let found = list.iter().find(|s| s["name"] == name);
        found.and_then(|s| s["id"].as_str()).unwrap_or_default().to_owned()
    };
    assert_eq!(
        post(machine, &bob, "/account/sessions", &[("which", "one"), ("id", &id("ada"))])?.status,
        404
    );
    post(machine, &two, "/account/sessions", &[("which", "own-others")])?.ok()?;
    assert!(!lives(machine, &one)? && lives(machine, &two)? && lives(machine, &bob)?);
    post(machine, &two, "/account/sessions", &[("which", "one"), ("id", &id("bob"))])?.ok()?;
    assert!(!lives(machine, &bob)?);
    machine.sh("appliance-control session end --account ada")?;
    assert!(!lives(machine, &two)?);
    Ok(())
}

fn guessing_from_one_address_hits_nobody_elsewhere(machine: &Machine) -> Result<()> {
    // the attacker is on the machine itself, at another address than this test
    let attack = |password: &str| -> Result<String> {
        let form = format!("name=ada&password={}", password.replace(' ', "+"));
        let curl = machine.program("curl").args(["--silent", "--insecure", "--output", "/dev/null"]);
        let curl = curl.args(["--write-out", "%{http_code}", "--data-binary", "@-"]).stdin(form);
        Ok(curl.arg("https://127.0.0.1:8080/sign-in").run()?.text())
    };
    let mut said = vec![];
    while said.last().is_none_or(|status| status == "401") && said.len() < 10 {
        said.push(attack(&format!("guess number {}", said.len()))?);
    }
    assert_eq!((said.len(), said.last().map(String::as_str)), (6, Some("429")), "{said:?}");
    assert_eq!(attack(ADAS)?, "429", "the right one is not looked at either");
    machine.sh("systemctl stop appliance-broker.service")?;
    assert_eq!(attack(ADAS)?, "429", "a broker that ends forgets nothing");
    signed_in(machine, "ada", ADAS)?;
    // a link is for whoever has it, from wherever
    let link = sign_in_link(machine)?;
    let path = link.split_once(":8080").context("no port")?.1;
    let redeem = format!(
        "curl --silent --insecure --output /dev/null --write-out '%{{http_code}}' --data '' https://127.0.0.1:8080{path}"
    );
    assert_eq!(machine.sh(&redeem)?, "303");
    Ok(())
}

fn a_module_that_crashes_harms_nobody(machine: &Machine) -> Result<()> {
    let service = machine.root().join("etc/pam.d/appliance-control");
    let before = fs::read_to_string(&service)?;
    fs::write(machine.root().join("usr/local/bin/crash"), "#!/bin/sh\nkill -SEGV $PPID\nsleep 5\n")?;
    machine.sh("chmod 755 /usr/local/bin/crash")?;
    fs::write(&service, format!("auth required pam_exec.so /usr/local/bin/crash\n{before}"))?;
    let ada = signed_in_by_link(machine)?;
    let answer = sign_in(machine, &Client::new()?, "ada", ADAS)?;
    assert_eq!(answer.status, 500, "{}", answer.body);
    assert!(answer.body.contains("appliance-control link"), "{}", answer.body);
    assert!(lives(machine, &ada)?);
    fs::write(&service, before)?;
    signed_in(machine, "ada", ADAS)?;
    Ok(())
}

fn signed_in_by_link(machine: &Machine) -> Result<Client> {
    let client = Client::new()?;
    client.post(&sign_in_link(machine)?, &[])?.ok()?;
    Ok(client)
}

fn a_certificate_is_brought_and_told_of_on_the_console(machine: &Machine) -> Result<()> {
    let shown = || -> Result<String> {
        let text = machine.sh("openssl s_client -connect 127.0.0.1:8080 < /dev/null 2> /dev/null | openssl x509 -noout -fingerprint -sha256")?;
        Ok(text.trim().split_once('=').context("no fingerprint")?.1.to_owned())
    };
    let console = |fingerprint: &str| {
        let (first, second) = fingerprint.split_at(48);
        wait_until(Duration::from_secs(20), || {
            let said = machine.sh(CONSOLE).unwrap_or_default();
            said.contains(first) && said.contains(second) && said.contains("https://")
        })
    };
    let made = shown()?;
    assert!(console(&made), "{}", machine.sh(CONSOLE)?);
    let said = machine.sh(CONSOLE)?;
    assert!(!said.contains("/link/"), "{said}");

    machine.sh("cd /root && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 5 -subj /CN=own -addext \"subjectAltName=DNS:$(hostname)\" 2> /dev/null")?;
    machine.sh("cd /root && openssl ecparam -name prime256v1 -genkey -noout -out other.pem")?;
    let set = "appliance-control certificate set --chain /root/cert.pem --key";
    assert_eq!(machine.shell(&format!("{set} /root/other.pem"))?.status.code(), Some(2));
    assert_eq!(shown()?, made, "a key that does not fit was taken");

    let administrator = signed_in_by_link(machine)?;
    let csrf = administrator.get(&url(machine, "/certificate"))?.ok()?.field("csrf")?;
    let root = machine.root();
    let (field, chain) = (format!("csrf={csrf}"), format!("chain=@{}", root.join("root/cert.pem").display()));
    let key = format!("key=@{}", root.join("root/key.pem").display());
    let origin = format!("Origin: {}", url(machine, "").trim_end_matches('/'));
    let form = ["--header", &origin, "--form", &field, "--form", &chain, "--form", &key];
    let to = url(machine, "/certificate");
    let page = administrator.ask(&[&form[..], &[to.as_str()]].concat())?.ok()?;
    assert!(page.body.contains("Your own") && page.body.contains("expires soon"), "{}", page.body);
    let own = shown()?;
    assert_ne!(own, made);
    let (first, second) = own.split_at(48);
    assert!(page.body.contains(first) && page.body.contains(second));
    assert!(console(&own), "{}", machine.sh(CONSOLE)?);
    assert!(
        administrator.get(&url(machine, "/"))?.ok()?.body.contains("certificate of this page expires in")
    );
    machine.sh("systemctl restart appliance-control.service")?;
    assert_eq!(shown()?, own);
    let kept = machine
        .sh("stat -c '%a %U' /var/lib/appliance-control/tls/own.pem; ls /var/lib/appliance-control/tls")?;
    assert!(kept.starts_with("600 appliance-control\n") && !kept.contains("previous"), "{kept}");

    machine.sh("appliance-control certificate reset")?;
    assert!(shown()? == made && console(&made));
    // root writes what the page reads
    machine.sh(&format!("{set} /root/key.pem || true"))?;
    assert!(
        shown()? == own
            && machine.sh("stat -c %U /var/lib/appliance-control/tls/own.pem")?.trim() == "appliance-control"
    );
    Ok(())
}

fn no_password_was_written_down(machine: &Machine) -> Result<()> {
    let journal = machine.sh("journalctl --no-pager --output=cat")?;
    for part in ["sign-in by=nobody about=ada", "about=another name", "result=sign-in", "change-certificate"]
    {
        assert!(journal.contains(part), "{part} is not in the journal");
    }
    for secret in [ADAS, BOBS, "guess number"] {
        assert!(!journal.contains(secret), "{secret:?} stands in the journal");
    }
    assert!(!journal.contains("about=mallory"), "a name that is none may be a password");
    let found = machine.shell("grep -rlF -e 'battery staple' -e 'Tr0ub4dor' /var/lib/appliance-broker /var/lib/appliance-control /var/log --exclude-dir=journal")?;
    assert_eq!(found.text(), "");
    Ok(())
}
