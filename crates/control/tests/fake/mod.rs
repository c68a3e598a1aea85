//! A broker that does nothing: it answers the real protocol on a real socket with made-up data, and remembers
//! what it was asked to start. Much of the data is hostile.

#![allow(clippy::unwrap_used, reason = "what breaks in here breaks the test")]
#![allow(dead_code)]

pub mod accounts;
mod machine;
pub mod plugins;
mod services;

use broker::table::{self, Rights};
use broker_protocol::*;
use events::{Event, Kind, Status, Stream};
use plugin::manifest::Role;
use rustix::fs::{FlockOperation, flock};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write,
    os::{
        fd::OwnedFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

pub const ADMINISTRATOR: &str = "administrator-session-0001";
pub const VIEWER: &str = "viewer-session-00000000001";
pub const LINK: &str = "one-time-link-000000000001";
pub const CSRF: &str = "csrf-of-this-session-01234";
pub const DONE: &str = "20261123-070000-0000000a";
pub const RUNNING: &str = "20261123-073000-0000000b";
pub const FAILED: &str = "20261123-065000-0000000c";
pub const BACKUP: &str = "20261123-060000-0000000d";
/// A name that is hostile, and has to come back exactly.
pub const KEPT: &str = "/etc/apache2/a \"b\"<script>alert(1)</script>.conf";
pub const RESTART: &str = "20261123-074000-0000000e";
const WITHIN: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub struct Fake(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
pub struct State {
    pub started: Vec<Work>,
    /// What was asked, by its name in the broker's table.
    pub asked: Vec<&'static str>,
    /// Where the last one came from.
    pub from: Option<String>,
    pub uploads: usize,
    pub scheduled: Option<(Power, When)>,
    pub redeemed: usize,
    pub ended: BTreeSet<String>,
    /// What of the journal was asked for last.
    pub filter: JournalFilter,
    /// The languages that the settings were asked for in.
    pub languages: Vec<String>,
    /// Whether the newest upload was still held when its task was started.
    pub held_at_start: bool,
}

impl Fake {
    /// Answers at `folder/broker.socket` from a thread of its own.
    pub fn start(folder: &Path) -> Fake {
        fs::create_dir_all(folder).unwrap();
        let fake = Fake(Arc::new(Inner { folder: folder.into(), state: Mutex::default() }));
        for (id, lines) in scripts() {
            fs::write(fake.events(id), lines).unwrap();
        }
        fs::write(folder.join("artifact"), b"the bytes of the backup\n".repeat(5000)).unwrap();
        let listener = UnixListener::bind(fake.socket()).unwrap();
        let answering = fake.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let fake = answering.clone();
                thread::spawn(move || fake.answer(&stream));
            }
        });
        fake
    }

    pub fn socket(&self) -> PathBuf {
        self.0.folder.join("broker.socket")
    }
    pub fn events(&self, id: &str) -> PathBuf {
        self.0.folder.join(format!("{id}.jsonl"))
    }
    pub fn upload(&self, number: usize) -> PathBuf {
        self.0.folder.join(format!("upload-{number}"))
    }
    /// Whether somebody has the upload's descriptor, as the real broker sees it.
    pub fn is_held(&self, number: usize) -> bool {
        let file = File::open(self.upload(number)).unwrap();
        flock(&file, FlockOperation::NonBlockingLockExclusive).is_err()
    }
    pub fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.state.lock().unwrap())
    }
    /// Adds an event to a task's file.
    pub fn say(&self, id: &str, kind: Kind) {
        let mut file = File::options().append(true).open(self.events(id)).unwrap();
        file.write_all(Event::new(now() * 1000, kind).to_line().as_bytes()).unwrap();
    }

    fn answer(&self, stream: &UnixStream) {
        let Ok(request) = wire::read_request(stream, WITHIN) else { return };
        let (reply, descriptor) = match self.reply(&request) {
            Ok((answer, descriptor)) => (Reply::Answer(answer), descriptor),
            Err((reason, message)) => (Reply::Refused(Refusal { reason, message: message.into() }), None),
        };
        let _ = wire::write_reply(stream, &reply, descriptor, WITHIN);
    }

    fn reply(&self, request: &Request) -> Result<(Answer, Option<OwnedFd>), (Reason, &'static str)> {
        let name = table::name(&request.ask);
        self.state(|s| {
            s.asked.push(name);
            s.from = request.from.clone();
        });
        if let Some(answer) = accounts::at_the_door(&request.ask) {
            return answer.map(|answer| (answer, None));
        }
        if let Ask::RedeemLink { token, .. } = &request.ask {
            let first = self.state(|s| {
                s.redeemed += usize::from(token == LINK);
                token == LINK && s.redeemed == 1
            });
            let session = Answer::Session { token: ADMINISTRATOR.into(), who: who(Role::Administrator) };
            return if first { Ok((session, None)) } else { Err((Reason::NotFound, "no such link")) };
        }
        if let Ask::ConfirmNetwork { id } = &request.ask {
            let known = id.as_str() == DONE;
            return if known {
                Ok((Answer::Done, None))
            } else {
                Err((Reason::NotFound, "nothing to confirm"))
            };
        }
        let session = request.session.clone().unwrap_or_default();
        let role = match session.as_str() {
            _ if self.state(|s| s.ended.contains(&session)) => return Err((Reason::SignIn, "ended")),
            ADMINISTRATOR => Role::Administrator,
            VIEWER => Role::Viewer,
            _ => return Err((Reason::SignIn, "no session")),
        };
        // whether he may is the real broker's table to say
        let action = match &request.ask {
            Ask::Start { work: Work::Action { action, .. } } => {
                plugins::manifest().actions.iter().find(|a| a.name == *action).map(|a| a.role)
            }
            Ask::Query { query, .. } => plugins::manifest().query(query).map(|q| q.role),
            _ => None,
        };
        table::check(name, Rights::Session(role), action).map_err(|r| (r.reason, "not allowed"))?;
        if let Some(answer) = accounts::signed_in(&request.ask, role) {
            return answer.map(|answer| (answer, None));
        }
        if let Some(answer) = plugins::answer(&request.ask) {
            return Ok((answer, None));
        }
        let file = |path: PathBuf| {
            let file = File::open(path).map_err(|_| (Reason::NotFound, "There is no such file."))?;
            Ok((Answer::File { size: file.metadata().unwrap().len() }, Some(OwnedFd::from(file))))
        };
        let answer = match &request.ask {
            Ask::Who {} => Answer::Who(who(role)),
            Ask::EndSession {} => {
                self.state(|s| s.ended.insert(session));
                Answer::Done
            }
            Ask::Appliances {} => Answer::Appliances(vec![appliance()]),
            Ask::Packages {} => Answer::Packages(packages()),
            Ask::Plan { packages } => Answer::Plan(plan(packages)),
            Ask::History {} => Answer::History(vec![run()]),
            Ask::Run { id } if *id == run().id => {
                Answer::Run { run: run(), output: vec!["Setting up <b>x</b> \u{1b}]0;owned\u{7}".into()] }
            }
            Ask::Automatic {} => Answer::Automatic(Automatic {
                install: Which::Security,
                at: "05:00".into(),
                restart: Some("05:30".into()),
            }),
            Ask::Services {} => Answer::Services(services::all()),
            Ask::Service { unit } => match services::all().into_iter().find(|s| s.name == *unit) {
                Some(service) => Answer::Service(Box::new(services::state(service))),
                None => return Err((Reason::NotFound, "There is no such service.")),
            },
            Ask::Machine {} => Answer::Machine(Box::new(machine::state())),
            Ask::Vitals {} => Answer::Vitals(Box::new(machine::vitals())),
            Ask::Load { span } => Answer::Load(machine::load(*span)),
            Ask::Tasks {} => Answer::Tasks(tasks()),
            Ask::Task { id } => match tasks().into_iter().find(|t| t.id == *id) {
                Some(task) => Answer::Task(task),
                None => return Err((Reason::NotFound, "There is no such task.")),
            },
            Ask::TaskEvents { id } => return file(self.events(id.as_str())),
            Ask::Artifact { name, .. } if name == "moinmoin-2026-11-23.tar.zst" => {
                return file(self.0.folder.join("artifact"));
            }
            Ask::FaultyPlugins {} => Answer::FaultyPlugins(vec![FaultyPlugin {
                file: "/usr/share/appliance-control/plugins/odd.json".into(),
                why: "action `x<script>alert('y')</script>`: its user is no name".into(),
            }]),
            Ask::Schedule { what, when } => {
                self.state(|s| s.scheduled = Some((*what, when.clone())));
                Answer::Scheduled(machine::scheduled())
            }
            Ask::CancelSchedule {} => {
                self.state(|s| s.scheduled = None);
                Answer::Done
            }
            Ask::Changes { package } if package == "openssl" => Answer::Changes(Changes {
                package: "openssl".into(),
                from: Some("3.5.1-1+deb13u1".into()),
                to: "3.5.1-1+deb13u2".into(),
                downloaded: true,
                changelog: "openssl (3.5.1-1+deb13u2)\n\n  * <script>alert('c')</script>".into(),
                news: String::new(),
                conffiles: vec![NewConffile {
                    path: "/etc/ssl/openssl.cnf".into(),
                    difference: Some("--- in use\n+++ new\n@@ -1 +1 @@\n-mine\n+<b></h1>new\n".into()),
                }],
            }),
            Ask::KeptFiles {} => Answer::KeptFiles(vec![KeptFile {
                path: KEPT.into(),
                new: format!("{KEPT}.dpkg-dist"),
                since: now() - 300,
                difference: Some("@@ -1 +1 @@\n-Timeout 10\n+Timeout <script>alert(5)</script>\n".into()),
                seen: "ab".repeat(32),
            }]),
            Ask::Journal { filter } => {
                self.state(|s| s.filter = filter.clone());
                Answer::Journal(services::journal(filter))
            }
            Ask::Audit { filter } => Answer::Audit(audit(filter)),
            Ask::CreateUpload {} => {
                let number = self.state(|s| {
                    s.uploads += 1;
                    s.uploads
                });
                let file = File::create(self.upload(number)).unwrap();
                flock(&file, FlockOperation::LockExclusive).unwrap();
                return Ok((Answer::Upload { id: format!("upload-{number}") }, Some(file.into())));
            }
            Ask::Settings { appliance, languages } if appliance == "moinmoin" => {
                self.state(|s| s.languages = languages.clone());
                Answer::Settings(settings())
            }
            Ask::Start { work: Work::Settings { revision, answers, .. } }
                if judge(revision.as_deref(), answers).is_some() =>
            {
                judge(revision.as_deref(), answers).unwrap()
            }
            Ask::Start { work } => {
                let uploads = self.state(|s| s.uploads);
                self.state(|s| s.started.push(work.clone()));
                if matches!(work, Work::Action { action, .. } if action == "restore") && uploads > 0 {
                    self.state(|s| s.held_at_start = self.is_held(uploads));
                }
                let id = match work {
                    Work::Restart {} | Work::Shutdown {} => RESTART,
                    _ => RUNNING,
                };
                Answer::Task(tasks().into_iter().find(|t| t.id.as_str() == id).unwrap())
            }
            Ask::Cancel { .. } => Answer::Done,
            _ => return Err((Reason::NotFound, "There is no such thing.")),
        };
        Ok((answer, None))
    }
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn who(role: Role) -> Who {
    Who { name: "root".into(), account: false, role, since: now(), csrf: CSRF.into() }
}

