//! A user who owns a data folder cannot make root write elsewhere.

use crate::machine::Lab;
use configure::Error;
use std::{
    fs,
    os::unix::fs::{chown, symlink},
};

const TEXT: &str = "[[directory]]\npath = \"/var/lib/wiki\"\nowner = \"nobody\"\ndata = true\n\
    [[file]]\npath = \"/var/lib/wiki/conf/file\"\nsource = \"f\"\n";

#[test]
fn a_link_in_an_untrusted_folder_is_not_followed() {
    let lab = Lab::new();
    let wiki = lab.install(TEXT, &[("f", "x")]);
    fs::create_dir_all(lab.path("/var/lib/wiki")).unwrap();
    chown(lab.path("/var/lib/wiki"), Some(65534), Some(65534)).unwrap();
    fs::create_dir_all(lab.path("/etc/cron.d")).unwrap();
    symlink("/etc/cron.d", lab.path("/var/lib/wiki/conf")).unwrap();
    let error = lab.apply(&wiki).unwrap_err();
    assert!(matches!(error, Error::Unsafe { .. }), "{error}");
    assert!(!lab.path("/etc/cron.d/file").exists());
}

#[test]
fn a_link_at_the_file_itself_is_replaced_not_followed() {
    let lab = Lab::new();
    let wiki = lab.install(TEXT, &[("f", "x")]);
    fs::create_dir_all(lab.path("/var/lib/wiki/conf")).unwrap();
    chown(lab.path("/var/lib/wiki/conf"), Some(65534), Some(65534)).unwrap();
    lab.write("/etc/shadow", "root:*\n", 0o600);
    symlink("/etc/shadow", lab.path("/var/lib/wiki/conf/file")).unwrap();
    lab.apply(&wiki).unwrap();
    assert_eq!(
        (lab.read("/etc/shadow").as_str(), lab.read("/var/lib/wiki/conf/file").as_str()),
        ("root:*\n", "x")
    );
    lab.undo(&wiki).unwrap();
    assert_eq!(
        fs::read_link(lab.path("/var/lib/wiki/conf/file")).unwrap(),
        std::path::Path::new("/etc/shadow")
    );
}

#[test]
fn roots_own_links_are_followed_inside_the_machine() {
    let lab = Lab::new();
    let wiki = lab.install("[[file]]\npath = \"/etc/here/file\"\nsource = \"f\"\n", &[("f", "x")]);
    fs::create_dir_all(lab.path("/opt/there")).unwrap();
    symlink("/opt/../opt/there", lab.path("/etc/here")).unwrap();
    lab.apply(&wiki).unwrap();
    assert_eq!(lab.read("/opt/there/file"), "x");
}
