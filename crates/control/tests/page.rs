//! The pages over real TLS, with a fake broker behind them.

mod client;
mod fake;

use broker_protocol::{Verb, Work};
use client::{FORM, Page, cookie};
use events::{Kind, Status, Stream};
use fake::{ADMINISTRATOR, CSRF, DONE, LINK, REVISION, RUNNING, VIEWER};
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

#[test]
fn a_link_signs_in_once() {
    let page = Page::start();
    let door = page.request("GET", "/", &[], b"");
    assert_eq!(door.status, 401);
    assert!(door.text().contains("sudo appliance-control link"));
    let path = format!("/link/{LINK}");
    // looking does not use it up
    for _ in 0..2 {
        assert!(page.request("GET", &path, &[], b"").text().contains("<button"));
    }
    assert_eq!(page.request("POST", &path, &["Origin: https://evil.example"], b"").status, 403);
    let signed = page.request("POST", &path, &[], b"");
    assert_eq!((signed.status, signed.header("location")), (303, Some("/")));
    let cookie = signed.header("set-cookie").unwrap();
    assert_eq!(
        cookie,
        format!("__Host-appliance-session={ADMINISTRATOR}; Path=/; Secure; HttpOnly; SameSite=Strict")
    );
    assert!(page.request("POST", &path, &[], b"").text().contains("This link cannot be used"));
    assert_eq!(page.get("/", ADMINISTRATOR).status, 200);
    assert_eq!(page.post("/sign-out", ADMINISTRATOR, &format!("csrf={CSRF}")).status, 303);
    assert_eq!(page.get("/", ADMINISTRATOR).status, 401);
}

#[test]
fn plain_http_is_sent_to_tls() {
    let page = Page::start();
    for (host, expect) in [("wiki:8080", "308"), ("evil.example", "400")] {
        let mut stream = TcpStream::connect(page.address).unwrap();
        write!(stream, "GET /updates HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {expect}")), "{answer}");
        assert_eq!(answer.contains("Location: https://wiki:8080/updates\r\n"), expect == "308");
        assert!(!answer.contains("evil"));
    }
}

#[test]
fn requests_from_elsewhere_do_nothing() {
    let page = Page::start();
    let (host, session, good) =
        (format!("Host: {}", page.address), cookie(ADMINISTRATOR), format!("csrf={CSRF}"));
    let send = |headers: &[&str]| {
        let mut all = vec![session.as_str(), FORM];
        all.extend(headers);
        page.request("POST", "/updates/install", &all, good.as_bytes()).status
    };
    assert_eq!(send(&[&host, "Origin: https://evil.example"]), 403);
    assert_eq!(send(&[&host, "Origin: null"]), 403);
    assert_eq!(send(&[&host, "Sec-Fetch-Site: cross-site"]), 403);
    assert_eq!(send(&["Host: evil.example"]), 421);
    assert_eq!(send(&[&host, "Host: evil.example"]), 421);
    assert_eq!(send(&["Host: wiki.evil.example:8080"]), 421);
    assert!(page.fake.state(|s| s.started.is_empty()));
    assert_eq!(send(&["Host: wiki:8080", "Origin: https://wiki:8080", "Sec-Fetch-Site: same-origin"]), 303);
    assert_eq!(page.fake.state(|s| s.started.len()), 1);
    let big = "x".repeat(70 << 10);
    assert_eq!(page.post("/updates/install", ADMINISTRATOR, &big).status, 413);
}

