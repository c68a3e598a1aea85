//! What apt would do, read from `apt-get -s` and `apt-get --print-uris`.

/// One package that comes, new or in another version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub name: String,
    pub architecture: String,
    /// None for a package that comes new.
    pub from: Option<String>,
    pub to: String,
    /// Where it comes from, e.g. `Debian:13.2/stable`; several are joined by `, `.
    pub origin: String,
    /// From a repository of security updates.
    pub security: bool,
}

/// A package that stays as it is, though there is a newer version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptBack {
    pub name: String,
    /// Empty where apt does not say it.
    pub from: String,
    pub to: String,
    pub why: Why,
}

/// Why a package is kept back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The owner has put it on hold (apt-mark(8)).
    Held,
    /// Its update is handed out to some machines first (apt_preferences(5), "Phased Updates").
    Phased,
    /// It needs packages to be removed, or others that cannot be installed.
    Blocked,
}

/// What apt would do, and what it takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Installed new or in another version, in apt's order.
    pub changes: Vec<Change>,
    pub removals: Vec<String>,
    /// Have a newer version that is not installed.
    pub kept_back: Vec<KeptBack>,
    /// Bytes still to be downloaded, as exact as apt prints them.
    pub download: u64,
    /// Bytes by which the installed packages grow (or, below 0, shrink).
    pub disk: i64,
}

impl Plan {
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.removals.is_empty()
    }

    /// Reads the `Inst` and `Remv` lines of `apt-get -s`, and its list of packages kept back.
    pub fn parse(simulation: &str) -> Plan {
        let mut plan = Plan::default();
        let mut lines = simulation.lines().peekable();
        while let Some(line) = lines.next() {
            if let Some(rest) = line.strip_prefix("Inst ") {
                plan.changes.extend(change(rest));
            } else if let Some(rest) = line.strip_prefix("Remv ").or_else(|| line.strip_prefix("Purg ")) {
                plan.removals.extend(rest.split_whitespace().next().map(str::to_owned));
            } else if let Some(why) = kept_back(line) {
                while let Some(names) = lines.next_if(|l| l.starts_with("  ")) {
                    plan.kept_back.extend(kept(names, why));
                }
            }
        }
        plan
    }

    /// Marks those that the owner has put on hold, as `apt-mark showhold` lists them.
    pub fn mark_held(&mut self, held: &str) {
        let held: Vec<&str> = held.split_whitespace().collect();
        for package in self.kept_back.iter_mut().filter(|p| held.contains(&p.name.as_str())) {
            package.why = Why::Held;
        }
    }

    /// Reads the lists that `apt-get -V --print-uris` prints; a fraction of a simulation's time, and without the
    /// packages' origins and architectures. None when they are not as many as apt counts itself: then its words are
    /// others than these.
    pub fn parse_outline(output: &str) -> Option<Plan> {
        let mut plan = Plan::default();
        let mut lines = output.lines().peekable();
        let mut counted = false;
        while let Some(line) = lines.next() {
            let list = if line.starts_with("The following NEW packages will be installed")
                || line.starts_with("The following packages will be upgraded")
                || line.starts_with("The following packages will be DOWNGRADED")
            {
                List::Changes
            } else if line.starts_with("The following packages will be REMOVED") {
                List::Removals
            } else if let Some(why) = kept_back(line) {
                List::KeptBack(why)
            } else {
                counted = counted
                    || counts(line).is_some_and(|(changes, removals)| {
                        (changes, removals) == (plan.changes.len(), plan.removals.len())
                    });
                continue;
            };
            while let Some(item) = lines.next_if(|l| l.starts_with("  ")) {
                let (name, versions) = item.trim().split_once(' ').unwrap_or((item.trim(), ""));
                match list {
                    List::Changes => plan.changes.push(listed(name, versions)?),
                    // apt marks with a star what it purges
                    List::Removals => plan.removals.push(name.trim_end_matches('*').to_owned()),
                    List::KeptBack(why) => plan.kept_back.extend(kept(item, why)),
                }
            }
        }
        plan.add_sizes(output);
        counted.then_some(plan)
    }

    /// Adds the sizes that `apt-get --print-uris` prints.
    pub fn add_sizes(&mut self, output: &str) {
        for line in output.lines() {
            if let Some(rest) = line.strip_prefix("Need to get ") {
                // "12.3 MB of archives." or, with some there already, "3 kB/12.3 MB of archives."
                self.download = size(rest.split('/').next().unwrap_or_default()).unwrap_or(0);
            } else if let Some(rest) = line.strip_prefix("After this operation, ") {
                let bytes = size(rest).and_then(|b| i64::try_from(b).ok()).unwrap_or(0);
                self.disk = if rest.contains("freed") { -bytes } else { bytes };
            }
        }
    }
}

