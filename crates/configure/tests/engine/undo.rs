//! Undo is exact.

use crate::{
    apply::{FILES, WIKI, lab},
    machine::Lab,
};
use proptest::prelude::*;
use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown, symlink},
};

#[test]
fn the_machine_is_as_before_and_what_is_the_owners_stays() {
    let lab = lab();
    let wiki = lab.install(WIKI, &FILES);
    lab.apply(&wiki).unwrap();
    lab.write("/var/lib/wiki/pages", "data\n", 0o644);
    lab.write("/etc/wiki/wiki.conf", "name = Mine\n", 0o644);
    let outcome = lab.undo(&wiki).unwrap();
    assert_eq!(lab.read("/etc/wiki/wiki.conf.owner-saved"), "name = Mine\n");
    assert!(outcome.notes.iter().any(|n| n.contains("wiki.conf.owner-saved")), "{outcome:?}");
    assert!(outcome.notes.iter().any(|n| n.contains("/etc/wiki is not empty")), "{outcome:?}");
    assert_eq!(lab.read("/var/lib/wiki/pages"), "data\n");
    assert!(!lab.path("/var/lib/wiki/made").exists() && !lab.path("/etc/wiki/secret.conf").exists());
    assert!(lab.path("/etc/apache2/sites-enabled/000-default.conf").is_symlink());
    assert!(lab.path("/var/lib/apache2/site/enabled_by_admin/000-default").exists());
    assert!(!lab.path("/etc/apache2/mods-enabled/proxy.load").is_symlink());
    assert!(lab.path("/var/lib/appliances/wiki/secrets/admin-password").exists());
    assert!(!lab.path("/var/lib/appliances/wiki/record").exists());
    assert_eq!(*lab.system.acted.borrow(), ["restart apache2.service", "restart apache2.service"]);
    assert!(lab.undo(&wiki).unwrap().changed.is_empty());
}

#[test]
fn a_unit_of_the_appliances_own_goes_with_its_file() {
    let lab = Lab::new();
    let text = "[[file]]\npath = \"/etc/systemd/system/wiki.service\"\nsource = \"unit\"\n[[unit]]\nname = \"wiki.service\"\n";
    let wiki = lab.install(text, &[("unit", "[Service]\n")]);
    let before = lab.tree();
    // the unit is known once its file is there
    lab.apply(&wiki).unwrap_err();
    lab.system.units.borrow_mut().insert("wiki.service".into(), ("disabled".into(), false));
    lab.apply(&wiki).unwrap();
    assert_eq!(
        *lab.system.acted.borrow(),
        ["daemon-reload", "daemon-reload", "enable wiki.service", "start wiki.service"]
    );
    lab.system.acted.borrow_mut().clear();
    lab.undo(&wiki).unwrap();
    assert_eq!(*lab.system.acted.borrow(), ["stop wiki.service", "disable wiki.service", "daemon-reload"]);
    assert_eq!(lab.tree(), before);
}

/// What may be at a path before the appliance comes.
#[derive(Debug, Clone)]
enum Was {
    Missing,
    File(String, u32, u32),
    Link(String),
}

fn was() -> impl Strategy<Value = Was> {
    prop_oneof![
        Just(Was::Missing),
        (
            "[a-c\n]{0,6}",
            prop_oneof![Just(0o644u32), Just(0o600), Just(0o4755)],
            prop_oneof![Just(0u32), Just(65534)]
        )
            .prop_map(|(text, mode, owner)| Was::File(text, mode, owner)),
        "(/etc/)?[x-z]{1,3}".prop_map(Was::Link),
    ]
}

const PATHS: [&str; 5] = ["/etc/a", "/etc/d/b", "/etc/d/e/c", "/opt/f", "/srv/g/h"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_tree_comes_back(
        trees in prop::collection::vec(was(), PATHS.len()),
        versions in prop::collection::vec(
            prop::collection::vec(prop::option::of(("[a-c]{0,3}", prop_oneof![Just("0644"), Just("0600"), Just("0755")])), PATHS.len()), 1..4),
    ) {
        let lab = Lab::new();
        for (path, was) in PATHS.iter().zip(&trees) {
            match was {
                Was::Missing => {}
                Was::File(text, mode, owner) => {
                    lab.write(path, text, 0o644);
                    chown(lab.path(path), Some(*owner), Some(*owner)).unwrap();
                    fs::set_permissions(lab.path(path), fs::Permissions::from_mode(*mode)).unwrap();
                }
                Was::Link(target) => {
                    fs::create_dir_all(lab.path(path).parent().unwrap()).unwrap();
                    symlink(target, lab.path(path)).unwrap();
                }
            }
        }
        let before = lab.tree();
        let mut last = None;
        for version in &versions {
            let mut text = String::new();
            let mut files = vec![];
            for (i, file) in version.iter().enumerate() {
                let Some((content, mode)) = file else { continue };
                text.push_str(&format!("[[file]]\npath = \"{}\"\nsource = \"f{i}\"\nmode = \"{mode}\"\n", PATHS[i]));
                files.push((format!("f{i}"), content.clone()));
            }
            let files: Vec<(&str, &str)> = files.iter().map(|(n, c)| (n.as_str(), c.as_str())).collect();
            let wiki = lab.install(&text, &files);
            lab.apply(&wiki).unwrap();
            prop_assert!(lab.apply(&wiki).unwrap().changed.is_empty());
            last = Some(wiki);
        }
        let outcome = lab.undo(&last.unwrap()).unwrap();
        prop_assert_eq!(outcome.notes, Vec::<String>::new());
        prop_assert_eq!(lab.tree(), before);
    }
}
