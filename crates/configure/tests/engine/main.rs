//! The engine on machines that are folders: see `machine` for what stands in for systemd, dpkg and Apache.

mod apply;
mod health;
mod hostile;
mod killed;
mod machine;
mod undo;
