//! What the machine is called and where it is reached: read from the kernel and /etc, nothing is sent anywhere.

use crate::Machine;
use appliance::Host;
use std::{fs, net::Ipv4Addr, path::Path};

/// The facts of this machine.
pub fn facts(machine: &Machine) -> Host {
    let read = |path: &str| fs::read_to_string(machine.path(path)).unwrap_or_default();
    let node = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let node = if node.is_empty() { "localhost".into() } else { node };
    let address = ipv4(&read("/proc/net/route"), &read("/proc/net/fib_trie"))
        .map(|a| a.to_string())
        .or_else(|| ipv6(&read("/proc/net/if_inet6")))
        .unwrap_or_else(|| Ipv4Addr::LOCALHOST.to_string());
    let name = node.split('.').next().unwrap_or_default().to_string();
    let fqdn = full_name(&node, &read("/etc/hosts"));
    let link = fs::read_link(machine.path("/etc/localtime")).ok();
    let timezone = timezone(&read("/etc/timezone"), link.as_deref());
    Host { domain: Host::domain_of(&fqdn), fqdn, name, address, timezone }
}

/// tzdata's name of the time zone: where /etc/localtime leads to, else what /etc/timezone says.
fn timezone(file: &str, link: Option<&Path>) -> String {
    let linked = link.and_then(Path::to_str).and_then(|l| l.split_once("/zoneinfo/")).map(|(_, zone)| zone);
    let named = |zone: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/_+-".contains(c);
        !zone.is_empty() && zone.chars().all(plain)
    };
    linked.filter(named).or(Some(file.trim()).filter(named)).unwrap_or("Etc/UTC").into()
}

/// The node's name with its domain; /etc/hosts may know it (hosts(5)).
fn full_name(node: &str, hosts: &str) -> String {
    if node.contains('.') {
        return node.into();
    }
    let prefix = format!("{node}.");
    let lines = hosts.lines().map(|l| l.split('#').next().unwrap_or_default().split_whitespace().skip(1));
    lines.flatten().find(|name| name.starts_with(&prefix)).unwrap_or(node).into()
}

/// The machine's own address in the network that the default route uses, else its first address.
fn ipv4(routes: &str, trie: &str) -> Option<Ipv4Addr> {
    let locals = locals(trie);
    let routes: Vec<Route> = routes.lines().skip(1).filter_map(Route::parse).collect();
    let default = routes.iter().filter(|r| r.mask == 0 && r.net == 0).min_by_key(|r| r.metric);
    let connected = default.and_then(|default| {
        let near = |r: &&Route| r.device == default.device && r.gateway == 0 && r.mask != 0;
        let nets: Vec<&Route> = routes.iter().filter(near).collect();
        locals.iter().find(|a| nets.iter().any(|r| u32::from(**a) & r.mask == r.net))
    });
    connected.or(locals.first()).copied()
}

/// One line of /proc/net/route (proc_net(5)); addresses in network order.
struct Route<'a> {
    device: &'a str,
    net: u32,
    gateway: u32,
    metric: u32,
    mask: u32,
}

impl<'a> Route<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // the kernel prints the bytes as they lie in memory
        let address =
            |i: usize| Some(u32::from_be_bytes(u32::from_str_radix(fields.get(i)?, 16).ok()?.to_ne_bytes()));
        Some(Route {
            device: fields.first()?,
            net: address(1)?,
            gateway: address(2)?,
            metric: fields.get(6)?.parse().ok()?,
            mask: address(7)?,
        })
    }
}

/// The addresses of the machine itself in /proc/net/fib_trie, loopback left out, each once.
fn locals(trie: &str) -> Vec<Ipv4Addr> {
    let mut found: Vec<Ipv4Addr> = vec![];
    let mut last = None;
    for line in trie.lines() {
        let line = line.trim();
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse().ok();
        } else if line.starts_with("/32 host LOCAL")
            && let Some(address) = last.take()
            && !Ipv4Addr::is_loopback(&address)
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

/// The first address of global scope (00) in /proc/net/if_inet6.
fn ipv6(table: &str) -> Option<String> {
    let global = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        (fields.get(3) == Some(&"00")).then(|| u128::from_str_radix(fields[0], 16).ok()).flatten()
    };
    table.lines().find_map(global).map(|bits| std::net::Ipv6Addr::from_bits(bits).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIE: &str = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.1.2.3\n        /32 host LOCAL\n     |-- 127.0.0.1\n        \
        /32 host LOCAL\n     |-- 192.168.7.9\n        /32 host LOCAL\n     |-- 192.168.7.255\n        /32 link BROADCAST\n";
    const HEAD: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n";

    #[test]
    fn the_address_is_the_one_towards_the_default_route() {
        let routes = "eth1\t00000000\t0107A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
            eth1\t0007A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
            eth0\t0002010A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        assert_eq!(ipv4(&format!("{HEAD}{routes}"), TRIE), Some("192.168.7.9".parse().unwrap()));
        assert_eq!(ipv4(HEAD, TRIE), Some("10.1.2.3".parse().unwrap()));
        assert_eq!(ipv4("", ""), None);
        let six = "fe800000000000000000000000000001 02 40 20 80 eth0\n20010db8000000000000000000000007 02 40 00 80 eth0\n";
        assert_eq!(ipv6(six).as_deref(), Some("2001:db8::7"));
    }

    #[test]
    fn the_time_zone_is_where_localtime_leads() {
        let link = Path::new("/usr/share/zoneinfo/Europe/Berlin");
        assert_eq!(timezone("Asia/Tokyo\n", Some(link)), "Europe/Berlin");
        assert_eq!(timezone("Asia/Tokyo\n", None), "Asia/Tokyo");
        assert_eq!(timezone("\u{1b}[2J", Some(Path::new("/etc/other"))), "Etc/UTC");
    }

    #[test]
    fn the_full_name_comes_from_the_hosts_file() {
        assert_eq!(
            full_name("wiki", "127.0.0.1 localhost\n127.0.1.1 wiki.example.org wiki # x\n"),
            "wiki.example.org"
        );
        assert_eq!(full_name("wiki", "127.0.1.1 wikipedia.org"), "wiki");
        assert_eq!(full_name("a.b", ""), "a.b");
    }
}
