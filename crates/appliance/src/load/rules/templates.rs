//! The templates of `[[file]]`: that they parse, what they include, which names they use, who may read them.

use super::{super::tree::Way, Rules, bad_entry};
use crate::{
    database,
    folder::Entry,
    host,
    model::File,
    names::{self, Mistake},
    problem::{Kind, Source},
    suggest,
    template::{self, Reference, Scan},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

/// More templates than this are not followed.
const COUNT_LIMIT: usize = 1000;

/// A template that was read, and what is in it.
struct Template {
    text: String,
    scan: Scan,
}

pub fn check(rules: &mut Rules<'_, '_>) {
    let definition = rules.definition;
    let mut templates = BTreeMap::new();
    for (i, file) in definition.files.iter().enumerate() {
        let Some(path) = &file.template else { continue };
        // a path that cannot be used has been reported with the file
        let usable =
            names::folder_path(path).is_ok() && matches!(rules.folder.entry(path), Entry::File { .. });
        if usable {
            let way = Way::to("file").index(i);
            if let Err(mistake) = read(rules, path, &mut templates) {
                rules.wrong(Kind::BadFile, &way.key("template"), mistake);
            }
            secrets(rules, &way, file, path, &templates);
        }
    }
    cycles(rules, &templates);
}

/// Reads a template and all that it includes, each once, and reports what is wrong in their texts.
fn read(
    rules: &mut Rules<'_, '_>,
    first: &str,
    templates: &mut BTreeMap<String, Template>,
) -> Result<(), Mistake> {
    let mut open = vec![first.to_owned()];
    while let Some(path) = open.pop() {
        if templates.contains_key(&path) || templates.len() >= COUNT_LIMIT {
            continue;
        }
        let text = match text_of(rules, &path) {
            Ok(text) => text,
            Err(mistake) if path == first => return Err(mistake),
            // an included one has been found to be a file; that it is no text is told where it stands
            Err(mistake) => {
                let source = Source::new(shown(rules, &path), "");
                rules.report.push(source.problem(Kind::BadFile, 0..0, mistake));
                continue;
            }
        };
        let scan = template::scan(&path, &text);
        let source = Source::new(shown(rules, &path), &text);
        for finding in &scan.findings {
            let mistake = Mistake::new(finding.message.clone());
            rules.report.push(source.problem(Kind::Template, finding.place.clone(), mistake));
        }
        for reference in &scan.references {
            if let Some((kind, mistake)) = wrong_name(rules, reference) {
                rules.report.push(source.problem(kind, reference.place.clone(), mistake));
            }
        }
        for (name, place) in &scan.templates {
            match included(rules, name) {
                Ok(()) => open.push(name.clone()),
                Err((kind, mistake)) => rules.report.push(source.problem(kind, place.clone(), mistake)),
            }
        }
        templates.insert(path, Template { text, scan });
    }
    Ok(())
}

fn text_of(rules: &Rules<'_, '_>, path: &str) -> Result<String, Mistake> {
    let bytes = rules.folder.read(path, template::SIZE_LIMIT + 1);
    let bytes = bytes.map_err(|why| Mistake::new(format!("`{path}` cannot be read: {why}")))?;
    if bytes.len() as u64 > template::SIZE_LIMIT {
        let mistake = Mistake::new(format!("`{path}` is larger than {} KiB", template::SIZE_LIMIT / 1024));
        return Err(mistake.help("a file that is not rendered is a `source`"));
    }
    String::from_utf8(bytes).map_err(|_| {
        Mistake::new(format!("`{path}` is no UTF-8")).help("a file that is not rendered is a `source`")
    })
}

fn included(rules: &Rules<'_, '_>, path: &str) -> Result<(), (Kind, Mistake)> {
    names::folder_path(path).map_err(|m| (Kind::Path, m))?;
    match rules.folder.entry(path) {
        Entry::File { .. } => Ok(()),
        Entry::Missing => Err((Kind::MissingFile, rules.missing(path))),
        bad => Err((Kind::BadFile, bad_entry(path, &bad))),
    }
}

fn wrong_name(rules: &Rules<'_, '_>, reference: &Reference) -> Option<(Kind, Mistake)> {
    let name = |field: &str| format!("{}.{field}", reference.root);
    let unknown = |field: &str, help: String| {
        Some((Kind::UnknownName, Mistake::new(format!("`{}` is not known here", name(field))).help(help)))
    };
    let field = reference.field.as_deref();
    match (reference.root.as_str(), field) {
        ("host", Some(field)) if !host::FIELDS.contains(&field) => {
            let near =
                suggest::nearest(field, host::FIELDS).map(|near| format!("did you mean `host.{near}`?"));
            unknown(field, near.unwrap_or_else(|| format!("there are host.{}", host::FIELDS.join(", host."))))
        }
        ("appliance", Some(field)) if !["name", "version"].contains(&field) => {
            unknown(field, "there are `appliance.name` and `appliance.version`".into())
        }
        (root @ ("answers" | "secrets"), Some(field)) => match rules
            .known
            .questions
            .get(&field.replace('_', "-"))
        {
            Some(secret) if !field.contains('-') => {
                let right = if *secret == Some(true) { "secrets" } else { "answers" };
                let sound = secret.is_none() || root == right;
                if sound { None } else { unknown(field, format!("write `{right}.{field}`: {}", why(right))) }
            }
            _ => unknown(field, ask_for(rules, root, field)),
        },
        ("database", Some(path)) => {
            Some((Kind::UnknownName, database::known(path, &rules.definition.databases).err()?))
        }
        ("host" | "appliance" | "answers" | "secrets" | "database", _) => None,
        (root, _) => {
            let near = suggest::did_you_mean(root, template::ROOTS);
            let help = near.unwrap_or_else(|| {
                "a template knows `answers`, `secrets`, `database`, `host` and `appliance`".into()
            });
            Some((Kind::UnknownName, Mistake::new(format!("`{root}` is not known here")).help(help)))
        }
    }
}

fn why(right: &str) -> &'static str {
    if right == "secrets" { "the answer is a secret" } else { "the answer is no secret" }
}

