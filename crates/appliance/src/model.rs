//! The shape of a definition: one type per table of `appliance.toml`.
//!
//! The same types are written as JSON into the metapackage (`/usr/share/appliances/NAME/definition.json`, with the
//! named files beside it under their paths in the definition's folder), so what the machine applies is what was checked.
//! Paths on the machine are absolute; paths in the definition's folder are relative and never leave it.

use crate::question::{Question, is_false};
pub use answer::Parameter;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A whole `appliance.toml`: an appliance, ordinary packages, or both.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Definition {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appliance: Option<Appliance>,
    #[serde(default, rename = "question", skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
    #[serde(default, rename = "seed", skip_serializing_if = "Vec::is_empty")]
    pub seeds: Vec<Seed>,
    #[serde(default, rename = "user", skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<User>,
    #[serde(default, rename = "database", skip_serializing_if = "Vec::is_empty")]
    pub databases: Vec<Database>,
    #[serde(default, rename = "directory", skip_serializing_if = "Vec::is_empty")]
    pub directories: Vec<Directory>,
    #[serde(default, rename = "file", skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<File>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apache: Option<Apache>,
    #[serde(default, rename = "unit", skip_serializing_if = "Vec::is_empty")]
    pub units: Vec<Unit>,
    #[serde(default, rename = "step", skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<Backup>,
    #[serde(default, rename = "health", skip_serializing_if = "Vec::is_empty")]
    pub health: Vec<Health>,
    #[serde(default, rename = "action", skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
    #[serde(default, rename = "query", skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<Query>,
    #[serde(default, rename = "card", skip_serializing_if = "Vec::is_empty")]
    pub cards: Vec<Card>,
    /// Ordinary packages built from the same folder: a bundled application, or the project's own programs.
    #[serde(default, rename = "package", skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<Package>,
}

/// `[appliance]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Appliance {
    /// The packages become `NAME-appliance`, `NAME-appliance-seed` and `appliance-control-NAME`.
    pub name: String,
    /// Debian version of all three packages.
    pub version: String,
    /// One line, at most 60 characters (Policy 3.4.1).
    pub summary: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `Name <address>` (Policy 5.6.2).
    pub maintainer: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// What the metapackage depends on, each a relation as in `Depends` (Policy 7.1).
    pub packages: Vec<String>,
    /// Packages that are installed, with their services running, before any of the others: an application whose
    /// installation needs a server that works. `vainstall` keeps to it, plain apt cannot. A `[[database]]` adds its server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
    /// Debian releases (code names) it is made for; the first is what `vabuild check` looks into.
    #[serde(default = "default_releases")]
    pub releases: Vec<String>,
    /// Where the owner finds the application, e.g. `http://{{ host.address }}/` or `ldap://{{ host.fqdn }}`. Left out where there
    /// is nothing to open.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// Users and groups that the packages make, and no list knows: files may belong to them and steps run as them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub package_users: Vec<String>,
    /// Paths whose change by another package makes dpkg apply the configuration again (deb-triggers(5)).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<String>,
}

/// An answer to somebody else's debconf question, given in advance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Seed {
    pub package: String,
    /// `package/name`, as debconf-show(1) prints it.
    pub question: String,
    /// debconf's type: string, boolean, select, multiselect, password, note, text, error.
    #[serde(rename = "type", default = "default_seed_type")]
    pub kind: String,
    /// Fixed text and `{{ host.name }}`, `{{ host.fqdn }}`, `{{ host.address }}`, `{{ answers.NAME }}`,
    /// `{{ database.NAME.password }}` and its like: a shell script has to render it before any package is unpacked, so
    /// no more than these.
    pub value: String,
    /// The template, where it differs from the question (`dbconfig-common/mysql/app-pass`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
}

/// A system user (and group of the same name), made by systemd-sysusers, never removed with its data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct User {
    pub name: String,
    /// GECOS field.
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
}

/// A database with its user on a server of this machine. What it holds is the owner's data: it stays on removal and on
/// purge, unless the owner asks for its deletion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Database {
    pub engine: Engine,
    /// Lower case letters, digits and `_`, a letter first. In templates `database.NAME.password` and its like. With
    /// `package` the package's name without its hyphens, when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who owns it, in the same form; the database's name when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A question of type password whose answer is the user's password. Without it the machine makes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_question: Option<String>,
    /// Of text, when the database is made: `utf8mb4` for MariaDB and `UTF8` for PostgreSQL when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charset: Option<String>,
    /// Order of text, when the database is made: `utf8mb4_unicode_ci` for MariaDB and `C.UTF-8` for PostgreSQL when
    /// not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collation: Option<String>,
    /// A package of the appliance that makes this database itself, with dbconfig-common: its questions are answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// What dbconfig-common's questions of that package begin with, where it is not the package's name:
    /// `redmine/instances/default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dbconfig: Option<String>,
}

