//! The machine and its appliances at a glance.

use crate::{
    machine::{Machine, Usage},
    needs::{self, Need, Seen},
    text,
    web::{
        app::App,
        chart::{self, Chart},
        gate::Visitor,
        pages::{self, Moment, certificate::InUse, charts, power::Later, tasks::Row},
        reply::{self, Failure, Frame},
    },
};
use askama::Template;
use axum::{Extension, extract::State, response::Response};
use broker_protocol::{
    Answer, Appliance, Ask, Check, FaultyPlugin, FileSystem, Packages, Span, Task, Vitals,
};
use schemars::JsonSchema;
use serde::Serialize;

/// Charts on the overview.
const SMALL: usize = 4;

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    frame: Frame,
    needs: Vec<Need>,
    /// What could not be looked at, so that it is not known what it needs.
    unseen: Vec<String>,
    scheduled: Option<Later>,
    machine: Machine,
    meters: Vec<Meter>,
    /// Of the last day.
    charts: Vec<Chart>,
    uptime: String,
    addresses: Vec<String>,
    appliances: Result<Vec<Card>, String>,
    updates: Result<Updates, String>,
    faulty_plugins: Vec<FaultyPlugin>,
    running: Vec<Row>,
    recent: Vec<Row>,
}

struct Card {
    name: String,
    title: String,
    version: String,
    summary: String,
    /// Empty when there is nothing to open.
    url: String,
    healthy: bool,
    checks: Vec<Check>,
    plugin: bool,
    backup: Option<Backup>,
}

/// An appliance's last backup.
struct Backup {
    /// None when there was none.
    at: Option<Moment>,
    /// Address of the file, and its size, while it is kept.
    file: Option<(String, String)>,
    /// The address of the task of a later one, which failed.
    failed: Option<String>,
}

struct Updates {
    pending: usize,
    security: usize,
    download: String,
    refreshed: Option<Moment>,
}

/// Something that fills up.
struct Meter {
    label: String,
    percent: u64,
    text: String,
    /// `ok`, `high`, `full`: also said in words.
    state: &'static str,
}

/// For programs. What is null could not be found out.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Overview")]
pub struct Data<'a> {
    needs: &'a [Need],
    vitals: Option<&'a Vitals>,
    machine: &'a Machine,
    addresses: &'a [String],
    appliances: Option<&'a [Appliance]>,
    updates: Option<usize>,
    security_updates: Option<usize>,
    reboot_required: Option<bool>,
    reboot_reasons: Option<&'a [String]>,
    unfinished: Option<&'a [String]>,
    outdated: Option<&'a [broker_protocol::Outdated]>,
    faulty_plugins: &'a [FaultyPlugin],
    certificate: Option<&'a InUse>,
}

