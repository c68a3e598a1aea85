//! The command line: what the page does, for a shell. Root talks to the broker directly.
//!
//! * [`session`]: asking the broker, and what its refusals mean for the exit status
//! * [`follow`]: a task's output until its end
//! * [`show`]: status, packages, tasks and plugins as tables
//! * [`services`]: services and the log; [`audit`]: who did what; [`load`]: how busy the machine was
//! * [`plugin`]: for who writes a plugin
//! * [`settings`]: an appliance's answers
//! * [`updates`]: what updates would do, configuration files, history, automatic updates
//! * [`machine`]: name, clock, network, disks
//! * [`power`]: restart and shutdown, now and later
//! * [`work`]: what starts tasks, with files in and out
//! * [`account`]: who signs in, sessions; [`link`]: sign-in links
//! * [`certificate`]: what browsers know the page by; [`console`]: what the machine's console says of the page

mod account;
mod audit;
mod certificate;
mod console;
mod follow;
mod link;
mod load;
mod machine;
mod plugin;
mod power;
mod services;
mod session;
mod settings;
mod show;
mod updates;
mod work;

use crate::{
    text,
    web::{self, pages::tasks::fits},
};
use ::plugin::query::Wanted;
use anyhow::Context;
use broker_protocol::{Power, Work};
use clap::{CommandFactory, Parser, Subcommand};
use command_line::Names;
use session::Session;
use std::{
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

/// Manages this machine and its appliances.
///
/// Does what the management page does. Exit status: 0 done, 1 it failed (or an appliance is not healthy), 2 wrong usage or input,
/// 3 not possible here or now, 5 the disk is full.
#[derive(Debug, Parser)]
#[command(name = "appliance-control", version)]
pub struct Arguments {
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    /// The broker's socket
    #[arg(long, global = true, hide = true, default_value = broker_protocol::SOCKET)]
    broker: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the machine, its appliances and their health
    Status,
    /// List the installed packages, or those whose name or summary contains WORD
    Packages { word: Option<String> },
    /// Show the updates, all or of the packages named, and what installing them would do
    Updates { packages: Vec<String> },
    /// Read the list of packages again
    Update(Wait),
    /// Install all updates, or those of the packages named
    Upgrade {
        packages: Vec<String>,
        /// Restart the machine when they are installed
        #[arg(long)]
        restart: bool,
        #[command(flatten)]
        wait: Wait,
    },
    /// Download updates, all or of the packages named, and install nothing
    Download {
        packages: Vec<String>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Show what a downloaded update says of itself: changelog, news, configuration files
    Changes { package: String },
    /// Finish an installation that was interrupted or has failed
    Repair(Wait),
    /// Restart the services that run on files which an update has replaced
    RestartServices(Wait),
    /// Show new versions of configuration files that updates have not taken, or decide about one
    #[command(after_help = "Examples:
  appliance-control config-files
  appliance-control config-files /etc/apache2/apache2.conf
  appliance-control config-files /etc/apache2/apache2.conf --adopt")]
    ConfigFiles {
        path: Option<String>,
        /// Use the new version; the present one is kept as PATH.dpkg-old
        #[arg(long, requires = "path", conflicts_with = "keep")]
        adopt: bool,
        /// Use the present version; the new one is removed
        #[arg(long, requires = "path")]
        keep: bool,
    },
    /// List the runs of the package manager, whoever began them, or those that contain all WORDS
    History {
        words: Vec<String>,
        /// One run with its output
        #[arg(long, value_name = "ID", conflicts_with = "words")]
        show: Option<String>,
    },
    /// Show how updates are installed automatically, or set it
    #[command(after_help = "Examples:
  appliance-control automatic
  appliance-control automatic security --at 05:00 --restart-at 05:30
  appliance-control automatic nothing")]
    Automatic {
        install: Option<updates::Install>,
        /// When, in the machine's own time
        #[arg(long, value_name = "HH:MM", requires = "install")]
        at: Option<String>,
        /// Restart the machine then, when an update asks for it
        #[arg(long, value_name = "HH:MM", requires = "install", conflicts_with = "no_restart")]
        restart_at: Option<String>,
        /// Never restart it
        #[arg(long, requires = "install")]
        no_restart: bool,
    },
    /// Look at services, start and stop them
    #[command(
        subcommand,
        after_help = "Examples:\n  appliance-control service list failed\n  appliance-control service restart apache2"
    )]
    Service(services::ServiceCommand),
    /// Print the machine's log
    #[command(
        after_help = "Examples:\n  appliance-control log --unit apache2 --priority 4\n  appliance-control log --grep 'out of memory' --since 1440\n  appliance-control log --follow"
    )]
    Log(services::LogFilter),
    /// Show who did what, when, from where, and what came of it
    #[command(
        after_help = "Examples:\n  appliance-control audit --since 1440\n  appliance-control audit --who root --what 'start upgrade'"
    )]
    Audit(audit::Wanted),
    /// Show how busy the machine was: processor, memory, disk, network
    #[command(after_help = "Example:\n  appliance-control load --span week")]
    Load {
        /// How far back: hour, day, week, month or year
        #[arg(long, default_value = "day")]
        span: broker_protocol::Span,
    },
    /// Show the machine's settings, and change them: name, clock, network, disks
    #[command(subcommand, after_help = machine::EXAMPLES)]
    Machine(machine::MachineCommand),
    /// Restart the machine, now or later
    #[command(after_help = power::EXAMPLES)]
    Restart(power::Later),
    /// Shut the machine down, now or later
    Shutdown(power::Later),
    /// Look at tasks
    #[command(subcommand)]
    Task(TaskCommand),
    /// Look at plugins
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Start an action of a plugin
    Action {
        plugin: String,
        action: String,
        /// A parameter; NAME=@FILE takes the value from a file, NAME=@- from standard input (for passwords)
        #[arg(long, value_name = "NAME=VALUE")]
        set: Vec<String>,
        /// A parameter that is a file
        #[arg(long, value_name = "NAME=PATH")]
        file: Vec<String>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Show an appliance's settings, or change some of them
    ///
    /// The settings are the answers to the questions that the appliance asked at its installation. New ones are checked, applied as a task,
    /// and it is looked whether the appliance works with them. Secrets are never shown.
    #[command(after_help = "Examples:
  appliance-control settings moinmoin
  appliance-control settings moinmoin wiki-name='Our wiki' admin-email=ada@example.org
  appliance-control settings moinmoin admin-password=@/root/password
  appliance-control settings moinmoin --answers answers.toml")]
    Settings {
        appliance: String,
        /// A new answer; NAME=@FILE takes it from a file, NAME=@- from standard input (for passwords)
        #[arg(value_name = "NAME=VALUE")]
        answers: Vec<String>,
        /// A file of new answers in TOML, YAML, JSON or debconf's selections; - is standard input
        #[arg(long = "answers", value_name = "FILE")]
        file: Option<PathBuf>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Back an appliance up into a file
    Backup {
        appliance: String,
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Restore an appliance from a backup
    Restore { appliance: String, file: PathBuf },
    /// Make a link that signs in to the management page, once
    Link {
        /// Minutes that it can be used
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=1440))]
        minutes: u32,
        /// The session may only look
        #[arg(long)]
        viewer: bool,
    },
    /// Look at who is signed in to the management page, and end sessions
    #[command(subcommand)]
    Session(account::SessionCommand),
    /// Look at who may sign in to the management page with an account of the machine
    #[command(
        subcommand,
        after_help = "Who is in the administrators' group (sudo) administers; the groups are in /etc/appliance-control/sign-in.conf."
    )]
    Account(account::AccountCommand),
    /// Look at the management page's certificate, bring your own, or go back to the machine's
    #[command(subcommand)]
    Certificate(certificate::CertificateCommand),
    /// Print what the machine's console says of the management page (for appliance-console.service)
    #[command(hide = true)]
    Console,
    /// Print a completion script for a shell
    #[command(
        after_help = "Example:\n  appliance-control completions bash > /etc/bash_completion.d/appliance-control"
    )]
    Completions { shell: command_line::Shell },
    /// Print the manual page
    #[command(after_help = "Example:\n  appliance-control man | man -l -")]
    Man,
    /// Serve the management page (started by appliance-control.socket)
    #[command(hide = true)]
    Serve {
        #[arg(long)]
        listen: Option<SocketAddr>,
        #[arg(long, default_value = crate::web::CERTIFICATE)]
        tls: PathBuf,
        /// Seconds without a connection after which it ends
        #[arg(long, default_value_t = 30)]
        idle: u64,
    },
}

