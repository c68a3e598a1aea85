//! The management page and its command line.
//!
//! One program, two faces. `appliance-control serve` is the web process: unprivileged, started by its socket, gone
//! when nobody is connected. Every other subcommand is the command line, for root. Both ask the broker, and neither
//! knows how anything is done: no apt, no PAM, no systemd in here.
//!
//! Start reading at [`web::routes`] (everything the page answers to) or [`cli`].
//!
//! * [`cli`]: the command line
//! * [`web`]: the web process
//! * [`machine`]: what /proc says about this machine
//! * [`log`]: a task's events, read from any byte on; [`summary`]: what they lead to
//! * [`needs`]: what needs somebody
//! * [`text`]: sizes, times and lines from elsewhere, for a person's eyes

pub mod cli;
pub mod log;
pub mod machine;
pub mod needs;
pub mod summary;
pub mod text;
pub mod web;
