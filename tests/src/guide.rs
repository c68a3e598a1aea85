//! The author's guide, followed to the letter: its definitions and its programs, as they stand there, in what `vabuild new` has written.

use crate::Dist;
use anyhow::{Context, Result, ensure};
use exec::Program;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

const GUIDE: &str = include_str!("../../docs/authors-guide.md");

/// A definition `recipes` with everything of the chapter on plugins in it.
pub fn definition(dist: &Dist, folder: &Path) -> Result<PathBuf> {
    let place = folder.join("recipes");
    dist.program("vabuild").args(["new", "recipes", "--plugin", "--directory"]).arg(&place).run()?;
    let file = place.join("appliance.toml");
    let mut text = fs::read_to_string(&file)?;
    for heading in ["### In shell", "### In Python", "### In Rust"] {
        let table = tables(heading)?;
        ensure!(table.contains("run = "), "{heading} has no table");
        text += &format!("\n{table}");
    }
    fs::write(&file, text)?;
    for name in ["disk", "count-words"] {
        let path = place.join("plugin").join(name);
        fs::write(&path, code(name)?)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    fs::write(place.join("make-key.rs"), code("make-key")?)?;
    let command =
        GUIDE.lines().find_map(|line| line.strip_prefix("    rustc ")).context("no line with rustc")?;
    Program::new("rustc").inherit_env().args(command.split_whitespace()).dir(&place).run()?;
    Ok(place)
}

/// The definition's tables below a heading of the guide.
fn tables(heading: &str) -> Result<String> {
    let section = GUIDE.split_once(&format!("{heading}\n")).context("the guide has no such heading")?.1;
    let section = section.split("\n### ").next().unwrap_or_default();
    let lines = section.lines().skip_while(|line| !line.starts_with("    [["));
    let lines = lines.take_while(|line| line.is_empty() || line.starts_with("    "));
    Ok(lines.map(|line| line.trim_start().to_owned() + "\n").collect())
}

/// The program behind the comment that names it.
fn code(name: &str) -> Result<String> {
    let start = format!("<!-- program: {name} -->\n```");
    let after = GUIDE.split_once(&start).context("the guide has no such program")?.1;
    let code =
        after.split_once('\n').and_then(|(_, rest)| rest.split_once("\n```")).context("it has no end")?;
    Ok(format!("{}\n", code.0))
}
