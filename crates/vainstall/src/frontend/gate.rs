//! The last moment before anything is unpacked.
//!
//! apt runs its hooks `DPkg::Pre-Install-Pkgs` in their order: first debconf's, which asks the questions of all packages,
//! then this one. It fails, and apt with it, when a question was left open and when vainstall is gone.

use super::relay::PERSON;
use crate::failure::{Exit, Result, fail};
use std::{env, fs, io, os::unix::net::UnixStream, path::Path, process::ExitCode};

/// There while the gate is shut.
const SHUT: &str = "/run/vainstall/shut";
/// The hidden subcommand that runs [`main`].
pub const COMMAND: &str = "gate-debconf";

/// The hook, as an option of apt.conf(5). apt hands it to a shell, so the program's path has to be a plain one.
pub fn option() -> Result<String> {
    open();
    let program = env::current_exe().unwrap_or_default();
    let path = program.to_string_lossy();
    if !path.starts_with('/') || !path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b)) {
        return fail(Exit::Machine, format!("vainstall cannot work from {path:?}: put it into /usr/bin"));
    }
    Ok(format!("DPkg::Pre-Install-Pkgs::={path} {COMMAND}"))
}

/// Nothing is to be unpacked. An error when that cannot be said: then debconf must not get an answer.
pub fn shut() -> io::Result<()> {
    fs::write(SHUT, b"")
}

pub fn open() {
    let _ = fs::remove_file(SHUT);
}

/// The hook itself.
pub fn main() -> ExitCode {
    // the list of packages, which apt wants to get rid of
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
    if Path::new(SHUT).exists() {
        eprintln!("vainstall: questions are open; nothing is unpacked");
        return ExitCode::FAILURE;
    }
    if UnixStream::connect(PERSON).is_err() {
        eprintln!("vainstall: the vainstall that began this is gone; nothing is unpacked");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
