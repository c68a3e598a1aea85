//! The load of this machine, minute by minute, for a year.
//!
//! * [`record`]: what is kept of one minute, as 32 bytes
//! * [`ring`]: the file that holds a year of them, always of one size
//! * [`proc`]: what the kernel says (proc(5))
//! * [`sample`]: one look at it, made into a record; the program `appliance-load`, which a timer starts
//! * [`series`]: a span of time in few points, for a chart
//!
//! A minute has its place in the file by its number since 1970, and a record says which minute it is of. So nothing has to be
//! begun, closed or repaired: a minute that nobody looked at, or whose record is broken, is a gap, and time zones play no part. A
//! clock that was wrong has written to places of other minutes; that is a gap there.

pub mod proc;
pub mod record;
pub mod ring;
pub mod sample;
pub mod series;

pub use series::{Band, Line, Load, Measure, Span};

/// The file, in the folder that systemd makes for `appliance-load.service` (StateDirectory=).
pub const FILE: &str = "/var/lib/appliance-load/minutes";
