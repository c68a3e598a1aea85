//! Names that a definition may use: what it makes itself, though it be wrong, and what Debian has.

use super::super::tree::Node;
use crate::{Definition, Folder, names, question::QuestionType};
use std::collections::{BTreeMap, BTreeSet};

/// Users and groups of base-passwd, and groups of base-files' and systemd's that every machine has.
const BASE_USERS: [&str; 18] = [
    "root", "daemon", "bin", "sys", "sync", "games", "man", "lp", "mail", "news", "uucp", "proxy",
    "www-data", "backup", "list", "irc", "_apt", "nobody",
];
const BASE_GROUPS: [&str; 24] = [
    "adm",
    "tty",
    "disk",
    "kmem",
    "dialout",
    "fax",
    "voice",
    "cdrom",
    "floppy",
    "tape",
    "sudo",
    "audio",
    "dip",
    "operator",
    "src",
    "shadow",
    "utmp",
    "video",
    "sasl",
    "plugdev",
    "staff",
    "users",
    "nogroup",
    "systemd-journal",
];
/// Users that Debian's service packages make, under the packages' own control.
const SERVICE_USERS: [&str; 16] = [
    "postgres",
    "mysql",
    "openldap",
    "redis",
    "postfix",
    "Debian-exim",
    "dovecot",
    "bind",
    "memcache",
    "prometheus",
    "rabbitmq",
    "ssl-cert",
    "postdrop",
    "opendkim",
    "_rspamd",
    "valkey",
];
/// This project's own packages.
const OWN_PACKAGES: [&str; 3] = ["appliance-control", "appliance-tools", "vabuild"];
/// A larger sysusers.d file is not read.
const SYSUSERS_LIMIT: u64 = 64 << 10;

pub struct Known {
    /// Name to whether it is a secret; None when its type is not known because it is wrong.
    pub questions: BTreeMap<String, Option<bool>>,
    users: BTreeSet<String>,
    groups: BTreeSet<String>,
}

/// The packages that exist because the definition makes them, and the project's own, which come with it.
pub fn packages(definition: &Definition) -> Vec<String> {
    let mut own: Vec<String> = OWN_PACKAGES.map(str::to_owned).to_vec();
    own.extend(definition.packages.iter().map(|p| p.name.clone()));
    if let Some(name) = definition.appliance.as_ref().map(|a| &a.name) {
        own.extend([
            format!("{name}-appliance"),
            format!("{name}-appliance-seed"),
            format!("appliance-control-{name}"),
        ]);
    }
    own
}

/// None when the type is not one that there is.
fn is_secret(question: &Node) -> Option<bool> {
    let Some(kind) = question.get("type") else { return Some(false) };
    let kind = serde_json::from_value::<QuestionType>(kind.text()?.into()).ok()?;
    Some(kind == QuestionType::Password)
}

impl Known {
    pub fn new(whole: &Node, definition: &Definition, folder: &dyn Folder) -> Self {
        let mut questions = BTreeMap::new();
        for node in whole.get("question").map(Node::elements).unwrap_or_default() {
            if let Some(name) = node.get("name").and_then(Node::text) {
                let secret = is_secret(node);
                // a name that is reported as wrong is not reported again wherever it is used
                for name in [name.to_owned(), names::corrected(name)] {
                    questions
                        .entry(name)
                        .and_modify(|s| {
                            if *s != secret {
                                *s = None
                            }
                        })
                        .or_insert(secret);
                }
            }
        }
        // what nobody is asked has a name as well
        for database in definition.databases.iter().filter(|d| d.password_question.is_none()) {
            questions.entry(database.secret()).or_insert(Some(true));
        }
        let mut known = Known { questions, users: BTreeSet::new(), groups: BTreeSet::new() };
        let own = whole.get("user").map(Node::elements).unwrap_or_default();
        known.users.extend(own.iter().filter_map(|n| Some(n.get("name")?.text()?.to_owned())));
        // of either kind: who makes a group alone is rare
        known.users.extend(definition.appliance.iter().flat_map(|a| a.package_users.clone()));
        for path in definition.packages.iter().filter_map(|p| p.sysusers.as_deref()) {
            if names::folder_path(path).is_ok() {
                let text = folder.read(path, SYSUSERS_LIMIT).unwrap_or_default();
                known.sysusers(&String::from_utf8_lossy(&text));
            }
        }
        known
    }

    /// The lines `u NAME` and `g NAME` of sysusers.d(5).
    fn sysusers(&mut self, text: &str) {
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match (words.next(), words.next()) {
                (Some("u" | "u!"), Some(name)) => self.users.insert(name.into()),
                (Some("g"), Some(name)) => self.groups.insert(name.into()),
                _ => continue,
            };
        }
    }

    /// Whether the question's type has been read as it was meant.
    pub fn is_clear(&self, question: &str) -> bool {
        self.questions.get(question).is_none_or(Option::is_some)
    }

    pub fn has_user(&self, name: &str) -> bool {
        self.users.contains(name) || BASE_USERS.contains(&name) || SERVICE_USERS.contains(&name)
    }

    /// Each user has a group of its name.
    pub fn has_group(&self, name: &str) -> bool {
        self.has_user(name) || self.groups.contains(name) || BASE_GROUPS.contains(&name)
    }

    pub fn user_names(&self) -> impl Iterator<Item = &str> {
        self.users.iter().map(String::as_str).chain(BASE_USERS)
    }
}
