//! Plugins of the management page: what a plugin package declares, and what its programs say.
//!
//! * [`manifest`]: `/usr/share/appliance-control/plugins/NAME.json`, written by `vabuild` from the definition
//! * [`check`]: from the text of a manifest to a checked one, every fault at once
//! * [`load`]: all manifests of a folder; a faulty one is reported and does no harm to the others
//! * [`wants`]: what it asks for, in words, and whether that is more than before
//! * [`sandbox`]: what a program asks for as properties of a unit
//! * [`parameter`]: the values for an action's parameters
//! * [`frame`]: one line of a program's standard output, checked; [`schema`]: the same as JSON Schema
//! * [`query`]: what a query is asked, and what it answers
//! * [`artifact`]: files that a program made, taken out of its reach
//! * [`copy`]: a file's content, out of its maker's reach
//! * [`trial`]: tries a plugin, for its author
//! * [`runner`]: runs a program to its end, and turns what it says into events
//!
//! `docs/plugin-protocol.md` is the specification.

pub mod artifact;
pub mod check;
pub mod copy;
pub mod frame;
pub mod load;
pub mod manifest;
pub mod parameter;
pub mod query;
pub mod runner;
pub mod sandbox;
pub mod schema;
pub mod trial;
pub mod wants;

pub use check::Faults;
pub use manifest::Manifest;
