//! What the appliance puts on a machine: users, folders, files, Apache, units, steps; its backup and its health.

use super::{super::tree::Way, Need, Rules, web_address};
use crate::{
    model::{Apache, Backup, File, Health},
    names::{self, Mistake},
    problem::Kind,
};

/// Folders that dpkg, the tools themselves or the kernel own.
const NOT_OURS: [&str; 8] = [
    "/var/lib/dpkg",
    "/var/lib/appliances",
    "/var/lib/appliance-broker",
    "/usr/share/appliances",
    "/proc",
    "/sys",
    "/dev",
    "/run/systemd",
];

pub fn check(rules: &mut Rules<'_, '_>) {
    users(rules);
    directories(rules);
    files(rules);
    if let Some(apache) = &rules.definition.apache {
        check_apache(rules, apache);
    }
    for (i, unit) in rules.definition.units.iter().enumerate() {
        rules.unit(&Way::to("unit").index(i).key("name"), &unit.name);
    }
    rules.unique("unit", "name", rules.definition.units.iter().map(|u| u.name.as_str()));
    steps(rules);
    if let Some(backup) = &rules.definition.backup {
        check_backup(rules, backup);
    }
    for (i, health) in rules.definition.health.iter().enumerate() {
        check_health(rules, &Way::to("health").index(i), health);
    }
}

fn users(rules: &mut Rules<'_, '_>) {
    for (i, user) in rules.definition.users.iter().enumerate() {
        let way = Way::to("user").index(i);
        rules.expect(Kind::Name, &way.key("name"), names::user(&user.name));
        if let Some(at) = user.title.find([':', ',', '"']) {
            let mistake =
                Mistake::at(at, "a user's title has no `:`, `,` and no quotation mark").help("leave it out");
            rules.wrong(Kind::Name, &way.key("title"), mistake);
        }
        if let Some(home) = &user.home {
            rules.machine_path(&way.key("home"), home);
        }
        for (n, group) in user.groups.iter().enumerate() {
            rules.group(&way.key("groups").index(n), group);
        }
    }
    rules.unique("user", "name", rules.definition.users.iter().map(|u| u.name.as_str()));
}

fn directories(rules: &mut Rules<'_, '_>) {
    for (i, directory) in rules.definition.directories.iter().enumerate() {
        let way = Way::to("directory").index(i);
        place(rules, &way.key("path"), &directory.path);
        rules.user(&way.key("owner"), &directory.owner);
        if let Some(group) = &directory.group {
            rules.group(&way.key("group"), group);
        }
        rules.expect(Kind::Mode, &way.key("mode"), names::mode(&directory.mode));
    }
    rules.unique("directory", "path", rules.definition.directories.iter().map(|d| d.path.as_str()));
}

fn files(rules: &mut Rules<'_, '_>) {
    for (i, file) in rules.definition.files.iter().enumerate() {
        check_file(rules, &Way::to("file").index(i), file);
    }
    rules.unique("file", "path", rules.definition.files.iter().map(|f| f.path.as_str()));
}

fn check_file(rules: &mut Rules<'_, '_>, way: &Way<'_>, file: &File) {
    place(rules, &way.key("path"), &file.path);
    if rules.definition.directories.iter().any(|d| d.path == file.path) {
        let mistake =
            Mistake::new(format!("`{}` is a `[[directory]]` as well", file.path)).help("keep one of them");
        rules.wrong(Kind::Duplicate, &way.key("path"), mistake);
    }
    match (&file.template, &file.source) {
        (Some(template), None) => {
            rules.file(&way.key("template"), template, Need::File);
        }
        (None, Some(source)) => {
            rules.file(&way.key("source"), source, Need::File);
        }
        (both, _) => {
            let message = if both.is_some() {
                "both `template` and `source`"
            } else {
                "neither `template` nor `source`"
            };
            let help = "write one: `template` is rendered on the machine, `source` is copied as it is";
            rules.wrong(Kind::Either, way, Mistake::new(message).help(help));
        }
    }
    rules.user(&way.key("owner"), &file.owner);
    if let Some(group) = &file.group {
        rules.group(&way.key("group"), group);
    }
    rules.expect(Kind::Mode, &way.key("mode"), names::mode(&file.mode));
}

