//! The moments at which apt can still be stopped with nothing unpacked.
//!
//! apt runs its hooks in their order: `DPkg::Pre-Invoke`, where it waits while the plan is not decided on, then
//! `DPkg::Pre-Install-Pkgs`, first debconf's, which asks the questions of all packages, then ours again. Each fails,
//! and apt with it, when the gate is shut: the plan was refused or a question was left open; and when vainstall is gone.

use super::relay::{FOLDER, PERSON};
use crate::failure::{Exit, Result, fail};
use anyhow::Context;
use rustix::fs::{FlockOperation, flock};
use std::{
    env,
    fs::{self, File},
    io,
    os::unix::net::UnixStream,
    path::Path,
    process::ExitCode,
};

/// There while the gate is shut.
const SHUT: &str = "/run/vainstall/shut";
/// Locked while the plan is not decided on. A lock ends with who holds it, so nobody waits for the dead.
const UNDECIDED: &str = "/run/vainstall/undecided";
/// The hidden subcommand that runs [`main`].
pub const COMMAND: &str = "gate-debconf";

/// The hooks, as options of apt.conf(5). apt hands them to a shell, so the program's path has to be a plain one.
pub fn options() -> Result<[String; 2]> {
    open();
    let program = env::current_exe().unwrap_or_default();
    let path = program.to_string_lossy();
    if !path.starts_with('/') || !path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b)) {
        return fail(Exit::Machine, format!("vainstall cannot work from {path:?}: put it into /usr/bin"));
    }
    Ok([
        format!("DPkg::Pre-Invoke::={path} {COMMAND} --plan"),
        format!("DPkg::Pre-Install-Pkgs::={path} {COMMAND}"),
    ])
}

/// Nothing is to be unpacked. An error when that cannot be said: then debconf must not get an answer.
pub fn shut() -> io::Result<()> {
    fs::write(SHUT, b"")
}

pub fn open() {
    let _ = fs::remove_file(SHUT);
}

/// The plan is not decided on until this is dropped.
pub struct Undecided(#[allow(dead_code, reason = "held, not used")] File);

impl Undecided {
    /// To be called while [`super::around`] works, and before apt is started.
    pub fn hold() -> Result<Self> {
        let file = File::create(UNDECIDED).with_context(|| format!("cannot write {UNDECIDED}"))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)
            .with_context(|| format!("cannot lock {UNDECIDED}, in {FOLDER}"))?;
        Ok(Undecided(file))
    }
}

impl Drop for Undecided {
    fn drop(&mut self) {
        let _ = fs::remove_file(UNDECIDED);
    }
}

/// The hook itself.
pub fn main(plan: bool) -> ExitCode {
    if plan {
        if let Ok(file) = File::open(UNDECIDED) {
            let _ = flock(&file, FlockOperation::LockShared);
        }
    } else {
        // the list of packages, which apt wants to get rid of
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
    }
    if Path::new(SHUT).exists() {
        let why = if plan { "the plan was refused" } else { "questions are open" };
        eprintln!("vainstall: {why}; nothing is unpacked");
        return ExitCode::FAILURE;
    }
    if UnixStream::connect(PERSON).is_err() {
        eprintln!("vainstall: the vainstall that began this is gone; nothing is unpacked");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
