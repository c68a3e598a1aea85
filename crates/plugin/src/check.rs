//! From the text of a manifest to a checked one. What is checked here is relied on where an action becomes a
//! unit: names and paths that pass hold no space, no quote and no `%`, so they mean the same to everyone.

use crate::{
    manifest::{Action, Manifest, Query, VERSION},
    sandbox::{ANSWERS, Needs},
};
use std::{collections::BTreeSet, ops::RangeInclusive};

/// Everything that is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct Faults(pub Vec<String>);

/// Units of the page and what stands behind it.
const OURS: &[&str] = &["appliance-control", "appliance-broker", "appliance-task-", "appliance-query-"];

/// Folders that no action may write to: nothing in them, nothing above them.
const PROTECTED: &[&str] = &[
    "/bin",
    "/boot",
    "/dev",
    "/etc/alternatives",
    "/etc/apt",
    "/etc/bash.bashrc",
    "/etc/cron.d",
    "/etc/cron.daily",
    "/etc/cron.hourly",
    "/etc/cron.monthly",
    "/etc/cron.weekly",
    "/etc/crontab",
    "/etc/dbus-1",
    "/etc/environment",
    "/etc/group",
    "/etc/gshadow",
    "/etc/init.d",
    "/etc/initramfs-tools",
    "/etc/kernel",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ld.so.preload",
    "/etc/logrotate.d",
    "/etc/modprobe.d",
    "/etc/modules-load.d",
    "/etc/network",
    "/etc/nsswitch.conf",
    "/etc/pam.d",
    "/etc/passwd",
    "/etc/polkit-1",
    "/etc/profile",
    "/etc/profile.d",
    "/etc/security",
    "/etc/shadow",
    "/etc/ssh",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/sysctl.d",
    "/etc/systemd",
    "/etc/sysusers.d",
    "/etc/tmpfiles.d",
    "/etc/udev",
    "/home",
    "/lib",
    "/lib64",
    "/proc",
    "/root",
    "/run/appliance-broker",
    "/run/appliance-broker.socket",
    "/run/appliance-task",
    "/run/containerd",
    "/run/dbus",
    "/run/docker.sock",
    "/run/systemd",
    "/run/tmpfiles.d",
    "/run/udev",
    "/sbin",
    "/sys",
    "/usr",
    "/var/lib/appliance-broker",
    "/var/lib/appliance-control",
    "/var/lib/apt",
    "/var/lib/dpkg",
    "/var/lib/polkit-1",
    "/var/lib/systemd",
    "/var/spool/cron",
];

impl Manifest {
    /// Reads and checks the manifest of the plugin `name`.
    pub fn parse(name: &str, text: &str) -> Result<Manifest, Faults> {
        #[derive(serde::Deserialize)]
        struct Version {
            version: u32,
        }
        // the version first: a later one may have fields that this program rightly does not know
        match serde_json::from_str::<Version>(text) {
            Ok(Version { version }) if version > VERSION => {
                return Err(Faults(vec![format!(
                    "is of version {version}, and this appliance-control knows up to {VERSION}: update appliance-control"
                )]));
            }
            _ => {}
        }
        let manifest: Manifest = serde_json::from_str(text).map_err(|e| Faults(vec![e.to_string()]))?;
        let mut faults = vec![];
        if manifest.version != VERSION {
            faults.push(format!("version {} is not known, write {VERSION}", manifest.version));
        }
        if manifest.name != name {
            faults.push(format!("`name` is `{}`, but the file is called {name}.json", manifest.name));
        }
        if !is_name(&manifest.name) {
            faults.push(format!("`{}` is no name: lower case letters, digits, + . -", manifest.name));
        }
        check_text("title", &manifest.title, &mut faults);
        manifest.services.iter().for_each(|unit| check_unit(unit, &mut faults));
        twice("service", manifest.services.iter(), &mut faults);
        twice("action", manifest.actions.iter().map(|a| &a.name), &mut faults);
        twice("query", manifest.queries.iter().map(|q| &q.name), &mut faults);
        for query in &manifest.queries {
            let mut own = vec![];
            query.check(name, &mut own);
            faults.extend(own.into_iter().map(|fault| format!("query `{}`: {fault}", query.name)));
        }
        for action in &manifest.actions {
            let mut own = vec![];
            action.check(&manifest, &mut own);
            faults.extend(own.into_iter().map(|fault| format!("action `{}`: {fault}", action.name)));
        }
        manifest.check_cards(&mut faults);
        if faults.is_empty() { Ok(manifest) } else { Err(Faults(faults)) }
    }

