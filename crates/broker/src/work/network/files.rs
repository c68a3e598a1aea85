//! What stands in the files of systemd-networkd, of ifupdown and in resolv.conf when an interface has other addresses.
//!
//! Only what gives addresses of the family asked for is changed. What an administrator does with the interface besides, above all
//! what is loaded before it comes up, stays in force.

use crate::machine::file;
use broker_protocol::{Addresses, Manager, machine::cidr};
use std::{
    collections::BTreeSet,
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
};

const HEAD: &str = "# Written by the management page (Machine); what you change here, it overwrites.\n";
/// In front of lines of interfaces(5) that ours take the place of.
const MARK: &str = "#appliance-control# ";
/// Options that our stanza gives itself, or that follow from those; name servers go with them.
const OURS: &[&str] =
    &["address", "netmask", "gateway", "broadcast", "network", "dns-nameserver", "dns-nameservers"];
/// Options that may be there more than once.
const COMMANDS: &[&str] = &["pre-up", "up", "post-up", "pre-down", "down", "post-down"];

/// A file, and what shall stand in it.
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    /// Where it is a link, what it leads to.
    pub path: PathBuf,
    pub text: String,
    /// None: as it is.
    pub mode: Option<u32>,
}

pub fn wanted(
    root: &Path,
    manager: Manager,
    interface: &str,
    addresses: &Addresses,
) -> io::Result<Vec<File>> {
    let mut files = match manager {
        Manager::Networkd => {
            // before all others, for the first that fits an interface counts (systemd.network(5))
            let path = root.join(format!("etc/systemd/network/05-appliance-control-{interface}.network"));
            let old = file::look(&path)?.map(|was| was.text).unwrap_or_default();
            vec![File { path: file::real(&path), text: network_file(interface, addresses, &old), mode: None }]
        }
        _ => interfaces(root, interface, addresses)?,
    };
    if let Addresses::Fixed { name_servers, .. } = addresses
        && !name_servers.is_empty()
    {
        let path = root.join("etc/resolv.conf");
        // a link is to what another program writes, which hears of them by the files above
        if fs::symlink_metadata(&path).is_ok_and(|m| m.is_file()) {
            let text = resolv_conf(&fs::read_to_string(&path)?, name_servers);
            files.push(File { path, text, mode: None });
        }
    }
    Ok(files)
}

/// The files of interfaces(5): one of our own for each interface and family, and those whose stanza it takes the place of.
fn interfaces(root: &Path, interface: &str, addresses: &Addresses) -> io::Result<Vec<File>> {
    let family = family(addresses);
    let folder = root.join("etc/network/interfaces.d");
    let own = file::real(&folder.join(own_name(interface, family)));
    let mut others: BTreeSet<PathBuf> = [file::real(&root.join("etc/network/interfaces"))].into();
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
    // ifupdown does not read those either
    let shown = entries.filter(|e| !e.file_name().as_encoded_bytes().starts_with(b"."));
    others.extend(shown.map(|e| file::real(&e.path())));
    others.remove(&own);
    let mut files = vec![];
    let mut options = vec![];
    // what was in a file that not everybody may read is not for everybody now
    let mut mode = 0o644;
    for path in others.into_iter().chain([own.clone()]).filter(|p| p.is_file()) {
        let Some(was) = file::look(&path)? else { continue };
        let split = split(&was.text, interface, family);
        if path == own || !split.options.is_empty() {
            mode &= was.mode;
        }
        options.extend(split.options);
        if path != own && split.rest != was.text {
            files.push(File { path, text: split.rest, mode: None });
        }
    }
    files.push(File { path: own, text: stanza(interface, addresses, &options), mode: Some(mode) });
    Ok(files)
}

/// `source-directory` of interfaces(5) takes names of letters, digits, `_` and `-` alone; `eth0.7` and `eth0-7` stay two.
fn own_name(interface: &str, family: &str) -> String {
    let escaped = interface.replace('_', "__").replace('.', "_d");
    format!("appliance-control-{family}-{escaped}")
}

/// systemd.network(5). One such file counts for an interface: of the old one, the other family's addresses stay.
fn network_file(interface: &str, addresses: &Addresses, old: &str) -> String {
    let mut text = format!("{HEAD}[Match]\nName={interface}\n\n[Network]\n");
    match addresses {
        Addresses::Dhcp => text += "DHCP=yes\n",
        Addresses::Fixed { address, gateway, name_servers } => {
            text += &format!("Address={address}\n");
            gateway.iter().for_each(|g| text += &format!("Gateway={g}\n"));
            name_servers.iter().for_each(|n| text += &format!("DNS={n}\n"));
        }
    }
    let ours_is_6 = family(addresses) == "inet6";
    for line in old.lines() {
        let Some((name, value)) = line.split_once('=') else { continue };
        let ip = value.split('/').next().and_then(|ip| ip.parse::<IpAddr>().ok());
        match name {
            "Address" | "Gateway" | "DNS" if ip.is_some_and(|ip| ip.is_ipv6() != ours_is_6) => {
                text += &format!("{line}\n");
            }
            "DHCP" if ours_is_6 && matches!(value, "yes" | "ipv4") => text += "DHCP=ipv4\n",
            _ => {}
        }
    }
    text
}

