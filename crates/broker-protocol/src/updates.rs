//! What requests and replies say about packages, updates and their history.

use crate::machine::is_time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Packages {
    /// Seconds since 1970 of the last successful refresh; none when there was none.
    pub refreshed: Option<u64>,
    pub installed: Vec<Installed>,
    pub updates: Vec<Update>,
    /// Would be removed by the updates.
    pub removals: Vec<String>,
    /// Not updated.
    pub kept_back: Vec<KeptBack>,
    /// Bytes.
    pub download: u64,
    /// Bytes by which the machine fills up, or below 0 empties.
    #[serde(default)]
    pub disk: i64,
    /// Sources that the last refresh failed on.
    #[serde(default)]
    pub failed_sources: Vec<FailedSource>,
    /// Not completely installed: an interrupted run, or a package whose script failed.
    #[serde(default)]
    pub unfinished: Vec<String>,
    pub reboot_required: bool,
    /// Why, each as a sentence.
    #[serde(default)]
    pub reboot_reasons: Vec<String>,
    /// Services whose programs or libraries were replaced while they ran.
    #[serde(default)]
    pub outdated: Vec<Outdated>,
    /// New versions of configuration files that were not taken.
    #[serde(default)]
    pub kept_files: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Installed {
    pub name: String,
    pub version: String,
    pub summary: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Update {
    pub name: String,
    /// None for a package that comes new.
    pub from: Option<String>,
    pub to: String,
    pub origin: String,
    pub security: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeptBack {
    pub name: String,
    /// Empty where it is not known.
    pub from: String,
    pub to: String,
    pub why: WhyKept,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WhyKept {
    /// Put on hold by the owner.
    Held,
    /// Its update is handed out to some machines first.
    Phased,
    /// It needs others to be removed, or that cannot be installed.
    Blocked,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FailedSource {
    /// Address and suite.
    pub source: String,
    pub message: String,
    /// Seconds since 1970 when something new last came from it.
    pub fetched: Option<u64>,
}

/// A service that runs on files that are gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Outdated {
    pub unit: String,
    pub files: Vec<String>,
    /// It can be restarted by itself; else it takes a restart of the machine, or a new sign-in.
    pub restartable: bool,
}

/// What an upgrade would do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    pub updates: Vec<Update>,
    /// Would be removed. No upgrade removes anything: with one of these it is refused.
    pub removals: Vec<String>,
    pub kept_back: Vec<KeptBack>,
    /// Bytes still to be downloaded.
    pub download: u64,
    /// Bytes by which the machine fills up, or below 0 empties.
    pub disk: i64,
    /// Which disk has too little room, in words.
    pub shortage: Option<String>,
    /// Configuration files that were changed here, and stay as they are.
    pub conffiles: Vec<Conffile>,
    /// Services that belong to these packages, which normally restart them.
    pub restarts: Vec<String>,
    /// Other services that use files of these packages, and go on with the old ones until they are restarted.
    pub affected: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Conffile {
    pub package: String,
    pub path: String,
    /// It was removed here, and stays so.
    pub removed: bool,
}

/// What the update of a package says of itself, once it has been downloaded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Changes {
    pub package: String,
    pub from: Option<String>,
    pub to: String,
    /// The rest is empty when it has not been downloaded.
    pub downloaded: bool,
    /// Since the installed version.
    pub changelog: String,
    pub news: String,
    pub conffiles: Vec<NewConffile>,
}

/// What the update has for a configuration file that was changed here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NewConffile {
    pub path: String,
    /// As diff -u shows it; none when one of the two is no text.
    pub difference: Option<String>,
}

/// A new version of a configuration file that lies beside the one in use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeptFile {
    pub path: String,
    /// The path of the new version.
    pub new: String,
    /// Seconds since 1970 when it was put there.
    pub since: u64,
    /// As diff -u shows it; none when one of the two is no text.
    pub difference: Option<String>,
    /// Hash of both.
    pub seen: String,
}

/// One run of the package manager. Times are the machine's own: `2026-11-23 08:20:11`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    pub id: String,
    pub start: String,
    /// None when it was broken off, or runs.
    pub end: Option<String>,
    pub command: String,
    /// Who asked through sudo.
    pub by: Option<String>,
    pub source: RunSource,
    pub changes: Vec<RunChange>,
    pub error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RunSource {
    /// unattended-upgrades
    Automatic,
    /// This page, its command line, or `vainstall`.
    Appliance,
    Hand,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunChange {
    /// `installed`, `updated`, `downgraded`, `removed`
    pub what: String,
    pub name: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

/// How updates are installed automatically.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Automatic {
    pub install: Which,
    /// `HH:MM`, the machine's time.
    pub at: String,
    /// `HH:MM` when the machine may restart if an update asks for it; none: never by itself.
    pub restart: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    #[default]
    Nothing,
    Security,
    All,
}

impl Automatic {
    /// Whether the times are times.
    pub fn is_well_formed(&self) -> bool {
        std::iter::once(&self.at).chain(&self.restart).all(|time| is_time(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_times_are_times() {
        for (text, expect) in [
            ("04:30", true),
            ("23:59", true),
            ("24:00", false),
            ("4:30", false),
            ("04:30\n", false),
            ("+4:30", false),
            ("", false),
        ] {
            let of = |at: &str, restart: Option<&str>| Automatic {
                at: at.into(),
                restart: restart.map(Into::into),
                ..Automatic::default()
            };
            assert_eq!(of(text, None).is_well_formed(), expect, "{text:?}");
            assert_eq!(of("01:00", Some(text)).is_well_formed(), expect, "{text:?}");
        }
    }
}
