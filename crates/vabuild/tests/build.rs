//! Packages as a whole: the same bytes each time, readable by dpkg-deb, all of them or none.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall end")]

use appliance::Definition;
use exec::Program;
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tempfile::TempDir;
use vabuild::{
    folder::Folder,
    make::{self, Cache, Error, Made, Sources},
};

const DEFINITION: &str = r#"
[appliance]
name = "wiki"
version = "1:1.0"
summary = "a wiki"
maintainer = "Ada <ada@example.org>"
packages = ["apache2"]
url = "http://{{ host.address }}/"
triggers = ["/usr/lib/wiki"]

[[question]]
name = "admin-password"
prompt = "Password"
type = "password"
generate = { length = 24 }

[[directory]]
path = "/var/lib/wiki"
data = true

[[file]]
path = "/etc/wiki/it's.conf"
template = "files/main.conf"

[backup]
paths = ["/var/lib/wiki"]
quiesce = ["apache2.service"]

[[action]]
name = "hello"
title = "Say hello"
run = "plugin/hello"
parameters = { who = "string" }

[[package]]
name = "wikid"
version = "2.0-1"
summary = "wiki server"
description = "A server."
maintainer = "Ada <ada@example.org>"
copyright = "rights"
sysusers = "users.conf"
purge = ["/var/lib/wikid"]

[[package.file]]
source = "tree"
path = "/usr/share/wikid"

[[package.file]]
source = "wikid.conf"
path = "/etc/wikid.conf"

[[package.file]]
source = "wikid.8"
path = "/usr/share/man/man8/wikid.8"

[[package.link]]
path = "/usr/share/wikid/now"
target = "/usr/share/wikid/sub/then"

[[package.unit]]
source = "wikid.service"

[[package.archive]]
project = "wikilib"
version = "1.0"
file = "wikilib-1.0-py3-none-any.whl"
sha256 = "@SHA256@"
leave = ["tests"]
[package.archive.take]
"wikilib" = "/usr/lib/wikid/wikilib"
"#;

struct Author {
    base: TempDir,
    cache: PathBuf,
}

impl Author {
    fn new(entries: &[(&str, &str)]) -> Self {
        let base = tempfile::tempdir().unwrap();
        let root = base.path().join("definition");
        let put = |path: &str, text: &str, mode| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        };
        let wheel = base.path().join("wheel");
        write_wheel(&wheel, entries);
        let sha256: String =
            Sha256::digest(fs::read(&wheel).unwrap()).iter().map(|b| format!("{b:02x}")).collect();
        let cache = base.path().join("cache");
        fs::create_dir_all(cache.join(&sha256)).unwrap();
        fs::rename(&wheel, cache.join(&sha256).join("wikilib-1.0-py3-none-any.whl")).unwrap();
        put("appliance.toml", &DEFINITION.replace("@SHA256@", &sha256), 0o644);
        put("files/main.conf", "{% include \"files/part.conf\" %}\n", 0o644);
        put("files/part.conf", "part\n", 0o644);
        put("plugin/hello", "#!/bin/sh\necho hello\n", 0o755);
        put("rights", "Format: x\n", 0o644);
        put("users.conf", "u wikid - - -\n", 0o644);
        put("tree/sub/then", "then\n", 0o644);
        put("tree/run", "#!/bin/sh\n", 0o755);
        put("wikid.conf", "x=1\n", 0o644);
        put("wikid.8", ".TH WIKID 8\n", 0o644);
        put(
            "wikid.service",
            "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n",
            0o644,
        );
        Author { base, cache }
    }

    fn folder(&self) -> Folder {
        Folder::open(&self.base.path().join("definition")).unwrap()
    }

    fn load(&self) -> Definition {
        let bytes = fs::read(self.folder().root().join("appliance.toml")).unwrap();
        appliance::load_bytes(&bytes, "appliance.toml", &self.folder()).unwrap()
    }

    fn make(&self, definition: &Definition, into: &str) -> Result<Vec<Made>, Error> {
        let (folder, cache) = (self.folder(), Cache::at(&self.cache));
        let sources = Sources { folder: &folder, programs: None, cache, date: make::DATE, say: &|_| {} };
        make::build(definition, &sources, &self.base.path().join(into))
    }

    fn build(&self, into: &str) -> Result<Vec<Made>, Error> {
        self.make(&self.load(), into)
    }
}

