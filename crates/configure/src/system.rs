//! What the engine asks of the running system: the system manager, dpkg, Apache's enablers, the programs of steps.
//!
//! A trait, so that the engine's order of work can be tested without them; [`Debian`] is the real one.

use crate::{Error, Machine, Result, accounts::Accounts, apache::What};
use appliance::model::{Database, Engine};
use exec::{Output, Program};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// A unit that takes longer to start is taken for one that hangs.
const UNIT_TIMEOUT: Duration = Duration::from_secs(180);
/// Tables of a large application take a while.
const SQL_TIMEOUT: Duration = Duration::from_secs(600);
const TIMEOUT: Duration = Duration::from_secs(60);
/// The user and the group of base-passwd that own nothing.
const NOBODY: u32 = 65534;
/// A unit that has run no longer than this is new (seconds).
const NEW: f64 = 60.0;

/// What can be asked of the system manager about a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Enable,
    Disable,
    Start,
    Stop,
    Restart,
    Reload,
}

impl Action {
    pub fn word(self) -> &'static str {
        match self {
            Action::Enable => "enable",
            Action::Disable => "disable",
            Action::Start => "start",
            Action::Stop => "stop",
            Action::Restart => "restart",
            Action::Reload => "reload",
        }
    }
}

/// Who speaks to a database server.
pub enum Login<'a> {
    /// The server's own administrator, by its socket.
    Administrator,
    User {
        user: &'a str,
        password: &'a str,
        database: &'a str,
    },
}

pub trait System {
    /// Called between any two changes; a test ends the run there.
    fn checkpoint(&self, _next: &str) -> Result<()> {
        Ok(())
    }
    /// Whether systemd runs here: not in a chroot, not while an image is built.
    fn is_running(&self) -> bool;
    /// Makes users from lines of sysusers.d(5).
    fn make_users(&self, lines: &str) -> Result<()>;
    /// Of these paths, those that belong to a package.
    fn owners(&self, paths: &[&Path]) -> Result<BTreeMap<PathBuf, String>>;
    fn apache(&self, what: &What) -> Result<()>;
    /// As `systemctl is-enabled` says it: `enabled`, `disabled`, `static`, `not-found`, …
    fn enablement(&self, unit: &str) -> Result<String>;
    fn is_active(&self, unit: &str) -> Result<bool>;
    /// Whether it has run for less than a minute.
    fn is_new(&self, unit: &str) -> Result<bool>;
    /// False when the machine's policy (policy-rc.d) forbids it.
    fn unit(&self, action: Action, unit: &str) -> Result<bool>;
    /// Lets the system manager read its units again.
    fn reload_units(&self) -> Result<()>;
    /// Gives a database server statements on standard input. Rows come back in lines, their fields with a tab between.
    fn sql(&self, engine: Engine, login: &Login, sql: &str) -> Result<Output, exec::Error>;
    /// A step's program.
    fn run(&self, program: &Program) -> Result<Output, exec::Error>;
}

/// This machine.
#[derive(Debug, Default)]
pub struct Debian;

impl System for Debian {
    fn is_running(&self) -> bool {
        // sd_booted(3)
        Path::new("/run/systemd/system").is_dir()
    }

    fn make_users(&self, lines: &str) -> Result<()> {
        let program = Program::new("systemd-sysusers").arg("-").stdin(lines).timeout(TIMEOUT);
        finish("make the appliance's users", program)
    }

    fn owners(&self, paths: &[&Path]) -> Result<BTreeMap<PathBuf, String>> {
        // dpkg-query takes patterns; a path with a pattern's characters cannot be asked for
        let plain =
            paths.iter().filter(|p| !p.to_string_lossy().contains(['*', '?', '[', '\\'])).collect::<Vec<_>>();
        if plain.is_empty() {
            return Ok(BTreeMap::new());
        }
        let program = Program::new("dpkg-query").args(["--search", "--"]).args(plain).timeout(TIMEOUT);
        // status 1: some of them belong to nobody
        let output = program.output().map_err(failed("ask dpkg whose files these are"))?;
        let owner = |line: &str| {
            let (packages, path) = line.split_once(": ")?;
            (!line.starts_with("diversion by")).then(|| (PathBuf::from(path), packages.to_string()))
        };
        Ok(output.text().lines().filter_map(owner).collect())
    }

