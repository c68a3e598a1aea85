//! From a request to its answer: who is it, may he, is what he says right, do it, write it down.
//!
//! * [`plugins`]: live data, consent, what can be chosen

mod plugins;

use crate::{
    accounts::Accounts,
    appliances::Appliances,
    audit, automatic,
    check::{Check, Pam},
    consent, history, journal, kept_files, machine,
    order::{check_names, order},
    packages::{self, Cache},
    peer::Peer,
    plan,
    query::Queries,
    schedule, services,
    session::{self, Browser, LINK_MINUTES, Sessions},
    settings::Model,
    shown_once, sign_in,
    state::{self, State},
    table::{self, Rights},
    tasks::{Tasks, starter::Starter},
    throttle::Throttle,
    trail, upload, work,
};
use broker_protocol::{
    Addresses, Answer, Ask, Changes, FaultyPlugin, Plan, Reason, Refusal, Reply, Request, TaskId, When, Who,
    Work,
};
use plugin::{load::Plugins, manifest::Role};
use plugins::{find_query, no_plugin};
use std::{
    fs::File,
    io,
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

/// How long somebody who redeems a wrong link waits for the answer. A right one never waits.
const WRONG_LINK_WAIT: Duration = Duration::from_millis(300);
/// Those who wait at one time; others get their answer at once, so that waiting takes no connection from anybody.
const WRONG_LINK_WAITERS: usize = 4;

pub(crate) type Given = Result<(Answer, Option<OwnedFd>), Refusal>;

/// Everything a request may touch.
pub struct Broker {
    pub(crate) state: State,
    pub(crate) accounts: Accounts,
    pub(crate) check: Box<dyn Check>,
    pub(crate) throttle: Throttle,
    /// When PAM gave no answer, as long as it has given none since.
    pub(crate) pam_broke: Mutex<Option<Instant>>,
    /// Codes are looked at one after the other, or one could count twice.
    pub(crate) codes: Mutex<()>,
    manifests: PathBuf,
    tasks: Tasks,
    appliances: Appliances,
    packages: Cache,
    settings: Model,
    queries: Queries,
    waiting: AtomicUsize,
    lines: audit::Throttle,
}

/// Who asks.
pub(crate) struct Caller {
    pub rights: Rights,
    pub who: Option<Who>,
    /// For the journal.
    by: String,
    /// The action whose program asks.
    task: Option<TaskId>,
}

impl Caller {
    fn name(&self) -> &str {
        self.who.as_ref().map_or("root", |who| who.name.as_str())
    }
}

impl Broker {
    pub fn new(state: State, manifests: impl Into<PathBuf>, starter: Box<dyn Starter>) -> Broker {
        shown_once::clear_left(&state);
        Broker {
            tasks: Tasks::new(state.clone(), starter),
            accounts: Accounts::default(),
            check: Box::new(Pam),
            throttle: Throttle::open(state.throttle()),
            pam_broke: Mutex::default(),
            codes: Mutex::default(),
            state,
            manifests: manifests.into(),
            appliances: Appliances::default(),
            packages: Cache::default(),
            settings: Model::default(),
            queries: Queries::default(),
            waiting: AtomicUsize::new(0),
            lines: audit::Throttle::default(),
        }
    }

    /// Clears up before the broker ends.
    pub fn finish(&self) {
        match self.lines.rest() {
            0 => {}
            count => {
                audit::warn(&format!("{count} more requests of strangers and viewers were not written down"))
            }
        }
        if let Err(error) = shown_once::prune(&self.state, SystemTime::now()) {
            audit::warn(&format!("secrets that nobody looked at cannot be removed: {error}"));
        }
        if let Err(error) = upload::prune(&self.state, SystemTime::now()) {
            audit::warn(&format!("uploads that nobody holds cannot be removed: {error}"));
        }
    }

    /// Answers a request, whatever it is.
    pub fn handle(&self, peer: &Peer, request: Request) -> (Reply, Option<OwnedFd>) {
        let name = table::name(&request.ask);
        let about = about(self, &request.ask);
        let (caller, given) = match self.caller(peer, request.session.as_deref()) {
            Ok(caller) => {
                let given = self.permitted(name, &caller, &request);
                (caller, given)
            }
            Err(refusal) => (
                Caller { rights: Rights::None, who: None, by: format!("{peer:?}"), task: None },
                Err(refusal),
            ),
        };
        let result = match &given {
            Ok((Answer::Unfit(_), _)) => "unfit",
            Ok(_) => "ok",
            Err(refusal) => reason(refusal.reason),
        };
        let everyday = match result {
            // so is a session that has ended
            "ok" | "sign-in" | "not-found" => true,
            "failed" | "busy" => name == "query",
            _ => false,
        };
        let said = table::is_audited(name) && !goes_on(&request.ask) || !everyday;
        let left_out = match crowd(&caller, &request.ask, &about, &given) {
            _ if !said => None,
            Some(crowd) => self.lines.pass(crowd, Instant::now()),
            None => Some(0),
        };
        if let Some(left_out) = left_out {
            let from = request.from.as_deref();
            let line = audit::Line { what: name, about: &about, by: &caller.by, from, result, left_out };
            audit::log(&line);
            let task = match &given {
                Ok((Answer::Task(task), _)) if matches!(request.ask, Ask::Start { .. }) => Some(&task.id),
                _ => None,
            };
            let kept = match (caller.rights, &given) {
                (Rights::None, Err(_)) => trail::keep_refused(&self.state, state::now(), &line),
                _ => trail::keep(&self.state, state::now(), &line, task),
            };
            if let Err(error) = kept {
                audit::warn(&format!("the audit trail cannot be written: {error}"));
            }
        }
        match given {
            Ok((answer, descriptor)) => (Reply::Answer(answer), descriptor),
            Err(refusal) => (Reply::Refused(refusal), None),
        }
    }

    fn caller(&self, peer: &Peer, token: Option<&str>) -> Result<Caller, Refusal> {
        // a maintainer script in a task of the package manager is root as ever; the program of an action is that program
        if let Peer::Task(id) = peer
            && self.tasks.action(id).map_err(broken)?.is_some()
        {
            let (rights, by) = (Rights::Task, format!("task {id}"));
            return Ok(Caller { rights, who: None, by, task: Some(id.clone()) });
        }
        match (peer, token) {
            (Peer::Stranger(uid), _) => Err(refusal(
                Reason::Forbidden,
                format!(
                    "The broker answers root and the management page only, not user {uid}. Try it with sudo."
                ),
            )),
            (Peer::Root | Peer::Task(_), None) => {
                Ok(Caller { rights: Rights::Root, who: None, by: "root".into(), task: None })
            }
            (Peer::Web, None) => {
                Ok(Caller { rights: Rights::None, who: None, by: "nobody".into(), task: None })
            }
            // a token makes its bearer the session's owner and no more, even when root brings it
            (Peer::Root | Peer::Task(_) | Peer::Web, Some(token)) => {
                let who = self.sessions().look_up(token, state::now()).map_err(broken)?;
                Ok(match who {
                    Some(who) => Caller {
                        rights: Rights::Session(who.role),
                        by: format!("{}/{}", who.name, session::mark(token)),
                        who: Some(who),
                        task: None,
                    },
                    None => Caller { rights: Rights::None, who: None, by: "nobody".into(), task: None },
                })
            }
        }
    }

    fn permitted(&self, name: &str, caller: &Caller, request: &Request) -> Given {
        let plugins = match &request.ask {
            Ask::Start { work: Work::Action { .. } }
            | Ask::Plugins {}
            | Ask::FaultyPlugins {}
            | Ask::Query { .. }
            | Ask::Asking {}
            | Ask::Agree { .. } => Some(self.plugins()?),
            _ => None,
        };
        let role = match (&request.ask, &plugins) {
            (Ask::Start { work }, Some(plugins)) => action_role(plugins, work),
            (Ask::Query { plugin, query, .. }, Some(plugins)) => {
                find_query(plugins, plugin, query).ok().map(|(_, query)| query.role)
            }
            _ => None,
        };
        table::check(name, caller.rights, role)?;
        self.answer(caller, request, plugins)
    }

    fn answer(&self, caller: &Caller, request: &Request, plugins: Option<Plugins>) -> Given {
        let sessions = self.sessions();
        let now = state::now();
        let answer = match &request.ask {
            Ask::CreateLink { role, minutes } => {
                if !(1..=LINK_MINUTES).contains(minutes) {
                    let message = format!("A link is valid for 1 to {LINK_MINUTES} minutes, not {minutes}.");
                    return Err(refusal(Reason::Invalid, message));
                }
                Answer::Token(sessions.create_link(*role, *minutes, now).map_err(broken)?)
            }
            Ask::RedeemLink { token, agent } => {
                let from = request.from.clone().unwrap_or_default();
                let browser = Browser { from, agent: agent.clone() };
                match sessions.redeem(token, &browser, now).map_err(broken)? {
                    Some((token, who)) => Answer::Session { token, who },
                    None => return Err(self.wrong_link()),
                }
            }
            Ask::SignIn { name, password, agent } => {
                self.sign_in(request.from.as_deref(), name, password, agent)?
            }
            Ask::GiveCode { token, code } => self.give_code(request.from.as_deref(), token, code)?,
            Ask::OwnAccount {}
            | Ask::Sessions {}
            | Ask::EndSessions { .. }
            | Ask::BeginCodes {}
            | Ask::ConfirmCodes { .. }
            | Ask::EndCodes { .. }
            | Ask::ResetCodes { .. }
            | Ask::Accounts {} => self.of_accounts(caller, request)?,
            // the page's folder is not ours: what it does there is allowed and written down here
            Ask::ChangeCertificate { .. } => Answer::Done,
            Ask::Who {} => Answer::Who(who(caller, now)),
            Ask::EndSession {} => {
                if let Some(token) = &request.session {
                    sessions.end(token).map_err(broken)?;
                }
                Answer::Done
            }
            Ask::Appliances {} => Answer::Appliances(self.appliances.look()?),
            Ask::Packages {} => Answer::Packages(self.packages.look(&self.state)?),
            Ask::Plan { packages } => Answer::Plan(self.plan(packages)?),
            Ask::Changes { package } => Answer::Changes(self.changes(package)?),
            Ask::KeptFiles {} => Answer::KeptFiles(kept_files::all()),
            Ask::History {} => Answer::History(history::runs()),
            Ask::Run { id } => {
                let (run, output) = history::run(id).ok_or_else(|| {
                    refusal(Reason::NotFound, "No log of the package manager has this run any more.".into())
                })?;
                Answer::Run { run, output }
            }
            Ask::Automatic {} => Answer::Automatic(automatic::look()),
            Ask::Settings { appliance, languages } => {
                Answer::Settings(self.settings.show(appliance, languages)?)
            }
            Ask::ReadAnswers { appliance, text } => Answer::Answers(self.settings.read(appliance, text)?),
            Ask::Services {} => Answer::Services(services::list(&self.appliances.look()?)?),
            Ask::Service { unit } => Answer::Service(Box::new(services::show(unit)?)),
            Ask::Journal { filter } => Answer::Journal(journal::read(filter)?),
            Ask::Audit { filter } => Answer::Audit(trail::read(&self.state, filter, |id| {
                self.tasks.get(id).ok().flatten().as_ref().and_then(trail::end_of)
            })?),
            Ask::Load { span } => Answer::Load(machine::load(*span)?),
            Ask::Vitals {} => Answer::Vitals(Box::new(machine::vitals::look(&self.state)?)),
            Ask::Machine {} => Answer::Machine(Box::new(machine::look(&self.state))),
            Ask::ConfirmNetwork { id } => {
                match work::network::confirm(&self.state, id.as_str()).map_err(broken)? {
                    true => Answer::Done,
                    false => return Err(self.too_late()),
                }
            }
            Ask::Schedule { what, when } => {
                Answer::Scheduled(schedule::set(&self.state, *what, when, caller.name())?)
            }
            Ask::CancelSchedule {} => {
                schedule::cancel(&self.state)?;
                Answer::Done
            }
            Ask::Tasks {} => Answer::Tasks(self.tasks.list().map_err(broken)?),
            Ask::Task { id } => Answer::Task(self.tasks.get(id).map_err(broken)?.ok_or_else(|| no_task(id))?),
            Ask::TaskEvents { id } => {
                return file(self.tasks.events(id).map_err(broken)?, || no_task(id));
            }
            Ask::Artifact { id, name } => {
                return file(self.tasks.artifact(id, name).map_err(broken)?, || {
                    refusal(
                        Reason::NotFound,
                        "This file is not there any more: newer ones have taken its place.".into(),
                    )
                });
            }
            Ask::CreateUpload {} => {
                let (id, descriptor) = upload::create(&self.state)?;
                return Ok((Answer::Upload { id }, Some(descriptor)));
            }
            Ask::Start { work } => {
                let by = schedule::due(&self.state, work).filter(|_| caller.who.is_none());
                let by = by.unwrap_or_else(|| caller.name().into());
                match self.settled(work)? {
                    Ok(work) => {
                        let choices = self.choices(&work, plugins.as_ref())?;
                        let order = order(&work, &by, plugins, &choices)?;
                        if let Work::Action { plugin: name, .. } | Work::Settings { appliance: name, .. } =
                            &work
                        {
                            self.queries.forget(name);
                        }
                        Answer::Task(self.tasks.start(order)?)
                    }
                    Err(answer) => answer,
                }
            }
            Ask::Cancel { id } => {
                self.tasks.cancel(id)?;
                Answer::Done
            }
            Ask::Reveal { id } => {
                // its folder goes with the look, and more may come
                if self.tasks.get(id).map_err(broken)?.is_some_and(|task| task.status.is_none()) {
                    let message = "The task still runs. Look when it has ended: what it makes is shown once.";
                    return Err(refusal(Reason::Busy, message.into()));
                }
                Answer::Secrets(shown_once::reveal(&self.state, id).map_err(broken)?)
            }
            Ask::RestartService { unit } => {
                self.restart(caller, unit)?;
                Answer::Done
            }
            Ask::Query { plugin, query, wanted } => {
                let plugins = plugins.unwrap_or_default();
                Answer::Data(Box::new(self.query(&plugins, plugin, query, wanted)?))
            }
            Ask::Asking {} => {
                let plugins = plugins.unwrap_or_default();
                Answer::Asking(consent::asking(self.open_wants(&plugins)?))
            }
            Ask::Agree { plugin, more } => {
                let plugins = plugins.unwrap_or_default();
                let manifest =
                    plugins.good.iter().find(|m| m.name == *plugin).ok_or_else(|| no_plugin(plugin))?;
                consent::agree(&self.state, &self.open_wants(&plugins)?, manifest, more)?;
                Answer::Done
            }
            Ask::Plugins {} => {
                let plugins = plugins.unwrap_or_default();
                // one that is new is remembered as it was when somebody first saw it, so that an upgrade can ask for more than that
                let _ = self.open_wants(&plugins);
                Answer::Plugins(plugins.good)
            }
            Ask::FaultyPlugins {} => Answer::FaultyPlugins(self.faulty(&plugins.unwrap_or_default())),
        };
        Ok((answer, None))
    }

    pub(crate) fn sessions(&self) -> Sessions<'_> {
        Sessions { state: &self.state, accounts: &self.accounts }
    }

    fn plan(&self, packages: &[String]) -> Result<Plan, Refusal> {
        check_names(packages)?;
        let plan = match packages {
            [] => plan::of_all(&self.packages.look(&self.state)?),
            some => plan::of(some),
        };
        plan.map_err(|e| packages::failed(&e))
    }

    fn changes(&self, package: &str) -> Result<Changes, Refusal> {
        let packages = self.packages.look(&self.state)?;
        // a name that is in apt's list is a good name for a file, too
        let update = packages.updates.iter().find(|u| u.name == package);
        let none = || refusal(Reason::NotFound, format!("There is no update of `{}`.", short(package)));
        Ok(plan::changes(&self.state, update.ok_or_else(none)?))
    }

    /// New answers are judged, and those that change nothing left out. The task judges them again: it alone is alone. Any other work is
    /// as it was.
    fn settled(&self, work: &Work) -> Result<Result<Work, Answer>, Refusal> {
        let Work::Settings { appliance, revision, answers } = work else { return Ok(Ok(work.clone())) };
        let checked = self.settings.check(appliance, revision.as_deref(), answers)?;
        let changes = checked.changes.clone();
        if let Some(unfit) = checked.unfit() {
            return Ok(Err(Answer::Unfit(unfit)));
        }
        if changes.is_empty() {
            return Ok(Err(Answer::Done));
        }
        let mut work = work.clone();
        if let Work::Settings { answers, .. } = &mut work {
            answers.retain(|name, _| changes.contains(name));
        }
        Ok(Ok(work))
    }

    fn plugins(&self) -> Result<Plugins, Refusal> {
        plugin::load::load(&self.manifests).map_err(broken)
    }

    fn faulty(&self, plugins: &Plugins) -> Vec<FaultyPlugin> {
        let path = |file: &str| self.manifests.join(file).display().to_string();
        plugins.faulty.iter().map(|(file, why)| FaultyPlugin { file: path(file), why: why.clone() }).collect()
    }

    /// Who tries out what he does not know waits.
    #[allow(clippy::disallowed_methods, reason = "time is what is wanted here")]
    fn wait(&self) {
        if self.waiting.fetch_add(1, Ordering::Relaxed) < WRONG_LINK_WAITERS {
            thread::sleep(WRONG_LINK_WAIT);
        }
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    fn too_late(&self) -> Refusal {
        self.wait();
        let message = "There is nothing to confirm: it was confirmed, or the old configuration is back.";
        refusal(Reason::NotFound, message.into())
    }

    fn wrong_link(&self) -> Refusal {
        self.wait();
        refusal(
            Reason::SignIn,
            "This link was used already, or is too old. Make a new one on the machine: `sudo appliance-control link`.".into(),
        )
    }
}

fn action_role(plugins: &Plugins, work: &Work) -> Option<Role> {
    let Work::Action { plugin, action, .. } = work else { return None };
    let manifest = plugins.good.iter().find(|m| m.name == *plugin)?;
    Some(manifest.action(action)?.role)
}

pub(crate) fn who(caller: &Caller, now: u64) -> Who {
    caller.who.clone().unwrap_or_else(|| Who {
        name: "root".into(),
        account: false,
        role: Role::Administrator,
        since: now,
        csrf: String::new(),
    })
}

fn file(found: Option<(File, u64)>, missing: impl FnOnce() -> Refusal) -> Given {
    let (file, size) = found.ok_or_else(missing)?;
    Ok((Answer::File { size }, Some(file.into())))
}

/// Whose lines this one is counted with; None: it is written in any case. Who does not administer can ask without end.
fn crowd(caller: &Caller, ask: &Ask, about: &str, given: &Given) -> Option<audit::Crowd> {
    use audit::Crowd::{Account, AtTheDoor, Strangers};
    let at_the_door = matches!(ask, Ask::SignIn { .. } | Ask::GiveCode { .. });
    match (caller.rights, given) {
        (Rights::None, Err(refusal)) if at_the_door && refusal.reason == Reason::SignIn => Some(AtTheDoor),
        (Rights::None, Err(_)) => Some(Strangers),
        (Rights::None, Ok((Answer::CodeNeeded { .. }, _))) => Some(Account(about.into())),
        (Rights::None, Ok((Answer::Session { who, .. }, _))) if who.role == Role::Viewer => {
            Some(Account(who.name.clone()))
        }
        // a task is kept, and there are never many
        (Rights::Session(Role::Viewer), Ok((Answer::Task(_), _))) => None,
        (Rights::Session(Role::Viewer), _) => Some(Account(caller.name().into())),
        _ => None,
    }
}

/// Reading on in the log is part of the look that was written down; a line for each would be the next thing to read, for ever.
fn goes_on(ask: &Ask) -> bool {
    matches!(ask, Ask::Journal { filter } if matches!(filter.from, Some(broker_protocol::services::From::After(_))))
}

/// What a request is about, for the journal: no value of a parameter, no token.
fn about(broker: &Broker, ask: &Ask) -> String {
    match ask {
        Ask::CreateLink { role: Role::Viewer, .. } => "viewer".into(),
        Ask::CreateLink { role: Role::Administrator, .. } => "administrator".into(),
        // what was typed as a name may be a password: only one that is an account's is written down
        Ask::SignIn { name, .. } => match broker.accounts.find(name, state::now()) {
            Ok(Some(account)) => account.name,
            _ => "another name".into(),
        },
        Ask::GiveCode { token, .. } => broker.sign_in_of(token),
        Ask::ResetCodes { account } => short(account),
        Ask::EndSessions { which } => sign_in::about(which),
        Ask::ChangeCertificate { fingerprint } => short(fingerprint.as_deref().unwrap_or("self-signed")),
        Ask::Start { work: Work::Viewer { account, may } } => {
            format!("{} {}", if *may { "allow" } else { "forbid" }, short(account))
        }
        Ask::Task { id } | Ask::TaskEvents { id } | Ask::Cancel { id } => id.to_string(),
        Ask::Artifact { id, name } => format!("{id}/{name}"),
        Ask::Reveal { id } => id.to_string(),
        Ask::RestartService { unit } => short(unit),
        Ask::Query { plugin, query, .. } => format!("{}/{}", short(plugin), short(query)),
        Ask::Agree { plugin, .. } => short(plugin),
        Ask::Start { work: Work::Action { plugin, action, .. } } => format!("{plugin}/{action}"),
        Ask::Settings { appliance, .. }
        | Ask::ReadAnswers { appliance, .. }
        | Ask::Start { work: Work::Settings { appliance, .. } } => short(appliance),
        Ask::Start { work: Work::Upgrade { packages, .. } | Work::Download { packages } } => {
            packages.join(",")
        }
        Ask::Start { work: Work::DecideFile { path, .. } } => short(path),
        Ask::Start { work: Work::HostName { name } } => short(name),
        Ask::Start { work: Work::TimeZone { zone } } => short(zone),
        Ask::Start { work: Work::Clock { synchronise } } => if *synchronise { "on" } else { "off" }.into(),
        Ask::Start { work: Work::Clean { what } } => what.as_str().into(),
        Ask::Start { work: Work::Network { interface, addresses, .. } } => match addresses {
            Addresses::Dhcp => format!("{} dhcp", short(interface)),
            Addresses::Fixed { address, .. } => format!("{} {}", short(interface), short(address)),
        },
        Ask::ConfirmNetwork { id } => id.to_string(),
        Ask::Start { work: Work::Service { unit, verb } } => format!("{} {}", verb.as_str(), short(unit)),
        Ask::Schedule { what, when: When::Minutes(minutes) } => {
            format!("{} in {minutes} min", what.as_str())
        }
        Ask::Schedule { what, when: When::At(at) } => format!("{} at {}", what.as_str(), short(at)),
        Ask::Journal { filter } => short(filter.unit.as_deref().unwrap_or_default()),
        _ => String::new(),
    }
}

pub(crate) fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::SignIn => "sign-in",
        Reason::TooMany => "too-many",
        Reason::Forbidden => "forbidden",
        Reason::NotFound => "not-found",
        Reason::Invalid => "invalid",
        Reason::Busy => "busy",
        Reason::Failed => "failed",
    }
}

fn no_task(id: &TaskId) -> Refusal {
    refusal(Reason::NotFound, format!("There is no task {id}; old ones are removed."))
}

pub(crate) fn broken(error: io::Error) -> Refusal {
    refusal(Reason::Failed, format!("The broker cannot use its folder: {error}."))
}

pub(crate) fn refusal(reason: Reason, message: String) -> Refusal {
    Refusal { reason, message }
}

#[cfg(test)]
mod tests;
