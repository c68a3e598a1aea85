//! `vainstall --remove NAME`: the machine as it was before the appliance.
//!
//! The appliance and its applications go first, while what they depend on still runs: a database is given up by its
//! application, not pulled away. Then all else that came with it goes, but for what the owner installed
//! since and what that needs. What is left then is told by name. Killed at any moment, it goes on when run again; an
//! installation that failed is rolled back in the same way.

use crate::{
    census,
    cli::Arguments,
    failure::{Exit, Failure, Result, fail},
    look,
    progress::Progress,
    seeding,
    signals::Signals,
    state::{Before, State},
    terminal,
};
use apt::{Apt, Work, installed::State as PackageState};
use configure::Machine;
use debconf::Selection;
use events::Kind;
use exec::Program;
use serde::Serialize;
use std::{collections::BTreeSet, fs};

/// debconf's own database. Its format is that of every Debian control file: `Name: …`, one question a paragraph.
const QUESTIONS: &str = "/var/cache/debconf/config.dat";
/// The last parts of the questions that packages ask when they are purged, whether the owner's data goes as well.
const DATA_QUESTIONS: &[&str] = &[
    "purge",
    "purge_database",
    "purge_data",
    "postrm_purge_data",
    "postrm_remove_databases",
    "remove-data",
    "remove_data",
    "delete-data",
    "removedb",
];
/// Whether dbconfig-common does its part at all.
const DBCONFIG: &str = "dbconfig-remove";

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
    if !apt::name::is_package_name(&package) {
        return fail(Exit::Input, format!("{name:?} is no name of an appliance; an example is moinmoin"));
    }
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
    answer_removal_questions(&told.packages, arguments.delete_data)?;
    for packages in [&going.first, &going.rest] {
        let packages = still_there(packages)?;
        if !packages.is_empty() {
            apt.run(&Work::Purge(packages), &mut |kind| progress.say(kind)).map_err(|e| {
                Failure::from(e).context("not finished; run the same command again to go on from there")
            })?;
        }
    }
    forget_questions(&told.packages)?;

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

/// Which packages go, in two steps.
struct Going {
    /// The appliance's own and its applications.
    first: Vec<String>,
    rest: Vec<String>,
    kept: Vec<String>,
}

impl Going {
    fn all(&self) -> Vec<String> {
        self.first.iter().chain(&self.rest).cloned().collect()
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
        let (going, kept) = without_the_owners(apt, candidates, &own)?;
        let machine = Machine::here();
        let applications =
            configure::installed::load(&machine, name).map(|i| i.appliance.packages).unwrap_or_default();
        let early = |package: &String| own.contains(package) || applications.iter().any(|a| a == package);
        let (first, rest) = going.into_iter().partition(early);
        Ok(Going { first, rest, kept: kept.into_iter().collect() })
    }
}

/// Parts what may go from what the owner installed since, and from what has to stay for others.
fn without_the_owners(
    apt: &Apt,
    mut going: BTreeSet<String>,
    own: &[String],
) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
    let manual = Program::new("apt-mark").arg("showmanual").run()?.text();
    let manual: BTreeSet<&str> = manual.lines().collect();
    let all = going.clone();
    going.retain(|p| own.contains(p) || !manual.contains(p.as_str()));
    loop {
        let purged = apt.plan(&Work::Purge(going.iter().cloned().collect()))?.removals;
        let others: Vec<String> = purged.into_iter().filter(|p| !going.contains(p)).collect();
        if others.is_empty() || going.is_empty() {
            let kept = all.difference(&going).cloned().collect();
            return Ok((going, kept));
        }
        let needed = Program::new("apt-cache")
            .args(["depends", "--recurse", "--installed", "--important", "--"])
            .args(&others)
            .run()?
            .text();
        let needed: BTreeSet<&str> = needed.lines().filter(|l| !l.starts_with([' ', '|', '<'])).collect();
        let count = going.len();
        going.retain(|p| own.contains(p) || !needed.contains(p.as_str()));
        if going.len() == count {
            let message = format!(
                "{} would go as well, and did not come with the appliance; nothing has been changed. \
                 Remove them first, or remove {} with apt",
                others.join(", "),
                own.join(" ")
            );
            return fail(Exit::Failed, message);
        }
    }
}

fn still_there(packages: &[String]) -> Result<Vec<String>> {
    let known = apt::installed::names()?;
    Ok(packages.iter().filter(|p| known.contains(*p)).cloned().collect())
}

/// Packages ask when they are purged; the answer to all of them was given with the command.
fn answer_removal_questions(packages: &[String], delete_data: bool) -> Result<()> {
    let text = fs::read(QUESTIONS).unwrap_or_default();
    let selections: Vec<Selection> = removal_questions(&String::from_utf8_lossy(&text), packages)
        .into_iter()
        .map(|(question, owner)| {
            let data = !question.ends_with(&format!("/{DBCONFIG}"));
            let value = if !data || delete_data { "true" } else { "false" };
            Selection { owner, question, kind: "boolean".into(), value: value.into() }
        })
        .collect();
    seeding::give(&selections)
}

/// The questions of these packages that are asked at their removal, each with one of its owners.
fn removal_questions(database: &str, packages: &[String]) -> Vec<(String, String)> {
    let questions = database.split("\n\n").filter_map(|paragraph| {
        let field = |name: &str| paragraph.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": "));
        let (question, owners) = (field("Name")?, field("Owners")?);
        let last = question.rsplit('/').next()?;
        let owner = owners.split(", ").find(|o| packages.iter().any(|p| p.split(':').next() == Some(*o)))?;
        (last == DBCONFIG || DATA_QUESTIONS.contains(&last)).then(|| (question.to_owned(), owner.to_owned()))
    });
    questions.collect()
}

/// Takes the packages out of debconf's database, where a purge has left them.
fn forget_questions(packages: &[String]) -> Result<()> {
    let listed = Program::new("debconf-show").arg("--listowners").run()?.text();
    let owners: BTreeSet<&str> = listed.lines().collect();
    for package in packages.iter().filter_map(|p| p.split(':').next()).filter(|p| owners.contains(p)) {
        let purge = Program::new("debconf-communicate").arg(package).stdin("PURGE\n");
        purge.env("DEBIAN_FRONTEND", "noninteractive").run()?;
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_questions_of_a_removal_are_found_by_name_and_owner() {
        let database = "Name: roundcube/purge\nTemplate: dbconfig-common/purge\nOwners: roundcube-core\n\n\
                        Name: roundcube/dbconfig-remove\nOwners: roundcube-core, other\n\n\
                        Name: postfix/mailname\nOwners: postfix\n\nName: alien/purge\nOwners: alien\n";
        let found = removal_questions(database, &["roundcube-core".into(), "postfix:amd64".into()]);
        let names: Vec<&str> = found.iter().map(|(q, _)| q.as_str()).collect();
        assert_eq!(names, ["roundcube/purge", "roundcube/dbconfig-remove"]);
    }
}
