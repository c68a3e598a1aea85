//! Tries a plugin, for its author: the manifest, the programs, and how they behave when they are cut off.
//!
//! Queries are asked, for they change nothing. An action is tried when its manifest has an `example` for it: once, again with hostile
//! text in its texts, stopped in the middle, killed in the middle and started again. The programs run as whoever tries them, in no
//! sandbox: that is for the author's own machine and the author's own plugin.

use crate::{
    Manifest, artifact,
    check::is_file_name,
    manifest::{Action, MANIFESTS, PROGRAMS, ParameterType, Query},
    parameter::{self, Choices},
    query::{self, Data, Wanted},
    runner::{self, Listener, Outcome, Time},
};
use events::{Kind, Status};
use exec::Program;
use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

/// In the middle of a program that says nothing.
const MIDDLE: Duration = Duration::from_millis(300);
/// Texts that a shell, a page and a terminal would each take for something else.
const HOSTILE: &str = "$(touch pwned) \"$(touch pwned)\" '; touch pwned; ' <b>&amp; ../../x %s -rf";

/// Where a plugin lies: installed, unpacked, or as an author keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub name: String,
    pub manifest: PathBuf,
    pub programs: PathBuf,
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `action create-user, stopped in the middle`
    pub what: String,
    pub wrong: Option<String>,
    /// It was not tried: why.
    pub left_out: Option<String>,
}

impl Place {
    /// `what` is an installed plugin's name, a folder with `NAME.json` and `NAME/` in it, or the root of an unpacked package.
    pub fn find(what: &str) -> io::Result<Place> {
        let path = Path::new(what);
        if !what.contains('/') && !path.is_dir() {
            return Ok(Place {
                name: what.into(),
                manifest: Path::new(MANIFESTS).join(format!("{what}.json")),
                programs: Path::new(PROGRAMS).join(what),
            });
        }
        let installed = path.join(MANIFESTS.trim_start_matches('/'));
        let (manifests, programs) = if installed.is_dir() {
            (installed, path.join(PROGRAMS.trim_start_matches('/')))
        } else {
            (path.into(), path.into())
        };
        let mut names = vec![];
        for entry in fs::read_dir(&manifests)? {
            let file = entry?.file_name();
            names.extend(file.to_str().and_then(|f| f.strip_suffix(".json")).map(str::to_owned));
        }
        match names.as_slice() {
            [name] => Ok(Place {
                name: name.clone(),
                manifest: manifests.join(format!("{name}.json")),
                programs: programs.join(name),
            }),
            [] => Err(io::Error::other("there is no manifest NAME.json in it")),
            _ => Err(io::Error::other("there is more than one manifest in it: name the folder of one")),
        }
    }

    pub fn load(&self) -> Result<Manifest, Vec<String>> {
        let text = crate::load::read(&self.manifest).map_err(|e| vec![e])?;
        Manifest::parse(&self.name, &text).map_err(|faults| faults.0)
    }
}

/// Tries all of it. `scratch` is an empty folder for what the programs make.
pub fn all(place: &Place, scratch: &Path, say: &mut dyn FnMut(Finding)) {
    let manifest = match place.load() {
        Ok(manifest) => manifest,
        Err(faults) => {
            return faults.into_iter().for_each(|why| say(Finding::new("manifest", Err(why))));
        }
    };
    say(Finding::new("manifest", Ok(())));
    let mut sound = true;
    for fault in strangers(&place.programs) {
        say(Finding::new("programs", Err(fault)));
        sound = false;
    }
    let runs = manifest.actions.iter().map(|a| (format!("action {}", a.name), &a.run));
    for (what, run) in runs.chain(manifest.queries.iter().map(|q| (format!("query {}", q.name), &q.run))) {
        if let Err(why) = program(&place.programs, run) {
            say(Finding::new(what, Err(why)));
            sound = false;
        }
    }
    if !sound {
        return;
    }
    let trial = Trial { place, manifest: &manifest, scratch };
    manifest.queries.iter().for_each(|query| trial.query(query, say));
    manifest.actions.iter().for_each(|action| trial.action(action, say));
}

/// What a package of a plugin has no place for.
fn strangers(folder: &Path) -> Vec<String> {
    let mut faults = vec![];
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(meta) = fs::symlink_metadata(&path) else { continue };
            if meta.is_dir() {
                open.push(path);
            } else if meta.is_symlink() {
                faults.push(format!("{} is a link: put the file itself there", path.display()));
            } else if !meta.is_file() {
                faults.push(format!("{} is neither a file nor a folder", path.display()));
            } else if meta.mode() & 0o6000 != 0 {
                faults.push(format!("{} has a set-user-id or set-group-id bit", path.display()));
            }
        }
    }
    faults
}

