//! The folder `po` of a definition: the template for translators, and their files brought up to date.

use crate::{exit::Failure, folder::Folder};
use anyhow::{Context, Result};
use appliance::{Definition, po, problem};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

const FOLDER: &str = "po";

/// Writes `po/templates.pot` and every `po/LANGUAGE.po`, with one for a new language; gives the paths that were written.
pub fn update(folder: &Folder, definition: &Definition, language: Option<&str>) -> Result<Vec<PathBuf>> {
    use appliance::Folder as _;
    let name = definition.appliance.as_ref().map_or("definition", |a| a.name.as_str());
    let questions = &definition.questions;
    if questions.is_empty() {
        return Err(
            Failure::bad_input("the definition has no questions, so there is nothing to translate").into()
        );
    }
    let into = folder.root().join(FOLDER);
    fs::create_dir_all(&into).with_context(|| format!("cannot make {}", into.display()))?;
    let mut texts = vec![(into.join("templates.pot"), po::template(name, questions))];
    let mut files: Vec<String> = folder.names(FOLDER).into_iter().filter(|f| f.ends_with(".po")).collect();
    if let Some(language) = language {
        let file = format!("{language}.po");
        if po::language(&file).is_none() {
            let language = problem::printable(language);
            return Err(
                Failure::bad_input(format!("{language} is no language: write it as de or pt_BR")).into()
            );
        }
        if !files.contains(&file) {
            let header = format!("\"Language: {language}\\n\"");
            let text = po::template(name, questions).replacen("\"Language: \\n\"", &header, 1);
            texts.push((into.join(&file), text));
        }
    }
    files.sort();
    for file in files {
        let path = format!("{FOLDER}/{file}");
        let wrong = |why: String| Failure::bad_input(format!("{path}: {why}; nothing has been written"));
        let bytes = folder.read(&path, po::SIZE_LIMIT).map_err(wrong)?;
        let text = String::from_utf8(bytes).map_err(|_| wrong("it is no UTF-8".into()))?;
        let catalog = po::parse(&text).map_err(|all| {
            let first = all.into_iter().next();
            let (line, what) = first.map_or((1, String::new()), |(place, mistake)| {
                (text[..place.start].matches('\n').count() + 1, mistake.message)
            });
            wrong(format!("line {line}: {what}"))
        })?;
        texts.push((into.join(&file), po::update(name, questions, &catalog)));
    }
    let mut written = vec![];
    for (path, text) in texts {
        if fs::read_to_string(&path).is_ok_and(|before| before == text) {
            continue;
        }
        replace(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
        written.push(path);
    }
    Ok(written)
}

/// Whole or not at all: a translator's work is in it.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use exec::Program;

    fn tool(name: &str, arguments: &[&Path]) -> String {
        let output = Program::new(name).args(arguments).output().unwrap();
        assert!(output.success(), "{name}: {}", output.tail(5).join("\n"));
        output.text()
    }

    /// gettext takes what is written here, and what gettext's own update makes of it is read here.
    #[test]
    fn gettext_agrees() {
        let base = tempfile::tempdir().unwrap();
        let root = base.path().join("wiki");
        crate::new::write("wiki", &root, false).unwrap();
        let folder = Folder::open(&root).unwrap();
        let mut definition = crate::check::load(&folder, &root).unwrap();
        let question = |name: &str, prompt: &str| appliance::question::Question {
            name: name.into(),
            prompt: prompt.into(),
            description: Some("One \"two\".\n\nBack\\slash.".into()),
            ..Default::default()
        };
        definition.questions = vec![question("a", "Name"), question("b", "Colour")];
        assert_eq!(update(&folder, &definition, Some("de")).unwrap().len(), 2);
        let (german, template) = (root.join("po/de.po"), root.join("po/templates.pot"));
        let filled = fs::read_to_string(&german).unwrap();
        let filled = filled
            .replace("msgid \"Name\"\nmsgstr \"\"", "# von Ada\nmsgid \"Name\"\nmsgstr \"Wie heißt er?\"");
        fs::write(&german, &filled).unwrap();
        let check = |path: &Path| {
            tool("msgfmt", &[Path::new("--check-format"), Path::new("-o"), Path::new("/dev/null"), path])
        };
        check(&german);
        check(&template);
        definition.questions.remove(1);
        definition.questions.push(question("c", "Size"));
        let merged = base.path().join("merged.po");
        fs::write(base.path().join("new.pot"), po::template("wiki", &definition.questions)).unwrap();
        let options = [
            Path::new("--no-fuzzy-matching"),
            Path::new("-o"),
            &merged,
            &german,
            &base.path().join("new.pot"),
        ];
        tool("msgmerge", &options);
        update(&folder, &definition, None).unwrap();
        check(&german);
        let read = |path: &Path| po::parse(&fs::read_to_string(path).unwrap()).unwrap();
        let plain = |catalog: po::Catalog| -> Vec<(String, String, bool)> {
            let entries = catalog.entries.into_iter().filter(|e| !e.id.is_empty());
            entries.map(|e| (e.id, e.text, e.obsolete)).collect()
        };
        assert_eq!(plain(read(&german)), plain(read(&merged)));
        assert!(fs::read_to_string(&german).unwrap().contains("# von Ada"));
    }
}
