//! The management page in a real browser.

use crate::client::sign_in_link;
use anyhow::Result;
use std::time::Duration;
use testbed::{Machine, browser::Browser, machine::wait_until};

const TASK: Duration = Duration::from_secs(180);

/// An address of the page.
pub fn url(machine: &Machine, path: &str) -> String {
    format!("https://{}:8080{path}", machine.address)
}

/// Signs in with a fresh link, which is given back, spent.
pub fn sign_in(machine: &Machine, browser: &Browser) -> Result<String> {
    let link = sign_in_link(machine)?;
    browser.open(&link)?;
    browser.click_text("Sign in")?;
    browser.wait_for_text("Overview", Duration::from_secs(10))?;
    Ok(link)
}

/// Watches the page of a task until it has a result, and says whether the line stood in its log while it ran.
pub fn watch(browser: &Browser, line: &str) -> Result<bool> {
    let (mut live, mut state) = (false, String::new());
    wait_until(TASK, || {
        let look = "return [document.querySelector('#task')?.dataset.state, \
                    document.querySelector('#log')?.textContent]";
        let seen = browser.script(look).unwrap_or_default();
        state = seen[0].as_str().unwrap_or_default().into();
        live |= state == "running" && seen[1].as_str().is_some_and(|log| log.contains(line));
        !matches!(state.as_str(), "running" | "")
    });
    assert_eq!(state, "ok", "{}", browser.text()?);
    let log = browser.script("return document.querySelector('#log').textContent")?;
    assert!(log.as_str().unwrap_or_default().contains(line), "no {line:?} in the log: {log}");
    Ok(live)
}
