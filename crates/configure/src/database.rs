//! Databases: made on this machine's server, with a user whose password is a secret of the appliance.
//!
//! The server is asked what is there, never the record alone. A database of this name that the appliance did not make
//! is somebody's: it is refused, not taken over. It tells by the comment that each database of an appliance carries, which
//! outlives the appliance; its user is known by having all rights on it. Nothing is dropped here: that is for purge, when the owner says so.
//!
//! What dbconfig-common made for a package ([`dbconfig`]) is completed where it is missing: installed by plain apt, the
//! package may have been configured before its server ran. Backups dump and load them with [`copy`].

pub mod copy;
pub mod dbconfig;
mod sql;

use crate::{
    Error, Machine, Result,
    apply::Run,
    difference::Field,
    record::{Record, Thing},
    system::{Action, Login, System},
};
use appliance::model::{Database, Engine};
use dbconfig::{Filling, Kept};
use exec::Output;

/// A database that shall be there.
#[derive(Clone)]
pub struct Wanted {
    pub database: Database,
    /// What its comment says.
    pub mark: String,
    /// None when no secret was read: then the user's login is not tried.
    pub password: Option<String>,
}

/// What the server has.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    /// The database's comment.
    database: Option<String>,
    user: bool,
    /// The user may do everything with the database: it was made for it.
    rights: bool,
}

impl Wanted {
    pub fn key(&self) -> String {
        key(self.database.engine, &self.database.name())
    }

    fn error(&self, message: impl Into<String>) -> Error {
        Error::Database { name: self.database.name(), message: message.into() }
    }

    fn ask(&self, system: &dyn System, login: &Login, sql: &str) -> Result<Output> {
        system.sql(self.database.engine, login, sql).map_err(|e| Error::Program {
            purpose: format!("talk to the database server {}", self.database.engine.word()),
            source: Box::new(e),
        })
    }

    /// None when the server does not answer; the error is what it said.
    fn find(&self, system: &dyn System) -> Result<std::result::Result<Found, String>> {
        let output = self.ask(system, &Login::Administrator, &sql::look(&self.database))?;
        if !output.success() {
            return Ok(Err(output.tail(3).join("; ")));
        }
        let mut found = Found::default();
        for line in output.text().lines() {
            match line.split_once('\t').unwrap_or((line, "")) {
                ("database", comment) => found.database = Some(comment.to_owned()),
                ("user", _) => found.user = true,
                ("rights", _) => found.rights = true,
                _ => {}
            }
        }
        Ok(Ok(found))
    }

    /// Whether the user gets in with the password.
    fn logs_in(&self, system: &dyn System) -> Result<bool> {
        let Some(login) = self.login() else { return Ok(true) };
        Ok(self.ask(system, &login.borrow(), "SELECT 1;\n")?.success())
    }

    /// The same where every user gets in, for there may be no database yet.
    fn is_users_password(&self, system: &dyn System) -> Result<bool> {
        let Some(login) = self.login() else { return Ok(true) };
        let database = match self.database.engine {
            Engine::Mariadb => "information_schema",
            Engine::Postgresql => "postgres",
        };
        let login = UserLogin { database: database.into(), ..login };
        Ok(self.ask(system, &login.borrow(), "SELECT 1;\n")?.success())
    }

    fn login(&self) -> Option<UserLogin> {
        let (user, database) = (self.database.user(), self.database.name());
        self.password.clone().map(|password| UserLogin { user, password, database })
    }

    /// Whether nothing is in it, though its package has something to put there.
    fn is_unfilled(&self, machine: &Machine, system: &dyn System) -> Result<bool> {
        let (Some(login), Filling::Sql(_) | Filling::Package) =
            (self.login(), dbconfig::filling(machine, &self.database))
        else {
            return Ok(false);
        };
        let output = self.ask(system, &login.borrow(), sql::tables(self.database.engine))?;
        Ok(output.success() && output.text().trim() == "0")
    }
}

struct UserLogin {
    user: String,
    password: String,
    database: String,
}

impl UserLogin {
    fn borrow(&self) -> Login<'_> {
        Login::User { user: &self.user, password: &self.password, database: &self.database }
    }
}

/// As [`Thing::key`].
pub(crate) fn key(engine: Engine, name: &str) -> String {
    format!("database {name} ({})", engine.word())
}

/// Whether this machine's server has such a database; None when it does not answer.
pub fn is_there(system: &dyn System, engine: Engine, name: &str) -> Result<Option<bool>> {
    let wanted = bare(engine, name);
    Ok(wanted.find(system)?.ok().map(|found| found.database.is_some()))
}

/// Takes a database away with all that is in it.
pub fn drop(system: &dyn System, engine: Engine, name: &str) -> Result<()> {
    let wanted = bare(engine, name);
    let output = wanted.ask(system, &Login::Administrator, &sql::drop(engine, name))?;
    succeed(&wanted, &output, "the server refused to drop it")
}

/// A database of which only the name counts.
fn bare(engine: Engine, name: &str) -> Wanted {
    let database = Database { name: Some(name.into()), ..Database::of(engine) };
    Wanted { database, mark: String::new(), password: None }
}

