//! debconf's formats: what a package asks, what was answered in advance, and how a script talks to debconf.
//!
//! * [`templates`]: the `templates` file of a package, written and read
//! * [`selections`]: answers given in advance, one a line, for debconf-set-selections(1)
//! * [`confmodule`]: the client's side of debconf's protocol, as a maintainer script speaks it
//! * [`passthrough`]: the frontend's side, for a program that asks the questions itself
//!
//! Sources: debconf-devel(7), debconf_specification.html (package debian-policy). Pure: reads and writes through the
//! traits of `std::io`, except for [`confmodule::connect`], which opens the maintainer script's descriptors.

pub mod confmodule;
pub mod passthrough;
pub mod selections;
pub mod templates;

pub use confmodule::Confmodule;
pub use selections::Selection;
pub use templates::Template;
