//! The machine with its settings: name, clock, storage, network.

use crate::{
    text::{self, harmless},
    web::{
        app::App,
        gate::{Fields, Visitor},
        pages,
        reply::{self, Failure, Frame},
    },
};
use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    response::Response,
};
use broker_protocol::{
    Addresses, Answer, Ask, FileSystem, Interface, MachineState, Manager, PendingNetwork, TaskId, Work,
};
use std::{collections::BTreeSet, fs};

/// By tzdata: a line for each zone, its name the third word.
const ZONES: &str = "/usr/share/zoneinfo/zone.tab";

#[derive(Template)]
#[template(path = "machine.html")]
struct Page {
    frame: Frame,
    machine: MachineState,
    /// The name as it is typed: with its domain.
    name: String,
    zones: Vec<String>,
    disks: Vec<Disk>,
    devices: Vec<Device>,
    /// What, where, size, and the word for what cleans it.
    fillers: Vec<(String, String, String, &'static str)>,
    cards: Vec<Card>,
    pending: Option<Pending>,
}

struct Disk {
    at: String,
    device: String,
    kind: String,
    text: String,
    percent: u64,
    state: &'static str,
    /// More than half of the names of files are used.
    names: Option<u8>,
}

struct Device {
    name: String,
    indent: String,
    kind: String,
    size: String,
    about: String,
}

/// An interface.
struct Card {
    name: String,
    state: String,
    addresses: String,
    mac: String,
    manager: &'static str,
    fixed: Option<String>,
}

struct Pending {
    task: String,
    interface: String,
    left: String,
}

impl Pending {
    fn new(pending: &PendingNetwork) -> Pending {
        Pending {
            task: harmless(&pending.task),
            interface: harmless(&pending.interface),
            left: text::span(pending.until.saturating_sub(text::now())),
        }
    }
}

/// `GET /machine`
pub async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Failure> {
    let Answer::Machine(machine) = app.ask(&visitor.caller, Ask::Machine {}).await?.0 else {
        return Err(Failure::strange());
    };
    let page = Page {
        frame: Frame::new(&visitor, "Machine", "machine"),
        name: harmless(machine.full_name.as_ref().unwrap_or(&machine.name)),
        zones: zones(&machine.clock.zone),
        disks: machine.file_systems.iter().map(disk).collect(),
        devices: machine.block_devices.iter().map(device).collect(),
        fillers: machine.fillers.iter().map(filler).collect(),
        cards: machine.network.interfaces.iter().map(card).collect(),
        pending: machine.network.pending.as_ref().map(Pending::new),
        machine: *machine.clone(),
    };
    reply::page(&visitor, &machine, &page)
}

fn disk(disk: &FileSystem) -> Disk {
    let percent = disk.percent();
    let text = match disk.total {
        0 => "on another machine".to_owned(),
        total => format!("{} of {}, {percent} %", text::size(disk.used), text::size(total)),
    };
    let state = match percent {
        95.. => "full",
        85.. => "high",
        _ => "ok",
    };
    let names = disk.names.filter(|n| *n >= 50);
    let (at, device, kind) = (harmless(&disk.mounted_at), harmless(&disk.device), harmless(&disk.kind));
    Disk { at, device, kind, text, percent, state, names }
}

fn device(device: &broker_protocol::BlockDevice) -> Device {
    let about = [&device.model, &device.file_system].into_iter().flatten().map(|t| harmless(t));
    Device {
        name: harmless(&device.name),
        indent: "\u{2003}".repeat(device.depth.min(6).into()),
        kind: harmless(&device.kind),
        size: text::size(device.size),
        about: about.collect::<Vec<_>>().join(", "),
    }
}

fn filler(filler: &broker_protocol::Filler) -> (String, String, String, &'static str) {
    let clean = filler.clean.map_or("", |what| what.as_str());
    (harmless(&filler.what), harmless(&filler.path), text::size(filler.bytes), clean)
}

fn card(interface: &Interface) -> Card {
    Card {
        name: harmless(&interface.name),
        state: harmless(&interface.state),
        addresses: harmless(&interface.addresses.join(", ")),
        mac: harmless(&interface.mac),
        manager: manager(interface.manager),
        fixed: interface.fixed.as_deref().map(harmless),
    }
}

pub fn manager(manager: Manager) -> &'static str {
    match manager {
        Manager::Nobody => "nobody",
        Manager::Networkd => "systemd-networkd",
        Manager::Ifupdown => "ifupdown",
        Manager::NetworkManager => "NetworkManager",
    }
}

