//! How the machine is: what the overview and the page of the machine ask for.
//!
//! * [`vitals`]: what may need somebody
//! * [`clock`]: time zone, and who keeps the clock right
//! * [`disks`]: file systems, and how full they are; [`place`]: what fills them
//! * [`file`]: its own files, as they are and written
//! * [`network`]: interfaces, and who gives them their addresses

pub mod clock;
pub mod disks;
pub mod file;
pub mod network;
pub mod place;
pub mod vitals;

use crate::{
    handle::refusal,
    state::{self, State},
};
use broker_protocol::{Load, MachineState, Reason, Refusal, Span};
use load::ring::Ring;
use std::{fs, path::Path};

/// The load over a span, as the timer's looks have kept it.
pub fn load(span: Span) -> Result<Load, Refusal> {
    let read = |path: &Path| load::series::read(Ring::read_only(path)?.as_ref(), span, state::now());
    read(Path::new(load::FILE)).map_err(|error| {
        refusal(Reason::Failed, format!("The load that was kept in {} cannot be read: {error}.", load::FILE))
    })
}

/// All of it, for its page.
pub fn look(state: &State) -> MachineState {
    let container = vitals::container();
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    // the kernel's word for it is another one in a unit with ProtectHostname=
    let name = read("/etc/hostname").trim().to_owned();
    MachineState {
        full_name: full_name(&name, &read("/etc/hosts")),
        name,
        clock: clock::look(),
        file_systems: disks::file_systems(),
        block_devices: place::block_devices(container.is_some()),
        fillers: place::fillers(),
        network: network::look(state, container.is_some()),
        container,
    }
}

/// What hosts(5) calls this name with its domain.
fn full_name(name: &str, hosts: &str) -> Option<String> {
    let lines = hosts.lines().map(|l| l.split('#').next().unwrap_or_default());
    let words = lines.flat_map(|l| l.split_whitespace().skip(1));
    words.into_iter().find(|w| w.strip_prefix(name).is_some_and(|r| r.starts_with('.'))).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_name_is_that_of_hosts() {
        let hosts = "127.0.0.1 localhost\n127.0.1.1 wiki.example.org wiki\n# wiki.comment\n";
        assert_eq!(full_name("wiki", hosts).as_deref(), Some("wiki.example.org"));
        assert_eq!(full_name("wik", hosts), None);
    }
}
