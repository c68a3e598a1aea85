//! What vabuild makes and keeps: the same bytes everywhere, agreed on by dpkg-deb and lintian, whole whatever happens.

use anyhow::{Context, Result, bail};
use exec::{Output, Program};
use scenarios::{Dist, definitions};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

fn debs(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut debs: Vec<PathBuf> = fs::read_dir(folder)?.filter_map(|e| Some(e.ok()?.path())).collect();
    debs.retain(|p| p.extension().is_some_and(|e| e == "deb"));
    debs.sort();
    assert!(!debs.is_empty(), "{} has no packages", folder.display());
    Ok(debs)
}

/// The packages of `cargo xtask dist`.
fn built(dist: &Dist) -> Result<Vec<PathBuf>> {
    debs(&dist.repository.with_file_name("packages"))
}

fn moinmoin() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../appliances/moinmoin")
}

fn said(output: &Output) -> String {
    format!("{}{}", output.text(), String::from_utf8_lossy(&output.stderr))
}

fn add(dist: &Dist, repository: &Path, debs: &[PathBuf]) -> Program {
    let program = dist.program("vabuild").args(["repository", "add"]).arg(repository);
    program.arg("--key").arg(dist.secret()).args(debs)
}

fn verify(dist: &Dist, repository: &Path) -> Result<Output> {
    let program = dist.program("vabuild").args(["repository", "verify"]).arg(repository);
    Ok(program.arg("--public").arg(&dist.key).output()?)
}

fn assert_good(dist: &Dist, repository: &Path) -> Result<()> {
    let output = verify(dist, repository)?;
    assert!(output.success(), "{}", said(&output));
    Ok(())
}

/// A small package of this test's own with some content.
fn small_package(dist: &Dist, folder: &Path, name: &str, content: &[u8]) -> Result<PathBuf> {
    let definition = folder.join(name);
    fs::create_dir_all(&definition)?;
    fs::write(definition.join("content"), content)?;
    fs::write(definition.join("copyright"), "Copyright: nobody\n")?;
    let text = format!(
        "[[package]]\nname = \"{name}\"\nversion = \"1.0\"\nsummary = \"content of a test\"\n\
         description = \"Some bytes.\"\n\
         maintainer = \"A Test <test@example.org>\"\ncopyright = \"copyright\"\n\
         [[package.file]]\nsource = \"content\"\npath = \"/usr/share/{name}/content\"\n"
    );
    fs::write(definition.join("appliance.toml"), text)?;
    let out = folder.join(format!("{name}.out"));
    definitions::build(dist, &definition, &out)?;
    debs(&out)?.into_iter().next().context("no package came out")
}

#[test]
fn lintian_has_nothing_to_say() -> Result<()> {
    let dist = Dist::find()?;
    let lintian = Program::new("lintian").args(["--allow-root", "--fail-on", "error,warning"]);
    let output = lintian.args(built(&dist)?).output()?;
    assert!(output.success(), "{}", said(&output));
    Ok(())
}

#[test]
fn the_same_bytes_from_another_folder_time_and_umask() -> Result<()> {
    let dist = Dist::find()?;
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("elsewhere/and/deeper");
    fs::create_dir_all(copy.parent().context("no parent")?)?;
    // no -p: other times and, by the umask, other modes
    let script = "umask 077 && cp -R \"$1\" \"$2\" && find \"$2\" -type f -perm /111 -o -type f | xargs touch -d @86400 && \
                  cd / && TZ=Asia/Tokyo LANG=tr_TR.UTF-8 \"$3\" build \"$2\" -o \"$4\"";
    let program = Program::new("sh").inherit_env().args(["-c", script, "sh"]).arg(moinmoin()).arg(&copy);
    program.arg(dist.programs.join("vabuild")).arg(folder.path().join("out")).run()?;
    for deb in debs(&folder.path().join("out"))? {
        let name = deb.file_name().context("no name")?;
        let first = dist.repository.with_file_name("packages").join(name);
        let program = Program::new("cmp").arg(&first).arg(&deb).output()?;
        assert!(program.success(), "{} differs: {}", name.display(), said(&program));
    }
    Ok(())
}

