//! What dbconfig-common did for a package, as its file `/etc/dbconfig-common/NAME.conf` tells.

use crate::{
    Machine, Result,
    tree::{self, State},
};
use appliance::model::Database;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

const CONFIGURATIONS: &str = "/etc/dbconfig-common";
const SHARE: &str = "/usr/share/dbconfig-common";

/// Who keeps the database.
pub enum Kept {
    /// The appliance, alone or through dbconfig-common as it was told.
    Ours,
    /// An administrator has answered otherwise before: in words.
    Otherwise(String),
}

impl Kept {
    pub fn is_ours(&self) -> bool {
        matches!(self, Kept::Ours)
    }
}

/// How an empty database gets its tables.
pub enum Filling {
    /// Not by its package.
    Nothing,
    /// From this file, which its user may run.
    Sql(PathBuf),
    /// By the package's own programs, or by the server's administrator.
    Package,
}

/// Whether it is as the appliance answered.
pub fn kept(machine: &Machine, database: &Database) -> Result<Kept> {
    let Some(settings) = settings(machine, database)? else { return Ok(Kept::Ours) };
    let get = |name: &str| settings.get(name).map(String::as_str).unwrap_or_default();
    let package = database.dbconfig().unwrap_or_default();
    let otherwise = |how: String| Ok(Kept::Otherwise(format!("dbconfig-common was told that {how}")));
    if get("dbc_install") != "true" {
        return otherwise(format!("{package} needs no help"));
    }
    let local = matches!(get("dbc_dbserver"), "" | "localhost" | "127.0.0.1" | "::1");
    let found = (get("dbc_dbtype"), get("dbc_dbname"), get("dbc_dbuser"));
    if !local || found != (database.engine.dbconfig(), &database.name(), &database.user()) {
        let server = if local { "this machine" } else { get("dbc_dbserver") };
        return otherwise(format!("{package} uses {} of {} ({}) on {server}", found.1, found.2, found.0));
    }
    Ok(Kept::Ours)
}

/// The password that the package has been given, where it is the appliance's database.
pub fn password(machine: &Machine, database: &Database) -> Result<Option<String>> {
    if !kept(machine, database)?.is_ours() {
        return Ok(None);
    }
    let found = settings(machine, database)?.and_then(|mut s| s.remove("dbc_dbpass"));
    Ok(found.filter(|password| !password.is_empty()))
}

/// Where a package's tables come from (dbconfig-common's "Using dbconfig-common", "Database install code").
pub fn filling(machine: &Machine, database: &Database) -> Filling {
    let Some(prefix) = database.dbconfig() else { return Filling::Nothing };
    let (package, engine) = (prefix.split('_').next().unwrap_or(prefix), database.engine.dbconfig());
    let below = |folder: &str| machine.path(Path::new(SHARE).join(folder).join(package));
    let scripts = below("scripts").join("install").join(engine);
    let administrators = below("data").join("install-dbadmin").join(engine);
    let sql = below("data").join("install").join(engine);
    match (scripts.exists() || administrators.exists(), sql.is_file()) {
        (true, _) => Filling::Package,
        (false, true) => Filling::Sql(sql),
        (false, false) => Filling::Nothing,
    }
}

/// None where there is no file: dbconfig-common was not asked yet.
fn settings(machine: &Machine, database: &Database) -> Result<Option<BTreeMap<String, String>>> {
    let Some(prefix) = database.dbconfig() else { return Ok(None) };
    match tree::look(machine, &Path::new(CONFIGURATIONS).join(format!("{prefix}.conf")))? {
        (State::File { .. }, bytes) => Ok(Some(read(&String::from_utf8_lossy(&bytes)))),
        _ => Ok(None),
    }
}

/// Lines `dbc_x='…'`: a shell's, as dbconfig-common writes them.
fn read(text: &str) -> BTreeMap<String, String> {
    let line = |line: &str| {
        let (name, value) = line.split_once('=')?;
        let value = value.strip_prefix('\'')?.strip_suffix('\'')?.replace("'\\''", "'");
        name.starts_with("dbc_").then(|| (name.to_owned(), value))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn its_file_is_read_as_a_shell_would() {
        let read =
            super::read("# dbc_x='no'\ndbc_dbpass='it'\\''s'\ndbc_dbserver=''\nother='x'\ndbc_ssl=''\n");
        assert_eq!(read["dbc_dbpass"], "it's");
        assert_eq!(read.len(), 3);
    }
}
