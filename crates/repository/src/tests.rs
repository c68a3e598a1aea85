//! The repository as apt, gpgv and a kill see it.

use crate::{
    Added, Error, PublicKey, Repository, SecretKey, Settings, Signer, Transfer,
    disk::{Disk, Fault},
};
use deb::{Deb, Entry, Paragraph};
use exec::Program;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

const NOW: u64 = 1_700_000_000;

struct Place {
    folder: TempDir,
    key: SecretKey,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = SecretKey::generate(&folder.path().join("key"), "Test <test@example.org>", NOW).unwrap();
        Place { folder, key }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    fn repository(&self, fault: Fault) -> Repository {
        let mut repository = Repository::new(&self.root(), Settings::default()).unwrap();
        repository.disk = Disk::with(fault);
        repository
    }

    fn deb(&self, name: &str, version: &str, content: &str) -> PathBuf {
        let control = Paragraph::new()
            .with("Package", name)
            .with("Version", version)
            .with("Architecture", "all")
            .with("Maintainer", "A <a@example.org>")
            .with("Description", "test\nmore");
        let mut deb = Deb::new(control, NOW);
        deb.files = vec![Entry::bytes(format!("usr/share/{name}"), content, 0o644)];
        deb.write_into(self.folder.path()).unwrap()
    }

    fn add(&self, debs: &[PathBuf]) -> crate::Result<Added> {
        self.repository(Fault::None).add(debs, Transfer::Copy, &self.key, NOW)
    }

    fn published(&self) -> Vec<String> {
        let list = self.repository(Fault::None).list().unwrap();
        list.iter().map(|p| format!("{} {}", p.name, p.version)).collect()
    }

    /// Everything that is published is there and whole, whatever else lies around.
    fn assert_sound(&self) {
        let verified = self.repository(Fault::None).verify(self.key.public_key(), NOW).unwrap();
        assert_eq!(verified.problems, []);
    }

    fn files(&self) -> Vec<PathBuf> {
        fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { walk(&path, files) } else { files.push(path) }
            }
        }
        let mut files = vec![];
        walk(&self.root(), &mut files);
        files
    }
}

#[test]
fn several_versions_and_seeds_are_published_and_verified() {
    let place = Place::new();
    let (old, new) = (place.deb("web-appliance", "1.0", "a"), place.deb("web-appliance", "1:0.9", "b"));
    fs::write(new.with_extension("seeds"), "{}").unwrap();
    let added = place.add(&[new.clone(), old.clone()]).unwrap();
    assert_eq!(added.added[0].path, "pool/main/w/web-appliance/web-appliance_0.9_all.deb");
    assert_eq!(place.published(), ["web-appliance 1.0", "web-appliance 1:0.9"]);
    assert_eq!(place.add(&[old]).unwrap().unchanged.len(), 1);
    let index = fs::read_to_string(place.root().join("dists/stable/main/binary-amd64/Packages")).unwrap();
    assert!(index.contains("\nSeeds: pool/main/w/web-appliance/web-appliance_0.9_all.seeds\nSeeds-Size: 2\nSeeds-SHA256: 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\n"), "{index}");
    let verified = place.repository(Fault::None).verify(place.key.public_key(), NOW).unwrap();
    assert_eq!((verified.packages, verified.problems), (2, vec![]));
    assert!(!place.root().join(".staging").exists());
}

#[test]
fn a_version_never_changes_its_content() {
    let place = Place::new();
    let first = place.deb("one", "1.0", "a");
    place.add(&[first]).unwrap();
    for (other, version) in [("b", "1.0"), ("b", "1.00")] {
        let error = place.add(&[place.deb("one", version, other)]).unwrap_err().to_string();
        assert!(error.contains("is already published with other content"), "{error}");
    }
    // another epoch would get the same file name, another suite has the same pool
    assert!(matches!(place.add(&[place.deb("one", "1:1.0", "c")]), Err(Error::Conflict { .. })));
    let testing = Settings { suite: "testing".into(), ..Settings::default() };
    let testing = Repository::new(&place.root(), testing).unwrap();
    let error = testing.add(&[place.deb("one", "1.0", "c")], Transfer::Copy, &place.key, NOW).unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
    testing.add(&[place.deb("one", "1.0", "a")], Transfer::Copy, &place.key, NOW).unwrap();
    assert_eq!((place.published(), testing.list().unwrap().len()), (vec!["one 1.0".into()], 1));
    place.assert_sound();
}