/// What differs. Where no services run there is nothing to compare with.
pub(crate) fn fields(machine: &Machine, system: &dyn System, wanted: &Wanted) -> Result<Vec<Field>> {
    if !system.is_running() || !dbconfig::kept(machine, &wanted.database)?.is_ours() {
        return Ok(vec![]);
    }
    let field =
        |field, found: &str, wanted: &str| Field { field, found: found.into(), wanted: wanted.into() };
    let Ok(found) = wanted.find(system)? else {
        return Ok(vec![field("server", "does not answer", "running")]);
    };
    let mut fields = vec![];
    for (name, there) in [("database", found.database.is_some()), ("user", found.user)] {
        if !there {
            fields.push(field(name, "missing", "there"));
        }
    }
    if fields.is_empty() && !wanted.logs_in(system)? {
        fields.push(field("password", "another one", "the appliance's"));
    }
    if fields.is_empty() && wanted.is_unfilled(machine, system)? {
        fields.push(field("content", "nothing", "the package's tables"));
    }
    Ok(fields)
}

/// Makes what is missing of it. Called when it differs, or when it cannot be looked at.
pub(crate) fn settle(run: &mut Run, wanted: &Wanted) -> Result<()> {
    let (machine, system) = (run.machine, run.system);
    if !system.is_running() {
        run.note(format!("{}: no services run here; it is made when they do", wanted.key()));
        return Ok(());
    }
    if let Kept::Otherwise(how) = dbconfig::kept(machine, &wanted.database)? {
        run.note(format!("{}: left as it is, for {how}", wanted.key()));
        return Ok(());
    }
    if fields(machine, system, wanted)?.is_empty() {
        return Ok(());
    }
    let found = reach(run, wanted)?;
    refuse_others(&run.record, system, wanted, &found)?;
    let (engine, name, user) = (wanted.database.engine, wanted.database.name(), wanted.database.user());
    run.record.put(Thing::Database { engine, name, user })?;
    if found.database.is_none() || !found.user || !wanted.logs_in(system)? {
        system.checkpoint("make the database")?;
        let password = wanted.password.as_deref().unwrap_or_default();
        let present = (found.database.is_some(), found.user);
        let script = sql::make(&wanted.database, password, &wanted.mark, present);
        let output = wanted.ask(system, &Login::Administrator, &script)?;
        succeed(wanted, &output, "the server refused to make it")?;
        run.changed(format!("{} made", wanted.key()));
    }
    fill(run, wanted)
}

/// The server's answer; a server that is not running is started.
fn reach(run: &mut Run, wanted: &Wanted) -> Result<Found> {
    let unit = wanted.database.engine.unit();
    if wanted.find(run.system)?.is_err()
        && run.system.enablement(unit)? != "not-found"
        && !run.system.is_active(unit)?
    {
        crate::units::act(run, Action::Start, unit)?;
    }
    wanted.find(run.system)?.map_err(|said| {
        let help = format!("`systemctl status {unit}` tells of the server");
        wanted.error(format!("the server does not answer its administrator ({said}); {help}"))
    })
}

/// What is there and not the appliance's is never changed.
fn refuse_others(record: &Record, system: &dyn System, wanted: &Wanted, found: &Found) -> Result<()> {
    let recorded = record.find(&wanted.key()).is_some();
    let marked = found.database.as_ref().is_some_and(|comment| *comment == wanted.mark);
    let (name, user) = (wanted.database.name(), wanted.database.user());
    if found.database.is_some() && !recorded && !marked && wanted.database.package.is_none() {
        let help = "rename it, or let the definition use another `name`";
        return Err(
            wanted.error(format!("the server has a database {name:?} that is not this appliance's; {help}"))
        );
    }
    // a run that was cut off has made the user, and not yet the database
    let begun = recorded && found.database.is_none();
    if found.user && !found.rights && !begun && !wanted.is_users_password(system)? {
        let help = "drop it, or let the definition use another `user`";
        return Err(
            wanted.error(format!("the server has a user {user:?} that is not this appliance's; {help}"))
        );
    }
    Ok(())
}

/// What the package would have put in, had its server been there.
fn fill(run: &mut Run, wanted: &Wanted) -> Result<()> {
    if !wanted.is_unfilled(run.machine, run.system)? {
        return Ok(());
    }
    match (dbconfig::filling(run.machine, &wanted.database), wanted.login()) {
        (Filling::Sql(path), Some(login)) => {
            run.system.checkpoint("fill the database")?;
            let text = std::fs::read_to_string(&path).map_err(Error::io("read", &path))?;
            let output = wanted.ask(run.system, &login.borrow(), &text)?;
            succeed(wanted, &output, &format!("{} did not go in", path.display()))?;
            run.changed(format!("{} filled with its package's tables", wanted.key()));
        }
        (Filling::Package, _) => {
            let package = wanted.database.package.as_deref().unwrap_or_default();
            let help = format!("`dpkg-reconfigure {package}` and yes to its reinstallation fills it");
            return Err(wanted
                .error(format!("{package} was configured before the server ran, and it is empty; {help}")));
        }
        _ => {}
    }
    Ok(())
}

fn succeed(wanted: &Wanted, output: &Output, what: &str) -> Result<()> {
    if output.success() {
        return Ok(());
    }
    // a server repeats what it did not understand, and a password may stand there
    let said = output.tail(5).join("; ");
    let said = match &wanted.password {
        Some(password) if !password.is_empty() => said.replace(password.as_str(), "********"),
        _ => said,
    };
    Err(wanted.error(format!("{what}: {said}")))
}
