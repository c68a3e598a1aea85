//! The configuration engine: `(definition, answers, host) → desired state → plan → apply → verify`.
//!
//! Reading order:
//! * [`machine`]: where everything lies; a root other than `/` for tests and image builds
//! * [`installed`]: the appliances on this machine, their compiled definitions
//! * [`health`], [`http`]: whether an appliance works
//! * [`error`]: what can go wrong, and each kind's exit status
//!
//! `undo` is exact because nothing is changed before what was there has been written to the record, and synced.

pub mod commands;
pub mod error;
pub mod health;
pub mod http;
pub mod installed;
pub mod machine;
mod validate;

pub use error::{Error, Result};
pub use installed::Installed;
pub use machine::Machine;
