//! The corpus: small definitions over applications that Debian leaves unusable when they are installed unattended, each
//! with a program `usable` that works with the application as its users do.
//!
//! An entry is a folder `corpus/NAME`: a definition, `usable`, and where a question has neither a default nor a generated
//! answer, `answers.toml`. `usable` runs in the machine, as root, with what the owner was told at the end: `URL`, and the
//! generated secrets as files in `CREDENTIALS_DIRECTORY`. Its last line on standard error is the reason why it failed.

use crate::{Dist, apt, definitions, machine_with_tools, vainstall};
use anyhow::{Context, Result, bail, ensure};
use exec::Program;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use testbed::{Lab, Machine};

/// Where the entry's folder, and with it what all checks share, is in the machine.
const PLACE: &str = "/root/corpus";
/// No installation and no use takes longer.
const PATIENCE: Duration = Duration::from_secs(900);
/// Answers to questions that have neither a default nor a generated answer.
const ANSWERS: &str = "answers.toml";
/// A line of `usable` that names packages which only the check needs.
const NEEDS: &str = "# needs: ";

/// One application.
pub struct Entry {
    pub name: String,
    pub folder: PathBuf,
}

/// What came of one.
pub struct Outcome {
    pub name: String,
    /// Questions that its packages ask of an unattended machine at priority high or above, as last measured.
    pub asked: Option<u64>,
    /// How many of them the appliance answers.
    pub answered: Option<u64>,
    /// Why it is not usable.
    pub failure: Option<String>,
    /// Of the installation, as vainstall counts them.
    pub seconds: Option<f64>,
}

/// The folder with all of them.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus")
}

/// The entries with these names, or all, by name.
pub fn entries(names: &[String]) -> Result<Vec<Entry>> {
    let corpus = folder();
    let mut all = vec![];
    for found in fs::read_dir(&corpus).with_context(|| format!("cannot read {}", corpus.display()))? {
        let folder = found?.path();
        if folder.join("appliance.toml").exists() {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            all.push(Entry { name, folder });
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|e| e.name == **name)) {
        bail!("{unknown} is not in {}", corpus.display());
    }
    all.retain(|e| names.is_empty() || names.contains(&e.name));
    Ok(all)
}

impl Entry {
    /// Measures the question coverage, which vabuild keeps beside the definition.
    pub fn measure(&self, dist: &Dist) -> Result<()> {
        let program = dist.program("vabuild").args(["check", "--install", "--programs"]).arg(&dist.programs);
        let program = match self.answers() {
            Some(answers) => program.arg("--answers").arg(answers),
            None => program,
        };
        program.arg(&self.folder).timeout(PATIENCE).run()?;
        Ok(())
    }

    /// Builds, installs on a fresh machine of its own with nobody there, and uses it.
    pub fn try_out(&self, dist: &Dist, lab: &Lab) -> Outcome {
        let mut outcome = self.outcome();
        let tried = self.publish(dist, lab).and_then(|_repository| {
            let machine = machine_with_tools(lab, dist, &self.name)?;
            let ending = self.install(&machine)?;
            outcome.seconds = ending["seconds"].as_f64();
            self.use_it(&machine, &ending)
        });
        outcome.failure = tried.err().map(|error| one_line(&format!("{error:#}")));
        outcome
    }

    /// What is known before it is tried.
    fn outcome(&self) -> Outcome {
        let coverage: Value = fs::read_to_string(self.folder.join("appliance.coverage"))
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        Outcome {
            name: self.name.clone(),
            asked: coverage["asked"].as_u64(),
            answered: coverage["answered"].as_u64(),
            failure: None,
            seconds: None,
        }
    }

    /// A repository with this appliance in it; it has to live as long as the machine.
    fn publish(&self, dist: &Dist, lab: &Lab) -> Result<tempfile::TempDir> {
        let folder = tempfile::tempdir()?;
        let repository = definitions::repository_with(dist, folder.path(), &self.folder)?;
        lab.http().serve_folder(&repository);
        Ok(folder)
    }

    /// The answers for questions that nobody but the owner can answer.
    fn answers(&self) -> Option<PathBuf> {
        Some(self.folder.join(ANSWERS)).filter(|path| path.exists())
    }

    /// One command; what vainstall tells at its end.
    fn install(&self, machine: &Machine) -> Result<Value> {
        let place = machine.root().join(&PLACE[1..]);
        Program::new("cp").arg("-a").arg(&self.folder).arg(&place).run()?;
        for shared in fs::read_dir(folder())?.flatten().map(|e| e.path()).filter(|p| p.is_file()) {
            fs::copy(&shared, place.join(shared.file_name().unwrap_or_default()))
                .with_context(|| format!("cannot copy {}", shared.display()))?;
        }
        fs::create_dir(place.join("secrets"))?;
        let mut program = vainstall(machine, &[&self.name, "--json"]).timeout(PATIENCE);
        if self.answers().is_some() {
            program = program.args(["--answers", &format!("{PLACE}/{ANSWERS}")]);
        }
        let output = program.output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let ending: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("vainstall told no ending: {}", last_line(&said)))?;
        ensure!(
            output.success(),
            "{} {}",
            ending["message"].as_str().unwrap_or_default(),
            ending["details"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join("; ")
        );
        for (name, secret) in ending["secrets"].as_object().into_iter().flatten() {
            fs::write(place.join("secrets").join(name), secret.as_str().unwrap_or_default())?;
        }
        Ok(ending)
    }

    fn use_it(&self, machine: &Machine, ending: &Value) -> Result<()> {
        let text = fs::read_to_string(self.folder.join("usable"))?;
        let needs = text.lines().filter_map(|l| l.strip_prefix(NEEDS)).flat_map(str::split_whitespace);
        let mut install = vec!["install", "--no-install-recommends", "curl"];
        install.extend(needs);
        apt(machine, &install).context("cannot install what the check needs")?;
        let output = machine
            .program(&format!("{PLACE}/usable"))
            .env("URL", ending["url"].as_str().unwrap_or_default())
            .env("ADDRESS", machine.address.to_string())
            .env("CREDENTIALS_DIRECTORY", format!("{PLACE}/secrets"))
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .timeout(PATIENCE)
            .output()?;
        ensure!(output.success(), "{}", last_line(&String::from_utf8_lossy(&output.stderr)));
        Ok(())
    }
}

fn last_line(text: &str) -> &str {
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing")
}

/// Fit for a cell of a table.
fn one_line(text: &str) -> String {
    let text: Vec<&str> = text.split_whitespace().collect();
    let text = text.join(" ").replace('|', "/");
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
