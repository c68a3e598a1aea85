//! `vabuild`, the author's tool: from a definition to packages, from packages to a signed repository.
//!
//! * [`cli`]: the command line, one module for each subcommand
//! * [`folder`]: the definition's folder on disk
//! * [`make`]: the packages of a definition
//! * [`exit`]: exit statuses by kind of failure

pub mod cli;
pub mod exit;
pub mod folder;
pub mod make;

pub use cli::run;