/// 120 entries, the newest first.
fn audit(filter: &AuditFilter) -> Audit {
    let entry = |n: u64, by_root: bool| Audited {
        at: now() - n * 3000,
        who: if by_root { "root".into() } else { "ada".into() },
        session: (!by_root).then(|| "12345678".into()),
        from: (!by_root).then(|| "192.0.2.7".into()),
        what: ["start upgrade", "create-link", "start restart-services"][n as usize % 3].into(),
        about: if by_root { "openssl,<script>alert(6)</script>".into() } else { String::new() },
        result: if n % 7 == 6 { "forbidden".into() } else { "ok".into() },
        left_out: n / 100,
        task: by_root.then(|| TaskId::try_from(DONE.to_owned()).unwrap()),
        ended: by_root.then(|| AuditedEnd { at: now() - n * 3000 + 41, status: Status::Ok }),
    };
    let fits = |e: &Audited| filter.who.is_empty() || e.who == filter.who;
    let found: Vec<Audited> = (0..120).map(|n| entry(n, n.is_multiple_of(3))).filter(fits).collect();
    Audit {
        all: 120,
        found: found.len() as u64,
        entries: found.into_iter().skip(filter.skip as usize).take(filter.lines as usize).collect(),
        people: vec!["ada".into(), "root".into()],
        actions: vec!["create-link".into(), "start restart-services".into(), "start upgrade".into()],
    }
}