/// A path that an appliance may take.
fn place(rules: &mut Rules<'_, '_>, way: &Way<'_>, path: &str) {
    if !rules.expect(Kind::Path, way, names::machine_path(path)) {
        return;
    }
    let below = |folder: &&str| {
        path.strip_prefix(*folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if let Some(folder) = NOT_OURS.iter().find(|f| below(f)) {
        let mistake = Mistake::new(format!("`{folder}` is not for an appliance's files"));
        rules.wrong(Kind::Path, way, mistake.help("use a folder below /etc, /var/lib or /srv"));
    }
}

fn check_apache(rules: &mut Rules<'_, '_>, apache: &Apache) {
    let way = Way::to("apache");
    let lists = [
        ("sites", &apache.sites, "disable-sites", &apache.disable_sites),
        ("modules", &apache.modules, "disable-modules", &apache.disable_modules),
        ("confs", &apache.confs, "disable-confs", &apache.disable_confs),
    ];
    for (key, enabled, disable_key, disabled) in lists {
        for (key, names) in [(key, enabled), (disable_key, disabled)] {
            let list = way.key(key);
            for (i, name) in names.iter().enumerate() {
                rules.expect(Kind::Name, &list.index(i), names::apache(name));
            }
            rules.unique_list(&list, names);
        }
        for (i, name) in disabled.iter().enumerate().filter(|(_, n)| enabled.contains(n)) {
            let mistake =
                Mistake::new(format!("`{name}` is enabled and disabled")).help("take one of them out");
            rules.wrong(Kind::Duplicate, &way.key(disable_key).index(i), mistake);
        }
    }
}

fn steps(rules: &mut Rules<'_, '_>) {
    for (i, step) in rules.definition.steps.iter().enumerate() {
        let way = Way::to("step").index(i);
        rules.expect(Kind::Name, &way.key("name"), names::question(&step.name));
        rules.file(&way.key("run"), &step.run, Need::Executable);
        for (key, program) in [("check", &step.check), ("undo", &step.undo)] {
            if let Some(program) = program {
                rules.file(&way.key(key), program, Need::Executable);
            }
        }
        rules.user(&way.key("user"), &step.user);
        if step.timeout == 0 {
            let mistake =
                Mistake::new("a step that has no time").help("write the seconds, or leave `timeout` out");
            rules.wrong(Kind::Value, &way.key("timeout"), mistake);
        }
    }
    rules.unique("step", "name", rules.definition.steps.iter().map(|s| s.name.as_str()));
}

fn check_backup(rules: &mut Rules<'_, '_>, backup: &Backup) {
    let way = Way::to("backup");
    if backup.paths.is_empty() && rules.definition.databases.is_empty() {
        let mistake = Mistake::new("a backup of nothing").help("name the folders of the application's data");
        rules.wrong(Kind::Empty, &way.key("paths"), mistake);
    }
    for (key, paths) in [("paths", &backup.paths), ("exclude", &backup.exclude)] {
        for (i, path) in paths.iter().enumerate() {
            rules.machine_path(&way.key(key).index(i), path);
        }
        rules.unique_list(&way.key(key), paths);
    }
    for (i, path) in backup.exclude.iter().enumerate() {
        let below = |p: &String| path.strip_prefix(p.as_str()).is_some_and(|rest| rest.starts_with('/'));
        if !backup.paths.iter().any(below) {
            let mistake = Mistake::new(format!("`{path}` is not below any of `paths`"))
                .help("take it out, or correct it");
            rules.wrong(Kind::Path, &way.key("exclude").index(i), mistake);
        }
    }
    for (i, unit) in backup.quiesce.iter().enumerate() {
        rules.unit(&way.key("quiesce").index(i), unit);
        if rules.definition.databases.iter().any(|d| d.engine.unit() == unit) {
            let mistake =
                Mistake::new(format!("`{unit}` has to run: it dumps the definition's `[[database]]`"));
            let help = "take it out, and name the units that write to the database";
            rules.wrong(Kind::Value, &way.key("quiesce").index(i), mistake.help(help));
        }
    }
    rules.unique_list(&way.key("quiesce"), &backup.quiesce);
}

fn check_health(rules: &mut Rules<'_, '_>, way: &Way<'_>, health: &Health) {
    let given: Vec<&str> =
        [("url", health.url.is_some()), ("unit", health.unit.is_some()), ("tcp", health.tcp.is_some())]
            .into_iter()
            .filter_map(|(key, is)| is.then_some(key))
            .collect();
    if given.len() != 1 {
        let what =
            if given.is_empty() { "none of `url`, `unit` and `tcp`".into() } else { given.join(" and ") };
        let mistake = Mistake::new(format!("a health check with {what}"));
        rules.wrong(
            Kind::Either,
            way,
            mistake.help("write exactly one; several checks are several `[[health]]`"),
        );
    }
    for (key, given) in [("status", health.status.is_some()), ("contains", health.contains.is_some())] {
        if given && health.url.is_none() {
            let mistake =
                Mistake::new(format!("`{key}` means something with `url` only")).help("take it out");
            rules.wrong(Kind::Either, &way.key(key), mistake);
        }
    }
    if let Some(url) = &health.url {
        rules.expect(Kind::Address, &way.key("url"), health_url(url));
    }
    if let Some(unit) = &health.unit {
        rules.unit(&way.key("unit"), unit);
    }
    if let Some(tcp) = &health.tcp {
        rules.expect(Kind::Address, &way.key("tcp"), tcp_address(tcp));
    }
    if let Some(status) = health.status.filter(|s| !(100..=599).contains(s)) {
        let mistake =
            Mistake::new(format!("{status} is no HTTP status")).help("write a number from 100 to 599");
        rules.wrong(Kind::Value, &way.key("status"), mistake);
    }
}

/// A check knows the machine from inside, and takes no placeholders.
fn health_url(url: &str) -> Result<(), Mistake> {
    if let Some(at) = url.find("{{") {
        let mistake = Mistake::at(at, "a health check takes no placeholders");
        return Err(mistake.help("it runs on the machine itself: write `http://127.0.0.1/`"));
    }
    web_address(url)
}

fn tcp_address(tcp: &str) -> Result<(), Mistake> {
    match tcp.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && crate::answers::forms::port(port).is_ok() => Ok(()),
        _ => Err(Mistake::new("not an address with a port").help("write it as `127.0.0.1:5432`")),
    }
}
