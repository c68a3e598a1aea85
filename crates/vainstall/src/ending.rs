//! The ending: where the application and its management page are, and the secrets, once.

use crate::{answers::Answers, health::Check, plan::megabytes, progress::Style};
use appliance::{Host, seed_value};
use apt::Plan;
use configure::Machine;
use exec::Program;
use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};

/// All that is told at the end; with `--json` just so.
#[derive(Default, Serialize)]
pub struct Ending {
    pub appliance: String,
    pub version: String,
    /// `ok`, `planned` or `failed`
    pub status: &'static str,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub management: Option<Management>,
    /// Made on this machine, by the questions' names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub health: Vec<Check>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Planned>,
    /// The last lines of what failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    pub seconds: f64,
    /// The exit status.
    pub exit: u8,
}

/// The management page.
#[derive(Serialize)]
pub struct Management {
    pub url: String,
    /// Signs in, once.
    pub link: String,
    /// SHA256 of the certificate, for the browser's question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// Of a dry run.
#[derive(Serialize)]
pub struct Planned {
    /// Installed first, in a run of their own, with what they need.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
    pub install: Vec<String>,
    pub remove: Vec<String>,
    /// Bytes.
    pub download: u64,
    pub disk: i64,
    pub answers: BTreeMap<String, String>,
    pub seeds: BTreeMap<String, String>,
}

impl Planned {
    pub fn new(plan: &Plan, before: &[String], answers: &Answers, seeds: BTreeMap<String, String>) -> Self {
        Planned {
            before: before.to_vec(),
            install: plan.changes.iter().map(|c| format!("{} {}", c.name, c.to)).collect(),
            remove: plan.removals.clone(),
            download: plan.download,
            disk: plan.disk,
            // a secret is not shown
            answers: answers.iter().map(|(name, a)| (name.clone(), a.to_string())).collect(),
            seeds,
        }
    }
}

/// The application's address with this machine's names and the answers in it.
pub fn url(url: &str, host: &Host, answers: &BTreeMap<String, String>) -> Option<String> {
    let parts = seed_value::parse(url).ok().filter(|p| !p.is_empty())?;
    seed_value::render(&parts, host, answers).ok()
}

/// The same of an appliance that is installed.
pub fn url_of_installed(name: &str) -> Option<String> {
    let machine = Machine::here();
    configure::installed::load(&machine, name)
        .ok()
        .map(|installed| installed.url(&machine))
        .filter(|u| !u.is_empty())
}

/// The management page, where it is installed and answers.
pub fn management(host: &Host) -> Option<Management> {
    let program = Program::new("appliance-control").args(["link", "--json"]).timeout(Duration::from_secs(30));
    let answer: serde_json::Value = serde_json::from_slice(&program.run().ok()?.stdout).ok()?;
    let links: Vec<&str> = answer["links"].as_array()?.iter().filter_map(|l| l.as_str()).collect();
    let link = links.iter().find(|l| l.contains(&host.address)).or(links.first())?.to_string();
    let origin = link.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    Some(Management {
        url: format!("{origin}/"),
        link,
        fingerprint: answer["fingerprint"].as_str().map(str::to_owned),
    })
}

impl Ending {
    /// On standard output. Events as JSON Lines may be kept somewhere: no secret stands in them.
    pub fn tell(&self, json: bool, style: Style) {
        let text = if json {
            serde_json::to_string_pretty(self).unwrap_or_default()
        } else if style == Style::Json {
            return;
        } else {
            self.text()
        };
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), "{text}");
    }

    fn text(&self) -> String {
        let mut text = format!("\n{}\n", self.message);
        let mut line =
            |name: &str, value: &str| text.push_str(&format!("  {:<24} {value}\n", format!("{name}:")));
        if let Some(url) = &self.url {
            line("Application", url);
        }
        if let Some(page) = &self.management {
            line("Management page", &page.url);
            line("Sign in there, once", &page.link);
            if let Some(fingerprint) = &page.fingerprint {
                line("Its certificate", fingerprint);
            }
        }
        for (name, secret) in &self.secrets {
            line(name, &format!("{secret}   (made here, shown once)"));
        }
        if let Some(plan) = &self.plan {
            for (name, answer) in &plan.answers {
                line(name, answer);
            }
            for (question, value) in &plan.seeds {
                line(question, value);
            }
            if !plan.before.is_empty() {
                line("Install first", &plan.before.join(", "));
            }
            line("Install", &plan.install.join(", "));
            if !plan.remove.is_empty() {
                line("Remove", &plan.remove.join(", "));
            }
            line("Download", &megabytes(plan.download));
            line("On the disk", &megabytes(plan.disk.max(0).unsigned_abs()));
        }
        line("Time", &format!("{:.1} s", self.seconds));
        text.trim_end().to_owned()
    }
}
