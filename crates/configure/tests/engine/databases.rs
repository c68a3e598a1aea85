//! Databases: made once, kept as they are, never taken from somebody else, never dropped.

use crate::machine::Lab;
use configure::{Error, knowledge, plan};

const BOOK: &str = r#"
    [[database]]
    engine = "mariadb"
    name = "guest_book"
    user = "guest"
    [[file]]
    path = "/etc/book.conf"
    template = "files/book.conf"
    mode = "0600"
"#;
const FILES: [(&str, &str); 1] =
    [("files/book.conf", "{{ database.guest_book.user }}:{{ database.guest_book.password }}\n")];

fn secret(lab: &Lab) -> String {
    lab.read("/var/lib/appliances/wiki/secrets/database-guest-book")
}

#[test]
fn a_database_is_made_with_its_user_and_a_second_run_changes_nothing() {
    let lab = Lab::new();
    let installed = lab.install(BOOK, &FILES);
    lab.system.server.borrow_mut().stopped = true;
    lab.system.units.borrow_mut().insert("mariadb.service".into(), ("enabled".into(), false));
    let outcome = lab.apply(&installed).unwrap();
    assert!(outcome.changed.contains(&"database guest_book (mariadb) made".to_owned()), "{outcome:?}");
    assert!(outcome.changed.contains(&"unit mariadb.service: start".to_owned()), "{outcome:?}");
    let password = secret(&lab);
    assert_eq!(password.len(), 32);
    assert_eq!(lab.read("/etc/book.conf"), format!("guest:{password}\n"));
    {
        let server = lab.system.server.borrow();
        assert_eq!(server.databases["guest_book"], "appliance wiki");
        assert_eq!(server.users["guest"], password);
    }
    assert_eq!(lab.apply(&installed).unwrap().changed, Vec::<String>::new());

    // drift is seen and mended; what only the password tells is left to those who may read it
    lab.system.server.borrow_mut().users.insert("guest".into(), "other".into());
    assert_eq!(plan::drift(&lab.machine, &lab.system, &installed).unwrap(), []);
    let knowledge = knowledge::look(&lab.machine, &installed).unwrap();
    let found = plan::plan(&lab.machine, &lab.system, &installed, &knowledge).unwrap();
    assert_eq!(
        found[0].in_one_line(),
        "database guest_book (mariadb) (password is another one, not the appliance's)"
    );
    lab.apply(&installed).unwrap();
    assert_eq!(lab.system.server.borrow().users["guest"], password);
    lab.system.server.borrow_mut().users.clear();
    assert_eq!(plan::drift(&lab.machine, &lab.system, &installed).unwrap().len(), 1);
    lab.apply(&installed).unwrap();

    // it is data: it stays, and is known again
    let outcome = lab.undo(&installed).unwrap();
    assert!(outcome.notes[0].contains("stays: it holds data"), "{outcome:?}");
    assert!(lab.system.server.borrow().databases.contains_key("guest_book"));
    std::fs::remove_dir_all(lab.path("/var/lib/appliances")).unwrap();
    lab.apply(&installed).unwrap();
    assert_eq!(lab.system.server.borrow().users["guest"], secret(&lab));
    assert_ne!(secret(&lab), password);
    assert!(!lab.system.server.borrow().heard.iter().any(|sql| sql.contains("DROP")));
}

#[test]
fn what_is_somebody_elses_is_not_taken() {
    let lab = Lab::new();
    let installed = lab.install(BOOK, &FILES);
    let refused = || match lab.apply(&installed) {
        Err(Error::Database { message, .. }) => message,
        other => panic!("{other:?}"),
    };
    lab.system.server.borrow_mut().databases.insert("guest_book".into(), String::new());
    assert!(refused().contains("a database \"guest_book\" that is not this appliance's"));
    lab.system.server.borrow_mut().databases.clear();
    lab.system.server.borrow_mut().users.insert("guest".into(), "theirs".into());
    assert!(refused().contains("a user \"guest\" that is not this appliance's"));
    assert_eq!(lab.system.server.borrow().users["guest"], "theirs");
    assert!(lab.system.server.borrow().databases.is_empty());

    // and not although the database is the appliance's, from an earlier installation
    lab.system.server.borrow_mut().databases.insert("guest_book".into(), "appliance wiki".into());
    assert!(refused().contains("a user \"guest\" that is not this appliance's"));
    assert_eq!(lab.system.server.borrow().users["guest"], "theirs");
    lab.system.server.borrow_mut().granted.insert("guest".into());
    lab.apply(&installed).unwrap();
    assert_eq!(lab.system.server.borrow().users["guest"], secret(&lab));
}

#[test]
fn no_database_is_made_where_no_services_run() {
    let lab = Lab::new();
    lab.system.booted.set(false);
    let outcome = lab.apply(&lab.install(BOOK, &FILES)).unwrap();
    assert!(outcome.notes[0].contains("no services run here"), "{outcome:?}");
    assert!(lab.system.server.borrow().heard.is_empty());
}

const MAIL: &str = "[[database]]\nengine = 'mariadb'\npackage = 'round-cube'\n";

fn configured(install: &str, name: &str) -> String {
    format!(
        "dbc_install='{install}'\ndbc_dbtype='mysql'\ndbc_dbuser='roundcube'\ndbc_dbname='{name}'\n\
         dbc_dbpass='kept'\ndbc_dbserver=''\n"
    )
}

#[test]
fn what_dbconfig_common_missed_is_made_up_for() {
    let lab = Lab::new();
    let installed = lab.install(MAIL, &[]);
    lab.write("/etc/dbconfig-common/round-cube.conf", &configured("true", "roundcube"), 0o600);
    lab.write(
        "/usr/share/dbconfig-common/data/round-cube/install/mysql",
        "CREATE TABLE mails (x INT);\n",
        0o644,
    );
    let outcome = lab.apply(&installed).unwrap();
    assert_eq!(outcome.changed.len(), 2, "{outcome:?}");
    {
        let server = lab.system.server.borrow();
        // the password that the package has counts
        assert_eq!(server.users["roundcube"], "kept");
        assert_eq!(server.tables, ["CREATE TABLE mails (x INT);"]);
    }
}

#[test]
fn what_an_administrator_told_dbconfig_common_counts() {
    let lab = Lab::new();
    let installed = lab.install(MAIL, &[]);
    for (install, name, reason) in
        [("false", "roundcube", "needs no help"), ("true", "mine", "uses mine of roundcube")]
    {
        lab.write("/etc/dbconfig-common/round-cube.conf", &configured(install, name), 0o600);
        let outcome = lab.apply(&installed).unwrap();
        assert!(outcome.notes[0].contains(reason), "{outcome:?}");
        assert!(lab.system.server.borrow().databases.is_empty());
    }
}