#[derive(Debug, Subcommand)]
enum TaskCommand {
    /// List tasks, newest first, or those that contain all WORDS
    List {
        words: Vec<String>,
        /// Only of this kind
        #[arg(long, value_parser = ["updates", "services", "settings", "plugins", "machine"])]
        kind: Option<String>,
        /// Only in this state
        #[arg(long, value_parser = ["running", "ok", "failed", "cancelled"])]
        state: Option<String>,
        /// Only those that NAME started
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// Show one task
    Show { id: String },
    /// Print a task's output
    Log {
        id: String,
        /// Go on until the task ends; the exit status is its result
        #[arg(short, long)]
        follow: bool,
    },
    /// Ask a task to stop
    Cancel { id: String },
    /// Show the secrets that a task has made, once
    Secrets { id: String },
}

#[derive(Debug, Subcommand)]
enum PluginCommand {
    /// List plugins and their actions
    List,
    /// Show what a query of a plugin says
    Query {
        plugin: String,
        query: String,
        /// Of a long table
        #[arg(long, default_value_t = 1)]
        page: u32,
        #[arg(long, default_value = "")]
        search: String,
    },
    /// Show what a plugin may do, and agree to what an upgrade of it asks for
    Agree { plugin: String },
    /// Try a plugin of your own: its manifest, its programs, and how they behave when they are cut off
    ///
    /// PLUGIN is a folder with NAME.json and NAME/ in it, the root of an unpacked package, a .deb, or the name of an installed plugin. Queries are
    /// asked, and actions that have an `example` are run, as you and in no sandbox: on a machine where that may happen.
    #[command(
        after_help = "Example:\n  appliance-control plugin check appliance-control-recipes_1.0_all.deb"
    )]
    Check { plugin: String },
    /// Run an action at the terminal, asking for what it needs
    ///
    /// As a task in its sandbox; with --unconfined as you and in none, where PLUGIN may be a folder or a .deb as well.
    #[command(
        after_help = "Examples:\n  sudo appliance-control plugin run moinmoin create-user\n  appliance-control plugin run ./recipes add --set name=Soup --unconfined"
    )]
    Run {
        plugin: String,
        action: String,
        /// A parameter that is not to be asked for
        #[arg(long, value_name = "NAME=VALUE")]
        set: Vec<String>,
        #[arg(long)]
        unconfined: bool,
    },
    /// Write the JSON Schemas of the plugin protocol into a folder
    Schema { folder: PathBuf },
}

