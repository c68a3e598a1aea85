//! Who signs in: accounts, sessions, second factors.

use plugin::manifest::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A password or a code on its way. It can be taken, not printed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A session, without anything that gets in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SessionInfo {
    /// Names it: in [`Sessions::One`] and in the audit trail.
    pub id: String,
    pub name: String,
    /// Of an account, not of a link.
    pub account: bool,
    pub role: Role,
    /// Seconds since 1970.
    pub since: u64,
    /// Seconds since 1970, to the minute.
    pub used: u64,
    /// The browser's address at sign-in; empty when it is not known.
    pub from: String,
    /// The browser, in a few words.
    pub agent: String,
    /// The session that asks.
    pub this: bool,
    /// Of the same account as the one that asks.
    pub own: bool,
}

/// Which sessions are to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Sessions {
    One {
        id: String,
    },
    /// All others of the same account.
    OwnOthers {},
    /// All of an account, and for the empty name all of links.
    Of {
        account: String,
    },
    /// All but the one that asks.
    Others {},
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OwnAccount {
    pub name: String,
    /// Links' bearers have no account, and no second factor.
    pub account: bool,
    pub role: Role,
    pub second_factor: Option<SecondFactor>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SecondFactor {
    /// Seconds since 1970.
    pub since: u64,
    /// Recovery codes that were not used yet.
    pub recovery: usize,
}

/// An account of the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Account {
    pub name: String,
    /// None: it may not sign in.
    pub role: Option<Role>,
    /// Why not, though it is in a group that may; empty when it may.
    pub hindered: String,
    pub second_factor: bool,
}

#[cfg(test)]
mod tests {
    use crate::{Answer, Ask, Reply, Request, Secret};

    #[test]
    fn a_secret_cannot_be_printed() {
        let secret = || Secret("hunter22".into());
        let ask = |ask| Request { session: None, from: None, ask };
        let said = [
            format!(
                "{:?}",
                ask(Ask::SignIn { name: "ada".into(), password: secret(), agent: String::new() })
            ),
            format!("{:?}", ask(Ask::GiveCode { token: "x".into(), code: secret() })),
            format!("{:#?}", ask(Ask::ConfirmCodes { code: secret() })),
            format!("{:?}", ask(Ask::EndCodes { code: secret() })),
            format!("{:?}", Reply::Answer(Answer::RecoveryCodes(vec![secret()]))),
            format!("{:?}", Reply::Answer(Answer::CodeSecret { secret: secret(), link: secret() })),
        ];
        assert!(said.iter().all(|text| !text.contains("hunter22") && text.contains("Secret")), "{said:?}");
    }
}
