//! What the management page and its command line may ask of the broker, the root process behind them.
//!
//! * [`message`]: requests and replies, a closed set
//! * [`updates`]: what they say about packages
//! * [`accounts`]: accounts, sessions and second factors
//! * [`services`]: services and the journal
//! * [`audit`]: the audit trail
//! * [`machine`]: how the machine is, and when it goes down
//! * [`wire`]: one message as one bounded line, perhaps with one file descriptor (both sides)
//! * [`client`]: ask the broker one thing and wait for its answer
//!
//! One connection carries one request: one line of JSON, at most [`REQUEST_LIMIT`] bytes, and one line back
//! ([`Reply`]), together with a file descriptor where the request says so.
//! The broker trusts nobody's word: it reads the caller's user from the socket (SO_PEERCRED; unix(7)), looks the
//! session up itself, and checks every argument again.

pub mod accounts;
pub mod audit;
pub mod client;
pub mod machine;
pub mod message;
pub mod services;
pub mod updates;
pub mod wire;

pub use accounts::{Account, OwnAccount, SecondFactor, Secret, SessionInfo, Sessions};
pub use audit::*;
pub use client::{Client, ClientError};
pub use load::{Band, Line, Load, Measure, Span};
pub use machine::{
    Addresses, BlockDevice, Clock, FailedUnit, FileSystem, Filler, Interface, MachineState, Manager, Network,
    PendingNetwork, Power, Rubbish, Scheduled, Vitals, When,
};
pub use message::*;
pub use services::{Entry, JournalFilter, Service, ServiceState, Verb};
pub use updates::*;
pub use wire::WireError;

/// The broker's socket: mode 0660, group `appliance-control`.
pub const SOCKET: &str = "/run/appliance-broker.socket";
/// Bytes in one request line.
pub const REQUEST_LIMIT: usize = 64 << 10;
/// Bytes in one reply line.
pub const REPLY_LIMIT: usize = 8 << 20;
