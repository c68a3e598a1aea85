//! Which packages a release has, asked of apt: of the machine's own lists when it is of that release, else of a private
//! set of lists in the user's cache, fetched from the machine's mirror and verified with Debian's keyring.

use crate::exit::Failure;
use anyhow::Result;
use appliance::{Examined, Problem, names::Mistake, suggest};
use deb::{Version, relation::Relation};
use rehearsal::Lists;
pub use rehearsal::Release;
use std::collections::{BTreeMap, BTreeSet};

/// What a release has under a name.
#[derive(Debug, Default)]
struct Found {
    versions: Vec<Version>,
    /// Another package provides it.
    provided: bool,
}

/// A mistake for each relation that nothing in the release fulfils.
///
/// # Errors
/// The lists cannot be had, or there is no apt here.
pub fn missing(examined: &Examined, release: &Release) -> Result<Vec<Problem>> {
    let names: BTreeSet<&str> =
        examined.wanted.iter().flat_map(|w| &w.alternatives).map(|a| a.name.as_str()).collect();
    if names.is_empty() {
        return Ok(vec![]);
    }
    let lists = Lists::of(release)?;
    let found = look_up(&lists, &names)?;
    let mut all = None;
    let mut problems = vec![];
    for wanted in &examined.wanted {
        if wanted.alternatives.iter().any(|a| fulfilled(a, &found)) {
            continue;
        }
        let all = match &all {
            Some(all) => all,
            None => all.insert(every_name(&lists)?),
        };
        problems.push(wanted.missing(mistake(&wanted.alternatives, &found, &release.name, all)));
    }
    Ok(problems)
}

/// What is wrong with each of these names of packages that the release does not have, with the nearest one it has.
pub fn unknown(packages: &[String], release: &Release) -> Result<Vec<String>> {
    if packages.is_empty() {
        return Ok(vec![]);
    }
    let lists = Lists::of(release)?;
    let found = look_up(&lists, &packages.iter().map(String::as_str).collect())?;
    let mut wrong = vec![];
    for name in packages {
        let relation: Relation = name.parse().map_err(|e: deb::Error| Failure::bad_input(e.to_string()))?;
        if !fulfilled(&relation, &found) {
            let mistake = mistake(&[relation], &found, &release.name, &every_name(&lists)?);
            let help = mistake.help.map(|help| format!("; {help}")).unwrap_or_default();
            wrong.push(format!("{}{help}", mistake.message));
        }
    }
    Ok(wrong)
}

fn fulfilled(relation: &Relation, found: &BTreeMap<String, Found>) -> bool {
    let Some(found) = found.get(&relation.name) else { return false };
    // what a provided name's version is, is not listed; apt decides when it installs
    found.versions.iter().any(|v| relation.allows(v)) || found.provided
}

fn mistake(
    alternatives: &[Relation],
    found: &BTreeMap<String, Found>,
    release: &str,
    all: &[String],
) -> Mistake {
    let versions = |a: &Relation| found.get(&a.name).map(|f| f.versions.as_slice()).unwrap_or_default();
    if let Some((alternative, newest)) =
        alternatives.iter().find_map(|a| Some((a, versions(a).iter().max()?)))
    {
        let message = format!("{release} has `{}` in version {newest}, not as wanted here", alternative.name);
        return Mistake::new(message)
            .help(format!("write `{}` or `{} (>= {newest})`", alternative.name, alternative.name));
    }
    let names: Vec<String> = alternatives.iter().map(|a| format!("`{}`", a.name)).collect();
    let mistake = Mistake::new(format!("{release} has no package {}", names.join(", nor ")));
    let near = alternatives.iter().find_map(|a| {
        let same_beginning =
            all.iter().map(String::as_str).filter(|n| n.chars().next() == a.name.chars().next());
        suggest::did_you_mean(&a.name, same_beginning)
    });
    mistake.help(near.unwrap_or_else(|| {
        "look for its name with `apt-cache search`, or bundle it as a `[[package]]`".into()
    }))
}

fn look_up(lists: &Lists, names: &BTreeSet<&str>) -> Result<BTreeMap<String, Found>> {
    let mut reader = Reader::default();
    let program = lists.apt_cache().arg("showpkg").arg("--").args(names);
    let output = program.each_line(|from, line| {
        if from == exec::From::Stdout {
            reader.line(line);
        }
    })?;
    output.check(&program)?;
    Ok(reader.found)
}

fn every_name(lists: &Lists) -> Result<Vec<String>> {
    let mut names = vec![];
    let program = lists.apt_cache().arg("pkgnames");
    program.each_line(|from, line| {
        if from == exec::From::Stdout {
            names.push(line.to_owned());
        }
    })?;
    Ok(names)
}

/// Reads the output of `apt-cache showpkg`: sections of which two matter.
#[derive(Default)]
struct Reader {
    found: BTreeMap<String, Found>,
    package: String,
    section: Section,
}

#[derive(Default, PartialEq)]
enum Section {
    Versions,
    Providers,
    #[default]
    Other,
}

impl Reader {
    fn line(&mut self, line: &str) {
        if let Some(name) = line.strip_prefix("Package: ") {
            self.package = name.trim().into();
        }
        self.section = match line.trim_end() {
            "Versions:" => Section::Versions,
            "Reverse Provides:" => Section::Providers,
            "Reverse Depends:" | "Dependencies:" | "Provides:" => Section::Other,
            text => return self.entry(text),
        };
    }

    fn entry(&mut self, line: &str) {
        // what belongs to a version is indented
        if line.is_empty() || line.starts_with(' ') || line.starts_with("Package: ") {
            return;
        }
        let found = self.found.entry(self.package.clone()).or_default();
        let first = line.split(' ').next().unwrap_or_default();
        match self.section {
            Section::Versions => found.versions.extend(first.parse::<Version>()),
            Section::Providers => found.provided = true,
            Section::Other => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWPKG: &str = "\
Package: apache2
Versions: 
2.4.66-1~deb13u1 (/var/lib/apt/lists/x_Packages) (/var/lib/dpkg/status)
 Description Language: 
                 File: /var/lib/apt/lists/x_Packages

2.4.62-1 (/var/lib/apt/lists/x_Packages)

Reverse Depends: 
  sympa,apache2
Dependencies: 
2.4.66-1~deb13u1 - apache2-bin (5 2.4.66-1~deb13u1)
Provides: 
2.4.66-1~deb13u1 - httpd (= )
Reverse Provides: 
Package: httpd
Versions: 

Reverse Depends: 
  webapp,httpd
Dependencies: 
Provides: 
Reverse Provides: 
nginx 1.26 (= )
Package: gone
Versions: 

Reverse Depends: 
  old,gone
Dependencies: 
Provides: 
Reverse Provides: 
";

    #[test]
    fn a_relation_needs_a_version_or_a_provider() {
        let mut reader = Reader::default();
        SHOWPKG.lines().for_each(|line| reader.line(line));
        for (relation, expect) in [
            ("apache2", true),
            ("apache2 (>= 2.4.66)", true),
            ("apache2 (= 2.4.62-1)", true),
            ("apache2 (>= 3)", false),
            ("httpd", true),
            ("gone", false),
            ("never-was", false),
        ] {
            assert_eq!(fulfilled(&relation.parse().unwrap(), &reader.found), expect, "{relation}");
        }
    }
}