#[test]
fn dpkg_deb_reads_what_was_written() -> Result<()> {
    let dist = Dist::find()?;
    for deb in built(&dist)? {
        let show = |arguments: &[&str]| -> Result<String> {
            Ok(Program::new("dpkg-deb").args(arguments).arg(&deb).run()?.text())
        };
        let name = show(&["-f"])?.lines().find_map(|l| l.strip_prefix("Package: ").map(String::from));
        let name = name.context("no Package field")?;
        assert!(show(&["-I"])?.contains(&format!("Package: {name}")));
        let folder = tempfile::tempdir()?;
        Program::new("dpkg-deb").arg("-R").arg(&deb).arg(folder.path()).run()?;
        // what dpkg-deb lists is what it unpacks, root owns it, and every sum is right
        let listed = show(&["-c"])?;
        let paths = listed.lines().count();
        let find =
            Program::new("find").arg(folder.path()).args(["-path", "*/DEBIAN", "-prune", "-o", "-print"]);
        assert_eq!(find.run()?.text().lines().count(), paths, "{name}");
        assert!(listed.lines().all(|l| l.split_whitespace().nth(1) == Some("root/root")), "{listed}");
        let sums = Program::new("md5sum").args(["--check", "--quiet", "--strict", "DEBIAN/md5sums"]);
        sums.dir(folder.path()).run()?;
        let files = Program::new("find")
            .arg(folder.path())
            .args(["-path", "*/DEBIAN", "-prune", "-o", "-type", "f", "-print"]);
        // a conffile has its sum in dpkg's status, for it may change (deb-md5sums(5))
        let listed = |member: &str| fs::read_to_string(folder.path().join("DEBIAN").join(member));
        let summed =
            listed("md5sums")?.lines().count() + listed("conffiles").unwrap_or_default().lines().count();
        assert_eq!(files.run()?.text().lines().count(), summed, "{name}: a file has no sum");
    }
    Ok(())
}

#[test]
fn a_truncated_package_is_refused_and_an_altered_one_named() -> Result<()> {
    let dist = Dist::find()?;
    let folder = tempfile::tempdir()?;
    let repository = dist.copy_repository(folder.path())?;
    let whole = small_package(&dist, folder.path(), "whole", &[7; 50_000])?;
    let before = fs::read(repository.join("dists/stable/InRelease"))?;
    let bytes = fs::read(&whole)?;
    for length in [0, 7, 60, bytes.len() / 2, bytes.len() - 1] {
        let half = folder.path().join("half_1.0_all.deb");
        fs::write(&half, &bytes[..length])?;
        let output = add(&dist, &repository, &[whole.clone(), half]).output()?;
        assert_eq!(output.status.code(), Some(2), "{length} bytes: {}", said(&output));
        assert!(said(&output).contains("half_1.0_all.deb"), "{}", said(&output));
        assert_eq!(fs::read(repository.join("dists/stable/InRelease"))?, before, "published all the same");
        assert_good(&dist, &repository)?;
    }
    add(&dist, &repository, &[whole]).run()?;
    assert_good(&dist, &repository)?;

    let pooled = repository.join("pool/main/w/whole/whole_1.0_all.deb");
    let mut bytes = fs::read(&pooled)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&pooled, bytes)?;
    let output = verify(&dist, &repository)?;
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(said(&output).contains("whole_1.0_all.deb"), "{}", said(&output));
    Ok(())
}

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "the kill shall come at every moment of the run, not at an event"
)]
fn killed_at_any_moment_the_repository_stays_good() -> Result<()> {
    let dist = Dist::find()?;
    let folder = tempfile::tempdir()?;
    let repository = dist.copy_repository(folder.path())?;
    let mut packages = vec![];
    for index in 0..30 {
        packages.push(small_package(&dist, folder.path(), &format!("small{index}"), &[index; 5_000])?);
    }
    // how long one takes on this machine, so that the kills fall into the run and a few behind it
    let start = std::time::Instant::now();
    add(&dist, &repository, &packages[..1]).run()?;
    let whole = start.elapsed();
    let (mut killed, mut through) = (0, 1);
    for delay in (0..40).map(|step| whole * step / 36) {
        let next = &packages[through.min(29)..(through + 1).min(30)];
        let mut child = add(&dist, &repository, next).spawn(Stdio::null(), Stdio::null())?;
        std::thread::sleep(delay);
        child.kill()?;
        match child.wait()?.success() {
            true => through += 1,
            false => killed += 1,
        }
        assert_good(&dist, &repository)?;
    }
    assert!(killed > 3, "only {killed} runs were killed");
    add(&dist, &repository, &packages).run()?;
    assert_good(&dist, &repository)?;
    let list = dist.program("vabuild").args(["repository", "list"]).arg(&repository).run()?.text();
    assert!((0..30).all(|index| list.contains(&format!("small{index} "))), "{list}");
    // what the killed runs left in the folder is cleared away
    let left =
        Program::new("find").arg(&repository).args(["-name", "*.new*", "-o", "-name", "*.tmp*"]).run()?;
    assert_eq!(left.text(), "");
    Ok(())
}

