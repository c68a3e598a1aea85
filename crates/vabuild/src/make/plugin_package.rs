//! `appliance-control-NAME`: what the management page can do for the appliance.

use super::{Error, control};
use crate::folder::Folder;
use appliance::{
    Definition, Folder as _,
    model::{self, Appliance, Backup, Database},
};
use deb::{Deb, Entry};
use plugin::manifest::{self, Action, Card, Fact, Manifest, Parameter, ParameterType, Query, Role};
use plugin::sandbox::is_hidden;
use std::collections::BTreeSet;

/// The wrappers of the generic backup program lie here, apart from the definition's own programs.
const GENERATED: &str = "vabuild";

/// Seconds that a backup may take.
const DAY: u32 = 86_400;

/// The name of the package.
pub fn name(appliance: &Appliance) -> String {
    format!("appliance-control-{}", appliance.name)
}

/// The package without its documents.
pub fn make(
    definition: &Definition,
    appliance: &Appliance,
    folder: &Folder,
    date: u64,
) -> Result<Deb, Error> {
    let mut paragraph = control::of_appliance(appliance, &name(appliance), "admin");
    let mut depends = vec!["appliance-control"];
    if definition.backup.is_some() {
        depends.push("appliance-tools");
    }
    if programs(definition).iter().any(|run| is_python(folder, run)) {
        depends.push("python3");
    }
    paragraph.set("Depends", depends.join(", "));
    if let Some(architecture) = architecture(definition, folder)? {
        paragraph.set("Architecture", architecture);
    }
    let text = format!(
        "This package tells the management page what it can do for the {} appliance:\nthe actions that stand there as forms, \
         and on the command line of\nappliance-control, and what can be looked at.",
        appliance.name
    );
    let synopsis = format!("management page of the {} appliance", appliance.name);
    paragraph.set("Description", control::description(&synopsis, &text));
    let mut deb = Deb::new(paragraph, date);
    let manifest = manifest(definition, appliance)?;
    check(&manifest)?;
    let json = serde_json::to_string_pretty(&manifest).map_err(Error::Json)? + "\n";
    deb.files.push(Entry::bytes(format!("{}/{}.json", manifest::MANIFESTS, appliance.name), json, 0o644));
    let below = format!("{}/{}", manifest::PROGRAMS, appliance.name);
    for run in programs(definition) {
        let (source, _) = folder.file(run)?;
        deb.files.push(Entry::file(format!("{below}/{run}"), source, 0o755));
    }
    if definition.backup.is_some() {
        for (program, verb) in [("backup", "create"), ("restore", "restore")] {
            let script =
                format!("#!/bin/sh\nexec /usr/bin/appliance-backup --plugin {verb} {}\n", appliance.name);
            deb.files.push(Entry::bytes(format!("{below}/{GENERATED}/{program}"), script, 0o755));
        }
    }
    Ok(deb)
}

/// The one that the compiled programs are for; none when all are scripts.
fn architecture(definition: &Definition, folder: &Folder) -> Result<Option<&'static str>, Error> {
    let mut all = BTreeSet::new();
    for run in programs(definition) {
        let start = folder.read(run, 20).unwrap_or_default();
        if start.starts_with(b"\x7fELF") {
            let unknown =
                || Error::Definition(format!("{run} is a program for a machine that Debian does not know"));
            all.insert(debian(&start).ok_or_else(unknown)?);
        }
    }
    match all.len() {
        0 | 1 => Ok(all.first().copied()),
        _ => Err(Error::Definition(format!(
            "the plugin's programs are for several architectures ({}): build them for one",
            Vec::from_iter(all).join(", ")
        ))),
    }
}

