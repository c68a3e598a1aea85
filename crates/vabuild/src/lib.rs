//! `vabuild`, the author's tool: from a definition to packages, from packages to a signed repository.
//!
//! * [`cli`]: the command line, one module for each subcommand
//! * [`folder`]: the definition's folder on disk
//! * [`check`]: all mistakes in a definition at once
//! * [`new`]: a definition to begin with
//! * [`coverage`]: how many of the questions that are asked the appliance answers
//! * [`questions`]: what packages ask while apt installs them
//! * [`translate`]: the translations of a definition's questions
//! * [`make`]: the packages of a definition
//! * [`exit`]: exit statuses by kind of failure

pub mod check;
pub mod cli;
pub mod coverage;
pub mod exit;
pub mod folder;
pub mod make;
pub mod new;
pub mod questions;
pub mod translate;

pub use cli::run;