fn family(addresses: &Addresses) -> &'static str {
    match addresses {
        Addresses::Fixed { address, .. } if cidr(address).is_some_and(|(ip, _)| ip.is_ipv6()) => "inet6",
        _ => "inet",
    }
}

/// interfaces(5), with options of stanzas that were there before.
fn stanza(interface: &str, addresses: &Addresses, options: &[String]) -> String {
    let family = family(addresses);
    let mut text = match addresses {
        Addresses::Dhcp => format!("{HEAD}iface {interface} {family} dhcp\n"),
        Addresses::Fixed { address, gateway, name_servers } => {
            let mut text = format!("{HEAD}iface {interface} {family} static\n\taddress {address}\n");
            gateway.iter().for_each(|g| text += &format!("\tgateway {g}\n"));
            if !name_servers.is_empty() {
                text += &format!("\tdns-nameservers {}\n", name_servers.join(" "));
            }
            text
        }
    };
    let mut told: Vec<(&str, &str)> = vec![];
    for option in options {
        let option = option.trim();
        let name = option.split_whitespace().next().unwrap_or_default();
        let command = COMMANDS.contains(&name);
        // ifup takes no option twice but commands
        if !told.iter().any(|(n, o)| *o == option || (!command && *n == name)) {
            text += &format!("\t{option}\n");
            told.push((name, option));
        }
    }
    text
}

/// A file of interfaces(5) without an interface's stanza of one family.
struct Split {
    /// The file with the stanza taken out of use; all else as it is.
    rest: String,
    /// The stanza's options that ours does not give, each with the lines that go on with it.
    options: Vec<String>,
}

fn split(text: &str, interface: &str, family: &str) -> Split {
    let mut split = Split { rest: String::new(), options: vec![] };
    let (mut inside, mut goes_on, mut kept) = (false, false, false);
    for line in text.split_inclusive('\n') {
        let words: Vec<&str> = line.split_whitespace().collect();
        let first = words.first().copied().unwrap_or_default();
        let comment = !goes_on && first.starts_with('#');
        let heads = !goes_on && begins(first);
        if heads {
            inside = words.len() >= 3 && first == "iface" && words[1] == interface && words[2] == family;
        }
        if inside && !comment && (goes_on || !words.is_empty()) {
            split.rest += MARK;
            match split.options.last_mut() {
                Some(option) if goes_on && kept => *option += line,
                _ if goes_on => {}
                _ => {
                    kept = !heads && !OURS.contains(&first);
                    split.options.extend(kept.then(|| line.to_owned()));
                }
            }
        }
        split.rest += line;
        goes_on = !comment && line.trim_end_matches(['\n', '\r']).ends_with('\\');
    }
    split
}

/// Whether a line with this first word ends the stanza before it.
fn begins(word: &str) -> bool {
    matches!(word, "iface" | "auto" | "mapping" | "template" | "rename" | "source" | "source-directory")
        || word.starts_with("allow-")
        || word.starts_with("no-auto-down")
        || word.starts_with("no-scripts")
}

