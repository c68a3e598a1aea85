//! The whole road on one machine: from a fresh Debian to a wiki that is written, read, backed up, updated, restarted.
//!
//! With VAT_SCREENSHOTS=FOLDER in the environment it leaves the pictures of docs/images there.

use anyhow::{Context, Result};
use scenarios::{
    Dist, apt,
    definitions::{build, publish, with_version},
    lab, machine_with_tools,
    page::{sign_in, url as page, watch},
    vainstall,
    wiki::Wiki,
};
use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use testbed::{Lab, Machine, browser::Browser};

const NAME: &str = r#"Müllers "Küche" & Co's Wiki"#;
const PASSWORD: &str = "Zwölf große Käse'\"$x";

/// A repository of this test's own, so that packages can be published into it.
fn own_lab(folder: &Path) -> Result<(Dist, Lab, PathBuf)> {
    let (dist, lab) = lab()?;
    let repository = dist.copy_repository(folder)?;
    lab.http().serve_folder(&repository);
    Ok((dist, lab, repository))
}

fn publish_version(dist: &Dist, repository: &Path, definition: &str, version: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("out");
    build(dist, &with_version(definition, version, folder.path())?, &out)?;
    publish(dist, repository, &out)
}

#[test]
fn from_a_fresh_debian_to_a_wiki_that_is_kept() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let began = Instant::now();
    let done = |what: &str| println!("{:5.1} s  {what}", began.elapsed().as_secs_f64());
    let (dist, lab, repository) = own_lab(folder.path())?;
    let mut machine = machine_with_tools(&lab, &dist, "wiki")?;
    done("booted");
    install(&machine)?;
    done("installed");
    write_and_find(&machine)?;
    done("written and found");
    machine.reboot()?;
    let wiki = Wiki::on(&machine)?;
    assert_eq!(wiki.title()?, format!("Home - {NAME}"));
    assert!(wiki.get("/Rezepte")?.ok()?.body.contains("Bergkäse"), "lost by the restart");
    done("restarted");

    engine_repairs_what_has_drifted(&machine)?;
    done("drifted and repaired");
    let browser = Browser::start(1280, 900, false)?;
    a_link_signs_in_once(&machine, &browser)?;
    overview_shows_the_machine(&machine, &browser)?;
    done("signed in");
    backup_and_restore_in_the_page(&machine, &browser)?;
    done("backed up and restored in the page");
    publish_version(&dist, &repository, "appliances/moinmoin", "1.1")?;
    update_in_the_page(&machine, &browser)?;
    pictures(&machine, &browser)?;
    done("updated in the page");
    restart_in_the_page(&mut machine, &browser)?;
    done("restarted in the page");
    the_same_by_command_line(&machine)?;
    done("the same by command line");
    Ok(())
}

fn install(machine: &Machine) -> Result<()> {
    let answers =
        format!("wiki-name = '''{NAME}'''\nadmin-name = 'köchin'\nadmin-password = '''{PASSWORD}'''\n");
    let path = machine.root().join("root/answers.toml");
    fs::write(&path, answers)?;
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    let installed = vainstall(machine, &["moinmoin", "--answers", "/root/answers.toml"]).run()?;
    fs::remove_file(path)?;
    let said = format!("{}{}", installed.text(), String::from_utf8_lossy(&installed.stderr));
    for part in [&format!("http://{}/", machine.address), &format!("https://{}:8080/link/", machine.address)]
    {
        assert!(said.contains(part), "vainstall does not tell {part}:\n{said}");
    }
    assert!(!said.contains(PASSWORD), "a password that was given is not shown again");
    Ok(())
}

fn write_and_find(machine: &Machine) -> Result<()> {
    let wiki = Wiki::on(machine)?;
    assert_eq!(wiki.title()?, format!("Home - {NAME}"));
    assert!(!wiki.sign_in("köchin", "wrong password")?, "signed in with a wrong password");
    assert!(wiki.sign_in("köchin", PASSWORD)?, "the administrator cannot sign in");
    assert_eq!(wiki.get("/Rezepte")?.status, 404);
    wiki.write("Rezepte", "= Spätzle =\nMit viel Bergkäse.\n")?;
    assert!(wiki.get("/Rezepte")?.ok()?.body.contains("Bergkäse"));
    assert!(wiki.finds("Bergk%C3%A4se", "Rezepte")?, "the search does not find the page");
    assert!(!wiki.finds("Emmentaler", "Rezepte")?);
    Ok(())
}

