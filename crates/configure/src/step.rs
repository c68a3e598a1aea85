//! Steps: programs of the definition for what no declaration can say.
//!
//! A program gets the answers in its environment and the secrets as files in a folder that only its user can read, in
//! memory (/run), gone when it has ended. Its own output is told only when it fails, with secrets made unreadable.

use crate::{
    Error, Installed, Machine, Result,
    accounts::Accounts,
    apply::Run,
    knowledge::Knowledge,
    record::{Record, Thing},
    system::System,
    tree,
};
use appliance::model::Step;
use exec::{Output, Program};
use rustix::fs::{Gid, Uid};
use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

/// Below /run, which is memory.
const CREDENTIALS: &str = "/run/appliance-configure";

/// What a program of a step is started with.
struct Start<'a> {
    machine: &'a Machine,
    system: &'a dyn System,
    installed: &'a Installed,
    accounts: &'a Accounts,
    knowledge: &'a Knowledge,
}

/// Runs the step unless it is done.
pub(crate) fn settle(run: &mut Run, step: &Step, knowledge: &Knowledge) -> Result<()> {
    let digest = digest(run.installed, step, knowledge)?;
    let start = start(run, knowledge);
    let done = match &step.check {
        Some(check) => start.program(step, check)?.success(),
        None => recorded(&run.record, step).as_ref() == Some(&digest),
    };
    let remembered = |digest| Thing::Step {
        name: step.name.clone(),
        digest,
        undo: step.undo.clone(),
        user: step.user.clone(),
        timeout: step.timeout,
    };
    if done {
        if step.check.is_none() || run.record.find(&format!("step {}", step.name)).is_some() {
            run.record.put(remembered(Some(digest)))?;
        }
        return Ok(());
    }
    run.system.checkpoint("run a step")?;
    run.record.put(remembered(None))?;
    (run.say)(&format!("step {} …", step.name));
    let start = self::start(run, knowledge);
    let output = start.program(step, &step.run)?;
    start.must_succeed(step, &step.run, &output)?;
    if let Some(check) = &step.check {
        let output = start.program(step, check)?;
        start.must_succeed(step, check, &output)?;
    }
    run.system.checkpoint("remember the step")?;
    run.record.put(remembered(Some(digest)))?;
    run.changed(format!("step {} done", step.name));
    Ok(())
}

/// Whether the step would run. Its check is asked, where its user exists already.
pub(crate) fn would_run(
    machine: &Machine,
    system: &dyn System,
    installed: &Installed,
    record: &Record,
    accounts: &Accounts,
    (step, knowledge): (&Step, &Knowledge),
) -> Result<bool> {
    match &step.check {
        Some(_) if accounts.find(&step.user).is_none() => Ok(true),
        Some(check) => {
            Ok(!Start { machine, system, installed, accounts, knowledge }.program(step, check)?.success())
        }
        None => Ok(recorded(record, step) != Some(digest(installed, step, knowledge)?)),
    }
}

/// Runs the step's undo, where the package still has it.
pub(crate) fn undo(run: &mut Run, step: &Step, knowledge: &Knowledge) -> Result<()> {
    let Some(program) = &step.undo else { return Ok(()) };
    if !run.installed.folder.join(program).exists() {
        run.note(format!("step {} was not taken back: {program} is not here any more", step.name));
        return Ok(());
    }
    let start = start(run, knowledge);
    let output = start.program(step, program)?;
    start.must_succeed(step, program, &output)?;
    run.changed(format!("step {} taken back", step.name));
    Ok(())
}

/// Removes secrets that a killed run has left.
pub(crate) fn clean(machine: &Machine) -> Result<()> {
    let folder = machine.path(CREDENTIALS);
    match fs::remove_dir_all(&folder) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", folder)(e)),
        _ => Ok(()),
    }
}

