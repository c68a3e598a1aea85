//! Requests and replies.

use crate::accounts::{Account, OwnAccount, Secret, SessionInfo, Sessions};
use crate::audit::{Audit, AuditFilter};
use crate::machine::{Addresses, MachineState, Power, Rubbish, Scheduled, Vitals, When};
use crate::services::{Entry, JournalFilter, Service, ServiceState, Verb};
use crate::updates::{Automatic, Changes, KeptFile, Packages, Plan, Run};
use events::Status;
use load::{Load, Span};
use plugin::{
    manifest::{Manifest, Role},
    query::{Data, Wanted},
    wants::Want,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One request. `session` is the token from the browser's cookie; a caller that is root needs none.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// For the audit trail: the browser's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    pub ask: Ask,
}

/// The closed set. Role needed: V viewer, A administrator, R root on this machine, – nobody signed in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    /// R: makes a one-time sign-in link's token, valid for `minutes` (1 to 1440). → [`Answer::Token`]
    CreateLink { role: Role, minutes: u32 },
    /// –: turns a link's token into a session, once. `agent` is the browser, in a few words. → [`Answer::Session`]
    RedeemLink {
        token: String,
        #[serde(default)]
        agent: String,
    },
    /// –: signs in with an account of the machine. → [`Answer::Session`], or [`Answer::CodeNeeded`]
    SignIn {
        name: String,
        password: Secret,
        #[serde(default)]
        agent: String,
    },
    /// –: the second factor of a sign-in that has begun. → [`Answer::Session`]
    GiveCode { token: String, code: Secret },
    /// V: who the session is. → [`Answer::Who`]
    Who {},
    /// V: ends this session. → [`Answer::Done`]
    EndSession {},
    /// V: whose session it is, as far as signing in goes. → [`Answer::OwnAccount`]
    OwnAccount {},
    /// V: one's own sessions; an administrator sees all. → [`Answer::Sessions`]
    Sessions {},
    /// V: ends sessions; those of others only for an administrator. → [`Answer::Done`]
    EndSessions { which: Sessions },
    /// V: a new secret for one's second factor, of no effect before it is confirmed. → [`Answer::CodeSecret`]
    BeginCodes {},
    /// V: turns the second factor on with its first code. → [`Answer::RecoveryCodes`]
    ConfirmCodes { code: Secret },
    /// V: turns one's second factor off, with a code of it. → [`Answer::Done`]
    EndCodes { code: Secret },
    /// R: turns an account's second factor off. → [`Answer::Done`]
    ResetCodes { account: String },
    /// A: the accounts that may sign in, and those that could be let in. → [`Answer::Accounts`]
    Accounts {},
    /// A: whether the page's certificate may be changed; written down. The page has it in its own folder. → [`Answer::Done`]
    ChangeCertificate {
        /// Its SHA-256 fingerprint; none: back to the one the machine made.
        #[serde(default)]
        fingerprint: Option<String>,
    },
    /// V: the appliances on this machine, with their health. → [`Answer::Appliances`]
    Appliances {},
    /// V: installed packages, and what an upgrade would do. → [`Answer::Packages`]
    Packages {},
    /// V: what an upgrade of these packages, or of all, would do to the machine. → [`Answer::Plan`]
    Plan { packages: Vec<String> },
    /// A: what the update of a package says of itself. → [`Answer::Changes`]
    Changes { package: String },
    /// A: new versions of configuration files that were not taken, with the differences. → [`Answer::KeptFiles`]
    KeptFiles {},
    /// V: every run of the package manager, newest first. → [`Answer::History`]
    History {},
    /// V: one run, with what it showed. → [`Answer::Run`]
    Run { id: String },
    /// V: how updates are installed automatically. → [`Answer::Automatic`]
    Automatic {},
    /// A: an appliance's questions with their present answers, no secret among them, in the first of these languages
    /// (`de_AT`, `de`) that there is. → [`Answer::Settings`]
    Settings { appliance: String, languages: Vec<String> },
    /// R: reads a file of answers, in any of its notations. → [`Answer::Answers`]
    ReadAnswers { appliance: String, text: String },
    /// V: the services of this machine, those of appliances first. → [`Answer::Services`]
    Services {},
    /// V: one of them. → [`Answer::Service`]
    Service { unit: String },
    /// V: how busy the machine was. → [`Answer::Load`]
    Load { span: Span },
    /// V: what of the machine may need somebody. → [`Answer::Vitals`]
    Vitals {},
    /// V: the machine with its settings. → [`Answer::Machine`]
    Machine {},
    /// –: a change of the network is good: whoever knows its task has come over the new configuration. → [`Answer::Done`]
    ConfirmNetwork { id: TaskId },
    /// A: has the machine go down later; what was scheduled before is so no more. → [`Answer::Scheduled`]
    Schedule { what: Power, when: When },
    /// A: takes back what was scheduled. → [`Answer::Done`]
    CancelSchedule {},
    /// A: lines of the journal, newest first. → [`Answer::Journal`]
    Journal { filter: JournalFilter },
    /// A: who did what, newest first. → [`Answer::Audit`]
    Audit { filter: AuditFilter },
    /// V: tasks, newest first. → [`Answer::Tasks`]
    Tasks {},
    /// V: one task. → [`Answer::Task`]
    Task { id: TaskId },
    /// V: the task's events file, opened for reading. → [`Answer::File`] and a descriptor
    TaskEvents { id: TaskId },
    /// A: a file that the task made, opened for reading. → [`Answer::File`] and a descriptor
    Artifact { id: TaskId, name: String },
    /// A: a new upload for an action's parameter, opened for writing; gone after an hour unused. → [`Answer::Upload`] and a descriptor
    CreateUpload {},
    /// A (for an action: the action's role): starts a task. → [`Answer::Task`]; for settings also [`Answer::Unfit`], and
    /// [`Answer::Done`] when no answer would change
    Start { work: Work },
    /// A: asks a task to stop, where that is safe. → [`Answer::Done`]
    Cancel { id: TaskId },
    /// A: the secrets that a task's action has made, once. → [`Answer::Secrets`]
    Reveal { id: TaskId },
    /// An action's own program: have a service restarted that its manifest names. → [`Answer::Done`]
    RestartService { unit: String },
    /// V: the manifests of the installed plugins. → [`Answer::Plugins`]
    Plugins {},
    /// The query's role: what it says now, or has said a moment ago. → [`Answer::Data`]
    Query {
        plugin: String,
        query: String,
        #[serde(default)]
        wanted: Wanted,
    },
    /// V: the plugins that ask for more than was agreed to. → [`Answer::Asking`]
    Asking {},
    /// A: agrees to what a plugin asks for: all of this, as it was shown. → [`Answer::Done`]
    Agree { plugin: String, more: Vec<Want> },
    /// V: the installed plugins that cannot be used. → [`Answer::FaultyPlugins`]
    FaultyPlugins {},
}