fn appliance() -> Appliance {
    let check = |name: &str, message: &str| Check { name: name.into(), ok: true, message: message.into() };
    Appliance {
        name: "moinmoin".into(),
        version: "1.0".into(),
        summary: "MoinMoin wiki, ready to use".into(),
        url: "http://localhost/".into(),
        healthy: true,
        checks: vec![
            check("http://127.0.0.1/", "answers with status 200 and shows “MoinMoin”"),
            check("apache2.service", "runs"),
        ],
    }
}

fn packages() -> Packages {
    let update = |name: &str, from: &str, to: &str, security| Update {
        name: name.into(),
        from: Some(from.into()),
        to: to.into(),
        origin: if security { "Debian-Security:13/stable-security" } else { "Debian:13.2/stable" }.into(),
        security,
    };
    let mut installed: Vec<Installed> = (0..700)
        .map(|n| Installed {
            name: format!("libexample{n}-data"),
            version: format!("{}.{}-{}+deb13u1", n % 7, n % 31, n % 5),
            summary: "example library with a summary of usual length".into(),
        })
        .collect();
    installed.push(Installed {
        name: "apache2".into(),
        version: "2.4.65-2".into(),
        summary: "Apache HTTP Server <script>alert('x')</script>".into(),
    });
    Packages {
        refreshed: Some(now() - 7_500),
        installed,
        updates: vec![
            update("tzdata", "2026a-1", "2026b-1", false),
            update("openssl", "3.5.1-1+deb13u1", "3.5.1-1+deb13u2", true),
            update("libssl3t64", "3.5.1-1+deb13u1", "3.5.1-1+deb13u2", true),
            update("base-files", "13.8+deb13u1", "13.8+deb13u2", false),
            Update {
                name: "linux-image-6.12.63+deb13-amd64".into(),
                from: None,
                to: "6.12.63-1".into(),
                origin: "Debian:13.2/stable".into(),
                security: false,
            },
        ],
        kept_back: vec![KeptBack {
            name: "mariadb-server".into(),
            from: "1:11.8.3-1".into(),
            to: "1:11.8.4-1".into(),
            why: WhyKept::Held,
        }],
        download: 93_400_000,
        disk: 12_000_000,
        failed_sources: vec![FailedSource {
            source: "http://deb.example.org stable".into(),
            message: "Could not connect <script>alert(2)</script>".into(),
            fetched: Some(now() - 200_000),
        }],
        unfinished: vec!["broken-package".into()],
        reboot_required: true,
        reboot_reasons: vec!["The kernel 6.12.48 runs, and 6.12.63 is installed.".into()],
        outdated: vec![
            Outdated {
                unit: "apache2.service".into(),
                files: vec!["/usr/lib/libssl.so.3".into()],
                restartable: true,
            },
            Outdated {
                unit: "dbus.service".into(),
                files: vec!["/usr/lib/libc.so.6".into()],
                restartable: false,
            },
        ],
        kept_files: vec![KEPT.into()],
        ..Packages::default()
    }
}

