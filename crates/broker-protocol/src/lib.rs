//! What the management page and its command line may ask of the broker, the root process behind them.
//!
//! One connection carries one request: one line of JSON, at most [`REQUEST_LIMIT`] bytes, and one line back
//! ([`Reply`]), together with a file descriptor where the request says so. The set of requests is closed.
//! The broker trusts nobody's word: it reads the caller's user from the socket (SO_PEERCRED; unix(7)), looks the
//! session up itself, and checks every argument again.

pub mod message;

pub use message::*;

/// The broker's socket: mode 0660, group `appliance-control`.
pub const SOCKET: &str = "/run/appliance-broker.socket";
/// Bytes in one request line.
pub const REQUEST_LIMIT: usize = 64 << 10;
/// Bytes in one reply line.
pub const REPLY_LIMIT: usize = 8 << 20;
