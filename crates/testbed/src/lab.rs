//! A private bridge with an HTTP server and a name server on it, and the machines on that bridge.
//!
//! Everything a lab makes carries its number, and the number is held by a file lock, which the kernel
//! lets go of when the process dies. So the next lab, of any process, finds and removes what a killed one left.

use crate::{Machine, base, host, http, machine, names};
use anyhow::{Context, Result, bail};
use exec::Program;
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{self, File},
    io::Write,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU8, Ordering},
};

const STATE: &str = "/run/virtual-appliance-testbed";
const LABS: u8 = 64;

pub struct Lab {
    pub(crate) number: u8,
    machines: AtomicU8,
    http: http::Server,
    _names: names::Server,
    _lock: File,
}

impl Lab {
    /// A lab of its own, with this folder served at [`Lab::repository`].
    pub fn new(served: &Path) -> Result<Lab> {
        host::need_root()?;
        host::need_machine_tools()?;
        clean_leftovers()?;
        let (number, lock) = claim()?;
        fs::create_dir_all(folder(number))?;
        let bridge = format!("vat{number}");
        ip(&["link", "add", &bridge, "type", "bridge"])?;
        ip(&["addr", "add", &format!("{}/24", gateway(number)), "dev", &bridge])?;
        ip(&["link", "set", &bridge, "up"])?;
        let http = http::Server::start(gateway(number), served, &host::cache()?.join("proxy"))?;
        let names = names::Server::start(gateway(number))?;
        Ok(Lab { number, machines: AtomicU8::new(0), http, _names: names, _lock: lock })
    }

    /// The address under which the machines reach the served folder.
    pub fn repository(&self) -> String {
        format!("http://{}", self.http.address())
    }

    /// The HTTP server, to make it fail on purpose.
    pub fn http(&self) -> &http::Server {
        &self.http
    }

    /// Boots a fresh machine of this release and waits until systemd has started everything.
    pub fn boot(&self, name: &str, release: &str) -> Result<Machine> {
        let base = base::root(release)?;
        let index = self.machines.fetch_add(1, Ordering::SeqCst);
        machine::Machine::boot(self.number, index, name, &base, &self.http.address().to_string())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Err(error) = clean(self.number) {
            eprintln!("the lab {} could not be cleaned up: {error:#}", self.number);
        }
    }
}

/// Removes what labs of dead processes left: processes, mounts, namespaces, bridges, folders.
pub fn clean_leftovers() -> Result<()> {
    for number in 0..LABS {
        if (folder(number).exists() || machine::has_cgroups(number))
            && let Some(_lock) = try_lock(&lock_path(number))?
        {
            clean(number)?;
        }
    }
    Ok(())
}

/// Holds a file lock until dropped; waits for it.
pub fn lock(path: &Path) -> Result<File> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let file = File::create(path).with_context(|| format!("cannot make the lock {}", path.display()))?;
    flock(&file, FlockOperation::LockExclusive)?;
    Ok(file)
}

pub(crate) fn gateway(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 213, number, 1)
}

pub(crate) fn folder(number: u8) -> PathBuf {
    Path::new(STATE).join(number.to_string())
}

/// Writes down a process that belongs to the lab, so that it can be ended when we no longer can.
pub(crate) fn note_process(number: u8, pid: u32) -> Result<()> {
    let mut file = File::options().append(true).create(true).open(folder(number).join("processes"))?;
    writeln!(file, "{pid} {}", start_time(pid).unwrap_or_default())?;
    Ok(())
}

pub(crate) fn ip(args: &[&str]) -> Result<()> {
    Program::new("ip").args(args).run()?;
    Ok(())
}

fn lock_path(number: u8) -> PathBuf {
    Path::new(STATE).join(format!("{number}.lock"))
}

fn claim() -> Result<(u8, File)> {
    for number in 0..LABS {
        if let Some(lock) = try_lock(&lock_path(number))? {
            return Ok((number, lock));
        }
    }
    bail!("all {LABS} labs of this host are in use");
}

fn try_lock(path: &Path) -> Result<Option<File>> {
    fs::create_dir_all(STATE)?;
    let file = File::create(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}

fn clean(number: u8) -> Result<()> {
    let dir = folder(number);
    machine::remove_cgroups(number);
    for line in fs::read_to_string(dir.join("processes")).unwrap_or_default().lines() {
        end_process(line);
    }
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let below = format!("{}/", dir.display());
    let mut paths: Vec<&str> =
        mounts.lines().filter_map(|l| l.split(' ').nth(1)).filter(|p| p.starts_with(&below)).collect();
    paths.reverse();
    for path in paths {
        let _ = Program::new("umount").args(["--lazy", path]).output();
    }
    let prefix = format!("vat{number}m");
    for entry in fs::read_dir("/run/netns").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(&prefix) {
            let _ = Program::new("ip").args(["netns", "del", &name]).output();
        }
    }
    for entry in fs::read_dir("/sys/class/net")?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(&prefix) || name == format!("vat{number}") {
            let _ = Program::new("ip").args(["link", "del", &name]).output();
        }
    }
    match fs::remove_dir_all(&dir) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| format!("cannot remove {}", dir.display()))
        }
        _ => Ok(()),
    }
}

/// Ends the process of a line `PID STARTTIME`, unless the number belongs to another process by now.
fn end_process(line: &str) {
    let Some((pid, started)) = line.split_once(' ') else { return };
    let Ok(pid) = pid.parse::<u32>() else { return };
    if start_time(pid).as_deref() != Some(started) {
        return;
    }
    if let Some(pid) = rustix::process::Pid::from_raw(pid as i32) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
    machine::wait_until(std::time::Duration::from_secs(10), || start_time(pid).as_deref() != Some(started));
}

/// Field 22 of proc_pid_stat(5); None when there is no such process, or it is only a zombie.
fn start_time(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    if fields.first() == Some(&"Z") { None } else { fields.get(19).map(|s| s.to_string()) }
}
