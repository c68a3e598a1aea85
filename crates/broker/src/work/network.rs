//! New addresses for an interface, which go back by themselves.
//!
//! What is changed is written down first, with all that it takes to undo it, and a timer of systemd is set; then the files
//! ([`files`]) are written and the network's own program reads them. Who reaches the page over the new configuration confirms, which
//! renames what was written down, and only that name tells of it. Whoever finds the first name when the time is over (this task, the
//! timer when the task was killed, the next boot after a power cut) takes it by renaming it, so one of them does, and puts the old
//! files back. A lock keeps them apart, so that nothing is written whose way back is gone.
//!
//! The files are our own, or the administrator's: `/etc/network/interfaces` and `/etc/resolv.conf` are no package's conffiles.

mod files;

use super::Ending;
use crate::{
    machine::{
        file,
        network::{self, Pending},
        vitals,
    },
    state::{self, State},
    tasks::{
        log::Log,
        record::{Record, boot},
    },
};
use broker_protocol::{Addresses, Manager, PendingNetwork};
use events::{Kind, Stream};
use exec::Program;
use files::File;
use rustix::fs::{FlockOperation, flock};
use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// The unit that the timer, and a boot, starts.
const UNIT: &str = "appliance-network-revert";
/// The page with the way to the new address is still on its way to the browser.
const FAREWELL: Duration = Duration::from_secs(3);
/// Seconds that the timer waits longer than the task itself.
const MARGIN: u32 = 10;
const LOOK_EVERY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(60);

pub fn change(
    root: &Path,
    record: &Record,
    interface: &str,
    addresses: &Addresses,
    within: u32,
    log: &mut Log,
) -> Ending {
    let Ok(state) = State::open(root) else {
        return Ending::failed("The broker's folder cannot be used.", vec![]);
    };
    if network::pending(&state).is_some() {
        return Ending::failed("Another change of the network has not been confirmed yet.", vec![]);
    }
    let found = network::interface_of(&state, vitals::container().is_some(), interface);
    let manager = match found {
        Some(found) if found.fixed.is_none() => found.manager,
        Some(found) => {
            return Ending::failed(
                format!("The addresses of {interface} are not set here. {}", found.fixed.unwrap_or_default()),
                vec![],
            );
        }
        None => return Ending::failed(format!("There is no interface {interface}."), vec![]),
    };
    let files = match files::wanted(Path::new("/"), manager, interface, addresses) {
        Ok(files) => files,
        Err(error) => return Ending::failed(format!("The configuration cannot be read: {error}."), vec![]),
    };
    let change = Change { state: &state, id: record.id.to_string(), manager, interface, files, within };
    match change.try_it(log) {
        Ok(ending) => ending,
        Err(why) => {
            let back = revert(&state)
                .err()
                .map(|e| format!(" The old configuration is not back: {e}."))
                .unwrap_or_default();
            Ending::failed(format!("The network was not changed: {why}.{back}"), vec![])
        }
    }
}

struct Change<'a> {
    state: &'a State,
    /// Of the task.
    id: String,
    manager: Manager,
    interface: &'a str,
    files: Vec<File>,
    /// Seconds to confirm.
    within: u32,
}