fn program(folder: &Path, run: &str) -> Result<PathBuf, String> {
    let path = folder.join(run);
    let meta =
        fs::metadata(&path).map_err(|e| format!("its program {} is not there: {e}", path.display()))?;
    if !meta.is_file() || meta.permissions().mode() & 0o111 == 0 {
        return Err(format!("its program {} cannot be executed: chmod +x", path.display()));
    }
    let start = fs::read(&path).map_err(|e| e.to_string())?;
    if let Some(line) = start.strip_prefix(b"#!") {
        let line =
            String::from_utf8_lossy(line.split(|b| *b == b'\n').next().unwrap_or_default()).into_owned();
        let interpreter = line.split_whitespace().next().unwrap_or_default().to_owned();
        if line.ends_with('\r') || !Path::new(&interpreter).exists() {
            return Err(format!("its interpreter `{}` is not on this machine", line.escape_debug()));
        }
    }
    Ok(path)
}

struct Trial<'a> {
    place: &'a Place,
    manifest: &'a Manifest,
    scratch: &'a Path,
}

/// When to cut a run off.
#[derive(Clone, Copy, PartialEq)]
enum Cut {
    No,
    Stop,
    Kill,
}

impl Trial<'_> {
    fn query(&self, query: &Query, say: &mut dyn FnMut(Finding)) {
        for (how, wanted) in [
            ("", Wanted { page: 1, search: String::new() }),
            (", page 1000000", Wanted { page: 1_000_000, search: String::new() }),
            (
                ", hostile search",
                Wanted { page: 1, search: if query.search { HOSTILE.into() } else { String::new() } },
            ),
        ] {
            if how == ", hostile search" && !query.search {
                continue;
            }
            let began = Instant::now();
            let answer = ask(self.place, self.manifest, query, &wanted);
            let late = began.elapsed() > Duration::from_secs(query.time().into());
            let answer = match answer {
                Ok(_) if late => Err(format!("it took longer than its {} s", query.time())),
                Ok(_) => Ok(()),
                Err(why) => Err(why),
            };
            say(Finding::new(format!("query {}{how}", query.name), answer));
        }
    }

    fn action(&self, action: &Action, say: &mut dyn FnMut(Finding)) {
        let what = format!("action {}", action.name);
        let Some(example) = &action.example else {
            let why = "its manifest has no `example` for it".to_owned();
            return say(Finding { what, wrong: None, left_out: Some(why) });
        };
        let values = match self.values(action, example) {
            Ok(values) => values,
            Err(why) => return say(Finding::new(format!("{what}, example"), Err(why))),
        };
        let first = self.run(action, &values, Cut::No);
        let ran = good(&first);
        let went_well = ran.is_ok();
        say(Finding::new(format!("{what}, with its example"), ran));
        if !went_well {
            return;
        }
        if let Some(hostile) = hostile(action, &values) {
            say(Finding::new(format!("{what}, with hostile text"), self.hostile(action, &hostile)));
        }
        let stopped = self.run(action, &values, Cut::Stop);
        let polite = match stopped.message.contains("did not stop by itself") {
            true => Err("it did not end within 10 s after SIGTERM".into()),
            false if stopped.breach => Err(stopped.message),
            false => Ok(()),
        };
        say(Finding::new(format!("{what}, stopped in the middle"), polite));
        self.run(action, &values, Cut::Kill);
        let again = good(&self.run(action, &values, Cut::No));
        let again =
            again.map_err(|why| format!("it was killed in the middle, and does not work any more: {why}"));
        say(Finding::new(format!("{what}, killed in the middle and started again"), again));
    }

    fn values(
        &self,
        action: &Action,
        example: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, String> {
        let choices = choices(self.place, self.manifest, action, example)?;
        let mut given = example.clone();
        let files: Vec<&str> = action
            .parameters
            .iter()
            .filter(|p| p.kind == ParameterType::File)
            .map(|p| p.name.as_str())
            .collect();
        let mut paths = BTreeMap::new();
        for name in files {
            if let Some(path) = given.insert(name.into(), "0".repeat(32)) {
                paths.insert(name.to_owned(), path);
            }
        }
        let mut values = parameter::check(action, &given, &choices).map_err(|faults| faults.join("; "))?;
        values.extend(paths);
        Ok(values)
    }

    fn run(&self, action: &Action, values: &BTreeMap<String, String>, cut: Cut) -> Outcome {
        let making = self.scratch.join("making");
        let kept = self.scratch.join("kept");
        for folder in [&making, &kept] {
            let _ = fs::remove_dir_all(folder);
            if let Err(error) = fs::create_dir_all(folder) {
                return Outcome::failed(format!("{} cannot be made: {error}", folder.display()), vec![]);
            }
        }
        let program = start(self.place, self.manifest, &action.run)
            .env("ACTION", &action.name)
            .env("ARTIFACTS_DIRECTORY", &making);
        let stop = if cut == Cut::Kill { Duration::ZERO } else { runner::STOP_TIME };
        let time = Time { most: Duration::from_secs(action.time().into()), stop };
        let mut watch = Watch { making, kept, cut, began: Instant::now(), heard: false };
        runner::run(program, values, time, &mut watch)
    }

    /// It may refuse, in the words of the protocol; it may not be taken in.
    fn hostile(&self, action: &Action, values: &BTreeMap<String, String>) -> Result<(), String> {
        let outcome = self.run(action, values, Cut::No);
        let made = ["/pwned".into(), self.scratch.join("making/pwned"), self.place.programs.join("pwned")];
        match made.iter().find(|path: &&PathBuf| path.exists()) {
            Some(path) => Err(format!("a command in a text was executed: {}", path.display())),
            None if outcome.breach => Err(outcome.message),
            None => Ok(()),
        }
    }
}

