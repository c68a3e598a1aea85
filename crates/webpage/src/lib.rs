//! What every page of ours in a browser stands on: the management page, and the questions of an installation.
//!
//! * [`server`]: accepts TLS, and on the same port plain HTTP, which is only told where to go; [`connection`] has its limits
//! * [`certificate`]: self-signed, made on the machine
//! * [`own`]: one that the owner brings; [`validity`] reads when it is good, and `folder` is where both lie
//! * [`network`]: the machine's names and addresses
//! * [`browser`]: what every answer carries, and what a browser says of itself
//! * [`assets`]: style, script and icon

pub mod assets;
pub mod browser;
pub mod certificate;
pub mod connection;
mod folder;
pub mod network;
pub mod own;
pub mod server;
pub mod validity;