/// Debian's name for what a program is compiled for: class, byte order and `e_machine` of elf(5).
fn debian(start: &[u8]) -> Option<&'static str> {
    let machine = start.get(18..20)?;
    match (start.get(4)?, start.get(5)?, machine) {
        (2, 1, [62, 0]) => Some("amd64"),
        (2, 1, [183, 0]) => Some("arm64"),
        (2, 1, [243, 0]) => Some("riscv64"),
        (2, 1, [21, 0]) => Some("ppc64el"),
        (2, 2, [0, 22]) => Some("s390x"),
        (1, 1, [40, 0]) => Some("armhf"),
        (1, 1, [3, 0]) => Some("i386"),
        _ => None,
    }
}

/// Whether Python runs the program: a script needs its interpreter (Policy 10.4).
fn is_python(folder: &Folder, program: &str) -> bool {
    let start = folder.read(program, 64).unwrap_or_default();
    start.starts_with(b"#!")
        && start.split(|b| *b == b'\n').next().is_some_and(|l| l.windows(7).any(|w| w == b"python3"))
}

fn programs(definition: &Definition) -> BTreeSet<&str> {
    let actions = definition.actions.iter().map(|a| a.run.as_str());
    actions.chain(definition.queries.iter().map(|q| q.run.as_str())).collect()
}

fn manifest(definition: &Definition, appliance: &Appliance) -> Result<Manifest, Error> {
    let mut actions = definition.actions.iter().map(action).collect::<Result<Vec<_>, _>>()?;
    if let Some(backup) = &definition.backup {
        actions.extend(backup_actions(backup, &definition.databases, appliance));
    }
    Ok(Manifest {
        version: plugin::manifest::VERSION,
        name: appliance.name.clone(),
        title: title(&appliance.summary),
        package_version: appliance.version.clone(),
        services: services(definition),
        cards: cards(definition, appliance),
        queries: definition.queries.iter().map(query).collect::<Result<_, _>>()?,
        actions,
    })
}

/// The page holds it to more than the definition's own rules.
fn check(manifest: &Manifest) -> Result<(), Error> {
    let text = serde_json::to_string(manifest).map_err(Error::Json)?;
    match Manifest::parse(&manifest.name, &text) {
        Ok(_) => Ok(()),
        Err(faults) => Err(Error::Definition(format!("the plugin: {faults}"))),
    }
}

/// The services that the definition speaks of, each once.
fn services(definition: &Definition) -> Vec<String> {
    let units = definition.units.iter().map(|u| &u.name);
    let health = definition.health.iter().filter_map(|h| h.unit.as_ref());
    let held = definition.backup.iter().flat_map(|b| &b.quiesce);
    let restarted = definition.actions.iter().flat_map(|a| &a.restarts);
    let mut services: Vec<String> = vec![];
    for unit in units.chain(health).chain(held).chain(restarted).filter(|u| u.ends_with(".service")) {
        if !services.contains(unit) {
            services.push(unit.clone());
        }
    }
    services
}

/// The author's own cards, and one that tells what the definition knows.
fn cards(definition: &Definition, appliance: &Appliance) -> Vec<Card> {
    let fact = |label: &str, value: String| Fact { label: label.into(), value };
    let own = definition.cards.iter().map(|card| Card {
        title: card.title.clone(),
        facts: card.facts.iter().map(|f| fact(&f.label, f.value.clone())).collect(),
        text: card.text.clone(),
        query: card.query.clone(),
    });
    let mut facts = vec![fact("Version", appliance.version.clone())];
    let data: Vec<&str> = definition.directories.iter().filter(|d| d.data).map(|d| d.path.as_str()).collect();
    if !data.is_empty() {
        facts.push(fact("Data", data.join(", ")));
    }
    for database in &definition.databases {
        let engine = match database.engine {
            model::Engine::Mariadb => "MariaDB",
            model::Engine::Postgresql => "PostgreSQL",
        };
        facts.push(fact("Database", engine.into()));
    }
    facts.push(fact("Made by", appliance.maintainer.clone()));
    facts.extend(appliance.homepage.iter().map(|page| fact("Home page", page.clone())));
    own.chain([Card { title: "About".into(), facts, ..Card::default() }]).collect()
}

