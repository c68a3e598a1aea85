//! The machine's own names and addresses, read from files: the web process may not open a netlink socket.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// One name a line, `#` begins a comment: further names by which the page may be reached.
pub const FURTHER_NAMES: &str = "/etc/appliance-control/hosts";

/// How this machine is called and where it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// In lower case: host name, full name, what the administrator added. Never empty.
    pub names: Vec<String>,
    /// Without loopback and link-local; the most likely one first.
    pub addresses: Vec<IpAddr>,
}

impl Network {
    pub fn read() -> Network {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let mut addresses = ipv4_local(&read("/proc/net/fib_trie"));
        addresses.extend(ipv6_local(&read("/proc/net/if_inet6")));
        let hostname = read("/proc/sys/kernel/hostname").trim().to_ascii_lowercase();
        Network { names: names(&hostname, &read("/etc/hosts"), &read(FURTHER_NAMES)), addresses }
    }

    /// Whether the page may be asked for under this name (a `Host` header, with or without port). A name has to be
    /// known, or a stranger's name could be pointed at this machine and its page would be let in here
    /// (DNS rebinding). A literal address cannot be pointed elsewhere, and behind address translation it need not
    /// be one of our own.
    pub fn answers_to(&self, host: &str) -> bool {
        let Some(name) = without_port(host) else { return false };
        if let Some(inner) = name.strip_prefix('[') {
            return inner.strip_suffix(']').is_some_and(|a| a.parse::<Ipv6Addr>().is_ok());
        }
        let name = name.to_ascii_lowercase();
        name.parse::<Ipv4Addr>().is_ok() || name == "localhost" || self.names.contains(&name)
    }

    /// `192.0.2.7`, `[2001:db8::7]`, then names: what a link can begin with.
    pub fn hosts(&self) -> Vec<String> {
        let address = |a: &IpAddr| if a.is_ipv6() { format!("[{a}]") } else { a.to_string() };
        let mut hosts: Vec<String> = self.addresses.iter().map(address).collect();
        // a multicast name works in few networks, and nobody outside knows the rest
        let usable = |n: &str| n.contains('.') && !n.ends_with(".local") && n != "localhost.localdomain";
        hosts.extend(self.names.iter().filter(|n| usable(n)).cloned());
        if hosts.is_empty() { vec!["localhost".into()] } else { hosts }
    }
}

/// The host without its port; none when the port is no number.
fn without_port(host: &str) -> Option<&str> {
    let split =
        if host.starts_with('[') { host.find(']')? + 1 } else { host.find(':').unwrap_or(host.len()) };
    let (name, port) = host.split_at_checked(split)?;
    let good = port.is_empty() || port.strip_prefix(':').is_some_and(|p| p.parse::<u16>().is_ok());
    (good && !name.is_empty()).then_some(name)
}

/// The host name, its full forms in hosts(5), its multicast name, and the administrator's further names.
fn names(hostname: &str, hosts: &str, further: &str) -> Vec<String> {
    let mut names = vec![hostname.to_owned()];
    let lines = |text: &str| -> Vec<Vec<String>> {
        let words = |l: &str| {
            l.split('#').next().unwrap_or("").split_whitespace().map(str::to_ascii_lowercase).collect()
        };
        text.lines().map(words).collect()
    };
    for line in lines(hosts) {
        // the address comes first; a line that names us names us by all its words
        if line.iter().skip(1).any(|n| n == hostname) {
            names.extend(line.into_iter().skip(1));
        }
    }
    names.extend(lines(further).into_iter().flatten());
    if !hostname.contains('.') {
        names.push(format!("{hostname}.local"));
    }
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|n| !n.is_empty() && n != "localhost" && seen.insert(n.clone()));
    names
}

/// The local addresses in /proc/net/fib_trie: each stands in a `|-- ADDRESS` line and is followed by `/32 host LOCAL`.
fn ipv4_local(text: &str) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = vec![];
    let mut last = None;
    for line in text.lines() {
        if let Some((_, address)) = line.split_once("|-- ") {
            last = address.trim().parse::<Ipv4Addr>().ok();
        } else if line.trim() == "/32 host LOCAL"
            && let Some(address) = last.filter(|a| !a.is_loopback() && !a.is_link_local())
            && !found.contains(&address.into())
        {
            found.push(address.into());
        }
    }
    found
}

/// The addresses in /proc/net/if_inet6 of scope 00 (global).
fn ipv6_local(text: &str) -> Vec<IpAddr> {
    let parse = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let bits = u128::from_str_radix(fields.first()?, 16).ok()?;
        (*fields.get(3)? == "00").then(|| IpAddr::V6(Ipv6Addr::from_bits(bits)))
    };
    text.lines().filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     |-- 10.0.0.7\n        /32 host LOCAL\n\
                    Local:\n     |-- 10.0.0.7\n        /32 host LOCAL\n     |-- 10.0.0.255\n        /32 link BROADCAST\n     |-- 127.0.0.1\n        /32 host LOCAL\n";
        assert_eq!(ipv4_local(trie), ["10.0.0.7".parse::<IpAddr>().unwrap()]);
        let v6 = "00000000000000000000000000000001 01 80 10 80       lo\n\
                  20010db8000000000000000000000007 02 40 00 80     eth0\nfe800000000000000000000000000001 02 40 20 80 eth0\n";
        assert_eq!(ipv6_local(v6), ["2001:db8::7".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn only_our_own_names_are_answered_to() {
        let network = Network {
            names: names(
                "wiki",
                "127.0.0.1 localhost\n127.0.1.1 wiki.example.org wiki # me\n192.0.2.1 other\n",
                "Wiki.Example.COM # ours\n",
            ),
            addresses: vec![],
        };
        assert_eq!(network.names, ["wiki", "wiki.example.org", "wiki.example.com", "wiki.local"]);
        for host in [
            "wiki",
            "WIKI:8080",
            "wiki.example.org:443",
            "wiki.local",
            "localhost",
            "127.0.0.1:8080",
            "192.0.2.9",
            "[::1]:8080",
            "[::1]",
        ] {
            assert!(network.answers_to(host), "{host}");
        }
        for host in [
            "",
            ":8080",
            "evil.example",
            "wiki.example.org.evil.example",
            "wiki:port",
            "wiki:99999",
            "a@wiki",
            "wiki/..",
            "[::1",
            "[evil]",
            "other",
            "wiki.",
            "127.0.0.1.evil",
            "wiki\r\nx",
        ] {
            assert!(!network.answers_to(host), "{host}");
        }
    }

    #[test]
    fn links_begin_with_addresses() {
        let network = Network {
            names: vec!["wiki".into(), "wiki.example.org".into()],
            addresses: vec!["10.0.0.7".parse().unwrap(), "2001:db8::7".parse().unwrap()],
        };
        assert_eq!(network.hosts(), ["10.0.0.7", "[2001:db8::7]", "wiki.example.org"]);
        assert_eq!(Network::default().hosts(), ["localhost"]);
    }
}
