//! What a plugin asks for, in words that its owner can judge, and whether an upgrade asks for more.

use crate::{Manifest, sandbox::Needs};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One thing that programs of a plugin may do as one user.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Want {
    pub user: String,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    Run,
    Write(String),
    Read(String),
    Secret(String),
    Network,
    Restart(String),
    Units(String),
    Configure,
}

impl Manifest {
    /// All that the programs of this plugin may do.
    pub fn wants(&self) -> BTreeSet<Want> {
        let actions = self.actions.iter().map(Needs::from);
        actions.chain(self.queries.iter().map(Needs::from)).flat_map(|needs| wants(&needs)).collect()
    }
}

fn wants(needs: &Needs<'_>) -> Vec<Want> {
    let list = |values: &[String], what: fn(String) -> What| -> Vec<What> {
        values.iter().cloned().map(what).collect()
    };
    let mut all = vec![What::Run];
    all.extend(list(needs.writable, What::Write));
    all.extend(list(needs.readable, What::Read));
    all.extend(list(needs.secrets, What::Secret));
    all.extend(list(needs.restarts, What::Restart));
    all.extend(list(needs.units, What::Units));
    all.extend(needs.network.then_some(What::Network));
    all.extend(needs.configures.then_some(What::Configure));
    all.into_iter().map(|what| Want { user: needs.user.into(), what }).collect()
}

impl Want {
    /// `write to /var/lib/moin, as moin`
    pub fn words(&self) -> String {
        let user = &self.user;
        match &self.what {
            What::Run => format!("run programs as the user {user}"),
            What::Write(path) => format!("write to {path}, as {user}"),
            What::Read(path) => format!("read {path}, as {user}"),
            What::Secret(name) => format!("read the secret answer {name}, as {user}"),
            What::Network => format!("use the network, as {user}"),
            What::Restart(unit) => format!("have {unit} restarted"),
            What::Units(unit) => format!("hold {unit} still, with the system manager in its hands"),
            What::Configure => "change the configuration of the machine, as root".into(),
        }
    }
}

/// What is wanted and was not agreed to.
pub fn more(wanted: &BTreeSet<Want>, agreed: &BTreeSet<Want>) -> BTreeSet<Want> {
    wanted.difference(agreed).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Action, Query};

    #[test]
    fn the_same_right_for_another_user_is_more() {
        let plugin = |network_user: &str| Manifest {
            actions: vec![
                Action { user: "moin".into(), network: network_user == "moin", ..Action::default() },
                Action { user: "root".into(), network: network_user == "root", ..Action::default() },
            ],
            queries: vec![Query { user: "moin".into(), ..Query::default() }],
            ..Manifest::default()
        };
        let (before, after) = (plugin("moin").wants(), plugin("root").wants());
        let more = more(&after, &before);
        assert_eq!(more.iter().map(Want::words).collect::<Vec<_>>(), ["use the network, as root"]);
        assert_eq!(before.len(), 3, "what two programs ask for stands there once");
    }
}
