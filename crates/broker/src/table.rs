//! Who may ask what.

use broker_protocol::{Ask, Reason, Refusal, Work};
use plugin::manifest::Role;

/// What a caller has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nobody in particular.
    Nobody,
    Viewer,
    Administrator,
    /// Root on this machine; no session is enough.
    Root,
    /// What the action's, or query's, manifest says.
    Action,
    /// The program of an action, inside its sandbox.
    Task,
}

/// The one table. What is not in it is refused.
const TABLE: &[(&str, Need)] = &[
    ("create-link", Need::Root),
    ("redeem-link", Need::Nobody),
    ("sign-in", Need::Nobody),
    ("give-code", Need::Nobody),
    ("who", Need::Viewer),
    ("end-session", Need::Viewer),
    ("own-account", Need::Viewer),
    ("sessions", Need::Viewer),
    // of others: the handler looks at the role
    ("end-sessions", Need::Viewer),
    ("begin-codes", Need::Viewer),
    ("confirm-codes", Need::Viewer),
    ("end-codes", Need::Viewer),
    ("reset-codes", Need::Root),
    ("accounts", Need::Administrator),
    ("change-certificate", Need::Administrator),
    ("appliances", Need::Viewer),
    ("packages", Need::Viewer),
    ("plan", Need::Viewer),
    // configuration files may hold secrets
    ("changes", Need::Administrator),
    ("kept-files", Need::Administrator),
    ("history", Need::Viewer),
    ("run", Need::Viewer),
    ("automatic", Need::Viewer),
    ("settings", Need::Administrator),
    ("read-answers", Need::Root),
    ("services", Need::Viewer),
    ("service", Need::Viewer),
    ("journal", Need::Administrator),
    ("audit", Need::Administrator),
    ("load", Need::Viewer),
    ("vitals", Need::Viewer),
    ("machine", Need::Viewer),
    // at a new address nobody is signed in; to know the task is enough
    ("confirm-network", Need::Nobody),
    ("schedule", Need::Administrator),
    ("cancel-schedule", Need::Administrator),
    ("tasks", Need::Viewer),
    ("task", Need::Viewer),
    ("task-events", Need::Viewer),
    ("artifact", Need::Administrator),
    ("create-upload", Need::Administrator),
    ("start refresh", Need::Administrator),
    ("start upgrade", Need::Administrator),
    ("start download", Need::Administrator),
    ("start repair", Need::Administrator),
    ("start restart-services", Need::Administrator),
    ("start decide-file", Need::Administrator),
    ("start automatic", Need::Administrator),
    ("start restart", Need::Administrator),
    ("start shutdown", Need::Administrator),
    ("start service", Need::Administrator),
    ("start viewer", Need::Administrator),
    ("start host-name", Need::Administrator),
    ("start time-zone", Need::Administrator),
    ("start clock", Need::Administrator),
    ("start clean", Need::Administrator),
    ("start network", Need::Administrator),
    ("start settings", Need::Administrator),
    ("start action", Need::Action),
    ("cancel", Need::Administrator),
    ("reveal", Need::Administrator),
    ("restart-service", Need::Task),
    ("plugins", Need::Viewer),
    ("query", Need::Action),
    ("asking", Need::Viewer),
    ("agree", Need::Administrator),
    ("faulty-plugins", Need::Viewer),
];

/// Whether it is written down that somebody did it: all that changes something, lets somebody in or out, or shows what not everybody may see.
/// A look at what is written down is none of it, or each look would find the one before; nor is a query, of which a plugin's page asks some;
/// the list of accounts is no secret.
pub fn is_audited(name: &str) -> bool {
    match name {
        "end-session" | "end-sessions" | "begin-codes" | "confirm-codes" | "end-codes" => true,
        "audit" | "accounts" | "query" => false,
        other => need(other) != Some(Need::Viewer),
    }
}

/// Who asks, as far as rights go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    Root,
    /// Signed in.
    Session(Role),
    /// The program of an action.
    Task,
    /// The page, for somebody who is not signed in.
    None,
}

