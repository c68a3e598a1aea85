//! Round trips, failures on the way, and runs that were killed.

use crate::lab::Lab;
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::atomic::Ordering,
};

#[test]
fn what_was_saved_comes_back_exactly_and_the_units_run() {
    let lab = Lab::new();
    let before = lab.tree();
    assert!(lab.create().unwrap() > 0);
    assert_eq!(*lab.services.calls.borrow(), ["stop wiki.service", "start wiki.service"]);
    lab.change();
    lab.restore().unwrap();
    assert_eq!(lab.tree(), before);
    let calls = lab.services.calls.borrow()[2..].join(", ");
    assert_eq!(calls, "stop wiki.service, start wiki.service, configure wiki");
}

#[test]
fn no_backup_brings_a_program_that_runs_as_its_owner() {
    let lab = Lab::new();
    let mode = |path: &str| fs::metadata(lab.path(path)).unwrap().permissions().mode() & 0o7777;
    let set = |path: &str, mode| fs::set_permissions(lab.path(path), Permissions::from_mode(mode)).unwrap();
    set("/etc/wiki/conf", 0o6755);
    set("/var/lib/wiki/pages", 0o2770);
    lab.create().unwrap();
    lab.restore().unwrap();
    assert_eq!((mode("/etc/wiki/conf"), mode("/var/lib/wiki/pages")), (0o755, 0o2770));
}

#[test]
fn a_configuration_that_fails_brings_the_old_data_back() {
    let lab = Lab::new();
    lab.create().unwrap();
    lab.change();
    let before = lab.tree();
    lab.services.configure_fails.set(true);
    let error = lab.restore().unwrap_err();
    assert!(matches!(error, backup::Error::Configure(_)), "{error}");
    assert_eq!((lab.tree() == before, lab.services.running.get()), (true, true));
}

#[test]
fn a_killed_restore_is_repaired_by_the_next_run() {
    for call in ["stop wiki.service", "load", "start wiki.service", "configure wiki"] {
        let lab = Lab::new();
        let saved = lab.tree();
        lab.create().unwrap();
        lab.change();
        let changed = lab.tree();
        *lab.services.die_at.borrow_mut() = Some(call.into());
        catch_unwind(AssertUnwindSafe(|| lab.restore())).unwrap_err();
        lab.services.die_at.borrow_mut().take();
        // the next run of whatever kind: here one that ends at once
        lab.stop.store(true, Ordering::Relaxed);
        lab.restore().unwrap_err();
        // once the application may have written to the new data, that is what stays
        assert_eq!(
            lab.tree(),
            if ["stop wiki.service", "load"].contains(&call) { changed } else { saved.clone() },
            "{call}"
        );
        assert!(lab.services.running.get(), "{call}");
        lab.stop.store(false, Ordering::Relaxed);
        lab.restore().unwrap();
        assert_eq!(lab.tree(), saved, "{call}");
    }
}

#[test]
fn what_backups_leave_out_is_kept_and_comes_back_with_the_old() {
    let lab = Lab::new();
    lab.create().unwrap();
    fs::write(lab.path("/var/lib/wiki/cache/later"), "cached since").unwrap();
    lab.restore().unwrap();
    assert_eq!(fs::read_to_string(lab.path("/var/lib/wiki/cache/later")).unwrap(), "cached since");
    // after a kill between the swap and the start, too
    *lab.services.die_at.borrow_mut() = Some("start wiki.service".into());
    lab.change();
    catch_unwind(AssertUnwindSafe(|| lab.restore())).unwrap_err();
    lab.services.die_at.borrow_mut().take();
    let journal = lab.path("/var/lib/appliances/wiki/backup-journal.json");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replace("\"done\"", "\"swapping\"")).unwrap();
    backup::journal::Held::take(&lab.machine, "wiki", &lab.services).unwrap();
    assert_eq!(fs::read_to_string(lab.path("/var/lib/wiki/pages/front")).unwrap(), "spoilt");
    assert_eq!(fs::read_to_string(lab.path("/var/lib/wiki/cache/later")).unwrap(), "cached since");
}

#[test]
fn data_on_another_disk_is_saved_and_put_back_there() {
    let lab = Lab::new();
    fs::create_dir(lab.path("/srv")).unwrap();
    fs::rename(lab.path("/var/lib/wiki"), lab.path("/srv/wiki-data")).unwrap();
    std::os::unix::fs::symlink("../../srv/wiki-data", lab.path("/var/lib/wiki")).unwrap();
    lab.create().unwrap();
    lab.change();
    fs::write(lab.path("/srv/wiki-data/cache/later"), "cached since").unwrap();
    lab.restore().unwrap();
    assert!(fs::symlink_metadata(lab.path("/var/lib/wiki")).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(lab.path("/srv/wiki-data/pages/front")).unwrap(), "page one\n");
    assert_eq!(fs::read_to_string(lab.path("/srv/wiki-data/cache/later")).unwrap(), "cached since");
    assert_eq!(fs::read_dir(lab.path("/srv")).unwrap().count(), 1);
    // on a machine without that disk it is a folder
    fs::remove_file(lab.path("/var/lib/wiki")).unwrap();
    lab.restore().unwrap();
    assert!(fs::symlink_metadata(lab.path("/var/lib/wiki/pages/big")).unwrap().is_file());
}

