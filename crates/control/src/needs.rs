//! What needs somebody, the most urgent first, each with its way out. Pure: what is seen is told by the caller.

use crate::{
    machine::Usage,
    text::{self, harmless, percent},
};
use broker_protocol::{Appliance, FailedUnit, FileSystem, Packages, Task, Vitals, Work};
use events::Status;
use plugin::Manifest;
use schemars::JsonSchema;
use serde::Serialize;

/// What the broker and the machine have told; a part that they could not tell is none.
#[derive(Default)]
pub struct Seen<'a> {
    pub appliances: Option<&'a [Appliance]>,
    pub packages: Option<&'a Packages>,
    pub vitals: Option<&'a Vitals>,
    pub tasks: &'a [Task],
    pub plugins: &'a [Manifest],
    pub memory: Usage,
    /// What is to be said of the page's own.
    pub certificate: Option<String>,
    /// Seconds since 1970.
    pub now: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Need {
    pub grade: Grade,
    pub title: String,
    /// The reason, or what follows from it.
    pub why: String,
    /// Where the page shows more: address and words.
    pub link: Option<(String, &'static str)>,
    /// What repairs it: the address that its form is sent to, and words.
    pub repair: Option<(String, &'static str)>,
    /// The same on a command line; empty where there is none.
    pub command: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// Something does not work, or soon nothing does.
    Now,
    Soon,
    /// Good to know.
    Sometime,
}

impl Grade {
    /// The class of its mark.
    pub fn class(self) -> &'static str {
        match self {
            Grade::Now => "failed",
            Grade::Soon => "cancelled",
            Grade::Sometime => "",
        }
    }
    pub fn word(self) -> &'static str {
        match self {
            Grade::Now => "Now",
            Grade::Soon => "Soon",
            Grade::Sometime => "Sometime",
        }
    }
}

/// Percent of a disk.
const HIGH: u64 = 85;
const FULL: u64 = 95;
/// Seconds after which a list of packages is old.
const OLD_LIST: u64 = 14 * 86_400;
/// Names in one sentence.
const NAMED: usize = 3;

pub fn needs(seen: &Seen<'_>) -> Vec<Need> {
    let mut needs = vec![];
    appliances(seen, &mut needs);
    if let Some(vitals) = seen.vitals {
        vitals.file_systems.iter().filter_map(disk).for_each(|n| needs.push(n));
        failed(seen, &vitals.failed, &mut needs);
        clock(vitals, &mut needs);
    }
    memory(seen.memory, &mut needs);
    if let Some(packages) = seen.packages {
        self::packages(packages, seen.now, &mut needs);
    }
    backups(seen, &mut needs);
    if let Some(title) = &seen.certificate {
        let need = need(Grade::Soon, title.as_str(), "Browsers will warn of the page, or do so already.");
        needs.push(need.link("/certificate", "Bring a new one").command("appliance-control certificate set"));
    }
    needs.sort_by_key(|n| n.grade); // those of one grade stay in this order
    needs
}

fn need(grade: Grade, title: impl Into<String>, why: impl Into<String>) -> Need {
    let (title, why) = (harmless(&title.into()), harmless(&why.into()));
    Need { grade, title, why, link: None, repair: None, command: String::new() }
}

impl Need {
    fn link(self, address: impl Into<String>, words: &'static str) -> Need {
        Need { link: Some((address.into(), words)), ..self }
    }
    fn repair(self, address: impl Into<String>, words: &'static str) -> Need {
        Need { repair: Some((address.into(), words)), ..self }
    }
    fn command(self, command: impl Into<String>) -> Need {
        Need { command: command.into(), ..self }
    }
    /// A service that may work again when it is restarted.
    fn restart(self, unit: &str) -> Need {
        let (need, link) = (self, percent(unit));
        let need = need.link(format!("/services/{link}"), "Why");
        if unit.starts_with("appliance-") || !unit.ends_with(".service") {
            return need.command(format!("systemctl status {unit}"));
        }
        let short = unit.trim_end_matches(".service");
        need.repair(format!("/services/{link}/restart"), "Restart service")
            .command(format!("appliance-control service restart {short}"))
    }
}

fn title_of<'a>(seen: &'a Seen<'_>, name: &'a str) -> &'a str {
    seen.plugins.iter().find(|p| p.name == name).map_or(name, |p| p.title.as_str())
}

