//! `vainstall NAME`: a fresh Debian becomes the appliance NAME.
//!
//! The story, in the order in which it happens ([`install`] tells it):
//!
//! 1. [`look`]: is this a machine for it, is anybody else at work, was something interrupted ([`repository`] is
//!    configured and refreshed here)
//! 2. [`seeds`] fetches the questions, as signed as the packages; [`answers`] collects and checks the answers
//! 3. [`plan`]: what apt will do, and what it takes; apt's run is begun at the same time, and waits ([`planned`])
//! 4. [`seeding`] gives debconf the answers, then apt-get installs, with us as debconf's [`frontend`]: what [`servers`] the rest
//!    relies on in a run of their own, before it; [`half_made`] databases of an interrupted run are begun anew
//! 5. [`health`]: does it work; that, not apt's status, is the exit status
//!
//! The [`owner`] is asked at the [`terminal`] or on a [`page`] in the browser. A machine that boots for the first time asks
//! there ([`first_boot`]), behind a [`fence`].
//!
//! [`reconfigure`] changes answers later. [`remove`] is the way back, with the [`census`] of what was there before
//! and what of it is in debconf's database, [`questions`].
//!
//! [`ending`] tells addresses and secrets, [`state`] keeps what an interrupted run needs, [`progress`] shows it all,
//! [`signals`] makes Ctrl-C harmless. Nothing is changed before stage 4 but the list of packages, the repository's
//! source file, which is taken away again when the run ends before, and what a former interruption left half done.

mod answers;
mod census;
mod cli;
mod ending;
mod failure;
mod fence;
mod first_boot;
mod frontend;
mod half_made;
mod health;
mod install;
mod look;
mod owner;
mod page;
mod plan;
mod planned;
mod progress;
mod questions;
mod reconfigure;
mod remove;
mod repository;
mod seeding;
mod seeds;
mod servers;
mod signals;
mod state;
mod terminal;

pub use cli::main;