#[test]
fn a_link_that_is_not_roots_is_saved_as_a_link() {
    let lab = Lab::new();
    fs::create_dir(lab.path("/srv")).unwrap();
    fs::write(lab.path("/srv/other"), "of somebody else").unwrap();
    fs::remove_dir_all(lab.path("/var/lib/wiki")).unwrap();
    std::os::unix::fs::symlink("../../srv", lab.path("/var/lib/wiki")).unwrap();
    std::os::unix::fs::chown(lab.path("/var/lib"), Some(65534), Some(65534)).unwrap();
    lab.create().unwrap();
    let mut text = vec![];
    std::io::copy(&mut zstd::Decoder::new(fs::File::open(lab.archive()).unwrap()).unwrap(), &mut text)
        .unwrap();
    assert!(!String::from_utf8_lossy(&text).contains("of somebody else"));
}

#[test]
fn a_path_that_is_too_long_is_told_and_the_rest_is_saved() {
    use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
    let lab = Lab::new();
    let (name, flags) = ("d".repeat(200), OFlags::PATH | OFlags::DIRECTORY);
    let mut folder = openat(CWD, lab.path("/var/lib/wiki"), flags, Mode::empty()).unwrap();
    for _ in 0..30 {
        mkdirat(&folder, &name, Mode::RWXU).unwrap();
        folder = openat(&folder, &name, flags, Mode::empty()).unwrap();
    }
    let mut warnings = vec![];
    lab.create_with(&mut |kind| {
        if let events::Kind::Warning { message } = kind {
            warnings.push(message);
        }
    })
    .unwrap();
    assert!(warnings.len() == 1 && warnings[0].contains("too long"), "{warnings:?}");
    lab.change();
    lab.restore().unwrap();
    assert_eq!(fs::read_to_string(lab.path("/var/lib/wiki/pages/front")).unwrap(), "page one\n");
}

#[test]
fn a_swap_that_was_cut_between_two_renames_is_turned_back() {
    let text = r#"{"phase":"swapping","units":["wiki.service"],"paths":[["/var/lib/wiki",true],["/etc/wiki",true],["/etc/new",false]]}"#;
    for cut in 0..5 {
        let lab = Lab::new();
        let before = lab.tree();
        let names = |path| backup::journal::names(&lab.machine, path);
        let renames = [names("/var/lib/wiki"), names("/etc/wiki")].map(|(path, new, old)| {
            fs::create_dir(&new).unwrap();
            [(path.clone(), old), (new, path)]
        });
        for (from, to) in renames.iter().flatten().take(cut) {
            fs::rename(from, to).unwrap();
        }
        // the third path came new, and its swap was over
        fs::create_dir(lab.path("/etc/new")).unwrap();
        fs::write(lab.path("/var/lib/appliances/wiki/backup-journal.json"), text).unwrap();
        let (_, repaired) = backup::journal::Held::take(&lab.machine, "wiki", &lab.services).unwrap();
        assert!(repaired);
        assert_eq!(lab.tree(), before, "after {cut} renames");
    }
}

#[test]
fn a_killed_backup_leaves_units_that_the_next_run_starts() {
    let lab = Lab::new();
    *lab.services.die_at.borrow_mut() = Some("start wiki.service".into());
    catch_unwind(AssertUnwindSafe(|| lab.create())).unwrap_err();
    assert!(!lab.services.running.get() && !lab.archive().exists());
    lab.services.die_at.borrow_mut().take();
    lab.create().unwrap();
    assert!(lab.services.running.get() && lab.archive().exists());
    assert!(!lab.path("/.backup.tar.zst.part").exists());
}

#[test]
fn a_backup_that_is_stopped_lets_the_units_run_and_leaves_nothing() {
    let lab = Lab::new();
    lab.stop.store(true, Ordering::Relaxed);
    let error = lab.create().unwrap_err();
    assert!(matches!(error, backup::Error::Stopped), "{error}");
    assert!(lab.services.running.get());
    let left: Vec<_> = fs::read_dir(lab.machine.root()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("backup")), "{left:?}");
}

#[test]
fn units_that_did_not_run_are_left_alone_and_one_run_at_a_time_is_allowed() {
    let lab = Lab::new();
    lab.services.running.set(false);
    lab.create().unwrap();
    assert_eq!(lab.services.calls.borrow().len(), 0);
    let (_held, _) = backup::journal::Held::take(&lab.machine, "wiki", &lab.services).unwrap();
    assert!(matches!(lab.create().unwrap_err(), backup::Error::Locked));
}

#[test]
fn a_folder_that_others_can_write_to_is_no_place_for_a_restore() {
    let lab = Lab::new();
    lab.create().unwrap();
    let folder = lab.path("/var/lib");
    fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
    let error = lab.restore().unwrap_err();
    assert!(matches!(error, backup::Error::Untrusted { .. }), "{error}");
    assert!(!Path::new(&lab.path("/var/lib/.wiki.restore-new")).exists());
}