/// A database server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    Mariadb,
    Postgresql,
}

/// A folder of the appliance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Directory {
    pub path: String,
    #[serde(default = "default_owner")]
    pub owner: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Octal, as chmod(1) takes it.
    #[serde(default = "default_directory_mode")]
    pub mode: String,
    /// Holds the owner's data: stays on removal and on purge, unless the owner asks for its deletion.
    #[serde(default, skip_serializing_if = "is_false")]
    pub data: bool,
}

/// A file of the appliance: rendered (`template`) or copied (`source`). Exactly one of the two.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct File {
    pub path: String,
    /// minijinja; `answers.*`, `host.name`, `host.fqdn`, `host.address`, `appliance.name`, `appliance.version`,
    /// `database.NAME.*`, and `secrets.*` and `database.NAME.password` when the mode lets no others read. An unknown name is an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(default = "default_owner")]
    pub owner: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    #[serde(default = "default_file_mode")]
    pub mode: String,
    /// Written when missing, then the application's own: never overwritten, no drift reported.
    #[serde(default, skip_serializing_if = "is_false")]
    pub once: bool,
}

/// Apache's sites, modules and configuration snippets, through its own enablers (a2ensite(8) and so on).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Apache {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sites: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disable_sites: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disable_modules: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub confs: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disable_confs: Vec<String>,
}

/// A systemd unit that the appliance needs in a certain state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Unit {
    /// With its suffix: `apache2.service`.
    pub name: String,
    #[serde(default = "default_true")]
    pub enabled: bool,
    #[serde(default = "default_true")]
    pub running: bool,
    /// Reload instead of restart when one of the appliance's files has changed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub reload: bool,
}

/// What no declaration can say. Environment: `ANSWER_WIKI_NAME` for each answer that is no secret, `HOST_NAME`,
/// `HOST_FQDN`, `HOST_ADDRESS`, `APPLIANCE`, and `CREDENTIALS_DIRECTORY`, a folder with one file for each secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    pub name: String,
    /// Executable in the definition's folder; must be safe to run again.
    pub run: String,
    /// Executable whose status 0 means "already done". Without it, `run` runs when it or what it is told has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// Executable that takes it back; run on removal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    #[serde(default = "default_owner")]
    pub user: String,
    /// Seconds.
    #[serde(default = "default_step_timeout")]
    pub timeout: u32,
    /// Runs when the units do, not before them: it talks to one of them, or the application starts while it works and waits for
    /// what it makes.
    #[serde(default, skip_serializing_if = "is_false")]
    pub after_units: bool,
}

/// `[backup]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Backup {
    #[serde(default)]
    pub paths: Vec<String>,
    /// Paths below them that need not be saved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Units stopped while the files are read and the databases dumped, and while both are put back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quiesce: Vec<String>,
}

/// One thing that must be true of a healthy machine. Exactly one of `url`, `unit`, `tcp`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Health {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// HTTP status that is right; 200 when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Text that the body has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// `address:port`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<String>,
    /// Seconds to wait for it after an installation; 30 when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<u32>,
}

/// What the management page can do: a form and a button there, a command in the shell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Action {
    pub name: String,
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Executable in the definition's folder, speaks the plugin protocol.
    pub run: String,
    #[serde(default = "default_role")]
    pub role: String,
    /// Asked before it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// Name to type: a question's type, or `file` for an upload. For more than that, or another order, `[[action.parameter]]`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Fields of the form, in this order, behind those of `parameters`.
    #[serde(default, rename = "parameter", skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Parameter>,
    #[serde(default = "default_program_user")]
    pub user: String,
    /// Paths it may write to; everything else is read-only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writable: Vec<String>,
    /// Paths in folders that are hidden from it otherwise, such as /home and /etc/ssl/private.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readable: Vec<String>,
    /// Questions of type password whose answers it gets, as files in `$CREDENTIALS_DIRECTORY`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub network: bool,
    /// Services that it may have restarted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restarts: Vec<String>,
    /// MiB that it may use; 512 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u32>,
    /// Seconds until it is stopped; 3600 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u32>,
    /// Values to try it with: `appliance-control plugin check` runs it with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<BTreeMap<String, String>>,
}

