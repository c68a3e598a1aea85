//! `[appliance]`, and that there is something to build at all.

use super::{
    super::tree::{Node, Way},
    Rules, web_address,
};
use crate::{
    names::{self, Mistake},
    problem::Kind,
    seed_value::{self, Part},
    suggest,
};

/// Characters of a summary (Policy 3.4.1 asks for less than 80 with the package's name; 60 is what lists show).
const SUMMARY_LIMIT: usize = 60;

/// Tables that belong to an appliance.
const TABLES: [&str; 13] = [
    "question",
    "seed",
    "user",
    "database",
    "directory",
    "file",
    "apache",
    "unit",
    "step",
    "backup",
    "health",
    "action",
    "appliance",
];

pub fn check(rules: &mut Rules<'_, '_>, whole: &Node) {
    if whole.get("appliance").is_none() {
        without_appliance(rules, whole);
    }
    let Some(appliance) = &rules.definition.appliance else { return };
    let way = Way::to("appliance");
    rules.expect(Kind::Name, &way.key("name"), names::appliance(&appliance.name));
    rules.expect(Kind::Version, &way.key("version"), names::version(&appliance.version));
    about(
        rules,
        &way,
        &appliance.summary,
        appliance.description.as_deref(),
        &appliance.maintainer,
        appliance.homepage.as_deref(),
    );
    relations(rules, &way.key("packages"), &appliance.packages, &format!("{}-appliance", appliance.name));
    let before = way.key("before");
    for (i, package) in appliance.before.iter().enumerate() {
        rules.expect(Kind::Name, &before.index(i), names::package(package));
    }
    rules.unique_list(&before, &appliance.before);
    let releases = way.key("releases");
    if appliance.releases.is_empty() {
        rules.wrong(
            Kind::Empty,
            &releases,
            Mistake::new("no release").help("write `releases = [\"trixie\"]`, or leave it out"),
        );
    }
    for (i, release) in appliance.releases.iter().enumerate() {
        rules.expect(Kind::Name, &releases.index(i), names::release(release));
    }
    rules.unique_list(&releases, &appliance.releases);
    if !appliance.url.is_empty() {
        url(rules, &way.key("url"), &appliance.url);
    }
    let users = way.key("package-users");
    for (i, user) in appliance.package_users.iter().enumerate() {
        rules.expect(Kind::Name, &users.index(i), names::user(user));
    }
    rules.unique_list(&users, &appliance.package_users);
    for (i, path) in appliance.triggers.iter().enumerate() {
        rules.machine_path(&way.key("triggers").index(i), path);
    }
}

/// What a person reads about a package.
pub fn about(
    rules: &mut Rules<'_, '_>,
    way: &Way<'_>,
    summary: &str,
    description: Option<&str>,
    maintainer: &str,
    homepage: Option<&str>,
) {
    rules.expect(Kind::Summary, &way.key("summary"), summary_form(summary));
    if let Some(description) = description {
        rules.not_empty(&way.key("description"), description);
    }
    rules.expect(Kind::Maintainer, &way.key("maintainer"), names::maintainer(maintainer));
    if let Some(homepage) = homepage {
        rules.expect(Kind::Address, &way.key("homepage"), web_address(homepage));
    }
}

/// A list of relations, each package once, not the package itself.
pub fn relations(rules: &mut Rules<'_, '_>, way: &Way<'_>, list: &[String], own_name: &str) {
    let mut seen: Vec<String> = vec![];
    for (i, text) in list.iter().enumerate() {
        let way = way.index(i);
        let alternatives = match names::relation(text) {
            Ok(alternatives) => alternatives,
            Err(mistake) => {
                rules.wrong(Kind::Relation, &way, mistake);
                continue;
            }
        };
        if alternatives.iter().any(|a| a.name == own_name) {
            rules.wrong(
                Kind::Relation,
                &way,
                Mistake::new("the package depends on itself").help("take it out"),
            );
        }
        if seen.contains(text) {
            rules.wrong(
                Kind::Duplicate,
                &way,
                Mistake::new(format!("`{text}` stands here a second time")).help("take it out"),
            );
        }
        seen.push(text.clone());
    }
}

