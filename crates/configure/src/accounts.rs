//! Users and groups of the machine, as /etc/passwd and /etc/group list them.

use crate::{Error, Machine, Result};
use std::{collections::BTreeMap, fs};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub uid: u32,
    /// Its primary group.
    pub gid: u32,
    pub home: String,
}

/// What was read; a snapshot.
#[derive(Debug, Default)]
pub struct Accounts {
    users: BTreeMap<String, User>,
    groups: BTreeMap<String, (u32, Vec<String>)>,
}

impl Accounts {
    pub fn read(machine: &Machine) -> Result<Self> {
        let mut accounts = Accounts::default();
        let text = |path: &str| {
            let path = machine.path(path);
            fs::read_to_string(&path).map_err(Error::io("read", path))
        };
        for line in text("/etc/passwd")?.lines() {
            if let [name, _, uid, gid, _, home, ..] = line.split(':').collect::<Vec<_>>()[..]
                && let (Ok(uid), Ok(gid)) = (uid.parse(), gid.parse())
            {
                accounts.users.insert(name.into(), User { uid, gid, home: home.into() });
            }
        }
        for line in text("/etc/group")?.lines() {
            if let [name, _, gid, members] = line.split(':').collect::<Vec<_>>()[..]
                && let Ok(gid) = gid.parse()
            {
                let members = members.split(',').filter(|m| !m.is_empty()).map(str::to_owned).collect();
                accounts.groups.insert(name.into(), (gid, members));
            }
        }
        Ok(accounts)
    }

    pub fn find(&self, user: &str) -> Option<&User> {
        self.users.get(user)
    }
    pub fn user(&self, name: &str) -> Result<&User> {
        let hint = "make it with [[user]], or depend on the package that makes it".to_string();
        self.find(name).ok_or_else(|| Error::NoSuch { what: "the user", name: name.into(), hint })
    }
    /// Numbers of a user and a group; the user's own group where none is named.
    pub fn ids(&self, owner: &str, group: Option<&str>) -> Result<(u32, u32)> {
        let user = self.user(owner)?;
        let Some(group) = group else { return Ok((user.uid, user.gid)) };
        let hint = "make it with [[user]], or depend on the package that makes it".to_string();
        let missing = || Error::NoSuch { what: "the group", name: group.into(), hint };
        self.groups.get(group).map(|(gid, _)| (user.uid, *gid)).ok_or_else(missing)
    }
    /// A group's number.
    pub fn group(&self, name: &str) -> Option<u32> {
        self.groups.get(name).map(|(gid, _)| *gid)
    }
    pub fn is_member(&self, user: &str, group: &str) -> bool {
        self.groups.get(group).is_some_and(|(_, members)| members.iter().any(|m| m == user))
    }
    pub fn user_name(&self, uid: u32) -> String {
        let name = self.users.iter().find(|(_, user)| user.uid == uid).map(|(name, _)| name.clone());
        name.unwrap_or_else(|| uid.to_string())
    }
    pub fn group_name(&self, gid: u32) -> String {
        let name = self.groups.iter().find(|(_, (g, _))| *g == gid).map(|(name, _)| name.clone());
        name.unwrap_or_else(|| gid.to_string())
    }
}
