//! A machine that boots for the first time, behind its fence until its questions are answered.

use anyhow::{Context, Result, ensure};
use scenarios::{apt, client::Client, lab_with, machine_with_tools, setup_page::*};
use std::{fs, path::Path, time::Duration};
use tempfile::TempDir;
use testbed::{Lab, Machine, browser::Browser, machine::wait_until};

const PASSWORD: &str = "geheimes Wort";

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
    let link = link_of_boot(&machine)?;
    machine.sh(
        "systemctl is-active lighttpd && journalctl -b -u vainstall-first-boot@billboard | grep -q /link/",
    )?;
    machine.sh("bash -c '< /dev/tcp/127.0.0.1/80'")?;
    assert!(!is_open(&machine, 80), "the application is reachable");

    in_a_real_browser(&machine, &link, folder.path())?;
    let made = ends_well(&machine)?;
    assert!(made.contains("red [ada@example.org]"), "{made}");
    let journal = machine.sh("journalctl -b --no-pager")?;
    assert!(!journal.contains(PASSWORD), "a secret stands in the journal");
    machine.reboot()?;
    ensure!(wait_until(LIMIT, || is_open(&machine, 80)), "closed again after a restart");

    // what is left of a fence goes with the package
    forward(&machine)?;
    assert!(is_open(&machine, FORWARDED));
    machine
        .sh("systemctl start vainstall-fence@billboard && nft list tables | grep -q vainstall_billboard")?;
    assert!(!is_open(&machine, 80));
    assert!(!is_open(&machine, FORWARDED), "what the machine forwards to a container is reachable");
    apt(&machine, &["remove", "appliance-tools"])?;
    machine.sh("! nft list tables | grep vainstall")?;
    assert!(is_open(&machine, FORWARDED));
    Ok(())
}

/// The machine's port that leads to another network inside it, as a container's does.
const FORWARDED: u16 = 8090;

fn forward(machine: &Machine) -> Result<()> {
    apt(machine, &["install", "iproute2"])?;
    machine.sh(
        "set -e; ip netns add inner; ip link add inside type veth peer name eth0 netns inner; \
         ip addr add 10.99.0.1/24 dev inside; ip link set inside up; ip -n inner addr add 10.99.0.2/24 dev eth0; \
         ip -n inner link set eth0 up; ip -n inner route add default via 10.99.0.1; \
         mkdir /run/proc; mount -t proc proc /run/proc; echo 1 > /run/proc/sys/net/ipv4/ip_forward; \
         nft 'add table ip inner; add chain ip inner to { type nat hook prerouting priority -100; }; \
              add rule ip inner to tcp dport 8090 dnat to 10.99.0.2:8090'; \
         printf 'server.document-root = \"/var/www/html\"\nserver.port = 8090\n' > /root/inner.conf; \
         ip netns exec inner lighttpd -f /root/inner.conf",
    )?;
    Ok(())
}

/// An image with the tools and nothing else, whose first boot is to make it the billboard.
fn image(name: &str) -> Result<(TempDir, Lab, Machine)> {
    let folder = tempfile::tempdir()?;
    let (dist, lab) = lab_with(folder.path(), "billboard")?;
    let machine = machine_with_tools(&lab, &dist, name)?;
    apt(&machine, &["install", "nftables"])?;
    machine.sh("systemctl -q enable vainstall-fence@billboard vainstall-first-boot@billboard")?;
    Ok((folder, lab, machine))
}

fn journal(machine: &Machine) -> Result<String> {
    machine.sh("journalctl -b --no-pager -u 'vainstall-*'")
}

/// The link that the console shows, once there is one.
fn link_of_boot(machine: &Machine) -> Result<String> {
    let text = || machine.sh("cat /run/issue.d/vainstall-billboard.issue").unwrap_or_default();
    wait_until(LIMIT, || link_in(machine, &text()).is_some());
    link_in(machine, &text()).with_context(|| format!("no link:\n{}", journal(machine).unwrap_or_default()))
}

fn is_fenced(machine: &Machine) -> bool {
    machine.shell("nft list table inet vainstall_billboard").is_ok_and(|o| o.success())
        && !is_open(machine, 80)
}

/// Open to everybody, and nothing of the first boot left.
fn ends_well(machine: &Machine) -> Result<String> {
    ensure!(wait_until(LIMIT, || is_open(machine, 80)), "the fence stays:\n{}", journal(machine)?);
    let over = "! systemctl is-active vainstall-first-boot@billboard && ! systemctl is-enabled vainstall-fence@billboard \
                && ! test -e /run/issue.d/vainstall-billboard.issue && ! nft list tables | grep vainstall";
    let over = wait_until(LIMIT, || machine.shell(over).is_ok_and(|o| o.success()));
    ensure!(over, "something is left of the first boot:\n{}", journal(machine)?);
    assert_eq!(machine.sh("dpkg --audit")?, "");
    Ok(Client::new()?.get(&format!("http://{}/billboard.html", machine.address))?.ok()?.body)
}

