//! `NAME-appliance`: depends on everything, carries the compiled definition, and lets `appliance-configure` do the work.

use super::{Error, control, seed_package, shell};
use crate::{
    coverage::{self, Coverage},
    folder::Folder,
};
use appliance::{
    Definition,
    model::{Appliance, Database},
    template,
};
use deb::{Deb, Entry, Member};
use debconf::{Template, templates};
use std::{collections::BTreeSet, fmt::Write};

/// Where compiled definitions lie.
const DEFINITIONS: &str = "/usr/share/appliances";

/// The name of the package.
pub fn name(appliance: &Appliance) -> String {
    format!("{}-appliance", appliance.name)
}

/// The package without its documents.
pub fn make(
    definition: &Definition,
    appliance: &Appliance,
    folder: &Folder,
    date: u64,
) -> Result<Deb, Error> {
    let package = name(appliance);
    let mut paragraph = control::of_appliance(appliance, &package, "metapackages");
    let mut depends = appliance.packages.clone();
    depends.extend(definition.implied_packages());
    depends.push("appliance-tools".into());
    depends.push("debconf (>= 0.5) | debconf-2.0".into());
    depends.push(format!("{} (= {})", seed_package::name(appliance), appliance.version));
    depends.push(format!("appliance-control-{} (= {})", appliance.name, appliance.version));
    paragraph.set("Depends", depends.join(", "));
    if let Some(coverage) = Coverage::stored(folder) {
        paragraph.set(coverage::FIELD, coverage.to_string());
    }
    let text = appliance.description.clone().unwrap_or_else(|| {
        format!(
            "This package installs {0} and everything it needs, configured to work together.",
            appliance.name
        )
    });
    paragraph.set("Description", control::description(&appliance.summary, &text));
    let mut deb = Deb::new(paragraph, date);
    deb.files = files(definition, appliance, folder)?;
    let mut overrides = vec![];
    if !Data::of(definition).is_empty() && definition.questions.is_empty() {
        overrides.push(("no-debconf-config", "Its only question is asked by postrm, on purge."));
    }
    let unknown = format!("unknown-field {}", coverage::FIELD);
    if deb.control.get(coverage::FIELD).is_some() {
        overrides.push((&unknown, "Repositories of appliances show it; no other program has to know it."));
    }
    deb.files.extend(control::overrides(&package, overrides));
    deb.members = scripts(definition, appliance)?;
    Ok(deb)
}

/// The compiled definition, and beside it the files that it names.
fn files(definition: &Definition, appliance: &Appliance, folder: &Folder) -> Result<Vec<Entry>, Error> {
    let below = format!("{DEFINITIONS}/{}", appliance.name);
    let compiled = Definition { packages: vec![], ..definition.clone() };
    let json = serde_json::to_string_pretty(&compiled).map_err(Error::Json)? + "\n";
    let mut entries = vec![Entry::bytes(format!("{below}/definition.json"), json, 0o644)];
    for path in named_files(definition, folder)? {
        let (source, mode) = folder.file(&path)?;
        entries.push(Entry::file(format!("{below}/{path}"), source, mode));
    }
    Ok(entries)
}

/// All files that the machine needs, those that templates include among them.
fn named_files(definition: &Definition, folder: &Folder) -> Result<BTreeSet<String>, Error> {
    let mut named = BTreeSet::new();
    let mut templates: Vec<String> = vec![];
    for file in &definition.files {
        named.extend(file.source.clone());
        templates.extend(file.template.clone());
    }
    for step in &definition.steps {
        named.insert(step.run.clone());
        named.extend(step.check.iter().chain(&step.undo).cloned());
    }
    while let Some(path) = templates.pop() {
        if named.insert(path.clone()) {
            let text = folder.text(&path)?;
            templates.extend(template::scan(&path, &text).templates.into_iter().map(|(path, _)| path));
        }
    }
    Ok(named)
}

fn scripts(definition: &Definition, appliance: &Appliance) -> Result<Vec<Member>, Error> {
    let name = &appliance.name;
    let data = Data::of(definition);
    let mut members = vec![
        Member::script("postinst", POSTINST.replace("@NAME@", name)),
        Member::script("prerm", PRERM.replace("@NAME@", name)),
        Member::script("postrm", data.postrm(name)),
    ];
    if !definition.questions.is_empty() {
        members.push(Member::script("config", seed_package::config_of_metapackage(definition, appliance)));
    }
    if !data.is_empty() {
        members.push(Member::file("templates", templates::write(&[data.template(name)])?));
    }
    if !appliance.triggers.is_empty() {
        let lines: String =
            appliance.triggers.iter().map(|path| format!("interest-noawait {path}\n")).collect();
        members.push(Member::file("triggers", lines));
    }
    Ok(members)
}