/// A request's name in the table and in the journal.
pub fn name(ask: &Ask) -> &'static str {
    match ask {
        Ask::CreateLink { .. } => "create-link",
        Ask::RedeemLink { .. } => "redeem-link",
        Ask::SignIn { .. } => "sign-in",
        Ask::GiveCode { .. } => "give-code",
        Ask::Who {} => "who",
        Ask::EndSession {} => "end-session",
        Ask::OwnAccount {} => "own-account",
        Ask::Sessions {} => "sessions",
        Ask::EndSessions { .. } => "end-sessions",
        Ask::BeginCodes {} => "begin-codes",
        Ask::ConfirmCodes { .. } => "confirm-codes",
        Ask::EndCodes { .. } => "end-codes",
        Ask::ResetCodes { .. } => "reset-codes",
        Ask::Accounts {} => "accounts",
        Ask::ChangeCertificate { .. } => "change-certificate",
        Ask::Appliances {} => "appliances",
        Ask::Packages {} => "packages",
        Ask::Plan { .. } => "plan",
        Ask::Changes { .. } => "changes",
        Ask::KeptFiles {} => "kept-files",
        Ask::History {} => "history",
        Ask::Run { .. } => "run",
        Ask::Automatic {} => "automatic",
        Ask::Settings { .. } => "settings",
        Ask::ReadAnswers { .. } => "read-answers",
        Ask::Services {} => "services",
        Ask::Service { .. } => "service",
        Ask::Journal { .. } => "journal",
        Ask::Audit { .. } => "audit",
        Ask::Load { .. } => "load",
        Ask::Vitals {} => "vitals",
        Ask::Machine {} => "machine",
        Ask::ConfirmNetwork { .. } => "confirm-network",
        Ask::Schedule { .. } => "schedule",
        Ask::CancelSchedule {} => "cancel-schedule",
        Ask::Tasks {} => "tasks",
        Ask::Task { .. } => "task",
        Ask::TaskEvents { .. } => "task-events",
        Ask::Artifact { .. } => "artifact",
        Ask::CreateUpload {} => "create-upload",
        Ask::Start { work } => match work {
            Work::Refresh {} => "start refresh",
            Work::Upgrade { .. } => "start upgrade",
            Work::Download { .. } => "start download",
            Work::Repair {} => "start repair",
            Work::RestartServices {} => "start restart-services",
            Work::DecideFile { .. } => "start decide-file",
            Work::Automatic { .. } => "start automatic",
            Work::Restart {} => "start restart",
            Work::Shutdown {} => "start shutdown",
            Work::Service { .. } => "start service",
            Work::Viewer { .. } => "start viewer",
            Work::HostName { .. } => "start host-name",
            Work::TimeZone { .. } => "start time-zone",
            Work::Clock { .. } => "start clock",
            Work::Clean { .. } => "start clean",
            Work::Network { .. } => "start network",
            Work::Settings { .. } => "start settings",
            Work::Action { .. } => "start action",
        },
        Ask::Cancel { .. } => "cancel",
        Ask::Reveal { .. } => "reveal",
        Ask::RestartService { .. } => "restart-service",
        Ask::Plugins {} => "plugins",
        Ask::Query { .. } => "query",
        Ask::Asking {} => "asking",
        Ask::Agree { .. } => "agree",
        Ask::FaultyPlugins {} => "faulty-plugins",
    }
}

/// What the table says about a request; None is a no to everybody.
pub fn need(name: &str) -> Option<Need> {
    TABLE.iter().find(|(n, _)| *n == name).map(|(_, need)| *need)
}