/// What a task does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "work", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Work {
    /// `apt-get update`
    Refresh {},
    /// Installs updates: all that are pending, or the packages named.
    Upgrade {
        #[serde(default)]
        packages: Vec<String>,
        /// When they are installed, the machine restarts.
        #[serde(default, skip_serializing_if = "is_false")]
        restart: bool,
    },
    /// Fetches updates, all or of the packages named, and looks into them; installs nothing.
    Download {
        #[serde(default)]
        packages: Vec<String>,
    },
    /// Brings an interrupted or failed installation to its end.
    Repair {},
    /// Restarts the services that run on libraries that are gone.
    RestartServices {},
    /// Decides about a new version of a configuration file: takes it, or lets it go. With the hash that [`KeptFile`] has, only while both
    /// are what was shown.
    DecideFile {
        path: String,
        seen: String,
        adopt: bool,
    },
    /// How updates are installed automatically.
    Automatic {
        settings: Automatic,
    },
    Restart {},
    Shutdown {},
    Service {
        unit: String,
        verb: Verb,
    },
    /// Lets an account look at the page, or does not any more.
    Viewer {
        account: String,
        may: bool,
    },
    /// Gives the machine a name: `wiki`, or `wiki.example.org`.
    HostName {
        name: String,
    },
    /// `Europe/Berlin`
    TimeZone {
        zone: String,
    },
    /// Has the clock set by the network, or not.
    Clock {
        synchronise: bool,
    },
    /// Removes what is not needed.
    Clean {
        what: Rubbish,
    },
    /// Gives an interface other addresses. Unless that is confirmed within the time, the old ones come back.
    Network {
        interface: String,
        addresses: Addresses,
        /// Seconds.
        #[serde(default = "confirm_within")]
        within: u32,
    },
    /// New answers to an appliance's questions. With the revision of the [`Settings`] that were
    /// shown, only while no answer is another. The task keeps the names of those that change, and no answer.
    Settings {
        appliance: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<String>,
        answers: NewAnswers,
    },
    /// An action of a plugin. A file parameter's value is an upload's id.
    Action {
        plugin: String,
        action: String,
        parameters: BTreeMap<String, String>,
    },
}

