//! The questions answered on a page in the browser, by people who do what they like.

use anyhow::{Result, anyhow, ensure};
use scenarios::{
    Dist,
    client::{Answer, Client},
    lab_with, machine_with_tools,
    setup_page::*,
};
use std::{fs, net::TcpStream, thread};
use testbed::{Lab, Machine, machine::wait_until};

const PASSWORD: &str = "geheimes Wort";

#[test]
fn the_first_complete_form_wins_and_nothing_typed_is_lost() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (dist, lab) = lab_with(folder.path(), "billboard")?;
    let machine = machine_with_tools(&lab, &dist, "web")?;
    start(&machine, "billboard --set colour=green")?;
    let first = link(&machine, "")?;
    strangers_stay_outside(&first)?;

    let (one, form) = browser_at(&first)?;
    assert_eq!(Client::new()?.get(&first)?.status, 404, "the link works twice");
    let (two, other) = browser_at(&link(&machine, &first)?)?;
    let wrong = beside(&first, &format!("link/{}", "0".repeat(64)));
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
    let sent = one.ask(&[&ahead[..], &[&beside(&first, "answers")]].concat())?;
    assert_eq!(sent.status, 413);
    assert_eq!(one.post(&beside(&first, "answers"), &[("csrf", "0123"), ("number", "1")])?.status, 403);

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

    let end = wait_for(&one, &beside(&first, ""), "<h1>Done</h1>")?;
    assert!(end.body.contains(&format!("http://{}/", machine.address)), "{}", end.body);
    assert_eq!(status(&machine)?, 0);
    let made = Client::new()?.get(&format!("http://{}/billboard.html", machine.address))?.ok()?.body;
    assert!(made.contains("<p>green [ada@example.org]</p>") && made.contains("Book"), "{made}");
    assert_eq!(machine.sh("cat /etc/billboard.secret")?.trim(), PASSWORD);
    let told = said(&machine) + &machine.sh("cat /root/out")?;
    assert!(told.contains("is ready") && !told.contains(PASSWORD), "{told}");
    Ok(())
}

/// Who has no link, speaks plain HTTP, or asks by a strange name.
fn strangers_stay_outside(link: &str) -> Result<()> {
    let stranger = Client::new()?;
    assert_eq!(stranger.get(&beside(link, ""))?.status, 401);
    assert_eq!(stranger.post(&beside(link, "answers"), &[("a.title", "x")])?.status, 401);
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
    let root = beside(&form.url, "");
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

fn billboard(name: &str) -> Result<(tempfile::TempDir, Dist, Lab, Machine)> {
    let folder = tempfile::tempdir()?;
    let (dist, lab) = lab_with(folder.path(), "billboard")?;
    let machine = machine_with_tools(&lab, &dist, name)?;
    Ok((folder, dist, lab, machine))
}

/// What an installation would have changed by the time it asks.
fn state(machine: &Machine) -> Result<String> {
    let look = "dpkg-query -W; cat /var/cache/debconf/config.dat; ls -R /etc/apt /var/lib/vainstall /run/vainstall 2>&1; true";
    machine.sh(look)
}

#[test]
fn stopped_while_it_waits_it_has_changed_nothing() -> Result<()> {
    let (_folder, _dist, lab, machine) = billboard("stopped")?;
    fs::remove_file(machine.root().join("etc/apt/sources.list.d/appliances.sources"))?;
    fs::rename(machine.root().join("etc/apt/keyrings/appliances.asc"), machine.root().join("root/key.asc"))?;
    let before = state(&machine)?;
    let start_it = || start(&machine, &format!("billboard --repository {} --key key.asc", lab.repository()));
    for signal in ["INT", "TERM", "HUP"] {
        start_it()?;
        let (_client, form) = browser_at(&link(&machine, "")?)?;
        assert!(form.body.contains("Title of the"), "{}", form.body);
        machine.sh(&format!("kill -{signal} $(cat /root/pid)"))?;
        assert_eq!(status(&machine)?, 130, "{signal}: {}", said(&machine));
        assert!(said(&machine).contains("Stopped; nothing has been changed."), "{}", said(&machine));
        assert!(!is_open(&machine, 8443), "{signal} leaves the page's port open");
        assert_eq!(state(&machine)?, before, "{signal}");
    }

    // nobody comes; then somebody who looks and never comes back
    for comes in [false, true] {
        start(
            &machine,
            &format!("billboard --repository {} --key key.asc --web-timeout 5", lab.repository()),
        )?;
        let first = link(&machine, "")?;
        let _client = comes.then(|| browser_at(&first)).transpose()?;
        assert_eq!(status(&machine)?, 2, "{}", said(&machine));
        let text = said(&machine);
        assert!(
            text.contains("nobody has answered on the page within 5 s") && text.contains("--answers FILE"),
            "{text}"
        );
        assert!(!is_open(&machine, 8443));
        assert_eq!(state(&machine)?, before);
    }
    Ok(())
}

/// Holds connections that say nothing, half a request, or half a handshake, and takes new ones when they are cut.
const CROWD: &str = r#"
# what is cut while it is written to is no reason to leave
trap '' PIPE
while :; do
    for i in $(seq 120); do
        exec {fd}<>/dev/tcp/ADDRESS/8443 || continue
        case $((i % 3)) in
            1) printf 'GET / HTTP/1.1\r\nHost: ' ;;
            2) printf '\x16\x03\x01\x02' ;;
        esac >&$fd
        held="$held $fd"
    done
    : > /root/there
    sleep 4
    for fd in $held; do exec {fd}>&-; done
    held=
