//! The definition's packages in a repository of their own, signed with a key made for this once.

use super::Options;
use crate::{
    folder::Folder,
    make::{self, Cache, Error, Output, Sources},
};
use anyhow::{Context, Result};
use appliance::Definition;
use deb::{Deb, Entry, Paragraph};
use repository::{Repository, SecretKey, Settings, Signer, Transfer};
use std::path::PathBuf;
use tempfile::TempDir;

/// Our own packages, which every appliance needs and no Debian has. What is looked for is what packages ask: the
/// configuration of the appliance is no part of it, so these may be empty.
const STAND_INS: [(&str, Option<&str>); 2] =
    [("appliance-tools", Some("/usr/bin/appliance-configure")), ("appliance-control", None)];

/// Removed when dropped.
pub struct Staged {
    pub folder: PathBuf,
    /// The public key, in ASCII armor.
    pub key: String,
    _all: TempDir,
}

/// Builds the packages and publishes them.
pub fn repository(definition: &Definition, folder: &Folder, options: &Options) -> Result<Staged> {
    let all = tempfile::tempdir().context("cannot make a temporary folder")?;
    let (packages, repository) = (all.path().join("packages"), all.path().join("repository"));
    let sources = Sources {
        folder,
        programs: options.programs,
        cache: Cache::of_user(),
        date: make::DATE,
        say: options.say,
    };
    let mut made = make::build(definition, &sources, &packages)?;
    made.extend(stand_ins(definition, &all)?);
    let debs: Vec<PathBuf> = made.into_iter().map(|one| one.path).collect();
    let now = crate::cli::now();
    let secret = SecretKey::generate(&all.path().join("key"), "Rehearsal <rehearsal@example.invalid>", now)?;
    Repository::new(&repository, Settings::default())?.add(&debs, Transfer::Link, &secret, now)?;
    let key = secret.public_key().armored()?;
    Ok(Staged { folder: repository, key, _all: all })
}

fn stand_ins(definition: &Definition, all: &TempDir) -> Result<Vec<make::Made>, Error> {
    let mut output = Output::open(&all.path().join("stand-ins"))?;
    for (name, program) in STAND_INS {
        if definition.packages.iter().any(|p| p.name == name) {
            continue;
        }
        let control = Paragraph::new()
            .with("Package", name)
            .with("Version", "9999")
            .with("Architecture", "all")
            .with("Maintainer", "Rehearsal <rehearsal@example.invalid>")
            .with("Description", "stands in for a package of the same name");
        let mut deb = Deb::new(control, make::DATE);
        deb.files.extend(program.map(|path| Entry::bytes(path, "#!/bin/sh\nexit 0\n", 0o755)));
        output.add(&deb, None)?;
    }
    output.publish()
}