    fn apache(&self, what: &What) -> Result<()> {
        // -m: as maintainer scripts do, so that a person's own choice later still counts as one
        let program = Program::new(what.tool()).args(["-q", "-m"]).timeout(TIMEOUT);
        finish("switch Apache's parts", program.arg(&what.name))
    }

    fn enablement(&self, unit: &str) -> Result<String> {
        let program = Program::new("systemctl").args(["is-enabled", "--", unit]).timeout(TIMEOUT);
        let output = program.output().map_err(failed("ask the system manager"))?;
        let word = output.text().trim().to_string();
        Ok(if word.is_empty() { "not-found".into() } else { word })
    }

    fn is_active(&self, unit: &str) -> Result<bool> {
        let program = Program::new("systemctl").args(["is-active", "--", unit]).timeout(TIMEOUT);
        let output = program.output().map_err(failed("ask the system manager"))?;
        Ok(matches!(output.text().trim(), "active" | "activating" | "reloading"))
    }

    fn is_new(&self, unit: &str) -> Result<bool> {
        let program = Program::new("systemctl")
            .args(["show", "--property=ActiveEnterTimestampMonotonic", "--value", "--", unit])
            .timeout(TIMEOUT);
        let since: f64 =
            match program.output().map_err(failed("ask the system manager"))?.text().trim().parse() {
                Ok(microseconds) => microseconds,
                Err(_) => return Ok(false),
            };
        let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
        let now: f64 = uptime.split(' ').next().and_then(|s| s.parse().ok()).unwrap_or(f64::MAX);
        Ok(since > 0.0 && now - since / 1e6 < NEW)
    }

    fn unit(&self, action: Action, unit: &str) -> Result<bool> {
        let offline = matches!(action, Action::Enable | Action::Disable);
        if !offline && is_forbidden(action, unit)? {
            return Ok(false);
        }
        if matches!(action, Action::Start | Action::Restart) {
            // a unit that failed with its old configuration gets a new chance, whatever its limit of starts
            let _ = Program::new("systemctl").args(["reset-failed", "--", unit]).timeout(TIMEOUT).output();
        }
        let program =
            Program::new("systemctl").args([action.word(), "--quiet", "--", unit]).timeout(UNIT_TIMEOUT);
        match program.run() {
            Ok(_) => Ok(true),
            Err(source) => {
                let log = if offline { vec![] } else { journal(unit) };
                Err(Error::Unit {
                    unit: unit.into(),
                    action: action.word(),
                    log,
                    source: Some(Box::new(source)),
                })
            }
        }
    }

    fn reload_units(&self) -> Result<()> {
        finish(
            "let the system manager read its units",
            Program::new("systemctl").arg("daemon-reload").timeout(TIMEOUT),
        )
    }

    fn sql(&self, engine: Engine, login: &Login, sql: &str) -> Result<Output, exec::Error> {
        let client = match engine {
            Engine::Mariadb => mariadb(login),
            Engine::Postgresql => psql(login),
        };
        client.dir("/").stdin(sql).timeout(SQL_TIMEOUT).output()
    }

    fn run(&self, program: &Program) -> Result<Output, exec::Error> {
        program.output()
    }
}

