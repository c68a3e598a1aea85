//! Debian's formats, in process: no program is started, no network and no clock is used.
//!
//! - [`paragraph`]: deb822, the `Field: value` paragraphs of control files and indices
//! - [`version`]: versions and their order
//! - [`relation`]: `Depends: a (>= 1) | b, c` and its kin
//! - [`build`]: writes a `.deb`, byte for byte the same from the same input
//! - [`read`]: reads the control part of a `.deb` and checks its frame, in one pass and bounded memory
//!
//! The two containers of a `.deb` are in `ar` and `tape`, its compression in `xz`.

mod ar;
pub mod build;
mod error;
pub mod paragraph;
pub mod read;
pub mod relation;
mod tape;
pub mod version;
mod xz;

pub use build::{Content, Deb, Entry, Kind, Member};
pub use error::{Error, Result};
pub use paragraph::Paragraph;
pub use relation::Relations;
pub use version::Version;