fn engine_repairs_what_has_drifted(machine: &Machine) -> Result<()> {
    const FILE: &str = "/etc/moin/wikiconfig.py";
    assert!(machine.sh("appliance-configure plan moinmoin")?.contains("nothing to change"));
    machine.run(&["appliance-configure", "diff", "moinmoin"])?;
    let good = fs::read(machine.root().join(FILE.trim_start_matches('/')))?;
    machine.sh(&format!("sed -i 's/sitename = .*/sitename = \"Taken over\"/' {FILE}; chmod 0666 {FILE}"))?;

    let diff = machine.shell("appliance-configure diff moinmoin 2>&1")?;
    assert_eq!(diff.status.code(), Some(1), "{}", diff.text());
    for part in [FILE, "Taken over", "0666"] {
        assert!(diff.text().contains(part), "the difference does not show {part}:\n{}", diff.text());
    }
    machine.run(&["appliance-configure", "apply", "moinmoin"])?;
    assert_eq!(fs::read(machine.root().join(FILE.trim_start_matches('/')))?, good);
    assert!(machine.sh("appliance-configure apply moinmoin")?.contains("nothing to change"));

    // the password is where it belongs, and nobody prints it
    assert_eq!(
        machine.run(&["appliance-configure", "secret", "moinmoin", "admin-password"])?.text().trim(),
        PASSWORD
    );
    let machine_says = machine.sh(
        "appliance-configure plan moinmoin --json; appliance-configure answers moinmoin; journalctl --no-pager; \
         cat /var/log/dpkg.log /var/log/apt/term.log /var/cache/debconf/*.dat",
    )?;
    for text in [diff.text(), machine_says] {
        assert!(!text.contains("große Käse"), "the password is in:\n{text}");
    }
    Ok(())
}

fn a_link_signs_in_once(machine: &Machine, browser: &Browser) -> Result<()> {
    let link = sign_in(machine, browser)?;
    let second = Browser::start(800, 600, false)?;
    second.open(&link)?;
    if second.script("return !!document.querySelector('form')")?.as_bool() == Some(true) {
        second.click("form button")?;
    }
    second.wait_for_text("cannot be used", Duration::from_secs(10))?;
    second.open(&page(machine, "/updates"))?;
    let text = second.text()?;
    assert!(text.contains("Sign in with a link") && !text.contains("Sign out"), "the spent link signed in");
    Ok(())
}

fn overview_shows_the_machine(machine: &Machine, browser: &Browser) -> Result<()> {
    browser.open(&page(machine, "/"))?;
    let text = browser.text()?;
    let debian = machine.sh(". /etc/os-release; echo $PRETTY_NAME")?;
    for part in
        ["Healthy", "version 1.0", "wiki", debian.trim(), "Running for", "Memory", "Disk", "Processor"]
    {
        assert!(text.to_lowercase().contains(&part.to_lowercase()), "the overview lacks {part:?}:\n{text}");
    }
    assert!(text.contains(&format!("http://{}/", machine.address)), "{text}");
    Ok(())
}

fn backup_and_restore_in_the_page(machine: &Machine, browser: &Browser) -> Result<()> {
    browser.open(&page(machine, "/plugins/moinmoin"))?;
    browser.click("form[action$=backup] button")?;
    watch(browser, "")?;
    browser.click(".artifacts a")?;
    let archive = browser.wait_for_download(Duration::from_secs(30))?;
    assert!(fs::metadata(&archive)?.len() > 10_000, "{} is small", archive.display());

    let wiki = Wiki::on(machine)?;
    assert!(wiki.sign_in("köchin", PASSWORD)?);
    wiki.delete("Rezepte")?;

    browser.open(&page(machine, "/plugins/moinmoin"))?;
    browser.fill("form[action$=restore] input[type=file]", archive.to_str().context("a strange path")?)?;
    browser.click("form[action$=restore] input[name=confirm]")?;
    browser.click("form[action$=restore] button")?;
    watch(browser, "")?;
    assert!(wiki.get("/Rezepte")?.ok()?.body.contains("Bergkäse"), "the page is not back");
    assert!(wiki.finds("Bergk%C3%A4se", "Rezepte")?, "the search does not find the restored page");
    Ok(())
}

fn update_in_the_page(machine: &Machine, browser: &Browser) -> Result<()> {
    browser.open(&page(machine, "/updates"))?;
    browser.click_text("Look for updates")?;
    watch(browser, "")?;
    browser.open(&page(machine, "/updates"))?;
    assert!(browser.text()?.contains("moinmoin-appliance"), "{}", browser.text()?);
    if let Some(folder) = env::var_os("VAT_SCREENSHOTS") {
        browser.screenshot(&Path::new(&folder).join("updates.png"))?;
    }
    browser.click_text("Install updates")?;
    assert!(watch(browser, "Setting up moinmoin-appliance (1.1)")?, "the output came only with the result");
    browser.open(&page(machine, "/"))?;
    assert!(browser.text()?.contains("version 1.1"), "{}", browser.text()?);
    assert!(browser.text()?.contains("Healthy"), "{}", browser.text()?);
    Ok(())
}