    fn check_cards(&self, faults: &mut Vec<String>) {
        for card in &self.cards {
            check_text("title of a card", &card.title, faults);
            let texts = card.facts.iter().flat_map(|f| [&f.label, &f.value]).chain(&card.text);
            texts.for_each(|text| check_text("text of a card", text, faults));
            match &card.query {
                Some(query) if self.query(query).is_none() => {
                    faults.push(format!("card `{}` asks query `{query}`, which is not there", card.title));
                }
                None if card.facts.is_empty() && card.text.is_none() => {
                    faults.push(format!("card `{}` has nothing in it: facts, text or query", card.title));
                }
                _ => {}
            }
        }
    }
}

impl Query {
    fn check(&self, plugin: &str, faults: &mut Vec<String>) {
        check_entry(&self.name, &self.title, &self.description, &self.run, faults);
        check_needs(plugin, &self.into(), faults);
        within("timeout", self.timeout, 1..=30, faults);
        within("cache", self.cache, 0..=3600, faults);
        within("memory", self.memory, 16..=65536, faults);
    }
}

impl Action {
    fn check(&self, manifest: &Manifest, faults: &mut Vec<String>) {
        check_entry(&self.name, &self.title, &self.description, &self.run, faults);
        if let Some(text) = &self.confirm {
            check_text("confirm", text, faults);
        }
        check_needs(&manifest.name, &self.into(), faults);
        within("timeout", self.timeout, 1..=86400, faults);
        within("memory", self.memory.filter(|m| *m != 0), 16..=65536, faults);
        if !self.units.is_empty() && self.user != "root" {
            faults.push(format!("only root may start and stop units, and it runs as `{}`", self.user));
        }
        if self.configures && self.user != "root" {
            faults.push(format!("only root may configure the machine, and it runs as `{}`", self.user));
        }
        twice("parameter", self.parameters.iter().map(|p| &p.name), faults);
        for parameter in &self.parameters {
            let mut own = parameter.faults(&|query| manifest.query(query).is_some());
            if !is_name(&parameter.name) {
                own.push("its name may have lower case letters, digits, + . - only".into());
            }
            faults.extend(own.into_iter().map(|fault| format!("parameter `{}`: {fault}", parameter.name)));
        }
        for name in self.example.iter().flat_map(|e| e.keys()) {
            if self.parameters.iter().all(|p| p.name != *name) {
                faults.push(format!("`example` gives `{name}`, which is no parameter"));
            }
        }
    }
}

fn check_entry(name: &str, title: &str, description: &Option<String>, run: &str, faults: &mut Vec<String>) {
    if !is_name(name) {
        faults.push("its name may have lower case letters, digits, + . - only".into());
    }
    check_text("title", title, faults);
    description.iter().for_each(|text| check_text("description", text, faults));
    if !run.split('/').all(is_file_name) {
        faults.push(format!("`run` is `{run}`, but has to be a program in the plugin's folder"));
    }
}