/// All that there are, and the one in use.
fn zones(now: &str) -> Vec<String> {
    let text = fs::read_to_string(ZONES).unwrap_or_default();
    let named = text.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.split('\t').nth(2));
    let all: BTreeSet<&str> = named.chain(["UTC", now]).collect();
    all.into_iter().map(harmless).collect()
}

type Form = (State<App>, Extension<Visitor>, Extension<Fields>);

fn field(fields: &Fields, name: &str) -> String {
    fields.0.get(name).map_or("", |v| v.trim()).to_owned()
}

/// `POST /machine/name`
pub async fn name((State(app), Extension(visitor), Extension(fields)): Form) -> Result<Response, Failure> {
    let name = field(&fields, "name").to_lowercase();
    pages::start(&app, &visitor, Work::HostName { name }).await
}

/// `POST /machine/zone`
pub async fn zone((State(app), Extension(visitor), Extension(fields)): Form) -> Result<Response, Failure> {
    pages::start(&app, &visitor, Work::TimeZone { zone: field(&fields, "zone") }).await
}

/// `POST /machine/clock`
pub async fn clock((State(app), Extension(visitor), Extension(fields)): Form) -> Result<Response, Failure> {
    let synchronise = match field(&fields, "synchronise").as_str() {
        "yes" => true,
        "no" => false,
        _ => return Err(Failure::Invalid("Say whether the network sets the clock: yes or no.".into())),
    };
    pages::start(&app, &visitor, Work::Clock { synchronise }).await
}

/// `POST /machine/clean`
pub async fn clean((State(app), Extension(visitor), Extension(fields)): Form) -> Result<Response, Failure> {
    let what = field(&fields, "what").parse().map_err(Failure::Invalid)?;
    pages::start(&app, &visitor, Work::Clean { what }).await
}

/// `POST /machine/network`
pub async fn network((State(app), Extension(visitor), Extension(fields)): Form) -> Result<Response, Failure> {
    let get = |name: &str| field(&fields, name);
    let work = Work::Network {
        interface: get("interface"),
        addresses: addresses(&get("method"), get("address"), get("gateway"), &get("servers"))?,
        within: broker_protocol::confirm_within(),
    };
    pages::start(&app, &visitor, work).await
}

fn addresses(method: &str, address: String, gateway: String, servers: &str) -> Result<Addresses, Failure> {
    match method {
        "dhcp" => Ok(Addresses::Dhcp),
        "fixed" => {
            let separate = |c: char| c == ',' || c.is_whitespace();
            let servers = servers.split(separate).filter(|s| !s.is_empty()).map(str::to_owned).collect();
            let gateway = Some(gateway).filter(|g| !g.is_empty());
            let addresses = Addresses::Fixed { address, gateway, name_servers: servers };
            addresses.check().map_err(Failure::Invalid)?;
            Ok(addresses)
        }
        _ => Err(Failure::Invalid("Choose where the addresses come from.".into())),
    }
}

#[derive(Template)]
#[template(path = "confirm-network.html")]
struct ConfirmPage {
    frame: Frame,
    id: String,
    done: bool,
}

/// `GET /network/{id}`: for who has come over a new configuration. Nobody is signed in at a new address.
pub async fn arrive(
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    door(&visitor, id, false)
}

/// `POST /network/{id}`
pub async fn confirm(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let task = TaskId::try_from(id.clone()).map_err(|_| Failure::missing())?;
    app.ask(&visitor.caller, Ask::ConfirmNetwork { id: task }).await?;
    if visitor.json {
        return Ok(reply::done(&visitor, &(), ""));
    }
    door(&visitor, id, true)
}

fn door(visitor: &Visitor, id: String, done: bool) -> Result<Response, Failure> {
    if TaskId::try_from(id.clone()).is_err() {
        return Err(Failure::missing());
    }
    let mut frame = Frame::new(visitor, "New network configuration", "");
    frame.who = None; // the same for everybody
    reply::html(axum::http::StatusCode::OK, &ConfirmPage { frame, id, done })
}
