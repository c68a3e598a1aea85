//! debconf's own database, read as the file that it is: whose questions it has, and which are asked at a removal.
//!
//! Its format is that of every Debian control file: `Name: …`, one question a paragraph. Reading it takes no process,
//! and says of every question who owns it.

use crate::failure::Result;
use debconf::Selection;
use exec::Program;
use std::{collections::BTreeSet, fs};

const DATABASES: &[&str] = &["/var/cache/debconf/config.dat", "/var/cache/debconf/passwords.dat"];
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

/// All questions of this machine. Holds answers, secrets among them.
fn database() -> String {
    let read = |path: &&str| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
    DATABASES.iter().map(read).collect::<Vec<_>>().join("\n\n")
}

/// Each question's name and owners.
fn owned(database: &str) -> impl Iterator<Item = (&str, impl Iterator<Item = &str>)> {
    database.split("\n\n").filter_map(|paragraph| {
        let field = |name: &str| paragraph.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": "));
        Some((field("Name")?, field("Owners")?.split(", ")))
    })
}

/// Everybody who has a question: packages, and whatever name was given to debconf-set-selections(1).
pub fn owners() -> BTreeSet<String> {
    owned(&database()).flat_map(|(_, owners)| owners).map(str::to_owned).collect()
}

/// Everybody but these packages.
pub fn owners_but(packages: &[String]) -> BTreeSet<String> {
    let of_these = |owner: &String| packages.iter().any(|p| package(p) == package(owner));
    owners().into_iter().filter(|owner| !of_these(owner)).collect()
}

/// Without the architecture.
fn package(owner: &str) -> &str {
    owner.split(':').next().unwrap_or(owner)
}

/// What these packages ask at their removal, with the answers for it.
pub fn of_removal(packages: &[String], delete_data: bool) -> Vec<Selection> {
    let database = database();
    let found = asked_at_removal(&database, packages).into_iter().map(|(question, owner)| {
        let data = !question.ends_with(&format!("/{DBCONFIG}"));
        let value = if !data || delete_data { "true" } else { "false" };
        Selection {
            owner: owner.into(),
            question: question.into(),
            kind: "boolean".into(),
            value: value.into(),
        }
    });
    found.collect()
}

/// Each question with one of these packages that owns it.
fn asked_at_removal<'a>(database: &'a str, packages: &[String]) -> Vec<(&'a str, &'a str)> {
    let of_these = |owner: &&str| packages.iter().any(|p| package(p) == package(owner));
    let questions = owned(database).filter_map(|(question, mut owners)| {
        let last = question.rsplit('/').next()?;
        let owner = owners.find(of_these)?;
        (last == DBCONFIG || DATA_QUESTIONS.contains(&last)).then_some((question, owner))
    });
    questions.collect()
}

/// Takes out what a purge has left, and what was asked for packages that then never came: all questions of those who own
/// some now, had none `before`, and are not `installed`.
pub fn forget(before: &BTreeSet<String>, installed: &BTreeSet<String>) -> Result<()> {
    let installed: BTreeSet<&str> = installed.iter().map(|p| package(p)).collect();
    let gone = owners().into_iter().filter(|o| !before.contains(o) && !installed.contains(package(o)));
    for owner in gone {
        let purge = Program::new("debconf-communicate").arg(owner).stdin("PURGE\n");
        purge.env("DEBIAN_FRONTEND", "noninteractive").run()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_questions_of_a_removal_are_found_by_name_and_owner() {
        let database = "Name: roundcube/purge\nTemplate: dbconfig-common/purge\nOwners: roundcube-core\n\n\
                        Name: roundcube/dbconfig-remove\nOwners: other, roundcube-core\n\n\
                        Name: postfix/mailname\nOwners: postfix\n\nName: alien/purge\nOwners: alien\n";
        let found = asked_at_removal(database, &["roundcube-core".into(), "postfix:amd64".into()]);
        let expected =
            [("roundcube/purge", "roundcube-core"), ("roundcube/dbconfig-remove", "roundcube-core")];
        assert_eq!(found, expected);
        let owners: BTreeSet<&str> = owned(database).flat_map(|(_, owners)| owners).collect();
        assert_eq!(owners.into_iter().collect::<Vec<_>>(), ["alien", "other", "postfix", "roundcube-core"]);
    }
}