/// Seconds in which a change of the network is confirmed.
pub fn confirm_within() -> u32 {
    90
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// `YYYYMMDD-HHMMSS-xxxxxxxx` (UTC, then 8 hexadecimal digits): sorts by time, safe as file and unit name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TaskId(String);

impl TaskId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl std::fmt::Display for TaskId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl From<TaskId> for String {
    fn from(id: TaskId) -> String {
        id.0
    }
}
impl TryFrom<String> for TaskId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let shape = |pattern: &str| {
            text.len() == pattern.len()
                && text.bytes().zip(pattern.bytes()).all(|(c, p)| match p {
                    b'0' => c.is_ascii_digit(),
                    b'x' => matches!(c, b'0'..=b'9' | b'a'..=b'f'),
                    other => c == other,
                })
        };
        if shape("00000000-000000-xxxxxxxx") { Ok(TaskId(text)) } else { Err("not a task's id".into()) }
    }
}

impl JsonSchema for TaskId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TaskId".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^\\d{8}-\\d{6}-[0-9a-f]{8}$" })
    }
}

/// The one line that comes back.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(clippy::large_enum_variant, reason = "there is one of it for each request")]
pub enum Reply {
    Answer(Answer),
    Refused(Refusal),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    Done,
    Token(String),
    Session {
        token: String,
        who: Who,
    },
    /// The password was right; the sign-in goes on with [`Ask::GiveCode`] and this token.
    CodeNeeded {
        token: String,
    },
    Who(Who),
    OwnAccount(OwnAccount),
    Sessions(Vec<SessionInfo>),
    CodeSecret {
        /// Base32 (RFC 4648), as authenticator apps take it.
        secret: Secret,
        /// The same as an `otpauth:` link.
        link: Secret,
    },
    /// Each replaces a code, once. They are told this once only.
    RecoveryCodes(Vec<Secret>),
    Accounts(Vec<Account>),
    Appliances(Vec<Appliance>),
    Packages(Packages),
    Plan(Plan),
    Changes(Changes),
    KeptFiles(Vec<KeptFile>),
    History(Vec<Run>),
    Run {
        run: Run,
        /// The package manager's lines, as far as they are still there.
        output: Vec<String>,
    },
    Automatic(Automatic),
    Settings(Settings),
    /// By the questions' names. May hold secrets.
    Answers(NewAnswers),
    Unfit(Unfit),
    Services(Vec<Service>),
    Service(Box<ServiceState>),
    Journal(Vec<Entry>),
    Audit(Audit),
    Load(Load),
    Vitals(Box<Vitals>),
    Machine(Box<MachineState>),
    Scheduled(Scheduled),
    Tasks(Vec<Task>),
    Task(Task),
    /// A descriptor comes with it; bytes at this moment.
    File {
        size: u64,
    },
    /// A descriptor comes with it.
    Upload {
        id: String,
    },
    Plugins(Vec<Manifest>),
    Data(Box<Data>),
    Asking(Vec<Asking>),
    Secrets(Vec<MadeSecret>),
    FaultyPlugins(Vec<FaultyPlugin>),
}

