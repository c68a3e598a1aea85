//! The definition of an appliance: from `appliance.toml` to a checked model.
//!
//! * [`model`]: the shape of a definition, one type per table
//! * [`question`]: the appliance's questions and their types
//! * [`database`]: what follows from a database: packages, a secret, what dbconfig-common asks
//! * [`load()`]: text to model, with all mistakes at once; [`problem`] is a mistake, [`folder`] what it needs of the disk
//! * [`schema`]: the JSON Schema of a definition, from the model's types
//! * [`names`]: what names, versions, paths and relations may look like
//! * [`template`]: the files' templates: rendering, and checking without rendering
//! * [`seed_value`]: the values of seeds and defaults, in which only four placeholders are known
//! * [`answers`]: answers from several sources, checked, secrets made
//! * [`po`]: translations of the questions, as gettext keeps them
//! * [`seeds`]: the `.seeds` file of the repository
//! * [`suggest`]: "did you mean"
//! * [`host`]: what templates know about the machine
//!
//! This crate is pure: it reads no files and starts nothing.

pub mod answers;
pub mod database;
pub mod folder;
pub mod host;
mod load;
pub mod model;
pub mod names;
pub mod po;
pub mod problem;
pub mod question;
pub mod schema;
pub mod seed_value;
pub mod seeds;
pub mod suggest;
pub mod template;

pub use folder::Folder;
pub use host::Host;
pub use load::{Examined, SIZE_LIMIT, Wanted, examine, load, load_bytes};
pub use model::Definition;
pub use problem::Problem;