#[test]
fn pages_are_small_and_their_text_harmless() {
    let page = Page::start();
    let tasks = format!("/tasks/{RUNNING}");
    let done = format!("/tasks/{DONE}");
    for path in [
        "/",
        "/updates",
        "/updates/plan?p=openssl&p=tzdata",
        "/updates/changes/openssl",
        "/updates/files",
        "/updates/history",
        "/updates/history/20261123-082011",
        "/updates/automatic",
        "/packages?q=apache",
        "/packages",
        "/tasks",
        &tasks,
        &done,
        "/power",
        "/power/restart",
        "/plugins/moinmoin",
        "/plugins/moinmoin/tune",
        "/plugins/moinmoin/data/users?page=2&q=ada",
        "/settings/moinmoin",
        "/services",
        "/services/apache2.service",
        "/account",
        "/certificate",
        "/log",
        "/audit",
        "/audit?who=ada&page=1",
        "/tasks?state=ok&kind=updates&q=install",
        "/machine",
        "/machine/charts",
        "/machine/charts?span=year",
        "/log?unit=apache2&priority=4&period=day&q=%3Cscript%3Ealert",
    ] {
        let reply = page.get(path, ADMINISTRATOR);
        let text = reply.text();
        assert_eq!(reply.status, 200, "{path}");
        for hostile in ["<script>alert", "<img src=x", "\u{1b}", "<b></h", "owned"] {
            assert!(!text.contains(hostile), "{path} holds {hostile:?}");
        }
        assert!(!text.contains(" style=") && !text.contains(" onclick="), "{path}: inline");
        let assets: Vec<&str> = text.split('"').filter(|p| p.starts_with("/static/")).collect();
        assert!(assets.len() <= 3, "{path}: {assets:?}");
        let mut bytes = reply.body.len() + reply.head.len();
        for asset in assets {
            let asset = page.request("GET", asset, &["Accept-Encoding: gzip"], b"");
            assert!(asset.header("cache-control").unwrap().contains("immutable"));
            bytes += asset.body.len() + asset.head.len();
        }
        assert!(bytes <= 40_000, "{path}: {bytes} bytes");
        for (name, part) in [
            ("content-security-policy", "default-src 'none'"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("referrer-policy", "same-origin"),
        ] {
            assert!(reply.header(name).is_some_and(|v| v.contains(part)), "{path}: {name}");
        }
    }
    let updates = page.get("/updates", VIEWER).text();
    assert!(updates.contains("Debian 13 security") && !updates.contains("stable-security"));
    assert!(page.get("/", VIEWER).text().contains("plugins/odd.json"));
    let door = page.request("GET", "/sign-in", &[], b"");
    assert!(door.body.len() < 10_000 && door.text().matches("/static/").count() <= 2);
}

#[test]
fn updates_are_chosen_and_files_decided() {
    let page = Page::start();
    let chosen = page.get("/updates/plan?p=openssl", VIEWER).text();
    assert!(chosen.contains("Install this update?") && !chosen.contains("tzdata"), "{chosen}");
    let updates = page.get("/updates", ADMINISTRATOR).text();
    for part in [
        "Security updates",
        "read last",
        "on hold",
        "postfix.service",
        "stays as you have it",
        "dbus.service",
    ] {
        assert!(updates.to_lowercase().contains(&part.to_lowercase()), "{part} is missing:\n{updates}");
    }
    assert!(!page.get("/updates", VIEWER).text().contains("/updates/install"), "a viewer is offered it");
    let post = |path: &str, form: &str| page.post(path, ADMINISTRATOR, &format!("csrf={CSRF}&{form}")).status;
    let started = || page.fake.state(|s| s.started.pop());
    assert_eq!(post("/updates/install", "p.openssl=yes&p.tzdata=yes&restart=yes"), 303);
    let packages = vec!["openssl".to_owned(), "tzdata".into()];
    assert_eq!(started(), Some(Work::Upgrade { packages, restart: true }));
    assert_eq!(post("/updates/install", ""), 303);
    assert_eq!(started(), Some(Work::Upgrade { packages: vec![], restart: false }));
    assert_eq!(post("/updates/download", ""), 303);
    assert_eq!(started(), Some(Work::Download { packages: vec![] }));

    // the path as it is, whatever the page shows of it
    let seen = "ab".repeat(32);
    let path: String = fake::KEPT.bytes().map(|b| format!("%{b:02X}")).collect();
    assert_eq!(post("/updates/files", &format!("path={path}&seen={seen}")), 400);
    assert_eq!(post("/updates/files", &format!("path={path}&seen={seen}&decision=adopt")), 303);
    assert_eq!(started(), Some(Work::DecideFile { path: fake::KEPT.into(), seen, adopt: true }));

    assert_eq!(post("/updates/automatic", "install=all&at=04%3A00&restart=05%3A00"), 303);
    let settings = broker_protocol::Automatic {
        install: broker_protocol::Which::All,
        at: "04:00".into(),
        restart: None,
    };
    assert_eq!(started(), Some(Work::Automatic { settings }));
    let history = |q: &str| page.get(&format!("/updates/history?q={q}"), VIEWER).text();
    assert!(history("automatic+openssl").contains("2 updated") && history("nginx").contains("Nothing fits"));
}

#[test]
fn the_same_as_json() {
    let page = Page::start();
    let get = |path: &str| {
        let reply = page.request("GET", path, &[&cookie(VIEWER), "Accept: application/json"], b"");
        assert_eq!(reply.header("content-type"), Some("application/json"), "{path}");
        serde_json::from_slice::<serde_json::Value>(&reply.body).unwrap()
    };
    assert_eq!(get("/")["appliances"][0]["name"], "moinmoin");
    assert!(get("/")["faulty_plugins"][0]["file"].as_str().unwrap().ends_with("odd.json"));
    assert_eq!(get("/updates")["updates"][0]["name"], "libssl3t64");
    assert_eq!(get(&format!("/tasks/{DONE}"))["status"], "ok");
    assert_eq!(get("/nothing")["error"], "Not found");
}

#[test]
fn events_come_live_and_resume() {
    let page = Page::start();
    let path = format!("/tasks/{RUNNING}/events");
    page.fake.say(RUNNING, Kind::Log { stream: Stream::Stdout, line: "second to last".into() });
    let mut live = page.send("GET", &path, &[&cookie(VIEWER)], b"");
    let mut seen = String::new();
    let mut chunk = [0; 4096];
    while !seen.contains("second to last") {
        let count = live.read(&mut chunk).unwrap();
        seen += &String::from_utf8_lossy(&chunk[..count]);
    }
    assert!(!seen.contains("\u{1b}") && !seen.contains("\\u001b"));
    let last = seen.rsplit("id: ").next().unwrap().lines().next().unwrap().to_owned();
    page.fake.say(RUNNING, Kind::Result { status: Status::Ok, message: "the end".into(), details: vec![] });
    let _ = live.read_to_string(&mut seen);
    assert!(seen.contains("the end"), "the connection ends after the result");
    for resumed in [
        page.request("GET", &path, &[&cookie(VIEWER), &format!("Last-Event-ID: {last}")], b""),
        page.get(&format!("{path}?from={last}"), VIEWER),
    ] {
        let text = resumed.text();
        assert!(text.contains("the end") && !text.contains("second to last"), "{text}");
    }
}

#[test]
fn who_signs_out_hears_no_more() {
    let page = Page::start();
    let path = format!("/tasks/{RUNNING}/events");
    let mut live = page.send("GET", &path, &[&cookie(ADMINISTRATOR)], b"");
    let mut others = page.send("GET", &path, &[&cookie(VIEWER)], b"");
    let until = |stream: &mut dyn Read, text: &str| {
        let (mut seen, mut chunk) = (String::new(), [0; 4096]);
        while !seen.contains(text) {
            let count = stream.read(&mut chunk).unwrap();
            assert!(count > 0, "the stream ended: {seen}");
            seen += &String::from_utf8_lossy(&chunk[..count]);
        }
    };
    until(&mut live, "id: ");
    assert_eq!(page.post("/sign-out", ADMINISTRATOR, &format!("csrf={CSRF}")).status, 303);
    until(&mut live, "event: signed-out");
    page.fake.say(RUNNING, Kind::Log { stream: Stream::Stdout, line: "said afterwards".into() });
    let mut rest = String::new();
    let _ = live.read_to_string(&mut rest);
    assert!(!rest.contains("said afterwards"), "{rest}");
    until(&mut others, "said afterwards");
}

#[test]
fn a_file_goes_straight_through() {
    let page = Page::start();
    let content = b"backup ".repeat(700_000);
    let form = |csrf: &str, content: &[u8]| {
        let part = |name: &str, value: &str| {
            format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let mut body = part("csrf", csrf) + &part("confirm", "yes");
        body += "--XX\r\nContent-Disposition: form-data; name=\"p.archive\"; filename=\"../../x\"\r\n\r\n";
        [body.as_bytes(), content, b"\r\n--XX--\r\n"].concat()
    };
    let send = |body: &[u8]| {
        let origin = format!("Origin: https://{}", page.address);
        let headers =
            [&cookie(ADMINISTRATOR), origin.as_str(), "Content-Type: multipart/form-data; boundary=XX"];
        page.request("POST", "/plugins/moinmoin/restore", &headers, body).status
    };
    assert_eq!(send(&form("wrong", b"x")), 403);
    assert_eq!(send(&form("", b"x")), 403);
    assert_eq!(page.fake.state(|s| s.uploads), 0, "nothing is stored before the proof");
    assert_eq!(send(&form(CSRF, &content)[..1_000_000]), 400);
    assert!(page.fake.state(|s| s.started.is_empty()), "half an upload starts nothing");
    let number = page.fake.state(|s| s.uploads);
    page.until("a browser that went away holds an upload", || !page.fake.is_held(number));
    assert_eq!(send(&form(CSRF, &content)), 303);
    let number = page.fake.state(|s| s.uploads);
    assert!(std::fs::read(page.fake.upload(number)).unwrap() == content);
    let started = page.fake.state(|s| format!("{:?}", s.started));
    assert!(started.contains(&format!("\"archive\": \"upload-{number}\"")), "{started}");
    assert!(page.fake.state(|s| s.held_at_start), "the broker drops what nobody holds");
    page.until("an upload that was used is held", || !page.fake.is_held(number));
}

#[test]
fn an_action_needs_its_confirmation() {
    let page = Page::start();
    let form = format!("csrf={CSRF}&p.archive=upload-1");
    let refused = page.post("/plugins/moinmoin/restore", ADMINISTRATOR, &form);
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("Nothing was started") && page.fake.state(|s| s.started.is_empty()));
    assert_eq!(page.post("/plugins/moinmoin/backup", ADMINISTRATOR, &format!("csrf={CSRF}")).status, 303);
}

/// The form as a browser sends it back, with some fields changed.
fn settings_form(changed: &[(&str, &str)]) -> String {
    let mut fields = vec![
        ("csrf", CSRF),
        ("revision", REVISION),
        ("q.wiki-name", "Ada\u{2019}s \"Wiki\" <b>"),
        ("q.admin-name", "admin"),
        ("q.admin-email", "admin@wiki.example.org"),
        ("q.admin-password", ""),
        ("q.colour", "green, light"),
        ("q.parts", ""),
        ("q.parts.0", "blog"),
        ("q.parts.2", "shop"),
        ("q.greeting", "Welcome,\r\n<script>alert(1)</script>\r\n"),
        ("q.wants-mail", "false"),
        ("q.relay", "mx.example.org"),
        ("q.port", "25"),
        ("q.token", ""),
    ];
    for (name, value) in changed {
        match fields.iter_mut().find(|(n, _)| n == name) {
            Some(field) => field.1 = value,
            None => fields.push((name, value)),
        }
    }
    let encode = |text: &str| text.bytes().map(|b| format!("%{b:02X}")).collect::<String>();
    fields.iter().map(|(n, v)| format!("{n}={}", encode(v))).collect::<Vec<_>>().join("&")
}

#[test]
fn services_and_the_log() {
    let page = Page::start();
    let list = page.get("/services", VIEWER).text();
    assert!(list.contains("services/bad%5Cx2dluck.service"));
    assert!(
        list.contains("1 service has failed.") && list.contains("(moinmoin)") && !list.contains("other-149")
    );
    let failed = page.get("/services?q=failed", VIEWER).text();
    assert!(failed.contains("bad\\x2dluck") && !failed.contains("apache2.service"));

    // one who only looks sees neither buttons nor the log
    let seen = page.get("/services/apache2.service", VIEWER).text();
    assert!(!seen.contains("/stop") && !seen.contains("Last words"));
    let seen = page.get("/services/apache2.service", ADMINISTRATOR).text();
    for part in ["apache2.service/restart", "apache2.service/disable", "Last words", "12 MB"] {
        assert!(seen.contains(part), "{part}");
    }
    assert!(!page.get("/services/appliance-control.service", ADMINISTRATOR).text().contains("/stop"));
    assert_eq!(page.get("/services/none.service", ADMINISTRATOR).status, 404);
    let path = "/services/apache2.service/restart";
    assert_eq!(page.post(path, ADMINISTRATOR, &format!("csrf={CSRF}")).status, 303);
    let work = Work::Service { unit: "apache2.service".into(), verb: Verb::Restart };
    assert_eq!(page.fake.state(|s| s.started.pop()), Some(work));
    let odd = page.post("/services/apache2.service/kill", ADMINISTRATOR, &format!("csrf={CSRF}"));
    assert_eq!(odd.status, 404);

    let log = page.get("/log?unit=apache2&priority=4&period=day&q=a%26b", ADMINISTRATOR).text();
    let asked = page.fake.state(|s| s.filter.clone());
    assert_eq!(
        (asked.unit.as_deref(), asked.priority, asked.text.as_deref()),
        (Some("apache2.service"), Some(4), Some("a&b"))
    );
    assert!(asked.since.is_some());
    assert!(
        log.contains("/log?unit=apache2&#38;priority=4&#38;period=day&#38;q=a%26b&#38;before=s%3D1%3Bi%3D39"),
        "{log}"
    );
    let after = "/log?after=s%3D1%3Bi%3D0";
    let reply = page.request("GET", after, &[&cookie(ADMINISTRATOR), "Accept: application/json"], b"");
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&reply.body).unwrap()[0]["cursor"], "s=1;i=0");
}

