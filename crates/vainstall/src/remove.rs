//! `vainstall --remove NAME`: the machine as it was before the appliance.
//!
//! The appliance and its applications go first, while what they depend on still runs: a database is given up by its
//! application, not pulled away. Its server goes last. Then all else that came with it goes, but for what the owner installed
//! since and what that needs. What is left then is told by name. Killed at any moment, it goes on when run again; an
//! installation that failed is rolled back in the same way.

use crate::{
    census,
    cli::Arguments,
    failure::{Exit, Failure, Result, fail},
    look,
    progress::Progress,
    questions, seeding,
    signals::Signals,
    state::{Before, State},
    terminal,
};
use anyhow::Context;
use appliance::model::Database;
use apt::{Apt, Work, installed::State as PackageState};
use configure::Machine;
use events::Kind;
use exec::Program;
use serde::Serialize;
use std::{collections::BTreeSet, fs, path::Path};

/// What was done, or would be.
#[derive(Default, Serialize)]
pub struct Removal {
    pub appliance: String,
    /// `ok`, `planned` or `failed`
    pub status: &'static str,
    pub message: String,
    pub packages: Vec<String>,
    /// Came with the appliance or after it, and stay: installed by the owner, or needed.
    pub kept: Vec<String>,
    /// What came since the installation and is still there: data that was not asked to go, users, logs.
    pub leftovers: Vec<String>,
}

pub fn remove(
    arguments: &Arguments,
    signals: &Signals,
    progress: &mut Progress,
    told: &mut Removal,
) -> Result<()> {
    let (name, package) = arguments.names();
    let apt = Apt {
        lock_wait: arguments.wait,
        allow_removals: true,
        interrupter: signals.interrupter.clone(),
        ..Apt::default()
    };
    progress.phase(1, "look", "Looking at this machine");
    look::machine()?;
    let _only = look::only_one()?;
    look::locks(arguments.wait, progress)?;
    let state = State::of(&name);
    let before = state.before()?;
    let there = apt::installed::package(&package)?.filter(|p| p.state != PackageState::NotInstalled);
    if there.is_none() && before.is_none() {
        return fail(
            Exit::Input,
            format!("{name} is not installed here, and no installation of it was begun"),
        );
    }

    let unfinished = look::unfinished()?;
    if !unfinished.is_empty() && !arguments.dry_run {
        progress.note(format!("finishing what was interrupted, as far as it goes: {unfinished}"));
        signals.changing();
        // what cannot be configured can be removed all the same
        if let Err(error) = apt.configure_all(&mut |kind| progress.say(kind)) {
            progress.warn(error.to_string());
        }
    }

    progress.phase(2, "plan", "Plan");
    let going = Going::find(&apt, &name, before.as_ref())?;
    told.packages = going.all();
    told.kept = going.kept.clone();
    progress.note(format!("{} packages go", told.packages.len()));
    if !told.kept.is_empty() {
        progress.note(format!("kept, for you installed them or they are needed: {}", told.kept.join(", ")));
    }
    if arguments.dry_run {
        (told.status, told.message) = ("planned", "This would be removed; nothing has been changed.".into());
        return Ok(());
    }
    confirm(arguments, &name, progress)?;

    progress.phase(3, "remove", &format!("Removing {package}"));
    signals.changing();
    // packages ask when they are purged; the answer to all of them was given with the command
    seeding::give(&questions::of_removal(&told.packages, arguments.delete_data))?;
    for packages in &going.steps {
        let packages = still_there(packages)?;
        if !packages.is_empty() {
            apt.run(&Work::Purge(packages), &mut |kind| progress.say(kind)).map_err(|e| {
                Failure::from(e).context("not finished; run the same command again to go on from there")
            })?;
        }
    }
    if arguments.delete_data {
        delete_copies(&going.databases)?;
    }
    let owners = match &before {
        Some(before) => before.owners.clone(),
        None => questions::owners_but(&told.packages),
    };
    questions::forget(&owners, &apt::installed::names()?)?;

    progress.phase(4, "leftovers", "Looking what is left");
    state.remove()?;
    if let Some(before) = &before {
        told.leftovers = census::come(&before.census, &census::take());
    }
    for left in &told.leftovers {
        progress.say(Kind::Warning { message: format!("left: {left}") });
    }
    (told.status, told.message) = ("ok", format!("{name} is removed."));
    Ok(())
}

fn confirm(arguments: &Arguments, name: &str, progress: &mut Progress) -> Result<()> {
    if arguments.yes || arguments.non_interactive || !terminal::is_there() {
        return Ok(());
    }
    progress.pause();
    let what = if arguments.delete_data { "and all its data" } else { "and keep its data" };
    if terminal::confirm(&format!("Remove {name} {what}?"))? {
        return Ok(());
    }
    fail(Exit::Failed, "not removed, as you said; nothing has been changed")
}

/// Which packages go: the appliance's own and its applications, then the rest, and at last what had to run before them.
struct Going {
    steps: [Vec<String>; 3],
    kept: Vec<String>,
    databases: Vec<Database>,
}

