//! What a plugin package declares.

pub use answer::{Parameter, ParameterType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where manifests are installed: `NAME.json` each.
pub const MANIFESTS: &str = "/usr/share/appliance-control/plugins";
/// Where programs are installed: `NAME/` each.
pub const PROGRAMS: &str = "/usr/lib/appliance-control/plugins";
/// The version of manifest and protocol that this crate speaks.
pub const VERSION: u32 = 1;

/// `/usr/share/appliance-control/plugins/NAME.json`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// 1. A later one is refused, whatever else it holds.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// The appliance's name, and the file's.
    pub name: String,
    pub title: String,
    /// Version of the plugin package.
    pub package_version: String,
    /// Services that belong to it: shown with their state, and the way to their log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// Shown on the plugin's page, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cards: Vec<Card>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<Query>,
    #[serde(default)]
    pub actions: Vec<Action>,
}

/// A box on the plugin's page: facts and a text that are known beforehand, or the answer of a query.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Card {
    pub title: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The name of a query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
}

/// `Pages: 120`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fact {
    pub label: String,
    pub value: String,
}

/// Something that can be looked at: a program that changes nothing and ends soon.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Query {
    pub name: String,
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The program below the plugin's folder.
    pub run: String,
    /// Who may look.
    #[serde(default = "viewer")]
    pub role: Role,
    pub user: String,
    /// Paths in folders that are hidden from it otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readable: Vec<String>,
    /// Names of the appliance's secret answers that it gets as files in `$CREDENTIALS_DIRECTORY`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub network: bool,
    /// MiB; 512 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 16, max = 65536))]
    pub memory: Option<u32>,
    /// Seconds, 1 to 30; 10 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 30))]
    pub timeout: Option<u32>,
    /// Seconds, 0 to 3600, for which an answer is given again; 5 when not given. No longer than until the next action of the plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3600))]
    pub cache: Option<u32>,
    /// It looks for a text that a person types.
    #[serde(default, skip_serializing_if = "is_false")]
    pub search: bool,
}

/// Something that can be done: a form and a button in the page, a command in the shell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Action {
    pub name: String,
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The program below the plugin's folder.
    pub run: String,
    /// Who may start it.
    pub role: Role,
    /// Asked before it starts: what a person agrees to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// The form's fields, in this order.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// A local user.
    pub user: String,
    /// What it may write to.
    #[serde(default)]
    pub writable: Vec<String>,
    /// Paths in folders that are hidden from it otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readable: Vec<String>,
    /// Names of the appliance's secret answers that it gets as files in `$CREDENTIALS_DIRECTORY`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    #[serde(default)]
    pub network: bool,
    /// Services that it may have restarted, with a `restart` frame.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restarts: Vec<String>,
    /// MiB; 512 when not given. 0: three quarters of what the machine has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 65536))]
    pub memory: Option<u32>,
    /// Seconds until it is asked to stop, 1 to 86400; 3600 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86400))]
    pub timeout: Option<u32>,
    /// Values to try it with, for `appliance-control plugin check`. Without them it is not tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<std::collections::BTreeMap<String, String>>,
    /// It has the system manager, to hold these units still. User root only; for backup and restore.
    #[serde(default)]
    pub units: Vec<String>,
    /// Changes the machine's configuration, as `appliance-configure` does: may write anywhere but /usr and /boot, use the
    /// network and the system manager. For putting a backup back; asks for user root.
    #[serde(default, skip_serializing_if = "is_false")]
    pub configures: bool,
}

/// Who may do something. Each role may do what the ones before it may.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Viewer,
    #[default]
    Administrator,
}

impl Manifest {
    pub fn action(&self, name: &str) -> Option<&Action> {
        self.actions.iter().find(|a| a.name == name)
    }
    pub fn query(&self, name: &str) -> Option<&Query> {
        self.queries.iter().find(|q| q.name == name)
    }
}

fn viewer() -> Role {
    Role::Viewer
}

fn is_false(flag: &bool) -> bool {
    !flag
}
