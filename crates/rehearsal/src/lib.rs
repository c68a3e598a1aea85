//! A rehearsal: packages are installed into a throw-away root of a Debian release, and what debconf asks is recorded.
//!
//! * [`rehearse()`]: the whole of it; [`Recording`] is what comes out
//! * [`base`]: the Debian root that is made once and kept; [`root`]: a throw-away one over it, without a network
//! * [`lists`]: apt's lists of a release; [`archives`]: the packages, kept; [`mirror`]: where both come from
//! * `run`: apt at work in the root, and packages that fail there passed by
//! * [`frontend`]: the debconf frontend that takes every default and writes down what it was asked
//! * [`trace`]: debconf's own trace, read
//! * [`host`]: the kept things' folder, root's rights, tools
//!
//! The root is no booted machine: it has no running services, `policy-rc.d` refuses to start any, and scripts that
//! ask a database server find none. What depends on that is asked as on a machine where the service is down.

pub mod archives;
pub mod base;
mod error;
pub mod frontend;
pub mod host;
pub mod lists;
pub mod mirror;
mod recording;
pub mod rehearse;
pub mod root;
mod run;
pub mod trace;

pub use error::{Error, Result};
pub use lists::{Lists, Release};
pub use recording::{Ending, Installed, Recording};
pub use rehearse::{Rehearsal, rehearse};
pub use trace::{Priority, Trace};
