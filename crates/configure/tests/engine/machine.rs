//! A machine in a temporary folder, and a system that keeps its units and switches there.

use appliance::model::Engine;
use configure::{
    Error, Installed, Machine, Outcome, Result,
    apache::{Kind, What},
    installed,
    knowledge::{self, Knowledge},
    system::{Action, Login, System},
};
use exec::{Output, Program};
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufReader, Empty, Sink},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

pub struct Lab {
    pub machine: Machine,
    pub system: Fake,
    _folder: tempfile::TempDir,
}

/// What a real system does to the machine, done to the folder.
pub struct Fake {
    root: PathBuf,
    pub units: RefCell<BTreeMap<String, (String, bool)>>,
    pub acted: RefCell<Vec<String>>,
    pub owned: RefCell<BTreeMap<PathBuf, String>>,
    /// Checkpoints until the run is ended.
    pub kill_after: Cell<Option<usize>>,
    pub booted: Cell<bool>,
    pub server: RefCell<Server>,
}

/// A database server that understands what the engine says.
#[derive(Default)]
pub struct Server {
    pub stopped: bool,
    /// Name to comment.
    pub databases: BTreeMap<String, String>,
    /// Name to password.
    pub users: BTreeMap<String, String>,
    /// Users with rights on their database.
    pub granted: BTreeSet<String>,
    pub tables: Vec<String>,
    pub heard: Vec<String>,
}

impl Server {
    fn answer(&mut self, login: &Login, sql: &str) -> Option<String> {
        if self.stopped {
            return None;
        }
        if let Login::User { user, password, database } = login {
            let known = self.users.get(*user).is_some_and(|p| p == password);
            if !known || !(self.databases.contains_key(*database) || *database == "information_schema") {
                return None;
            }
        }
        self.heard.push(sql.into());
        let mut rows = String::new();
        for line in sql.lines() {
            let words: Vec<&str> = line.split(['`', '\'']).collect();
            match line.split_whitespace().take(2).collect::<Vec<_>>()[..] {
                ["SELECT", "'database',"] => {
                    let comment = self.databases.get(words[3]);
                    rows.extend(comment.map(|c| format!("database\t{c}\n")));
                }
                ["SELECT", "'user'"] if self.users.contains_key(words[3]) => rows += "user\n",
                ["SELECT", "'rights'"] if self.granted.contains(words[3]) => rows += "rights\n",
                ["GRANT", _] => {
                    self.granted.insert(words[3].into());
                }
                ["SELECT", "COUNT(*)"] => rows += &format!("{}\n", self.tables.len()),
                ["CREATE", "TABLE"] => self.tables.push(line.into()),
                ["CREATE", "DATABASE"] => {
                    self.databases.insert(words[1].into(), words[7].into());
                }
                ["CREATE", "USER"] => {
                    self.users.entry(words[1].into()).or_default();
                }
                ["ALTER", "USER"] => {
                    self.users.insert(words[1].into(), words[5].into());
                }
                _ => {}
            }
        }
        Some(rows)
    }
}

/// An entry of a tree: kind, mode, owner, content or target.
pub type Tree = BTreeMap<PathBuf, (char, u32, u32, u32, Vec<u8>)>;

impl Lab {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_path_buf();
        let system = Fake {
            root: root.clone(),
            units: RefCell::default(),
            acted: RefCell::default(),
            owned: RefCell::default(),
            kill_after: Cell::new(None),
            booted: Cell::new(true),
            server: RefCell::default(),
        };
        let lab = Lab { machine: Machine::at(&root), system, _folder: folder };
        for path in
            ["etc", "run", "var/lib", "usr/share", "etc/apache2/mods-enabled", "etc/apache2/sites-enabled"]
        {
            fs::create_dir_all(root.join(path)).unwrap();
        }
        lab.write(
            "/etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
            0o644,
        );
        lab.write("/etc/group", "root:x:0:\nnogroup:x:65534:\n", 0o644);
        lab
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.machine.path(path)
    }
    pub fn write(&self, path: &str, content: &str, mode: u32) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    /// Installs the compiled form of a definition named `wiki`.
    pub fn install(&self, definition: &str, files: &[(&str, &str)]) -> Installed {
        let head = "[appliance]\nname = \"wiki\"\nversion = \"1.0\"\nsummary = \"A wiki\"\npackages = []\n\
                    maintainer = \"A <a@example.org>\"\nurl = \"http://127.0.0.1/\"\n";
        let mut definition: appliance::Definition = toml::from_str(&format!("{head}{definition}")).unwrap();
        definition.complete();
        self.write(
            "/usr/share/appliances/wiki/definition.json",
            &serde_json::to_string(&definition).unwrap(),
            0o644,
        );
        for (path, content) in files {
            self.write(&format!("/usr/share/appliances/wiki/{path}"), content, 0o755);
        }
        installed::load(&self.machine, "wiki").unwrap()
    }

    pub fn settle(&self, installed: &Installed) -> Result<Knowledge> {
        knowledge::settle::<BufReader<Empty>, Sink>(&self.machine, installed, None)
    }
    pub fn apply(&self, installed: &Installed) -> Result<Outcome> {
        let knowledge = self.settle(installed)?;
        configure::apply(&self.machine, &self.system, installed, &knowledge, &mut |_| {})
    }
    pub fn undo(&self, installed: &Installed) -> Result<Outcome> {
        let knowledge = knowledge::look(&self.machine, installed)?;
        configure::undo(&self.machine, &self.system, installed, &knowledge, &mut |_| {})
    }

    /// All that is on the machine, but for the appliances' own folders.
    pub fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        let mut todo = vec![self.machine.root().to_path_buf()];
        while let Some(folder) = todo.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let at = path.strip_prefix(self.machine.root()).unwrap().to_path_buf();
                if ["run", "var/lib/appliances", "usr/share/appliances"]
                    .iter()
                    .any(|own| at == Path::new(own))
                {
                    continue;
                }
                let stat = fs::symlink_metadata(&path).unwrap();
                let (kind, content) = if stat.is_symlink() {
                    ('l', fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes())
                } else if stat.is_dir() {
                    todo.push(path.clone());
                    ('d', vec![])
                } else {
                    ('f', fs::read(&path).unwrap())
                };
                tree.insert(at, (kind, stat.mode() & 0o7777, stat.uid(), stat.gid(), content));
            }
        }
        tree
    }
}