fn check_needs(plugin: &str, needs: &Needs<'_>, faults: &mut Vec<String>) {
    if !is_user(needs.user) {
        faults.push(format!("`{}` is no user's name", needs.user));
    }
    for path in needs.writable {
        if let Err(why) =
            check_path(path).and_then(|()| check_writable(path)).and_then(|()| check_own(plugin, path))
        {
            faults.push(format!("`writable` path `{path}` {why}"));
        }
    }
    for path in needs.readable {
        if let Err(why) = check_path(path) {
            faults.push(format!("`readable` path `{path}` {why}"));
        }
    }
    for name in needs.secrets.iter().filter(|name| !is_file_name(name)) {
        faults.push(format!("`{name}` is no name of a secret"));
    }
    needs.units.iter().chain(needs.restarts).for_each(|unit| check_unit(unit, faults));
    for unit in needs.restarts.iter().filter(|unit| OURS.iter().any(|name| unit.starts_with(name))) {
        faults.push(format!("`{unit}` belongs to the management page itself, which no action restarts"));
    }
    for (what, list) in [
        ("writable path", needs.writable),
        ("readable path", needs.readable),
        ("secret", needs.secrets),
        ("unit", needs.units),
        ("restarted service", needs.restarts),
    ] {
        twice(what, list.iter(), faults);
    }
}

fn check_unit(unit: &str, faults: &mut Vec<String>) {
    if !is_unit(unit) {
        faults.push(format!("`{unit}` is no unit's name (write it with its suffix: apache2.service)"));
    }
}

fn within(what: &str, value: Option<u32>, range: RangeInclusive<u32>, faults: &mut Vec<String>) {
    if value.is_some_and(|v| !range.contains(&v)) {
        faults.push(format!("`{what}` has to be from {} to {}", range.start(), range.end()));
    }
}

fn twice<'a>(what: &str, names: impl Iterator<Item = &'a String>, faults: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            faults.push(format!("{what} `{name}` stands there twice"));
        }
    }
}

/// Lower case letters, digits and `+ . -`, first a letter or digit, at most 64: a Debian package's name (Policy 5.6.1).
pub fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+.-".contains(c))
}

/// One component of a path that needs no quoting anywhere, and is not hidden.
pub fn is_file_name(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c))
}

fn is_user(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c))
}

fn is_unit(text: &str) -> bool {
    let suffix = [".service", ".socket", ".timer", ".target", ".path"];
    text.len() <= 128
        && suffix.iter().any(|s| text.ends_with(s) && text.len() > s.len())
        && !text.starts_with(['.', '-'])
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._@:-".contains(c))
}

/// A path that means the same to everyone who is told it.
fn check_path(path: &str) -> Result<(), String> {
    if !path.starts_with('/') || path.ends_with('/') {
        return Err("has to be absolute, without a slash at its end".into());
    }
    let parts: Vec<&str> = path[1..].split('/').collect();
    if parts.iter().any(|p| p.is_empty() || *p == "." || *p == "..") {
        return Err("has an empty part, `.` or `..` in it".into());
    }
    if !path.chars().all(|c| c.is_ascii_alphanumeric() || "/._+@-".contains(c)) {
        return Err("may have letters, digits and / . _ + @ - only".into());
    }
    Ok(())
}

/// Of the answers of appliances, a plugin may write its own.
fn check_own(plugin: &str, path: &str) -> Result<(), String> {
    let inner = path.strip_prefix(ANSWERS).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    match inner.map(|rest| rest.split('/').nth(1)) {
        Some(owner) if owner != Some(plugin) => Err("belongs to another appliance".into()),
        _ => Ok(()),
    }
}

fn check_writable(path: &str) -> Result<(), String> {
    if !path[1..].contains('/') {
        return Err("is a whole top folder: name the folder in it that is needed".into());
    }
    let below = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    match PROTECTED.iter().find(|p| below(path, p) || below(p, path)) {
        Some(protected) => Err(format!("reaches {protected}, which no action may write to")),
        None => Ok(()),
    }
}

