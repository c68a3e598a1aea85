//! The network as it is: interfaces, and who gives them their addresses.

use super::file::Was;
use crate::state::State;
use broker_protocol::{Interface, Manager, Network, PendingNetwork, machine::is_interface};
use exec::Program;
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

const TIMEOUT: Duration = Duration::from_secs(10);

/// What was changed, until it is confirmed: how the old comes back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    #[serde(flatten)]
    pub told: PendingNetwork,
    pub manager: Manager,
    /// The start of the machine that it was made in.
    pub boot: String,
    /// The files as they were; none: there was no such file.
    pub files: Vec<(PathBuf, Option<Was>)>,
}

#[derive(Deserialize)]
struct Link {
    ifindex: u32,
    ifname: String,
    #[serde(default)]
    link_type: String,
    #[serde(default)]
    operstate: String,
    #[serde(default)]
    address: String,
    #[serde(default)]
    addr_info: Vec<Address>,
}

#[derive(Deserialize)]
struct Address {
    #[serde(default)]
    local: String,
    #[serde(default)]
    prefixlen: u8,
    #[serde(default)]
    scope: String,
}

#[derive(Deserialize)]
struct Route {
    #[serde(default)]
    gateway: Option<String>,
    #[serde(default)]
    dev: String,
}

pub fn look(state: &State, container: bool) -> Network {
    let mut network = Network { pending: pending(state).map(|p| p.told), ..Network::default() };
    let links: Vec<Link> = match ip(&["address", "show"]) {
        Ok(text) => serde_json::from_str(&text).unwrap_or_default(),
        Err(why) => {
            network.unknown = Some(format!("ip(8) cannot be asked: {why}. It is in the package iproute2."));
            return network;
        }
    };
    for link in links.into_iter().filter(|l| l.link_type != "loopback") {
        let manager = manager(link.ifindex, &link.ifname);
        network.interfaces.push(interface(link, manager, container));
    }
    for family in ["-4", "-6"] {
        let text = ip(&[family, "route", "show", "default"]).unwrap_or_default();
        let routes: Vec<Route> = serde_json::from_str(&text).unwrap_or_default();
        let shown = routes.into_iter().filter_map(|r| Some(format!("{} ({})", r.gateway?, r.dev)));
        network.gateways.extend(shown);
    }
    network.name_servers = name_servers();
    network
}

/// The interface of this name, when there is one.
pub fn interface_of(state: &State, container: bool, name: &str) -> Option<Interface> {
    look(state, container).interfaces.into_iter().find(|i| i.name == name)
}

/// What nobody has confirmed yet.
pub fn pending(state: &State) -> Option<Pending> {
    read(&state.network())
}

pub fn read(path: &Path) -> Option<Pending> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn ip(arguments: &[&str]) -> Result<String, String> {
    let program = Program::new("ip").arg("-json").args(arguments).timeout(TIMEOUT);
    let output = program.output().map_err(|e| e.to_string())?;
    if output.success() { Ok(output.text()) } else { Err(output.tail(1).concat()) }
}

fn interface(link: Link, manager: Manager, container: bool) -> Interface {
    let addresses = link.addr_info.into_iter().filter(|a| a.scope == "global");
    let fixed = match manager {
        _ if !is_interface(&link.ifname) => Some("Its name is none that a configuration could hold.".into()),
        Manager::Networkd | Manager::Ifupdown => None,
        Manager::NetworkManager => {
            Some("NetworkManager gives them; nmtui and nmcli on the machine change that.".into())
        }
        Manager::Nobody if container => Some("This is a container: its host gives them.".into()),
        Manager::Nobody => Some("No program on this machine that is known here gives them.".into()),
    };
    Interface {
        name: link.ifname,
        state: link.operstate.to_lowercase(),
        mac: link.address,
        addresses: addresses.map(|a| format!("{}/{}", a.local, a.prefixlen)).collect(),
        manager,
        fixed,
    }
}

/// By what each of them writes down of the interfaces that it manages.
fn manager(index: u32, name: &str) -> Manager {
    let read = |path: String| fs::read_to_string(path).unwrap_or_default();
    let networkd = read(format!("/run/systemd/netif/links/{index}"));
    let manager = read(format!("/run/NetworkManager/devices/{index}"));
    let ifupdown = read("/run/network/ifstate".into()) + &read(format!("/run/network/ifstate.{name}"));
    judge(&networkd, &manager, &ifupdown, name)
}

fn judge(networkd: &str, manager: &str, ifupdown: &str, name: &str) -> Manager {
    let state = networkd.lines().find_map(|l| l.strip_prefix("ADMIN_STATE="));
    if state.is_some_and(|s| !matches!(s, "unmanaged" | "initialized" | "linger")) {
        Manager::Networkd
    } else if manager.lines().any(|l| matches!(l, "managed=true" | "managed=1" | "managed=full")) {
        Manager::NetworkManager
    } else if ifupdown.lines().any(|l| l == name || l.strip_prefix(name).is_some_and(|r| r.starts_with('=')))
    {
        Manager::Ifupdown
    } else {
        Manager::Nobody
    }
}

/// resolv.conf(5); behind the stub of systemd-resolved, those that it asks.
fn name_servers() -> Vec<String> {
    let read = |path: &str| servers(&fs::read_to_string(Path::new(path)).unwrap_or_default());
    let found = read("/etc/resolv.conf");
    match found.as_slice() {
        [stub] if stub == "127.0.0.53" => read("/run/systemd/resolve/resolv.conf"),
        _ => found,
    }
}

fn servers(text: &str) -> Vec<String> {
    let server = |l: &str| l.strip_prefix("nameserver")?.split_whitespace().next().map(str::to_owned);
    text.lines().filter_map(server).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_manages_an_interface() {
        for (networkd, manager, ifupdown, expect) in [
            ("ADMIN_STATE=configured\n", "", "", Manager::Networkd),
            ("ADMIN_STATE=unmanaged\n", "", "", Manager::Nobody),
            ("ADMIN_STATE=unmanaged\n", "[device]\nmanaged=true\n", "", Manager::NetworkManager),
            ("", "", "lo=lo\neth0=eth0\n", Manager::Ifupdown),
            ("", "", "eth0.7=eth0.7\neth01\n", Manager::Nobody),
        ] {
            assert_eq!(judge(networkd, manager, ifupdown, "eth0"), expect);
        }
    }

    #[test]
    fn what_ip_tells_is_understood() {
        let text = r#"[{"ifindex":2,"ifname":"eth0","link_type":"ether","operstate":"UP","address":"52:54:00:00:00:01",
            "addr_info":[{"family":"inet","local":"192.0.2.7","prefixlen":24,"scope":"global"},
                         {"family":"inet6","local":"fe80::1","prefixlen":64,"scope":"link"}]}]"#;
        let mut links: Vec<Link> = serde_json::from_str(text).unwrap();
        let shown = interface(links.remove(0), Manager::Nobody, true);
        assert_eq!((shown.addresses, shown.state.as_str()), (vec!["192.0.2.7/24".to_owned()], "up"));
        assert!(shown.fixed.unwrap().contains("container"));
        assert_eq!(servers("# x\nnameserver 192.0.2.1\nsearch a\nnameserver\n"), ["192.0.2.1"]);
    }
}
