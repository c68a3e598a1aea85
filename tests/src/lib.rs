//! What the scenarios share: the packages that were built, machines that know the repository, a web client.
//!
//! `cargo xtask test` builds the packages and says where they are; without it the scenarios fail and say so.

pub mod client;
pub mod corpus;
pub mod debs;
pub mod definitions;
pub mod guide;
pub mod page;
pub mod radio;
pub mod setup_page;
pub mod wiki;

use anyhow::{Context, Result};
use exec::Program;
use std::{
    env, fs,
    path::{Path, PathBuf},
};
use testbed::{Lab, Machine};

/// What `cargo xtask dist` made.
pub struct Dist {
    pub programs: PathBuf,
    pub repository: PathBuf,
    pub key: PathBuf,
}

impl Dist {
    pub fn find() -> Result<Dist> {
        let path =
            |name| env::var_os(name).map(PathBuf::from).context("run the scenarios with `cargo xtask test`");
        Ok(Dist {
            programs: path("VAT_PROGRAMS")?,
            repository: path("VAT_REPOSITORY")?,
            key: path("VAT_KEY")?,
        })
    }
    /// A program that was just built.
    pub fn program(&self, name: &str) -> Program {
        Program::new(self.programs.join(name)).inherit_env()
    }
    /// The repository's secret key.
    pub fn secret(&self) -> PathBuf {
        self.key.with_file_name("key.secret")
    }
    /// A copy of the repository that a test may change.
    pub fn copy_repository(&self, to: &Path) -> Result<PathBuf> {
        let copy = to.join("repository");
        Program::new("cp").arg("-a").arg(&self.repository).arg(&copy).run()?;
        Ok(copy)
    }
}

/// A lab that serves the repository.
pub fn lab() -> Result<(Dist, Lab)> {
    let dist = Dist::find()?;
    let lab = Lab::new(&dist.repository)?;
    Ok((dist, lab))
}

/// A lab whose repository has one more of the tests' definitions in it. The folder must outlive it.
pub fn lab_with(folder: &Path, definition: &str) -> Result<(Dist, Lab)> {
    let (dist, lab) = lab()?;
    let repository = definitions::repository_with(&dist, folder, &definitions::path(definition))?;
    lab.http().serve_folder(&repository);
    Ok((dist, lab))
}

/// A fresh machine whose apt knows the lab's repository and its key, with fresh lists.
pub fn machine(lab: &Lab, dist: &Dist, name: &str, release: &str) -> Result<Machine> {
    let machine = lab.boot(name, release)?;
    name_repository(&machine, lab, &dist.key)?;
    machine.run(&["apt-get", "-q", "update"])?;
    Ok(machine)
}

/// The same with our tools installed.
pub fn machine_with_tools(lab: &Lab, dist: &Dist, name: &str) -> Result<Machine> {
    let machine = machine(lab, dist, name, "trixie")?;
    apt(&machine, &["install", "appliance-tools"])?;
    Ok(machine)
}

pub fn name_repository(machine: &Machine, lab: &Lab, key: &Path) -> Result<()> {
    let etc = machine.root().join("etc/apt");
    fs::create_dir_all(etc.join("keyrings"))?;
    fs::copy(key, etc.join("keyrings/appliances.asc"))?;
    let source = format!(
        "Types: deb\nURIs: {}\nSuites: stable\nComponents: main\nSigned-By: /etc/apt/keyrings/appliances.asc\n",
        lab.repository()
    );
    fs::write(etc.join("sources.list.d/appliances.sources"), source)?;
    Ok(())
}

/// `apt-get` with nobody at the terminal.
pub fn apt(machine: &Machine, arguments: &[&str]) -> Result<String> {
    let program = machine
        .program("apt-get")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["-q", "-y"])
        .args(arguments);
    Ok(program.run()?.text())
}

/// `vainstall` with nobody at the terminal.
pub fn vainstall(machine: &Machine, arguments: &[&str]) -> Program {
    machine.program("vainstall").arg("--non-interactive").args(arguments)
}

/// Every file below a folder of the machine with its mode, owner and content's hash, or a link's target: one a line.
pub fn snapshot(machine: &Machine, folder: &str) -> Result<Vec<String>> {
    let list = "cd \"$0\" && find . -type f -printf '%p %m %U:%G ' -exec sh -c 'sha256sum < \"$1\"' sh {} \\; -o -type l -printf '%p -> %l\\n' -o -type d -printf '%p %m %U:%G\\n' | sort";
    let text = machine.program("sh").args(["-c", list, folder]).run()?.text();
    Ok(text.lines().map(String::from).collect())
}
