//! Indexing and publishing real packages, against apt-ftparchive, reprepro and aptly on the same files. Needs 6 GB in
//! the user's cache folder while it runs: two of the others copy every package in every round.

use super::{Row, compare, timed};
use anyhow::{Context, Result, ensure};
use exec::Program;
use repository::{Repository, SecretKey, Settings, Transfer};
use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

const ENOUGH: usize = 1000;
/// A desktop and all that belongs to it: about 1,200 packages, 700 MB.
const PACKAGES: &str = "gnome-core";
const NOW: u64 = 1_700_000_000;
const ROUNDS: usize = 5;

pub fn run() -> Result<Vec<Row>> {
    install_tools()?;
    let debs = real_packages()?;
    println!("publishing {} packages, {ROUNDS} times each way", debs.len());
    let bench = Bench::new(debs)?;
    Ok(vec![bench.ftparchive()?, bench.reprepro()?, bench.aptly()?, bench.one_more()?])
}

fn install_tools() -> Result<()> {
    let missing: Vec<&str> = [("apt-ftparchive", "apt-utils"), ("reprepro", "reprepro"), ("aptly", "aptly")]
        .into_iter()
        .filter(|(program, _)| !Path::new("/usr/bin").join(program).exists())
        .map(|(_, package)| package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing {} to compare with", missing.join(", "));
    let install = Program::new("apt-get").args(["install", "-y", "--no-install-recommends"]).args(missing);
    install.env("DEBIAN_FRONTEND", "noninteractive").run().context("installing the tools to compare with")?;
    Ok(())
}

/// The packages in the user's cache folder, fetched by apt from the machine's own sources when they are not there.
fn real_packages() -> Result<Vec<PathBuf>> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let folder =
        cache.context("neither XDG_CACHE_HOME nor HOME is set")?.join("virtual-appliance-tools/debs");
    let mut debs = list(&folder);
    if debs.len() < ENOUGH {
        println!("fetching {PACKAGES} and all that it needs into {}", folder.display());
        fs::create_dir_all(folder.join("partial"))?;
        // as if nothing were installed, so that the whole closure is fetched
        let status = tempfile::NamedTempFile::new()?;
        let option = |name: &str, path: &Path| format!("-o{name}={}", path.display());
        Program::new("apt-get")
            .args(["-y", "--download-only", "-oAPT::Sandbox::User=root", "-oAPT::Install-Recommends=true"])
            .args([option("Dir::State::status", status.path()), option("Dir::Cache::archives", &folder)])
            .args(["install", PACKAGES])
            .run()
            .context(
                "fetching packages to measure with; is there a network, and were the package lists updated?",
            )?;
        debs = list(&folder);
    }
    ensure!(debs.len() >= ENOUGH, "only {} packages came into {}", debs.len(), folder.display());
    Ok(debs)
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut debs: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "deb")).collect();
    debs.sort();
    debs
}

/// The packages, a key that gpg has too, and a folder on the packages' filesystem.
struct Bench {
    debs: Vec<PathBuf>,
    folder: tempfile::TempDir,
    key: SecretKey,
    /// How many folders were given out.
    folders: Cell<usize>,
}

/// As [`timed`], from a quiet disk: nobody pays for what the one before has left to be written.
fn settled(work: impl FnOnce() -> Result<()>) -> Result<Duration> {
    rustix::fs::sync();
    timed(work)
}

