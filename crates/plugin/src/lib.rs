//! Plugins of the management page: what a plugin package declares, and what its programs say.
//!
//! * [`manifest`]: `/usr/share/appliance-control/plugins/NAME.json`, written by `vabuild` from the definition
//!
//! A program of a plugin gets its parameters as one JSON object in one line on standard input
//! (`{"parameters":{"name":"value"}}`, a file is the path it can be read at), writes events of the crate `events` without
//! `v` and `at`, one a line, on standard output, and free text on standard error, which becomes log lines.
//! Files that it makes go into the folder `$ARTIFACTS_DIRECTORY` and are announced by an `artifact` event.
//! SIGTERM asks it to stop. An exit without a `result` event is an error.

pub mod manifest;

pub use manifest::Manifest;