fn plan(chosen: &[String]) -> Plan {
    let Packages { mut updates, kept_back, download, disk, .. } = packages();
    updates.retain(|u| chosen.is_empty() || chosen.contains(&u.name));
    Plan {
        updates,
        kept_back,
        download,
        disk,
        conffiles: vec![Conffile {
            package: "openssl".into(),
            path: "/etc/ssl/openssl.cnf".into(),
            removed: false,
        }],
        restarts: vec!["apache2.service".into()],
        affected: vec!["postfix.service".into()],
        ..Plan::default()
    }
}

fn run() -> Run {
    let change = |name: &str| RunChange {
        what: "updated".into(),
        name: name.into(),
        from: Some("1".into()),
        to: Some("2".into()),
    };
    Run {
        id: "20261123-082011".into(),
        start: "2026-11-23 08:20:11".into(),
        end: Some("2026-11-23 08:20:22".into()),
        command: "/usr/bin/unattended-upgrade <script>alert(3)</script>".into(),
        by: None,
        source: RunSource::Automatic,
        changes: vec![change("openssl:amd64"), change("x<img src=x>")],
        error: None,
    }
}

fn tasks() -> Vec<Task> {
    let task = |id: &str, title: &str, work: Work, ago: u64, took: Option<u64>, status, message: &str| Task {
        id: TaskId::try_from(id.to_owned()).unwrap(),
        title: title.into(),
        work,
        by: "root".into(),
        started: now() - ago,
        ended: took.map(|t| now() - ago + t),
        status,
        message: message.into(),
        artifacts: vec![],
        cancellable: status.is_none(),
        secrets: 0,
    };
    let action = |action: &str| Work::Action {
        plugin: "moinmoin".into(),
        action: action.into(),
        parameters: Default::default(),
    };
    let mut backup = task(
        BACKUP,
        "Back up MoinMoin wiki",
        action("backup"),
        6_000,
        Some(9),
        Some(Status::Ok),
        "The backup is ready",
    );
    backup.artifacts = vec![Artifact { name: "moinmoin-2026-11-23.tar.zst".into(), size: 120_000 }];
    vec![
        task(
            RUNNING,
            "Install updates",
            Work::Upgrade { packages: vec![], restart: false },
            47,
            None,
            None,
            "",
        ),
        task(
            RESTART,
            "Restart the machine",
            Work::Restart {},
            1,
            Some(1),
            Some(Status::Ok),
            "The machine restarts",
        ),
        task(
            DONE,
            "Install updates <b>",
            Work::Upgrade { packages: vec![], restart: false },
            4_000,
            Some(74),
            Some(Status::Ok),
            "3 packages upgraded",
        ),
        task(
            FAILED,
            "Look for updates",
            Work::Refresh {},
            5_000,
            Some(4),
            Some(Status::Failed),
            "deb.example.org could not be reached: check the network",
        ),
        backup,
    ]
}

