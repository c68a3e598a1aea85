//! The machine's accounts: who may sign in, by group, read from the files each time (passwd(5), group(5), shadow(5)).
//!
//! Local accounts only, as everywhere in this process: it asks no directory on the network. Whether a password is right
//! is for PAM ([`crate::check`]); what stands here is looked at again at each use of a session.

use crate::state;
use plugin::manifest::Role;
use std::{fs, io, path::PathBuf};

/// Which groups may what; a conffile of ours.
pub const CONFIGURATION: &str = "etc/appliance-control/sign-in.conf";
/// People's accounts begin here (adduser.conf(5)).
const FIRST_PERSON: u32 = 1000;
/// `nobody` and what lies behind it.
const LAST_PERSON: u32 = 59_999;
/// The longest name that useradd(8) makes.
const LONGEST_NAME: usize = 32;

/// Where the files are; a test has its own.
#[derive(Debug, Clone)]
pub struct Accounts {
    root: PathBuf,
}

/// An account that may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entitled {
    pub name: String,
    pub role: Role,
    /// Another one when the password, a lock, an expiry date or the shell has changed, or the account is not the same any more.
    pub stamp: String,
}

/// An account, whether it may sign in or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub name: String,
    pub role: Option<Role>,
    /// Why it cannot sign in all the same.
    pub hindered: &'static str,
}

/// The two groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    pub administrators: String,
    pub viewers: String,
}

impl Default for Accounts {
    fn default() -> Self {
        Accounts { root: "/".into() }
    }
}

/// Whether this can be an account's or a group's name: no option, no path, nothing a program could take for more.
pub fn is_name(text: &str) -> bool {
    let first = |b: u8| b.is_ascii_alphabetic() || b == b'_';
    let rest = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    text.len() <= LONGEST_NAME && text.bytes().next().is_some_and(first) && text.bytes().all(rest)
}

impl Accounts {
    pub fn at(root: impl Into<PathBuf>) -> Accounts {
        Accounts { root: root.into() }
    }

    /// The account of this name, when it may sign in.
    pub fn find(&self, name: &str, now: u64) -> io::Result<Option<Entitled>> {
        if !is_name(name) {
            return Ok(None);
        }
        let files = self.read()?;
        let Some(account) = files.account(name) else { return Ok(None) };
        let Some(role) = files.role(&account) else { return Ok(None) };
        let shadow = files.shadow_line(name);
        if !hindrance(shadow, now).is_empty() {
            return Ok(None);
        }
        let stamp = state::hash(&format!("{} {} {}", account.uid, account.shell, shadow.unwrap_or_default()));
        Ok(Some(Entitled { name: name.into(), role, stamp }))
    }

    /// Those with a role, and the people that have none, by name.
    pub fn list(&self, now: u64) -> io::Result<Vec<Listed>> {
        let files = self.read()?;
        let names: Vec<&str> = files.passwd.lines().filter_map(|line| line.split(':').next()).collect();
        let mut all: Vec<Listed> = names
            .into_iter()
            .filter(|name| is_name(name))
            .filter_map(|name| files.account(name))
            .filter_map(|account| {
                let role = files.role(&account);
                let person = (FIRST_PERSON..=LAST_PERSON).contains(&account.uid);
                let hindered = hindrance(files.shadow_line(&account.name), now);
                (role.is_some() || person).then_some(Listed { name: account.name, role, hindered })
            })
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all.dedup_by(|a, b| a.name == b.name);
        Ok(all)
    }

    /// Which groups may what.
    pub fn groups(&self) -> io::Result<Groups> {
        match self.text(CONFIGURATION) {
            Ok(text) => groups_in(&text).map_err(io::Error::other),
            // removed by the administrator: as it is delivered
            Err(e) if e.kind() == io::ErrorKind::NotFound => groups_in("").map_err(io::Error::other),
            Err(e) => Err(e),
        }
    }

    fn read(&self) -> io::Result<Files> {
        Ok(Files {
            passwd: self.text("etc/passwd")?,
            group: self.text("etc/group")?,
            shadow: self.text("etc/shadow")?,
            groups: self.groups()?,
        })
    }