impl Going {
    fn all(&self) -> Vec<String> {
        self.steps.iter().flatten().cloned().collect()
    }

    fn find(apt: &Apt, name: &str, before: Option<&Before>) -> Result<Going> {
        let known = apt::installed::names()?;
        let own = [
            format!("{name}-appliance"),
            format!("{name}-appliance-seed"),
            format!("appliance-control-{name}"),
        ];
        let own: Vec<String> = own.into_iter().filter(|p| known.contains(p)).collect();
        let candidates = match before {
            Some(before) => known.difference(&before.packages).cloned().collect(),
            // installed without vainstall: apt alone knows what came with it
            None => apt.plan(&Work::PurgeWithDependencies(own.clone()))?.removals.into_iter().collect(),
        };
        let servers = before.map(|b| b.servers.clone()).unwrap_or_default();
        let (going, kept) = without_the_owners(apt, candidates, &own, &servers)?;
        let definition =
            configure::installed::load(&Machine::here(), name).map(|i| i.definition).unwrap_or_default();
        let applications = definition.appliance.iter().flat_map(|a| &a.packages).collect::<Vec<_>>();
        let servers = servers.into_iter().chain(definition.before()).filter(|p| known.contains(p));
        let late = needed(&servers.collect::<Vec<_>>())?;
        let mut steps = [vec![], vec![], vec![]];
        for package in going {
            let step = match own.contains(&package) || applications.contains(&&package) {
                true => 0,
                false => 1 + usize::from(late.contains(&package)),
            };
            steps[step].push(package);
        }
        Ok(Going { steps, kept: kept.into_iter().collect(), databases: definition.databases })
    }
}

/// Installed packages without which these cannot be, themselves included.
fn needed(packages: &[String]) -> Result<BTreeSet<String>> {
    if packages.is_empty() {
        return Ok(BTreeSet::new());
    }
    let tree = Program::new("apt-cache")
        .args(["depends", "--recurse", "--installed", "--important", "--"])
        .args(packages)
        .run()?
        .text();
    Ok(tree.lines().filter(|l| !l.starts_with([' ', '|', '<'])).map(str::to_owned).collect())
}

/// dbconfig-common keeps a copy of a database that it gives up, and, gone before its package, that package's password.
/// With the data they are not wanted either.
fn delete_copies(databases: &[Database]) -> Result<()> {
    let mut copies = vec![];
    for entry in fs::read_dir("/var/tmp").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let copy =
            |d: &Database| d.dbconfig().is_some_and(|p| name.starts_with(&format!("{p}.{}.", d.name())));
        copies.extend(databases.iter().any(copy).then(|| entry.path()));
    }
    let settings = databases.iter().filter_map(Database::dbconfig);
    copies.extend(settings.map(|prefix| Path::new("/etc/dbconfig-common").join(format!("{prefix}.conf"))));
    for path in copies.iter().filter(|path| path.exists()) {
        fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    // what dpkg left for the sake of these files
    let _ = fs::remove_dir("/etc/dbconfig-common");
    Ok(())
}

/// Parts what may go from what the owner installed since, and from what has to stay for others.
fn without_the_owners(
    apt: &Apt,
    mut going: BTreeSet<String>,
    own: &[String],
    servers: &BTreeSet<String>,
) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
    let manual = Program::new("apt-mark").arg("showmanual").run()?.text();
    let manual: BTreeSet<&str> = manual.lines().collect();
    let all = going.clone();
    going.retain(|p| own.contains(p) || servers.contains(p) || !manual.contains(p.as_str()));
    loop {
        let purged = apt.plan(&Work::Purge(going.iter().cloned().collect()))?.removals;
        let others: Vec<String> = purged.into_iter().filter(|p| !going.contains(p)).collect();
        if others.is_empty() || going.is_empty() {
            let kept = all.difference(&going).cloned().collect();
            return Ok((going, kept));
        }
        let needed = needed(&others)?;
        let count = going.len();
        going.retain(|p| own.contains(p) || !needed.contains(p));
        if going.len() == count {
            // what came with the appliance stands in nobody's way
            let owners = |p: &&String| manual.contains(p.as_str()) || !all.contains(*p);
            let in_the_way: Vec<&str> = others.iter().filter(owners).map(String::as_str).collect();
            let message = format!(
                "{} would go as well, and did not come with the appliance; nothing has been changed. \
                 Remove them first, or remove {} with apt",
                in_the_way.join(", "),
                own.join(" ")
            );
            return fail(Exit::Machine, message);
        }
    }
}

fn still_there(packages: &[String]) -> Result<Vec<String>> {
    let known = apt::installed::names()?;
    Ok(packages.iter().filter(|p| known.contains(*p)).cloned().collect())
}

impl Removal {
    pub fn text(&self) -> String {
        let mut text = format!("\n{}\n", self.message);
        let mut line = |name: &str, items: &[String]| {
            if !items.is_empty() {
                text.push_str(&format!("  {name}: {}\n", items.join(", ")));
            }
        };
        line("Removed", &self.packages);
        line("Kept", &self.kept);
        line("Left", &self.leftovers);
        text.trim_end().to_owned()
    }
}
