//! A definition to begin with: small, whole, and with comments that teach.

use crate::exit::Failure;
use anyhow::{Context, Result};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

/// In the texts, the appliance's name and the author.
const NAME: &str = "@NAME@";
const MAINTAINER: &str = "@MAINTAINER@";
/// The example of an action begins here; a plugin takes its place.
const EXAMPLE: &str = "# A button on the management page";

const FILES: [(&str, &str); 3] = [
    (crate::folder::DEFINITION, include_str!("new/appliance.toml")),
    ("files/site.conf", include_str!("new/site.conf")),
    ("files/index.html", include_str!("new/index.html")),
];

/// What the management page can do, for who wants that, too: behind the definition, and programs.
const PLUGIN: &str = include_str!("new/plugin.toml");
const PROGRAMS: [(&str, &str); 2] =
    [("plugin/pages", include_str!("new/pages.py")), ("plugin/add-page", include_str!("new/add-page.py"))];

/// Writes the definition into a folder that does not exist yet, or is empty; all of it or nothing.
pub fn write(name: &str, folder: &Path, plugin: bool) -> Result<()> {
    let taken = || {
        Failure::bad_input(format!(
            "{} exists already; nothing is overwritten. Take another name, or --directory",
            folder.display()
        ))
    };
    if fs::symlink_metadata(folder).is_ok() && !is_empty(folder) {
        return Err(taken().into());
    }
    let parent = folder.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let draft = tempfile::Builder::new()
        .prefix(".vabuild-new-")
        .permissions(PermissionsExt::from_mode(0o755))
        .tempdir_in(parent)
        .with_context(|| format!("cannot write into {}", parent.display()))?;
    let maintainer = maintainer();
    let programs = if plugin { &PROGRAMS[..] } else { &[] };
    for (path, text) in FILES.iter().chain(programs) {
        let mut text = text.replace(NAME, name).replace(MAINTAINER, &maintainer);
        if plugin && *path == crate::folder::DEFINITION {
            let (before, _) = text.split_once(EXAMPLE).unwrap_or((&text, ""));
            text = before.to_owned() + &PLUGIN.replace(NAME, name);
        }
        let file = draft.path().join(path);
        let written =
            fs::create_dir_all(file.parent().unwrap_or(parent)).and_then(|()| fs::write(&file, text));
        let mode = if programs.iter().any(|(program, _)| program == path) { 0o755 } else { 0o644 };
        let permissions = fs::Permissions::from_mode(mode);
        let written = written.and_then(|()| fs::set_permissions(&file, permissions));
        written.with_context(|| format!("cannot write {}", folder.join(path).display()))?;
    }
    // takes the place of an empty folder, and of nothing else
    match fs::rename(draft.path(), folder) {
        Ok(()) => {
            let _ = draft.keep();
            Ok(())
        }
        Err(e)
            if matches!(
                e.kind(),
                std::io::ErrorKind::DirectoryNotEmpty | std::io::ErrorKind::NotADirectory
            ) =>
        {
            Err(taken().into())
        }
        Err(e) => Err(e).with_context(|| format!("cannot make {}", folder.display())),
    }
}

fn is_empty(folder: &Path) -> bool {
    let real = fs::symlink_metadata(folder).is_ok_and(|m| m.is_dir());
    real && fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// From the variables that Debian's tools use (debchange(1)), when they are right.
fn maintainer() -> String {
    let variable = |name: &str| std::env::var(name).ok().filter(|v| !v.trim().is_empty());
    let name = variable("DEBFULLNAME").or_else(|| variable("NAME"));
    let address = variable("DEBEMAIL").or_else(|| variable("EMAIL"));
    let maintainer = name.zip(address).map(|(name, address)| format!("{name} <{address}>"));
    let right = |m: &String| appliance::names::maintainer(m).is_ok() && !m.contains('\\');
    maintainer.filter(right).unwrap_or_else(|| "Your Name <you@example.org>".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::Folder;

    #[test]
    fn what_is_written_has_no_mistakes_and_is_not_overwritten() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("recipes");
        write("recipes", &folder, false).unwrap();
        let definition = crate::check::load(&Folder::open(&folder).unwrap(), &folder).unwrap();
        assert_eq!(definition.appliance.unwrap().name, "recipes");
        let before = fs::read_to_string(folder.join("appliance.toml")).unwrap();
        let error = write("other", &folder, false).unwrap_err();
        assert_eq!(crate::exit::kind(&error), crate::exit::Kind::BadInput);
        assert_eq!(fs::read_to_string(folder.join("appliance.toml")).unwrap(), before);
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 1, "a draft was left behind");
    }

    #[test]
    fn a_plugin_that_is_written_has_no_mistakes() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("recipes");
        write("recipes", &folder, true).unwrap();
        let definition = crate::check::load(&Folder::open(&folder).unwrap(), &folder).unwrap();
        assert_eq!((definition.actions.len(), definition.queries.len(), definition.cards.len()), (1, 1, 1));
    }

    #[test]
    fn an_empty_folder_is_filled_and_a_link_is_not_followed() {
        let base = tempfile::tempdir().unwrap();
        write("wiki", base.path(), false).unwrap();
        assert!(base.path().join("files/site.conf").is_file());
        let (empty, link) = (tempfile::tempdir().unwrap(), base.path().join("link"));
        std::os::unix::fs::symlink(empty.path(), &link).unwrap();
        assert!(write("wiki", &link, false).is_err());
    }
}
