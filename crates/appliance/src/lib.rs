//! The definition of an appliance: from `appliance.toml` to a checked model.
//!
//! * [`model`]: the shape of a definition, one type per table
//! * [`question`]: the appliance's questions, their types, and what makes an answer valid
//!
//! This crate is pure: it reads no files and starts nothing.

pub mod model;
pub mod question;

pub use model::Definition;
