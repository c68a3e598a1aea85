//! The questions answered on a page in the browser, and a machine that boots for the first time behind its fence.

use anyhow::{Context, Result, ensure};
use scenarios::{
    apt,
    client::{Answer, Client},
    lab_with, machine_with_tools,
};
use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};
use testbed::{Machine, browser::Browser, machine::wait_until};

const LIMIT: Duration = Duration::from_secs(180);
const PASSWORD: &str = "geheimes Wort";

/// `vainstall … --web`, as somebody starts it who then goes to a browser.
fn start(machine: &Machine, arguments: &str) -> Result<()> {
    machine
        .sh(&format!(
            "cd /root; setsid vainstall {arguments} --web > out 2> said < /dev/null & echo $! > pid"
        ))
        .map(drop)
}

fn said(machine: &Machine) -> String {
    fs::read_to_string(machine.root().join("root/said")).unwrap_or_default()
}

/// The newest link with the machine's own address in a text.
fn link_in(machine: &Machine, text: &str) -> Option<String> {
    let start = format!("https://{}:8443/link/", machine.address);
    text.split_whitespace().rfind(|word| word.starts_with(&start)).map(str::to_owned)
}

/// Waits for a link that is another one than `before`.
fn link(machine: &Machine, before: &str) -> Result<String> {
    let mut found = None;
    wait_until(LIMIT, || {
        found = link_in(machine, &said(machine)).filter(|link| link != before);
        found.is_some()
    });
    found.with_context(|| format!("there is no new link:\n{}", said(machine)))
}

/// A browser that has used the link.
fn browser_at(link: &str) -> Result<(Client, Answer)> {
    let client = Client::new()?;
    ensure!(client.get(link)?.ok()?.body.contains("This link works once"), "the link opens something else");
    let page = client.post(link, &[])?.ok()?;
    Ok((client, page))
}

fn send(client: &Client, page: &Answer, fields: &[(&str, &str)]) -> Result<Answer> {
    let (csrf, number) = (page.field("csrf")?, page.field("number")?);
    let own = [("csrf", csrf.as_str()), ("number", number.as_str())];
    client.post(&base(&page.url).join_path("answers"), &[&own, fields].concat())
}

fn base(url: &str) -> Base {
    Base(url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/"))
}

struct Base(String);

impl Base {
    fn join_path(&self, path: &str) -> String {
        format!("{}/{path}", self.0)
    }
}

fn wait_for(client: &Client, url: &str, text: &str) -> Result<Answer> {
    let mut last = None;
    let there = wait_until(LIMIT, || {
        last = client.get(url).ok();
        last.as_ref().is_some_and(|page| page.body.contains(text))
    });
    ensure!(there, "{text:?} is not shown, but {last:?}");
    last.context("no page")
}

fn is_open(machine: &Machine, port: u16) -> bool {
    let address = SocketAddr::from((machine.address, port));
    TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok()
}

#[test]
fn the_first_complete_form_wins_and_nothing_typed_is_lost() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (dist, lab) = lab_with(folder.path(), "billboard")?;
    let machine = machine_with_tools(&lab, &dist, "web")?;
    start(&machine, "billboard --set colour=green")?;
    let first = link(&machine, "")?;
    let page = base(&first);
    strangers_stay_outside(&first)?;

    let (one, form) = browser_at(&first)?;
    assert_eq!(Client::new()?.get(&first)?.status, 404, "the link works twice");
    let (two, other) = browser_at(&link(&machine, &first)?)?;
    let wrong = page.join_path(&format!("link/{}", "0".repeat(64)));
    let tried = (0..11).map(|_| Ok(Client::new()?.get(&wrong)?.status)).collect::<Result<Vec<u16>>>()?;
    assert_eq!((tried[0], tried[10]), (404, 429), "{tried:?}");
    assert!(form.body.contains("Title of the &#60;billboard&#62;"), "{}", form.body);
    assert!(!form.body.contains("a.colour"), "what was given is asked:\n{}", form.body);

    let title = "Ada's \"Book\" & <more>";
    let typed =
        [("a.title", title), ("a.wants-contact", "true"), ("a.contact", "nobody"), ("a.password", PASSWORD)];
    let again = send(&one, &form, &typed)?;
    assert_eq!(again.status, 422, "{}", again.body);
    assert!(again.body.contains("This must be a mail address such as ada@example.org"), "{}", again.body);
    assert_eq!(again.field("a.title")?, "Ada&#39;s &#34;Book&#34; &#38; &#60;more&#62;");
    assert!(again.body.contains("value=\"true\" checked"), "{}", again.body);
    assert!(!again.body.contains(PASSWORD), "a secret was sent back");
    assert!(again.body.contains("As you typed it before"), "{}", again.body);
    let large = folder.path().join("large");
    fs::write(&large, format!("a.title={}", "x".repeat(300_000)))?;
    let file = format!("@{}", large.display());
    let ahead = ["--header", "Expect: 100-continue", "--data-binary", &file];
    let sent = one.ask(&[&ahead[..], &[&page.join_path("answers")]].concat())?;
    assert_eq!(sent.status, 413);
    assert_eq!(one.post(&page.join_path("answers"), &[("csrf", "0123"), ("number", "1")])?.status, 403);

    // the secret was typed before, and is not typed again
    let mended = [
        ("a.title", title),
        ("a.wants-contact", "true"),
        ("a.contact", "ada@example.org"),
        ("a.password", ""),
    ];
    let going = send(&one, &again, &mended)?.ok()?;
    assert!(going.body.contains("Installation of billboard"), "{}", going.body);
    let late = send(
        &two,
        &other,
        &[("a.title", "other"), ("a.wants-contact", "false"), ("a.password", "other word")],
    )?;
    assert_eq!(late.status, 409);
    assert!(late.body.contains("have been answered already"), "{}", late.body);

    let end = wait_for(&one, &page.join_path(""), "<h1>Done</h1>")?;
    assert!(end.body.contains(&format!("http://{}/", machine.address)), "{}", end.body);
    assert!(wait_until(LIMIT, || machine.shell("kill -0 $(cat /root/pid)").is_ok_and(|o| !o.success())));
    let made = Client::new()?.get(&format!("http://{}/billboard.html", machine.address))?.ok()?.body;
    assert!(made.contains("<p>green [ada@example.org]</p>") && made.contains("Book"), "{made}");
    assert_eq!(machine.sh("cat /etc/billboard.secret")?.trim(), PASSWORD);
    let told = said(&machine) + &machine.sh("cat /root/out")?;
    assert!(told.contains("is ready") && !told.contains(PASSWORD), "{told}");
    Ok(())
}

