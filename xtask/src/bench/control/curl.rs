//! A browser's part, by curl.

use anyhow::{Context, Result};
use exec::Program;
use std::path::{Path, PathBuf};
use testbed::Machine;

/// One browser, towards one port of the machine.
pub struct Client {
    folder: tempfile::TempDir,
    site: String,
}

impl Client {
    pub fn new(machine: &Machine, port: u16) -> Result<Client> {
        Ok(Client { folder: tempfile::tempdir()?, site: format!("https://{}:{port}", machine.address) })
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn cookies(&self) -> PathBuf {
        self.folder.path().join("cookies")
    }

    pub fn program(&self) -> Program {
        Program::new("curl")
            .args(["--silent", "--show-error", "--fail", "--insecure", "--max-time", "60"])
            .arg("--cookie-jar")
            .arg(self.cookies())
            .arg("--cookie")
            .arg(self.cookies())
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.site)
    }

    /// The body of what is there in the end.
    pub fn get(&self, arguments: &[&str], path: &str) -> Result<String> {
        let origin = format!("Origin: {}", self.site);
        let program = self.program().args(["--location", "--header", &origin]).args(arguments);
        Ok(program.arg(self.url(path)).run()?.text())
    }

    /// Milliseconds until the first byte came, for each address that the path stands for (curl(1), "globbing"), one after another on one
    /// connection.
    pub fn time(&self, arguments: &[&str], path: &str) -> Result<Vec<f64>> {
        let program =
            self.program().args(["--output", "/dev/null", "--write-out", "%{time_starttransfer}\\n"]);
        let text = program.args(arguments).arg(self.url(path)).run()?.text();
        let times = text.lines().map(|line| line.parse::<f64>().map(|seconds| seconds * 1000.0));
        times.collect::<Result<Vec<_>, _>>().with_context(|| format!("curl tells no times: {text}"))
    }
}