/// resolv.conf(5) with these servers instead of its own.
fn resolv_conf(text: &str, servers: &[String]) -> String {
    let others = text.lines().filter(|l| !l.trim_start().starts_with("nameserver"));
    let mut lines: Vec<String> = others.map(str::to_owned).collect();
    lines.extend(servers.iter().map(|s| format!("nameserver {s}")));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn fixed(address: &str) -> Addresses {
        Addresses::Fixed { address: address.into(), gateway: None, name_servers: vec![] }
    }

    fn with_servers() -> Addresses {
        Addresses::Fixed {
            address: "192.0.2.7/24".into(),
            gateway: Some("192.0.2.1".into()),
            name_servers: vec!["192.0.2.2".into(), "192.0.2.3".into()],
        }
    }

    #[test]
    fn what_ifupdown_reads() {
        let text = "# x\nauto lo\niface lo inet loopback\n\nallow-hotplug eth0\niface eth0 inet static\n  address 10.0.0.1/8\n# why\n\niface eth0 inet6 auto\n";
        let expect = "# x\nauto lo\niface lo inet loopback\n\nallow-hotplug eth0\n#appliance-control# iface eth0 inet static\n#appliance-control#   address 10.0.0.1/8\n# why\n\niface eth0 inet6 auto\n";
        assert_eq!(split(text, "eth0", "inet").rest, expect);
        assert_eq!(split(expect, "eth0", "inet").rest, expect);
        assert_eq!(split(text, "eth1", "inet").rest, text);
        let own = stanza("eth0", &with_servers(), &[]);
        assert!(own.ends_with("iface eth0 inet static\n\taddress 192.0.2.7/24\n\tgateway 192.0.2.1\n\tdns-nameservers 192.0.2.2 192.0.2.3\n"), "{own}");
    }

    #[test]
    fn what_is_done_with_the_interface_besides_stays() {
        let text = "iface eth0 inet static\n  address 10.0.0.1\n  netmask 255.0.0.0\n  dns-nameservers 10.0.0.2 \\\n    10.0.0.3\n  pre-up iptables-restore \\\n    /etc/firewall\n  # mtu\n  mtu 1400\n  up a\n  up b\n  wpa-ssid x\n  dns-search example.org\nauto eth1\n";
        let split = split(text, "eth0", "inet");
        assert!(split.rest.contains("\n#appliance-control#     /etc/firewall\n  # mtu\n"), "{}", split.rest);
        let more = ["\tmtu 9000\n".to_owned(), "up a".to_owned()];
        let own = stanza("eth0", &Addresses::Dhcp, &[split.options, more.into()].concat());
        let expect = "iface eth0 inet dhcp\n\tpre-up iptables-restore \\\n    /etc/firewall\n\tmtu 1400\n\tup a\n\tup b\n\twpa-ssid x\n\tdns-search example.org\n";
        assert_eq!(own, format!("{HEAD}{expect}"));
    }

    #[test]
    fn one_file_for_each_interface_and_family() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("etc/network/interfaces.d");
        fs::create_dir_all(folder.join("kept-aside")).unwrap();
        let private = folder.join("wireless");
        fs::write(&private, "iface eth0.7 inet dhcp\n\twpa-psk secret\n").unwrap();
        fs::set_permissions(&private, fs::Permissions::from_mode(0o600)).unwrap();
        let write = |interface: &str, addresses: &Addresses| {
            for file in wanted(root.path(), Manager::Ifupdown, interface, addresses).unwrap() {
                file::put_as(&file.path, &file.text, file.mode).unwrap();
            }
        };
        write("eth0.7", &fixed("192.0.2.7/24"));
        write("eth0.7", &fixed("2001:db8::7/64"));
        write("eth0-7", &fixed("192.0.2.8/24"));
        write("eth0_d7", &fixed("192.0.2.9/24"));
        // again: what was taken over is not lost the second time
        write("eth0.7", &fixed("192.0.2.6/24"));
        let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        let expect = [
            "appliance-control-inet-eth0-7",
            "appliance-control-inet-eth0__d7",
            "appliance-control-inet-eth0_d7",
            "appliance-control-inet6-eth0_d7",
            "kept-aside",
            "wireless",
        ];
        assert_eq!(names, expect);
        let own = file::look(&folder.join(expect[2])).unwrap().unwrap();
        assert!(own.text.ends_with("\taddress 192.0.2.6/24\n\twpa-psk secret\n"), "{}", own.text);
        assert_eq!((own.mode, file::look(&private).unwrap().unwrap().mode), (0o600, 0o600));
    }

    #[test]
    fn networkd_keeps_the_other_family() {
        let at = |addresses: &Addresses, old: &str| {
            let text = network_file("eth0", addresses, old);
            text.split_once("[Network]\n").unwrap().1.to_owned()
        };
        let four = network_file("eth0", &with_servers(), "");
        assert!(four.starts_with(&format!("{HEAD}[Match]\nName=eth0\n\n")), "{four}");
        let both = network_file("eth0", &fixed("2001:db8::7/64"), &four);
        assert!(both.ends_with("Address=2001:db8::7/64\nAddress=192.0.2.7/24\nGateway=192.0.2.1\nDNS=192.0.2.2\nDNS=192.0.2.3\n"), "{both}");
        assert_eq!(at(&Addresses::Dhcp, &both), "DHCP=yes\nAddress=2001:db8::7/64\n");
        assert_eq!(
            at(&fixed("2001:db8::8/64"), &network_file("eth0", &Addresses::Dhcp, "")),
            "Address=2001:db8::8/64\nDHCP=ipv4\n"
        );
        assert_eq!(at(&fixed("192.0.2.8/24"), &four), "Address=192.0.2.8/24\n");
    }

    #[test]
    fn files_are_ours_or_the_administrators() {
        let root = tempfile::tempdir().unwrap();
        let etc = root.path().join("etc");
        fs::create_dir_all(etc.join("network/interfaces.d")).unwrap();
        fs::write(
            etc.join("network/interfaces"),
            "source /etc/network/interfaces.d/*\niface eth0 inet dhcp\n",
        )
        .unwrap();
        fs::write(etc.join("resolv.conf"), "search example.org\nnameserver 10.0.0.1\n").unwrap();
        let names = |manager| {
            let files = wanted(root.path(), manager, "eth0", &with_servers()).unwrap();
            files.iter().map(|f| f.path.strip_prefix(&etc).unwrap().display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(
            names(Manager::Ifupdown),
            ["network/interfaces", "network/interfaces.d/appliance-control-inet-eth0", "resolv.conf"]
        );
        assert_eq!(
            names(Manager::Networkd),
            ["systemd/network/05-appliance-control-eth0.network", "resolv.conf"]
        );
        assert_eq!(resolv_conf("search a\nnameserver x\n", &["b".into()]), "search a\nnameserver b\n");
    }
}