fn check_text(what: &str, text: &str, faults: &mut Vec<String>) {
    if text.trim().is_empty() || text.len() > 2000 || text.chars().any(|c| c.is_control() && c != '\n') {
        faults.push(format!("`{what}` has to be 1 to 2000 characters without control characters"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"version":1,"name":"wiki","title":"Wiki","package-version":"1.0","actions":[
        {"name":"create-user","title":"Create a user","run":"create-user","role":"administrator","user":"moin",
         "parameters":[{"name":"email","type":"email"}],"writable":["/var/lib/moin"]}]}"#;

    /// What is said about the good manifest with one text replaced.
    fn fault(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from), "{from}");
        Manifest::parse("wiki", &GOOD.replace(from, to)).unwrap_err().to_string()
    }

    #[test]
    fn a_good_manifest_passes() {
        let manifest = Manifest::parse("wiki", GOOD).unwrap();
        assert!(manifest.action("create-user").is_some() && manifest.action("other").is_none());
        assert!(Manifest::parse("other", GOOD).unwrap_err().to_string().contains("other.json"));
    }

    #[test]
    fn each_fault_is_named() {
        for (from, to, says) in [
            (r#""version":1"#, r#""version":2,"new":0"#, "update appliance-control"),
            (r#""version":1"#, r#""version":0"#, "version 0"),
            (r#""version":1"#, r#""version":1,"shell":"x""#, "unknown field `shell`"),
            (r#""run":"create-user""#, r#""run":"../sh""#, "`run`"),
            (r#""run":"create-user""#, r#""run":"/bin/sh""#, "`run`"),
            (r#""run":"create-user""#, r#""run":"a b""#, "`run`"),
            (r#""run":"create-user""#, r#""run":".""#, "`run`"),
            (r#""run":"create-user""#, r#""run":"a/../../sh""#, "`run`"),
            (r#""run":"create-user""#, r#""run":"a//b""#, "`run`"),
            (r#""type":"email""#, r#""type":"shell""#, "unknown variant `shell`"),
            (r#""user":"moin""#, r#""user":"-moin""#, "user's name"),
            (r#""user":"moin""#, r#""user":"moin","units":["a.service"]"#, "only root"),
            (r#""user":"moin""#, r#""user":"moin","configures":true"#, "only root"),
            (r#""user":"moin""#, r#""user":"root","units":["a"]"#, "suffix"),
            (r#""role":"administrator""#, r#""role":"root""#, "unknown variant"),
            (r#""name":"create-user""#, r#""name":"Create user""#, "its name"),
            (r#""title":"Wiki""#, r#""title":"\u001b[2J""#, "control characters"),
        ] {
            let said = fault(from, to);
            assert!(said.contains(says), "{to}: {said}");
        }
    }

    #[test]
    fn what_an_action_may_write_to_is_bounded() {
        for path in [
            "/",
            "/etc",
            "/var",
            "/srv",
            "etc/x",
            "/etc/shadow",
            "/etc/shadow/x",
            "/etc/pam.d/su",
            "/usr/local/bin",
            "/var/lib",
            "/var/lib/dpkg/info",
            "/run/systemd",
            "/var/lib/moin/../dpkg",
            "/var/lib/moin/",
            "/var//lib/moin",
            "/var/lib/mo in",
            "/var/lib/%m",
            "/var/lib/a:b",
            "/root/x",
            "/proc/sys",
            "/etc/cron.d",
            "/etc/ld.so.preload",
            "/etc/udev/rules.d",
            "/run/udev/rules.d",
            "/var/spool/cron/crontabs",
            "/run/appliance-broker/shown",
            "/var/lib/appliances",
            "/var/lib/appliances/mail",
            "/var/lib/appliances/wiki2",
        ] {
            assert!(fault("/var/lib/moin", path).contains("`writable`"), "{path}");
        }
        Manifest::parse("wiki", &GOOD.replace("/var/lib/moin", "/var/lib/appliances/wiki/data")).unwrap();
        for path in ["/var/lib/moin", "/etc/moin", "/srv/wiki", "/var/lib/dpkg-like", "/var/lib/moin/wiki@1"]
        {
            assert_eq!(check_path(path).and_then(|()| check_writable(path)), Ok(()), "{path}");
        }
    }

    #[test]
    fn all_faults_come_at_once() {
        let text = GOOD.replace(r#""run":"create-user""#, r#""run":"..""#).replace("\"moin\"", "\"\"");
        assert_eq!(Manifest::parse("wiki", &text).unwrap_err().0.len(), 2);
    }
}
