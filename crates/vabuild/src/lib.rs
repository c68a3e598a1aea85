//! `vabuild`, the author's tool: from a definition to packages, from packages to a signed repository.
//!
//! * [`cli`]: the command line, one module for each subcommand
//! * [`folder`]: the definition's folder on disk
//! * [`check`]: all mistakes in a definition at once
//! * [`new`]: a definition to begin with
//! * [`make`]: the packages of a definition
//! * [`exit`]: exit statuses by kind of failure

pub mod check;
pub mod cli;
pub mod exit;
pub mod folder;
pub mod make;
pub mod new;

pub use cli::run;
