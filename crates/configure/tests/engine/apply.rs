//! Applying once, twice, and after something has changed.

use crate::machine::Lab;
use configure::{Error, plan};
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
};

pub const WIKI: &str = r#"
    [[question]]
    name = "wiki-name"
    prompt = "Name"
    default = "My Wiki"
    [[question]]
    name = "admin-password"
    prompt = "Password"
    type = "password"
    generate = { length = 22 }
    [[user]]
    name = "wiki"
    title = "The wiki"
    [[directory]]
    path = "/var/lib/wiki"
    owner = "wiki"
    mode = "0750"
    data = true
    [[file]]
    path = "/etc/wiki/wiki.conf"
    template = "files/wiki.conf"
    [[file]]
    path = "/etc/wiki/secret.conf"
    template = "files/secret.conf"
    owner = "wiki"
    mode = "0640"
    [[file]]
    path = "/var/lib/wiki/local.conf"
    source = "files/local.conf"
    owner = "wiki"
    once = true
    [apache]
    modules = ["proxy_http"]
    sites = ["wiki"]
    disable-sites = ["000-default"]
    [[unit]]
    name = "apache2.service"
    reload = true
    [[step]]
    name = "create"
    run = "files/create"
    check = "files/check"
    undo = "files/remove"
"#;

pub const FILES: [(&str, &str); 6] = [
    ("files/wiki.conf", "name = {{ answers.wiki_name }}\nhost = {{ host.name }}\n"),
    ("files/secret.conf", "password = {{ secrets.admin_password }}\n"),
    ("files/local.conf", "mine\n"),
    (
        "files/create",
        "#!/bin/sh\nset -e\nroot=${0%/usr/share/*}\n\
        echo \"$ANSWER_WIKI_NAME $(wc -c <\"$CREDENTIALS_DIRECTORY/admin-password\")\" >\"$root/var/lib/wiki/made\"\n",
    ),
    ("files/check", "#!/bin/sh\ntest -e \"${0%/usr/share/*}/var/lib/wiki/made\"\n"),
    ("files/remove", "#!/bin/sh\nrm \"${0%/usr/share/*}/var/lib/wiki/made\"\n"),
];

/// A machine with Apache and its default site.
pub fn lab() -> Lab {
    let lab = Lab::new();
    lab.write("/etc/apache2/sites-available/000-default.conf", "default\n", 0o644);
    let link = lab.path("/etc/apache2/sites-enabled/000-default.conf");
    std::os::unix::fs::symlink("../sites-available/000-default.conf", link).unwrap();
    lab.write("/var/lib/apache2/site/enabled_by_admin/000-default", "", 0o644);
    lab.system.units.borrow_mut().insert("apache2.service".into(), ("enabled".into(), true));
    lab
}

#[test]
fn all_is_made_and_a_second_run_changes_nothing() {
    let lab = lab();
    let wiki = lab.install(WIKI, &FILES);
    let first = lab.apply(&wiki).unwrap();
    assert_eq!(lab.read("/etc/wiki/wiki.conf").lines().next(), Some("name = My Wiki"));
    assert_eq!(lab.read("/var/lib/wiki/made"), "My Wiki 22\n");
    let secret = fs::metadata(lab.path("/var/lib/appliances/wiki/secrets/admin-password")).unwrap();
    assert_eq!((secret.mode() & 0o7777, secret.len()), (0o600, 22));
    let state = fs::metadata(lab.path("/var/lib/appliances/wiki")).unwrap();
    assert_eq!(state.mode() & 0o7777, 0o700);
    let conf = fs::metadata(lab.path("/etc/wiki/secret.conf")).unwrap();
    assert_eq!((conf.mode() & 0o7777, conf.uid()), (0o640, 900));
    assert!(!lab.path("/etc/apache2/sites-enabled/000-default.conf").exists());
    assert!(lab.path("/etc/apache2/mods-enabled/proxy.load").is_symlink());
    // modules are no matter of a reload
    assert_eq!(*lab.system.acted.borrow(), ["restart apache2.service"]);
    assert!(!lab.path("/run/appliance-configure/create").exists());
    assert!(first.changed.len() >= 8, "{first:?}");

    let before = lab.tree();
    let second = lab.apply(&wiki).unwrap();
    assert_eq!((second.changed.len(), second.notes.len()), (0, 0), "{second:?}");
    assert_eq!(lab.tree(), before);
    assert_eq!(lab.system.acted.borrow().len(), 1);
}

