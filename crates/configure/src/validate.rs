//! What the engine relies on in a definition, checked again on the machine.
//!
//! The file belongs to root and was checked when the package was built; a damaged or hand-made one must not make the
//! engine write where nobody meant it to.

use appliance::{
    Definition, database,
    names::{self, Mistake},
};

/// The first thing wrong, in words.
pub fn check(definition: &Definition) -> Result<(), String> {
    for question in &definition.questions {
        told(&question.name, names::question(&question.name))?;
    }
    for user in &definition.users {
        told(&user.name, names::user(&user.name))?;
        user.groups.iter().try_for_each(|g| told(g, names::user(g)))?;
        user.home.iter().try_for_each(|h| told(h, names::machine_path(h)))?;
        if user.title.contains(['\n', '\r', '"', ':']) {
            return Err(format!("the title of the user {} has a line end, a quote or a colon", user.name));
        }
    }
    for database in &definition.databases {
        told(&database.name(), database::name(&database.name()))?;
        told(&database.user(), database::name(&database.user()))?;
        told(database.charset(), database::charset(database.charset()))?;
        told(database.collation(), database::charset(database.collation()))?;
        told(&database.secret(), names::question(&database.secret()))?;
        database.dbconfig().map_or(Ok(()), |d| told(d, database::dbconfig_name(d)))?;
    }
    for directory in &definition.directories {
        told(&directory.path, names::machine_path(&directory.path))?;
        told(&directory.mode, names::mode(&directory.mode))?;
    }
    for file in &definition.files {
        told(&file.path, names::machine_path(&file.path))?;
        told(&file.mode, names::mode(&file.mode))?;
        match (&file.template, &file.source) {
            (Some(from), None) | (None, Some(from)) => told(from, names::folder_path(from))?,
            _ => return Err(format!("the file {} needs exactly one of template and source", file.path)),
        }
    }
    let apache = definition.apache.iter().flat_map(crate::apache::wanted);
    apache.map(|what| what.name).try_for_each(|name| told(&name, names::apache(&name)))?;
    let units = definition.units.iter().map(|u| &u.name);
    let quiesced = definition.backup.iter().flat_map(|b| &b.quiesce);
    let checked = definition.health.iter().filter_map(|h| h.unit.as_ref());
    units.chain(quiesced).chain(checked).try_for_each(|u| told(u, names::unit(u)))?;
    for step in &definition.steps {
        told(&step.name, names::question(&step.name))?;
        told(&step.user, names::user(&step.user))?;
        let programs = [Some(&step.run), step.check.as_ref(), step.undo.as_ref()];
        programs.into_iter().flatten().try_for_each(|p| told(p, names::folder_path(p)))?;
    }
    let saved = definition.backup.iter().flat_map(|b| b.paths.iter().chain(&b.exclude));
    saved.into_iter().try_for_each(|p| told(p, names::machine_path(p)))
}

fn told<T>(value: &str, result: Result<T, Mistake>) -> Result<(), String> {
    result.map(drop).map_err(|mistake| format!("{value:?}: {}", mistake.message))
}

/// Whether a path stays in the definition's folder.
pub fn is_inside(path: &str) -> bool {
    names::folder_path(path).is_ok()
}
