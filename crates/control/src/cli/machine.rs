//! The machine's settings.

use crate::{
    cli::{
        session::{self, Session, Usage, strange},
        show::table,
        work,
    },
    text::{self, harmless},
    web::{PORT, pages::machine::manager},
};
use anyhow::{Result, bail};
use broker_protocol::{Addresses, Answer, Ask, Clock, MachineState, Rubbish, Work, machine::cidr};
use clap::{Subcommand, ValueEnum};
use std::{
    io::{self, Write},
    net::SocketAddr,
    process::ExitCode,
};

pub const EXAMPLES: &str = "Examples:
  appliance-control machine show
  appliance-control machine set-name wiki.example.org
  appliance-control machine set-time-zone Europe/Berlin
  appliance-control machine set-clock on
  appliance-control machine set-address eth0 192.0.2.7/24 --gateway 192.0.2.1 --name-server 192.0.2.53
  appliance-control machine set-address eth0 dhcp
  appliance-control machine confirm-address
  appliance-control machine clean journal";

#[derive(Debug, Subcommand)]
pub enum MachineCommand {
    /// Show name, clock, network and disks
    Show,
    /// Give the machine a name, alone or with its domain
    SetName { name: String },
    /// Set the time zone; `timedatectl list-timezones` knows them
    SetTimeZone { zone: String },
    /// Have the clock set by the network, or not
    SetClock { clock: Switch },
    /// Give an interface other addresses; unless that is confirmed, the old ones come back
    SetAddress {
        interface: String,
        /// ADDRESS/BITS, or dhcp: the network gives it
        address: String,
        #[arg(long, value_name = "ADDRESS")]
        gateway: Option<String>,
        /// May be given several times
        #[arg(long = "name-server", value_name = "ADDRESS")]
        name_servers: Vec<String>,
        /// Seconds in which it has to be confirmed
        #[arg(long, default_value_t = broker_protocol::confirm_within(), value_parser = clap::value_parser!(u32).range(10..=600))]
        within: u32,
    },
    /// Keep the new addresses: you have come over them
    ConfirmAddress,
    /// Remove what is not needed
    Clean { what: Rubbish },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Switch {
    On,
    Off,
}

pub fn machine(session: &Session, command: MachineCommand) -> Result<ExitCode> {
    let work = match command {
        MachineCommand::Show => return show(session),
        MachineCommand::ConfirmAddress => return confirm(session),
        MachineCommand::SetName { name } => Work::HostName { name: name.to_lowercase() },
        MachineCommand::SetTimeZone { zone } => Work::TimeZone { zone },
        MachineCommand::SetClock { clock } => Work::Clock { synchronise: matches!(clock, Switch::On) },
        MachineCommand::Clean { what } => Work::Clean { what },
        MachineCommand::SetAddress { interface, address, gateway, name_servers, within } => {
            return set_address(session, interface, address, gateway, name_servers, within);
        }
    };
    work::run(session, work, true)
}

fn look(session: &Session) -> Result<MachineState> {
    match session.ask(Ask::Machine {})? {
        Answer::Machine(machine) => Ok(*machine),
        _ => Err(strange()),
    }
}

fn set_address(
    session: &Session,
    interface: String,
    address: String,
    gateway: Option<String>,
    name_servers: Vec<String>,
    within: u32,
) -> Result<ExitCode> {
    let addresses = match address.as_str() {
        "dhcp" if gateway.is_none() && name_servers.is_empty() => Addresses::Dhcp,
        "dhcp" => bail!(Usage("with dhcp, the network gives gateway and name servers, too".into())),
        _ => Addresses::Fixed { address: address.clone(), gateway, name_servers },
    };
    if let Err(why) = addresses.check() {
        bail!(Usage(why));
    }
    let task = work::start(session, Work::Network { interface, addresses, within })?;
    if !session.json {
        let new = cidr(&address)
            .map(|(ip, _)| format!("https://{}/network/{}", SocketAddr::new(ip, PORT), task.id));
        let page = new.map(|page| format!(", or {page} in a browser")).unwrap_or_default();
        eprintln!(
            "Confirm it within {within} s, over the new address: appliance-control machine confirm-address{page}"
        );
    }
    // a shell that comes over this very interface may be gone in a moment; the task goes on
    work::started(session, task, true)
}

fn confirm(session: &Session) -> Result<ExitCode> {
    let Some(pending) = look(session)?.network.pending else {
        bail!(Usage("there is nothing to confirm: it was confirmed, or the old addresses are back".into()));
    };
    session.ask(Ask::ConfirmNetwork { id: session::task_id(pending.task)? })?;
    if !session.json {
        writeln!(io::stdout(), "{} keeps its new addresses.", harmless(&pending.interface))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(session: &Session) -> Result<ExitCode> {
    let machine = look(session)?;
    if session.json {
        session.print_json(&machine)?;
        return Ok(ExitCode::SUCCESS);
    }
    let out = &mut io::stdout().lock();
    let name = machine.full_name.as_ref().unwrap_or(&machine.name);
    writeln!(out, "{}", session.paint(1, &harmless(name)))?;
    writeln!(out, "{}, time zone {}", harmless(&machine.clock.local), harmless(&machine.clock.zone))?;
    writeln!(out, "{}", clock(&machine.clock, machine.container.as_deref()))?;
    writeln!(out)?;
    let rows: Vec<Vec<String>> = machine
        .file_systems
        .iter()
        .map(|d| {
            let used = format!("{} of {} ({} %)", text::size(d.used), text::size(d.total), d.percent());
            vec![d.mounted_at.clone(), used, d.kind.clone(), d.device.clone()]
        })
        .collect();
    table(session, out, &["Disk", "Used", "Kind", "Device"], &rows)?;
    writeln!(out)?;
    let rows: Vec<Vec<String>> = machine
        .fillers
        .iter()
        .map(|f| {
            let clean = f.clean.map_or(String::new(), |c| format!("machine clean {}", c.as_str()));
            vec![f.what.clone(), text::size(f.bytes), clean]
        })
        .collect();
    table(session, out, &["What grows", "Size", "Cleaned by"], &rows)?;
    writeln!(out)?;
    let network = &machine.network;
    let rows: Vec<Vec<String>> = network
        .interfaces
        .iter()
        .map(|i| {
            let by = i.fixed.clone().unwrap_or_else(|| manager(i.manager).into());
            vec![i.name.clone(), i.state.clone(), i.addresses.join(" "), by]
        })
        .collect();
    table(session, out, &["Interface", "State", "Addresses", "From"], &rows)?;
    writeln!(out, "gateway {}", harmless(&network.gateways.join(", ")))?;
    writeln!(out, "name servers {}", harmless(&network.name_servers.join(", ")))?;
    if let Some(pending) = &network.pending {
        let left = text::span(pending.until.saturating_sub(text::now()));
        let line =
            format!("{} has new addresses; the old ones come back in {left}", harmless(&pending.interface));
        writeln!(out, "{}", session.paint(33, &line))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn clock(clock: &Clock, container: Option<&str>) -> String {
    if let Some(kind) = container {
        return format!("the clock is set by the host of this container ({})", harmless(kind));
    }
    match (&clock.keeper, clock.kept, clock.synchronised) {
        (None, ..) => "nothing sets the clock: appliance-control machine set-clock on".into(),
        (Some(keeper), false, _) => format!("nothing sets the clock: {} is switched off", harmless(keeper)),
        (Some(keeper), true, Some(false)) => {
            format!("{}: the time servers have not answered yet", harmless(keeper))
        }
        (Some(keeper), true, _) => format!("{} sets the clock by the network", harmless(keeper)),
    }
}
