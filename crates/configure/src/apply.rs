//! Making the machine as wanted: each thing is looked at, recorded, changed; at the end all is looked at again.
//!
//! Killed between any two of these, the next run does the rest: the record tells what was there, what is being written,
//! and what the units have not been told yet.

use crate::{
    Error, Installed, Machine, Result,
    accounts::Accounts,
    apache::{self, What},
    database, difference,
    knowledge::Knowledge,
    machine::STATE,
    record::{Pending, Record, Thing, make_private_folder},
    step,
    system::System,
    tree::{self, Meta, State},
    undo, units,
    wanted::{self, Content, Wanted},
};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// What a run did.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// One line for each change, in the order made. Empty: all was as it should be.
    pub changed: Vec<String>,
    /// What the owner should know: files set aside, things left in place.
    pub notes: Vec<String>,
}

/// A run in progress.
pub(crate) struct Run<'a> {
    pub machine: &'a Machine,
    pub system: &'a dyn System,
    pub installed: &'a Installed,
    pub record: Record,
    pub accounts: Accounts,
    pub outcome: Outcome,
    /// Called with each line as it comes.
    pub say: &'a mut dyn FnMut(&str),
}

/// Applies. The caller holds the [`crate::lock::Lock`] and has settled the answers.
pub fn apply(
    machine: &Machine,
    system: &dyn System,
    installed: &Installed,
    knowledge: &Knowledge,
    say: &mut dyn FnMut(&str),
) -> Result<Outcome> {
    let all = wanted::wanted(installed, knowledge, true)?;
    let record = Record::open(machine, &installed.appliance.name)?;
    let accounts = Accounts::read(machine)?;
    let mut run = Run { machine, system, installed, record, accounts, outcome: Outcome::default(), say };
    run.refuse_others_files(&all)?;
    run.finish_interrupted()?;
    run.withdraw_obsolete(&all)?;
    step::clean(machine)?;
    // before anything changes: a unit may be one that the appliance writes itself
    for wanted in &all {
        if let Wanted::Unit(unit) = wanted {
            units::remember(&mut run, &unit.name)?;
        }
    }
    let late = |wanted: &&Wanted| matches!(wanted, Wanted::Step(step) if step.after_units);
    all.iter().filter(|w| !late(w)).try_for_each(|wanted| run.settle(wanted, knowledge))?;
    units::tell(&mut run, &all)?;
    all.iter().filter(late).try_for_each(|wanted| run.settle(wanted, knowledge))?;
    run.verify(&all)?;
    Ok(run.outcome)
}

