//! What differs between the machine and what is wanted: the basis of `plan`, `diff` and `apply` alike.

use crate::{
    Error, Machine, Result,
    accounts::Accounts,
    database,
    record::{Record, Thing},
    system::System,
    tree::{self, Meta, State},
    wanted::{Content, Wanted},
};
use serde::Serialize;
use std::path::Path;

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// `file /etc/x`, `unit apache2.service`, …
    pub thing: String,
    pub fields: Vec<Field>,
    /// For a file without secrets: what changes, as diff(1) -u prints it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

impl Difference {
    /// For messages.
    pub fn in_one_line(&self) -> String {
        let field = |f: &Field| format!("{} is {}, not {}", f.field, f.found, f.wanted);
        format!("{} ({})", self.thing, self.fields.iter().map(field).collect::<Vec<_>>().join(", "))
    }
}

/// One of its properties.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Field {
    pub field: &'static str,
    pub found: String,
    pub wanted: String,
}

/// Looks at one thing; none when all is as wanted. Changes nothing. Steps are not looked at here: asking one runs
/// its check.
pub fn look(
    machine: &Machine,
    system: &dyn System,
    record: &Record,
    accounts: &Accounts,
    wanted: &Wanted,
) -> Result<Option<Difference>> {
    let (fields, diff) = match wanted {
        Wanted::User(user) => (user_fields(accounts, user), None),
        Wanted::Folder { path, owner, group, mode, data: _, named } => {
            let state = tree::look(machine, path)?.0;
            (folder_fields(accounts, path, state, (owner, group, *mode), *named)?, None)
        }
        Wanted::File { path, content, owner, group, mode, once } => {
            let (state, bytes) = tree::look(machine, path)?;
            if *once && state != State::Missing {
                return Ok(None);
            }
            let fields = file_fields(accounts, record, path, &state, (owner, group, *mode), content)?;
            let shown = fields.iter().any(|f| matches!(f.field, "content" | "file"));
            (fields, shown.then(|| unified(path, &bytes, content)).flatten())
        }
        Wanted::Step(_) => (vec![], None),
        Wanted::Database(database) => (database::fields(machine, system, database)?, None),
        Wanted::Apache(what) => {
            let words = if what.on { ("off", "on") } else { ("on", "off") };
            (if what.is_done(machine)? { vec![] } else { vec![field("switch", words.0, words.1)] }, None)
        }
        Wanted::Unit(unit) => (unit_fields(system, unit)?, None),
    };
    let thing = wanted.key();
    Ok((!fields.is_empty()).then_some(Difference { thing, fields, diff }))
}

fn field(field: &'static str, found: impl Into<String>, wanted: impl Into<String>) -> Field {
    Field { field, found: found.into(), wanted: wanted.into() }
}

fn user_fields(accounts: &Accounts, user: &appliance::model::User) -> Vec<Field> {
    if accounts.find(&user.name).is_none() {
        return vec![field("user", "missing", "there")];
    }
    let out = user.groups.iter().filter(|g| !accounts.is_member(&user.name, g));
    out.map(|group| field("group", "not a member", format!("member of {group}"))).collect()
}

/// Owner, group, mode.
type Access<'a> = (&'a String, &'a Option<String>, u32);

fn folder_fields(
    accounts: &Accounts,
    path: &Path,
    state: State,
    access: Access,
    named: bool,
) -> Result<Vec<Field>> {
    match state {
        State::Missing => Ok(vec![field("folder", "missing", "there")]),
        // a link to a folder elsewhere is the owner's arrangement
        State::Link { .. } => Ok(vec![]),
        State::Directory { meta } if named => Ok(access_fields(accounts, meta, access)),
        State::Directory { .. } => Ok(vec![]),
        _ => Err(Error::Unsafe {
            path: path.into(),
            reason: "something that is not a folder is in the way".into(),
        }),
    }
}

fn file_fields(
    accounts: &Accounts,
    record: &Record,
    path: &Path,
    state: &State,
    access: Access,
    content: &Content,
) -> Result<Vec<Field>> {
    let (sha256, meta) = match state {
        State::Missing => return Ok(vec![field("file", "missing", "there")]),
        State::Link { target } => return Ok(vec![field("file", format!("a link to {target}"), "a file")]),
        State::File { sha256, meta } => (sha256, *meta),
        _ => {
            let reason = "something that is not a file is in the way".into();
            return Err(Error::Unsafe { path: path.into(), reason });
        }
    };
    let same = match content {
        Content::Open(bytes) | Content::Secret(Some(bytes)) => *sha256 == tree::sha256(bytes),
        Content::Secret(None) => recorded(record, path).is_none_or(|ours| ours == sha256),
    };
    let mut fields = access_fields(accounts, meta, access);
    if !same {
        let hidden = matches!(content, Content::Secret(_));
        fields.push(field(
            "content",
            if hidden { "changed (not shown: it has secrets)" } else { "changed" },
            "as in the definition",
        ));
    }
    Ok(fields)
}

/// The hash of what the appliance last wrote there.
fn recorded<'a>(record: &'a Record, path: &Path) -> Option<&'a String> {
    match record.find(&format!("file {}", path.display()))?.1 {
        Thing::File { ours, .. } => match ours.last() {
            Some(State::File { sha256, .. }) => Some(sha256),
            _ => None,
        },
        _ => None,
    }
}

fn access_fields(accounts: &Accounts, found: Meta, (owner, group, mode): Access) -> Vec<Field> {
    let mut fields = vec![];
    if found.mode != mode {
        fields.push(field("mode", format!("{:04o}", found.mode), format!("{mode:04o}")));
    }
    let ids = accounts.ids(owner, group.as_deref()).ok();
    if ids.is_none_or(|(uid, _)| uid != found.uid) {
        fields.push(field("owner", accounts.user_name(found.uid), owner));
    }
    if ids.is_none_or(|(_, gid)| gid != found.gid) {
        fields.push(field("group", accounts.group_name(found.gid), group.as_ref().unwrap_or(owner)));
    }
    fields
}

fn unit_fields(system: &dyn System, unit: &appliance::model::Unit) -> Result<Vec<Field>> {
    let mut fields = vec![];
    let enablement = system.enablement(&unit.name)?;
    if is_enabled(&enablement) != unit.enabled && (unit.enabled || enablement != "static") {
        fields.push(field("enabled", enablement, if unit.enabled { "enabled" } else { "disabled" }));
    }
    if system.is_running() && system.is_active(&unit.name)? != unit.running {
        let words = ("running", "stopped");
        let (found, wanted) = if unit.running { (words.1, words.0) } else { (words.0, words.1) };
        fields.push(field("running", found, wanted));
    }
    Ok(fields)
}

/// Whether `systemctl is-enabled`'s word means that nothing is left to enable (systemctl(1)).
pub fn is_enabled(word: &str) -> bool {
    !matches!(word, "disabled" | "not-found" | "masked" | "masked-runtime" | "bad" | "")
}

fn unified(path: &Path, found: &[u8], content: &Content) -> Option<String> {
    let Content::Open(wanted) = content else { return None };
    let (found, wanted) = (std::str::from_utf8(found).ok()?, std::str::from_utf8(wanted).ok()?);
    let name = path.display().to_string();
    Some(similar::TextDiff::from_lines(found, wanted).unified_diff().header(&name, &name).to_string())
}