#[test]
fn the_machine_is_seen_and_set() {
    use broker_protocol::{Addresses, Power, Rubbish, When};
    let page = Page::start();
    let seen = page.get("/machine", ADMINISTRATOR).text();
    for part in
        ["wiki.example.org", "<option selected>Europe/Berlin", "1.2 GB", "name=\"interface\" value=\"eth0\""]
    {
        assert!(seen.contains(part), "{part} is missing:\n{seen}");
    }
    assert!(
        !seen.contains("value=\"wg0\"")
            && !page.get("/machine", VIEWER).text().contains("<form class=\"fields\"")
    );
    let post = |path: &str, form: &str| page.post(path, ADMINISTRATOR, &format!("csrf={CSRF}&{form}")).status;
    let started = || page.fake.state(|s| s.started.pop());
    let fixed = Addresses::Fixed {
        address: "192.0.2.8/24".into(),
        gateway: Some("192.0.2.1".into()),
        name_servers: vec!["192.0.2.53".into(), "2001:db8::53".into()],
    };
    for (path, form, work) in [
        ("name", "name=Wiki.Example.org", Work::HostName { name: "wiki.example.org".into() }),
        ("zone", "zone=Asia%2FKolkata", Work::TimeZone { zone: "Asia/Kolkata".into() }),
        ("clock", "synchronise=no", Work::Clock { synchronise: false }),
        ("clean", "what=journal", Work::Clean { what: Rubbish::Journal }),
        (
            "network",
            "interface=eth0&method=dhcp&address=",
            Work::Network { interface: "eth0".into(), addresses: Addresses::Dhcp, within: 90 },
        ),
        (
            "network",
            "interface=eth0&method=fixed&address=192.0.2.8/24&gateway=192.0.2.1&servers=192.0.2.53,%202001:db8::53",
            Work::Network { interface: "eth0".into(), addresses: fixed, within: 90 },
        ),
    ] {
        assert_eq!(post(&format!("/machine/{path}"), form), 303, "{path} {form}");
        assert_eq!(started(), Some(work));
    }
    for (path, form) in [
        ("clean", "what=all"),
        ("network", "interface=eth0"),
        ("network", "interface=eth0&method=fixed&address=me"),
    ] {
        assert_eq!(post(&format!("/machine/{path}"), form), 400, "{path} {form}");
    }
    assert_eq!((post("/machine/other", ""), started()), (404, None));

    // over a new configuration nobody is signed in, and one who only looks confirms nothing
    let path = format!("/network/{DONE}");
    assert!(page.request("GET", &path, &[], b"").text().contains("Keep it"));
    assert_eq!(page.request("POST", &path, &["Origin: https://evil.example"], b"").status, 403);
    assert!(page.request("POST", &path, &[], b"").text().contains("The new configuration stays"));
    assert_eq!(page.request("POST", &format!("/network/{RUNNING}"), &[], b"").status, 404);
    assert_eq!(page.request("GET", "/network/x%22", &[], b"").status, 404);

    assert_eq!(post("/power/schedule", "what=restart&when=03:30"), 303);
    assert_eq!(page.fake.state(|s| s.scheduled.take()), Some((Power::Restart, When::At("03:30".into()))));
    assert_eq!(post("/power/schedule", "what=shutdown&when=10min"), 303);
    assert_eq!(page.fake.state(|s| s.scheduled.clone()), Some((Power::Shutdown, When::Minutes(10))));
    assert_eq!(post("/power/schedule", "what=restart&when=0min"), 400);
    assert_eq!(post("/power/schedule", "what=hibernate&when=03:30"), 400);
    let power = page.get("/power", ADMINISTRATOR).text();
    assert!(power.contains("03:30 CET") && power.contains("Set by ada"), "{power}");
    assert_eq!(post("/power/schedule/cancel", ""), 303);
    assert_eq!(page.fake.state(|s| s.scheduled.take()), None);

    let overview = page.get("/", ADMINISTRATOR).text();
    for part in [
        "The disk at / is full",
        "/services/bad%5Cx2dluck.service/restart",
        "The clock may be wrong",
        "Last backup",
    ] {
        assert!(overview.contains(part), "{part} is missing:\n{overview}");
    }
    assert!(!page.get("/", VIEWER).text().contains("/restart\""));
}

