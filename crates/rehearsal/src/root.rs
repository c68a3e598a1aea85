//! A throw-away root: an overlay over a base, mounted only for the programs that run in it.
//!
//! Each program gets mount and process namespaces of its own (unshare) and within them a container without a network
//! (systemd-nspawn). The kernel takes the mounts back when the last of its processes ends, and ends those with this
//! process, so a run that is killed leaves nothing but a folder, which the next one removes.

use crate::{Error, Result, host};
use exec::Program;
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Where the host's side of a root appears in it.
pub const SHARED: &str = "/rehearsal";
/// What the machine is called.
pub const HOST: &str = "rehearsal";
pub const DOMAIN: &str = "example.test";

/// Mounts the overlay and becomes the container. The folder that `volatile` leaves behind keeps an overlay from being
/// mounted again: nothing here has to survive a power cut.
const ENTER: &str = "set -e\nrm -rf \"$1/work/work/incompat\"\n\
    mount -t overlay -o \"volatile,lowerdir=$2,upperdir=$1/upper,workdir=$1/work\" overlay \"$1/root\"\n\
    cd \"$1\"\nshift 2\nexec systemd-nspawn \"$@\"\n";

/// Removed when dropped.
#[derive(Debug)]
pub struct Root {
    dir: PathBuf,
    /// The topmost first.
    layers: Vec<PathBuf>,
    binds: Vec<(PathBuf, String)>,
    _lock: File,
}

impl Root {
    /// A fresh root over these layers, the topmost first.
    pub fn new(layers: Vec<PathBuf>) -> Result<Root> {
        let all = host::cache()?.join("rehearsals");
        fs::create_dir_all(&all).map_err(Error::io("make", &all))?;
        remove_left_behind(&all);
        let (dir, lock) = claim(&all)?;
        for part in ["upper", "work", "root", "shared"] {
            let path = dir.join(part);
            fs::create_dir(&path).map_err(Error::io("make", &path))?;
        }
        let root = Root { dir, layers, binds: vec![], _lock: lock };
        root.prepare()?;
        Ok(root)
    }

    /// The folder that the root sees as [`SHARED`].
    pub fn shared(&self) -> PathBuf {
        self.dir.join("shared")
    }

    /// Lets the root see a folder of the host, without writing to it.
    pub fn show(&mut self, folder: &Path, at: &str) {
        self.binds.push((folder.into(), at.into()));
    }

    /// A program in the root, as its root user; arguments may be added.
    pub fn program(&self, name: &str, environment: &[(&str, &str)]) -> Program {
        let layers: Vec<String> = self.layers.iter().map(|l| l.display().to_string()).collect();
        let mut program = Program::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child"])
            .args(["--mount-proc", "sh", "-c", ENTER, "sh"])
            .arg(&self.dir)
            .arg(layers.join(":"))
            .args(["--quiet", "--register=no", "--keep-unit", "--pipe", "--as-pid2", "--private-network"])
            .args(["--resolv-conf=off", "--timezone=off", "--link-journal=no", "--directory=root"])
            .arg(format!("--machine={HOST}-{}", std::process::id()))
            .arg(format!("--hostname={HOST}"))
            .arg(format!("--bind={}:{SHARED}", escaped(&self.shared())));
        for (folder, at) in &self.binds {
            program = program.arg(format!("--bind-ro={}:{at}", escaped(folder)));
        }
        program = program.args(["/usr/bin/env", "-i", "LC_ALL=C.UTF-8", "HOME=/root", "TERM=dumb"]);
        program = program.arg("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        for (name, value) in environment {
            program = program.arg(format!("{name}={value}"));
        }
        program.arg(name).own_group()
    }

    /// Puts a file into the root.
    pub fn write(&self, path: &str, content: &[u8], mode: u32) -> Result<()> {
        let path = self.dir.join("upper").join(path.trim_start_matches('/'));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(Error::io("make", parent))?;
        }
        fs::write(&path, content).map_err(Error::io("write", &path))?;
        fs::set_permissions(&path, Permissions::from_mode(mode)).map_err(Error::io("write", &path))
    }

    fn prepare(&self) -> Result<()> {
        let hosts = format!("127.0.0.1 localhost\n127.0.1.1 {HOST}.{DOMAIN} {HOST}\n");
        self.write("/etc/hosts", hosts.as_bytes(), 0o644)?;
        self.write("/etc/hostname", format!("{HOST}\n").as_bytes(), 0o644)?;
        // invoke-rc.d(8): no service is started
        self.write("/usr/sbin/policy-rc.d", b"#!/bin/sh\nexit 101\n", 0o755)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A folder that nobody else has, and the lock that says so.
fn claim(all: &Path) -> Result<(PathBuf, File)> {
    // two of one process are told apart by a number
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    let dir = all.join(format!("{}-{number}", std::process::id()));
    // made and locked under a lock: nobody takes it for one left behind in between
    let _alone = host::lock(&all.join("lock"), FlockOperation::LockExclusive)?;
    fs::create_dir(&dir).map_err(Error::io("make", &dir))?;
    let lock = host::lock(&dir.join("lock"), FlockOperation::LockExclusive)?;
    Ok((dir, lock))
}

/// Folders of runs that were killed.
fn remove_left_behind(all: &Path) {
    let Ok(_alone) = host::lock(&all.join("lock"), FlockOperation::LockExclusive) else { return };
    for entry in fs::read_dir(all).into_iter().flatten().flatten().filter(|e| e.path().is_dir()) {
        let lock = File::options().create(true).append(true).open(entry.path().join("lock"));
        if lock.is_ok_and(|lock| flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// systemd-nspawn parts the paths of a bind at colons.
fn escaped(path: &Path) -> String {
    path.display().to_string().replace('\\', "\\\\").replace(':', "\\:")
}
