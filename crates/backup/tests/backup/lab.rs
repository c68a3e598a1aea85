//! A machine in a temporary folder with an appliance that has data, and units that are noted down.

use backup::{Result, Work, quiesce::Services};
use configure::{Installed, Machine, installed};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

pub struct Lab {
    pub machine: Machine,
    pub installed: Installed,
    pub services: Noted,
    pub stop: Arc<AtomicBool>,
    _folder: tempfile::TempDir,
}

/// Remembers what runs; dies at a chosen call, as a killed process would.
#[derive(Default)]
pub struct Noted {
    pub running: Cell<bool>,
    pub calls: RefCell<Vec<String>>,
    pub die_at: RefCell<Option<String>>,
    pub configure_fails: Cell<bool>,
    /// What the database holds.
    pub server: RefCell<String>,
}

impl Noted {
    fn note(&self, call: String) {
        if self.die_at.borrow().as_ref() == Some(&call) {
            panic!("killed at {call}");
        }
        self.calls.borrow_mut().push(call);
    }
}

impl Services for Noted {
    fn is_active(&self, _: &str) -> Result<bool> {
        Ok(self.running.get())
    }
    fn stop(&self, unit: &str) -> Result<()> {
        self.note(format!("stop {unit}"));
        self.running.set(false);
        Ok(())
    }
    fn start(&self, unit: &str) -> Result<()> {
        self.note(format!("start {unit}"));
        self.running.set(true);
        Ok(())
    }
    fn dump(&self, _: &str, folder: &Path) -> Result<Vec<String>> {
        fs::write(folder.join("wiki.mariadb"), &*self.server.borrow()).unwrap();
        Ok(vec![])
    }
    fn load(&self, _: &str, folder: &Path) -> Result<()> {
        self.server.borrow_mut().clear();
        if self.die_at.borrow().as_deref() == Some("load") {
            panic!("killed while it loads");
        }
        self.server.borrow_mut().push_str(&fs::read_to_string(folder.join("wiki.mariadb")).unwrap());
        Ok(())
    }
    fn configure(&self, name: &str) -> Result<()> {
        self.note(format!("configure {name}"));
        if !self.configure_fails.get() {
            return Ok(());
        }
        let error = exec::Program::new("false").run().unwrap_err();
        Err(backup::Error::Configure(Box::new(error)))
    }
}

pub type Tree = BTreeMap<PathBuf, (char, u32, u32, Vec<u8>)>;

impl Lab {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine::at(folder.path());
        let write = |path: &str, text: &str, mode: u32| {
            let path = machine.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        };
        let definition: appliance::Definition = toml::from_str(
            "[appliance]\nname = \"wiki\"\nversion = \"1.0\"\nsummary = \"A\"\npackages = []\nmaintainer = \"A <a@example.org>\"\n\
             url = \"http://127.0.0.1/\"\n[backup]\npaths = [\"/var/lib/wiki\", \"/etc/wiki\"]\nexclude = [\"/var/lib/wiki/cache\"]\n\
             quiesce = [\"wiki.service\"]\n[[database]]\nengine = \"mariadb\"\nname = \"wiki\"\n",
        )
        .unwrap();
        write(
            "/usr/share/appliances/wiki/definition.json",
            &serde_json::to_string(&definition).unwrap(),
            0o644,
        );
        write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n", 0o644);
        write("/etc/group", "root:x:0:\nnogroup:x:65534:\n", 0o644);
        write("/var/lib/appliances/wiki/answers.json", "{\"wiki-name\":\"My Wiki\"}", 0o600);
        write("/var/lib/appliances/wiki/secrets/admin-password", "s3cret", 0o600);
        write("/var/lib/wiki/pages/front", "page one\n", 0o640);
        write("/var/lib/wiki/pages/big", &"0123456789".repeat(50_000), 0o600);
        write("/var/lib/wiki/cache/x", "cached", 0o644);
        write(&format!("/var/lib/wiki/{}/long", "n".repeat(150)), "long name", 0o644);
        write("/etc/wiki/conf", "conf\n", 0o750);
        symlink("/etc/passwd", machine.path("/var/lib/wiki/link")).unwrap();
        std::os::unix::fs::chown(machine.path("/var/lib/wiki/pages/front"), Some(65534), Some(65534))
            .unwrap();
        std::os::unix::fs::chown(machine.path("/var/lib/wiki"), Some(65534), Some(65534)).unwrap();
        let installed = installed::load(&machine, "wiki").unwrap();
        let services =
            Noted { running: Cell::new(true), server: RefCell::new("rows".into()), ..Noted::default() };
        Lab { machine, installed, services, stop: Arc::default(), _folder: folder }
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.machine.path(path)
    }
    pub fn archive(&self) -> PathBuf {
        self.path("/backup.tar.zst")
    }
    pub fn create(&self) -> Result<u64> {
        backup::create(&mut self.work(&mut |_| {}), &self.archive())
    }
    pub fn create_with(&self, tell: &mut dyn FnMut(events::Kind)) -> Result<u64> {
        backup::create(&mut self.work(tell), &self.archive())
    }
    pub fn restore(&self) -> Result<()> {
        backup::restore(&mut self.work(&mut |_| {}), &self.archive())
    }
    /// Calls `at` when a phase begins.
    pub fn restore_with(&self, at: &mut dyn FnMut(&str)) -> Result<()> {
        let tell = &mut |kind| {
            if let events::Kind::Phase { id, .. } = kind {
                at(&id);
            }
        };
        backup::restore(&mut self.work(tell), &self.archive())
    }
    fn work<'a>(&'a self, tell: &'a mut dyn FnMut(events::Kind)) -> Work<'a> {
        let (machine, installed, services) = (&self.machine, &self.installed, &self.services);
        Work { machine, installed, services, stop: self.stop.clone(), tell }
    }

    /// The application writes on after the backup.
    pub fn change(&self) {
        *self.services.server.borrow_mut() = "other rows".into();
        fs::write(self.path("/var/lib/wiki/pages/front"), "spoilt").unwrap();
        fs::remove_file(self.path("/var/lib/wiki/pages/big")).unwrap();
        fs::write(self.path("/var/lib/wiki/pages/later"), "later").unwrap();
        fs::write(self.path("/var/lib/appliances/wiki/answers.json"), "{\"wiki-name\":\"Other\"}").unwrap();
    }

    /// What a backup holds, and all that lies beside it.
    pub fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        let rows = self.services.server.borrow().clone().into_bytes();
        tree.insert("the database".into(), ('d', 0, 0, rows));
        for top in ["var/lib", "etc"] {
            self.add(&self.machine.root().join(top), &mut tree);
        }
        tree.retain(|path, _| !path.ends_with("backup.lock"));
        tree
    }
    fn add(&self, path: &Path, tree: &mut Tree) {
        let stat = path.symlink_metadata().unwrap();
        let (kind, content) = if stat.is_symlink() {
            ('l', fs::read_link(path).unwrap().into_os_string().into_encoded_bytes())
        } else if stat.is_dir() {
            fs::read_dir(path).unwrap().for_each(|entry| self.add(&entry.unwrap().path(), tree));
            ('d', vec![])
        } else {
            ('f', fs::read(path).unwrap())
        };
        let at = path.strip_prefix(self.machine.root()).unwrap().to_path_buf();
        tree.insert(at, (kind, stat.mode() & 0o7777, stat.uid(), content));
    }
}