fn start<'a>(run: &'a Run, knowledge: &'a Knowledge) -> Start<'a> {
    Start {
        machine: run.machine,
        system: run.system,
        installed: run.installed,
        accounts: &run.accounts,
        knowledge,
    }
}

fn recorded(record: &Record, step: &Step) -> Option<String> {
    match record.find(&format!("step {}", step.name))?.1 {
        Thing::Step { digest, .. } => digest.clone(),
        _ => None,
    }
}

/// Of the program and of all that it is told: when this changes, it has to run again.
fn digest(installed: &Installed, step: &Step, knowledge: &Knowledge) -> Result<String> {
    let path = installed.folder.join(&step.run);
    let program = fs::read(&path).map_err(Error::io("read", path))?;
    let told = (tree::sha256(&program), &step.user, &knowledge.host, &knowledge.answers, &knowledge.secrets);
    Ok(tree::sha256(&serde_json::to_vec(&told).unwrap_or_default()))
}

impl Start<'_> {
    /// Runs one of the step's programs to its end; any status is a result.
    fn program(&self, step: &Step, program: &str) -> Result<Output> {
        let user = self.accounts.user(&step.user)?;
        let credentials = self.credentials(step, (user.uid, user.gid))?;
        let host = &self.knowledge.host;
        let mut start = Program::new(self.installed.folder.join(program))
            .dir("/")
            .user(user.uid, user.gid)
            .own_group()
            .timeout(Duration::from_secs(step.timeout.into()))
            .env("HOME", &user.home)
            .env("USER", &step.user)
            .env("APPLIANCE", &self.installed.appliance.name)
            .env("HOST_NAME", &host.name)
            .env("HOST_FQDN", &host.fqdn)
            .env("HOST_DOMAIN", &host.domain)
            .env("HOST_ADDRESS", &host.address)
            .env("HOST_TIMEZONE", &host.timezone)
            .env("CREDENTIALS_DIRECTORY", &credentials.0);
        for (question, answer) in &self.knowledge.answers {
            start = start.env(format!("ANSWER_{}", question.replace('-', "_").to_uppercase()), answer);
        }
        self.system.run(&start).map_err(|e| self.error(step, chain(&e)))
    }

    fn must_succeed(&self, step: &Step, program: &str, output: &Output) -> Result<()> {
        output.check(&Program::new(program)).map_err(|e| self.error(step, e.to_string()))
    }

    fn error(&self, step: &Step, message: String) -> Error {
        Error::Step {
            appliance: self.installed.appliance.name.clone(),
            step: step.name.clone(),
            message: self.knowledge.mask(&message),
        }
    }

    /// One file for each secret, named as its question.
    fn credentials(&self, step: &Step, (uid, gid): (u32, u32)) -> Result<Credentials> {
        let outer = self.machine.path(CREDENTIALS);
        let mut make = fs::DirBuilder::new();
        make.recursive(true).mode(0o711).create(&outer).map_err(Error::io("make the folder", &outer))?;
        let folder = Credentials(outer.join(&step.name));
        let _ = fs::remove_dir_all(&folder.0);
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&folder.0)
            .map_err(Error::io("make the folder", &folder.0))?;
        let own = |path: &Path| rustix::fs::chown(path, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        for (question, secret) in &self.knowledge.secrets {
            let path = folder.0.join(question);
            let file = fs::File::options().write(true).create_new(true).mode(0o400).open(&path);
            file.and_then(|mut f| f.write_all(secret.as_bytes())).map_err(Error::io("write", &path))?;
            own(&path).map_err(Error::io("set the owner of", &path))?;
        }
        own(&folder.0).map_err(Error::io("set the owner of", &folder.0))?;
        Ok(folder)
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(&format!(": {source}"));
        next = source.source();
    }
    text
}

/// The secrets' folder, removed when dropped.
struct Credentials(PathBuf);

impl Drop for Credentials {
    fn drop(&mut self) {
        // what stays is removed by the next run
        let _ = fs::remove_dir_all(&self.0);
    }
}
