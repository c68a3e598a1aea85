//! What is to be started, checked once more and given its title.

use crate::{
    accounts::is_name,
    handle::{refusal, short},
    kept_files,
    machine::clock,
    services,
    tasks::Order,
};
use broker_protocol::{
    Addresses, Reason, Refusal, Rubbish, Work,
    machine::{is_host_name, is_interface},
};
use plugin::{load::Plugins, parameter::Choices};

/// Packages named in one upgrade.
const MOST_PACKAGES: usize = 500;

/// At most so many, each a name of a package.
pub fn check_names(packages: &[String]) -> Result<(), Refusal> {
    if packages.len() > MOST_PACKAGES {
        let message = format!("Name at most {MOST_PACKAGES} packages, or none for all.");
        return Err(refusal(Reason::Invalid, message));
    }
    apt::name::check(packages).map_err(|e| refusal(Reason::Invalid, e.to_string()))
}

/// Each once, in order, and checked.
fn sorted(packages: &mut Vec<String>) -> Result<&[String], Refusal> {
    packages.sort();
    packages.dedup();
    check_names(packages)?;
    Ok(packages)
}

/// The order of `by`, for the work and the plugins that there are; `choices` are what the queries of an action's parameters offer.
pub fn order(work: &Work, by: &str, plugins: Option<Plugins>, choices: &Choices) -> Result<Order, Refusal> {
    let (mut work, mut action) = (work.clone(), None);
    let title = match &mut work {
        Work::Refresh {} => "Refresh the list of packages".into(),
        Work::Restart {} => "Restart the machine".into(),
        Work::Shutdown {} => "Shut the machine down".into(),
        Work::Upgrade { packages, restart } => {
            let then = if *restart { ", then restart" } else { "" };
            match sorted(packages)? {
                [] => format!("Install updates{then}"),
                [one] => format!("Update {one}{then}"),
                [first, rest @ ..] => format!("Update {first} and {} more{then}", rest.len()),
            }
        }
        Work::Download { packages } => match sorted(packages)? {
            [] => "Download updates".into(),
            [one] => format!("Download the update of {one}"),
            [first, rest @ ..] => format!("Download the updates of {first} and {} more", rest.len()),
        },
        Work::Repair {} => "Finish what is not completely installed".into(),
        Work::RestartServices {} => "Restart services that run on old files".into(),
        Work::DecideFile { path, seen, adopt } => {
            // the task finds the path among those that wait, and takes no other
            if !kept_files::is_seen(seen) || path.len() > 4096 {
                return Err(refusal(Reason::Invalid, "This is no configuration file that was shown.".into()));
            }
            let verb = if *adopt { "Adopt the new" } else { "Keep the present" };
            format!("{verb} {}", short(path))
        }
        Work::Automatic { settings } => {
            if !settings.is_well_formed() {
                return Err(refusal(Reason::Invalid, "A time of day is written like 04:30.".into()));
            }
            "Set how updates are installed automatically".into()
        }
        Work::Service { unit, verb } => services::title(unit, *verb)?,
        Work::Viewer { account, may } => {
            if !is_name(account) {
                return Err(refusal(Reason::Invalid, "This is no account's name.".into()));
            }
            match may {
                true => format!("Let {account} look at this page"),
                false => format!("Let {account} look at this page no more"),
            }
        }
        Work::HostName { name } => {
            if !is_host_name(name) {
                let why =
                    "A machine's name has letters, digits and hyphens, such as wiki or wiki.example.org.";
                return Err(refusal(Reason::Invalid, why.into()));
            }
            format!("Call the machine {name}")
        }
        Work::TimeZone { zone } => {
            if !clock::is_zone_here(zone) {
                let message = format!("There is no time zone “{}” on this machine.", short(zone));
                return Err(refusal(Reason::Invalid, message));
            }
            format!("Set the time zone to {zone}")
        }
        Work::Clock { synchronise: true } => "Set the clock by the network".into(),
        Work::Clock { synchronise: false } => "Do not set the clock by the network".into(),
        Work::Clean { what: Rubbish::Packages } => "Remove downloaded packages".into(),
        Work::Clean { what: Rubbish::Journal } => "Shorten the log".into(),
        Work::Clean { what: Rubbish::Crashes } => "Remove the memory of crashed programs".into(),
        Work::Network { interface, addresses, within } => {
            if !is_interface(interface) || !(10..=600).contains(within) {
                let why = "It takes an interface, and 10 to 600 seconds to confirm.";
                return Err(refusal(Reason::Invalid, why.into()));
            }
            addresses.check().map_err(|why| refusal(Reason::Invalid, why))?;
            match addresses {
                Addresses::Dhcp => format!("Have the network give {interface} its address"),
                Addresses::Fixed { address, .. } => format!("Give {interface} the address {address}"),
            }
        }
        Work::Settings { appliance, .. } => format!("Change the settings of {appliance}"),
        Work::Action { plugin, action: name, parameters } => {
            let plugins = plugins.unwrap_or_default();
            let manifest = plugins.good.iter().find(|m| m.name == *plugin);
            let found = manifest.and_then(|m| m.action(name)).ok_or_else(|| {
                let (plugin, name) = (short(plugin), short(name));
                refusal(
                    Reason::NotFound,
                    format!("There is no action `{name}` of a plugin `{plugin}` on this machine."),
                )
            })?;
            *parameters = plugin::parameter::check(found, parameters, choices)
                .map_err(|faults| refusal(Reason::Invalid, format!("{}.", faults.join("; "))))?;
            action = Some(found.clone());
            found.title.clone()
        }
    };
    Ok(Order { title, work, by: by.into(), action })
}
