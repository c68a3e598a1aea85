//! Databases: by declaration and through dbconfig-common, with their server up before those who need it, and given
//! back as they were made.

use anyhow::{Context, Result, ensure};
use scenarios::{Dist, apt, client::Client, definitions, lab_with, machine, machine_with_tools, vainstall};
use std::{path::Path, time::Duration};
use testbed::{Lab, Machine, machine::wait_until};

fn sql(machine: &Machine, statement: &str) -> Result<String> {
    Ok(machine.program("mariadb").args(["-BN", "-e", statement]).run()?.text().trim().to_owned())
}

fn psql(machine: &Machine, statement: &str) -> Result<String> {
    let arguments = ["-u", "postgres", "--", "psql", "-XAtq", "-c", statement];
    Ok(machine.program("runuser").args(arguments).run()?.text().trim().to_owned())
}

/// The login page keeps its visitor's session in the database.
fn assert_webmail_works(machine: &Machine) -> Result<()> {
    let sessions = || sql(machine, "SELECT COUNT(*) FROM roundcube.session");
    let before: u32 = sessions()?.parse()?;
    let page = Client::new()?.get(&format!("http://{}/roundcube/", machine.address))?.ok()?;
    ensure!(page.body.contains("rcmloginuser"), "no login page:\n{}", page.body);
    assert_eq!(sessions()?.parse::<u32>()?, before + 1);
    Ok(())
}

/// Nothing of a password is left with debconf, nor in a log.
fn assert_secret(machine: &Machine, appliance: &str, question: &str) -> Result<String> {
    let secret = machine.sh(&format!("appliance-configure secret {appliance} {question}"))?.trim().to_owned();
    assert_eq!(secret.len(), 32);
    let known = machine
        .shell(&format!("grep -rlF -- '{secret}' /var/cache/debconf /var/log /usr/share/appliances"))?;
    assert_eq!(known.text(), "", "it is known elsewhere");
    Ok(secret)
}

fn assert_configured(machine: &Machine, appliance: &str) -> Result<()> {
    machine.sh(&format!("appliance-configure diff {appliance}"))?;
    let again = machine.sh(&format!("appliance-configure apply {appliance}"))?;
    assert!(again.contains("nothing to change"), "{again}");
    Ok(())
}

fn packages(machine: &Machine) -> Result<String> {
    machine.sh("dpkg-query -W -f '${Package} ${Status}\\n'")
}

#[test]
fn a_package_finds_its_server_running_also_after_a_kill_and_all_is_given_back() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (dist, lab) = lab_with(folder.path(), "webmail")?;
    let machine = machine_with_tools(&lab, &dist, "webmail")?;
    let before = packages(&machine)?;
    let planned = vainstall(&machine, &["webmail", "--dry-run", "--json"]).run()?.text();
    let planned: serde_json::Value = serde_json::from_str(&planned)?;
    assert_eq!(planned["plan"]["before"][0], "mariadb-server", "{planned}");
    assert!(planned["plan"]["install"].to_string().contains("roundcube-core "), "{planned}");

    machine.sh("setsid vainstall webmail --non-interactive > /root/log 2>&1 & echo $! > /root/pid")?;
    let configuring = || machine.shell("grep -q ' configure mariadb-server:' /var/log/dpkg.log");
    let seen = wait_until(Duration::from_secs(240), || configuring().is_ok_and(|o| o.success()));
    ensure!(seen, "{}", machine.sh("cat /root/log")?);
    machine.sh("kill -9 -- -$(cat /root/pid); for p in $(pgrep -x 'dpkg|apt-get'); do kill -9 $p; done")?;
    assert_eq!(machine.sh("dpkg-query -W -f '${Status}' roundcube-core || true")?, "", "both in one run");
    // the script that dpkg had started lives on for a moment, and debconf is its own until then
    let gone = "! pgrep -x 'vainstall|dpkg|apt-get' && ! pgrep -f '[d]pkg/info/'";
    ensure!(wait_until(Duration::from_secs(60), || machine.shell(gone).is_ok_and(|o| o.success())));

    let done = vainstall(&machine, &["webmail"]).output()?;
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    ensure!(done.success(), "{said}");
    assert!(!done.text().contains("database-roundcube"), "a secret that nobody needs is shown");
    assert_webmail_works(&machine)?;
    assert_secret(&machine, "webmail", "database-roundcube")?;
    assert_configured(&machine, "webmail")?;
    assert_eq!(machine.sh("apt-mark showmanual mariadb-server")?, "");
    // answering again puts no password back
    machine.sh("DEBIAN_FRONTEND=noninteractive dpkg-reconfigure webmail-appliance-seed")?;
    assert_secret(&machine, "webmail", "database-roundcube")?;

    vainstall(&machine, &["--remove", "webmail", "--delete-data"]).run()?;
    assert_eq!(packages(&machine)?, before);
    let left = "ls -d /var/lib/mysql/* /etc/dbconfig-common/* /var/tmp/roundcube.* 2>/dev/null || true";
    assert_eq!(machine.sh(left)?, "");
    Ok(())
}

