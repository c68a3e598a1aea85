//! The meaning of a definition whose shape is right.

mod actions;
mod appliance;
mod databases;
mod known;
mod machine;
mod packages;
mod questions;
mod templates;

use super::{
    Wanted,
    report::Report,
    tree::{Node, Way},
};
use crate::{
    Definition, Folder,
    folder::Entry,
    names::{self, Mistake},
    problem::Kind,
    suggest,
};
use known::Known;
use std::collections::BTreeMap;

/// What the rules of all tables have at hand.
struct Rules<'r, 's> {
    definition: &'r Definition,
    /// The tree that the definition was made of.
    tree: &'r Node,
    known: Known,
    folder: &'r dyn Folder,
    report: &'r mut Report<'s>,
}

/// What a named file has to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    File,
    Executable,
    FileOrFolder,
}

/// `whole` is the tree before anything was taken out: what is named there exists, though it has mistakes.
pub fn check(
    definition: &Definition,
    tree: &Node,
    whole: &Node,
    folder: &dyn Folder,
    report: &mut Report<'_>,
) {
    let known = Known::new(whole, definition, folder);
    let mut rules = Rules { definition, tree, known, folder, report };
    appliance::check(&mut rules, whole);
    questions::check(&mut rules);
    databases::check(&mut rules);
    machine::check(&mut rules);
    actions::check(&mut rules);
    packages::check(&mut rules);
    templates::check(&mut rules);
}

/// What has to exist in the release: relations, and the packages whose questions are answered.
pub fn wanted(definition: &Definition, tree: &Node, report: &Report<'_>) -> Vec<Wanted> {
    let own = known::packages(definition);
    let mut wanted = vec![];
    let mut add = |way: &Way<'_>, text: &str| {
        let Ok(alternatives) = names::relation(text) else { return };
        if alternatives.iter().any(|a| own.contains(&a.name)) {
            return;
        }
        let place = tree.follow(way).place.clone();
        let place = report.source.problem(Kind::MissingPackage, place, Mistake::new(""));
        wanted.push(Wanted { alternatives, place });
    };
    if let Some(appliance) = &definition.appliance {
        for (key, list) in [("packages", &appliance.packages), ("before", &appliance.before)] {
            for (i, text) in list.iter().enumerate() {
                add(&Way::to("appliance").key(key).index(i), text);
            }
        }
    }
    for (i, seed) in definition.seeds.iter().enumerate() {
        add(&Way::to("seed").index(i).key("package"), &seed.package);
    }
    for (i, database) in definition.databases.iter().enumerate() {
        let way = Way::to("database").index(i);
        database.package.iter().for_each(|package| add(&way.key("package"), package));
        add(&way.key("engine"), database.engine.packages()[0]);
    }
    for (i, package) in definition.packages.iter().enumerate() {
        for (key, list) in [("depends", &package.depends), ("recommends", &package.recommends)] {
            for (n, text) in list.iter().enumerate() {
                add(&Way::to("package").index(i).key(key).index(n), text);
            }
        }
    }
    wanted
}

impl Rules<'_, '_> {
    fn wrong(&mut self, kind: Kind, way: &Way<'_>, mistake: Mistake) {
        self.report.add_in_text(kind, self.tree.follow(way), mistake);
    }

    /// Reports an error; whether there was none.
    fn expect<T>(&mut self, kind: Kind, way: &Way<'_>, result: Result<T, Mistake>) -> bool {
        match result {
            Ok(_) => true,
            Err(mistake) => {
                self.wrong(kind, way, mistake);
                false
            }
        }
    }

