//! The services of this machine, as systemctl(1) tells them.

use crate::handle::refusal;
use broker_protocol::{Appliance, Reason, Refusal, Service, ServiceState, Verb, services::is_service_name};
use exec::Program;
use serde::Deserialize;
use std::{collections::BTreeMap, time::Duration};

const TIMEOUT: Duration = Duration::from_secs(20);
const RESTART_TIME: Duration = Duration::from_secs(240);
/// The page and what stands behind it: they end by themselves when nobody is connected, and tasks when they are done.
const OURS: &[&str] = &["appliance-control", "appliance-broker", "appliance-account", "appliance-task-"];

#[derive(Deserialize)]
struct Loaded {
    unit: String,
    #[serde(default)]
    load: String,
    #[serde(default)]
    active: String,
    #[serde(default)]
    sub: String,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
struct OnDisk {
    unit_file: String,
    state: String,
}

/// Those of appliances first, then those that failed, then those that run; each by name.
pub fn list(appliances: &[Appliance]) -> Result<Vec<Service>, Refusal> {
    let loaded = systemctl(&["list-units", "--all", "--type=service", "--output=json"])?;
    let files = systemctl(&["list-unit-files", "--type=service", "--output=json"])?;
    read(&loaded, &files, appliances).map_err(|e| failed(&e.to_string()))
}

fn read(loaded: &str, files: &str, appliances: &[Appliance]) -> Result<Vec<Service>, serde_json::Error> {
    let (loaded, files): (Vec<Loaded>, Vec<OnDisk>) =
        (serde_json::from_str(loaded)?, serde_json::from_str(files)?);
    let mut services: BTreeMap<String, Service> = BTreeMap::new();
    for file in files {
        // a template is no service, and another name of one would be there twice
        if file.unit_file.contains("@.") || file.state == "alias" {
            continue;
        }
        let service = Service {
            name: file.unit_file.clone(),
            description: String::new(),
            active: "inactive".into(),
            sub: "dead".into(),
            enabled: file.state,
            appliance: None,
        };
        services.insert(file.unit_file, service);
    }
    for unit in loaded {
        // wanted by somebody, and not on this machine
        if unit.load == "not-found" {
            continue;
        }
        let enabled = services.get(&unit.unit).map(|s| s.enabled.clone()).unwrap_or_default();
        let Loaded { unit: name, description, active, sub, .. } = unit;
        services.insert(name.clone(), Service { name, description, active, sub, enabled, appliance: None });
    }
    for appliance in appliances {
        for check in &appliance.checks {
            if let Some(service) = services.get_mut(&check.name) {
                service.appliance = Some(appliance.name.clone());
            }
        }
    }
    let mut services: Vec<Service> = services.into_values().filter(|s| is_service_name(&s.name)).collect();
    services.sort_by_key(|s| (s.appliance.is_none(), s.active != "failed", s.active == "inactive"));
    Ok(services)
}

/// One service, also one that does not run.
pub fn show(unit: &str) -> Result<ServiceState, Refusal> {
    named(unit)?;
    let properties = "--property=Id,Description,LoadState,ActiveState,SubState,UnitFileState,StateChangeTimestamp,\
                      MemoryCurrent,NRestarts,Result,FragmentPath";
    let shown = systemctl(&["show", "--timestamp=unix", properties, "--", unit])?;
    let state = state(&shown);
    match state {
        Some(state) => Ok(state),
        None => Err(refusal(Reason::NotFound, format!("There is no service {unit} on this machine."))),
    }
}

fn state(shown: &str) -> Option<ServiceState> {
    let values: BTreeMap<&str, &str> = shown.lines().filter_map(|line| line.split_once('=')).collect();
    let get = |name: &str| values.get(name).copied().unwrap_or_default().to_owned();
    if get("LoadState") == "not-found" || get("Id").is_empty() {
        return None;
    }
    let name = get("Id");
    Some(ServiceState {
        ours: is_ours(&name),
        // [not set] has no number
        memory: get("MemoryCurrent").parse().ok().filter(|bytes| *bytes != u64::MAX),
        since: get("StateChangeTimestamp").trim_start_matches('@').parse().ok(),
        restarts: get("NRestarts").parse().unwrap_or(0),
        result: get("Result"),
        file: get("FragmentPath"),
        service: Service {
            description: get("Description"),
            active: get("ActiveState"),
            sub: get("SubState"),
            enabled: get("UnitFileState"),
            appliance: None,
            name,
        },
    })
}

/// Restarts one, and waits until it runs again.
pub fn restart(unit: &str) -> Result<(), Refusal> {
    named(unit)?;
    let program = Program::new("systemctl").args(["--no-pager", "restart", "--", unit]).timeout(RESTART_TIME);
    let output = program.output().map_err(|e| failed(&e.to_string()))?;
    match output.success() {
        true => Ok(()),
        false => {
            Err(refusal(Reason::Failed, format!("{unit} was not restarted: {}", output.tail(2).join(" "))))
        }
    }
}

/// The task's title, when this may be done at all.
pub fn title(unit: &str, verb: Verb) -> Result<String, Refusal> {
    named(unit)?;
    if is_ours(unit) {
        let message = format!(
            "{unit} belongs to the management page itself, which would be gone in the middle of it. On the machine: \
             `systemctl {} {unit}`.",
            verb.as_str()
        );
        return Err(refusal(Reason::Invalid, message));
    }
    let (name, _) = unit.rsplit_once('.').unwrap_or((unit, ""));
    Ok(match verb {
        Verb::Start => format!("Start {name}"),
        Verb::Stop => format!("Stop {name}"),
        Verb::Restart => format!("Restart {name}"),
        Verb::Enable => format!("Have {name} start with the machine"),
        Verb::Disable => format!("Have {name} not start with the machine"),
    })
}

pub fn is_ours(unit: &str) -> bool {
    OURS.iter().any(|name| unit.starts_with(name))
}

pub fn named(unit: &str) -> Result<(), Refusal> {
    match is_service_name(unit) {
        true => Ok(()),
        false => Err(refusal(Reason::Invalid, "A service's name is like `apache2.service`.".into())),
    }
}

fn systemctl(arguments: &[&str]) -> Result<String, Refusal> {
    let program = Program::new("systemctl").args(["--no-pager", "--quiet"]).args(arguments).timeout(TIMEOUT);
    let output = program.output().map_err(|e| failed(&e.to_string()))?;
    match output.success() {
        true => Ok(output.text()),
        false => Err(failed(&output.tail(1).concat())),
    }
}

fn failed(why: &str) -> Refusal {
    refusal(
        Reason::Failed,
        format!("The system manager does not say how the services are: {}.", why.trim_end_matches('.')),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use broker_protocol::Check;

    #[test]
    fn an_appliances_services_come_first_then_what_failed() {
        let loaded = r#"[
            {"unit":"cron.service","load":"loaded","active":"active","sub":"running","description":"Cron"},
            {"unit":"apache2.service","load":"loaded","active":"active","sub":"running","description":"Web"},
            {"unit":"gone.service","load":"not-found","active":"inactive","sub":"dead","description":"gone.service"},
            {"unit":"bad.service","load":"loaded","active":"failed","sub":"failed","description":"Bad"}]"#;
        let files = r#"[{"unit_file":"apache2.service","state":"enabled","preset":"enabled"},
            {"unit_file":"getty@.service","state":"enabled","preset":null},
            {"unit_file":"sshd.service","state":"alias","preset":null},
            {"unit_file":"rsync.service","state":"disabled","preset":"enabled"}]"#;
        let check = Check { name: "apache2.service".into(), ok: true, message: String::new() };
        let appliance = Appliance {
            name: "wiki".into(),
            version: String::new(),
            summary: String::new(),
            url: String::new(),
            healthy: true,
            checks: vec![check],
        };
        let services = read(loaded, files, &[appliance]).unwrap();
        let names: Vec<&str> = services.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["apache2.service", "bad.service", "cron.service", "rsync.service"]);
        assert_eq!(
            (services[0].enabled.as_str(), services[0].appliance.as_deref()),
            ("enabled", Some("wiki"))
        );
        assert_eq!((services[3].active.as_str(), services[3].enabled.as_str()), ("inactive", "disabled"));
        assert!(read("{", "[]", &[]).is_err());
    }

    #[test]
    fn a_service_as_systemctl_shows_it() {
        let shown = "Id=a.service\nDescription=A = b\nLoadState=loaded\nActiveState=active\nSubState=running\n\
                     UnitFileState=enabled\nStateChangeTimestamp=@1764000000\nMemoryCurrent=[not set]\nNRestarts=2\nResult=success\n";
        let state = state(shown).unwrap();
        assert_eq!((state.since, state.memory, state.restarts), (Some(1_764_000_000), None, 2));
        assert_eq!(state.service.description, "A = b");
        assert_eq!(super::state("Id=a.service\nLoadState=not-found\n"), None);
    }

    #[test]
    fn the_page_does_not_saw_off_its_branch() {
        for unit in
            ["appliance-control.service", "appliance-broker.service", "appliance-task-20260101.service"]
        {
            assert!(title(unit, Verb::Stop).unwrap_err().message.contains("systemctl stop"));
        }
        assert_eq!(title("apache2.service", Verb::Restart).unwrap(), "Restart apache2");
        assert!(title("--now", Verb::Stop).is_err() && title("*.service", Verb::Stop).is_err());
    }
}