/// Why not. `message` is for the person; it names the thing and the way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    pub reason: Reason,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// No session, or one that has ended; or name, password or code are wrong.
    SignIn,
    /// Too many attempts: again after a while.
    TooMany,
    /// The role does not allow it.
    Forbidden,
    NotFound,
    /// An argument is wrong.
    Invalid,
    /// Something else is running that must end first.
    Busy,
    /// It went wrong here.
    Failed,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Who {
    pub name: String,
    /// It is an account of the machine, not a link's bearer.
    #[serde(default)]
    pub account: bool,
    pub role: Role,
    /// Seconds since 1970.
    pub since: u64,
    /// For forms: proves that the page came from here.
    pub csrf: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Appliance {
    pub name: String,
    pub version: String,
    pub summary: String,
    pub url: String,
    pub healthy: bool,
    pub checks: Vec<Check>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// What was looked at, e.g. `http://127.0.0.1/`.
    pub name: String,
    pub ok: bool,
    /// What was found, in the owner's words.
    pub message: String,
}

/// By the questions' names. An empty secret stays as it is; none takes an optional one away.
pub type NewAnswers = BTreeMap<String, Option<String>>;

/// An appliance's questions, as `appliance-configure settings` tells them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    pub appliance: String,
    pub version: String,
    pub summary: String,
    /// Another one when any answer, secret or question has changed.
    pub revision: String,
    pub questions: Vec<Setting>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Setting {
    pub name: String,
    pub prompt: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The question's type, as it is written in a definition.
    #[serde(rename = "type")]
    pub kind: String,
    /// Neighbours with the same title belong together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    #[serde(default)]
    pub choices: Vec<Choice>,
    /// The present answer, or the default; of a secret always empty.
    pub value: String,
    /// A secret is kept on the machine: an empty answer leaves it as it is, and when it is optional, none takes it away.
    pub kept: bool,
    /// Of a secret that is not kept: an empty answer has one made.
    pub made: bool,
    /// Nobody is asked: no part of a form.
    #[serde(default)]
    pub internal: bool,
    pub optional: bool,
    /// Whether its condition holds now.
    pub asked: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
}

impl Setting {
    pub fn is_secret(&self) -> bool {
        self.kind == "password"
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Choice {
    pub value: String,
    pub text: String,
}

/// Asked when the question is asked and its answer is one of `is`, or, where that is empty, none of `not`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Condition {
    pub question: String,
    pub is: Vec<String>,
    pub not: Vec<String>,
}

/// Why new answers were not taken; nothing has changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Unfit {
    /// Others have been given since the form was made.
    pub stale: bool,
    /// What is wrong, by question: goes after its name, as in "must be a port, …".
    pub faults: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    pub id: TaskId,
    pub title: String,
    pub work: Work,
    /// Who started it.
    pub by: String,
    /// Seconds since 1970.
    pub started: u64,
    pub ended: Option<u64>,
    /// None while it runs.
    pub status: Option<Status>,
    pub message: String,
    pub artifacts: Vec<Artifact>,
    pub cancellable: bool,
    /// Secrets that nobody has looked at yet.
    #[serde(default)]
    pub secrets: usize,
}

/// A secret that an action has made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MadeSecret {
    pub label: String,
    pub value: String,
}

/// Without the value.
impl std::fmt::Debug for MadeSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeSecret").field("label", &self.label).finish_non_exhaustive()
    }
}

/// A plugin that asks for more than was agreed to: none of its programs starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asking {
    pub plugin: String,
    pub more: Vec<Want>,
}

/// A plugin whose manifest keeps it from being used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FaultyPlugin {
    /// The manifest's path.
    pub file: String,
    /// What is wrong with it, in full.
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Artifact {
    pub name: String,
    pub size: u64,
}