fn ask_for(rules: &Rules<'_, '_>, root: &str, field: &str) -> String {
    let wanted = field.replace('_', "-");
    let questions = rules.definition.questions.iter().map(|q| q.name.as_str());
    match suggest::nearest(&wanted, questions) {
        Some(near) => format!("did you mean `{root}.{}`?", near.replace('-', "_")),
        None => format!("ask for it: `[[question]]` with `name = \"{wanted}\"`"),
    }
}

/// A database used as a whole has its password in it.
fn is_secret(reference: &Reference) -> bool {
    let password = |path: &String| !path.contains('.') || path.ends_with(".password");
    match reference.root.as_str() {
        "database" => reference.field.as_ref().is_none_or(password),
        root => root == "secrets",
    }
}

/// A file that others may read holds no secret. All that is included counts.
fn secrets(
    rules: &mut Rules<'_, '_>,
    way: &Way<'_>,
    file: &File,
    path: &str,
    templates: &BTreeMap<String, Template>,
) {
    if names::mode(&file.mode).is_ok_and(|bits| bits & 0o007 == 0) {
        return;
    }
    let (mut open, mut seen) = (vec![path], BTreeSet::new());
    while let Some(path) = open.pop() {
        let Some(template) = templates.get(path).filter(|_| seen.insert(path)) else { continue };
        if let Some(secret) = template.scan.references.iter().find(|r| is_secret(r)) {
            let line = Source::new("", &template.text).line(secret.place.start);
            let mistake = Mistake::new(format!(
                "`{}` has mode {}, so that everybody can read the secret in {path}, line {line}",
                file.path, file.mode
            ));
            return rules.wrong(
                Kind::Secret,
                way,
                mistake.help("write `mode = \"0640\"` and the group that reads it, or `mode = \"0600\"`"),
            );
        }
        open.extend(template.scan.templates.iter().map(|(name, _)| name.as_str()));
    }
}

/// Each circle of templates once, where it closes.
fn cycles(rules: &mut Rules<'_, '_>, templates: &BTreeMap<String, Template>) {
    let mut done = BTreeSet::new();
    for start in templates.keys() {
        // the way from the start, each with the number of its includes followed so far
        let mut way: Vec<(&str, usize)> = vec![(start, 0)];
        while let Some((path, next)) = way.last_mut() {
            let path = *path;
            let Some((name, place)) = templates
                .get(path)
                .filter(|_| !done.contains(path))
                .and_then(|t| t.scan.templates.get(*next))
            else {
                done.insert(path.to_owned());
                way.pop();
                continue;
            };
            *next += 1;
            match way.iter().position(|(p, _)| p == name) {
                Some(begin) => {
                    let circle: Vec<&str> = way[begin..].iter().map(|(p, _)| *p).collect();
                    report_cycle(rules, templates, path, place.clone(), &circle);
                }
                None => way.push((name, 0)),
            }
        }
    }
}

fn report_cycle(
    rules: &mut Rules<'_, '_>,
    templates: &BTreeMap<String, Template>,
    path: &str,
    place: Range<usize>,
    circle: &[&str],
) {
    let text = templates.get(path).map_or("", |t| t.text.as_str());
    let source = Source::new(shown(rules, path), text);
    let first = circle.first().copied().unwrap_or(path);
    let message = format!("templates in a circle: {} → {first}", circle.join(" → "));
    let mistake = Mistake::new(message).help("take one of the includes out");
    rules.report.push(source.problem(Kind::Cycle, place, mistake));
}

/// The name of a file of the folder as the definition's own file is named.
fn shown(rules: &Rules<'_, '_>, path: &str) -> String {
    match rules.report.source.name.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{path}"),
        None => path.to_owned(),
    }
}