/// Whether the caller may. `action` is the role that the action's manifest asks for, when the request starts one
/// that exists.
pub fn check(name: &str, rights: Rights, action: Option<Role>) -> Result<(), Refusal> {
    let role = match need(name) {
        Some(Need::Nobody) => return Ok(()),
        Some(Need::Viewer) => Some(Role::Viewer),
        Some(Need::Administrator) => Some(Role::Administrator),
        // an action that does not exist is not told from one that is not allowed
        Some(Need::Action) => Some(action.unwrap_or(Role::Administrator)),
        Some(Need::Task) if rights == Rights::Task => return Ok(()),
        Some(Need::Root | Need::Task) | None => None,
    };
    let no = |reason, message: &str| Err(Refusal { reason, message: message.into() });
    match (role, rights) {
        (_, Rights::Root) if need(name).is_some_and(|need| need != Need::Task) => Ok(()),
        (Some(role), Rights::Session(has)) if has >= role => Ok(()),
        (Some(_), Rights::None) => {
            no(Reason::SignIn, "Sign in first; `appliance-control link` makes a link.")
        }
        (_, Rights::Task) => no(Reason::Forbidden, "An action may ask for the restart of a service only."),
        (Some(_), _) => no(Reason::Forbidden, "This needs an administrator."),
        (None, _) if need(name) == Some(Need::Task) => {
            no(Reason::Forbidden, "This can be asked by the program of an action only.")
        }
        (None, _) => no(Reason::Forbidden, "This can be done only by root on the machine itself."),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use broker_protocol::TaskId;

    /// One of each.
    pub fn every_ask() -> Vec<Ask> {
        let id = TaskId::try_from("20260101-000000-00000000".to_string()).unwrap();
        let start = |work| Ask::Start { work };
        vec![
            Ask::CreateLink { role: Role::Viewer, minutes: 1 },
            Ask::RedeemLink { token: String::new(), agent: String::new() },
            Ask::SignIn { name: String::new(), password: Default::default(), agent: String::new() },
            Ask::GiveCode { token: String::new(), code: Default::default() },
            Ask::Who {},
            Ask::EndSession {},
            Ask::OwnAccount {},
            Ask::Sessions {},
            Ask::EndSessions { which: broker_protocol::Sessions::Others {} },
            Ask::BeginCodes {},
            Ask::ConfirmCodes { code: Default::default() },
            Ask::EndCodes { code: Default::default() },
            Ask::ResetCodes { account: String::new() },
            Ask::Accounts {},
            Ask::ChangeCertificate { fingerprint: None },
            Ask::Appliances {},
            Ask::Packages {},
            Ask::Plan { packages: vec![] },
            Ask::Changes { package: String::new() },
            Ask::KeptFiles {},
            Ask::History {},
            Ask::Run { id: String::new() },
            Ask::Automatic {},
            Ask::Settings { appliance: String::new(), languages: vec![] },
            Ask::ReadAnswers { appliance: String::new(), text: String::new() },
            Ask::Services {},
            Ask::Service { unit: String::new() },
            Ask::Journal { filter: Default::default() },
            Ask::Audit { filter: Default::default() },
            Ask::Load { span: Default::default() },
            Ask::Vitals {},
            Ask::Machine {},
            Ask::ConfirmNetwork { id: id.clone() },
            Ask::Schedule { what: broker_protocol::Power::Restart, when: broker_protocol::When::Minutes(1) },
            Ask::CancelSchedule {},
            Ask::Tasks {},
            Ask::Task { id: id.clone() },
            Ask::TaskEvents { id: id.clone() },
            Ask::Artifact { id: id.clone(), name: String::new() },
            Ask::CreateUpload {},
            start(Work::Refresh {}),
            start(Work::Upgrade { packages: vec![], restart: false }),
            start(Work::Download { packages: vec![] }),
            start(Work::Repair {}),
            start(Work::RestartServices {}),
            start(Work::DecideFile { path: String::new(), seen: String::new(), adopt: false }),
            start(Work::Automatic { settings: Default::default() }),
            start(Work::Restart {}),
            start(Work::Shutdown {}),
            start(Work::Service { unit: String::new(), verb: broker_protocol::Verb::Stop }),
            start(Work::Viewer { account: String::new(), may: true }),
            start(Work::HostName { name: String::new() }),
            start(Work::TimeZone { zone: String::new() }),
            start(Work::Clock { synchronise: true }),
            start(Work::Clean { what: broker_protocol::Rubbish::Packages }),
            start(Work::Network {
                interface: String::new(),
                addresses: broker_protocol::Addresses::Dhcp,
                within: 1,
            }),
            start(Work::Settings { appliance: String::new(), revision: None, answers: Default::default() }),
            start(Work::Action {
                plugin: String::new(),
                action: String::new(),
                parameters: Default::default(),
            }),
            Ask::Cancel { id },
            Ask::Reveal { id: TaskId::try_from("20260101-000000-00000000".to_string()).unwrap() },
            Ask::RestartService { unit: String::new() },
            Ask::Plugins {},
            Ask::Query { plugin: String::new(), query: String::new(), wanted: Default::default() },
            Ask::Asking {},
            Ask::Agree { plugin: String::new(), more: vec![] },
            Ask::FaultyPlugins {},
        ]
    }

    /// Every request with every caller, written down: growth shows here.
    #[test]
    fn the_whole_table() {
        let callers =
            [Rights::None, Rights::Session(Role::Viewer), Rights::Session(Role::Administrator), Rights::Root];
        let mut got = String::new();
        for ask in every_ask() {
            let row: String = callers
                .iter()
                .map(|rights| match check(name(&ask), *rights, None) {
                    Ok(()) => 'y',
                    Err(refusal) if refusal.reason == Reason::SignIn => 's',
                    Err(_) => '-',
                })
                .collect();
            got += &format!("{row} {}\n", name(&ask));
        }
        let expected = "\
---y create-link
yyyy redeem-link
yyyy sign-in
yyyy give-code
syyy who
syyy end-session
syyy own-account
syyy sessions
syyy end-sessions
syyy begin-codes
syyy confirm-codes
syyy end-codes
---y reset-codes
s-yy accounts
s-yy change-certificate
syyy appliances
syyy packages
syyy plan
s-yy changes
s-yy kept-files
syyy history
syyy run
syyy automatic
s-yy settings
---y read-answers
syyy services
syyy service
s-yy journal
s-yy audit
syyy load
syyy vitals
syyy machine
yyyy confirm-network
s-yy schedule
s-yy cancel-schedule
syyy tasks
syyy task
syyy task-events
s-yy artifact
s-yy create-upload
s-yy start refresh
s-yy start upgrade
s-yy start download
s-yy start repair
s-yy start restart-services
s-yy start decide-file
s-yy start automatic
s-yy start restart
s-yy start shutdown
s-yy start service
s-yy start viewer
s-yy start host-name
s-yy start time-zone
s-yy start clock
s-yy start clean
s-yy start network
s-yy start settings
s-yy start action
s-yy cancel
s-yy reveal
---- restart-service
syyy plugins
s-yy query
syyy asking
s-yy agree
syyy faulty-plugins
";
        assert_eq!(got, expected);
        assert_eq!(TABLE.len(), every_ask().len(), "a line of the table that no request has");
    }

    #[test]
    fn an_action_needs_what_its_manifest_says() {
        let may = |has, needs| check("start action", has, Some(needs)).is_ok();
        let (viewer, administrator) = (Rights::Session(Role::Viewer), Rights::Session(Role::Administrator));
        assert!(may(viewer, Role::Viewer) && may(administrator, Role::Viewer));
        assert!(!may(viewer, Role::Administrator) && may(administrator, Role::Administrator));
        assert!(!may(Rights::None, Role::Viewer));
        // the manifest's role counts for actions only
        assert!(check("start upgrade", viewer, Some(Role::Viewer)).is_err());
    }

    #[test]
    fn what_is_not_in_the_table_is_refused_to_everyone() {
        for rights in [Rights::None, Rights::Session(Role::Administrator), Rights::Root] {
            assert_eq!(check("new request", rights, None).unwrap_err().reason, Reason::Forbidden);
        }
    }
}