#[test]
fn whatever_was_altered_is_named() {
    let place = Place::new();
    place.add(&[place.deb("one", "1.0", "a")]).unwrap();
    let verify = || place.repository(Fault::None).verify(place.key.public_key(), NOW);
    let flip = |path: &str| {
        let path = place.root().join(path);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
    };
    flip("pool/main/o/one/one_1.0_all.deb");
    let problems = verify().unwrap().problems;
    assert!(
        problems.len() == 1 && problems[0].path.ends_with("pool/main/o/one/one_1.0_all.deb"),
        "{problems:?}"
    );
    flip("pool/main/o/one/one_1.0_all.deb");
    assert_eq!(verify().unwrap().problems, []);

    flip("dists/stable/main/binary-amd64/Packages");
    assert!(verify().unwrap_err().to_string().contains("altered since it was signed"));
    assert!(place.add(&[place.deb("two", "1", "a")]).is_err());
    flip("dists/stable/main/binary-amd64/Packages");
    flip("dists/stable/InRelease");
    assert!(verify().unwrap_err().to_string().contains("InRelease"));
    assert!(place.add(&[place.deb("two", "1", "a")]).is_err());
    flip("dists/stable/InRelease");

    let other = SecretKey::generate(&place.folder.path().join("other"), "Other", NOW).unwrap();
    let error = place.repository(Fault::None).refresh(&other, NOW).unwrap_err().to_string();
    assert!(error.contains("not signed by"), "{error}");
    let trusted = Settings { trusted: vec![place.key.public_key().clone()], ..Settings::default() };
    Repository::new(&place.root(), trusted).unwrap().refresh(&other, NOW + 5).unwrap();
    assert!(verify().is_err());
    let late = place.repository(Fault::None).verify(other.public_key(), NOW + 100 * 86400).unwrap();
    assert!(late.problems[0].message.starts_with("not valid since"), "{late:?}");
}

#[test]
fn a_kill_or_a_full_disk_at_any_step_leaves_the_old_or_the_new_state() {
    for transfer in [Transfer::Copy, Transfer::Link] {
        for full in [false, true] {
            let mut step = 0;
            loop {
                let place = Place::new();
                place.add(&[place.deb("old", "1", "a")]).unwrap();
                let before = place.files();
                let new = place.deb("new", "1", "b");
                fs::write(new.with_extension("seeds"), "{}").unwrap();
                let broken = place.repository(if full { Fault::Full(step) } else { Fault::Killed(step) });
                let result = broken.add(std::slice::from_ref(&new), transfer, &place.key, NOW + 1);
                place.assert_sound();
                match place.published().len() {
                    1 if full => {
                        assert!(result.as_ref().unwrap_err().is_disk_full(), "step {step}: {result:?}");
                        let left: Vec<_> = place
                            .files()
                            .into_iter()
                            .filter(|f| !before.contains(f) && !f.iter().any(|p| p == "by-hash"))
                            .collect();
                        assert!(left.is_empty(), "step {step} left {left:?}");
                    }
                    1 => assert!(result.is_err()),
                    published => assert_eq!(published, 2),
                }
                // the next run brings everything to its end
                place.add(std::slice::from_ref(&new)).unwrap();
                let verified = place.repository(Fault::None).verify(place.key.public_key(), NOW).unwrap();
                assert_eq!((verified.packages, verified.problems), (2, vec![]), "step {step}");
                assert_eq!(
                    place.files().iter().filter(|f| f.starts_with(place.root().join("pool"))).count(),
                    3
                );
                if result.is_ok() {
                    assert!(step > 15 && (full || broken.disk.steps() <= step), "{step}");
                    break;
                }
                step += 1;
            }
        }
    }
}

#[test]
fn two_at_once_are_told_of_each_other() {
    let place = Place::new();
    place.add(&[place.deb("one", "1", "a")]).unwrap();
    let _lock = crate::lock::Lock::take(&place.root()).unwrap();
    let error = place.add(&[place.deb("two", "1", "a")]).unwrap_err();
    let own = format!("process {} (", std::process::id());
    assert!(error.is_locked() && error.to_string().contains(&own), "{error}");
}