#[test]
fn a_machine_that_was_given_its_answers_asks_nobody() -> Result<()> {
    let (_folder, _lab, mut machine) = image("given")?;
    machine.give_credential("vainstall.billboard.title", "Of a credential")?;
    machine.give_credential("vainstall.billboard", &format!("password = \"{PASSWORD}\"\n"))?;
    let data = "#cloud-config\nvainstall:\n  billboard:\n    wants-contact: true\n    contact: ada@example.org\n    title: Of the user data\n";
    machine.sh("mkdir -p /var/lib/cloud/instance")?;
    fs::write(machine.root().join("var/lib/cloud/instance/user-data.txt"), data)?;
    machine.reboot()?;
    // the colour has a default and the key is made: nothing is missing
    let made = ends_well(&machine)?;
    assert!(made.contains("<h1>Of a credential</h1>") && made.contains("red [ada@example.org]"), "{made}");
    assert_eq!(machine.sh("cat /etc/billboard.secret")?.trim(), PASSWORD);
    let said = machine.sh("journalctl -b --no-pager")?;
    assert!(!said.contains("/link/") && !is_open(&machine, 8443), "there was a page:\n{said}");
    let key = machine.sh("appliance-configure secret billboard key")?;
    assert!(!said.contains(PASSWORD) && !said.contains(key.trim()), "a secret stands in the journal");
    // what was made and nobody has seen is told once
    assert!(machine.sh("vainstall billboard --non-interactive")?.contains(key.trim()));

    // later answers are not taken back by what the machine was started with
    machine.sh("vainstall --reconfigure billboard --non-interactive --set title=Later")?;
    machine.sh("vainstall --reconfigure billboard --non-interactive --set colour=green")?;
    let later = Client::new()?.get(&format!("http://{}/billboard.html", machine.address))?.ok()?.body;
    assert!(later.contains("<h1>Later</h1>") && later.contains("green ["), "{later}");
    an_optional_secret_comes_and_goes(&machine)
}

fn an_optional_secret_comes_and_goes(machine: &Machine) -> Result<()> {
    let token = || machine.sh("cat /var/lib/appliances/billboard/secrets/token");
    let reconfigure = "vainstall --reconfigure billboard --non-interactive";
    machine.sh(
        "umask 077; printf of-a-file > /root/token; echo 'token = \"of answers\"' > /root/answers.toml",
    )?;
    for (give, given, take) in [
        (
            "appliance-control settings billboard token=@/root/token",
            "of-a-file",
            "appliance-control settings billboard token=",
        ),
        (
            &format!("{reconfigure} --answers /root/answers.toml"),
            "of answers",
            &format!("{reconfigure} --set token="),
        ),
    ] {
        machine.sh(give)?;
        assert_eq!(token()?, given);
        machine.sh(&format!("{reconfigure} --set title=Other && {reconfigure} --set title=Later"))?;
        assert_eq!(token()?, given, "it went by itself");
        machine.sh(take)?;
        assert_eq!(token()?, "", "{take}");
        assert!(machine.sh(take)?.contains("othing to change") || take.contains("--set"));
    }
    let needed = machine.shell("appliance-control settings billboard password= 2>&1")?;
    assert_eq!(needed.status.code(), Some(2), "{}", needed.text());
    assert!(needed.text().contains("is needed, and cannot be taken away"), "{}", needed.text());
    assert_eq!(machine.sh("cat /etc/billboard.secret")?.trim(), PASSWORD);
    Ok(())
}

#[test]
fn a_first_boot_that_is_cut_off_goes_on_at_the_next_one_behind_its_fence() -> Result<()> {
    let (_folder, _lab, mut machine) = image("cut")?;
    machine.give_credential("vainstall.billboard.title", "Of a credential")?;
    machine.reboot()?;
    let first = link_of_boot(&machine)?;
    let (_client, form) = browser_at(&first)?;
    assert!(form.body.contains("name=\"a.password\"") && !form.body.contains("a.title"), "{}", form.body);

    // the power fails while it waits: it asks again
    machine.cut_power()?;
    machine.start_again()?;
    let second = link_of_boot(&machine)?;
    assert!(is_fenced(&machine) && second != first);
    let (client, form) = browser_at(&second)?;
    let answers = [("a.wants-contact", "false"), ("a.colour", "green"), ("a.password", PASSWORD)];
    send(&client, &form, &answers)?.ok()?;

    // it fails in the middle of the work, and then what repairs is killed
    let begun = "grep -q ' status unpacked lighttpd' /var/log/dpkg.log";
    ensure!(wait_until(LIMIT, || machine.shell(begun).is_ok_and(|o| o.success())), "{}", journal(&machine)?);
    machine.cut_power()?;
    ensure!(!machine.root().join("etc/billboard.secret").exists(), "it was configured already");
    machine.start_again()?;
    assert!(is_fenced(&machine), "the machine is open");
    let unit = "vainstall-first-boot@billboard";
    let repairs = format!("pgrep -x dpkg && kill -9 $(systemctl show -P MainPID {unit})");
    ensure!(
        wait_until(LIMIT, || machine.shell(&repairs).is_ok_and(|o| o.success())),
        "{}",
        journal(&machine)?
    );
    let again = format!("systemctl show -P NRestarts {unit} | grep -qx 1");
    ensure!(wait_until(LIMIT, || machine.shell(&again).is_ok_and(|o| o.success())), "{}", journal(&machine)?);
    let made = ends_well(&machine)?;
    assert!(made.contains("<h1>Of a credential</h1>") && made.contains("green []"), "{made}");
    assert_eq!(machine.sh("cat /etc/billboard.secret")?.trim(), PASSWORD);
    let said = journal(&machine)?;
    assert!(!said.contains("/link/"), "what was answered is asked again:\n{said}");
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
