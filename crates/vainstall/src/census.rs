//! What is on the machine: taken before an installation, and compared after a removal.

use std::{collections::BTreeSet, fs, path::Path};

/// Where packages and applications put things, with the depth that tells one package's from another's.
const PLACES: &[(&str, u32)] = &[
    ("/etc", 2),
    ("/var/lib", 1),
    ("/var/log", 1),
    ("/var/cache", 1),
    ("/var/spool", 1),
    ("/var/www", 1),
    ("/var/mail", 1),
    ("/var/backups", 1),
    ("/srv", 1),
    ("/opt", 1),
    ("/home", 1),
    ("/usr/local", 2),
];
/// Changes by itself, with every package that comes and goes.
const PASSING: &[&str] =
    &["/var/backups/", "/var/log/journal/", "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-"];

/// Paths, and lines `user NAME` and `group NAME`.
pub type Census = BTreeSet<String>;

pub fn take() -> Census {
    let mut census = Census::new();
    for (place, depth) in PLACES {
        add(Path::new(place), *depth, &mut census);
    }
    for (file, kind) in [("/etc/passwd", "user"), ("/etc/group", "group")] {
        let text = fs::read_to_string(file).unwrap_or_default();
        census.extend(text.lines().filter_map(|l| Some(format!("{kind} {}", l.split(':').next()?))));
    }
    census
}

fn add(folder: &Path, depth: u32, census: &mut Census) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        census.insert(path.display().to_string());
        if depth > 1 && entry.file_type().is_ok_and(|t| t.is_dir()) {
            add(&path, depth - 1, census);
        }
    }
}

/// What came since, without what lies below another that came.
pub fn come(before: &Census, now: &Census) -> Vec<String> {
    let new: BTreeSet<&String> =
        now.difference(before).filter(|p| !PASSING.iter().any(|passing| p.starts_with(passing))).collect();
    let below =
        |path: &str| Path::new(path).ancestors().skip(1).any(|a| new.contains(&a.display().to_string()));
    new.iter().filter(|p| !below(p)).map(|p| p.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_came_stands_for_all_in_it() {
        let set = |items: &[&str]| items.iter().map(|i| i.to_string()).collect::<Census>();
        let before = set(&["/etc/apt", "/var/lib/dpkg", "user root"]);
        let now = set(&[
            "/etc/apt",
            "/etc/apt/x",
            "/etc/new",
            "/etc/new/file",
            "/etc/passwd-",
            "user root",
            "user moin",
        ]);
        assert_eq!(come(&before, &now), ["/etc/apt/x", "/etc/new", "user moin"]);
    }

    #[test]
    fn this_machine_is_seen() {
        let census = take();
        assert!(census.contains("/etc/passwd") && census.contains("user root"));
    }
}
