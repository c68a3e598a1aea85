//! A run that ends between any two steps is repaired by running again.

use crate::apply::{FILES, WIKI, lab};

#[test]
fn apply_and_undo_end_well_wherever_they_were_cut() {
    let whole = lab();
    let wiki = whole.install(WIKI, &FILES);
    let before = whole.tree();
    // the same secret everywhere, so that trees can be compared
    let password = "the-password-of-all-machines";
    whole.write("/var/lib/appliances/wiki/secrets/admin-password", password, 0o600);
    whole.apply(&wiki).unwrap();
    let applied = whole.tree();
    let acted = whole.system.acted.borrow().clone();

    let mut cuts = 0;
    loop {
        let lab = lab();
        let wiki = lab.install(WIKI, &FILES);
        lab.write("/var/lib/appliances/wiki/secrets/admin-password", password, 0o600);
        lab.system.kill_after.set(Some(cuts));
        if lab.apply(&wiki).is_ok() {
            break;
        }
        // what a write that was cut leaves behind
        if lab.path("/etc/wiki").exists() {
            lab.write("/etc/wiki/.wiki.conf.appliance-new", "half", 0o600);
        }
        lab.system.kill_after.set(None);
        lab.apply(&wiki).unwrap_or_else(|e| panic!("cut {cuts}: {e}"));
        let mut found = lab.tree();
        found.remove(std::path::Path::new("etc/wiki/.wiki.conf.appliance-new"));
        assert_eq!(found, applied, "cut {cuts}");
        let told = lab.system.acted.borrow().clone();
        // cut between the restart and the note of it, a second one does no harm
        assert!(
            told.starts_with(&acted) && told.len() <= 2,
            "cut {cuts}: the units have to be told: {told:?}"
        );
        let _ = std::fs::remove_file(lab.path("/etc/wiki/.wiki.conf.appliance-new"));
        // and undo, cut at as many places
        lab.system.kill_after.set(Some(cuts));
        let _ = lab.undo(&wiki);
        lab.system.kill_after.set(None);
        lab.undo(&wiki).unwrap_or_else(|e| panic!("undo, cut {cuts}: {e}"));
        let mut found = lab.tree();
        // users, the data folder and what the application put there stay
        for kept in ["var/lib/wiki", "var/lib/wiki/local.conf", "etc/passwd", "etc/group"] {
            found.remove(std::path::Path::new(kept));
        }
        let mut wanted = before.clone();
        wanted.remove(std::path::Path::new("etc/passwd"));
        wanted.remove(std::path::Path::new("etc/group"));
        found.retain(|path, _| !path.starts_with("var/lib/apache2") || wanted.contains_key(path));
        assert_eq!(found, wanted, "undo, cut {cuts}");
        cuts += 1;
    }
    assert!(cuts > 20, "{cuts} places are too few to be all");
}