/// The example with [`HOSTILE`] in place of each free text; none when there is no such text.
fn hostile(action: &Action, values: &BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
    let mut hostile = values.clone();
    let free = |p: &&crate::manifest::Parameter| {
        matches!(p.kind, ParameterType::String | ParameterType::Text | ParameterType::Password)
            && p.pattern.is_none()
            && p.max_length.is_none()
    };
    let names: Vec<&String> = action.parameters.iter().filter(free).map(|p| &p.name).collect();
    names.iter().for_each(|name| drop(hostile.insert((*name).clone(), HOSTILE.into())));
    (!names.is_empty()).then_some(hostile)
}

/// Asks a query outside of any sandbox, as whoever asks.
pub fn ask(place: &Place, manifest: &Manifest, query: &Query, wanted: &Wanted) -> Result<Data, String> {
    let program = start(place, manifest, &query.run)
        .env("QUERY", &query.name)
        .stdin(query::input(wanted).into_bytes())
        .timeout(Duration::from_secs(query.time().into()));
    let output = program.output().map_err(|e| e.to_string())?;
    if output.stdout.len() >= query::ANSWER_LIMIT {
        return Err(format!("it says more than {} MiB", query::ANSWER_LIMIT >> 20));
    }
    let data = query::read(&output.stdout, wanted)?;
    if output.success() { Ok(data) } else { Err("it has an answer, but its program failed".into()) }
}

/// What can be chosen for the values that were given.
pub fn choices(
    place: &Place,
    manifest: &Manifest,
    action: &Action,
    given: &BTreeMap<String, String>,
) -> Result<Choices, String> {
    let mut choices = Choices::new();
    for (query, wanted) in parameter::look_ups(manifest, action, given) {
        let data = ask(place, manifest, query, &wanted)?;
        let known: &mut Vec<String> = choices.entry(query.name.clone()).or_default();
        known.extend(data.choices.into_iter().map(|c| c.value));
    }
    Ok(choices)
}

/// The program as the sandbox would start it, but for the sandbox.
pub fn start(place: &Place, manifest: &Manifest, run: &str) -> Program {
    let home = std::env::var_os("HOME").unwrap_or("/".into());
    Program::new(place.programs.join(run)).dir("/").env("HOME", home).env("APPLIANCE", &manifest.name)
}

fn good(outcome: &Outcome) -> Result<(), String> {
    match outcome.status {
        Status::Ok => Ok(()),
        _ if outcome.details.is_empty() => Err(outcome.message.clone()),
        _ => Err(format!("{} {}", outcome.message, outcome.details.join(" / "))),
    }
}

struct Watch {
    making: PathBuf,
    kept: PathBuf,
    cut: Cut,
    began: Instant,
    heard: bool,
}

impl Listener for Watch {
    fn event(&mut self, _: Kind) {
        self.heard = true;
    }
    fn artifact(&mut self, name: &str) -> Result<u64, String> {
        if !is_file_name(name) {
            return Err(format!("`{name}` is no plain file name"));
        }
        artifact::take(&self.making, &self.kept, name, &AtomicBool::new(false))
    }
    fn secret(&mut self, _: &str, _: &str) -> Result<(), String> {
        Ok(())
    }
    /// The manifest was checked; nothing is restarted here.
    fn restart(&mut self, unit: &str) -> Result<String, String> {
        Ok(format!("{unit} would be restarted."))
    }
    fn cancelled(&self) -> bool {
        self.cut != Cut::No && (self.heard || self.began.elapsed() > MIDDLE)
    }
}

impl Finding {
    fn new(what: impl Into<String>, result: Result<(), String>) -> Finding {
        Finding { what: what.into(), wrong: result.err(), left_out: None }
    }
}