impl Change<'_> {
    #[allow(clippy::disallowed_methods, reason = "a browser needs a moment")]
    fn try_it(&self, log: &mut Log) -> Result<Ending, String> {
        let mut pending = self.write_down()?;
        // however long the steps take
        let steps = [Step::Down, Step::Up].map(|step| commands(step, self.manager, self.interface).len());
        let longest = PATIENCE * steps.iter().sum::<usize>() as u32 + FAREWELL;
        arm(longest.as_secs() as u32 + self.within + MARGIN)?;
        log.tell(Kind::Phase {
            id: "apply".into(),
            title: "Applying the new configuration".into(),
            index: Some(1),
            of: Some(2),
        });
        thread::sleep(FAREWELL);
        self.apply(&mut pending, &mut |line| log.tell(Kind::Log { stream: Stream::Stdout, line }))?;
        arm(self.within + MARGIN)?;
        log.tell(Kind::Phase {
            id: "confirm".into(),
            title: "Waiting for somebody who confirms it".into(),
            index: Some(2),
            of: Some(2),
        });
        let told = self.wait(&mut |left| {
            let percent = 100.0 - left as f32 * 100.0 / self.within.max(1) as f32;
            log.tell(Kind::Progress {
                percent: percent.clamp(0.0, 100.0),
                detail: format!("The old one comes back in {left} s"),
            });
        });
        if !told {
            revert(self.state)?;
        }
        // somebody may have come in the last moment
        Ok(match told || self.is_confirmed() {
            true => Ending::ok(format!("{} has its new configuration; it was confirmed.", self.interface)),
            false => Ending::failed(
                format!(
                    "Nobody confirmed it within {} s: {} has its old configuration again.",
                    self.within, self.interface
                ),
                vec![],
            ),
        })
    }

    /// All that it takes to go back.
    fn write_down(&self) -> Result<Pending, String> {
        let mut kept = vec![];
        for File { path, .. } in &self.files {
            let was = file::look(path).map_err(|e| format!("{} cannot be read: {e}", path.display()))?;
            kept.push((path.clone(), was));
        }
        let told = PendingNetwork {
            task: self.id.clone(),
            interface: self.interface.into(),
            until: state::now() + FAREWELL.as_secs() + u64::from(self.within),
        };
        let pending = Pending { told, manager: self.manager, boot: boot(), files: kept };
        let text = serde_json::to_vec(&pending).map_err(|e| e.to_string())?;
        state::write(&self.state.network(), &text)
            .map_err(|e| format!("the way back cannot be written down: {e}"))?;
        Ok(pending)
    }

    /// Writes nothing when there is no way back any more; goes back where a step fails.
    fn apply(&self, pending: &mut Pending, tell: &mut dyn FnMut(String)) -> Result<(), String> {
        let _lock = lock(self.state)?;
        if network::pending(self.state).is_none_or(|p| p.told.task != self.id) {
            return Err("its way back is gone, before anything was begun".into());
        }
        let done = (|| {
            run_all(&commands(Step::Down, self.manager, self.interface), tell)?;
            for File { path, text, mode } in &self.files {
                file::put_as(path, text, *mode)
                    .map_err(|e| format!("{} cannot be written: {e}", path.display()))?;
            }
            run_all(&commands(Step::Up, self.manager, self.interface), tell)?;
            // the time to confirm begins now
            pending.told.until = state::now() + u64::from(self.within);
            let text = serde_json::to_vec(&pending).map_err(|e| e.to_string())?;
            state::replace(&self.state.network(), &text).map_err(|e| e.to_string())?;
            Ok(())
        })();
        done.map_err(|why: String| match go_back(self.state) {
            Ok(_) => why,
            Err(error) => format!("{why}. The old configuration is not back: {error}"),
        })
    }

    /// Whether somebody confirms it before the time is over, or it is taken back; tells the seconds that are left.
    #[allow(clippy::disallowed_methods, reason = "nothing tells of a file that is gone")]
    fn wait(&self, tell: &mut dyn FnMut(u64)) -> bool {
        // of the clock that the timer goes by, too
        let until = Instant::now() + Duration::from_secs(self.within.into());
        loop {
            if !self.state.network().exists() {
                return self.is_confirmed();
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            tell(left.as_secs());
            thread::sleep(LOOK_EVERY.min(left));
        }
    }

    /// Removes what tells of it.
    fn is_confirmed(&self) -> bool {
        let path = confirmed(self.state);
        let is = network::read(&path).is_some_and(|p| p.told.task == self.id);
        if is {
            let _ = fs::remove_file(path);
        }
        is
    }
}

fn confirmed(state: &State) -> PathBuf {
    state.network().with_extension("confirmed")
}

/// Goes away with what is returned, or with the process.
fn lock(state: &State) -> Result<fs::File, String> {
    let locked = fs::File::open(state.root()).and_then(|folder| {
        flock(&folder, FlockOperation::LockExclusive).map(|()| folder).map_err(Into::into)
    });
    locked.map_err(|e| format!("{} cannot be locked: {e}", state.root().display()))
}