    /// A name of long ago in an encoding of its own concerns that line alone.
    fn text(&self, name: &str) -> io::Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(self.root.join(name))?).into_owned())
    }
}

struct Files {
    passwd: String,
    group: String,
    shadow: String,
    groups: Groups,
}

struct Account {
    name: String,
    uid: u32,
    gid: u32,
    shell: String,
}

impl Files {
    fn account(&self, name: &str) -> Option<Account> {
        let mut lines = self.passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let fields = lines.find(|fields| fields.first() == Some(&name) && fields.len() == 7)?;
        let (uid, gid) = (fields[2].parse().ok()?, fields[3].parse().ok()?);
        Some(Account { name: name.into(), uid, gid, shell: fields[6].into() })
    }

    /// Never root's: its name is the one that everybody tries, and who is root makes a link.
    fn role(&self, account: &Account) -> Option<Role> {
        if account.uid == 0 {
            return None;
        }
        if self.is_in(account, &self.groups.administrators) {
            Some(Role::Administrator)
        } else if self.is_in(account, &self.groups.viewers) {
            Some(Role::Viewer)
        } else {
            None
        }
    }

    fn is_in(&self, account: &Account, group: &str) -> bool {
        self.group.lines().any(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, gid, members] = fields[..] else { return false };
            let primary = gid.parse() == Ok(account.gid);
            name == group && (primary || members.split(',').any(|member| member == account.name))
        })
    }

    fn shadow_line(&self, name: &str) -> Option<&str> {
        self.shadow.lines().find(|line| line.split(':').next() == Some(name))
    }
}

/// Why an account with this line of shadow(5) cannot sign in; empty when it can.
fn hindrance(line: Option<&str>, now: u64) -> &'static str {
    let fields: Vec<&str> = line.unwrap_or_default().split(':').collect();
    match fields.get(1) {
        None => "its password is not kept on this machine",
        // PAM's `nullok` takes any password for it
        Some(&"") => "it has no password",
        Some(hash) if hash.starts_with(['!', '*']) => "it is locked, or has no password",
        Some(_) => match fields.get(7).and_then(|day| day.parse::<u64>().ok()) {
            Some(day) if day <= now / 86_400 => "it has expired",
            _ => "",
        },
    }
}

/// `KEY = GROUP`, one a line; `#` begins a comment.
fn groups_in(text: &str) -> Result<Groups, String> {
    let mut groups = Groups { administrators: "sudo".into(), viewers: "appliance-viewers".into() };
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let wrong = |what: &str| format!("/{CONFIGURATION}, line {}: {what}", number + 1);
        let (key, group) = line.split_once('=').ok_or_else(|| wrong("write KEY = GROUP"))?;
        let group = group.trim();
        if !is_name(group) {
            return Err(wrong("this is no group's name"));
        }
        match key.trim() {
            "administrators" => groups.administrators = group.into(),
            "viewers" => groups.viewers = group.into(),
            _ => return Err(wrong("there are the keys administrators and viewers")),
        }
    }
    Ok(groups)
}

/// The files of a machine with some accounts, below a folder.
#[cfg(test)]
pub mod tests {
    use super::*;
    use std::path::Path;

    pub fn write(root: &Path, sudo: &str, viewers: &str, shadow: &str) {
        fs::create_dir_all(root.join("etc")).unwrap();
        let passwd = "root:x:0:0:root:/root:/bin/bash\nada:x:1000:1000:,,,:/home/ada:/bin/bash\n\
                      bob:x:1001:1001::/home/bob:/bin/bash\neve:x:1002:1002::/home/eve:/bin/bash\n\
                      daemon:x:1:1::/:/usr/sbin/nologin\nnobody:x:65534:65534::/:/usr/sbin/nologin\n";
        fs::write(root.join("etc/passwd"), passwd).unwrap();
        let group = format!("root:x:0:\nsudo:x:27:{sudo}\nappliance-viewers:x:990:{viewers}\neve:x:1002:\n");
        fs::write(root.join("etc/group"), group).unwrap();
        fs::write(root.join("etc/shadow"), shadow).unwrap();
    }

    pub const SHADOW: &str =
        "root:$y$r:20000::::::\nada:$y$a:20000:0:99999:7:::\nbob:$y$b:20000::::::\neve:$y$e:20000::::::\n";