/// What the management page can look at: facts, a table, or what can be chosen in an action's form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Query {
    pub name: String,
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Executable in the definition's folder; changes nothing and ends soon.
    pub run: String,
    #[serde(default = "default_query_role")]
    pub role: String,
    #[serde(default = "default_program_user")]
    pub user: String,
    /// Paths in folders that are hidden from it otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readable: Vec<String>,
    /// Questions of type password whose answers it gets, as files in `$CREDENTIALS_DIRECTORY`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub network: bool,
    /// MiB that it may use; 512 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u32>,
    /// Seconds until it is killed, at most 30; 10 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u32>,
    /// Seconds for which its answer is shown again; 5 when not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<u32>,
    /// It looks for what a person types.
    #[serde(default, skip_serializing_if = "is_false")]
    pub search: bool,
}

/// A box on the appliance's page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Card {
    pub title: String,
    #[serde(default, rename = "fact", skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A `[[query]]` whose answer stands in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
}

/// One line of a card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fact {
    pub label: String,
    pub value: String,
}

/// An ordinary package. Files below /etc become conffiles; units are enabled and started as debhelper's are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Package {
    pub name: String,
    pub version: String,
    /// `all`, or a Debian architecture such as `amd64`.
    #[serde(default = "default_architecture")]
    pub architecture: String,
    #[serde(default = "default_section")]
    pub section: String,
    pub summary: String,
    pub description: String,
    pub maintainer: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// A file in machine-readable copyright format (copyright-format 1.0).
    pub copyright: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recommends: Vec<String>,
    #[serde(default, rename = "file", skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<PackageFile>,
    #[serde(default, rename = "link", skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    #[serde(default, rename = "archive", skip_serializing_if = "Vec::is_empty")]
    pub archives: Vec<Archive>,
    /// systemd units in the definition's folder, installed to /usr/lib/systemd/system.
    #[serde(default, rename = "unit", skip_serializing_if = "Vec::is_empty")]
    pub units: Vec<PackageUnit>,
    /// A sysusers.d(5) file in the definition's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sysusers: Option<String>,
    /// A tmpfiles.d(5) file in the definition's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tmpfiles: Option<String>,
    /// Lines of the control file `triggers`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<String>,
    /// Private folders with Python modules: byte-compiled when the package is configured (`py3compile -p NAME FOLDER`)
    /// and cleaned before its files go (`py3clean -p NAME`), as dh_python3 does it. Needs `python3` in `depends`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub python: Vec<String>,
    /// Folders that purge removes with all that is in them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub purge: Vec<String>,
    /// lintian tags that do not apply, each with the reason.
    #[serde(default, rename = "lintian", skip_serializing_if = "Vec::is_empty")]
    pub lintian: Vec<LintianOverride>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PackageFile {
    /// In the definition's folder; a folder is taken with all that is in it. `{bin}/NAME` is a program of the
    /// folder given with `vabuild build --programs`. A `.1`, `.5` or `.8` below /usr/share/man is compressed.
    pub source: String,
    pub path: String,
    /// 0755 when the source is executable, else 0644.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Link {
    pub path: String,
    pub target: String,
}

/// An upstream archive from the Python registry, fetched by pip, pinned by its hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Archive {
    /// The project's name in the registry.
    pub project: String,
    pub version: String,
    /// The archive's file name: a `.whl` or a `.tar.gz`.
    pub file: String,
    /// Of the archive, 64 lower case hexadecimal digits.
    pub sha256: String,
    /// What goes where: a path in the archive (`.` for all; the top folder of a `.tar.gz` left out) to a path on the machine.
    pub take: BTreeMap<String, String>,
    /// Names of files and folders that are left out wherever they stand in what is taken (`_tests`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leave: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PackageUnit {
    pub source: String,
    #[serde(default = "default_true")]
    pub enable: bool,
    #[serde(default = "default_true")]
    pub start: bool,
    /// Not restarted when the package is upgraded (for a unit that carries the upgrade itself).
    #[serde(default, skip_serializing_if = "is_false")]
    pub keep_running: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LintianOverride {
    /// The tag as lintian prints it, and after a blank which of its findings, `*` for all.
    pub tag: String,
    pub reason: String,
}

fn default_releases() -> Vec<String> {
    vec!["trixie".into()]
}
fn default_seed_type() -> String {
    "string".into()
}
fn default_owner() -> String {
    "root".into()
}
fn default_directory_mode() -> String {
    "0755".into()
}
fn default_file_mode() -> String {
    "0644".into()
}
fn default_role() -> String {
    "administrator".into()
}
fn default_query_role() -> String {
    "viewer".into()
}
fn default_program_user() -> String {
    "nobody".into()
}
fn default_architecture() -> String {
    "all".into()
}
fn default_section() -> String {
    "admin".into()
}
fn default_step_timeout() -> u32 {
    600
}
fn default_true() -> bool {
    true
}
