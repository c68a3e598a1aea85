//! Who may sign in, and who is signed in.

use crate::{
    cli::{
        session::{Session, Usage, strange},
        show::table,
        work,
    },
    text,
};
use anyhow::{Result, bail};
use broker_protocol::{Account, Answer, Ask, SessionInfo, Sessions, Work};
use clap::{Args, Subcommand};
use plugin::manifest::Role;
use std::{
    io::{self, Write},
    process::ExitCode,
};

#[derive(Debug, Subcommand)]
pub enum SessionCommand {
    /// List the sessions, the one used last first
    List,
    /// End sessions
    #[command(after_help = "Examples:
  appliance-control session end 1a2b3c4d
  appliance-control session end --account ada
  appliance-control session end --all")]
    End(Which),
}

/// Exactly one of them.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Which {
    /// The session of this id
    id: Option<String>,
    /// All of an account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// All that began with a link
    #[arg(long)]
    links: bool,
    /// All
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// List the accounts of people, and what they may
    List,
    /// Let an account look at the page
    Allow { account: String },
    /// Let an account look at the page no more; its sessions end
    Forbid { account: String },
    /// Turn an account's second factor off
    ResetCodes { account: String },
}

pub fn session(session: &Session, command: SessionCommand) -> Result<ExitCode> {
    let which = match command {
        SessionCommand::List => return list_sessions(session),
        SessionCommand::End(Which { id: Some(id), .. }) => Sessions::One { id },
        SessionCommand::End(Which { account: Some(account), .. }) => {
            if account.is_empty() {
                bail!(Usage("--account needs a name".into()));
            }
            Sessions::Of { account }
        }
        SessionCommand::End(Which { links: true, .. }) => Sessions::Of { account: String::new() },
        SessionCommand::End(_) => Sessions::Others {},
    };
    session.ask(Ask::EndSessions { which })?;
    Ok(ExitCode::SUCCESS)
}

fn list_sessions(session: &Session) -> Result<ExitCode> {
    let Answer::Sessions(sessions) = session.ask(Ask::Sessions {})? else { return Err(strange()) };
    if session.json {
        session.print_json(&sessions)?;
        return Ok(ExitCode::SUCCESS);
    }
    if sessions.is_empty() {
        writeln!(io::stdout(), "Nobody is signed in.")?;
        return Ok(ExitCode::SUCCESS);
    }
    let row = |s: &SessionInfo| {
        vec![
            s.id.clone(),
            if s.account { s.name.clone() } else { "by a link".into() },
            role(Some(s.role)).into(),
            s.from.clone(),
            s.agent.clone(),
            text::ago(s.used, text::now()),
        ]
    };
    let rows: Vec<_> = sessions.iter().map(row).collect();
    let columns = ["Session", "Who", "Role", "From", "Browser", "Last used"];
    table(session, &mut io::stdout().lock(), &columns, &rows)?;
    Ok(ExitCode::SUCCESS)
}

pub fn account(session: &Session, command: AccountCommand) -> Result<ExitCode> {
    match command {
        AccountCommand::List => list_accounts(session),
        AccountCommand::Allow { account } => work::run(session, Work::Viewer { account, may: true }, true),
        AccountCommand::Forbid { account } => work::run(session, Work::Viewer { account, may: false }, true),
        AccountCommand::ResetCodes { account } => {
            session.ask(Ask::ResetCodes { account })?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn list_accounts(session: &Session) -> Result<ExitCode> {
    let Answer::Accounts(accounts) = session.ask(Ask::Accounts {})? else { return Err(strange()) };
    if session.json {
        session.print_json(&accounts)?;
        return Ok(ExitCode::SUCCESS);
    }
    let row = |a: &Account| {
        let factor = if a.second_factor { "yes" } else { "no" };
        vec![a.name.clone(), role(a.role).into(), factor.into(), a.hindered.clone()]
    };
    let rows: Vec<_> = accounts.iter().map(row).collect();
    table(session, &mut io::stdout().lock(), &["Account", "Role", "Second factor", "But"], &rows)?;
    Ok(ExitCode::SUCCESS)
}

fn role(role: Option<Role>) -> &'static str {
    match role {
        Some(Role::Administrator) => "administrator",
        Some(Role::Viewer) => "viewer",
        None => "none",
    }
}
