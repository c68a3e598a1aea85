//! `[[package]]`: ordinary packages.

use super::{
    super::tree::Way,
    Need, Rules,
    appliance::{about, relations},
};
use crate::{
    model::{Archive, LintianOverride, Package},
    names::{self, Mistake},
    problem::Kind,
    suggest,
};
use std::collections::BTreeSet;

/// Architectures of Debian's releases and ports that packages are made for.
const ARCHITECTURES: [&str; 12] = [
    "all", "amd64", "arm64", "armel", "armhf", "i386", "loong64", "mips64el", "powerpc", "ppc64el",
    "riscv64", "s390x",
];
const TRIGGERS: [&str; 6] =
    ["interest", "interest-await", "interest-noawait", "activate", "activate-await", "activate-noawait"];
/// Where programs given at build time come from: `{bin}/NAME`.
const PROGRAMS: &str = "{bin}/";

pub fn check(rules: &mut Rules<'_, '_>) {
    let definition = rules.definition;
    for (i, package) in definition.packages.iter().enumerate() {
        check_package(rules, &Way::to("package").index(i), package);
    }
    rules.unique("package", "name", definition.packages.iter().map(|p| p.name.as_str()));
}

fn check_package(rules: &mut Rules<'_, '_>, way: &Way<'_>, package: &Package) {
    if rules.expect(Kind::Name, &way.key("name"), names::package(&package.name)) {
        made_by_the_appliance(rules, &way.key("name"), &package.name);
    }
    rules.expect(Kind::Version, &way.key("version"), names::version(&package.version));
    if !ARCHITECTURES.contains(&package.architecture.as_str()) {
        let near = suggest::did_you_mean(&package.architecture, ARCHITECTURES);
        let mistake = Mistake::new(format!("`{}` is no architecture of Debian's", package.architecture));
        let help = near.unwrap_or_else(|| "write `all`, `amd64` or `arm64`".into());
        rules.wrong(Kind::Value, &way.key("architecture"), mistake.help(help));
    }
    rules.expect(Kind::Name, &way.key("section"), section(&package.section));
    about(
        rules,
        way,
        &package.summary,
        Some(&package.description),
        &package.maintainer,
        package.homepage.as_deref(),
    );
    rules.file(&way.key("copyright"), &package.copyright, Need::File);
    relations(rules, &way.key("depends"), &package.depends, &package.name);
    relations(rules, &way.key("recommends"), &package.recommends, &package.name);
    contents(rules, way, package);
    for (i, archive) in package.archives.iter().enumerate() {
        check_archive(rules, &way.key("archive").index(i), archive);
    }
    maintenance(rules, way, package);
    for (i, lintian) in package.lintian.iter().enumerate() {
        check_override(rules, &way.key("lintian").index(i), lintian);
    }
}

fn made_by_the_appliance(rules: &mut Rules<'_, '_>, way: &Way<'_>, name: &str) {
    let Some(appliance) = rules.definition.appliance.as_ref().map(|a| a.name.as_str()) else { return };
    let made = [
        format!("{appliance}-appliance"),
        format!("{appliance}-appliance-seed"),
        format!("appliance-control-{appliance}"),
    ];
    if made.iter().any(|m| m == name) {
        let mistake = Mistake::new(format!("`{name}` is made from `[appliance]`")).help("take another name");
        rules.wrong(Kind::Duplicate, way, mistake);
    }
}

/// Files, links and units, and that no two of them take the same place.
fn contents(rules: &mut Rules<'_, '_>, way: &Way<'_>, package: &Package) {
    let mut taken = BTreeSet::new();
    for (i, file) in package.files.iter().enumerate() {
        let way = way.key("file").index(i);
        match file.source.strip_prefix(PROGRAMS) {
            Some(program) => {
                rules.expect(Kind::Path, &way.key("source"), program_name(program));
            }
            None => {
                rules.file(&way.key("source"), &file.source, Need::FileOrFolder);
            }
        }
        rules.machine_path(&way.key("path"), &file.path);
        if let Some(mode) = &file.mode {
            rules.expect(Kind::Mode, &way.key("mode"), names::mode(mode));
        }
        if !taken.insert(&file.path) {
            twice(rules, &way.key("path"), &file.path);
        }
    }
    for (i, link) in package.links.iter().enumerate() {
        let way = way.key("link").index(i);
        rules.machine_path(&way.key("path"), &link.path);
        rules.not_empty(&way.key("target"), &link.target);
        if !taken.insert(&link.path) {
            twice(rules, &way.key("path"), &link.path);
        }
    }
    for (i, unit) in package.units.iter().enumerate() {
        let way = way.key("unit").index(i).key("source");
        if rules.file(&way, &unit.source, Need::File) {
            let name = unit.source.rsplit('/').next().unwrap_or_default();
            rules.unit(&way, name);
        }
    }
}

fn twice(rules: &mut Rules<'_, '_>, way: &Way<'_>, path: &str) {
    let mistake = Mistake::new(format!("`{path}` stands here a second time")).help("keep one of them");
    rules.wrong(Kind::Duplicate, way, mistake);
}