/// `GET /`
pub async fn show(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Response, Failure> {
    let (appliances, packages, tasks, faulty_plugins, load, vitals) = tokio::join!(
        appliances(&app, &visitor),
        pages::packages(&app, &visitor),
        pages::tasks(&app, &visitor),
        app.faulty_plugins(&visitor.caller),
        charts::load(&app, &visitor, Span::Day),
        vitals(&app, &visitor)
    );
    let (appliances, packages) = (pages::part(appliances)?, pages::part(packages)?);
    let tasks = pages::part(tasks)?.unwrap_or_default();
    let load = pages::part(load)?.ok().filter(|load| !chart::is_empty(load));
    let vitals = pages::part(vitals)?;
    let (machine, addresses) = (Machine::read(), app.addresses());
    let certificate = InUse::read(app.tls()).ok();
    let needs = needs::needs(&Seen {
        appliances: appliances.as_deref().ok(),
        packages: packages.as_ref().ok(),
        vitals: vitals.as_ref().ok(),
        tasks: &tasks,
        plugins: &visitor.plugins,
        memory: machine.memory,
        certificate: certificate.as_ref().and_then(|c| c.warning(text::now())),
        now: text::now(),
    });
    let counted = packages.as_ref().ok();
    let data = Data {
        needs: &needs,
        vitals: vitals.as_ref().ok(),
        machine: &machine,
        addresses: &addresses,
        appliances: appliances.as_deref().ok(),
        updates: counted.map(|p| p.updates.len()),
        security_updates: counted.map(|p| p.updates.iter().filter(|u| u.security).count()),
        reboot_required: counted.map(|p| p.reboot_required),
        reboot_reasons: counted.map(|p| p.reboot_reasons.as_slice()),
        unfinished: counted.map(|p| p.unfinished.as_slice()),
        outdated: counted.map(|p| p.outdated.as_slice()),
        faulty_plugins: &faulty_plugins,
        certificate: certificate.as_ref(),
    };
    let cards = |list: &Vec<Appliance>| list.iter().map(|a| card(a, &visitor, &addresses, &tasks)).collect();
    let page = Page {
        frame: Frame::new(&visitor, "Overview", "overview"),
        meters: meters(&machine, vitals.as_ref().map_or(&[], |c| &c.file_systems)),
        unseen: vitals.as_ref().err().cloned().into_iter().collect(),
        scheduled: vitals.as_ref().ok().and_then(|c| c.scheduled.as_ref()).map(Later::new),
        charts: load.map(|load| chart::charts(&load, SMALL)).unwrap_or_default(),
        uptime: text::span(machine.uptime),
        appliances: appliances.as_ref().map(cards).map_err(Clone::clone),
        updates: packages.as_ref().map(updates).map_err(Clone::clone),
        running: tasks.iter().filter(|t| t.status.is_none()).map(Row::new).collect(),
        recent: tasks.iter().filter(|t| t.status.is_some()).take(5).map(Row::new).collect(),
        machine: machine.clone(),
        addresses: addresses.clone(),
        faulty_plugins: faulty_plugins.iter().map(shown).collect(),
        needs: needs.clone(),
    };
    reply::page(&visitor, &data, &page)
}

/// What of the machine may need somebody.
pub async fn vitals(app: &App, visitor: &Visitor) -> Result<Vitals, Failure> {
    match app.ask(&visitor.caller, Ask::Vitals {}).await?.0 {
        Answer::Vitals(vitals) => Ok(*vitals),
        _ => Err(Failure::strange()),
    }
}

async fn appliances(app: &App, visitor: &Visitor) -> Result<Vec<Appliance>, Failure> {
    match app.ask(&visitor.caller, Ask::Appliances {}).await?.0 {
        Answer::Appliances(appliances) => Ok(appliances),
        _ => Err(Failure::strange()),
    }
}

/// Its text may come from anybody's package.
fn shown(faulty: &FaultyPlugin) -> FaultyPlugin {
    FaultyPlugin { file: text::harmless(&faulty.file), why: text::harmless(&faulty.why) }
}

fn updates(packages: &Packages) -> Updates {
    Updates {
        pending: packages.updates.len(),
        security: packages.updates.iter().filter(|u| u.security).count(),
        download: text::size(packages.download),
        refreshed: packages.refreshed.map(Moment::new),
    }
}

fn card(appliance: &Appliance, visitor: &Visitor, addresses: &[String], tasks: &[Task]) -> Card {
    let plugin = visitor.plugins.iter().find(|p| p.name == appliance.name);
    Card {
        name: appliance.name.clone(),
        title: plugin.map_or_else(|| appliance.name.clone(), |p| p.title.clone()),
        version: appliance.version.clone(),
        summary: appliance.summary.clone(),
        url: link(&appliance.url, addresses).unwrap_or_default(),
        healthy: appliance.healthy,
        checks: appliance.checks.clone(),
        plugin: plugin.is_some(),
        backup: plugin.and_then(|p| p.action("backup")).map(|_| backup(tasks, &appliance.name)),
    }
}

fn backup(tasks: &[Task], appliance: &str) -> Backup {
    let (good, failed) = needs::last_backups(tasks, appliance);
    let file = good.as_ref().and_then(|b| {
        let (name, size) = b.file.as_ref()?;
        Some((format!("/tasks/{}/artifacts/{}", b.task, text::percent(name)), text::size(*size)))
    });
    let failed = failed.map(|b| format!("/tasks/{}", b.task));
    Backup { at: good.map(|b| Moment::new(b.at)), file, failed }
}

/// An address that can be opened from elsewhere: only http and https, and this machine by its address instead of `localhost`.
fn link(url: &str, addresses: &[String]) -> Option<String> {
    let (scheme, rest) = url.split_once("://").filter(|(s, _)| matches!(*s, "http" | "https"))?;
    let split = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(split);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, format!(":{port}")),
        _ => (authority, String::new()),
    };
    if !matches!(host, "localhost" | "127.0.0.1" | "[::1]") {
        return Some(url.into());
    }
    let address = addresses.first()?;
    let address = if address.contains(':') { format!("[{address}]") } else { address.clone() };
    Some(format!("{scheme}://{address}{port}{path}"))
}

fn meters(machine: &Machine, disks: &[FileSystem]) -> Vec<Meter> {
    let filled = |label: String, usage: Usage| {
        let text = format!("{} of {}", text::size(usage.used), text::size(usage.total));
        meter(label, usage.percent(), text, 85, 95)
    };
    // the load of the last minute against what the processors can do; more than that waits
    let load = (f64::from(machine.load[0]) * 100.0 / f64::from(machine.processors)).clamp(0.0, 100.0) as u64;
    let processors = if machine.processors == 1 {
        "1 processor".into()
    } else {
        format!("{} processors", machine.processors)
    };
    let mut meters = vec![meter(
        "Processor load".into(),
        load,
        format!("{:.2} on {processors}", machine.load[0]),
        80,
        100,
    )];
    meters.push(filled("Memory".into(), machine.memory));
    if machine.swap.total > 0 {
        meters.push(filled("Swap".into(), machine.swap));
    }
    // the broker sees them all; this process lives in a sandbox
    let seen =
        disks.iter().filter(|d| d.total > 0).map(|d| (&d.mounted_at, Usage { used: d.used, total: d.total }));
    let mut disks: Vec<_> = seen.collect();
    if disks.is_empty() {
        disks = machine.disks.iter().map(|d| (&d.mounted_at, d.usage)).collect();
    }
    meters.extend(disks.into_iter().take(8).map(|(at, usage)| filled(format!("Disk {at}"), usage)));
    meters
}

fn meter(label: String, percent: u64, text: String, high: u64, full: u64) -> Meter {
    let state = if percent >= full {
        "full"
    } else if percent >= high {
        "high"
    } else {
        "ok"
    };
    Meter { label, percent, text, state }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_web_addresses_of_this_machine() {
        let here = ["10.0.0.7".to_owned()];
        for (url, expect) in [
            ("http://10.0.0.7/", Some("http://10.0.0.7/")),
            ("https://wiki.example.org/start?a=b", Some("https://wiki.example.org/start?a=b")),
            ("http://localhost/", Some("http://10.0.0.7/")),
            ("http://127.0.0.1:8000/x", Some("http://10.0.0.7:8000/x")),
            ("http://[::1]/", Some("http://10.0.0.7/")),
            ("javascript:alert(1)", None),
            ("javascript://%0aalert(1)", None),
            ("", None),
        ] {
            assert_eq!(link(url, &here).as_deref(), expect, "{url}");
        }
        assert_eq!(link("http://localhost/", &[]), None);
    }
}
