//! Plugins of the management page: what a plugin package declares, and what its programs say.
//!
//! * [`manifest`]: `/usr/share/appliance-control/plugins/NAME.json`, written by `vabuild` from the definition
//! * [`check`]: from the text of a manifest to a checked one, every fault at once
//! * [`load`]: all manifests of a folder; a faulty one is reported and does no harm to the others
//! * [`parameter`]: the values for an action's parameters
//! * [`frame`]: one line of a program's standard output, checked
//! * [`artifact`]: files that a program made, taken out of its reach
//! * [`copy`]: a file's content, out of its maker's reach
//! * [`runner`]: runs a program to its end, and turns what it says into events
//!
//! A program of a plugin gets its parameters as one JSON object in one line on standard input
//! (`{"parameters":{"name":"value"}}`, a file is the path it can be read at), writes events of the crate `events` without
//! `v` and `at`, one a line, on standard output, and free text on standard error, which becomes log lines.
//! Files that it makes go into the folder `$ARTIFACTS_DIRECTORY` and are announced, when they are complete, by an
//! `artifact` event. SIGTERM asks it to stop. An exit without a `result` event is an error.

pub mod artifact;
pub mod check;
pub mod copy;
pub mod frame;
pub mod load;
pub mod manifest;
pub mod parameter;
pub mod runner;

pub use check::Faults;
pub use manifest::Manifest;