done
"#;

#[test]
fn a_crowd_that_says_nothing_keeps_nobody_out_and_one_of_two_answers_counts() -> Result<()> {
    let (_folder, dist, lab, machine) = billboard("crowded")?;
    start(&machine, "billboard --set wants-contact=false")?;
    let first = link(&machine, "")?;
    let crowd = scenarios::machine(&lab, &dist, "crowd", "trixie")?;
    fs::write(crowd.root().join("root/crowd"), CROWD.replace("ADDRESS", &machine.address.to_string()))?;
    crowd.sh("setsid bash /root/crowd > /root/log 2>&1 < /dev/null &")?;
    ensure!(wait_until(LIMIT, || crowd.root().join("root/there").exists()), "{}", crowd.sh("cat /root/log")?);
    // as many again from where the good browsers are, but for the room they need
    let address = (machine.address, 8443);
    let _idle = (0..80).map(|_| TcpStream::connect(address)).collect::<Result<Vec<_>, _>>()?;

    let (one, form) = browser_at(&first)?;
    let (two, other) = browser_at(&link(&machine, &first)?)?;
    let answers = |title| [("a.title", title), ("a.colour", "green"), ("a.password", PASSWORD)];
    let both: [(&Client, &Answer, &str); 2] = [(&one, &form, "First"), (&two, &other, "Second")];
    let told = thread::scope(|scope| {
        let sent = both.map(|(client, page, title)| scope.spawn(move || send(client, page, &answers(title))));
        sent.map(|answer| answer.join().map_err(|_| anyhow!("a browser broke"))?)
    });
    let told: Vec<Answer> = told.into_iter().collect::<Result<_>>()?;
    let winner = usize::from(told[0].status != 200);
    assert_eq!([told[winner].status, told[1 - winner].status], [200, 409], "{told:?}");
    assert!(told[1 - winner].body.contains("have been answered already"), "{told:?}");

    wait_for(both[winner].0, &beside(&first, ""), "<h1>Done</h1>")?;
    assert_eq!(status(&machine)?, 0, "{}", said(&machine));
    let made = Client::new()?.get(&format!("http://{}/billboard.html", machine.address))?.ok()?.body;
    assert!(made.contains(&format!("<h1>{}</h1>", both[winner].2)), "{made}");
    Ok(())
}
