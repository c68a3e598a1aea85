//! The stages of a rehearsal.
//!
//! What the root needs of the network is fetched from outside of it, where the hashes are known: its own apt says what it
//! wants. So the target release's apt decides, and no package's script reaches anybody.

use crate::{
    Ending, Error, Installed, Priority, Recording, Release, Result, Trace, archives, base,
    frontend::Recorder,
    host,
    lists::Private,
    root::{Root, SHARED},
};
use apt::Plan;
use debconf::{Template, templates};
use exec::Program;
use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// A script that says nothing for so long waits for something that never comes.
const SILENCE: Duration = Duration::from_secs(900);
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
    let plan = rehearsal.plan(&root)?;
    let output = rehearsal.apt(&root, &["--print-uris"]).output()?.text();
    archives::fetch(&archives::parse(&output), &lists, rehearsal.say)?;
    let closure = rehearsal.closure(&plan)?;
    if !rehearsal.selections.is_empty() {
        let program = root.program("debconf-set-selections", &[("DEBIAN_FRONTEND", "noninteractive")]);
        program.stdin(rehearsal.selections.as_str()).run()?;
    }
    (rehearsal.say)(&format!("installing {} packages in a throw-away root of {release}", closure.len()));
    let mut recording = Recording {
        release: release.clone(),
        closure,
        present: present(&base)?,
        trace: Trace::default(),
        asked: vec![],
        problems: vec![],
        ending: Ending::Complete,
    };
    rehearsal.install(&root, &mut recording)?;
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

    fn apt(&self, root: &Root, options: &[&str]) -> Program {
        self.with_wanted(
            root.program("apt-get", &[("DEBIAN_FRONTEND", "noninteractive")]).arg("-q").args(options),
        )
    }

    fn with_wanted(&self, program: Program) -> Program {
        match &self.wanted {
            Wanted::Packages(names) => program.arg("install").arg("--").args(names),
            Wanted::Relations(relations) => program.arg("satisfy").arg("--").arg(relations.join(", ")),
        }
    }

    fn plan(&self, root: &Root) -> Result<Plan> {
        let output = self.apt(root, &["-s"]).output()?;
        if output.success() {
            return Ok(Plan::parse(&output.text()));
        }
        let wanted = match &self.wanted {
            Wanted::Packages(names) => names.join(" "),
            Wanted::Relations(relations) => relations.join(", "),
        };
        let release = self.release.name.clone();
        Err(Error::Unsatisfiable { wanted, release, said: output.tail(12).join("\n    ") })
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

    fn install(&self, root: &Root, recording: &mut Recording) -> Result<()> {
        let socket = root.shared().join("debconf");
        let (send, receive) = mpsc::channel();
        let gave_up = send.clone();
        let recorder = Recorder::listen(&socket, move || drop(gave_up.send(Said::Enough)))?;
        let pipe = format!("{SHARED}/debconf");
        let environment = [
            ("DEBIAN_FRONTEND", "passthrough"),
            ("DEBCONF_PIPE", pipe.as_str()),
            ("DEBIAN_PRIORITY", self.priority.word()),
            ("DEBCONF_DEBUG", "developer"),
        ];
        let program = self.with_wanted(root.program("apt-get", &environment).arg("-q"));
        let mut child = program.spawn(Stdio::piped(), Stdio::piped())?;
        // nobody answers at its standard input
        drop(child.stdin.take());
        let streams = [read(child.stdout.take(), send.clone()), read(child.stderr.take(), send)];
        let mut tail = Tail::default();
        let mut open = streams.len();
        while open > 0 {
            match receive.recv_timeout(SILENCE) {
                Ok(Said::Line(line)) => {
                    recording.trace.line(&line);
                    tail.line(line);
                }
                Ok(Said::End) => open -= 1,
                Ok(Said::Enough) | Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    recording.ending = Ending::Silent(SILENCE.as_secs());
                    break;
                }
            }
        }
        let success = end(&mut child, open == 0)?;
        recording.asked = recorder.asked();
        recording.problems = tail.problems;
        if let Some(question) = recorder.endless() {
            recording.ending = Ending::Endless(question);
        } else if recording.ending == Ending::Complete && !success {
            recording.ending = Ending::Failed(tail.last.into());
        }
        Ok(())
    }
}

enum Said {
    Line(String),
    /// Of one stream.
    End,
    /// A script asks without end.
    Enough,
}

fn read(stream: Option<impl Read + Send + 'static>, to: mpsc::Sender<Said>) -> thread::JoinHandle<()> {
    /// No honest line is longer (bytes).
    const LONGEST: u64 = 1 << 20;
    thread::spawn(move || {
        let mut reader = stream.map(BufReader::new);
        let mut line = vec![];
        while let Some(reader) = &mut reader {
            line.clear();
            match reader.take(LONGEST).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
            if to.send(Said::Line(text)).is_err() {
                return;
            }
        }
        let _ = to.send(Said::End);
    })
}

/// Waits for the program, or ends it and with it everything in its namespaces.
fn end(child: &mut Child, by_itself: bool) -> Result<bool> {
    let talk = |source| Error::Io { operation: "wait for", path: "apt-get".into(), source };
    if !by_itself {
        child.kill().map_err(talk)?;
    }
    Ok(child.wait().map_err(talk)?.success())
}

/// The last lines, and those that tell of a failure.
#[derive(Default)]
struct Tail {
    last: std::collections::VecDeque<String>,
    problems: Vec<String>,
}

impl Tail {
    fn line(&mut self, line: String) {
        // the last two are the container's own and apt's, about folders that are not theirs to change
        let noise =
            ["debconf (developer)", "Attempted to remove disk file system", "SetupAPTPartialDirectory"];
        if noise.iter().any(|n| line.contains(n)) || line.trim().is_empty() {
            return;
        }
        let failed = line.starts_with("dpkg: error processing") || line.contains("failed to preconfigure");
        if failed && self.problems.len() < 100 {
            self.problems.push(line.clone());
        }
        if self.last.len() == 15 {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }
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
