//! The configuration engine: `(definition, answers, host) → desired state → plan → apply → verify`.
//!
//! Reading order:
//! * [`machine`], [`installed`]: where everything lies; the appliances on this machine, their compiled definitions
//! * [`host`], [`accounts`], [`knowledge`]: what is known: the machine's names, its users, the answers and secrets
//! * [`settings`]: the questions as a form, and new answers to them; [`debconf_copy`]: debconf's copy of the answers
//! * [`wanted`]: the desired state; [`difference`]: what is not as wanted; [`plan`]: all of it, without changing anything
//! * [`record`]: what was there before each change, written and synced before the change is made
//! * [`apply`](apply()), [`undo`](undo()): making it so and taking it back; `step`, `units`, [`apache`] are their parts
//! * [`database`]: databases on the machine's own servers
//! * [`tree`]: the file system, without being led astray by links; [`system`]: dpkg, systemd, enablers, behind a trait
//! * [`health`], [`http`]: whether an appliance works
//! * [`lock`]: one run at a time; [`error`]: what can go wrong, and each kind's exit status
//! * [`commands`]: the program `appliance-configure`, one file per subcommand

pub mod accounts;
pub mod apache;
mod apply;
pub mod commands;
pub mod database;
pub mod debconf_copy;
pub mod difference;
pub mod error;
pub mod health;
pub mod host;
pub mod http;
pub mod installed;
pub mod knowledge;
pub mod lock;
pub mod machine;
pub mod plan;
pub mod record;
pub mod settings;
mod step;
pub mod system;
pub mod tree;
mod undo;
mod units;
mod validate;
pub mod wanted;

pub use apply::{Outcome, apply};
pub use error::{Error, Result};
pub use installed::Installed;
pub use machine::Machine;
pub use undo::undo;
