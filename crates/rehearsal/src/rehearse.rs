//! The stages of a rehearsal.
//!
//! What the root needs of the network is fetched from outside of it, where the hashes are known: its own apt says what it
//! wants. So the target release's apt decides, and no package's script reaches anybody.

use crate::{
    Ending, Error, Installed, Priority, Recording, Release, Result, Trace, archives, base, host,
    lists::Private, root::Root, run,
};
use apt::Plan;
use debconf::{Selection, Template, selections, templates};
use exec::Program;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Where the root sees the kept packages, and the repository that was brought along.
const PACKAGES: &str = "/packages";
const REPOSITORY: &str = "/repository";
const KEY: &str = "/etc/apt/keyrings/rehearsal.asc";
const APT: &str = "APT::Sandbox::User \"root\";\nAPT::Get::Assume-Yes \"1\";\nDir::Cache::archives \"/packages/\";\n\
    Debug::NoLocking \"1\";\nDpkg::Use-Pty \"0\";\nDpkg::Options { \"--force-confdef\"; \"--force-confold\"; \"--force-unsafe-io\"; };\n\
    Acquire::Languages \"none\";\n";

/// What is to be installed, and how.
pub struct Rehearsal<'a> {
    pub release: &'a Release,
    pub wanted: Wanted,
    /// Installed in a run of its own before the rest, as `vainstall` does it with servers.
    pub first: Vec<String>,
    /// Answers to what the packages of that first run ask: no seed package comes before them. May hold secrets.
    pub first_seeds: Vec<Selection>,
    /// Answers that the frontend gives in that first run, by debconf's names of the questions. May hold secrets.
    pub first_answers: BTreeMap<String, String>,
    /// A repository on this disk that is known beside Debian's, and its public key in ASCII armor.
    pub repository: Option<(&'a Path, &'a str)>,
    /// Answers given in advance, as debconf-set-selections(1) reads them. May hold secrets.
    pub selections: String,
    /// What is less important is not shown, as on a machine.
    pub priority: Priority,
    /// Told what is being done, before it is done.
    pub say: &'a dyn Fn(&str),
}

/// What apt is asked for.
#[derive(Debug, Clone)]
pub enum Wanted {
    Packages(Vec<String>),
    /// Each as in `Depends`.
    Relations(Vec<String>),
}

/// Installs in a throw-away root and tells what was asked. That a package's script fails is part of the recording.
///
/// # Errors
/// [`Error::NotHere`] without root or the tools, [`Error::Network`], and [`Error::Unsatisfiable`] when apt has no way.
pub fn rehearse(rehearsal: &Rehearsal) -> Result<Recording> {
    host::check()?;
    let release = &rehearsal.release.name;
    let lists = Private::of(rehearsal.release)?;
    let base = base::root(release, &lists.sources, rehearsal.say)?;
    let root = rehearsal.root(&base, &lists)?;
    let mut recording = Recording {
        release: release.clone(),
        order: rehearsal.plan(&root, &rehearsal.wanted)?.changes.into_iter().map(|c| c.name).collect(),
        closure: vec![],
        present: present(&base)?,
        accounts: vec![],
        trace: Trace::default(),
        asked: vec![],
        answered: BTreeSet::new(),
        problems: vec![],
        ending: Ending::Complete,
    };
    give(&root, &rehearsal.selections)?;
    let run = run::Run::begin(&root, rehearsal.priority)?;
    for (index, stage) in rehearsal.stages().into_iter().enumerate() {
        let plan = rehearsal.plan(&root, &stage)?;
        let output = wanted(apt(&root).arg("--print-uris"), &stage).output()?.text();
        archives::fetch(&archives::parse(&output), &lists, rehearsal.say)?;
        let closure = rehearsal.closure(&plan)?;
        if index == 0 {
            give(&root, &rehearsal.seeds_of(&closure)?)?;
        }
        let first = index == 0 && !rehearsal.first.is_empty();
        run.answer(if first { rehearsal.first_answers.clone() } else { BTreeMap::new() });
        (rehearsal.say)(&format!("installing {} packages in a throw-away root of {release}", closure.len()));
        recording.closure.extend(closure);
        run.install(|apt| wanted(apt, &stage), &mut recording)?;
        if matches!(recording.ending, Ending::Endless(_) | Ending::Silent(_)) {
            break;
        }
    }
    recording.accounts = accounts(&root)?;
    Ok(recording)
}

