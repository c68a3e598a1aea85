//! `appliance-control-NAME`: what the management page can do for the appliance.

use super::{Error, control};
use crate::folder::Folder;
use appliance::{
    Definition, Folder as _,
    model::{Action, Appliance, Backup},
};
use deb::{Deb, Entry};
use plugin::manifest::{self, Manifest, Parameter, ParameterType, Role};
use std::collections::BTreeSet;

/// The wrappers of the generic backup program lie here, apart from the definition's own programs.
const GENERATED: &str = "vabuild";

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
    if definition.actions.iter().any(|action| is_python(folder, &action.run)) {
        depends.push("python3");
    }
    paragraph.set("Depends", depends.join(", "));
    let text = format!(
        "This package tells the management page what it can do for the {} appliance:\nthe actions that stand there as forms, \
         and on the command line of\nappliance-control.",
        appliance.name
    );
    let synopsis = format!("management page of the {} appliance", appliance.name);
    paragraph.set("Description", control::description(&synopsis, &text));
    let mut deb = Deb::new(paragraph, date);
    let manifest = manifest(definition, appliance)?;
    let json = serde_json::to_string_pretty(&manifest).map_err(Error::Json)? + "\n";
    deb.files.push(Entry::bytes(format!("{}/{}.json", manifest::MANIFESTS, appliance.name), json, 0o644));
    let below = format!("{}/{}", manifest::PROGRAMS, appliance.name);
    for run in definition.actions.iter().map(|action| action.run.as_str()).collect::<BTreeSet<_>>() {
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

/// Whether Python runs the program: a script needs its interpreter (Policy 10.4).
fn is_python(folder: &Folder, program: &str) -> bool {
    let start = folder.read(program, 64).unwrap_or_default();
    start.starts_with(b"#!")
        && start.split(|b| *b == b'\n').next().is_some_and(|l| l.windows(7).any(|w| w == b"python3"))
}

fn manifest(definition: &Definition, appliance: &Appliance) -> Result<Manifest, Error> {
    let mut actions = definition.actions.iter().map(action).collect::<Result<Vec<_>, _>>()?;
    if let Some(backup) = &definition.backup {
        actions.extend(backup_actions(backup, appliance));
    }
    Ok(Manifest {
        version: plugin::manifest::VERSION,
        name: appliance.name.clone(),
        title: title(&appliance.summary),
        package_version: appliance.version.clone(),
        actions,
    })
}

/// What the page calls the appliance: `MoinMoin wiki` of `MoinMoin wiki, ready to use`.
fn title(summary: &str) -> String {
    summary.split(", ").next().unwrap_or(summary).to_owned()
}

fn action(action: &Action) -> Result<manifest::Action, Error> {
    let wrong = |what: &str| Error::Definition(format!("action {}: {what}", action.name));
    let role = match action.role.as_str() {
        "viewer" => Role::Viewer,
        "administrator" => Role::Administrator,
        other => return Err(wrong(&format!("{other} is no role; write viewer or administrator"))),
    };
    let parameter = |(name, kind): (&String, &String)| {
        let unknown = || wrong(&format!("{kind} is no type of a parameter"));
        let kind: ParameterType = serde_json::from_value(kind.as_str().into()).map_err(|_| unknown())?;
        Ok(Parameter { name: name.clone(), kind })
    };
    Ok(manifest::Action {
        name: action.name.clone(),
        title: action.title.clone(),
        description: action.description.clone(),
        run: action.run.clone(),
        role,
        confirm: action.confirm.clone(),
        parameters: action.parameters.iter().map(parameter).collect::<Result<_, Error>>()?,
        user: action.user.clone(),
        writable: action.writable.clone(),
        network: action.network,
        units: vec![],
        configures: false,
    })
}

/// Every appliance that says what to save can be saved and put back from the page.
fn backup_actions(backup: &Backup, appliance: &Appliance) -> [manifest::Action; 2] {
    let state = format!("/var/lib/appliances/{}", appliance.name);
    let action = |name: &str, title: &str, description: &str| manifest::Action {
        name: name.into(),
        title: title.into(),
        description: Some(description.into()),
        run: format!("{GENERATED}/{name}"),
        role: Role::Administrator,
        confirm: None,
        parameters: vec![],
        user: "root".into(),
        // the journal of units that are held still
        writable: vec![state.clone()],
        network: false,
        units: backup.quiesce.clone(),
        configures: false,
    };
    [
        action(
            "backup",
            "Make a backup",
            "The data, the answers and the secrets, in one file to keep in a safe place.",
        ),
        manifest::Action {
            confirm: Some("Everything as it is now will be replaced by what is in the backup.".into()),
            parameters: vec![Parameter { name: "archive".into(), kind: ParameterType::File }],
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
