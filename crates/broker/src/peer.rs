//! Who is at the other end of the socket, by the kernel's word (SO_PEERCRED; unix(7)), and who is who in
//! /etc/passwd.

use broker_protocol::TaskId;
use std::{fs, io, os::unix::net::UnixStream};

/// The user of the management page.
pub const WEB_USER: &str = "appliance-control";

/// Whose process asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    Root,
    /// Root inside a task's unit. A task that is an action is no more than that action.
    Task(TaskId),
    /// The management page: may do what the sessions it shows may do.
    Web,
    /// Anybody else, by user id. Groups do not count.
    Stranger(u32),
}

/// `web` is the user id of the management page; without one only root is known. A caller from outside of this
/// container has no process id here (the kernel says 0) and is an error.
pub fn of(stream: &UnixStream, web: Option<u32>) -> io::Result<Peer> {
    let peer = rustix::net::sockopt::socket_peercred(stream)?;
    let by_uid = by_uid(peer.uid.as_raw(), web);
    // who asks waits for the answer, so this is still his group
    let group = || fs::read_to_string(format!("/proc/{}/cgroup", peer.pid.as_raw_nonzero()));
    in_group(by_uid, group)
}

/// Root whose group cannot be read (he is gone, and left the socket to somebody) is nobody: he might be an action.
fn in_group(by_uid: Peer, group: impl FnOnce() -> io::Result<String>) -> io::Result<Peer> {
    Ok(match by_uid {
        Peer::Root => task_of(&group()?).map_or(Peer::Root, Peer::Task),
        other => other,
    })
}

/// The task whose unit this is the group of (proc_pid_cgroup(5)): `0::/system.slice/appliance-task-ID.service`.
fn task_of(group: &str) -> Option<TaskId> {
    let parts = group.lines().map(|line| line.trim_end_matches(" (deleted)"));
    let parts = parts.flat_map(|line| line.rsplit(':').next().unwrap_or_default().split('/'));
    let unit =
        parts.filter_map(|part| part.strip_prefix("appliance-task-")?.strip_suffix(".service")).next()?;
    TaskId::try_from(unit.to_owned()).ok()
}

fn by_uid(uid: u32, web: Option<u32>) -> Peer {
    match uid {
        0 => Peer::Root,
        uid if Some(uid) == web => Peer::Web,
        uid => Peer::Stranger(uid),
    }
}

/// A line of /etc/passwd (passwd(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub home: String,
}

/// Looks a local user up. Users of the network do not count: the root process does not ask it who they are.
pub fn user(name: &str) -> io::Result<Option<User>> {
    Ok(user_in(&fs::read_to_string("/etc/passwd")?, name))
}

fn user_in(passwd: &str, name: &str) -> Option<User> {
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [found, _, uid, gid, _, home, _] = fields[..] else { return None };
        let user = || {
            Some(User {
                name: name.into(),
                uid: uid.parse().ok()?,
                gid: gid.parse().ok()?,
                home: home.into(),
            })
        };
        if found == name { user() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_and_the_page_are_known() {
        assert_eq!(by_uid(0, Some(100)), Peer::Root);
        assert_eq!(by_uid(100, Some(100)), Peer::Web);
        assert_eq!(by_uid(101, Some(100)), Peer::Stranger(101));
        assert_eq!(by_uid(100, None), Peer::Stranger(100));
        // a page's user that were root would make everyone's session useless
        assert_eq!(by_uid(0, Some(0)), Peer::Root);
    }

    #[test]
    fn a_task_is_known_by_its_group() {
        let of = |group: &str| task_of(group).map(|id| id.to_string());
        let id = "20260101-000000-0000000a";
        assert_eq!(of(&format!("0::/system.slice/appliance-task-{id}.service\n")), Some(id.into()));
        assert_eq!(of(&format!("1:name=systemd:/a\n0::/x/appliance-task-{id}.service/sub")), Some(id.into()));
        // its unit has ended, and it is still there
        assert_eq!(of(&format!("0::/x/appliance-task-{id}.service (deleted)\n")), Some(id.into()));
        assert_eq!(of("0::/system.slice/ssh.service"), None);
        assert_eq!(of("0::/system.slice/appliance-task-x.service"), None);
    }

    #[test]
    fn root_whose_group_is_not_known_is_nobody() {
        let gone = || Err(io::Error::from(io::ErrorKind::NotFound));
        assert!(in_group(Peer::Root, gone).is_err());
        assert_eq!(in_group(Peer::Web, gone).unwrap(), Peer::Web);
        assert_eq!(in_group(Peer::Root, || Ok("0::/user.slice\n".into())).unwrap(), Peer::Root);
    }

    #[test]
    fn the_kernel_says_who_we_are() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let uid = rustix::process::geteuid().as_raw();
        assert_eq!(of(&ours, None).unwrap(), by_uid(uid, None));
        assert_eq!(of(&ours, Some(uid)).unwrap(), by_uid(uid, Some(uid)));
    }

    #[test]
    fn a_user_is_found_and_a_broken_line_is_not() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbad:x:1\nodd:x:a:b::/:/\nmoin:x:998:997:,:/var/lib/moin:/bin/false\n";
        assert_eq!(user_in(passwd, "moin").unwrap().gid, 997);
        assert_eq!(user_in(passwd, "moin").unwrap().home, "/var/lib/moin");
        for name in ["bad", "odd", "none", ""] {
            assert_eq!(user_in(passwd, name), None);
        }
    }
}
