//! What databases hold: saved, put back, brought back when that fails, and gone with the data. Their names are words of SQL.

use anyhow::{Result, ensure};
use scenarios::{apt, lab_with, machine_with_tools, vainstall};
use testbed::Machine;

/// Statements of the database's own user, as an application sends them.
fn mariadb(machine: &Machine, statements: &str) -> Result<String> {
    let client =
        "MYSQL_PWD=$(appliance-configure secret ledger database-order) mariadb -BN -u order -D order";
    Ok(machine.sh(&format!("{client} <<'END'\n{statements}\nEND"))?.trim().to_owned())
}

fn postgresql(machine: &Machine, statements: &str) -> Result<String> {
    let client = "PGPASSWORD=$(appliance-configure secret ledger database-user) psql -XAtq -v ON_ERROR_STOP=1 \
                  -h 127.0.0.1 -U user -d user";
    Ok(machine.sh(&format!("{client} <<'END'\n{statements}\nEND"))?.trim().to_owned())
}

fn fill(machine: &Machine) -> Result<()> {
    mariadb(
        machine,
        "CREATE TABLE entries (id INT AUTO_INCREMENT PRIMARY KEY, said TEXT, picture BLOB);\n\
         CREATE VIEW told AS SELECT said FROM entries;\n\
         DELIMITER //\n\
         CREATE TRIGGER loud BEFORE INSERT ON entries FOR EACH ROW BEGIN SET NEW.said = UPPER(NEW.said); END//\n\
         DELIMITER ;\n\
         INSERT INTO entries (said, picture) VALUES ('käse; -- \\\\! id', X'00FF0A');",
    )?;
    postgresql(
        machine,
        "CREATE TABLE entries (id serial PRIMARY KEY, said text);\n\
         CREATE SCHEMA attic; CREATE TABLE attic.old (x int); INSERT INTO attic.old VALUES (7);\n\
         CREATE FUNCTION twice(x int) RETURNS int LANGUAGE sql AS 'SELECT x * 2';\n\
         INSERT INTO entries (said) VALUES ('käse; \\\\! id');",
    )?;
    Ok(())
}

/// All that the application would see.
fn content(machine: &Machine) -> Result<[String; 2]> {
    Ok([
        mariadb(machine, "SHOW TABLES; SELECT id, said, HEX(picture) FROM entries; SELECT * FROM told;")?,
        postgresql(
            machine,
            "SELECT schemaname, tablename FROM pg_tables WHERE tableowner = 'user' ORDER BY 1, 2;\n\
             SELECT id, said, twice(id) FROM entries; SELECT x FROM attic.old;",
        )?,
    ])
}

fn change(machine: &Machine) -> Result<()> {
    mariadb(
        machine,
        "DELETE FROM entries; CREATE TABLE later (x INT); INSERT INTO entries (said) VALUES ('b');",
    )?;
    postgresql(
        machine,
        "DELETE FROM entries; CREATE TABLE later (x int); INSERT INTO entries (said) VALUES ('b');",
    )?;
    Ok(())
}