    fn role(root: &Path, name: &str) -> Option<Role> {
        Accounts::at(root).find(name, 20_500 * 86_400).unwrap().map(|a| a.role)
    }

    #[test]
    fn the_group_decides_and_root_has_no_part_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(root, "ada,root", "bob,ada", SHADOW);
        for (name, expect) in [
            ("ada", Some(Role::Administrator)),
            ("bob", Some(Role::Viewer)),
            ("eve", None),
            ("root", None),
            ("nobody", None),
            ("mallory", None),
            ("", None),
            ("-x", None),
            ("../etc/shadow", None),
            ("ada:", None),
            ("ada\n", None),
        ] {
            assert_eq!(role(root, name), expect, "{name}");
        }
        let list = Accounts::at(root).list(0).unwrap();
        assert_eq!(list.iter().map(|a| a.name.as_str()).collect::<Vec<_>>(), ["ada", "bob", "eve"]);
        // by the primary group, too
        fs::create_dir_all(root.join("etc/appliance-control")).unwrap();
        fs::write(root.join(CONFIGURATION), "# mine\nadministrators = eve # she\n").unwrap();
        assert_eq!((role(root, "eve"), role(root, "ada")), (Some(Role::Administrator), Some(Role::Viewer)));
        // what cannot be read lets nobody in
        for bad in ["administrators", "administrators = -x", "admins = sudo"] {
            fs::write(root.join(CONFIGURATION), bad).unwrap();
            let error = Accounts::at(root).find("eve", 0).unwrap_err().to_string();
            assert!(error.contains("sign-in.conf, line 1"), "{error}");
        }
    }

    #[test]
    fn locked_expired_and_empty_passwords_let_nobody_in() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for (line, expect) in [
            ("ada:$y$a:20000:0:99999:7:::", true),
            ("ada:$y$a:20000:0:99999:7::20501:", true),
            ("ada:$y$a:20000:0:99999:7::20500:", false),
            ("ada:!$y$a:20000:0:99999:7:::", false),
            ("ada:*:20000:0:99999:7:::", false),
            ("ada::20000:0:99999:7:::", false),
            ("bob:$y$a:20000:0:99999:7:::", false),
        ] {
            write(root, "ada", "", line);
            assert_eq!(role(root, "ada").is_some(), expect, "{line}");
        }
    }

    #[test]
    fn another_password_is_another_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let stamp = |shadow: &str| {
            write(root, "ada", "", shadow);
            Accounts::at(root).find("ada", 0).unwrap().unwrap().stamp
        };
        let first = stamp("ada:$y$a:20000::::::");
        assert_eq!(first, stamp("bob:$y$b:20000::::::\nada:$y$a:20000::::::"));
        assert_ne!(first, stamp("ada:$y$b:20000::::::"));
        let passwd = fs::read_to_string(root.join("etc/passwd")).unwrap();
        fs::write(
            root.join("etc/passwd"),
            passwd.replace("/home/ada:/bin/bash", "/home/ada:/usr/sbin/nologin"),
        )
        .unwrap();
        fs::write(root.join("etc/shadow"), "ada:$y$a:20000::::::").unwrap();
        assert_ne!(first, Accounts::at(root).find("ada", 0).unwrap().unwrap().stamp, "another shell");
    }

    #[test]
    fn a_byte_that_is_no_text_keeps_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(root, "ada", "", SHADOW);
        for (file, line) in [
            ("etc/passwd", &b"jos\xe9:x:1009:1009:Jos\xe9:/home/jose:/bin/bash\n"[..]),
            ("etc/group", b"caf\xe9:x:1010:ada\n"),
            ("etc/shadow", b"jos\xe9:$y$j:20000::::::\n"),
            (CONFIGURATION, b"# Ren\xe9 wants it so\n"),
        ] {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let before = fs::read(&path).unwrap_or_default();
            fs::write(&path, [line, before.as_slice()].concat()).unwrap();
            assert_eq!(role(root, "ada"), Some(Role::Administrator), "{file}");
        }
        assert_eq!(Accounts::at(root).list(0).unwrap().len(), 3);
    }
}
