//! Small packages that behave as a test needs it, made with dpkg-deb.

use crate::Dist;
use anyhow::Result;
use exec::Program;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// A package: fields of its control file beside the usual ones, and its files, control members (`DEBIAN/postinst`) among them.
/// Scripts and what lies in a `bin` folder can be executed.
pub struct Deb<'a> {
    pub name: &'a str,
    pub version: &'a str,
    pub fields: &'a [&'a str],
    pub files: &'a [(&'a str, &'a str)],
}

impl Deb<'_> {
    /// Builds it into a folder.
    pub fn build(&self, folder: &Path) -> Result<PathBuf> {
        let tree = folder.join(format!("{}.tree", self.name));
        fs::create_dir_all(tree.join("DEBIAN"))?;
        let mut control = format!(
            "Package: {}\nVersion: {}\nArchitecture: all\nMaintainer: A Test <test@example.org>\nDescription: of a test\n",
            self.name, self.version
        );
        self.fields.iter().for_each(|field| control += &format!("{field}\n"));
        fs::write(tree.join("DEBIAN/control"), control)?;
        let changelog = format!(
            "{0} ({1}) stable; urgency=low\n\n  * What is new in {1}.\n\n -- A Test <test@example.org>  Mon, 05 Jan 2026 08:00:00 +0000\n",
            self.name, self.version
        );
        let changelog_path = format!("usr/share/doc/{}/changelog.Debian", self.name);
        let mut conffiles = String::new();
        for (path, text) in self.files.iter().copied().chain([(changelog_path.as_str(), changelog.as_str())])
        {
            let file = tree.join(path);
            fs::create_dir_all(file.parent().unwrap_or(&tree))?;
            fs::write(&file, text)?;
            let program = path.starts_with("DEBIAN/") || path.contains("/bin/");
            fs::set_permissions(&file, fs::Permissions::from_mode(if program { 0o755 } else { 0o644 }))?;
            if path.starts_with("etc/") {
                conffiles += &format!("/{path}\n");
            }
        }
        if !conffiles.is_empty() {
            fs::write(tree.join("DEBIAN/conffiles"), conffiles)?;
        }
        let deb = folder.join(format!("{}_{}_all.deb", self.name, self.version));
        Program::new("dpkg-deb").args(["--root-owner-group", "-b"]).arg(&tree).arg(&deb).run()?;
        fs::remove_dir_all(tree)?;
        Ok(deb)
    }
}

/// Builds packages and adds them to a repository.
pub fn publish(dist: &Dist, repository: &Path, debs: &[Deb]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    debs.iter().try_for_each(|deb| deb.build(folder.path()).map(drop))?;
    crate::definitions::publish(dist, repository, folder.path())
}