/// The change is good. False when there is none of this task. Waits while it is being made.
pub fn confirm(state: &State, task: &str) -> io::Result<bool> {
    let is_there = || network::pending(state).is_some_and(|p| p.told.task == task);
    if !is_there() {
        return Ok(false);
    }
    let lock = lock(state).map_err(io::Error::other)?;
    if !is_there() {
        return Ok(false);
    }
    fs::rename(state.network(), confirmed(state))?;
    state::sync(state.root())?;
    drop(lock);
    let stop = ["stop", "--no-block", "--", "appliance-network-revert.timer"];
    let _ = Program::new("systemctl").args(stop).timeout(PATIENCE).output();
    Ok(true)
}

/// Puts the old configuration back; false when there is nothing to put back. Goes on with what was begun.
pub fn revert(state: &State) -> Result<bool, String> {
    let _lock = lock(state)?;
    go_back(state)
}

fn go_back(state: &State) -> Result<bool, String> {
    let taken = state.network().with_extension("taken");
    match fs::rename(state.network(), &taken) {
        Err(e) if e.kind() == io::ErrorKind::NotFound && !taken.exists() => return Ok(false),
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e.to_string()),
        _ => {}
    }
    let bytes = fs::read(&taken).map_err(|e| e.to_string())?;
    let pending: Pending = serde_json::from_slice(&bytes).map_err(|e| e.to_string())?;
    for command in way_back(&pending, Step::Down) {
        // what does not go down comes up all the same
        run_quietly(&command);
    }
    for (path, was) in &pending.files {
        file::put_back(path, was.as_ref())
            .map_err(|e| format!("{} cannot be written: {e}", path.display()))?;
    }
    for command in way_back(&pending, Step::Up) {
        run_quietly(&command);
    }
    fs::remove_file(&taken).map_err(|e| e.to_string())?;
    Ok(true)
}

/// After a start of the machine there are none: who reads the files comes later, after what guards the network.
fn way_back(pending: &Pending, step: Step) -> Vec<Program> {
    match pending.boot == boot() {
        true => commands(step, pending.manager, &pending.told.interface),
        false => vec![],
    }
}

fn run_quietly(program: &Program) {
    if let Err(why) = run_all(std::slice::from_ref(program), &mut |line| eprintln!("<5>{line}")) {
        eprintln!("<4>{why}");
    }
}

/// A timer of the system manager, which outlives this task.
fn arm(seconds: u32) -> Result<(), String> {
    let _ =
        Program::new("systemctl").args(["stop", "--", &format!("{UNIT}.timer")]).timeout(PATIENCE).output();
    let program = Program::new("systemd-run")
        .args(["--quiet", "--no-ask-password", "--timer-property=AccuracySec=1s"])
        .arg(format!("--on-active={seconds}s"))
        .arg(format!("--unit={UNIT}.service"));
    run_all(&[program], &mut |_| {}).map_err(|e| format!("the timer of the way back cannot be set: {e}"))
}

#[derive(Clone, Copy)]
enum Step {
    /// While the files of before are there.
    Down,
    /// When the new ones are.
    Up,
}

fn commands(step: Step, manager: Manager, interface: &str) -> Vec<Program> {
    let networkctl = |args: &[&str]| Program::new("networkctl").args(args);
    match (manager, step) {
        (Manager::Networkd, Step::Up) => {
            vec![networkctl(&["reload"]), networkctl(&["reconfigure", interface])]
        }
        (Manager::Ifupdown, Step::Down) => vec![Program::new("ifdown").args(["--force", interface])],
        (Manager::Ifupdown, Step::Up) => vec![Program::new("ifup").args(["--force", interface])],
        _ => vec![],
    }
}