impl Rehearsal<'_> {
    fn root(&self, base: &Path, lists: &Private) -> Result<Root> {
        let mut root = Root::new(vec![lists.layer(), base.to_path_buf()])?;
        root.show(&archives::folder()?, PACKAGES);
        root.write("/etc/apt/sources.list", lists.sources.as_bytes(), 0o644)?;
        root.write("/etc/apt/apt.conf.d/90rehearsal", APT.as_bytes(), 0o644)?;
        let Some((repository, key)) = self.repository else { return Ok(root) };
        root.show(repository, REPOSITORY);
        root.write(KEY, key.as_bytes(), 0o644)?;
        let own = "/etc/apt/sources.list.d/rehearsal.list";
        let source = format!("deb [signed-by={KEY}] file:{REPOSITORY} stable main\n");
        root.write(own, source.as_bytes(), 0o644)?;
        let update =
            root.program("apt-get", &[]).arg("-q").arg("-o").arg(format!("Dir::Etc::sourcelist={own}"));
        update
            .args(["-o", "Dir::Etc::sourceparts=/dev/null", "-o", "APT::Get::List-Cleanup=0", "update"])
            .run()?;
        Ok(root)
    }

    /// What is installed, one run after the other.
    fn stages(&self) -> Vec<Wanted> {
        let first = (!self.first.is_empty()).then(|| Wanted::Packages(self.first.clone()));
        first.into_iter().chain([self.wanted.clone()]).collect()
    }

    fn plan(&self, root: &Root, what: &Wanted) -> Result<Plan> {
        let output = wanted(apt(root).arg("-s"), what).output()?;
        if output.success() {
            return Ok(Plan::parse(&output.text()));
        }
        let wanted = match what {
            Wanted::Packages(names) => names.join(" "),
            Wanted::Relations(relations) => relations.join(", "),
        };
        let release = self.release.name.clone();
        Err(Error::Unsatisfiable { wanted, release, said: output.tail(12).join("\n    ") })
    }

    /// The seeds of packages of the first run, as debconf-set-selections(1) reads them.
    fn seeds_of(&self, closure: &[Installed]) -> Result<String> {
        let here = |seed: &&Selection| !self.first.is_empty() && closure.iter().any(|p| p.name == seed.owner);
        let seeds: Vec<Selection> = self.first_seeds.iter().filter(here).cloned().collect();
        selections::write(&seeds).map_err(|e| Error::NotHere(e.to_string()))
    }

    fn closure(&self, plan: &Plan) -> Result<Vec<Installed>> {
        let kept = archives::folder()?;
        let mut own = vec![];
        if let Some((repository, _)) = self.repository {
            debs(&repository.join("pool"), &mut own)?;
        }
        let installed = |change: &apt::Change| -> Result<Installed> {
            // apt escapes what cannot stand in a name on every file system
            let version = change.to.replace(':', "%3a");
            let name = format!("{}_{version}_{}.deb", change.name, change.architecture);
            let bare = change.to.split_once(':').map_or(change.to.as_str(), |(_, rest)| rest);
            let own_name = format!("{}_{bare}_{}.deb", change.name, change.architecture);
            let ours = own.iter().find(|p| p.file_name().is_some_and(|n| *n == *own_name || *n == *name));
            let path = ours.cloned().unwrap_or_else(|| kept.join(&name));
            Ok(Installed {
                name: change.name.clone(),
                version: change.to.clone(),
                templates: templates_of(&path)?,
            })
        };
        plan.changes.iter().map(installed).collect()
    }
}

fn apt(root: &Root) -> Program {
    root.program("apt-get", &[("DEBIAN_FRONTEND", "noninteractive")]).arg("-q")
}

fn wanted(program: Program, what: &Wanted) -> Program {
    match what {
        Wanted::Packages(names) => program.arg("install").arg("--").args(names),
        Wanted::Relations(relations) => program.arg("satisfy").arg("--").arg(relations.join(", ")),
    }
}

/// Gives the root's debconf answers.
fn give(root: &Root, selections: &str) -> Result<()> {
    if !selections.is_empty() {
        let program = root.program("debconf-set-selections", &[("DEBIAN_FRONTEND", "noninteractive")]);
        program.stdin(selections).run()?;
    }
    Ok(())
}

/// Names of the users and groups that are there at the end.
fn accounts(root: &Root) -> Result<Vec<String>> {
    let text = root.program("cat", &[]).args(["/etc/passwd", "/etc/group"]).run()?.text();
    Ok(text.lines().filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect())
}

fn templates_of(path: &Path) -> Result<Vec<Template>> {
    let control = deb::read::control_of(path, &["templates"])?;
    let text = control.members.first().map(|m| String::from_utf8_lossy(&m.content).into_owned());
    // a file that debconf cannot read either asks nothing
    Ok(text.and_then(|text| templates::parse(&text).ok()).unwrap_or_default())
}

/// Templates of the packages in a root: `/var/lib/dpkg/info/NAME.templates`.
fn present(root: &Path) -> Result<Vec<(String, Template)>> {
    let folder = root.join("var/lib/dpkg/info");
    let mut found = vec![];
    for entry in fs::read_dir(&folder).map_err(Error::io("read", &folder))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(package) = name.strip_suffix(".templates") else { continue };
        let package = package.split(':').next().unwrap_or(package);
        let text = fs::read(entry.path()).map_err(Error::io("read", entry.path()))?;
        let read = templates::parse(&String::from_utf8_lossy(&text)).unwrap_or_default();
        found.extend(read.into_iter().map(|t| (package.to_owned(), t)));
    }
    Ok(found)
}

fn debs(folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(Error::io("read", folder))?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            debs(&path, into)?;
        } else if path.extension().is_some_and(|e| e == "deb") {
            into.push(path);
        }
    }
    Ok(())
}
