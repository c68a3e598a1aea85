//! Backups of a machine that is a folder, made, damaged, and put back.

#![allow(clippy::unwrap_used, reason = "a test panics when something is not as it should be")]

mod archive;
mod lab;
mod restore;