impl System for Fake {
    fn checkpoint(&self, next: &str) -> Result<()> {
        match self.kill_after.get() {
            Some(0) => Err(Error::Debconf { message: format!("killed before: {next}") }),
            Some(n) => {
                self.kill_after.set(Some(n - 1));
                Ok(())
            }
            None => Ok(()),
        }
    }
    fn is_running(&self) -> bool {
        self.booted.get()
    }
    fn make_users(&self, lines: &str) -> Result<()> {
        let name = lines.split_whitespace().nth(1).unwrap();
        for (file, line) in
            [("passwd", format!("{name}:x:900:900::/:/x\n")), ("group", format!("{name}:x:900:\n"))]
        {
            let path = self.root.join("etc").join(file);
            let text = fs::read_to_string(&path).unwrap();
            if !text.contains(&format!("\n{name}:")) {
                fs::write(&path, text + &line).unwrap();
            }
        }
        Ok(())
    }
    fn is_new(&self, _unit: &str) -> Result<bool> {
        Ok(false)
    }
    fn owners(&self, paths: &[&Path]) -> Result<BTreeMap<PathBuf, String>> {
        let owned = self.owned.borrow();
        Ok(paths.iter().filter_map(|p| owned.get(*p).map(|o| (p.to_path_buf(), o.clone()))).collect())
    }
    /// Like a2enmod: a link, a mark, and for the module `proxy_http` the one that it needs.
    fn apache(&self, what: &What) -> Result<()> {
        let (enabled, available, suffix) = match what.kind {
            Kind::Module => ("mods-enabled", "mods-available", "load"),
            Kind::Conf => ("conf-enabled", "conf-available", "conf"),
            Kind::Site => ("sites-enabled", "sites-available", "conf"),
        };
        let needs = if what.name == "proxy_http" && what.on { vec!["proxy"] } else { vec![] };
        for name in needs.into_iter().chain([what.name.as_str()]) {
            let link = self.root.join("etc/apache2").join(enabled).join(format!("{name}.{suffix}"));
            let _ = fs::remove_file(&link);
            let mark = self.root.join("var/lib/apache2").join(what.kind.word().replace("mod", "module"));
            let (old, new) = if what.on { ("disabled", "enabled") } else { ("enabled", "disabled") };
            let _ = fs::remove_file(mark.join(format!("{old}_by_maint")).join(name));
            fs::create_dir_all(mark.join(format!("{new}_by_maint"))).unwrap();
            fs::write(mark.join(format!("{new}_by_maint")).join(name), "").unwrap();
            if what.on {
                fs::create_dir_all(link.parent().unwrap()).unwrap();
                symlink(format!("../{available}/{name}.{suffix}"), &link).unwrap();
            }
        }
        Ok(())
    }
    fn enablement(&self, unit: &str) -> Result<String> {
        Ok(self.units.borrow().get(unit).map_or("not-found".into(), |(word, _)| word.clone()))
    }
    fn is_active(&self, unit: &str) -> Result<bool> {
        Ok(self.units.borrow().get(unit).is_some_and(|(_, active)| *active))
    }
    fn unit(&self, action: Action, unit: &str) -> Result<bool> {
        let mut units = self.units.borrow_mut();
        let state = units.entry(unit.into()).or_insert_with(|| ("disabled".into(), false));
        match action {
            Action::Enable => state.0 = "enabled".into(),
            Action::Disable => state.0 = "disabled".into(),
            Action::Start | Action::Restart => {
                state.1 = true;
                if unit == "mariadb.service" {
                    self.server.borrow_mut().stopped = false;
                }
            }
            Action::Stop => state.1 = false,
            Action::Reload => {}
        }
        self.acted.borrow_mut().push(format!("{} {unit}", action.word()));
        Ok(true)
    }
    fn reload_units(&self) -> Result<()> {
        self.acted.borrow_mut().push("daemon-reload".into());
        Ok(())
    }
    fn sql(&self, _engine: Engine, login: &Login, sql: &str) -> Result<Output, exec::Error> {
        let rows = self.server.borrow_mut().answer(login, sql);
        let program = Program::new(if rows.is_some() { "cat" } else { "false" });
        program.stdin(rows.unwrap_or_default()).output()
    }
    fn run(&self, program: &Program) -> Result<Output, exec::Error> {
        program.output()
    }
}