fn appliances(seen: &Seen<'_>, needs: &mut Vec<Need>) {
    for appliance in seen.appliances.unwrap_or_default().iter().filter(|a| !a.healthy) {
        let title = format!("{} does not work as it should", title_of(seen, &appliance.name));
        let bad: Vec<_> = appliance.checks.iter().filter(|c| !c.ok).collect();
        // a service that is down is the reason for what it does not answer
        let first = bad.iter().find(|c| c.name.ends_with(".service")).or(bad.first());
        let Some(check) = first else {
            needs.push(need(Grade::Now, title, "It cannot be looked at."));
            continue;
        };
        let need = need(Grade::Now, title, format!("{}: {}", check.name, check.message));
        needs.push(match check.name.ends_with(".service") {
            true => need.restart(&check.name),
            false => need.link("/services?q=failed", "Services").command("appliance-control status"),
        });
    }
}

fn disk(disk: &FileSystem) -> Option<Need> {
    let percent = disk.percent();
    let names = disk.names.map_or(0, u64::from);
    let (title, why) = if percent >= HIGH {
        let how = if percent >= FULL { "full" } else { "filling up" };
        let why = format!("{} of {} are used ({percent} %).", text::size(disk.used), text::size(disk.total));
        (format!("The disk at {} is {how}", disk.mounted_at), why)
    } else if names >= HIGH {
        let why = format!("{names} % of the names that there can be are used: very many small files.");
        (format!("The disk at {} is running out of file names", disk.mounted_at), why)
    } else {
        return None;
    };
    let grade = if percent.max(names) >= FULL { Grade::Now } else { Grade::Soon };
    let command =
        format!("du --one-file-system --human-readable --max-depth=2 {} | sort -h | tail", disk.mounted_at);
    Some(need(grade, title, why).link("/machine#storage", "What fills it").command(command))
}

fn failed(seen: &Seen<'_>, failed: &[FailedUnit], needs: &mut Vec<Need>) {
    let told = |unit: &FailedUnit| {
        let appliances = seen.appliances.unwrap_or_default();
        appliances.iter().any(|a| !a.healthy && a.checks.iter().any(|c| !c.ok && c.name == unit.name))
    };
    for unit in failed.iter().filter(|unit| !told(unit)) {
        let name = unit.name.trim_end_matches(".service");
        let what = if unit.description.is_empty() || unit.description == unit.name {
            String::new()
        } else {
            format!(" ({})", unit.description)
        };
        let need = need(Grade::Now, format!("{name} has failed"), format!("{}{what}", reason(unit)));
        needs.push(need.restart(&unit.name));
    }
}

/// systemd.exec(5), `$SERVICE_RESULT`, in an owner's words.
fn reason(unit: &FailedUnit) -> String {
    match (unit.result.as_str(), unit.status) {
        ("exit-code", Some(status)) => format!("It ended with status {status}"),
        ("exit-code", None) => "It ended with an error".into(),
        ("signal" | "core-dump", _) => "It crashed".into(),
        ("timeout", _) => "It took too long".into(),
        ("oom-kill", _) => "It needed more memory than there is".into(),
        ("start-limit-hit", _) => "It ended again and again".into(),
        ("", _) => "The log may say why".into(),
        (other, _) => format!("The system manager says: {other}"),
    }
}

fn clock(vitals: &Vitals, needs: &mut Vec<Need>) {
    if vitals.container.is_some() {
        return; // its host's clock
    }
    let clock = &vitals.clock;
    let why = match (&clock.keeper, clock.kept, clock.synchronised) {
        (None, ..) => "Nothing is installed that sets it by the network.",
        (Some(_), false, _) => "What sets it by the network is switched off.",
        (Some(_), true, Some(false)) => "The time servers have not answered yet.",
        _ => return,
    };
    let need = need(Grade::Soon, "The clock may be wrong", why);
    needs.push(need.link("/machine#clock", "Clock").command("appliance-control machine show"));
}

fn memory(memory: Usage, needs: &mut Vec<Need>) {
    if memory.total > 0 && memory.percent() >= FULL {
        let why = format!("{} of {} are in use.", text::size(memory.used), text::size(memory.total));
        let need = need(Grade::Now, "Memory is nearly used up", why);
        needs.push(need.link("/machine/charts", "Its course").command("appliance-control load"));
    }
}

