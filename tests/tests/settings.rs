//! An appliance's answers, changed on its settings page in a real browser and on the command line.
//!
//! With VAT_SCREENSHOTS=FOLDER in the environment it leaves pictures of the page there.

use anyhow::Result;
use scenarios::{
    apt, lab, machine_with_tools,
    page::{sign_in, url, watch},
    vainstall,
    wiki::Wiki,
};
use std::{env, path::PathBuf, time::Duration};
use testbed::{Machine, browser::Browser};

const SOON: Duration = Duration::from_secs(20);
const FIRST: &str = "the first password";
const SECOND: &str = "Zwölf große Käse'\"$x";
const THIRD: &str = "a third one of mine";

#[test]
fn answers_are_changed_in_the_page() -> Result<()> {
    let (dist, lab) = lab()?;
    let machine = machine_with_tools(&lab, &dist, "settings")?;
    let answers = format!("wiki-name: First Wiki\nadmin-password: {FIRST}\n");
    std::fs::write(machine.root().join("root/answers.yaml"), answers)?;
    machine.sh("chmod 600 /root/answers.yaml")?;
    vainstall(&machine, &["moinmoin", "--answers", "/root/answers.yaml"]).run()?;
    machine.sh("rm /root/answers.yaml")?;
    let browser = Browser::start(1280, 900, false)?;
    sign_in(&machine, &browser)?;

    a_wrong_answer_is_refused_and_nothing_typed_is_lost(&machine, &browser)?;
    right_answers_are_applied(&machine, &browser)?;
    the_second_of_two_is_told(&machine, &browser)?;
    the_same_by_command_line(&machine)?;
    no_secret_is_left_behind(&machine)
}

fn value(browser: &Browser, question: &str) -> Result<String> {
    let value = browser.script(&format!("return document.getElementById('q-{question}').value"))?;
    Ok(value.as_str().unwrap_or_default().to_owned())
}

fn a_wrong_answer_is_refused_and_nothing_typed_is_lost(machine: &Machine, browser: &Browser) -> Result<()> {
    browser.open(&url(machine, "/"))?;
    browser.click_text("Settings")?;
    browser.wait_for_text("Settings of", SOON)?;
    assert_eq!(value(browser, "wiki-name")?, "First Wiki");
    assert_eq!(value(browser, "admin-name")?, "admin");
    assert_eq!(value(browser, "admin-password")?, "");
    pictures(machine, "settings")?;
    browser.replace("#q-wiki-name", "Ada's \"Wiki\" & more")?;
    browser.replace("#q-admin-email", "ada at example.org")?;
    browser.fill("#q-admin-password", SECOND)?;
    browser.click_text("Save and apply")?;
    browser.wait_for_text("Must be a mail address such as ada@example.org.", SOON)?;
    assert_eq!(value(browser, "wiki-name")?, "Ada's \"Wiki\" & more");
    assert_eq!(value(browser, "admin-email")?, "ada at example.org");
    assert_eq!(value(browser, "admin-password")?, "", "a password came back");
    assert!(browser.text()?.contains("Type it again"), "{}", browser.text()?);
    if let Some(folder) = env::var_os("VAT_SCREENSHOTS").map(PathBuf::from) {
        browser.screenshot(&folder.join("settings-wrong.png"))?;
    }
    let wiki = Wiki::on(machine)?;
    assert_eq!(wiki.title()?, "Home - First Wiki");
    assert!(wiki.sign_in("admin", FIRST)?, "the password has changed");
    assert_eq!(machine.sh("appliance-control task list --json")?.trim(), "[]", "a task was started");
    Ok(())
}

fn right_answers_are_applied(machine: &Machine, browser: &Browser) -> Result<()> {
    browser.replace("#q-admin-email", "ada@example.org")?;
    browser.fill("#q-admin-password", SECOND)?;
    browser.click_text("Save and apply")?;
    watch(browser, "wiki-name changes")?;
    let text = browser.text()?;
    assert!(text.contains("has its new answers, and works"), "{text}");
    assert_eq!(Wiki::on(machine)?.title()?, "Home - Ada's \"Wiki\" & more");
    assert!(Wiki::on(machine)?.sign_in("admin", SECOND)?, "the new password is not taken");
    assert!(!Wiki::on(machine)?.sign_in("admin", FIRST)?, "the old password is taken");
    all_is_as_it_should_be(machine)?;
    browser.click_text("Back to the settings")?;
    browser.wait_for_text("Settings of", SOON)?;
    assert_eq!(value(browser, "admin-email")?, "ada@example.org");
    browser.click_text("Save and apply")?;
    browser.wait_for_text("these answers are in use already", SOON)?;

    // an upgrade reads debconf's copy first: it has the new answers
    apt(machine, &["install", "--reinstall", "moinmoin-appliance"])?;
    assert_eq!(Wiki::on(machine)?.title()?, "Home - Ada's \"Wiki\" & more");
    assert!(Wiki::on(machine)?.sign_in("admin", SECOND)?, "the upgrade took the new password away");
    Ok(())
}

