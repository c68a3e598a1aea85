//! Databases that dbconfig-common was filling when a run was cut off. It does not go on from there: the first table that
//! is there already fails the package. So before packages come it is noted which databases they will make, and
//! when a package was never configured the half of a database is taken away, for its script makes it whole.

use crate::{failure::Result, state::State};
use anyhow::Error;
use appliance::{
    database,
    model::{Engine, Seed},
};
use configure::{database as server, system::Debian};
use exec::Program;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fs, path::Path};

/// A database that was not there before.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Coming {
    /// What dbconfig-common's questions of the package begin with.
    pub prefix: String,
    pub engine: String,
    pub name: String,
}

/// Notes the databases that these seeds make dbconfig-common create, unless an earlier run has.
pub fn note(seeds: &[Seed], state: &State) -> Result<()> {
    if state.has_coming() {
        return Ok(());
    }
    let value = |question: &str| seeds.iter().find(|s| s.question == question).map(|s| s.value.as_str());
    let mut coming = BTreeSet::new();
    for prefix in seeds.iter().filter_map(|s| s.question.strip_suffix("/db/dbname")) {
        let (name, engine) =
            (value(&format!("{prefix}/db/dbname")), value(&format!("{prefix}/database-type")));
        let known = Engine::ALL.into_iter().find(|e| Some(e.dbconfig()) == engine);
        let (Some(name), Some(engine)) = (name.filter(|n| database::name(n).is_ok()), known) else {
            continue;
        };
        if server::is_there(&Debian, engine, name).map_err(Error::from)? == Some(false) {
            coming.insert(Coming { prefix: prefix.into(), engine: engine.word().into(), name: name.into() });
        }
    }
    state.keep_coming(&coming)
}

/// Takes away what a package that was never configured has begun; in words what was done.
pub fn take_away(state: &State) -> Result<Vec<String>> {
    let mut done = vec![];
    for coming in state.coming() {
        let engine = Engine::ALL.into_iter().find(|e| e.word() == coming.engine);
        let Some(engine) = engine.filter(|_| database::name(&coming.name).is_ok()) else { continue };
        let unfinished = maker(&coming.prefix).map(|package| never_configured(&package)).transpose()?;
        if unfinished == Some(true)
            && server::is_there(&Debian, engine, &coming.name).map_err(Error::from)? == Some(true)
        {
            server::drop(&Debian, engine, &coming.name).map_err(Error::from)?;
            done.push(format!("the database {} was cut off while it was made: it is made anew", coming.name));
        }
    }
    Ok(done)
}

/// The package whose script calls dbconfig-common for this prefix.
fn maker(prefix: &str) -> Option<String> {
    let scripts = fs::read_dir(Path::new("/var/lib/dpkg/info")).ok()?.flatten();
    let mut scripts = scripts.filter(|e| e.file_name().to_string_lossy().ends_with(".postinst"));
    let calls = |text: String| {
        text.lines().any(|line| {
            let mut words = line.split_whitespace();
            words.next() == Some("dbc_go") && words.next() == Some(prefix)
        })
    };
    let found = scripts.find(|e| fs::read_to_string(e.path()).is_ok_and(calls))?;
    found.file_name().to_str()?.strip_suffix(".postinst").map(str::to_owned)
}

/// Whether its script never came to its end: dpkg keeps the version that was last configured.
fn never_configured(package: &str) -> Result<bool> {
    let format = "${db:Status-Status} ${Config-Version}";
    let text = Program::new("dpkg-query").args(["-W", "-f", format, "--", package]).output()?.text();
    let (status, configured) = text.trim_end().split_once(' ').unwrap_or((text.trim(), ""));
    Ok(matches!(status, "half-configured" | "unpacked") && configured.is_empty())
}