#[test]
fn of_two_adds_at_once_one_says_who_holds_the_lock() -> Result<()> {
    let dist = Dist::find()?;
    let folder = tempfile::tempdir()?;
    let repository = dist.copy_repository(folder.path())?;
    let late = small_package(&dist, folder.path(), "late", b"late")?;
    let (mut first, early) = stopped_add(&dist, &repository, folder.path())?;
    let second = add(&dist, &repository, std::slice::from_ref(&late)).output();
    signal("-CONT", first.id())?;
    let holder = format!("is being changed by process {} (vabuild)", first.id());
    assert!(first.wait()?.success(), "the first was disturbed");
    let second = second?;
    assert_eq!(second.status.code(), Some(3), "{}", said(&second));
    assert!(said(&second).contains(&holder), "{}", said(&second));

    add(&dist, &repository, &[late]).run()?;
    let list = dist.program("vabuild").args(["repository", "list"]).arg(&repository).run()?.text();
    assert!(list.contains(&format!("{early} ")) && list.contains("late "), "{list}");
    assert_good(&dist, &repository)
}

/// A `vabuild repository add` that was stopped while it holds the repository's lock, and the package it adds.
fn stopped_add(dist: &Dist, repository: &Path, folder: &Path) -> Result<(Child, String)> {
    let lock = repository.join(".lock");
    for index in 0..30 {
        let name = format!("early{index}");
        let package = small_package(dist, folder, &name, &[index; 5_000])?;
        let mut child = add(dist, repository, &[package]).spawn(Stdio::null(), Stdio::null())?;
        let own = format!("process {} ", child.id());
        let takes = || fs::read_to_string(&lock).is_ok_and(|holder| holder.starts_with(&own));
        // many looks between two pauses: the whole run takes some milliseconds
        let taken = testbed::machine::wait_until(Duration::from_secs(10), || (0..10_000).any(|_| takes()));
        assert!(taken, "the lock was not taken");
        let stopped = signal("-STOP", child.id()).is_ok();
        let held = Program::new("flock").arg("--nonblock").arg(&lock).arg("true").output()?;
        if stopped && !held.success() {
            return Ok((child, name));
        }
        // it was faster, and is through
        let _ = signal("-CONT", child.id());
        assert!(child.wait()?.success());
    }
    bail!("no run could be stopped while it held the lock")
}

fn signal(name: &str, process: u32) -> Result<()> {
    Program::new("sh").args(["-c", "kill \"$1\" \"$2\"", "sh", name, &process.to_string()]).run()?;
    Ok(())
}