#[test]
fn databases_are_saved_and_put_back_and_go_with_the_data() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (dist, lab) = lab_with(folder.path(), "ledger")?;
    let machine = machine_with_tools(&lab, &dist, "ledger")?;
    // the owner's own servers stay through all of it
    apt(&machine, &["install", "mariadb-server", "postgresql", "zstd"])?;
    vainstall(&machine, &["ledger"]).run()?;
    machine.sh("appliance-configure diff ledger")?;
    fill(&machine)?;
    let saved = content(&machine)?;
    assert!(saved[0].contains("KÄSE; -- \\\\! ID\t00FF0A"), "{saved:?}");

    // as the page does it, in its sandbox
    machine.sh("appliance-control backup ledger -o /root/backup.tar.zst")?;
    let listed = machine.sh("zstd -dc /root/backup.tar.zst | tar -t")?;
    for name in ["order.mariadb", "user.postgresql"] {
        assert!(listed.contains(&format!("files/var/lib/appliances/ledger/databases/{name}\n")), "{listed}");
    }
    change(&machine)?;
    let changed = content(&machine)?;
    ensure!(changed[0] != saved[0] && changed[1] != saved[1]);
    machine.sh("appliance-control restore ledger /root/backup.tar.zst")?;
    assert_eq!(content(&machine)?, saved);
    // the trigger and the sequence go on where they were
    mariadb(&machine, "INSERT INTO entries (said) VALUES ('again')")?;
    assert_eq!(mariadb(&machine, "SELECT id, said FROM entries WHERE id > 1")?, "2\tAGAIN");
    assert_eq!(postgresql(&machine, "INSERT INTO entries (said) VALUES ('again') RETURNING id")?, "2");
    machine.sh("appliance-configure diff ledger")?;

    // what its user may not make is not made by the administrator for him: the present content comes back
    machine.sh("mariadb order -e 'CREATE DEFINER=root@localhost VIEW foreign_view AS SELECT 1'")?;
    machine.sh("appliance-backup create ledger --output /root/foreign.tar.zst")?;
    machine.sh("mariadb order -e 'DROP VIEW foreign_view'")?;
    change(&machine)?;
    let present = content(&machine)?;
    let failed = machine.shell("appliance-backup restore ledger /root/foreign.tar.zst")?;
    let said = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(!failed.success() && said.contains("the saved content does not go in"), "{said}");
    assert_eq!(content(&machine)?, present);
    assert_eq!(machine.sh("ls /var/lib/appliances/ledger | grep -c databases || true")?.trim(), "0");
    let secret = machine.sh("appliance-configure secret ledger database-order")?;
    let logged = machine.shell(&format!("grep -rlF -- '{}' /var/log", secret.trim()))?;
    assert_eq!(logged.text(), "");

    vainstall(&machine, &["--remove", "ledger", "--delete-data"]).run()?;
    let left =
        "mariadb -BN -e \"SHOW DATABASES LIKE 'order'; SELECT User FROM mysql.user WHERE User = 'order'\"";
    assert_eq!(machine.sh(left)?, "");
    let left = "SELECT datname FROM pg_database WHERE datname = 'user' UNION SELECT rolname FROM pg_roles WHERE rolname = 'user'";
    assert_eq!(machine.sh(&format!("runuser -u postgres -- psql -XAtq -c \"{left}\""))?, "");
    Ok(())
}

#[test]
fn a_user_of_the_server_that_is_somebody_elses_is_not_taken_with_a_database_that_is_not() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (dist, lab) = lab_with(folder.path(), "ledger")?;
    let machine = machine_with_tools(&lab, &dist, "users")?;
    apt(&machine, &["install", "mariadb-server", "postgresql"])?;
    let psql = |sql: &str| machine.sh(&format!("cd / && runuser -u postgres -- psql -XAtq -c \"{sql}\""));
    machine.sh("mariadb -e 'CREATE DATABASE `order` COMMENT \"appliance ledger\"'")?;
    psql("CREATE DATABASE \\\"user\\\"")?;
    psql("COMMENT ON DATABASE \\\"user\\\" IS 'appliance ledger'")?;
    machine.sh("mariadb -e 'CREATE USER `order`@localhost IDENTIFIED BY \"theirs\"'")?;
    let refused = |who: &str| -> Result<()> {
        let refused = vainstall(&machine, &["ledger"]).output()?;
        let said = format!("{}{}", refused.text(), String::from_utf8_lossy(&refused.stderr));
        ensure!(
            !refused.success() && said.contains(&format!("a user \"{who}\" that is not this appliance's")),
            "{said}"
        );
        Ok(())
    };
    refused("order")?;
    assert_eq!(machine.sh("MYSQL_PWD=theirs mariadb -BN -u order -e 'SELECT 1'")?.trim(), "1");
    machine.sh("mariadb -e 'DROP USER `order`@localhost'")?;
    psql("CREATE ROLE \\\"user\\\" LOGIN PASSWORD 'theirs'")?;
    refused("user")?;
    assert_eq!(
        machine.sh("PGPASSWORD=theirs psql -XAtq -h 127.0.0.1 -U user -d postgres -c 'SELECT 1'")?.trim(),
        "1"
    );
    // nor dropped with the data
    vainstall(&machine, &["--remove", "ledger", "--delete-data"]).run()?;
    assert_eq!(psql("SELECT rolname FROM pg_roles WHERE rolname = 'user'")?.trim(), "user");
    assert_eq!(psql("SELECT datname FROM pg_database WHERE datname = 'user'")?.trim(), "");
    Ok(())
}
