//! Every page in a real Chromium, looked over by axe (the accessibility checker axe-core): light and dark, on a desk and on a telephone. A
//! new page is looked at by itself: the pages are those of the table of routes.

#![allow(clippy::unwrap_used, reason = "what breaks in here breaks the test")]

mod client;
mod fake;

use client::{Page, address};
use control::web::{api::Gives, routes};
use exec::Program;
use sha2::{Digest, Sha512};
use std::{fs, path::PathBuf};
use testbed::{browser::Browser, host};

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

#[test]
fn axe_finds_nothing_on_any_page() {
    let (page, axe) = (Page::start(), axe());
    let site = format!("https://{}", page.address);
    let look = format!("{axe};\n{LOOK}");
    let mut found = String::new();
    for (width, dark) in [(1280, false), (1280, true), (390, false), (390, true)] {
        let browser = Browser::start(width, 900, dark).unwrap();
        page.fake.state(|s| s.redeemed = 0);
        let mut see = |path: &str| {
            browser.open(&format!("{site}{path}")).unwrap();
            let says = browser.script(&look).unwrap();
            let says = says.as_str().unwrap_or("axe says nothing");
            if !says.is_empty() {
                found += &format!("{path} at {width} px{}:\n{says}\n", if dark { ", dark" } else { "" });
            }
            let wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
            let over = browser.script(wide).unwrap();
            if over.as_u64() != Some(0) {
                found += &format!("{path} at {width} px is too wide by {over}\n");
            }
        };
        let link = format!("/link/{}", fake::LINK);
        see("/sign-in");
        see(&link);
        browser.open(&format!("{site}{link}")).unwrap();
        browser.click("button").unwrap();
        browser.wait_for_text("Sign out", std::time::Duration::from_secs(20)).unwrap();
        let for_people = |gives| matches!(gives, Gives::Page | Gives::Json(_));
        for route in routes::table().iter().filter(|r| r.verb == "GET" && for_people(r.gives)) {
            if !route.path.starts_with("/static/") && !route.path.starts_with("/link/") {
                see(&address(route));
            }
        }
        for path in [fake::RUNNING, fake::FAILED, fake::BACKUP].map(|id| format!("/tasks/{id}")) {
            see(&path);
        }
        ["/nothing-here", "/updates/plan?p=openssl", "/tasks?q=nothing+like+this"]
            .into_iter()
            .for_each(&mut see);
    }
    assert!(found.is_empty(), "{found}");
}