#[test]
fn plain_apt_ends_with_the_same_database_and_an_administrators_password_counts() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (dist, lab) = lab_with(folder.path(), "webmail")?;
    let machine = machine(&lab, &dist, "plain", "trixie")?;
    apt(&machine, &["install", "webmail-appliance"])?;
    assert_webmail_works(&machine)?;
    assert_secret(&machine, "webmail", "database-roundcube")?;
    assert_configured(&machine, "webmail")?;

    let second = lab.boot("told", "trixie")?;
    scenarios::name_repository(&second, &lab, &dist.key)?;
    second.run(&["apt-get", "-q", "update"])?;
    apt(&second, &["install", "appliance-tools"])?;
    second.run(&[
        "sh",
        "-c",
        "echo roundcube-core roundcube/db/dbname string mails | debconf-set-selections",
    ])?;
    let done = vainstall(&second, &["webmail"]).run()?;
    let said = done.text();
    assert!(
        said.contains("roundcube/db/dbname was answered with \"mails\" already, which is kept"),
        "{said}"
    );
    assert_eq!(sql(&second, "SHOW DATABASES LIKE 'roundcube'")?, "");
    assert_eq!(sql(&second, "SHOW TABLES FROM mails LIKE 'session'")?, "session");
    Ok(())
}

/// The webmail with the other server.
fn webmail_on_postgresql(folder: &Path) -> Result<(Dist, Lab)> {
    let changes =
        [("roundcube-mysql", "roundcube-pgsql"), ("engine = \"mariadb\"", "engine = \"postgresql\"")];
    let definition = definitions::altered("webmail", &changes, folder)?;
    let (dist, lab) = scenarios::lab()?;
    lab.http().serve_folder(&definitions::repository_with(&dist, folder, &definition)?);
    Ok((dist, lab))
}

fn assert_webmail_works_on_postgresql(machine: &Machine) -> Result<()> {
    let sessions = || {
        machine.sh("cd / && runuser -u postgres -- psql -XAtq -d roundcube -c 'SELECT COUNT(*) FROM session'")
    };
    let before: u32 = sessions()?.trim().parse()?;
    let page = Client::new()?.get(&format!("http://{}/roundcube/", machine.address))?.ok()?;
    ensure!(page.body.contains("rcmloginuser"), "no login page:\n{}", page.body);
    assert_eq!(sessions()?.trim().parse::<u32>()?, before + 1);
    assert_secret(machine, "webmail", "database-roundcube")?;
    assert_configured(machine, "webmail")
}

