//! The root process behind the management page, and the program that a task is.
//!
//! The broker (`appliance-broker`), from the socket inwards:
//! * [`server`]: connections: bounded in number, size and time; ends when idle
//! * [`peer`]: who is at the other end
//! * [`table`]: who may ask what: one table, what is not in it is refused
//! * [`session`]: one-time links, sign-ins and sessions
//! * [`sign_in`]: signing in with an account: [`accounts`] has who may, [`check`] asks PAM, [`second_factor`] has codes,
//!   [`throttle`] budgets
//! * [`handle`]: from a request to its answer; [`order`]: what it starts
//! * [`audit`]: one line in the journal for everything privileged
//! * [`appliances`], [`packages`]: what it tells of the machine
//! * [`plan`]: what an upgrade would do; [`running`]: what the services have open; [`kept_files`]: new versions of configuration
//!   files; [`history`]: runs of the package manager; [`automatic`]: updates that install themselves
//! * [`services`], [`journal`]: what runs here, and what it has said; [`machine`]: how the machine is;
//!   [`schedule`]: when it goes down
//! * [`settings`]: the appliances' questions, and whether new answers to them fit
//! * [`consent`]: what plugins ask for, and what was agreed to; [`query`]: live data of plugins
//! * [`upload`]: files on their way to an action; [`shown_once`]: secrets on their way to a person
//! * [`tasks`]: tasks: started, listed, cancelled, pruned
//! * [`state`]: its folder, written so that a power cut leaves the old or the new
//!
//! The task (`appliance-task`), a transient unit of its own that outlives page and broker:
//! * [`work`]: does the work and writes its events
//!
//! No thread here trusts another process: what comes in is checked, though the page has checked it already.

pub mod accounts;
pub mod appliances;
pub mod audit;
pub mod automatic;
pub mod check;
pub mod consent;
pub mod handle;
pub mod history;
pub mod journal;
pub mod kept_files;
pub mod machine;
pub mod order;
pub mod packages;
pub mod peer;
pub mod plan;
pub mod query;
pub mod running;
pub mod schedule;
pub mod second_factor;
pub mod server;
pub mod services;
pub mod session;
pub mod settings;
pub mod shown_once;
pub mod sign_in;
pub mod state;
pub mod table;
pub mod tasks;
pub mod throttle;
pub mod trail;
pub mod upload;
pub mod work;

/// The broker's folder, 0700.
pub const STATE: &str = "/var/lib/appliance-broker";
/// The same for what no disk shall hold.
pub const MEMORY: &str = "/run/appliance-broker";