/// What the page calls the appliance: `MoinMoin wiki` of `MoinMoin wiki, ready to use`.
fn title(summary: &str) -> String {
    summary.split(", ").next().unwrap_or(summary).to_owned()
}

fn role(word: &str, whose: &str) -> Result<Role, Error> {
    match word {
        "viewer" => Ok(Role::Viewer),
        "administrator" => Ok(Role::Administrator),
        other => {
            Err(Error::Definition(format!("{whose}: {other} is no role; write viewer or administrator")))
        }
    }
}

fn action(action: &model::Action) -> Result<Action, Error> {
    let whose = format!("action {}", action.name);
    let parameter = |(name, kind): (&String, &String)| {
        let unknown = || Error::Definition(format!("{whose}: {kind} is no type of a parameter"));
        let kind: ParameterType = serde_json::from_value(kind.as_str().into()).map_err(|_| unknown())?;
        Ok(Parameter { name: name.clone(), kind, ..Parameter::default() })
    };
    let short = action.parameters.iter().map(parameter).collect::<Result<Vec<_>, Error>>()?;
    Ok(Action {
        name: action.name.clone(),
        title: action.title.clone(),
        description: action.description.clone(),
        run: action.run.clone(),
        role: role(&action.role, &whose)?,
        confirm: action.confirm.clone(),
        parameters: short.into_iter().chain(action.fields.iter().cloned()).collect(),
        user: action.user.clone(),
        writable: action.writable.clone(),
        readable: action.readable.clone(),
        secrets: action.secrets.clone(),
        network: action.network,
        restarts: action.restarts.clone(),
        memory: action.memory,
        timeout: action.timeout,
        example: action.example.clone(),
        units: vec![],
        configures: false,
    })
}

fn query(query: &model::Query) -> Result<Query, Error> {
    Ok(Query {
        name: query.name.clone(),
        title: query.title.clone(),
        description: query.description.clone(),
        run: query.run.clone(),
        role: role(&query.role, &format!("query {}", query.name))?,
        user: query.user.clone(),
        readable: query.readable.clone(),
        secrets: query.secrets.clone(),
        network: query.network,
        memory: query.memory,
        timeout: query.timeout,
        cache: query.cache,
        search: query.search,
    })
}

/// Every appliance that says what to save can be saved and put back from the page.
fn backup_actions(backup: &Backup, databases: &[Database], appliance: &Appliance) -> [Action; 2] {
    let state = format!("/var/lib/appliances/{}", appliance.name);
    // their content is read through them
    let sockets = databases.iter().filter_map(|database| database.field("socket")).collect::<BTreeSet<_>>();
    let action = |name: &str, title: &str, description: &str| Action {
        name: name.into(),
        title: title.into(),
        description: Some(description.into()),
        run: format!("{GENERATED}/{name}"),
        role: Role::Administrator,
        user: "root".into(),
        // the journal of units that are held still
        writable: vec![state.clone()],
        readable: backup
            .paths
            .iter()
            .filter(|path| is_hidden(path))
            .cloned()
            .chain(sockets.clone())
            .collect(),
        // compression takes what there is
        memory: Some(0),
        timeout: Some(DAY),
        units: backup.quiesce.clone(),
        ..Action::default()
    };
    [
        action(
            "backup",
            "Make a backup",
            "The data, the answers and the secrets, in one file to keep in a safe place.",
        ),
        Action {
            confirm: Some("Everything as it is now will be replaced by what is in the backup.".into()),
            parameters: vec![Parameter {
                name: "archive".into(),
                kind: ParameterType::File,
                ..Parameter::default()
            }],
            // puts folders beside the present ones and swaps them, then applies the configuration again
            configures: true,
            ..action(
                "restore",
                "Restore a backup",
                "Puts the data, the answers and the secrets of a backup back.",
            )
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_programs_architecture_is_read_from_its_head() {
        let own = std::fs::read("/proc/self/exe").unwrap();
        let here = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        assert_eq!(debian(&own), Some(here));
        assert_eq!(debian(b"\x7fELF\x02\x01"), None);
    }
}