fn check_archive(rules: &mut Rules<'_, '_>, way: &Way<'_>, archive: &Archive) {
    rules.expect(Kind::Archive, &way.key("sha256"), names::sha256(&archive.sha256));
    let word = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let plain = |s: &str| s.starts_with(|c: char| c.is_ascii_alphanumeric()) && s.chars().all(word);
    if !plain(&archive.project) {
        let mistake =
            Mistake::new("not the name of a project").help("write it as the registry does, such as `moin`");
        rules.wrong(Kind::Archive, &way.key("project"), mistake);
    }
    if archive.version.is_empty() || !archive.version.chars().all(|c| word(c) || c == '+' || c == '!') {
        let mistake = Mistake::new("not a version of the registry's").help("write one such as `2.0.0b5`");
        rules.wrong(Kind::Archive, &way.key("version"), mistake);
    }
    let known_end = archive.file.ends_with(".whl") || archive.file.ends_with(".tar.gz");
    if !known_end
        || archive.file.starts_with(['.', '-'])
        || !archive.file.chars().all(|c| word(c) || c == '+')
    {
        let mistake = Mistake::new("not the file name of an archive")
            .help("it ends in `.whl` or `.tar.gz`, and has no folder");
        rules.wrong(Kind::Archive, &way.key("file"), mistake);
    }
    if archive.take.is_empty() {
        let mistake = Mistake::new("nothing is taken out of the archive")
            .help("write `take = { \".\" = \"/usr/share/…\" }`");
        rules.wrong(Kind::Empty, &way.key("take"), mistake);
    }
    for (from, to) in &archive.take {
        let way = way.key("take").key(from);
        if from != "." {
            rules.expect(Kind::Path, &way, names::folder_path(from));
        }
        rules.machine_path(&way, to);
    }
    for (i, name) in archive.leave.iter().enumerate() {
        if name.is_empty() || name.contains('/') || name == "." || name == ".." {
            let mistake = Mistake::new("not a file's name")
                .help("write a name without folders: it is left out wherever it stands");
            rules.wrong(Kind::Path, &way.key("leave").index(i), mistake);
        }
    }
}

/// What happens when the package is configured, triggered and purged.
fn maintenance(rules: &mut Rules<'_, '_>, way: &Way<'_>, package: &Package) {
    for (key, file) in [("sysusers", &package.sysusers), ("tmpfiles", &package.tmpfiles)] {
        if let Some(file) = file {
            rules.file(&way.key(key), file, Need::File);
        }
    }
    for (i, line) in package.triggers.iter().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.len() != 2 || !TRIGGERS.contains(&words[0]) {
            let mistake = Mistake::new("not a line of the control file `triggers`")
                .help("write it as `interest-noawait /usr/share/NAME` (deb-triggers(5))");
            rules.wrong(Kind::Value, &way.key("triggers").index(i), mistake);
        }
    }
    for (i, path) in package.python.iter().enumerate() {
        rules.machine_path(&way.key("python").index(i), path);
    }
    let has_python = |r: &String| names::relation(r).is_ok_and(|r| r.iter().any(|a| a.name == "python3"));
    if !package.python.is_empty() && !package.depends.iter().any(has_python) {
        let mistake = Mistake::new("Python folders need `python3`").help("add `python3` to `depends`");
        rules.wrong(Kind::Relation, &way.key("python"), mistake);
    }
    for (i, path) in package.purge.iter().enumerate() {
        let way = way.key("purge").index(i);
        rules.machine_path(&way, path);
        if path.matches('/').count() < 3 {
            let mistake = Mistake::new(format!("purge would remove `{path}` with all that is in it"));
            rules.wrong(
                Kind::Path,
                &way,
                mistake.help("name the package's own folder, such as `/var/lib/NAME`"),
            );
        }
    }
}

fn check_override(rules: &mut Rules<'_, '_>, way: &Way<'_>, lintian: &LintianOverride) {
    // the tag, and what it says about which part, as in an override: `*` stands for anything
    let tag = lintian.tag.split(' ').next().unwrap_or_default();
    if tag.is_empty() || !tag.chars().all(|c| c.is_ascii_alphanumeric() || "-_/:.".contains(c)) {
        let mistake = Mistake::new("not a tag of lintian's")
            .help("write one as lintian prints it, such as `no-manual-page`");
        rules.wrong(Kind::Name, &way.key("tag"), mistake);
    }
    rules.not_empty(&way.key("reason"), &lintian.reason);
}

/// Policy 2.4: an optional area, a slash, and the section.
fn section(section: &str) -> Result<(), Mistake> {
    let word = |w: &str| {
        !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if section.split('/').count() <= 2 && section.split('/').all(word) {
        return Ok(());
    }
    Err(Mistake::new("not a section").help("write one such as `admin`, `web` or `contrib/web`"))
}

fn program_name(name: &str) -> Result<(), Mistake> {
    let word = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !name.is_empty() && !name.starts_with('.') && name.chars().all(word) {
        return Ok(());
    }
    Err(Mistake::new("not a program's name").help("write `{bin}/NAME`"))
}