const POSTINST: &str = r#"#!/bin/sh
set -e
. /usr/share/debconf/confmodule

case "$1" in
configure | abort-upgrade | abort-remove | abort-deconfigure)
    appliance-configure apply @NAME@ --debconf
    ;;
triggered)
    # a neighbour's files have changed
    appliance-configure apply @NAME@ </dev/null
    ;;
esac
db_stop
"#;

const PRERM: &str = r#"#!/bin/sh
set -e

if [ "$1" = remove ]; then
    appliance-configure undo @NAME@
fi
"#;

/// Databases that carry the appliance's mark, and their users, as far as their server runs. Their names need no quotes.
const DROP_DATABASE: &str = include_str!("scripts/drop-database.sh");

/// What belongs to the owner: kept on purge unless the owner says otherwise.
struct Data<'a> {
    folders: Vec<&'a str>,
    users: Vec<&'a str>,
    /// But for those that dbconfig-common keeps for a package, which it gives up itself.
    databases: Vec<&'a Database>,
}

impl<'a> Data<'a> {
    fn of(definition: &'a Definition) -> Self {
        let folders = definition.directories.iter().filter(|d| d.data).map(|d| d.path.as_str());
        let users = definition.users.iter().map(|u| u.name.as_str());
        let databases = definition.databases.iter().filter(|d| d.package.is_none());
        Data { folders: folders.collect(), users: users.collect(), databases: databases.collect() }
    }

    fn is_empty(&self) -> bool {
        self.folders.is_empty() && self.users.is_empty() && self.databases.is_empty()
    }

    fn template(&self, name: &str) -> Template {
        let databases: Vec<String> =
            self.databases.iter().map(|d| format!("{} ({})", d.name(), d.engine.word())).collect();
        let what = [
            ("Folders", self.folders.join(", ")),
            ("Databases", databases.join(", ")),
            ("Users", self.users.join(", ")),
        ];
        let what =
            what.map(|(name, list)| format!("{name}: {}", if list.is_empty() { "none" } else { &list }));
        Template {
            name: format!("{name}-appliance/delete-data"),
            kind: "boolean".into(),
            default: Some("false".into()),
            description: format!("Delete the data of the {name} appliance?"),
            extended: templates::literal(&format!(
                "The appliance is being purged. Its data would be deleted for good.\n\n{}",
                what.join("\n\n")
            )),
            ..Template::default()
        }
    }

    fn postrm(&self, name: &str) -> String {
        let mut script = "#!/bin/sh\nset -e\n\n".to_string();
        if !self.databases.is_empty() {
            script.push_str(&DROP_DATABASE.replace("@NAME@", name));
        }
        script.push_str("if [ \"$1\" = purge ]; then\n");
        if !self.is_empty() {
            let _ = write!(
                script,
                "    if [ -e /usr/share/debconf/confmodule ]; then\n        . /usr/share/debconf/confmodule\n        \
                 db_input high {name}-appliance/delete-data || true\n        db_go || true\n        \
                 if db_get {name}-appliance/delete-data && [ \"$RET\" = true ]; then\n"
            );
            for folder in &self.folders {
                let _ = writeln!(script, "            rm -rf -- {}", shell::quote(folder));
            }
            for database in &self.databases {
                let _ = writeln!(
                    script,
                    "            drop_{} {} {}",
                    database.engine.word(),
                    shell::quote(&database.name()),
                    shell::quote(&database.user())
                );
            }
            for user in &self.users {
                let (user, mark) = (shell::quote(user), format!("/var/lib/appliances/{name}/users/{user}"));
                let _ = writeln!(
                    script,
                    // only one that appliance-configure made; one who is signed in stays, which is no failure of the purge
                    "            if [ -e {mark} ] && getent passwd {user} >/dev/null; then userdel {user} || true; fi"
                );
            }
            script.push_str("        fi\n        db_purge\n    fi\n");
        }
        // last: the state knows whose the users are
        let _ = write!(
            script,
            "    rm -rf /var/lib/appliances/{name}\n    \
             rmdir --ignore-fail-on-non-empty /var/lib/appliances 2>/dev/null || true\n"
        );
        script.push_str("fi\n");
        script
    }
}