fn packages(packages: &Packages, now: u64, needs: &mut Vec<Need>) {
    if !packages.unfinished.is_empty() {
        let title = match packages.unfinished.as_slice() {
            [_] => "A package is not completely installed".to_owned(),
            more => format!("{} packages are not completely installed", more.len()),
        };
        let need = need(Grade::Now, title, format!("{}.", listed(&packages.unfinished)));
        let need = need.link("/updates", "Updates").repair("/updates/repair", "Finish the installation");
        needs.push(need.command("appliance-control repair"));
    }
    let security = packages.updates.iter().filter(|u| u.security).count();
    if !packages.updates.is_empty() {
        let (grade, title) = match (security, packages.updates.len()) {
            (0, 1) => (Grade::Sometime, "An update is there".to_owned()),
            (0, count) => (Grade::Sometime, format!("{count} updates are there")),
            (1, _) => (Grade::Soon, "A security update is there".into()),
            (count, _) => (Grade::Soon, format!("{count} security updates are there")),
        };
        let wanted = packages.updates.iter().filter(|u| u.security || security == 0);
        let names: Vec<String> = wanted.map(|u| u.name.clone()).collect();
        let why = format!("{}; {} to download.", listed(&names), text::size(packages.download));
        needs.push(need(grade, title, why).link("/updates", "Updates").command("appliance-control upgrade"));
    }
    if packages.reboot_required {
        let need = need(Grade::Soon, "The machine has to be restarted", packages.reboot_reasons.join(" "));
        needs.push(need.link("/power", "Restart…").command("appliance-control restart"));
    }
    let alone: Vec<String> =
        packages.outdated.iter().filter(|o| o.restartable).map(|o| o.unit.clone()).collect();
    if !alone.is_empty() {
        let title = "Services run on files that were replaced";
        let need = need(Grade::Soon, title, format!("{}.", listed(&alone)));
        let need = need.link("/updates", "Updates").repair("/updates/services", "Restart them");
        needs.push(need.command("appliance-control restart-services"));
    }
    let old = packages.refreshed.is_none_or(|at| now.saturating_sub(at) > OLD_LIST);
    if let Some(source) = packages.failed_sources.first() {
        let need = need(Grade::Soon, "Not every source of updates answers", source.source.clone());
        needs.push(need.link("/updates", "Updates").command("appliance-control update"));
    } else if old {
        let why = match packages.refreshed {
            Some(at) => format!("It was looked for them {}.", text::ago(at, now)),
            None => "Nobody has looked for them yet.".into(),
        };
        let need = need(Grade::Sometime, "Updates may be missing", why).link("/updates", "Updates");
        needs.push(need.repair("/updates/refresh", "Look now").command("appliance-control update"));
    }
    if !packages.kept_files.is_empty() {
        let title = "New versions of configuration files wait";
        let need = need(Grade::Sometime, title, format!("{}.", listed(&packages.kept_files)));
        needs.push(need.link("/updates/files", "Decide").command("appliance-control config-files"));
    }
}

fn listed(names: &[String]) -> String {
    match names.len().checked_sub(NAMED) {
        Some(rest) if rest > 1 => format!("{} and {rest} more", names[..NAMED].join(", ")),
        _ => names.join(", "),
    }
}

/// The last backup of an appliance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backup {
    /// Seconds since 1970 at which it ended.
    pub at: u64,
    pub task: String,
    pub message: String,
    /// The name and bytes of the file, while it is kept.
    pub file: Option<(String, u64)>,
}

/// The last one that ended well, and the last one when that was another, which failed.
pub fn last_backups(tasks: &[Task], appliance: &str) -> (Option<Backup>, Option<Backup>) {
    let is = |task: &&Task| matches!(&task.work, Work::Action { plugin, action, .. } if plugin == appliance && action == "backup");
    let backup = |task: &Task| Backup {
        at: task.ended.unwrap_or(task.started),
        task: task.id.to_string(),
        message: harmless(&task.message),
        file: task.artifacts.first().map(|a| (a.name.clone(), a.size)),
    };
    let mut ended = tasks.iter().filter(is).filter(|t| t.status.is_some());
    let last = ended.clone().next();
    let good = ended.find(|t| t.status == Some(Status::Ok)).map(backup);
    (good, last.filter(|t| t.status == Some(Status::Failed)).map(backup))
}