#[test]
fn settings_show_every_answer_and_take_new_ones() {
    let page = Page::start();
    let path = "/settings/moinmoin";
    let german = [&cookie(ADMINISTRATOR), "Accept-Language: de-AT,en;q=0.5"];
    let text = page.request("GET", path, &german, b"").text();
    assert_eq!(page.fake.state(|s| s.languages.clone()), ["de_AT", "de", "en"]);
    for part in [
        "value=\"Ada\u{2019}s &#34;Wiki&#34; &#60;b&#62;\"",
        "<option value=\"green, light\" selected>Light green</option>",
        "name=\"q.parts.2\" value=\"shop\" checked>",
        "Welcome,\n&#60;script&#62;",
        "Only if \u{201c}Send notifications by mail\u{201d} is ticked.",
        "Only if \u{201c}Relay that takes the mail\u{201d} is not \u{201c}localhost\u{201d}.",
        "One is in use: leave this empty to keep it.",
        &format!("name=\"revision\" value=\"{REVISION}\""),
    ] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    assert!(!text.contains("database-wiki"), "what nobody is asked is no setting");
    assert!(text.contains("name=\"none.token\"") && !text.contains("none.admin-password"), "{text}");
    // the form as it is: nothing changes
    let reply = page.post(path, ADMINISTRATOR, &settings_form(&[]));
    assert!(reply.status == 200 && reply.text().contains("in use already"), "{}", reply.text());

    let changed = [("q.wiki-name", " Ours "), ("q.admin-password", " hunter22 "), ("q.wants-mail", "true")];
    let reply = page.post(path, ADMINISTRATOR, &settings_form(&changed));
    assert_eq!((reply.status, reply.header("location")), (303, Some(format!("/tasks/{RUNNING}").as_str())));
    let Some(Work::Settings { appliance, revision, answers }) = page.fake.state(|s| s.started.pop()) else {
        panic!("no settings were started")
    };
    assert_eq!((appliance.as_str(), revision.as_deref()), ("moinmoin", Some(REVISION)));
    for (name, answer) in [
        ("wiki-name", "Ours"),
        ("admin-password", " hunter22 "),
        ("wants-mail", "true"),
        ("parts", "blog, shop"),
        ("greeting", "Welcome,\n<script>alert(1)</script>\n"),
    ] {
        assert_eq!(answers[name].as_deref(), Some(answer));
    }
    assert_eq!(answers["token"].as_deref(), Some(""), "it stays");
    for (typed, expect) in [("", None), ("a new one", Some("a new one"))] {
        page.post(path, ADMINISTRATOR, &settings_form(&[("none.token", "true"), ("q.token", typed)]));
        let Some(Work::Settings { answers, .. }) = page.fake.state(|s| s.started.pop()) else { panic!() };
        assert_eq!(answers["token"].as_deref(), expect);
    }
    let needed = page.post(path, ADMINISTRATOR, &settings_form(&[("none.admin-password", "true")]));
    assert!(needed.text().contains("in use already"), "{}", needed.text());
    assert_eq!(page.get("/settings/other", ADMINISTRATOR).status, 404);
}

