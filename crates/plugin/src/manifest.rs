//! What a plugin package declares.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where manifests are installed: `NAME.json` each.
pub const MANIFESTS: &str = "/usr/share/appliance-control/plugins";
/// Where programs are installed: `NAME/` each.
pub const PROGRAMS: &str = "/usr/lib/appliance-control/plugins";
/// The version of manifest and protocol that this crate speaks.
pub const VERSION: u32 = 1;

/// `/usr/share/appliance-control/plugins/NAME.json`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    pub version: u32,
    /// The appliance's name.
    pub name: String,
    pub title: String,
    /// Version of the plugin package.
    pub package_version: String,
    pub actions: Vec<Action>,
}

/// Something that can be done: a form and a button in the page, a command in the shell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Action {
    pub name: String,
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The program below [`PROGRAMS`]`/NAME/`.
    pub run: String,
    pub role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    pub user: String,
    #[serde(default)]
    pub writable: Vec<String>,
    #[serde(default)]
    pub network: bool,
    /// May start and stop these units (through the system manager).
    #[serde(default)]
    pub units: Vec<String>,
    /// Changes the machine's configuration, as `appliance-configure` does: may write anywhere but /usr and /boot, use the
    /// network and the system manager. For putting a backup back; asks for user root.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub configures: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Parameter {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: ParameterType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ParameterType {
    String,
    Boolean,
    Password,
    Email,
    Hostname,
    Domain,
    Port,
    Number,
    /// An upload.
    File,
}

/// Who may do something. Each role may do what the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Viewer,
    Administrator,
}