fn backups(seen: &Seen<'_>, needs: &mut Vec<Need>) {
    for appliance in seen.appliances.unwrap_or_default() {
        let plugin = seen.plugins.iter().find(|p| p.name == appliance.name);
        if plugin.is_none_or(|p| p.action("backup").is_none()) {
            continue;
        }
        let (title, command) =
            (title_of(seen, &appliance.name), format!("appliance-control backup {} -o FILE", appliance.name));
        let page = format!("/plugins/{}", percent(&appliance.name));
        match last_backups(seen.tasks, &appliance.name) {
            (_, Some(failed)) => {
                let need = need(Grade::Soon, format!("The last backup of {title} failed"), failed.message);
                needs.push(need.link(format!("/tasks/{}", failed.task), "Its output").command(command));
            }
            (None, None) => {
                let why = "One that lies elsewhere brings everything back, whatever happens to this machine.";
                let need = need(Grade::Sometime, format!("{title} has no backup yet"), why);
                needs.push(need.link(page, "Make one").command(command));
            }
            (Some(_), None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use broker_protocol::{Check, Clock, Installed, TaskId, Update};

    fn fine() -> (Packages, Vitals) {
        let packages = Packages { refreshed: Some(999_000), ..Packages::default() };
        let clock = Clock {
            keeper: Some("chrony.service".into()),
            kept: true,
            synchronised: Some(true),
            ..Clock::default()
        };
        (packages, Vitals { clock, ..Vitals::default() })
    }

    fn told(packages: &Packages, vitals: &Vitals, appliances: &[Appliance]) -> Vec<Need> {
        let seen = Seen {
            appliances: Some(appliances),
            packages: Some(packages),
            vitals: Some(vitals),
            now: 1_000_000,
            ..Seen::default()
        };
        needs(&seen)
    }

    #[test]
    fn nothing_is_nothing() {
        let (packages, vitals) = fine();
        assert_eq!(told(&packages, &vitals, &[]), []);
        assert_eq!(needs(&Seen::default()), []);
    }

    #[test]
    fn the_most_urgent_comes_first_and_knows_its_way_out() {
        let (mut packages, mut vitals) = fine();
        packages.kept_files = vec!["/etc/x".into()];
        let update = |name: &str, security| Update {
            name: name.into(),
            from: None,
            to: "2".into(),
            origin: String::new(),
            security,
        };
        packages.updates = vec![update("a", true), update("b", false)];
        packages.unfinished = vec!["x".into()];
        packages.installed =
            vec![Installed { name: "x".into(), version: "1".into(), summary: String::new() }];
        vitals.clock.synchronised = Some(false);
        let failed = |name: &str, result: &str, status| FailedUnit {
            name: name.into(),
            description: name.into(),
            result: result.into(),
            status,
        };
        vitals.failed = vec![
            failed("a\\x2db.service", "exit-code", Some(3)),
            failed("x.mount", "timeout", None),
            failed("web.service", "signal", None),
        ];
        let disk = |percent, names| FileSystem {
            device: String::new(),
            mounted_at: "/".into(),
            kind: String::new(),
            used: percent,
            total: 100,
            names,
        };
        vitals.file_systems = vec![disk(96, None), disk(84, Some(3)), disk(10, Some(90))];
        let check = |name: &str, ok| Check { name: name.into(), ok, message: "does not answer".into() };
        let wiki = Appliance {
            name: "wiki".into(),
            version: String::new(),
            summary: String::new(),
            url: String::new(),
            healthy: false,
            checks: vec![check("http://127.0.0.1/", false), check("web.service", false)],
        };
        let needs = told(&packages, &vitals, &[wiki]);
        let lines: Vec<String> = needs.iter().map(|n| format!("{} {}", n.grade.word(), n.title)).collect();
        assert_eq!(
            lines,
            [
                "Now wiki does not work as it should",
                "Now The disk at / is full",
                "Now a\\x2db has failed",
                "Now x.mount has failed",
                "Now A package is not completely installed",
                "Soon The disk at / is running out of file names",
                "Soon The clock may be wrong",
                "Soon A security update is there",
                "Sometime New versions of configuration files wait",
            ]
        );
        assert_eq!(needs[0].repair.as_ref().unwrap().0, "/services/web.service/restart");
        assert_eq!(needs[2].repair.as_ref().unwrap().0, "/services/a%5Cx2db.service/restart");
        assert!(needs[2].why.contains("status 3") && needs[3].repair.is_none(), "{needs:?}");
        vitals.container = Some("lxc".into());
        assert!(!told(&packages, &vitals, &[]).iter().any(|n| n.title.contains("clock")));
    }

    #[test]
    fn the_last_backup_is_told() {
        let task = |n: u64, action: &str, status| Task {
            id: TaskId::try_from(format!("20260101-00000{n}-00000000")).unwrap(),
            title: String::new(),
            work: Work::Action {
                plugin: "wiki".into(),
                action: action.into(),
                parameters: Default::default(),
            },
            by: "root".into(),
            started: n,
            ended: Some(n),
            status,
            message: format!("message {n}"),
            artifacts: vec![],
            cancellable: false,
            secrets: 0,
        };
        let (ok, failed) = (Some(Status::Ok), Some(Status::Failed));
        let at = |tasks: &[Task]| {
            let (good, bad) = last_backups(tasks, "wiki");
            (good.map(|b| b.at), bad.map(|b| b.at))
        };
        assert_eq!(
            at(&[task(3, "backup", failed), task(2, "backup", ok), task(1, "backup", failed)]),
            (Some(2), Some(3))
        );
        assert_eq!(
            at(&[task(4, "backup", None), task(3, "restore", failed), task(2, "backup", ok)]),
            (Some(2), None)
        );
        assert_eq!(at(&[]), (None, None));
    }
}
