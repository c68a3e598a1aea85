//! Lets an account look at the page, or not any more: by the group of those who may, with Debian's own tool.

use super::Ending;
use crate::{accounts::Accounts, state};
use exec::Program;
use plugin::manifest::Role;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

pub fn run(account: &str, may: bool) -> Ending {
    let accounts = Accounts::default();
    let failed = |why: String| Ending::failed(why, vec![]);
    let (groups, listed) = match (accounts.groups(), accounts.list(state::now())) {
        (Ok(groups), Ok(listed)) => (groups, listed),
        (Err(error), _) | (_, Err(error)) => {
            return failed(format!("The accounts cannot be looked at: {error}."));
        }
    };
    let Some(listed) = listed.into_iter().find(|listed| listed.name == account) else {
        return failed(format!("There is no account {account} of a person on this machine."));
    };
    match (listed.role, may) {
        (Some(Role::Administrator), true) => {
            return Ending::ok(format!("{account} is an administrator already."));
        }
        (Some(Role::Viewer), true) => return Ending::ok(format!("{account} may look already.")),
        (None, false) => return Ending::ok(format!("{account} may not sign in as it is.")),
        _ => {}
    }
    let group = groups.viewers;
    let verb = if may { "--add" } else { "--delete" };
    // the names were checked to be names; gpasswd(1) takes the first as the option's value
    let program = Program::new("gpasswd").args([verb, account, &group]).timeout(PATIENCE);
    match program.output() {
        Ok(output) if output.success() && may => {
            Ending::ok(format!("{account} may look, as a member of {group}."))
        }
        Ok(output) if output.success() => {
            Ending::ok(format!("{account} is no member of {group} any more; its sessions have ended."))
        }
        Ok(output) => Ending::failed(format!("The group {group} could not be changed."), output.tail(5)),
        Err(error) => failed(format!("The group {group} could not be changed: {error}.")),
    }
}
