//! Whether the machine has to be restarted, and why: by what packages have asked for, and by the kernel that runs.
//! Never a guess.

use crate::Error;
use exec::Program;
use std::{fs, path::Path};

/// Each reason as a sentence; none when nothing asks for a restart.
pub fn reasons() -> Vec<String> {
    let read = |path: &str| fs::read_to_string(path).ok();
    let asked = Path::new("/run/reboot-required").exists();
    let mut reasons: Vec<String> = asked
        .then(|| asked_for(&read("/run/reboot-required.pkgs").unwrap_or_default()))
        .into_iter()
        .collect();
    let release = read("/proc/sys/kernel/osrelease").unwrap_or_default();
    if let Ok(installed) = kernels() {
        reasons.extend(kernel(release.trim(), &read("/proc/version").unwrap_or_default(), &installed));
    }
    reasons
}

fn asked_for(packages: &str) -> String {
    let mut names: Vec<&str> = packages.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    names.sort();
    names.dedup();
    match names.as_slice() {
        [] => "A package has asked for a restart (/run/reboot-required).".into(),
        names => format!("Asked for by {}.", names.join(", ")),
    }
}

/// Installed kernels: release (`6.12.63+deb13-amd64`) and the package's version, the newest last.
fn kernels() -> Result<Vec<(String, String)>, Error> {
    let format = "${db:Status-Abbrev}\t${Package}\t${Version}\n";
    let output = Program::new("dpkg-query").args(["-W", "-f", format, "linux-image-*"]).output()?;
    let mut found: Vec<(String, String)> = output.text().lines().filter_map(image).collect();
    found.sort_by(|a, b| numbers(&a.1).cmp(&numbers(&b.1)).then_with(|| a.1.cmp(&b.1)));
    Ok(found)
}

/// A package with a kernel in it, not one that depends on the newest, and no debug symbols.
fn image(line: &str) -> Option<(String, String)> {
    let mut fields = line.split('\t');
    let (state, name, version) = (fields.next()?, fields.next()?, fields.next()?);
    let release = name.strip_prefix("linux-image-")?;
    let whole = state.starts_with("ii")
        && release.starts_with(|c: char| c.is_ascii_digit())
        && !release.ends_with("-dbg");
    whole.then(|| (release.trim_end_matches("-unsigned").to_owned(), version.to_owned()))
}

/// `6.12.63-1~bpo` as numbers, for order among kernels of one publisher.
fn numbers(version: &str) -> Vec<u64> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect()
}

/// Says something only when the kernel that runs is one of those that are installed: elsewhere (in a container, with a kernel of the
/// owner's own) the packages tell nothing about it.
fn kernel(release: &str, version: &str, installed: &[(String, String)]) -> Option<String> {
    let (_, own) = installed.iter().find(|(r, _)| r == release)?;
    let (newest, newest_version) = installed.last()?;
    if newest != release {
        return Some(format!("The kernel {release} runs, and {newest} is installed."));
    }
    // the same name, built anew: Debian writes the package's version into /proc/version
    let runs = version.split(" Debian ").nth(1)?.split([' ', ')']).next()?;
    (runs != own && numbers(runs) < numbers(newest_version))
        .then(|| format!("The kernel {release} runs in version {runs}, and {own} is installed."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_that_ask_are_named() {
        assert_eq!(asked_for("linux-base\ndbus\ndbus\n"), "Asked for by dbus, linux-base.");
        assert!(asked_for("").contains("/run/reboot-required"));
    }

    #[test]
    fn the_kernel_that_runs_is_held_against_those_installed() {
        let list = "ii \tlinux-image-6.12.48+deb13-amd64\t6.12.48-1\nii \tlinux-image-amd64\t6.12.63-1\nrc \tlinux-image-6.1.0-9-amd64\t6.1.27-1\n";
        let old: Vec<_> = list.lines().filter_map(image).collect();
        assert_eq!(old, [("6.12.48+deb13-amd64".to_string(), "6.12.48-1".to_string())]);
        let version = |v: &str| {
            format!(
                "Linux version x (debian-kernel@example.org) (gcc) #1 SMP PREEMPT_DYNAMIC Debian {v} (2026-01-01)"
            )
        };
        let runs = "6.12.48+deb13-amd64";
        assert_eq!(kernel(runs, &version("6.12.48-1"), &old), None);
        let mut both = old.clone();
        both.push(("6.12.63+deb13-amd64".into(), "6.12.63-1".into()));
        assert!(
            kernel(runs, &version("6.12.48-1"), &both).unwrap().contains("6.12.63+deb13-amd64 is installed")
        );
        let rebuilt = [(runs.to_string(), "6.12.48-2".to_string())];
        assert!(kernel(runs, &version("6.12.48-1"), &rebuilt).unwrap().contains("6.12.48-2 is installed"));
        // somebody else's kernel
        assert_eq!(kernel("6.6.1-container", "Linux version 6.6.1", &both), None);
        assert!(numbers("6.12.100-1") > numbers("6.12.63-1"));
    }
}