/// Writes a database's content to its standard output, as it is at one moment; as the server's administrator.
pub(crate) fn dumper(database: &Database) -> Program {
    let name = database.name();
    match database.engine {
        Engine::Mariadb => Program::new("mariadb-dump")
            .args([
                "--single-transaction",
                "--quick",
                "--routines",
                "--events",
                "--hex-blob",
                "--skip-dump-date",
            ])
            .args(["--default-character-set=utf8mb4", "--"])
            .arg(name)
            .env("HOME", "/root"),
        Engine::Postgresql => as_postgres(
            Program::new("pg_dump")
                .args(["--format=custom", "--compress=0", "--no-owner", "--no-privileges", "-w", "-d"])
                .arg(name),
        ),
    }
}

/// Reads what [`dumper`] wrote from its standard input. What it reads is not to be trusted: as nobody, and without the
/// clients' own commands, such as those that start programs.
pub(crate) fn loader(engine: Engine, login: &Login) -> Program {
    let client = match engine {
        Engine::Mariadb => mariadb(login).arg("--binary-mode"),
        Engine::Postgresql => {
            let restore = ["--format=custom", "--single-transaction", "--no-owner", "--no-privileges", "-w"];
            as_postgresql_user(Program::new("pg_restore").args(restore), login)
        }
    };
    client.user(NOBODY, NOBODY)
}

/// Root's own options (`/root/.my.cnf`) count for the administrator, and not for the user.
fn mariadb(login: &Login) -> Program {
    let client =
        Program::new("mariadb").args(["--batch", "--skip-column-names", "--default-character-set=utf8mb4"]);
    match login {
        Login::Administrator => client.env("HOME", "/root"),
        Login::User { user, password, database } => client
            .args(["--host=localhost", "--user", user, "--database", database])
            .env("HOME", "/nonexistent")
            // as a program's arguments, others could read it
            .env("MYSQL_PWD", password),
    }
}

fn psql(login: &Login) -> Program {
    let client =
        Program::new("psql").args(["-X", "-q", "-A", "-t", "-w", "-F", "\t", "-v", "ON_ERROR_STOP=1"]);
    as_postgresql_user(client.env("PGCONNECT_TIMEOUT", "10"), login)
}

fn as_postgresql_user(client: Program, login: &Login) -> Program {
    match login {
        Login::Administrator => as_postgres(client.args(["-d", "postgres"])),
        Login::User { user, password, database } => client
            .args(["-h", "localhost", "-U", user, "-d", database])
            .env("HOME", "/nonexistent")
            .env("PGPASSWORD", password),
    }
}

/// The server knows its administrator by the user who asks.
fn as_postgres(client: Program) -> Program {
    let accounts = Accounts::read(&Machine::here()).ok();
    match accounts.and_then(|a| a.find("postgres").cloned()) {
        Some(user) => client.user(user.uid, user.gid).env("HOME", user.home),
        None => client,
    }
}

/// What an image build or an administrator forbids (invoke-rc.d(8): 101 is "no").
fn is_forbidden(action: Action, unit: &str) -> Result<bool> {
    let policy = Path::new("/usr/sbin/policy-rc.d");
    if !policy.exists() {
        return Ok(false);
    }
    let name = unit.strip_suffix(".service").unwrap_or(unit);
    let program = Program::new(policy).args([name, action.word()]).timeout(TIMEOUT);
    let output = program.output().map_err(failed("ask policy-rc.d"))?;
    Ok(output.status.code() == Some(101))
}

fn journal(unit: &str) -> Vec<String> {
    let program = Program::new("journalctl").args(["--no-pager", "-q", "-o", "cat", "-n", "10", "-u", unit]);
    program
        .timeout(TIMEOUT)
        .output()
        .map(|o| o.text().lines().map(str::to_owned).collect())
        .unwrap_or_default()
}

fn finish(purpose: &str, program: Program) -> Result<()> {
    program.run().map(drop).map_err(failed(purpose))
}

fn failed(purpose: &str) -> impl FnOnce(exec::Error) -> Error {
    let purpose = purpose.to_string();
    |source| Error::Program { purpose, source: Box::new(source) }
}
