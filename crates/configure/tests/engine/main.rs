//! The engine on machines that are folders: see `machine` for what stands in for systemd, dpkg and Apache.

#![allow(clippy::unwrap_used, reason = "a test panics when something is not as it should be")]

mod apply;
mod databases;
mod health;
mod hostile;
mod killed;
mod machine;
mod settings;
mod undo;
