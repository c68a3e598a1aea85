//! Who holds the locks of dpkg, apt and debconf, or is about to take one.

use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
    process::{Flock, FlockType, fcntl_getlk},
};
use std::{
    ffi::OsStr,
    fmt, fs,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

/// In the order in which apt takes them.
pub const LOCKS: &[&str] = &[
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/apt/lists/lock",
    "/var/cache/apt/archives/lock",
];

/// debconf's. A maintainer script outlives a dpkg that was killed, and holds it alone.
const DEBCONF: &str = "/var/cache/debconf/config.dat";

/// dpkg's database. Maintainer scripts run out of two folders in it, those of a package that is being unpacked out of
/// the second.
const DATABASE: &str = "/var/lib/dpkg";
const INFO: &str = "info";
const NEW: &str = "tmp.ci";

/// A process that holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// 0 when the process is outside of this container.
    pub pid: u32,
    /// Its name.
    pub program: String,
    pub lock: Option<String>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.pid, &self.lock) {
            (0, Some(lock)) => write!(f, "a process outside of this container holds {lock}"),
            (pid, Some(lock)) => write!(f, "{} (process {pid}) holds {lock}", self.program),
            (pid, None) => write!(f, "{} (process {pid}) is still at work", self.program),
        }
    }
}

/// The first lock that somebody else holds, or a maintainer script at work, which may take debconf's at any moment.
/// Needs root.
pub fn holder() -> Option<Holder> {
    let held = LOCKS.iter().find_map(|path| holder_of(Path::new(path)));
    held.or_else(|| flock_holder_of(Path::new(DEBCONF))).or_else(|| script_of(Path::new(DATABASE)))
}

/// A maintainer script of this database's packages that runs, whoever started it: `/bin/sh /var/lib/dpkg/info/NAME.postinst`.
/// One of another root's, a container's say, is none of ours.
fn script_of(database: &Path) -> Option<Holder> {
    let same = |other: &Path| match (fs::metadata(other), fs::metadata(database)) {
        (Ok(other), Ok(ours)) => (other.dev(), other.ino()) == (ours.dev(), ours.ino()),
        _ => false,
    };
    let at_work = |pid: u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let mut words = line.split(|b| *b == 0).take(2).map(|word| Path::new(OsStr::from_bytes(word)));
        let script = words.find(|w| [INFO, NEW].iter().any(|dir| w.starts_with(database.join(dir))))?;
        let root = PathBuf::from(format!("/proc/{pid}/root"));
        same(&root.join(database.strip_prefix("/").unwrap_or(database)))
            .then(|| base_name(&script.to_string_lossy()))
    };
    let pids =
        fs::read_dir("/proc").ok()?.flatten().filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    pids.into_iter().find_map(|pid| Some(Holder { pid, program: at_work(pid)?, lock: None }))
}

/// Who holds a flock(2) on the file, by /proc/locks (proc_locks(5)): to try the lock would be to take it from debconf,
/// which does not wait. None also when the file is not there.
fn flock_holder_of(path: &Path) -> Option<Holder> {
    let inode = fs::metadata(path).ok()?.ino().to_string();
    let table = fs::read_to_string("/proc/locks").ok()?;
    let pid = table.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let of_this = words.get(1) == Some(&"FLOCK") && words.get(5)?.rsplit(':').next() == Some(&inode);
        of_this.then(|| words[4].parse().unwrap_or(0))
    })?;
    Some(Holder { pid, program: program(pid), lock: Some(path.display().to_string()) })
}

/// Who holds a POSIX lock on the file (fcntl(2), F_GETLK); None also when the file is not there.
pub fn holder_of(path: &Path) -> Option<Holder> {
    // opening for writing, as a write lock asks for; never closing another lock of ours on it, as we hold none
    let file = open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let found = loop {
        match fcntl_getlk(&file, &Flock::from(FlockType::WriteLock)) {
            Err(Errno::INTR) => continue,
            other => break other.ok()??,
        }
    };
    let pid = found.pid.map_or(0, |p| p.as_raw_nonzero().get().unsigned_abs());
    Some(Holder { pid, program: program(pid), lock: Some(path.display().to_string()) })
}

/// Its name; for an interpreter, that of the script it runs.
fn program(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<_> = line.split(|b| *b == 0).map(String::from_utf8_lossy).collect();
    let name = words.first().map(|w| base_name(w)).unwrap_or_default();
    let script = words.get(1).filter(|w| w.starts_with('/')).map(|w| base_name(w));
    match (name.starts_with("python") || name.starts_with("perl"), script) {
        (true, Some(script)) => script,
        _ if name.is_empty() => "a program".into(),
        _ => name,
    }
}

/// What may be shown of a path.
fn base_name(word: &str) -> String {
    word.rsplit('/').next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use exec::Program;

    fn is_found(hold: &str, holder: fn(&Path) -> Option<Holder>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        fs::write(&path, "").unwrap();
        assert_eq!(holder(&path), None);
        let mut found = None;
        let interrupter = exec::Interrupter::default();
        Program::new("perl")
            .args(["-e", &format!("use Fcntl qw(:flock F_SETLK F_WRLCK SEEK_SET); open(my $f, '+<', $ARGV[0]) or die; {hold}; $| = 1; print \"held\\n\"; sleep 60;")])
            .arg(&path)
            .interrupter(&interrupter)
            .each_line(|_, _| {
                found = holder(&path);
                interrupter.interrupt();
            })
            .unwrap();
        let found = found.unwrap();
        assert!(found.pid > 0 && found.program.contains("perl"), "{found}");
    }

    #[test]
    fn a_free_file_has_no_holder_and_a_held_one_names_its_process() {
        let lock =
            "my $lock = pack('s s l! l! i', F_WRLCK, SEEK_SET, 0, 0, 0); fcntl($f, F_SETLK, $lock) or die";
        is_found(lock, holder_of);
        is_found("flock($f, LOCK_EX | LOCK_NB) or die", flock_holder_of);
    }

    #[test]
    fn a_maintainer_script_that_nobody_waits_for_is_seen() {
        let database = tempfile::tempdir().unwrap();
        assert_eq!(script_of(database.path()), None);
        let script = database.path().join("info/wiki.postinst");
        fs::create_dir(database.path().join("info")).unwrap();
        fs::write(&script, "echo runs; while :; do sleep 0.1; done\n").unwrap();
        let mut found = None;
        let interrupter = exec::Interrupter::default();
        let run = Program::new("sh").arg(&script).arg("configure").interrupter(&interrupter);
        run.each_line(|_, _| {
            found = script_of(database.path());
            interrupter.interrupt();
        })
        .unwrap();
        assert!(found.unwrap().to_string().starts_with("wiki.postinst (process "));
        assert_eq!(script_of(database.path()), None);
    }
}