#[test]
fn settings_that_are_refused_come_back_as_they_were_typed_but_for_secrets() {
    let page = Page::start();
    let path = "/settings/moinmoin";
    let typed = [("q.wiki-name", "Typed <i>"), ("q.admin-email", "nobody"), ("q.admin-password", "hunter22")];
    let typed =
        [&typed[..], &[("q.colour", "red"), ("q.parts.1", "wiki"), ("q.relay", "mx.typed.example")]].concat();
    let reply = page.post(path, ADMINISTRATOR, &settings_form(&typed));
    let text = reply.text();
    assert_eq!(reply.status, 422);
    for part in [
        "one answer does not fit",
        "<p class=\"fault\" id=\"w-admin-email\">Must be a mail address such as ada@example.org.</p>",
        "aria-describedby=\"w-admin-email\"",
        "value=\"nobody\"",
        "value=\"Typed &#60;i&#62;\"",
        "<option value=\"red\" selected>",
        "name=\"q.parts.1\" value=\"wiki\" checked>",
        "value=\"mx.typed.example\"",
        "Type it again",
        ">MoinMoin wiki</a>",
    ] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    assert!(!text.contains("hunter22") && !text.contains("<i>"), "{text}");

    // somebody else was faster
    let earlier = REVISION.replace('a', "b");
    let late = [&typed[..1], &[("revision", &earlier)]].concat();
    let reply = page.post(path, ADMINISTRATOR, &settings_form(&late));
    let text = reply.text();
    assert_eq!(reply.status, 409);
    for part in [
        "Somebody else has changed the answers",
        "In use now: <b>Ada",
        "value=\"Typed &#60;i&#62;\"",
        REVISION,
    ] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    // the same for a program
    let headers = [&cookie(ADMINISTRATOR), FORM, "Accept: application/json"];
    let reply = page.request("POST", path, &headers, settings_form(&typed).as_bytes());
    let told: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!((reply.status, told["faults"].as_object().unwrap().len()), (422, 1));
    assert!(page.fake.state(|s| s.started.is_empty()));
}