fn run_all(programs: &[Program], tell: &mut dyn FnMut(String)) -> Result<(), String> {
    for program in programs {
        let ran = program.clone().timeout(PATIENCE).each_line(|_, line| tell(line.to_owned()));
        match ran {
            Ok(output) if output.success() => {}
            Ok(output) => return Err(format!("{}: {}", program.describe(), output.tail(3).join(" "))),
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    struct Trial {
        folder: tempfile::TempDir,
        state: State,
    }

    impl Trial {
        fn new() -> Trial {
            let folder = tempfile::tempdir().unwrap();
            let state = State::open(folder.path().join("state")).unwrap();
            let trial = Trial { folder, state };
            fs::write(trial.old(), "old\n").unwrap();
            fs::set_permissions(trial.old(), fs::Permissions::from_mode(0o640)).unwrap();
            trial
        }
        fn old(&self) -> PathBuf {
            self.folder.path().join("old")
        }
        fn new_one(&self) -> PathBuf {
            self.folder.path().join("new")
        }
        fn change(&self, within: u32) -> Change<'_> {
            let file = |path, text: &str| File { path, text: text.into(), mode: None };
            Change {
                state: &self.state,
                id: "t".into(),
                manager: Manager::Nobody,
                interface: "eth0",
                files: vec![file(self.old(), "changed"), file(self.new_one(), "made")],
                within,
            }
        }
        /// Written, and not confirmed yet.
        fn begin(&self) {
            let change = self.change(9);
            let mut pending = change.write_down().unwrap();
            change.apply(&mut pending, &mut |_| {}).unwrap();
            assert!(!self.is_back() && self.state.network().exists());
        }
        fn is_back(&self) -> bool {
            let was = file::look(&self.old()).unwrap().unwrap();
            (was.text.as_str(), was.mode) == ("old\n", 0o640) && !self.new_one().exists()
        }
        fn revert(&self) -> (Result<bool, String>, bool) {
            (revert(&self.state), self.is_back())
        }
    }

    #[test]
    fn the_old_comes_back_once_also_after_a_kill() {
        let trial = Trial::new();
        trial.begin();
        assert_eq!((trial.revert(), trial.revert()), ((Ok(true), true), (Ok(false), true)));
        // killed after it was taken
        trial.begin();
        let taken = trial.state.network().with_extension("taken");
        fs::rename(trial.state.network(), taken).unwrap();
        assert_eq!((trial.revert(), trial.revert()), ((Ok(true), true), (Ok(false), true)));
        // confirmed: nothing comes back
        trial.begin();
        assert!(!confirm(&trial.state, "other").unwrap() && confirm(&trial.state, "t").unwrap());
        assert_eq!(trial.revert(), (Ok(false), false));
    }

    #[test]
    fn only_who_confirms_it_makes_it_stay() {
        let trial = Trial::new();
        trial.begin();
        // the timer was there before the task
        assert_eq!(trial.revert(), (Ok(true), true));
        assert!(!trial.change(9).wait(&mut |_| {}));
        trial.begin();
        assert!(confirm(&trial.state, "t").unwrap());
        // somebody else's
        assert!(!Change { id: "u".into(), ..trial.change(9) }.wait(&mut |_| {}));
        assert!(trial.change(9).wait(&mut |_| {}));
        assert!(!confirmed(&trial.state).exists());
        // nobody
        trial.begin();
        assert!(!trial.change(0).wait(&mut |_| {}) && trial.state.network().exists());
    }

    #[test]
    fn without_a_way_back_nothing_is_written() {
        let trial = Trial::new();
        let change = trial.change(9);
        let mut pending = change.write_down().unwrap();
        assert_eq!(trial.revert(), (Ok(true), true));
        assert!(change.apply(&mut pending, &mut |_| {}).is_err());
        assert!(trial.is_back());
        // a file that cannot be written: what was written before it goes back at once
        let mut change = trial.change(9);
        let mut pending = change.write_down().unwrap();
        change.files.push(File { path: trial.old().join("x"), text: String::new(), mode: None });
        assert!(change.apply(&mut pending, &mut |_| {}).unwrap_err().contains("old/x cannot be written"));
        assert!(trial.is_back() && !trial.state.network().exists());
    }

    #[test]
    fn at_a_start_only_the_files_go_back() {
        let trial = Trial::new();
        let pending = trial.change(9).write_down().unwrap();
        let pending = Pending { manager: Manager::Ifupdown, ..pending };
        assert_eq!(way_back(&pending, Step::Up).len(), 1);
        let pending = Pending { boot: "before".into(), ..pending };
        assert!(way_back(&pending, Step::Up).is_empty() && way_back(&pending, Step::Down).is_empty());
    }
}