fn restart_in_the_page(machine: &mut Machine, browser: &Browser) -> Result<()> {
    browser.open(&page(machine, "/power"))?;
    browser.click_text("Restart")?;
    browser.click_text("Restart now")?;
    machine.start_again()?;
    browser.wait_for_text("is back", Duration::from_secs(90))?;
    browser.open(&page(machine, "/"))?;
    browser.wait_for_text("Sign out", Duration::from_secs(10))?;
    assert!(browser.text()?.contains("Healthy"), "{}", browser.text()?);
    browser.open(&page(machine, "/tasks"))?;
    assert!(!browser.text()?.contains("Failed"), "{}", browser.text()?);
    Ok(())
}

fn the_same_by_command_line(machine: &Machine) -> Result<()> {
    let json =
        |command: &str| -> Result<serde_json::Value> { Ok(serde_json::from_str(&machine.sh(command)?)?) };
    let status = json("appliance-control status --json")?;
    assert_eq!(status["appliances"][0]["healthy"], true, "{status}");
    assert_eq!(status["appliances"][0]["version"], "1.1", "{status}");
    assert_eq!(status["machine"]["hostname"], "wiki", "{status}");
    machine.sh("appliance-control update")?;
    assert_eq!(json("appliance-control updates --json")?["updates"], serde_json::json!([]));

    machine.sh("appliance-control backup moinmoin -o /root/wiki.backup")?;
    let wiki = Wiki::on(machine)?;
    assert!(wiki.sign_in("köchin", PASSWORD)?);
    wiki.delete("Rezepte")?;
    machine.sh("appliance-control restore moinmoin /root/wiki.backup")?;
    assert!(wiki.get("/Rezepte")?.ok()?.body.contains("Bergkäse"), "the page is not back");

    let tasks = json("appliance-control task list --json")?;
    let tasks = tasks.as_array().context("the list of tasks is no list")?;
    assert!(tasks.len() >= 8, "{tasks:?}");
    assert!(tasks.iter().all(|task| task["status"] == "ok"), "{tasks:?}");
    machine.sh("head -c 100000 /root/wiki.backup > /root/half.backup")?;
    let half = machine.shell("appliance-control restore moinmoin /root/half.backup 2>&1")?;
    assert_eq!(half.status.code(), Some(1), "half a backup was restored: {}", half.text());
    assert!(wiki.get("/Rezepte")?.ok()?.body.contains("Bergkäse"), "half a backup destroyed the page");
    Ok(())
}

/// The pictures of docs/images, when they are asked for.
fn pictures(machine: &Machine, browser: &Browser) -> Result<()> {
    let Some(folder) = env::var_os("VAT_SCREENSHOTS").map(PathBuf::from) else { return Ok(()) };
    browser.open(&page(machine, "/"))?;
    browser.screenshot(&folder.join("overview.png"))?;
    browser.open(&page(machine, "/tasks"))?;
    browser.click_text("Install updates")?;
    browser.click_text("Output")?;
    browser.screenshot(&folder.join("task.png"))?;
    for (file, width, height, dark) in
        [("overview-dark.png", 1280, 900, true), ("overview-phone.png", 390, 844, false)]
    {
        let other = Browser::start(width, height, dark)?;
        sign_in(machine, &other)?;
        other.screenshot(&folder.join(file))?;
    }
    Ok(())
}

#[test]
fn the_page_survives_its_own_upgrade() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (dist, lab, repository) = own_lab(folder.path())?;
    let machine = machine_with_tools(&lab, &dist, "upgrade")?;
    apt(&machine, &["install", "appliance-control"])?;
    let browser = Browser::start(1280, 900, false)?;
    sign_in(&machine, &browser)?;
    publish_version(&dist, &repository, "packaging/appliance-control", "0.1.1")?;
    browser.open(&page(&machine, "/updates"))?;
    browser.click_text("Look for updates")?;
    watch(&browser, "")?;

    let process = "systemctl show --property MainPID --value appliance-control.service";
    let before = machine.sh(process)?;
    browser.open(&page(&machine, "/updates"))?;
    browser.click_text("Install updates")?;
    watch(&browser, "Setting up appliance-control (0.1.1)")?;
    assert!(browser.text()?.contains("Sign out"), "signed out by the upgrade: {}", browser.text()?);
    // Debian may have updates of its own for the machine
    let text = browser.text()?;
    assert!(text.contains("1 package was updated") || text.contains("packages were updated"), "{text}");
    assert_ne!(machine.sh(process)?, before, "the old program still runs");
    assert!(machine.sh("dpkg-query -W appliance-control")?.contains("0.1.1"));
    Ok(())
}