#[test]
fn a_changed_answer_changes_its_file_and_reloads() {
    let lab = lab();
    let wiki = lab.install(WIKI, &FILES);
    lab.apply(&wiki).unwrap();
    lab.write("/var/lib/appliances/wiki/answers.json", r#"{"wiki-name":"Other"}"#, 0o600);
    let knowledge = configure::knowledge::look(&lab.machine, &wiki).unwrap();
    let planned = plan::plan(&lab.machine, &lab.system, &wiki, &knowledge).unwrap();
    assert_eq!(planned.len(), 1, "{planned:?}");
    let diff = planned[0].diff.as_deref().unwrap();
    assert!(diff.contains("-name = My Wiki\n+name = Other\n"), "{diff}");
    assert_eq!(
        lab.apply(&wiki).unwrap().changed,
        ["file /etc/wiki/wiki.conf written", "unit apache2.service: reload"]
    );
    assert!(lab.read("/etc/wiki/wiki.conf").starts_with("name = Other\n"));
}

#[test]
fn drift_is_told_field_by_field_and_secrets_are_not_shown() {
    let lab = lab();
    let wiki = lab.install(WIKI, &FILES);
    lab.apply(&wiki).unwrap();
    assert_eq!(plan::drift(&lab.machine, &lab.system, &wiki).unwrap(), []);
    let secret = lab.read("/var/lib/appliances/wiki/secrets/admin-password");
    lab.write("/etc/wiki/secret.conf", &format!("password = {secret}\nmore\n"), 0o644);
    lab.write("/etc/wiki/wiki.conf", "name = Mine\n", 0o644);
    lab.write("/var/lib/wiki/local.conf", "the application's own\n", 0o644);
    fs::set_permissions(lab.path("/var/lib/wiki"), fs::Permissions::from_mode(0o777)).unwrap();
    lab.system.units.borrow_mut().insert("apache2.service".into(), ("enabled".into(), false));
    fs::remove_file(lab.path("/etc/apache2/sites-enabled/wiki.conf")).unwrap();
    let drift = plan::drift(&lab.machine, &lab.system, &wiki).unwrap();
    let text: String = drift.iter().map(plan::describe).collect();
    for told in [
        "folder /var/lib/wiki\n    mode: 0777 → 0750\n",
        "file /etc/wiki/wiki.conf\n    content: changed",
        "-name = Mine\n",
        "file /etc/wiki/secret.conf\n    mode: 0644 → 0640\n",
        "has secrets",
        "apache site wiki on\n    switch: off → on\n",
        "unit apache2.service\n    running: stopped → running\n",
    ] {
        assert!(text.contains(told), "{told:?} is not in:\n{text}");
    }
    assert!(!text.contains(&secret) && !text.contains("local.conf") && !text.contains("more"), "{text}");
    // the owner's version is not lost when the appliance takes its file back
    let outcome = lab.apply(&wiki).unwrap();
    assert_eq!(outcome.notes.len(), 2, "{outcome:?}");
    assert_eq!(lab.read("/etc/wiki/wiki.conf.owner-saved"), "name = Mine\n");
    assert_eq!(plan::drift(&lab.machine, &lab.system, &wiki).unwrap(), []);
}

#[test]
fn a_step_that_fails_is_told_with_its_last_lines_without_secrets_and_resumes() {
    let lab = lab();
    let wiki = lab.install(WIKI, &FILES);
    lab.write(
        "/usr/share/appliances/wiki/files/create",
        "#!/bin/sh\necho wrong: $(cat $CREDENTIALS_DIRECTORY/*)\nexit 7\n",
        0o755,
    );
    let error = lab.apply(&wiki).unwrap_err();
    let secret = lab.read("/var/lib/appliances/wiki/secrets/admin-password");
    let text = error.to_string();
    assert!(text.contains("create") && text.contains("status 7") && text.contains("wrong: ****"), "{text}");
    assert!(!text.contains(&secret));
    assert!(!lab.path("/run/appliance-configure/create").exists());
    lab.install(WIKI, &FILES);
    lab.apply(&wiki).unwrap();
    assert!(lab.path("/var/lib/wiki/made").exists());
    assert_eq!(*lab.system.acted.borrow(), ["restart apache2.service"]);
}

#[test]
fn a_step_without_check_runs_when_what_it_is_told_has_changed() {
    let lab = Lab::new();
    let text = "[[question]]\nname = \"a\"\nprompt = \"A\"\ndefault = \"1\"\n[[step]]\nname = \"count\"\nrun = \"count\"\n";
    let count = ("count", "#!/bin/sh\necho \"$ANSWER_A\" >>\"${0%/usr/share/*}/etc/count\"\n");
    let wiki = lab.install(text, &[count]);
    lab.apply(&wiki).unwrap();
    lab.apply(&wiki).unwrap();
    assert_eq!(lab.read("/etc/count"), "1\n");
    lab.write("/var/lib/appliances/wiki/answers.json", r#"{"a":"2"}"#, 0o600);
    lab.apply(&wiki).unwrap();
    assert_eq!(lab.read("/etc/count"), "1\n2\n");
}

#[test]
fn a_step_after_the_units_finds_them_told_and_is_run_again_until_it_is_done() {
    let lab = lab();
    let text = "[[step]]\nname = \"late\"\nrun = \"late\"\nafter-units = true\n[[step]]\nname = \"early\"\nrun = \"early\"\n\
                [[unit]]\nname = \"apache2.service\"\n[[file]]\npath = \"/etc/wiki.conf\"\nsource = \"conf\"\n";
    let early = ("early", "#!/bin/sh\n");
    let wiki = lab.install(text, &[("late", "#!/bin/sh\nexit 1\n"), early, ("conf", "x\n")]);
    let error = lab.apply(&wiki).unwrap_err().to_string();
    assert!(error.contains("late"), "{error}");
    assert_eq!(*lab.system.acted.borrow(), ["restart apache2.service"]);
    let wiki = lab.install(text, &[("late", "#!/bin/sh\n"), early, ("conf", "x\n")]);
    assert_eq!(lab.apply(&wiki).unwrap().changed, ["step late done"]);
    assert_eq!(lab.system.acted.borrow().len(), 1, "what units read has not changed since");
    assert_eq!(lab.apply(&wiki).unwrap().changed, Vec::<String>::new());
}

#[test]
fn another_packages_file_is_refused() {
    let lab = lab();
    let wiki = lab.install(WIKI, &FILES);
    lab.system.owned.borrow_mut().insert("/etc/wiki/wiki.conf".into(), "moin".into());
    let before = lab.tree();
    let error = lab.apply(&wiki).unwrap_err();
    assert!(matches!(&error, Error::Conffile { package, .. } if package == "moin"), "{error}");
    assert_eq!((error.exit_code(), lab.tree() == before), (2, true));
}

#[test]
fn what_a_new_version_does_not_want_is_given_back() {
    let lab = lab();
    lab.write("/etc/motd", "hello\n", 0o644);
    let old = "[[file]]\npath = \"/etc/motd\"\nsource = \"motd\"\n[[file]]\npath = \"/etc/new/a\"\nsource = \"motd\"\n";
    lab.apply(&lab.install(old, &[("motd", "wiki\n")])).unwrap();
    assert_eq!(lab.read("/etc/motd"), "wiki\n");
    let outcome = lab.apply(&lab.install("", &[])).unwrap();
    assert_eq!(lab.read("/etc/motd"), "hello\n");
    assert!(!lab.path("/etc/new").exists(), "{outcome:?}");
}

#[test]
fn where_no_system_manager_runs_units_are_enabled_only() {
    let lab = lab();
    lab.system.booted.set(false);
    lab.system.units.borrow_mut().insert("apache2.service".into(), ("disabled".into(), false));
    lab.apply(&lab.install(WIKI, &FILES)).unwrap();
    assert_eq!(*lab.system.acted.borrow(), ["enable apache2.service"]);
}

#[test]
fn a_missing_answer_and_a_damaged_definition_are_named() {
    let lab = Lab::new();
    let wiki = lab.install("[[question]]\nname = \"city\"\nprompt = \"City\"\n", &[]);
    let error = lab.apply(&wiki).unwrap_err();
    assert!(error.to_string().contains("city") && error.exit_code() == 2, "{error}");
    let path = "/usr/share/appliances/wiki/definition.json";
    let text = lab.read(path);
    lab.write(path, &text.replacen('{', "{\"later\":1,", 1), 0o644);
    let error = configure::installed::load(&lab.machine, "wiki").unwrap_err();
    assert!(error.to_string().contains("later") && error.exit_code() == 2, "{error}");
    lab.write(path, &text.replace("wiki", "other"), 0o644);
    assert!(configure::installed::load(&lab.machine, "wiki").is_err());
    let error = configure::installed::load(&lab.machine, "../wiki").unwrap_err();
    assert!(matches!(error, Error::Unknown { .. }));
}
