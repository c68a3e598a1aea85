//! Every page in a real Chromium, looked over by axe (the accessibility checker axe-core): light and dark, on a desk and on a telephone. A
//! new page is looked at by itself: the pages are those of the table of routes. With VAT_SCREENSHOTS=FOLDER in the environment it leaves
//! a picture of each in FOLDER.

#![allow(clippy::unwrap_used, reason = "what breaks in here breaks the test")]

mod client;
mod fake;

use client::{Page, address};
use control::web::{api::Gives, routes};
use exec::Program;
use fake::accounts;
use sha2::{Digest, Sha512};
use std::{fs, path::PathBuf, time::Duration};
use testbed::{browser::Browser, host};

const PATIENCE: Duration = Duration::from_secs(20);
const AXE: &str = "axe-core@4.14.1";
/// Of the package as the registry has it.
const AXE_SHA512: &str = "1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5";
/// Looks at the whole document; what it finds, one a line.
const LOOK: &str = "return axe.run(document, { resultTypes: ['violations'] }).then(found => found.violations.map(v => \
     v.id + ': ' + v.help + '\\n' + v.nodes.map(n => '    ' + n.html.slice(0, 300) + '\\n    ' + n.failureSummary).join('\\n')).join('\\n'))";

/// axe's script, fetched by npm once and kept.
fn axe() -> String {
    let folder = host::cache().unwrap();
    let archive: PathBuf = folder.join("axe-core-4.14.1.tgz");
    if !archive.exists() {
        host::need(&[("npm", "npm")]).unwrap();
        fs::create_dir_all(&folder).unwrap();
        let pack = Program::new("npm").inherit_env().args(["pack", "--silent", AXE, "--pack-destination"]);
        pack.arg(&folder).run().unwrap();
    }
    let sum: String =
        Sha512::digest(fs::read(&archive).unwrap()).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(sum, AXE_SHA512, "{} is not what was looked at: remove it", archive.display());
    let script = Program::new("tar").arg("-xzOf").arg(&archive).arg("package/axe.min.js");
    script.run().unwrap().text()
}

/// What there is to find on the page that is open.
fn faults(browser: &Browser, look: &str, place: &str) -> String {
    if let Some(folder) = std::env::var_os("VAT_SCREENSHOTS") {
        fs::create_dir_all(&folder).unwrap();
        browser.screenshot(&PathBuf::from(folder).join(place.replace('/', "_") + ".png")).unwrap();
    }
    let says = browser.script(look).unwrap();
    let mut found = says.as_str().unwrap_or("axe says nothing").to_owned();
    let wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    let over = browser.script(wide).unwrap();
    if over.as_u64() != Some(0) {
        found += &format!("\nit is too wide by {over}");
    }
    if found.is_empty() { found } else { format!("{place}:\n{found}\n") }
}

#[test]
fn axe_finds_nothing_on_any_page() {
    let (page, axe) = (Page::start(), axe());
    let site = format!("https://{}", page.address);
    let look = format!("{axe};\n{LOOK}");
    let mut found = String::new();
    for (width, dark) in [(1280, false), (1280, true), (390, false), (390, true)] {
        let browser = Browser::start(width, 900, dark).unwrap();
        page.fake.state(|s| s.redeemed = 0);
        let name = |place: &str| format!("{place} at {width} px{}", if dark { ", dark" } else { "" });
        let see = |path: &str| {
            browser.open(&format!("{site}{path}")).unwrap();
            faults(&browser, &look, &name(path))
        };
        let then = |button: &str, shows: &str| {
            browser.click_text(button).unwrap();
            browser.wait_for_text(shows, PATIENCE).unwrap();
            faults(&browser, &look, &name(&format!("after {button}")))
        };
        let sign_in = |name: &str, password: &str, shows: &str| {
            browser.replace("[name=name]", name).unwrap();
            browser.fill("[name=password]", password).unwrap();
            then("Sign in", shows)
        };
        found += &see(&format!("/link/{}", fake::LINK));
        found += &see("/sign-in");
        found += &sign_in("bob", "wrong", "do not fit together");
        found += &sign_in("bob", "right", "Sign out");
        found += &see("/account");
        found += &then("Set it up", "Read this picture");
        browser.fill("[name=code]", accounts::CODE).unwrap();
        found += &then("Turn it on", "Recovery codes");
        found += &then("Sign out", "With your account");
        page.fake.state(|s| s.ended.clear());
        found += &sign_in("ada", "right", "Second factor");
        browser.fill("[name=code]", accounts::CODE).unwrap();
        found += &then("Go on", "Sign out");
        let for_people = |gives| matches!(gives, Gives::Page | Gives::Json(_));
        for route in routes::table().iter().filter(|r| r.verb == "GET" && for_people(r.gives)) {
            if !route.path.starts_with("/static/") && !route.path.starts_with("/link/") {
                found += &see(&address(route));
            }
        }
        for path in [fake::RUNNING, fake::FAILED, fake::BACKUP].map(|id| format!("/tasks/{id}")) {
            found += &see(&path);
        }
        for path in ["/nothing-here", "/updates/plan?p=openssl", "/tasks?q=nothing+like+this"] {
            found += &see(path);
        }
    }
    assert!(found.is_empty(), "{found}");
}
