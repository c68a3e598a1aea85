//! The content of databases as files, for backups.
//!
//! The server's administrator dumps, for he sees all of it at one moment. What is loaded comes from outside: the
//! database's own user loads it, who can harm nothing else, and a client that runs as nobody and takes no commands
//! of its own from it.

use super::{Wanted, dbconfig, refuse_others, sql, succeed};
use crate::{
    Error, Installed, Machine, Result, knowledge,
    record::Record,
    system::{self, Debian, Login},
};
use appliance::model::{Database, Engine};
use exec::Program;
use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
};

/// Bytes of a client's complaints that are kept.
const COMPLAINTS: u64 = 64 << 10;

/// Writes the content of each of the appliance's databases into a file of this folder, which is root's alone. Gives words
/// about those that are not the appliance's to save.
pub fn dump(machine: &Machine, installed: &Installed, folder: &Path) -> Result<Vec<String>> {
    let mut notes = vec![];
    for database in &installed.definition.databases {
        if let dbconfig::Kept::Otherwise(how) = dbconfig::kept(machine, database)? {
            notes.push(format!("the database {} is not saved, for {how}", database.name()));
            continue;
        }
        let path = file(folder, database);
        let new = File::options().write(true).create_new(true).mode(0o600).open(&path);
        let to = new.map_err(Error::io("write", &path))?;
        let wanted = wanted(installed, database, None);
        let output = to.try_clone().map_err(Error::io("write", &path))?;
        run(&wanted, system::dumper(database), None, output.into(), "its content cannot be read")?;
        to.sync_all().map_err(Error::io("write", &path))?;
    }
    Ok(notes)
}

/// Replaces the content of each database that has a file in this folder; what the server had is gone then. Its user has the
/// password that the appliance knows afterwards.
pub fn load(machine: &Machine, installed: &Installed, folder: &Path) -> Result<()> {
    let known = knowledge::look(machine, installed)?;
    let record = Record::open(machine, &installed.appliance.name)?;
    for database in &installed.definition.databases {
        let path = file(folder, database);
        let content = match File::open(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            other => other.map_err(Error::io("open", &path))?,
        };
        let wanted = wanted(installed, database, known.secrets.get(&database.secret()).cloned());
        let login = wanted.login().ok_or_else(|| wanted.error("its user's password is not known"))?;
        empty(&wanted, &record)?;
        let loader = system::loader(database.engine, &login.borrow());
        run(&wanted, loader, Some(content), Stdio::null(), "the saved content does not go in")?;
    }
    Ok(())
}

/// The file of a database in such a folder.
fn file(folder: &Path, database: &Database) -> PathBuf {
    folder.join(format!("{}.{}", database.name(), database.engine.word()))
}

fn wanted(installed: &Installed, database: &Database, password: Option<String>) -> Wanted {
    let mark = format!("appliance {}", installed.appliance.name);
    Wanted { database: database.clone(), mark, password }
}

/// Makes database and user where they are missing, and takes out all that is in it.
fn empty(wanted: &Wanted, record: &Record) -> Result<()> {
    let found =
        wanted.find(&Debian)?.map_err(|said| wanted.error(format!("the server does not answer: {said}")))?;
    refuse_others(record, &Debian, wanted, &found)?;
    let administrator = |script: &str| -> Result<String> {
        let output = wanted.ask(&Debian, &Login::Administrator, script)?;
        succeed(wanted, &output, "the server refused to empty it").map(|()| output.text())
    };
    let password = wanted.password.as_deref().unwrap_or_default();
    let present = (found.database.is_some(), found.user);
    administrator(&sql::make(&wanted.database, password, &wanted.mark, present))?;
    match wanted.database.engine {
        Engine::Mariadb => {
            let made = administrator(&sql::as_made(&wanted.database))?;
            administrator(&sql::make_anew(&wanted.database, made.trim_end_matches('\n')))?;
        }
        Engine::Postgresql => {
            administrator(&sql::clear(&wanted.database))?;
        }
    }
    Ok(())
}

/// Runs a client from and to files; what it complains of is told.
fn run(wanted: &Wanted, client: Program, from: Option<File>, to: Stdio, what: &str) -> Result<()> {
    let purpose = || format!("talk to the database server {}", wanted.database.engine.word());
    let mut child = client
        .dir("/")
        .spawn(to, Stdio::piped())
        .map_err(|e| Error::Program { purpose: purpose(), source: Box::new(e) })?;
    let talk = Error::io("talk to the client of", wanted.database.engine.word());
    let stdin = child.stdin.take();
    let writer = thread::spawn(move || match (from, stdin) {
        (Some(mut from), Some(mut stdin)) => io::copy(&mut from, &mut stdin).map(drop),
        _ => Ok(()),
    });
    let mut said = vec![];
    if let Some(mut stderr) = child.stderr.take() {
        // all is read, lest the client waits; only the beginning is kept
        let kept = (&mut stderr).take(COMPLAINTS).read_to_end(&mut said);
        let _ = kept.and_then(|_| io::copy(&mut stderr, &mut io::sink()));
    }
    let status = child.wait().map_err(talk)?;
    let written = writer.join().is_ok_and(|result| result.is_ok());
    let output = exec::Output { status, stdout: vec![], stderr: said };
    succeed(wanted, &output, what)?;
    match written {
        true => Ok(()),
        // a client that does not want the rest has ended well, and is not to be believed
        false => Err(wanted.error(format!("{what}: its client ended too early"))),
    }
}