pub const REVISION: &str = "00000000000000000000000000000000000000000000000000000000000000aa";

/// One question of each shape.
fn settings() -> Settings {
    let question = |name: &str, kind: &str, prompt: &str, value: &str| Setting {
        name: name.into(),
        prompt: prompt.into(),
        description: None,
        kind: kind.into(),
        group: None,
        choices: vec![],
        value: value.into(),
        kept: kind == "password",
        made: false,
        internal: false,
        optional: false,
        asked: true,
        when: None,
    };
    let choice = |value: &str, text: &str| Choice { value: value.into(), text: text.into() };
    let mail = |question: Setting, asked| Setting { group: Some("Mail".into()), asked, ..question };
    let when = |question: &str, is: &[&str], not: &[&str]| {
        let words = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
        Some(Condition { question: question.into(), is: words(is), not: words(not) })
    };
    let mut name = question("wiki-name", "string", "Name of the wiki", "Ada\u{2019}s \"Wiki\" <b>");
    name.description = Some("It stands at the top of every page.".into());
    let mut colour = question("colour", "select", "Colour of the theme", "green, light");
    colour.choices = vec![choice("red", "Red"), choice("green, light", "Light green")];
    let mut parts = question("parts", "multiselect", "Parts of the site", "blog, shop");
    parts.choices = vec![choice("blog", "Blog"), choice("wiki", "Wiki"), choice("shop", "Shop")];
    let mut note = question("greeting", "text", "Greeting", "Welcome,\n<script>alert(1)</script>\n");
    note.optional = true;
    let mut relay = mail(question("relay", "hostname", "Relay that takes the mail", "mx.example.org"), false);
    relay.when = when("wants-mail", &["true"], &[]);
    let mut port = mail(question("port", "port", "Port of the relay", "25"), false);
    port.when = when("relay", &[], &["localhost"]);
    let mut password =
        question("admin-password", "password", "Password of the wiki\u{2019}s administrator", "");
    password.description = Some("Eight characters or more.".into());
    let mut token = question("token", "password", "Token of the statistics", "");
    token.optional = true;
    Settings {
        appliance: "moinmoin".into(),
        version: "1.0".into(),
        summary: "MoinMoin wiki, ready to use".into(),
        revision: REVISION.into(),
        questions: vec![
            name,
            question("admin-name", "string", "Name of the wiki\u{2019}s administrator", "admin"),
            question(
                "admin-email",
                "email",
                "Mail address of the wiki\u{2019}s administrator",
                "admin@wiki.example.org",
            ),
            password,
            colour,
            parts,
            note,
            Setting { internal: true, ..question("database-wiki", "password", "Of the database", "") },
            mail(question("wants-mail", "boolean", "Send notifications by mail", "false"), true),
            relay,
            port,
            token,
        ],
    }
}