fn kept_back(line: &str) -> Option<Why> {
    if line.starts_with("The following packages have been kept back") {
        return Some(Why::Blocked);
    }
    line.starts_with("The following upgrades have been deferred due to phasing").then_some(Why::Phased)
}

/// Names, or with -V one name and its versions: `name (from => to)`.
fn kept(line: &str, why: Why) -> Vec<KeptBack> {
    let new = |name: &str, from: &str, to: &str| KeptBack {
        name: name.into(),
        from: from.into(),
        to: to.into(),
        why,
    };
    match line.trim().split_once(" (") {
        Some((name, versions)) => {
            let versions = versions.trim_end_matches(')');
            let (from, to) = versions.split_once(" => ").unwrap_or(("", versions));
            vec![new(name, from, to)]
        }
        None => line.split_whitespace().map(|name| new(name, "", "")).collect(),
    }
}

enum List {
    Changes,
    Removals,
    KeptBack(Why),
}

/// `(to)` or `(from => to)`
fn listed(name: &str, versions: &str) -> Option<Change> {
    let inside = versions.strip_prefix('(')?.strip_suffix(')')?;
    let (from, to) = match inside.split_once(" => ") {
        Some((from, to)) => (Some(from.to_owned()), to),
        None => (None, inside),
    };
    let (architecture, origin) = (String::new(), String::new());
    Some(Change { name: name.into(), architecture, from, to: to.into(), origin, security: false })
}

/// `1 upgraded, 14 newly installed, 2 to remove and 0 not upgraded.`: what changes, and what goes. Where a count is
/// of no kind known here, the sum is wrong on purpose.
fn counts(line: &str) -> Option<(usize, usize)> {
    let line = line.strip_suffix(" not upgraded.")?;
    let (counted, _) = line.rsplit_once(" and ")?;
    let (mut changes, mut removals) = (0, 0);
    for part in counted.split(", ") {
        let (number, what) = part.split_once(' ')?;
        let number: usize = number.parse().ok()?;
        match what {
            "upgraded" | "newly installed" | "downgraded" => changes += number,
            "to remove" => removals += number,
            _ if number == 0 => {}
            _ => return None,
        }
    }
    Some((changes, removals))
}

/// `name [from] (to origin, origin [architecture]) […]`
fn change(rest: &str) -> Option<Change> {
    let (head, tail) = rest.split_once('(')?;
    let (inside, _) = tail.split_once(')')?;
    let mut head = head.split_whitespace();
    let name = head.next()?.to_owned();
    let from = head.next().map(|v| v.trim_matches(['[', ']']).to_owned());
    let (to, inside) = inside.split_once(' ')?;
    let (origin, architecture) = inside.rsplit_once('[').unwrap_or((inside, ""));
    let origin = origin.trim().to_owned();
    Some(Change {
        name,
        architecture: architecture.trim_end_matches(']').to_owned(),
        from,
        to: to.to_owned(),
        security: origin.split(", ").any(is_security),
        origin,
    })
}

/// Debian's is `Debian-Security:13/stable-security`.
fn is_security(origin: &str) -> bool {
    let (label, suite) = origin.split_once('/').unwrap_or((origin, ""));
    label.starts_with("Debian-Security:") || suite.ends_with("-security")
}