fn without_appliance(rules: &mut Rules<'_, '_>, whole: &Node) {
    for table in TABLES {
        if let Some(node) = whole.get(table) {
            let place = node.elements().first().unwrap_or(node).place.clone();
            let mistake =
                Mistake::new(format!("`{table}` belongs to an appliance, and there is no `[appliance]`"))
                    .help("add `[appliance]` with `name`, `version`, `summary`, `maintainer` and `packages`");
            rules.report.add(Kind::Either, &place, mistake);
        }
    }
    if whole.get("package").is_none_or(|p| p.elements().is_empty()) {
        let mistake = Mistake::new("nothing to build: neither `[appliance]` nor `[[package]]`")
            .help("`vabuild new NAME` writes a definition to begin with");
        rules.report.add(Kind::Empty, &(0..0), mistake);
    }
}

fn summary_form(summary: &str) -> Result<(), Mistake> {
    let length = summary.chars().count();
    if summary.trim().is_empty() {
        return Err(Mistake::new("an empty summary").help("say in one line what it is"));
    }
    if length > SUMMARY_LIMIT {
        let at = summary.char_indices().nth(SUMMARY_LIMIT).map_or(0, |(at, _)| at);
        return Err(Mistake::at(at, format!("a summary of {length} characters: at most {SUMMARY_LIMIT}"))
            .help("shorten it; `description` has room for the rest"));
    }
    if summary.ends_with('.') {
        return Err(
            Mistake::at(summary.len() - 1, "a summary is no sentence").help("leave the full stop out")
        );
    }
    if summary.trim() != summary {
        return Err(Mistake::new("a summary with blanks around it").help("take them out"));
    }
    Ok(())
}

/// Schemes of servers that a person opens or names to a client. A closed list: so typos are found.
const SCHEMES: [&str; 26] = [
    "http",
    "https",
    "dns",
    "ftp",
    "ftps",
    "git",
    "imap",
    "imaps",
    "ipp",
    "irc",
    "ircs",
    "ldap",
    "ldaps",
    "mqtt",
    "mqtts",
    "mysql",
    "ntp",
    "postgresql",
    "redis",
    "rsync",
    "rtsp",
    "sftp",
    "sip",
    "smtp",
    "ssh",
    "xmpp",
];

fn address(text: &str) -> Result<(), Mistake> {
    let mistake =
        || Mistake::new("not an address").help("write it as `https://example.org/` or `ldap://example.org`");
    let (scheme, rest) = text.split_once("://").ok_or_else(mistake)?;
    if !SCHEMES.contains(&scheme) {
        let help = suggest::did_you_mean(scheme, SCHEMES)
            .unwrap_or_else(|| format!("there are {}", SCHEMES.join(", ")));
        return Err(Mistake::new(format!("`{scheme}` is no scheme of an address here")).help(help));
    }
    match rest.is_empty() || rest.starts_with('/') || text.contains(' ') {
        true => Err(mistake()),
        false => Ok(()),
    }
}

/// The application's address: placeholders, but no secret, for it is printed.
fn url(rules: &mut Rules<'_, '_>, way: &Way<'_>, url: &str) {
    let parts = match seed_value::parse(url) {
        Ok(parts) => parts,
        Err(mistake) => return rules.wrong(Kind::UnknownName, way, mistake),
    };
    let plain: String =
        parts.iter().map(|p| if let Part::Text(text) = p { text.as_str() } else { "x" }).collect();
    rules.expect(Kind::Address, way, address(&plain));
    super::questions::answers_exist(rules, way, &parts, url);
    for name in seed_value::answers_used(&parts) {
        if rules.known.questions.get(name) == Some(&Some(true)) {
            let mistake =
                Mistake::new(format!("the answer to `{name}` is a secret, and an address is shown"));
            rules.wrong(Kind::Secret, way, mistake.help("leave it out of the address"));
        }
    }
}