/// None when a task is started.
fn judge(revision: Option<&str>, answers: &NewAnswers) -> Option<Answer> {
    let mut unfit = Unfit { stale: revision.is_some_and(|r| r != REVISION), ..Unfit::default() };
    if answers.get("admin-email").is_some_and(|a| a.as_ref().is_none_or(|a| !a.contains('@'))) {
        let why = "must be a mail address such as ada@example.org";
        unfit.faults.insert("admin-email".into(), why.into());
    }
    if unfit.stale || !unfit.faults.is_empty() {
        return Some(Answer::Unfit(unfit));
    }
    let present = settings();
    let same = |(name, answer): (&String, &Option<String>)| {
        present.questions.iter().any(|q| q.name == *name && Some(&q.value) == answer.as_ref())
    };
    answers.iter().all(same).then_some(Answer::Done)
}

fn scripts() -> Vec<(&'static str, String)> {
    let log = |line: &str| Kind::Log { stream: Stream::Stdout, line: line.into() };
    let phase = |title: &str, index| Kind::Phase {
        id: "x".into(),
        title: title.into(),
        index: Some(index),
        of: Some(3),
    };
    let result = |status, message: &str, details: &[&str]| Kind::Result {
        status,
        message: message.into(),
        details: details.iter().map(|d| d.to_string()).collect(),
    };
    let mut running = vec![phase("Download packages", 1)];
    running
        .extend((1..9).map(|n| {
            log(&format!("Get:{n} http://deb.example.org trixie/main amd64 package{n} [{n}32 kB]"))
        }));
    running.extend([
        phase("Install packages", 2),
        log("Preparing to unpack .../openssl_3.5.1-1+deb13u2_amd64.deb ..."),
        log("Unpacking openssl (3.5.1-1+deb13u2) over (3.5.1-1+deb13u1) ..."),
        log("\u{1b}[31mSetting up\u{1b}[0m openssl <script>alert(1)</script> \u{1b}]0;owned\u{7}"),
        Kind::Progress { percent: 62.0, detail: "Configuring openssl".into() },
    ]);
    let done = vec![
        log("Reading package lists..."),
        Kind::Warning {
            message: "/etc/apache2/apache2.conf was changed here and kept; the new one lies beside it."
                .into(),
        },
        Kind::Table {
            columns: vec!["Package".into(), "New version".into()],
            rows: vec![
                vec!["openssl".into(), "3.5.1-1+deb13u2".into()],
                vec!["<img src=x onerror=alert(1)>".into(), "2026b-1".into()],
            ],
        },
        result(Status::Ok, "3 packages upgraded", &[]),
    ];
    let failed = vec![
        log("Err:1 http://deb.example.org trixie InRelease"),
        result(
            Status::Failed,
            "deb.example.org could not be reached: check the network",
            &[
                "Err:1 http://deb.example.org trixie InRelease",
                "  Could not connect to deb.example.org:80 (192.0.2.7), connection timed out",
            ],
        ),
    ];
    let backup = vec![
        Kind::Artifact { name: "moinmoin-2026-11-23.tar.zst".into(), size: 120_000, title: None },
        result(Status::Ok, "The backup is ready", &[]),
    ];
    let restart = vec![result(Status::Ok, "The machine restarts", &[])];
    [(RUNNING, running), (DONE, done), (FAILED, failed), (BACKUP, backup), (RESTART, restart)]
        .into_iter()
        .map(|(id, kinds)| (id, kinds.into_iter().map(|k| Event::new(now() * 1000, k).to_line()).collect()))
        .collect()
}