#[derive(Debug, clap::Args)]
struct Wait {
    /// Only start it; do not follow its output
    #[arg(long)]
    no_wait: bool,
    /// Follow its output until it ends (the default)
    #[arg(long, conflicts_with = "no_wait")]
    #[allow(dead_code, reason = "says what happens anyway, so that scripts can be explicit")]
    follow: bool,
}

/// What completions offer. The tasks' are root's to see.
const NAMES: &[Names] = &[
    Names {
        argument: "unit",
        command: "systemctl list-unit-files --type=service --no-legend --plain 2> /dev/null | cut -d' ' -f1",
    },
    Names { argument: "package", command: "dpkg-query --show --showformat '${Package}\\n' 2> /dev/null" },
    Names { argument: "packages", command: "dpkg-query --show --showformat '${Package}\\n' 2> /dev/null" },
    Names { argument: "appliance", command: "ls /usr/share/appliances 2> /dev/null" },
    Names { argument: "plugin", command: "ls /usr/lib/appliance-control/plugins 2> /dev/null" },
    Names { argument: "id", command: "appliance-control task list 2> /dev/null | cut -d' ' -f1 | grep -- -" },
];

pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("appliance-control: {}", said(&error));
            ExitCode::from(session::status(&error))
        }
    }
}

/// What was wrong; parts of it may be a plugin's words, and its escapes are not for the terminal.
fn said(error: &anyhow::Error) -> String {
    text::lines(&format!("{error:#}"))
}

