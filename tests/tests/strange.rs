//! A package that means no good, shown for what it is; and questions that no answer fits: nothing runs away, nothing is lost.

use anyhow::{Result, ensure};
use exec::Program;
use scenarios::{client::Answer, definitions, lab, machine_with_tools, setup_page::*, vainstall};
use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};
use tempfile::TempDir;
use testbed::{Lab, Machine, machine::wait_until};

/// What a terminal would obey: another title, an empty screen, red letters.
const ORDERS: [&str; 4] = ["\u{1b}]0;owned", "\u{1b}[2J<script>", "\u{1b}[31m", "\u{7}"];
const GREETING: &str = "a.0-strange/greeting";
const NEVER: &str = "a.0-strange/never";
const AGAIN: &str = "it did not take the answer of before";

/// A machine whose repository has the package and the appliance around it.
fn ready(name: &str) -> Result<(TempDir, Lab, Machine)> {
    let folder = tempfile::tempdir()?;
    let (dist, lab) = lab()?;
    let repository = definitions::repository_with(&dist, folder.path(), &definitions::path("strange"))?;
    let packages = folder.path().join("strange");
    fs::create_dir(&packages)?;
    package(&definitions::path("strange").join("../../packages/strange"), &packages)?;
    definitions::publish(&dist, &repository, &packages)?;
    lab.http().serve_folder(&repository);
    let machine = machine_with_tools(&lab, &dist, name)?;
    Ok((folder, lab, machine))
}

/// Builds it, with the control characters that no editor shows.
fn package(source: &Path, to: &Path) -> Result<()> {
    let tree = to.join("tree");
    Program::new("cp").arg("-a").arg(source).arg(&tree).run()?;
    for name in ["templates", "config", "postinst"] {
        let path = tree.join("DEBIAN").join(name);
        let text = fs::read_to_string(&path)?.replace("ESC", "\u{1b}").replace("BEL", "\u{7}");
        fs::write(&path, text)?;
        fs::set_permissions(
            &path,
            fs::Permissions::from_mode(if name == "templates" { 0o644 } else { 0o755 }),
        )?;
    }
    let built = Program::new("dpkg-deb").args(["--root-owner-group", "--build"]).arg(&tree);
    built.arg(to.join("strange_1.0_all.deb")).run()?;
    Ok(fs::remove_dir_all(&tree)?)
}

fn gives_no_orders(text: &str) {
    for order in ORDERS {
        assert!(!text.contains(order), "{order:?} is in: {text}");
    }
}

/// On a page nothing of a package is markup either.
fn is_only_text(page: &Answer) {
    gives_no_orders(&page.body);
    for markup in ["<script>alert", "<img", "<b>bold"] {
        assert!(!page.body.contains(markup), "{}", page.body);
    }
    assert!(page.body.contains("&#60;script&#62;alert(1)"), "{}", page.body);
}

fn installed(machine: &Machine) -> Result<bool> {
    Ok(machine.shell("dpkg-query -W -f '${db:Status-Abbrev}' strange 2>&1")?.text().starts_with("ii"))
}

#[test]
fn a_hostile_package_is_shown_for_what_it_is() -> Result<()> {
    let (_folder, _lab, machine) = ready("hostile")?;
    let refused = vainstall(&machine, &["strange"]).output()?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned() + &refused.text();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("strange/greeting") && said.contains("<script>alert(1)</script>"), "{said}");
    gives_no_orders(&said);

    start(&machine, "strange --set wants-code=false")?;
    let (client, form) = browser_at(&link(&machine, "")?)?;
    let root = beside(&form.url, "");
    let page = wait_for(&client, &root, GREETING)?;
    is_only_text(&page);
    assert!(page.body.contains("&#60;b&#62;bold&#60;/b&#62;"), "{}", page.body);
    send(&client, &page, &[(GREETING, "<b>bold</b>")])?.ok()?;
    let end = wait_for(&client, &root, "<h1>Done</h1>")?;
    gives_no_orders(&end.body);
    assert_eq!(status(&machine)?, 0);
    assert_eq!(machine.sh("cat /etc/strange.greeting")?.trim(), "<b>bold</b>");
    gives_no_orders(&(said_and_shown(&machine)?));

    vainstall(&machine, &["--remove", "strange"]).run()?;
    let typed = "printf '1\\n' | script -qefc 'vainstall strange --set wants-code=false' /root/screen";
    let answered = machine.shell(typed)?;
    assert!(answered.success(), "{}", answered.text());
    let screen = machine.sh("cat /root/screen")?;
    assert!(screen.contains("<script>alert(1)</script>") && screen.contains("stands here"), "{screen}");
    gives_no_orders(&screen);
    assert_eq!(machine.sh("cat /etc/strange.greeting")?.trim(), "plain");
    Ok(())
}

fn said_and_shown(machine: &Machine) -> Result<String> {
    Ok(said(machine) + &machine.sh("cat /root/out")?)
}

#[test]
fn what_no_answer_fits_is_asked_in_no_circle() -> Result<()> {
    let (_folder, _lab, machine) = ready("never")?;
    machine.sh("touch /etc/strange-never")?;
    // a person is told, and can leave
    start(&machine, "strange --set strange/greeting=plain")?;
    let (client, form) = browser_at(&link(&machine, "")?)?;
    let root = beside(&form.url, "");
    for code in ["x", "xx", "y"] {
        let again = send(&client, &form, &[("a.wants-code", "true"), ("a.code", code)])?;
        assert_eq!(again.status, 422, "{}", again.body);
        assert_eq!(again.field("a.code")?, code, "what was typed is lost");
    }
    send(&client, &form, &[("a.wants-code", "false")])?.ok()?;
    let first = wait_for(&client, &root, NEVER)?;
    assert!(!first.body.contains(AGAIN), "{}", first.body);
    send(&client, &first, &[(NEVER, "please")])?.ok()?;
    let second = wait_for(&client, &root, AGAIN)?;
    assert_ne!(second.field("number")?, first.field("number")?);
    machine.sh("kill -TERM $(cat /root/pid)")?;
    assert_eq!(status(&machine)?, 1, "{}", said(&machine));
    let text = said(&machine);
    assert!(
        text.contains("questions open on the page") && text.contains("nothing has been installed"),
        "{text}"
    );
    assert!(!installed(&machine)? && !is_open(&machine, 8443));
    ensure!(nobody_asks(&machine), "{}", machine.sh("ps ax")?);

    // with nobody there it ends by itself
    let greeting = ["--set", "strange/greeting=plain"];
    for (way, words) in [
        (&[][..], "packages ask what nobody has answered: strange/never"),
        (&["--accept-defaults"][..], "does not take its own default: strange/never"),
        (&["--set", "strange/never=x"][..], "packages ask what nobody has answered: strange/never"),
    ] {
        let program = vainstall(&machine, &[&["strange"], &greeting[..], way].concat());
        let refused = program.timeout(Duration::from_secs(120)).output()?;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{way:?}: {said}");
        assert!(said.contains(words) && said.contains("nothing has been installed"), "{way:?}: {said}");
        assert!(!installed(&machine)?);
    }

    machine.sh("rm /etc/strange-never")?;
    vainstall(&machine, &["strange", "--set", "strange/greeting=plain"]).run()?;
    assert!(installed(&machine)?);
    Ok(())
}

fn nobody_asks(machine: &Machine) -> bool {
    let quiet = "! pgrep -x 'vainstall|dpkg|apt-get|dpkg-preconfigu'";
    wait_until(LIMIT, || machine.shell(quiet).is_ok_and(|o| o.success()))
}