/// A disk of its own, gone at the end.
struct Disk(PathBuf);

impl Disk {
    fn new(folder: &Path, size: &str) -> Result<Disk> {
        let path = folder.join("disk");
        fs::create_dir(&path)?;
        let options = format!("size={size}");
        Program::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&path).run()?;
        Ok(Disk(path))
    }
    fn files(&self) -> Result<String> {
        Ok(Program::new("find").arg(&self.0).args(["-type", "f"]).run()?.text())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Program::new("umount").arg(&self.0).output();
    }
}

#[test]
fn a_full_disk_leaves_nothing_half_written() -> Result<()> {
    let dist = Dist::find()?;
    let folder = tempfile::tempdir()?;
    let disk = Disk::new(folder.path(), "2M")?;
    let build = dist.program("vabuild").arg("build").arg(moinmoin()).arg("-o").arg(disk.0.join("out"));
    let output = build.output()?;
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    assert!(said(&output).contains("disk is full"), "{}", said(&output));
    assert_eq!(disk.files()?, "", "left behind");

    let repository = disk.0.join("repository");
    let small = small_package(&dist, folder.path(), "fits", b"fits")?;
    add(&dist, &repository, &[small]).run()?;
    let before = disk.files()?;
    let output = add(&dist, &repository, &built(&dist)?).output()?;
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    assert!(said(&output).contains("disk is full"), "{}", said(&output));
    assert_eq!(disk.files()?, before, "left behind");
    assert_good(&dist, &repository)
}

#[test]
fn check_names_every_mistake_with_its_line() -> Result<()> {
    let dist = Dist::find()?;
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("loop.conf"), "{% include \"loop.conf\" %}\n")?;
    let lines = [
        "[appliance]",
        "name = \"faulty\"",
        "version = \"1.0\"",
        "summary = \"a definition with mistakes\"",
        "maintainer = \"A Test <test@example.org>\"",
        "url = \"http://{{ host.address }}/\"",
        "colour = \"red\"",
        "packages = [\"coreutils\", \"no-such-package-anywhere\"]",
        "[[question]]",
        "name = \"secret\"",
        "prompt = \"Secret\"",
        "type = \"passwort\"",
        "[[file]]",
        "path = \"/etc/faulty.conf\"",
        "source = \"files/missing.conf\"",
        "[[file]]",
        "path = \"/etc/loop.conf\"",
        "template = \"loop.conf\"",
    ];
    let definition = folder.path().join("appliance.toml");
    fs::write(&definition, lines.join("\n"))?;
    let check = |more: &[&str]| dist.program("vabuild").arg("check").arg(folder.path()).args(more).output();
    let output = check(&["--offline"])?;
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    for (place, words) in [
        ("appliance.toml:7", "colour"),
        ("appliance.toml:12", "password"),
        ("appliance.toml:15", "files/missing.conf"),
        ("loop.conf:1", "circle"),
    ] {
        let said = said(&output);
        let mistakes: Vec<&str> = said.split("mistake: ").collect();
        let found = mistakes.iter().any(|m| m.contains(place) && m.contains(words));
        assert!(found, "{place} with {words:?} is not in:\n{said}");
    }

    // the same, as far as it goes without mistakes, against the release
    let sound: Vec<&str> = lines[..8].iter().copied().filter(|l| !l.starts_with("colour")).collect();
    fs::write(&definition, sound.join("\n"))?;
    let output = check(&["--mirror", &testbed::host::mirror()?])?;
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(
        said(&output).contains("no-such-package-anywhere") && said(&output).contains(":7"),
        "{}",
        said(&output)
    );
    let output = check(&["--mirror", "http://127.0.0.1:9/debian"])?;
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(
        said(&output).contains("127.0.0.1:9") && said(&output).contains("--offline"),
        "{}",
        said(&output)
    );
    Ok(())
}