fn run(Arguments { json, broker, command }: Arguments) -> anyhow::Result<ExitCode> {
    if let Command::Serve { listen, tls, idle } = command {
        web::run(&web::Options { broker, listen, tls, idle: Duration::from_secs(idle) })?;
        return Ok(ExitCode::SUCCESS);
    }
    let generated = match &command {
        Command::Completions { shell } => {
            Some(command_line::completions(*shell, Arguments::command(), NAMES))
        }
        Command::Man => Some(command_line::manual(Arguments::command()).context("cannot make the page")?),
        _ => None,
    };
    if let Some(text) = generated {
        io::stdout().write_all(&text).context("cannot write to standard output")?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Command::Console = command {
        return console::print();
    }
    match &command {
        Command::Plugin(PluginCommand::Schema { folder }) => return plugin::schema(folder),
        Command::Plugin(PluginCommand::Check { plugin }) => return plugin::check(plugin, json),
        Command::Plugin(PluginCommand::Run { plugin, action, set, unconfined: true }) => {
            return plugin::run_here(plugin, action, set);
        }
        _ => {}
    }
    // nothing above needs root
    let session = Session::new(&broker, json)?;
    match command {
        Command::Status => show::status(&session),
        Command::Packages { word } => show::packages(&session, word.as_deref()),
        Command::Updates { packages } => updates::plan(&session, packages),
        Command::Update(wait) => work::run(&session, Work::Refresh {}, !wait.no_wait),
        Command::Upgrade { packages, restart, wait } => {
            work::run(&session, Work::Upgrade { packages, restart }, !wait.no_wait)
        }
        Command::Download { packages, wait } => {
            work::run(&session, Work::Download { packages }, !wait.no_wait)
        }
        Command::Changes { package } => updates::changes(&session, package),
        Command::Repair(wait) => work::run(&session, Work::Repair {}, !wait.no_wait),
        Command::RestartServices(wait) => work::run(&session, Work::RestartServices {}, !wait.no_wait),
        Command::ConfigFiles { path, adopt, keep } => updates::files(&session, path, adopt, keep),
        Command::History { show: Some(id), .. } => updates::run(&session, id),
        Command::History { words, show: None } => updates::history(&session, &words.join(" ")),
        Command::Automatic { install, at, restart_at, no_restart } => {
            updates::automatic(&session, install, at, restart_at, no_restart)
        }
        Command::Machine(command) => machine::machine(&session, command),
        Command::Restart(later) => power::power(&session, Power::Restart, later),
        Command::Shutdown(later) => power::power(&session, Power::Shutdown, later),
        Command::Service(command) => services::service(&session, command),
        Command::Audit(wanted) => audit::audit(&session, wanted),
        Command::Log(filter) => services::log(&session, filter),
        Command::Task(TaskCommand::List { words, kind, state, by }) => {
            let [kind, state, by] = [kind, state, by].map(Option::unwrap_or_default);
            show::tasks(&session, |task| fits(task, &words.join(" "), &kind, &state, &by))
        }
        Command::Load { span } => load::load(&session, span),
        Command::Task(TaskCommand::Show { id }) => show::task(&session, id),
        Command::Task(TaskCommand::Log { id, follow }) => follow::log(&session, id, follow),
        Command::Task(TaskCommand::Cancel { id }) => work::cancel(&session, id),
        Command::Task(TaskCommand::Secrets { id }) => plugin::secrets(&session, session::task_id(id)?),
        Command::Plugin(PluginCommand::List) => show::plugins(&session),
        Command::Plugin(PluginCommand::Query { plugin, query, page, search }) => {
            plugin::query(&session, plugin, query, Wanted { page, search })
        }
        Command::Plugin(PluginCommand::Agree { plugin }) => plugin::agree(&session, &plugin),
        Command::Plugin(PluginCommand::Run { plugin, action, set, .. }) => {
            plugin::run(&session, plugin, action, &set)
        }
        Command::Plugin(PluginCommand::Schema { .. } | PluginCommand::Check { .. }) => Ok(ExitCode::SUCCESS),
        Command::Action { plugin, action, set, file, wait } => {
            work::action(&session, plugin, action, &set, &file, !wait.no_wait)
        }
        Command::Settings { appliance, answers, file, wait } => {
            settings::settings(&session, appliance, &answers, file.as_deref(), !wait.no_wait)
        }
        Command::Backup { appliance, output } => work::backup(&session, appliance, &output),
        Command::Restore { appliance, file } => work::restore(&session, appliance, &file),
        Command::Session(command) => account::session(&session, command),
        Command::Account(command) => account::account(&session, command),
        Command::Certificate(command) => certificate::certificate(&session, command),
        Command::Link { minutes, viewer } => link::link(&session, minutes, viewer),
        Command::Completions { .. } | Command::Man | Command::Console | Command::Serve { .. } => {
            Ok(ExitCode::SUCCESS)
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_error_cannot_rewrite_the_terminal() {
        let error = anyhow::anyhow!("bad \u{1b}[2Jfile\u{7}\nline").context("\u{1b}]0;title\u{7}it failed");
        assert_eq!(super::said(&error), "it failed: bad file\nline");
    }
}