#[test]
fn a_server_that_is_down_when_a_package_wants_it_does_not_keep_the_next_run_from_ending() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (dist, lab) = webmail_on_postgresql(folder.path())?;
    let machine = machine_with_tools(&lab, &dist, "killed")?;
    machine.sh("setsid vainstall webmail --non-interactive > /root/log 2>&1 & echo $! > /root/pid")?;
    let configuring = || machine.shell("grep -q ' configure roundcube-core:' /var/log/dpkg.log");
    let seen = wait_until(Duration::from_secs(240), || configuring().is_ok_and(|o| o.success()));
    ensure!(seen, "{}", machine.sh("cat /root/log")?);
    machine.sh("kill -9 -- -$(cat /root/pid); for p in $(pgrep -x 'dpkg|apt-get'); do kill -9 $p; done")?;
    let gone = "! pgrep -x 'vainstall|dpkg|apt-get' && ! pgrep -f '[d]pkg/info/'";
    ensure!(wait_until(Duration::from_secs(60), || machine.shell(gone).is_ok_and(|o| o.success())));
    // half of a database is as bad as none, wherever the script was
    let psql = "runuser -u postgres -- psql -Xq";
    machine.sh(&format!("cd /; {psql} -c 'CREATE DATABASE roundcube'; {psql} -d roundcube -c 'CREATE TABLE session (x int)'; true"))?;
    machine.sh("systemctl stop postgresql")?;
    let done = vainstall(&machine, &["webmail"]).output()?;
    ensure!(done.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_webmail_works_on_postgresql(&machine)?;

    // where nothing may start, the package is configured without its database, and the appliance is not
    let second = machine_with_tools(&lab, &dist, "image")?;
    second
        .sh("printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d")?;
    let failed =
        apt(&second, &["install", "webmail-appliance"]).err().context("it ended without its database")?;
    ensure!(format!("{failed:#}").contains("webmail-appliance"), "{failed:#}");
    second.sh("rm /usr/sbin/policy-rc.d && systemctl start apache2")?;
    let done = vainstall(&second, &["webmail"]).output()?;
    ensure!(done.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_webmail_works_on_postgresql(&second)?;
    Ok(())
}

#[test]
fn a_declared_database_serves_its_application_and_outlives_it_unless_it_is_told_to_go() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (dist, lab) = lab_with(folder.path(), "guestbook")?;
    let machine = machine_with_tools(&lab, &dist, "guests")?;
    // the owner's own server stays through all of it
    apt(&machine, &["install", "postgresql"])?;
    let page = |machine: &Machine, path: &str| -> Result<String> {
        let page = Client::new()?.get(&format!("http://{}/guestbook/{path}", machine.address))?.ok()?;
        Ok(page.body.trim().to_owned())
    };
    vainstall(&machine, &["guestbook"]).run()?;
    assert_eq!(page(&machine, "?name=Ada")?, "1 guests");
    let first = assert_secret(&machine, "guestbook", "database-guest-book")?;
    assert_configured(&machine, "guestbook")?;
    assert_eq!(
        psql(&machine, "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'guest_book'")?,
        "UTF8"
    );

    // what was changed behind its back is seen, and mended
    psql(&machine, "ALTER ROLE guest PASSWORD 'other'")?;
    let plan = machine.sh("appliance-configure plan guestbook")?;
    assert!(plan.contains("password: another one"), "{plan}");
    machine.sh("appliance-configure apply guestbook")?;
    assert_eq!(page(&machine, "")?, "1 guests");

    vainstall(&machine, &["--remove", "guestbook"]).run()?;
    assert_eq!(psql(&machine, "SELECT datname FROM pg_database WHERE datname = 'guest_book'")?, "guest_book");
    let shown = Client::new()?.get(&format!("http://{}/guestbook/", machine.address));
    assert!(shown.is_err() || shown.is_ok_and(|page| page.status != 200), "it is served after its removal");

    // its data is known again, with a password of its own
    vainstall(&machine, &["guestbook"]).run()?;
    assert_eq!(page(&machine, "")?, "1 guests");
    assert_ne!(assert_secret(&machine, "guestbook", "database-guest-book")?, first);

    vainstall(&machine, &["--remove", "guestbook", "--delete-data"]).run()?;
    let left = "SELECT datname FROM pg_database WHERE datname = 'guest_book' UNION SELECT rolname FROM pg_roles WHERE rolname = 'guest'";
    assert_eq!(psql(&machine, left)?, "");

    // a database of that name that is somebody else's is not touched
    psql(&machine, "CREATE DATABASE guest_book")?;
    let refused = vainstall(&machine, &["guestbook"]).output()?;
    let said = format!("{}{}", refused.text(), String::from_utf8_lossy(&refused.stderr));
    assert!(!refused.success() && said.contains("that is not this appliance's"), "{said}");
    vainstall(&machine, &["--remove", "guestbook", "--delete-data"]).run()?;
    assert_eq!(psql(&machine, "SELECT count(*) FROM pg_database WHERE datname = 'guest_book'")?, "1");
    Ok(())
}