#[test]
fn what_a_task_made_is_downloaded() {
    let page = Page::start();
    let reply =
        page.get(&format!("/tasks/{}/artifacts/moinmoin-2026-11-23.tar.zst", fake::BACKUP), ADMINISTRATOR);
    assert_eq!(reply.body, b"the bytes of the backup\n".repeat(5000));
    assert!(
        reply
            .header("content-disposition")
            .unwrap()
            .starts_with("attachment; filename=\"moinmoin-2026-11-23.tar.zst\"")
    );
    // what was broken off goes on, and what has become another file comes whole
    let path = format!("/tasks/{}/artifacts/moinmoin-2026-11-23.tar.zst", fake::BACKUP);
    let tag = reply.header("etag").unwrap().to_owned();
    let ask = |range: &str, tag: &str| {
        let headers = [&cookie(ADMINISTRATOR), &format!("Range: {range}"), &format!("If-Range: {tag}")];
        page.request("GET", &path, &headers.map(String::as_str), b"")
    };
    let rest = ask("bytes=100000-", &tag);
    assert_eq!((rest.status, rest.header("content-range")), (206, Some("bytes 100000-119999/120000")));
    assert_eq!(rest.header("content-length"), Some("20000"));
    assert!(rest.body == reply.body[100_000..]);
    assert_eq!(ask("bytes=0-9", "\"another\"").body.len(), 120_000);
    let beyond = ask("bytes=120000-", &tag);
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */120000")));
    let evil = page.get(&format!("/tasks/{DONE}/artifacts/..%2F..%2Fetc%2Fpasswd"), ADMINISTRATOR);
    assert_eq!(evil.status, 404);
}