/// `12.3 MB` as apt's SizeToStr writes it: powers of 1000.
fn size(text: &str) -> Option<u64> {
    let mut words = text.split_whitespace();
    let number: f64 = words.next()?.replace(',', "").parse().ok()?;
    let power = match words.next()? {
        "B" => 0,
        "kB" => 1,
        "MB" => 2,
        "GB" => 3,
        "TB" => 4,
        _ => return None,
    };
    (number.is_finite() && number >= 0.0).then(|| (number * 1000f64.powi(power)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_real_installation() {
        let mut plan = Plan::parse(include_str!("../testdata/install-simulate.txt"));
        plan.add_sizes(include_str!("../testdata/install-assume-no.txt"));
        assert_eq!((plan.changes.len(), plan.removals.len()), (45, 0));
        assert_eq!((plan.download, plan.disk), (16_900_000, 80_100_000));
        let perl = plan.changes.iter().find(|c| c.name == "psmisc").unwrap();
        assert_eq!((perl.to.as_str(), perl.architecture.as_str(), &perl.from), ("23.7-2", "amd64", &None));
        assert_eq!((perl.origin.as_str(), perl.security), ("Debian:13.7/stable", false));
    }

    #[test]
    fn upgrades_removals_and_what_is_kept_back() {
        let text = "\
The following packages have been kept back:
  linux-image-amd64 tree
The following upgrades have been deferred due to phasing:
   base-files (13.8 => 13.9)
Remv old [1.0] []
Inst libc6 [2.41-1] (2.41-2 Debian:13.7/stable, Debian-Security:13/stable-security [amd64]) []
Conf libc6 (2.41-2 Debian:13.7/stable [amd64])
";
        let mut plan = Plan::parse(text);
        plan.add_sizes(
            "Need to get 0 B/1,234 kB of archives.\nAfter this operation, 2 kB disk space will be freed.\n",
        );
        assert_eq!(plan.removals, ["old"]);
        plan.mark_held("tree\nother\n");
        let kept: Vec<_> = plan.kept_back.iter().map(|k| (k.name.as_str(), k.to.as_str(), k.why)).collect();
        let expect = [
            ("linux-image-amd64", "", Why::Blocked),
            ("tree", "", Why::Held),
            ("base-files", "13.9", Why::Phased),
        ];
        assert_eq!(kept, expect);
        assert_eq!(plan.changes.len(), 1);
        assert!(plan.changes[0].security);
        assert_eq!(plan.changes[0].from.as_deref(), Some("2.41-1"));
        assert_eq!((plan.download, plan.disk), (0, -2000));
    }

    #[test]
    fn an_outline_says_the_same_as_a_simulation() {
        let text = "\
The following additional packages will be installed:
   exim4-base (4.98.2-1)
The following packages have been kept back:
   tree (2.2.1-1 => 2.2.1-2)
The following packages will be REMOVED:
   apache2 (2.4.71-1)
   old* (1:1.0)
The following NEW packages will be installed:
   exim4 (4.98.2-1)
   exim4-base (4.98.2-1)
The following packages will be upgraded:
   libc6:i386 (2.41-1 => 2.41-2)
1 upgraded, 2 newly installed, 2 to remove and 1 not upgraded.
Need to get 1 kB/3,815 kB of archives.
After this operation, 7961 kB of additional disk space will be used.
'http://deb.example/exim4_4.98.2-1_amd64.deb' exim4_4.98.2-1_amd64.deb 15816 MD5Sum:63
";
        let plan = Plan::parse_outline(text).unwrap();
        assert_eq!(plan.removals, ["apache2", "old"]);
        assert_eq!((plan.kept_back[0].name.as_str(), plan.kept_back[0].to.as_str()), ("tree", "2.2.1-2"));
        let upgrade = plan.changes.iter().find(|c| c.name == "libc6:i386").unwrap();
        assert_eq!((upgrade.from.as_deref(), upgrade.to.as_str()), (Some("2.41-1"), "2.41-2"));
        assert_eq!((plan.changes.len(), plan.download, plan.disk), (3, 1000, 7_961_000));
        // a list in words that are not known here is noticed by the count
        assert_eq!(Plan::parse_outline(&text.replace("REMOVED", "TAKEN AWAY")), None);
        assert_eq!(Plan::parse_outline(&text.replace("2 to remove", "2 to reinstall")), None);
        assert_eq!(Plan::parse_outline(""), None);
    }

    proptest! {
        #[test]
        fn any_output_is_read_without_panic(text in "(Inst |Remv |The following |NEW packages will be installed|Need to get |After this operation, |[a-z0-9 ()\\[\\]./\n]){0,30}") {
            Plan::parse(&text).add_sizes(&text);
            Plan::parse_outline(&text);
        }
    }
}
