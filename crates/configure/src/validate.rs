//! What the engine relies on in a definition, checked again on the machine.
//!
//! The file belongs to root and was checked when the package was built; a damaged or hand-made one must not make the
//! engine write where nobody meant it to.

use appliance::Definition;
use std::path::{Component, Path};

/// The first thing wrong, in words.
pub fn check(definition: &Definition) -> Result<(), String> {
    for question in &definition.questions {
        name("question", &question.name)?;
    }
    for user in &definition.users {
        name("user", &user.name)?;
        user.groups.iter().try_for_each(|g| name("group", g))?;
        no_line_end("the title of a user", &user.title)?;
        user.home.iter().try_for_each(|h| absolute("home", h))?;
    }
    for directory in &definition.directories {
        absolute("directory", &directory.path)?;
        mode(&directory.mode)?;
        name("owner", &directory.owner)?;
    }
    for file in &definition.files {
        absolute("file", &file.path)?;
        mode(&file.mode)?;
        name("owner", &file.owner)?;
        match (&file.template, &file.source) {
            (Some(from), None) | (None, Some(from)) => relative(from)?,
            _ => return Err(format!("file {:?} needs exactly one of template and source", file.path)),
        }
    }
    if let Some(apache) = &definition.apache {
        let lists = [
            &apache.sites,
            &apache.disable_sites,
            &apache.modules,
            &apache.disable_modules,
            &apache.confs,
            &apache.disable_confs,
        ];
        lists.into_iter().flatten().try_for_each(|n| name("Apache name", n))?;
    }
    for unit in &definition.units {
        unit_name(&unit.name)?;
    }
    for step in &definition.steps {
        name("step", &step.name)?;
        name("user", &step.user)?;
        [Some(&step.run), step.check.as_ref(), step.undo.as_ref()]
            .into_iter()
            .flatten()
            .try_for_each(|p| relative(p))?;
    }
    if let Some(backup) = &definition.backup {
        backup.paths.iter().chain(&backup.exclude).try_for_each(|p| absolute("backup path", p))?;
        backup.quiesce.iter().try_for_each(|u| unit_name(u))?;
    }
    definition.health.iter().filter_map(|h| h.unit.as_ref()).try_for_each(|u| unit_name(u))
}

/// The permission bits of an octal mode.
pub fn mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o7777 => Ok(mode),
        _ => Err(format!("{text:?} is no file mode; write it in octal, e.g. \"0644\"")),
    }
}

fn name(what: &str, text: &str) -> Result<(), String> {
    let fine = !text.is_empty()
        && text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.' | b'+'));
    if fine { Ok(()) } else { Err(format!("{text:?} cannot be the name of a {what}")) }
}

fn unit_name(text: &str) -> Result<(), String> {
    let fine = text.contains('.')
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.len() <= 255
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || b":-_.\\@".contains(&c));
    if fine {
        Ok(())
    } else {
        Err(format!("{text:?} is no unit; write it with its suffix, e.g. apache2.service"))
    }
}

fn absolute(what: &str, text: &str) -> Result<(), String> {
    let path = Path::new(text);
    let plain = path.components().skip(1).all(|c| matches!(c, Component::Normal(_)));
    if path.is_absolute() && plain && path.components().count() > 1 && !text.contains(['\0', '\n']) {
        Ok(())
    } else {
        Err(format!("{what} {text:?} must be an absolute path without `..`"))
    }
}

fn relative(text: &str) -> Result<(), String> {
    let path = Path::new(text);
    if !text.is_empty() && path.components().all(|c| matches!(c, Component::Normal(_))) {
        Ok(())
    } else {
        Err(format!("{text:?} must be a path inside the definition's folder"))
    }
}

fn no_line_end(what: &str, text: &str) -> Result<(), String> {
    if text.contains(['\n', '\r', '"', ':']) {
        Err(format!("{what} has a line end, a quote or a colon: {text:?}"))
    } else {
        Ok(())
    }
}