#[test]
fn earlier_generations_stay_for_a_while() {
    let place = Place::new();
    for version in 1..=8 {
        place.add(&[place.deb("one", &version.to_string(), "a")]).unwrap();
    }
    let by_hash = place.root().join("dists/stable/main/binary-amd64/by-hash/SHA256");
    assert_eq!(fs::read_dir(by_hash).unwrap().count(), 2 * (1 + 3));
}

#[test]
fn the_same_input_gives_the_same_repository() {
    let place = Place::new();
    let deb = place.deb("one", "1", "a");
    let read = |path: &str| fs::read(place.root().join("dists/stable").join(path)).unwrap();
    place.add(std::slice::from_ref(&deb)).unwrap();
    let first = (read("InRelease"), read("main/binary-amd64/Packages.zst"));
    fs::remove_dir_all(place.root()).unwrap();
    place.add(&[deb]).unwrap();
    assert_eq!(first, (read("InRelease"), read("main/binary-amd64/Packages.zst")));
}

#[test]
fn keys_are_private_and_never_overwritten() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let path = place.folder.path().join("key");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(SecretKey::generate(&path, "Again", NOW).is_err());
    let again = SecretKey::load(&path).unwrap();
    assert_eq!(again.public_key().fingerprint(), place.key.public_key().fingerprint());
    let armored = again.public_key().armored().unwrap();
    assert!(SecretKey::load(Path::new("/etc/passwd")).is_err());
    let missing = SecretKey::load(&place.folder.path().join("none")).err().unwrap();
    assert!(
        matches!(&missing, crate::Error::Key { message, .. } if message.contains("vabuild key")),
        "{missing}"
    );
    assert_eq!(PublicKey::parse(armored.as_bytes()).unwrap().fingerprint(), again.public_key().fingerprint());
}

#[test]
fn gpgv_and_gpg_accept_and_gpg_signs() {
    let place = Place::new();
    place.add(&[place.deb("one", "1", "a")]).unwrap();
    let keyring = place.folder.path().join("key.gpg");
    fs::write(&keyring, place.key.public_key().binary().unwrap()).unwrap();
    let in_release = place.root().join("dists/stable/InRelease");
    Program::new("gpgv").args(["--keyring"]).arg(&keyring).arg(&in_release).run().unwrap();

    // a key of gpg's own, certify-only with a signing subkey, also loaded without gpg
    let home = place.folder.path().join("gnupg");
    fs::create_dir(&home).unwrap();
    fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let gpg = |args: &[&str]| {
        Program::new("gpg")
            .env("GNUPGHOME", &home)
            .args(["--batch", "--passphrase", ""])
            .args(args)
            .run()
            .unwrap()
    };
    gpg(&["--quick-generate-key", "g@example.org", "ed25519", "cert", "never"]);
    let listed = gpg(&["--with-colons", "--list-keys"]).text();
    let fingerprint = listed
        .lines()
        .find_map(|l| l.strip_prefix("fpr:::::::::"))
        .unwrap()
        .trim_end_matches(':')
        .to_string();
    gpg(&["--quick-add-key", &fingerprint, "ed25519", "sign", "never"]);
    let exported = place.folder.path().join("exported");
    fs::write(&exported, gpg(&["--armor", "--export-secret-keys"]).stdout).unwrap();
    let subkeyed = SecretKey::load(&exported).unwrap();
    let signed = subkeyed.clearsign("text\n", u64::from(u32::MAX) / 2 + 1).unwrap();
    assert_eq!(subkeyed.public_key().verify(&signed).as_deref(), Some("text\n"));
    let signer = crate::gpg::GpgSigner::with_home(&fingerprint, &home).unwrap();
    let trusted = Settings { trusted: vec![place.key.public_key().clone()], ..Settings::default() };
    Repository::new(&place.root(), trusted).unwrap().refresh(&signer, NOW).unwrap();
    fs::write(&keyring, signer.public_key().binary().unwrap()).unwrap();
    Program::new("gpgv").args(["--keyring"]).arg(&keyring).arg(&in_release).run().unwrap();
    let _ = Program::new("gpgconf").env("GNUPGHOME", &home).args(["--kill", "gpg-agent"]).run();
}