#[test]
fn without_a_broker_it_says_so() {
    let page = Page::start();
    std::fs::remove_file(page.fake.socket()).unwrap();
    let reply = page.get("/", ADMINISTRATOR);
    assert_eq!(reply.status, 503);
    assert!(reply.text().contains("systemctl status appliance-broker.socket"));
    assert_eq!(page.request("GET", "/sign-in", &[], b"").status, 200);
}

#[test]
fn it_ends_when_nobody_is_there() {
    let page = Page::start_with(Duration::from_millis(300));
    let held = TcpStream::connect(page.address).unwrap();
    assert_eq!(page.request("GET", "/sign-in", &[], b"").status, 200);
    assert!(!page.ended.is_finished());
    drop(held);
    page.ended.join().unwrap();
}

#[test]
fn lists_are_filtered_and_go_on() {
    let page = Page::start();
    let text = |path: &str| page.get(path, ADMINISTRATOR).text();
    let failed = text("/tasks?state=failed");
    assert!(failed.contains("Look for updates") && !failed.contains("Back up MoinMoin"), "{failed}");
    assert!(failed.contains("<option value=\"failed\" selected>"), "{failed}");
    assert!(text("/tasks?kind=plugins").contains("Back up MoinMoin"));
    assert!(
        text("/tasks?by=nobody-like-this").contains("Back up MoinMoin"),
        "what is not offered is not chosen"
    );
    assert!(text("/tasks?q=no+such+words").contains("None of 5 tasks fits."));
    let second = text("/audit?who=ada&page=1");
    assert!(second.contains("51–80 of 80 that fit, 120 in all"), "{second}");
    assert!(second.contains("href=\"?who=ada&#38;page=0\""), "{second}");
    assert!(text("/packages?page=no+number").contains("<h1>Packages</h1>"));
}