/// Who has no link, speaks plain HTTP, or asks by a strange name.
fn strangers_stay_outside(link: &str) -> Result<()> {
    let (page, stranger) = (base(link), Client::new()?);
    assert_eq!(stranger.get(&page.join_path(""))?.status, 401);
    assert_eq!(stranger.post(&page.join_path("answers"), &[("a.title", "x")])?.status, 401);
    let elsewhere = stranger.ask(&["--header", "Origin: https://evil.example", "--data", "", link])?;
    assert_eq!(elsewhere.status, 403);
    assert_eq!(stranger.ask(&["--header", "Host: evil.example", link])?.status, 421);
    let plain = stranger.get(&link.replace("https://", "http://"))?;
    assert!(plain.url.starts_with("https://"), "{}", plain.url);
    let headers = stranger.ask(&["--head", link])?.body;
    assert!(headers.contains("content-security-policy: default-src 'none'; script-src 'self'"), "{headers}");
    Ok(())
}

#[test]
fn what_nobody_foresaw_is_asked_on_the_page() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (dist, lab) = lab_with(folder.path(), "unforeseen")?;
    let machine = machine_with_tools(&lab, &dist, "asks")?;
    start(&machine, "unforeseen")?;
    let (client, form) = browser_at(&link(&machine, "")?)?;
    let root = base(&form.url).join_path("");
    let mailer = wait_for(&client, &root, "General mail configuration type")?;
    let field = "a.0-postfix/main_mailer_type";
    assert!(mailer.body.contains("Satellite system"), "{}", mailer.body);
    send(&client, &mailer, &[(field, "Local only")])?.ok()?;
    let name = wait_for(&client, &root, "System mail name")?;
    send(&client, &name, &[("a.0-postfix/mailname", "box.example.test")])?.ok()?;
    wait_for(&client, &root, "<h1>Done</h1>")?;
    assert_eq!(machine.sh("cat /etc/mailname")?.trim(), "box.example.test");
    Ok(())
}

