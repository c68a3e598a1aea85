//! The packages of a definition, made in process and put into a folder all at once.
//!
//! * [`metapackage`], [`seed_package`], [`plugin_package`]: the three packages of an appliance
//! * [`package`]: ordinary packages; [`archive`]: upstream archives in them; [`maintainer`]: their scripts;
//!   [`manual`], [`completion`]: manual pages of programs, and what shells know of them
//! * [`control`]: control paragraphs, copyright, changelog; [`shell`]: texts in scripts
//!
//! The same definition gives the same bytes: entries are sorted, no time and no name of the machine gets in.

mod archive;
mod completion;
mod control;
mod error;
mod maintainer;
mod manual;
mod metapackage;
mod output;
mod package;
mod plugin_package;
mod seed_package;
#[cfg(test)]
mod seed_tests;
mod shell;

pub use archive::Cache;
pub use error::Error;
pub use output::Output;

use crate::folder::Folder;
use appliance::{
    Definition,
    model::{Appliance, Archive},
    seeds::SeedsFile,
};
use deb::Deb;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The time of everything in a package when SOURCE_DATE_EPOCH does not say it: 2026-01-01 UTC. A constant, for
/// the times of files differ from one checkout to the next.
pub const DATE: u64 = 1_767_225_600;

/// What packages are made of, beside the definition.
pub struct Sources<'a> {
    pub folder: &'a Folder,
    /// The folder that `{bin}` stands for.
    pub programs: Option<&'a Path>,
    pub cache: Cache,
    /// Seconds since 1970: SOURCE_DATE_EPOCH, or [`DATE`].
    pub date: u64,
    /// Told what is being done, before it is done.
    pub say: &'a dyn Fn(&str),
}

/// A package that lies in the output folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Made {
    pub package: String,
    pub version: String,
    pub architecture: String,
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    pub sha256: String,
    /// The `.seeds` file beside a metapackage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seeds: Option<PathBuf>,
}

/// Makes all packages of the definition and puts them into the folder: all of them, or none.
pub fn build(definition: &Definition, sources: &Sources, into: &Path) -> Result<Vec<Made>, Error> {
    let mut output = Output::open(into)?;
    let total = definition.packages.len() + definition.appliance.iter().len() * 3;
    let mut number = 0;
    let mut write = |deb: Deb, seeds: Option<&SeedsFile>| {
        number += 1;
        (sources.say)(&format!("[{number}/{total}] {}", deb.file_name()?));
        output.add(&deb, seeds)
    };
    for package in &definition.packages {
        let mut deb = package::make(package, sources)?;
        let copyright = sources.folder.bytes(&package.copyright)?;
        let change = "Built with vabuild.";
        deb.files.extend(control::documents(&deb.control, copyright, change, sources.date));
        write(deb, None)?;
    }
    if let Some(appliance) = &definition.appliance {
        let seeds =
            SeedsFile::of(definition).ok_or_else(|| Error::Definition("there is no [appliance]".into()))?;
        let (folder, date) = (sources.folder, sources.date);
        let debs = [
            metapackage::make(definition, appliance, folder, date)?,
            seed_package::make(definition, appliance, &seeds, date)?,
            plugin_package::make(definition, appliance, folder, date)?,
        ];
        for (index, mut deb) in debs.into_iter().enumerate() {
            let change = format!("Built from the definition of the {} appliance.", appliance.name);
            let copyright = copyright(appliance, folder, date)?;
            deb.files.extend(control::documents(&deb.control, copyright, &change, date));
            write(deb, (index == 0).then_some(&seeds))?;
        }
    }
    output.publish()
}

impl Sources<'_> {
    fn program(&self, name: &str) -> Result<PathBuf, Error> {
        let Some(programs) = self.programs else {
            return Err(Error::Definition(format!(
                "the program {name} is needed: name its folder with --programs"
            )));
        };
        let path = programs.join(name);
        match path.is_file() && !name.split('/').any(|part| part == "..") {
            true => Ok(path),
            false => Err(Error::Definition(format!("there is no program {name} in {}", programs.display()))),
        }
    }

    fn archive(&self, archive: &Archive) -> Result<PathBuf, Error> {
        self.cache.get(archive, self.say)
    }
}

/// The author's own words about the rights, when there are some: the file `copyright` in the definition's folder.
fn copyright(appliance: &Appliance, folder: &Folder, date: u64) -> Result<Vec<u8>, Error> {
    if folder.locate(COPYRIGHT).is_ok() {
        return folder.bytes(COPYRIGHT);
    }
    let holder = appliance.maintainer.lines().collect::<Vec<_>>().join(" ");
    let year = control::year(date);
    Ok(format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nCopyright: {year} {holder}\n\
         License: not-stated\n The author of this appliance's definition has stated no license for it.\n \
         This is about the definition only: the packages it depends on have licenses\n of their own.\n"
    )
    .into_bytes())
}

const COPYRIGHT: &str = "copyright";