fn all_is_as_it_should_be(machine: &Machine) -> Result<()> {
    machine.run(&["appliance-configure", "diff", "moinmoin"])?;
    let plan = machine.sh("appliance-configure plan moinmoin")?;
    assert!(plan.contains("nothing to change"), "{plan}");
    machine.run(&["appliance-configure", "health", "moinmoin"])?;
    Ok(())
}

fn the_second_of_two_is_told(machine: &Machine, browser: &Browser) -> Result<()> {
    browser.open(&url(machine, "/settings/moinmoin"))?;
    machine.sh("appliance-control settings moinmoin wiki-name='Of the shell'")?;
    assert_eq!(Wiki::on(machine)?.title()?, "Home - Of the shell");
    browser.replace("#q-wiki-name", "Of the page")?;
    browser.click_text("Save and apply")?;
    browser.wait_for_text("Somebody else has changed the answers", SOON)?;
    assert!(browser.text()?.contains("In use now: Of the shell"), "{}", browser.text()?);
    assert_eq!(value(browser, "wiki-name")?, "Of the page");
    assert_eq!(Wiki::on(machine)?.title()?, "Home - Of the shell");
    browser.click_text("Save and apply")?;
    watch(browser, "wiki-name changes")?;
    assert_eq!(Wiki::on(machine)?.title()?, "Home - Of the page");
    Ok(())
}

fn the_same_by_command_line(machine: &Machine) -> Result<()> {
    let shown = machine.sh("appliance-control settings moinmoin")?;
    assert!(shown.contains("Of the page") && shown.contains("(kept secret)"), "{shown}");
    let wrong = "appliance-control settings moinmoin admin-email=nobody wiki-nam=x 2>&1";
    let wrong = machine.shell(wrong)?;
    assert_eq!(wrong.status.code(), Some(2), "{}", wrong.text());
    for part in
        ["nothing was changed", "must be a mail address such as ada@example.org", "did you mean wiki-name?"]
    {
        assert!(wrong.text().contains(part), "{part:?} is missing:\n{}", wrong.text());
    }
    let argument = machine.shell("appliance-control settings moinmoin admin-password=x 2>&1")?;
    assert_eq!(argument.status.code(), Some(2), "{}", argument.text());
    assert!(argument.text().contains("admin-password=@FILE"), "{}", argument.text());
    let file = format!("wiki-name = 'From a file'\nadmin-password = '{THIRD}'\n");
    let program = machine.program("appliance-control").args(["settings", "moinmoin", "--answers", "-"]);
    program.stdin(file).run()?;
    assert_eq!(Wiki::on(machine)?.title()?, "Home - From a file");
    assert!(Wiki::on(machine)?.sign_in("admin", THIRD)?, "the password of the file is not taken");
    all_is_as_it_should_be(machine)
}

fn no_secret_is_left_behind(machine: &Machine) -> Result<()> {
    for secret in [SECOND, THIRD] {
        let places = "/var/lib/appliance-broker /var/cache/debconf /var/log /run /etc";
        let found = machine
            .program("sh")
            .args([
                "-c",
                &format!("grep -rlF -e \"$0\" {places}; journalctl -b | grep -cF -e \"$0\""),
                secret,
            ])
            .output()?;
        assert_eq!(found.text().trim(), "0", "{secret:?} is in:\n{}", found.text());
    }
    Ok(())
}

/// As a person sees the form on other screens.
fn pictures(machine: &Machine, name: &str) -> Result<()> {
    let Some(folder) = env::var_os("VAT_SCREENSHOTS").map(PathBuf::from) else { return Ok(()) };
    for (ending, width, height, dark) in
        [("", 1280, 900, false), ("-dark", 1280, 900, true), ("-phone", 390, 844, false)]
    {
        let browser = Browser::start(width, height, dark)?;
        sign_in(machine, &browser)?;
        browser.open(&url(machine, "/settings/moinmoin"))?;
        browser.screenshot(&folder.join(format!("{name}{ending}.png")))?;
    }
    Ok(())
}