impl Run<'_> {
    pub fn changed(&mut self, line: impl Into<String>) {
        let line = line.into();
        (self.say)(&line);
        self.outcome.changed.push(line);
    }
    pub fn note(&mut self, line: impl Into<String>) {
        let line = line.into();
        (self.say)(&format!("note: {line}"));
        self.outcome.notes.push(line);
    }
    pub fn pending(&mut self, more: impl FnOnce(&mut Pending)) -> Result<()> {
        let mut pending = self.record.pending();
        more(&mut pending);
        self.record.set_pending(pending)
    }
    /// What units have to be told when this path changes.
    pub fn pending_for(&mut self, path: &Path) -> Result<()> {
        let units = path.starts_with("/etc/systemd");
        self.pending(|p| (p.files, p.units) = (true, p.units || units))
    }

    fn settle(&mut self, wanted: &Wanted, knowledge: &Knowledge) -> Result<()> {
        let differs = || difference::look(self.machine, self.system, &self.record, &self.accounts, wanted);
        match wanted {
            Wanted::Step(step) => return step::settle(self, step, knowledge),
            Wanted::Database(wanted) => return database::settle(self, wanted),
            // units are told together, when all that they read is there
            Wanted::Unit(_) => return Ok(()),
            _ => {}
        }
        if differs()?.is_none() {
            return Ok(());
        }
        self.system.checkpoint(&wanted.key())?;
        match wanted {
            Wanted::User(user) => self.make_user(user),
            Wanted::Folder { path, owner, group, mode, data, .. } => {
                let (uid, gid) = self.accounts.ids(owner, group.as_deref())?;
                self.make_folder(path, Meta { mode: *mode, uid, gid }, *data)
            }
            Wanted::File { path, content, owner, group, mode, .. } => {
                let (uid, gid) = self.accounts.ids(owner, group.as_deref())?;
                match content {
                    Content::Open(bytes) | Content::Secret(Some(bytes)) => {
                        self.write_file(path, bytes, Meta { mode: *mode, uid, gid })
                    }
                    Content::Secret(None) => Ok(()),
                }
            }
            Wanted::Apache(what) => self.switch(what),
            Wanted::Step(_) | Wanted::Database(_) | Wanted::Unit(_) => Ok(()),
        }
    }

    fn make_user(&mut self, user: &appliance::model::User) -> Result<()> {
        if self.accounts.find(&user.name).is_none() {
            self.record.put(Thing::User { name: user.name.clone() })?;
            self.mark_user(&user.name)?;
        }
        let home = user.home.as_deref().unwrap_or("-");
        let mut lines = format!("u {} - \"{}\" {home}\n", user.name, user.title);
        for group in &user.groups {
            lines.push_str(&format!("m {} {group}\n", user.name));
        }
        self.system.make_users(&lines)?;
        self.accounts = Accounts::read(self.machine)?;
        self.changed(format!("user {} made", user.name));
        Ok(())
    }

    /// The record ends with an undo; purge, which comes later, may remove users of ours only.
    fn mark_user(&self, name: &str) -> Result<()> {
        let folder = Path::new(STATE).join(&self.installed.appliance.name).join("users");
        make_private_folder(self.machine, &folder)?;
        tree::place(self.machine, &folder.join(name))?.write(b"", Meta { mode: 0o600, uid: 0, gid: 0 })
    }

    fn make_folder(&mut self, path: &Path, meta: Meta, data: bool) -> Result<()> {
        let place = tree::place(self.machine, path)?;
        let before = match self.record.find(&format!("folder {}", path.display())) {
            Some((_, Thing::Directory { before, .. })) => before.clone(),
            _ => place.look()?.0,
        };
        self.record.put(Thing::Directory { path: path.into(), before, data })?;
        self.system.checkpoint("make the folder")?;
        place.directory(meta)?;
        self.changed(format!("folder {} set up", path.display()));
        Ok(())
    }

    fn write_file(&mut self, path: &Path, bytes: &[u8], meta: Meta) -> Result<()> {
        let place = tree::place(self.machine, path)?;
        let (found, content) = place.look()?;
        let new = State::File { sha256: tree::sha256(bytes), meta };
        let (before, mut ours) = match self.record.find(&format!("file {}", path.display())) {
            Some((_, Thing::File { before, ours, .. })) => (before.clone(), ours.clone()),
            _ => (found.clone(), vec![]),
        };
        if ours.is_empty() && matches!(found, State::File { .. }) {
            self.record.keep(&content)?;
        }
        let owners_own = !ours.is_empty()
            && found != State::Missing
            && found != before
            && !ours.iter().any(|o| undo::same_content(o, &found));
        ours.push(new.clone());
        self.record.put(Thing::File { path: path.into(), before: before.clone(), ours })?;
        self.pending_for(path)?;
        if owners_own {
            self.system.checkpoint("set the owner's file aside")?;
            let saved = place.save_for_owner()?;
            self.note(format!(
                "{} had been changed; that version is kept as {}",
                path.display(),
                saved.display()
            ));
        }
        self.system.checkpoint("write the file")?;
        place.write(bytes, meta)?;
        self.system.checkpoint("forget what was written before")?;
        self.record.put(Thing::File { path: path.into(), before, ours: vec![new] })?;
        self.changed(format!("file {} written", path.display()));
        Ok(())
    }

    fn switch(&mut self, what: &What) -> Result<()> {
        let before = self.apache_now()?;
        let earlier = match self.record.find(&what.to_string()) {
            Some((_, Thing::Apache { before, after: Some(_), .. })) => before.clone(),
            _ => BTreeMap::new(),
        };
        // until the difference is known, all that could change is what was there
        let mut whole = before.clone();
        whole.extend(earlier.clone());
        self.record.put(Thing::Apache { what: what.clone(), before: whole, after: None })?;
        self.pending(|p| (p.files, p.modules) = (true, p.modules || what.kind == apache::Kind::Module))?;
        self.system.checkpoint("switch")?;
        self.system.apache(what)?;
        self.system.checkpoint("note what the switch changed")?;
        self.note_switched(what, before, earlier)?;
        self.changed(what.to_string());
        Ok(())
    }

    fn note_switched(
        &mut self,
        what: &What,
        before: BTreeMap<PathBuf, State>,
        earlier: BTreeMap<PathBuf, State>,
    ) -> Result<()> {
        let now = self.apache_now()?;
        let (mut was, mut is) = apache::difference(&before, &now);
        for (path, state) in earlier {
            is.entry(path.clone()).or_insert_with(|| now.get(&path).cloned().unwrap_or(State::Missing));
            was.insert(path, state);
        }
        self.record.put(Thing::Apache { what: what.clone(), before: was, after: Some(is) })
    }

    fn apache_now(&self) -> Result<BTreeMap<PathBuf, State>> {
        apache::snapshot(self.machine, |bytes| self.record.keep(bytes))
    }

    /// A switch that was cut short: what differs from before is its work.
    fn finish_interrupted(&mut self) -> Result<()> {
        let cut = |(_, thing): (u32, &Thing)| match thing {
            Thing::Apache { what, before, after: None } => Some((what.clone(), before.clone())),
            _ => None,
        };
        for (what, before) in self.record.entries().filter_map(cut).collect::<Vec<_>>() {
            self.note_switched(&what, before, BTreeMap::new())?;
        }
        Ok(())
    }

    /// What an earlier version of the appliance wanted and this one does not is given back.
    fn withdraw_obsolete(&mut self, all: &[Wanted]) -> Result<()> {
        let keys: Vec<String> = all.iter().map(Wanted::key).collect();
        let obsolete: Vec<(u32, Thing)> = self
            .record
            .entries()
            .filter(|(_, thing)| !keys.contains(&thing.key()))
            .map(|(id, thing)| (id, thing.clone()))
            .collect();
        for (id, thing) in obsolete.into_iter().rev() {
            match thing {
                // their work may be in use; an earlier version's undo is not here any more
                Thing::Step { .. } | Thing::User { .. } => {}
                other => undo::give_back(self, &other)?,
            }
            self.record.forget(id)?;
        }
        Ok(())
    }

    /// Policy 10.7.4, and a file that dpkg would overwrite is no place for a configuration anyway.
    fn refuse_others_files(&self, all: &[Wanted]) -> Result<()> {
        let files = all.iter().filter(|w| matches!(w, Wanted::File { .. }));
        let new = files.filter(|w| self.record.find(&w.key()).is_none()).filter_map(Wanted::path);
        let new: Vec<&Path> = new.collect();
        match self.system.owners(&new)?.into_iter().next() {
            Some((path, package)) => Err(Error::Conffile { path, package }),
            None => Ok(()),
        }
    }

    fn verify(&mut self, all: &[Wanted]) -> Result<()> {
        let mut what = vec![];
        for wanted in all {
            let allowed = !matches!(wanted, Wanted::Unit(_));
            let found = difference::look(self.machine, self.system, &self.record, &self.accounts, wanted)?;
            what.extend(found.filter(|_| allowed).map(|d| d.in_one_line()));
        }
        if what.is_empty() { Ok(()) } else { Err(Error::NotVerified { what }) }
    }
}
