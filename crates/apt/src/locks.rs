//! Who holds the locks of dpkg and apt.

use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
    process::{Flock, FlockType, fcntl_getlk},
};
use std::{fmt, fs, path::Path};

/// In the order in which apt takes them.
pub const LOCKS: &[&str] = &[
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/lock",
    "/var/lib/apt/lists/lock",
    "/var/cache/apt/archives/lock",
];

/// A process that holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// 0 when the process is outside of this container.
    pub pid: u32,
    /// Its name.
    pub program: String,
    pub lock: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            0 => write!(f, "a process outside of this container holds {}", self.lock),
            pid => write!(f, "{} (process {pid}) holds {}", self.program, self.lock),
        }
    }
}

/// The first lock that somebody else holds. Needs root.
pub fn holder() -> Option<Holder> {
    LOCKS.iter().find_map(|path| holder_of(Path::new(path)))
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
    Some(Holder { pid, program: program(pid), lock: path.display().to_string() })
}

/// Its name; for an interpreter, that of the script it runs.
fn program(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<_> = line.split(|b| *b == 0).map(String::from_utf8_lossy).collect();
    let base = |word: &str| -> String {
        word.rsplit('/').next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(60).collect()
    };
    let name = words.first().map(|w| base(w)).unwrap_or_default();
    let script = words.get(1).filter(|w| w.starts_with('/')).map(|w| base(w));
    match (name.starts_with("python") || name.starts_with("perl"), script) {
        (true, Some(script)) => script,
        _ if name.is_empty() => "a program".into(),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use exec::Program;

    #[test]
    fn a_free_file_has_no_holder_and_a_held_one_names_its_process() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        fs::write(&path, "").unwrap();
        assert_eq!(holder_of(&path), None);
        let mut found = None;
        let interrupter = exec::Interrupter::default();
        Program::new("perl")
            .args(["-e", PERL_LOCK])
            .arg(&path)
            .interrupter(&interrupter)
            .each_line(|_, _| {
                found = holder_of(&path);
                interrupter.interrupt();
            })
            .unwrap();
        let found = found.unwrap();
        assert!(found.pid > 0 && found.program.contains("perl"), "{found}");
    }

    const PERL_LOCK: &str = "use Fcntl qw(:flock F_SETLK F_WRLCK SEEK_SET); open(my $f, '+<', $ARGV[0]) or die; \
        my $lock = pack('s s l! l! i', F_WRLCK, SEEK_SET, 0, 0, 0); fcntl($f, F_SETLK, $lock) or die; \
        $| = 1; print \"held\\n\"; sleep 60;";
}