fn write_wheel(path: &Path, entries: &[(&str, &str)]) {
    let mut zip = zip::ZipWriter::new(File::create(path).unwrap());
    for (name, text) in entries {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
}

fn sound() -> Author {
    Author::new(&[("wikilib/__init__.py", "x = 1\n"), ("wikilib/tests/t.py", ""), ("other/x.py", "")])
}

fn dpkg_deb(option: &str, deb: &Path) -> String {
    Program::new("dpkg-deb").arg(option).arg(deb).run().unwrap().text()
}

#[test]
fn the_same_definition_gives_the_same_bytes() {
    let (one, two) = (sound(), sound());
    // another checkout: other times, other folder
    Program::new("find")
        .arg(two.base.path())
        .args(["-exec", "touch", "-d", "2001-01-01", "{}", "+"])
        .run()
        .unwrap();
    let (made, again) = (one.build("out").unwrap(), two.build("out").unwrap());
    assert_eq!(made.len(), 4);
    for (a, b) in made.iter().zip(&again) {
        assert_eq!((&a.package, &a.sha256), (&b.package, &b.sha256));
    }
    let rerun = one.build("out").unwrap();
    assert_eq!(rerun, made);
}

#[test]
fn dpkg_deb_finds_what_was_defined() {
    let author = sound();
    let made = author.build("out").unwrap();
    let deb = |name: &str| made.iter().find(|m| m.package == name).unwrap();
    let listing = |name: &str| dpkg_deb("-c", &deb(name).path);
    let wikid = listing("wikid");
    for line in [
        "./usr/share/wikid/sub/then",
        "./usr/share/wikid/now -> sub/then",
        "./usr/share/man/man8/wikid.8.gz",
        "./usr/lib/systemd/system/wikid.service",
        "./usr/lib/sysusers.d/wikid.conf",
        "./usr/lib/wikid/wikilib/__init__.py",
        "./usr/share/doc/wikid/changelog.Debian.gz",
    ] {
        assert!(wikid.lines().any(|l| l.ends_with(line)), "{line} is not in\n{wikid}");
    }
    assert!(!wikid.contains("other") && !wikid.contains("tests"));
    assert!(wikid.contains("-rwxr-xr-x root/root") && !wikid.contains("rw-rw"));
    let control = dpkg_deb("-I", &deb("wikid").path);
    assert!(control.contains("conffiles") && control.contains("systemd | systemd-standalone-sysusers"));
    let metapackage = listing("wiki-appliance");
    assert!(metapackage.contains("/usr/share/appliances/wiki/files/part.conf"));
    assert!(!metapackage.contains("plugin/hello"));
    assert!(
        listing("appliance-control-wiki").contains("/usr/lib/appliance-control/plugins/wiki/plugin/hello")
    );
    let seeds = deb("wiki-appliance").seeds.as_ref().unwrap();
    assert_eq!(seeds.file_name().unwrap(), "wiki-appliance_1.0_all.seeds");
    let member =
        Program::new("dpkg-deb").arg("-I").arg(&deb("wiki-appliance-seed").path).arg("seeds").run().unwrap();
    assert_eq!(member.stdout, fs::read(seeds).unwrap());
}

/// Every generated script is one that a POSIX shell reads to its end.
#[test]
fn maintainer_scripts_are_shell() {
    let author = sound();
    for made in author.build("out").unwrap() {
        let members = author.base.path().join(&made.package);
        Program::new("dpkg-deb").arg("-e").arg(&made.path).arg(&members).run().unwrap();
        for script in ["config", "preinst", "postinst", "prerm", "postrm"] {
            let script = members.join(script);
            if script.exists() {
                Program::new("sh").arg("-n").arg(&script).run().unwrap();
            }
        }
    }
}

#[test]
fn a_failed_build_leaves_the_folder_as_it_was() {
    let author = sound();
    let out = author.base.path().join("out");
    // what a killed run has left
    fs::create_dir_all(out.join(".vabuild-killed/x")).unwrap();
    let definition = author.load();
    fs::remove_file(author.base.path().join("definition/plugin/hello")).unwrap();
    let error = author.make(&definition, "out").unwrap_err().to_string();
    assert!(error.contains("plugin/hello"), "{error}");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
}

#[test]
fn an_archive_that_wants_out_is_refused() {
    for name in ["../../etc/passwd", "/etc/passwd", "wikilib/../../x", "wikilib\\..\\x"] {
        let author = Author::new(&[("wikilib/__init__.py", ""), (name, "evil")]);
        let error = author.build("out").unwrap_err().to_string();
        assert!(error.contains("leads out of it"), "{name}: {error}");
    }
    let error = Author::new(&[("other/x.py", "")]).build("out").unwrap_err().to_string();
    assert!(error.contains("there is no \"wikilib\""), "{error}");
}