    /// Every name once; the later one is reported.
    fn unique<'n>(&mut self, table: &str, key: &str, values: impl Iterator<Item = &'n str>) {
        let mut first = BTreeMap::new();
        for (i, value) in values.enumerate() {
            if let Some(before) = first.get(value) {
                let way = Way::to(table).index(*before);
                let line = self.report.source.line(self.tree.follow(&way.key(key)).place.start);
                let mistake = Mistake::new(format!("`{value}` stands here a second time"))
                    .help(format!("the first is in line {line}; keep one of them"));
                self.wrong(Kind::Duplicate, &Way::to(table).index(i).key(key), mistake);
            } else {
                first.insert(value, i);
            }
        }
    }

    /// Every element of a list once.
    fn unique_list(&mut self, way: &Way<'_>, values: &[String]) {
        for (i, value) in values.iter().enumerate() {
            if values[..i].contains(value) {
                let mistake =
                    Mistake::new(format!("`{value}` stands here a second time")).help("take it out");
                self.wrong(Kind::Duplicate, &way.index(i), mistake);
            }
        }
    }

    fn machine_path(&mut self, way: &Way<'_>, path: &str) {
        self.expect(Kind::Path, way, names::machine_path(path));
    }

    /// One line of text with something in it.
    fn not_empty(&mut self, way: &Way<'_>, text: &str) {
        if text.trim().is_empty() {
            let mistake = Mistake::new(format!("`{}` is empty", way.name())).help("write something");
            self.wrong(Kind::Empty, way, mistake);
        }
    }

    fn unit(&mut self, way: &Way<'_>, name: &str) {
        self.expect(Kind::Name, way, names::unit(name));
    }

    fn user(&mut self, way: &Way<'_>, name: &str) {
        self.owner(way, name, "user", self.known.has_user(name));
    }

    fn group(&mut self, way: &Way<'_>, name: &str) {
        self.owner(way, name, "group", self.known.has_group(name));
    }

    fn owner(&mut self, way: &Way<'_>, name: &str, what: &str, known: bool) {
        if known {
            return;
        }
        let near = suggest::did_you_mean(name, self.known.user_names());
        let help = near.unwrap_or_else(|| {
            format!(
                "make it: `[[user]]` with `name = \"{name}\"`, or say in `package-users` that a package does"
            )
        });
        self.wrong(Kind::Owner, way, Mistake::new(format!("nobody makes the {what} `{name}`")).help(help));
    }

    /// A file of the definition's folder; whether it can be used.
    fn file(&mut self, way: &Way<'_>, path: &str, need: Need) -> bool {
        if !self.expect(Kind::Path, way, names::folder_path(path)) {
            return false;
        }
        let wrong = match self.folder.entry(path) {
            Entry::File { executable, .. } if executable || need != Need::Executable => return true,
            Entry::File { .. } => (
                Kind::NotExecutable,
                Mistake::new(format!("`{path}` cannot be executed")).help(format!("chmod +x {path}")),
            ),
            Entry::Folder if need == Need::FileOrFolder => return true,
            Entry::Missing => (Kind::MissingFile, self.missing(path)),
            bad => (Kind::BadFile, bad_entry(path, &bad)),
        };
        self.wrong(wrong.0, way, wrong.1);
        false
    }

    fn missing(&self, path: &str) -> Mistake {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let names = self.folder.names(folder);
        let near = suggest::nearest(name, names.iter().map(String::as_str));
        let slash = if folder.is_empty() { "" } else { "/" };
        let help = match near {
            Some(near) => format!("did you mean `{folder}{slash}{near}`?"),
            None => "make the file, or write the path from the definition's folder".into(),
        };
        Mistake::new(format!("there is no file `{path}`")).help(help)
    }
}

fn bad_entry(path: &str, entry: &Entry) -> Mistake {
    let (what, help) = match entry {
        Entry::Folder => ("is a folder".into(), "name a file in it"),
        Entry::Outside => (
            "is a symbolic link that leaves the definition's folder or goes round in a circle".into(),
            "put the file itself into the folder",
        ),
        Entry::Special(what) => (format!("is {what}"), "put a regular file there"),
        Entry::Unreadable(why) => (format!("cannot be read: {why}"), "let it be read"),
        Entry::File { .. } | Entry::Missing => ("cannot be used".into(), "put a regular file there"),
    };
    Mistake::new(format!("`{path}` {what}")).help(help)
}

/// `http://…` or `https://…` with something after it.
fn web_address(text: &str) -> Result<(), Mistake> {
    let rest = text.strip_prefix("https://").or(text.strip_prefix("http://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') && !text.contains(' ') => Ok(()),
        _ => Err(Mistake::new("not a web address").help("write it as `https://example.org/`")),
    }
}