impl Bench {
    fn new(debs: Vec<PathBuf>) -> Result<Self> {
        let parent = debs[0].parent().and_then(Path::parent).context("the cache folder")?;
        let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(parent)?;
        let key = SecretKey::generate(&folder.path().join("key"), "Bench <bench@example.org>", NOW)?;
        let bench = Bench { debs, folder, key, folders: Cell::new(0) };
        let home = bench.path("gnupg");
        fs::create_dir(&home)?;
        fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        bench.with_gpg("gpg").args(["--batch", "--import"]).arg(bench.path("key")).run()?;
        Ok(bench)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn with_gpg(&self, program: &str) -> Program {
        Program::new(program).env("GNUPGHOME", self.path("gnupg")).env("HOME", self.folder.path())
    }

    /// A folder that nobody has used. Nothing is removed before the end: ext4 is slow to take inodes again that were
    /// freed in the last minutes, and either side would wait for the other's.
    fn fresh(&self, name: &str) -> String {
        format!("{name}-{}", self.folders.replace(self.folders.get() + 1))
    }

    fn add(&self, name: &str, debs: &[PathBuf]) -> Result<()> {
        let repository = Repository::new(&self.path(name), Settings::default())?;
        repository.add(debs, Transfer::Link, &self.key, NOW)?;
        Ok(())
    }

    /// The whole way, signed, from nothing.
    fn all(&self) -> Result<Duration> {
        let name = self.fresh("ours");
        settled(|| self.add(&name, &self.debs))
    }

    fn ftparchive(&self) -> Result<Row> {
        let folder = self.debs[0].parent().context("the cache folder")?;
        let index = Program::new("apt-ftparchive").args(["packages", "."]).dir(folder);
        let theirs = |_| settled(|| Ok(index.run().map(|_| ())?));
        // the first run of each only warms the page cache
        self.all()?;
        theirs(0)?;
        compare("publish all, against apt-ftparchive packages", 0.12, ROUNDS, |_| self.all(), theirs)
    }

    fn reprepro(&self) -> Result<Row> {
        let theirs = |_| {
            let name = self.new_reprepro("")?;
            settled(|| self.includedeb(&name, &self.debs))
        };
        compare("publish all, against reprepro (unsigned)", 0.1, ROUNDS, |_| self.all(), theirs)
    }

    fn new_reprepro(&self, more: &str) -> Result<String> {
        let name = self.fresh("reprepro");
        fs::create_dir_all(self.path(&name).join("conf"))?;
        let conf = format!("Codename: stable\nArchitectures: amd64\nComponents: main\n{more}");
        fs::write(self.path(&name).join("conf/distributions"), conf)?;
        Ok(name)
    }

    fn includedeb(&self, name: &str, debs: &[PathBuf]) -> Result<()> {
        let program = self.with_gpg("reprepro").args(["--silent", "-b"]).arg(self.path(name));
        program.args(["includedeb", "stable"]).args(debs).run()?;
        Ok(())
    }

    fn aptly(&self) -> Result<Row> {
        let conf = self.path("aptly.conf");
        let aptly = || self.with_gpg("aptly").arg(format!("-config={}", conf.display()));
        let folder = self.debs[0].parent().context("the cache folder")?;
        let theirs = |_| {
            let root = self.path(&self.fresh("aptly"));
            fs::write(&conf, format!("{{\"rootDir\": \"{}\"}}", root.display()))?;
            aptly().args(["repo", "create", "bench"]).run()?;
            settled(|| {
                aptly().args(["repo", "add", "bench"]).arg(folder).run()?;
                let publish = ["publish", "repo", "-skip-signing", "-skip-contents", "-distribution=stable"];
                aptly().args(publish).args(["-architectures=amd64", "bench"]).run()?;
                Ok(())
            })
        };
        compare("publish all, against aptly (unsigned, without Contents)", 0.1, 3, |_| self.all(), theirs)
    }

    /// Packages one after another into a repository that has all others, signing included on both sides.
    fn one_more(&self) -> Result<Row> {
        let (last, others) = self.debs.split_at(9);
        let sign = format!("SignWith: {}\n", self.key_fingerprint());
        let (name, theirs) = (self.fresh("ours"), self.new_reprepro(&sign)?);
        self.includedeb(&theirs, others)?;
        self.add(&name, others)?;
        let ours = |round: usize| settled(|| self.add(&name, &last[round..=round]));
        let theirs = |round: usize| settled(|| self.includedeb(&theirs, &last[round..=round]));
        compare("add one package, against reprepro (both signed)", 0.15, last.len(), ours, theirs)
    }

    fn key_fingerprint(&self) -> String {
        use repository::Signer;
        self.key.public_key().fingerprint()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // gpg leaves its agent behind
        let _ = self.with_gpg("gpgconf").args(["--kill", "gpg-agent"]).run();
    }
}