#[test]
fn a_first_boot_is_closed_until_its_questions_are_answered() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (dist, lab) = lab_with(folder.path(), "billboard")?;
    let mut machine = machine_with_tools(&lab, &dist, "image")?;
    // an image: the application is there, its answers are not
    apt(&machine, &["install", "lighttpd"])?;
    machine.sh("systemctl -q enable vainstall-fence@billboard vainstall-first-boot@billboard; \
         systemctl -q add-requires lighttpd.service vainstall-fence@billboard.service")?;
    assert!(is_open(&machine, 80));
    machine.sh("mv /usr/sbin/nft /usr/sbin/nft.away")?;
    machine.reboot()?;
    without_nft_the_application_does_not_start(&machine)?;

    machine.sh("mv /usr/sbin/nft.away /usr/sbin/nft")?;
    machine.reboot()?;
    let issue = machine.root().join("run/issue.d/vainstall-billboard.issue");
    let text = || machine.sh("cat /run/issue.d/vainstall-billboard.issue").unwrap_or_default();
    ensure!(
        wait_until(LIMIT, || link_in(&machine, &text()).is_some()),
        "no link at {}:\n{}",
        issue.display(),
        machine.sh("journalctl -b -u 'vainstall-*' --no-pager")?
    );
    machine.sh(
        "systemctl is-active lighttpd && journalctl -b -u vainstall-first-boot@billboard | grep -q /link/",
    )?;
    machine.sh("bash -c '< /dev/tcp/127.0.0.1/80'")?;
    assert!(!is_open(&machine, 80), "the application is reachable");

    in_a_real_browser(&machine, &link_in(&machine, &text()).context("no link")?, folder.path())?;
    ensure!(wait_until(LIMIT, || is_open(&machine, 80)), "the fence stays");
    let made = Client::new()?.get(&format!("http://{}/billboard.html", machine.address))?.ok()?.body;
    assert!(made.contains("red [ada@example.org]"), "{made}");
    let journal = machine.sh("journalctl -b --no-pager")?;
    assert!(!journal.contains(PASSWORD), "a secret stands in the journal");
    let over = "! systemctl is-active vainstall-first-boot@billboard && ! systemctl is-enabled vainstall-fence@billboard \
                && ! test -e /run/issue.d/vainstall-billboard.issue && ! nft list tables | grep vainstall";
    ensure!(
        wait_until(LIMIT, || machine.shell(over).is_ok_and(|o| o.success())),
        "something is left of the first boot"
    );
    machine.reboot()?;
    ensure!(wait_until(LIMIT, || is_open(&machine, 80)), "closed again after a restart");

    // what is left of a fence goes with the package
    machine
        .sh("systemctl start vainstall-fence@billboard && nft list tables | grep -q vainstall_billboard")?;
    assert!(!is_open(&machine, 80));
    apt(&machine, &["remove", "appliance-tools"])?;
    machine.sh("! nft list tables | grep vainstall")?;
    Ok(())
}

fn without_nft_the_application_does_not_start(machine: &Machine) -> Result<()> {
    machine.sh("systemctl is-failed vainstall-fence@billboard")?;
    let journal = machine.sh("journalctl -b -u vainstall-fence@billboard --no-pager")?;
    assert!(journal.contains("Install nftables in the image"), "{journal}");
    for unit in ["lighttpd", "vainstall-first-boot@billboard"] {
        assert!(!machine.shell(&format!("systemctl is-active {unit}"))?.success(), "{unit} runs");
    }
    Ok(())
}

fn in_a_real_browser(machine: &Machine, link: &str, folder: &Path) -> Result<()> {
    let browser = Browser::start(1280, 900, false)?;
    browser.open(link)?;
    browser.click_text("Answer the questions")?;
    browser.wait_for_text("Questions of billboard", Duration::from_secs(10))?;
    let seen = |field: &str| {
        let script =
            format!("return !document.querySelector('[name=\"{field}\"]').closest('.question').hidden");
        browser.script(&script).map(|v| v.as_bool() == Some(true))
    };
    assert!(!seen("a.contact")?, "a question is in sight whose condition does not hold");
    browser.click("[name='a.wants-contact'][value=true]")?;
    assert!(seen("a.contact")?);
    browser.fill("[name='a.title']", "Besuch")?;
    browser.fill("[name='a.contact']", "nobody")?;
    browser.fill("[name='a.password']", PASSWORD)?;
    browser.click_text("Go on with these answers")?;
    browser.wait_for_text("This must be a mail address", Duration::from_secs(10))?;
    browser.screenshot(&folder.join("wrong.png"))?;
    browser.script("document.querySelector(\"[name='a.contact']\").value = ''")?;
    browser.fill("[name='a.contact']", "ada@example.org")?;
    browser.click_text("Go on with these answers")?;
    browser.wait_for_text("Done", LIMIT)?;
    let text = browser.text()?;
    assert!(text.contains(&format!("http://{}/", machine.address)), "{text}");
    // what was made here is told on the page, and nowhere else
    assert!(text.contains("key") && text.contains("shown this once"), "{text}");
    Ok(())
}
