//! The list of packages: how old it is, and `apt-get update` of all of it or of one repository.

use crate::{
    Apt, Error, fetch,
    output::{self, SourceFailure},
    run::{Both, IN_MEMORY},
    status::Way,
};
use events::Kind;
use exec::Program;
use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// A convention of Debian's apt scripts: its time of change is that of the last refresh that worked.
const STAMP: &str = "/var/lib/apt/periodic/update-success-stamp";
/// Where apt puts what it is fetching: every `apt-get update` leaves its time here, also when nothing is new.
const PARTIAL: &str = "/var/lib/apt/lists/partial";

impl Apt {
    /// `apt-get update`. A source that fails is told, the others are refreshed, and what was known before is kept.
    /// An error only when apt-get could not work at all.
    pub fn update(&self, say: &mut dyn FnMut(Kind)) -> Result<Vec<SourceFailure>, Error> {
        let failures = self.updated(self.apt_get_telling(), say)?;
        if failures.is_empty() {
            let _ = fs::write(STAMP, b"");
        }
        Ok(failures)
    }

    /// The same for those repositories only that a file of sources names.
    pub fn update_only(
        &self,
        sources: &Path,
        say: &mut dyn FnMut(Kind),
    ) -> Result<Vec<SourceFailure>, Error> {
        let program = self
            .apt_get_telling()
            .args(["-o", &format!("Dir::Etc::sourcelist={}", sources.display())])
            .args(["-o", "Dir::Etc::sourceparts=-", "-o", "APT::Get::List-Cleanup=0"])
            // apt's own cache is of all sources, and stays good for them
            .args(IN_MEMORY.iter().flat_map(|option| ["-o", option]));
        let whole = fs::metadata(PARTIAL).and_then(|m| m.modified());
        let failures = self.updated(program, say);
        if let (Ok(partial), Ok(at)) = (fs::File::open(PARTIAL), whole) {
            // for all the others' lists are as old as before
            let _ = partial.set_modified(at);
        }
        failures
    }

    fn updated(&self, program: Program, say: &mut dyn FnMut(Kind)) -> Result<Vec<SourceFailure>, Error> {
        let ran = self.told(&program.args(["--error-on=any", "update"]), Way::of_download(), say)?;
        let failures = output::source_failures(&ran.output.text_of_both());
        if failures.is_empty() && !ran.output.success() {
            return Err(ran.failure("refreshing the list of packages").into());
        }
        Ok(failures)
    }
}

/// The file of sources that names the repository of the package's candidate; None when apt knows of none.
pub fn sources_of(package: &str) -> Result<Option<PathBuf>, Error> {
    let Some(base) = fetch::source(package)?.and_then(|s| s.base) else { return Ok(None) };
    Ok(targets()?.into_iter().find(|t| t.base == base).map(|t| t.sources))
}

/// How long ago all of the list was asked for. None when a part of it was never fetched, when a file of sources has
/// changed since, and when the clock went backwards.
pub fn age() -> Result<Option<Duration>, Error> {
    let targets = targets()?;
    let whole = !targets.is_empty() && targets.iter().all(|t| t.file.exists());
    let Ok(asked) = fs::metadata(PARTIAL).and_then(|m| m.modified()) else { return Ok(None) };
    let newer = |path: &Path| changed(path).is_ok_and(|at| at > asked);
    let folder = Path::new("/etc/apt/sources.list.d");
    if !whole || targets.iter().any(|t| newer(&t.sources)) || newer(folder) {
        return Ok(None);
    }
    Ok(SystemTime::now().duration_since(asked).ok())
}

/// When the list of packages was last refreshed with success; None when it never was.
pub fn refreshed() -> Option<SystemTime> {
    let stamp = fs::metadata(STAMP).and_then(|m| m.modified()).ok();
    let lists = fs::read_dir("/var/lib/apt/lists").into_iter().flatten().flatten();
    let index = |name: &Path| name.to_string_lossy().ends_with("Release");
    // the time of change is the publisher's: the time when apt put it there is the inode's
    let fetched =
        lists.filter(|e| index(Path::new(&e.file_name()))).filter_map(|e| changed(&e.path()).ok()).max();
    stamp.max(fetched)
}

/// When something new was last fetched from a source, named as [`SourceFailure::source`] names it. None when nothing ever was.
pub fn fetched(source: &str) -> Option<SystemTime> {
    let (base, suite) = source.split_once(' ')?;
    let (_, place) = base.split_once("://")?;
    let name = format!("{}_dists_{suite}", place.trim_end_matches('/').replace('/', "_"));
    let lists = Path::new("/var/lib/apt/lists");
    ["InRelease", "Release"].iter().find_map(|end| changed(&lists.join(format!("{name}_{end}"))).ok())
}

/// An index of packages that apt's sources name.
struct Target {
    base: String,
    sources: PathBuf,
    /// Where apt keeps it.
    file: PathBuf,
}

fn targets() -> Result<Vec<Target>, Error> {
    let format = "$(REPO_URI) $(SOURCESENTRY) $(FILENAME)";
    let listed = Program::new("apt-get").args(["indextargets", "--format", format, "Created-By: Packages"]);
    Ok(listed.run()?.text().lines().filter_map(target).collect())
}

fn target(line: &str) -> Option<Target> {
    let mut words = line.split(' ');
    let base = format!("{}/", words.next()?.trim_end_matches('/'));
    let (sources, _line) = words.next()?.rsplit_once(':')?;
    Some(Target { base, sources: sources.into(), file: words.next()?.into() })
}

fn changed(path: &Path) -> io::Result<SystemTime> {
    let data = fs::metadata(path)?;
    let seconds = u64::try_from(data.ctime()).unwrap_or(0);
    let nanoseconds = u32::try_from(data.ctime_nsec()).unwrap_or(0);
    Ok(SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_read() {
        let line = "http://host.example/debian/ /etc/apt/sources.list.d/a.sources:2 /var/lib/apt/lists/x_Packages.lz4";
        let found = target(line).unwrap();
        assert_eq!(found.base, "http://host.example/debian/");
        assert_eq!(found.sources, Path::new("/etc/apt/sources.list.d/a.sources"));
        assert_eq!(found.file, Path::new("/var/lib/apt/lists/x_Packages.lz4"));
        assert!(target("").is_none() && target("a b").is_none());
    }
}
