//! Real Debian machines for tests, benchmarks and the demo.
//!
//! * [`host`]: the tools that the host needs, the cache folder, where the host gets its packages
//! * [`base`]: a Debian root per release, made once with mmdebstrap and kept in the cache folder
//! * [`lab`]: a private bridge with two servers on it; cleans up what a killed run left behind
//! * [`http`]: the one: the project's repository, and a caching proxy to the Debian mirror
//! * [`names`]: the other: a name server that knows no name
//! * [`machine`]: one booted machine: systemd-nspawn over a fresh overlay of a base root
//! * [`browser`]: a real Chromium, driven through WebDriver
//!
//! Machines reach the bridge and nothing else. All of it needs root, and says so.

pub mod base;
pub mod browser;
pub mod host;
pub mod http;
pub mod lab;
pub mod machine;
pub mod names;

pub use lab::Lab;
pub use machine::Machine;
