//! `vainstall --first-boot NAME`: a machine that boots for the first time becomes its appliance.
//!
//! As an installation with the page, behind the [`Fence`]: answers that were given with the machine (credentials, user data) are taken, the
//! missing ones are asked on the page, and when the appliance is configured the fence is lifted and the units that did all this
//! are disabled. Whatever happens before, the machine stays closed, and the next start goes on.

use crate::{
    cli::Arguments,
    ending::Ending,
    failure::{Failure, Result},
    fence::Fence,
    install, look,
    page::{Page, board::Told},
    progress::Progress,
    signals::Signals,
    state::State,
};
use std::time::Duration;

pub fn first_boot(
    arguments: &Arguments,
    signals: &Signals,
    progress: &mut Progress,
    told: &mut Ending,
) -> Result<()> {
    let (name, package) = arguments.names();
    look::machine()?;
    let fence = Fence::of(&name);
    fence.raise()?;
    signals.remove_at_end(fence.issue());
    progress.show_on(page(arguments, Some(fence.clone()))?);
    let result = install::install(arguments, signals, progress, told);
    // a health check that fails is no reason to hide an appliance whose questions are answered
    if look::is_installed(&package)? {
        fence.lift(progress)?;
    }
    result
}

pub fn page(arguments: &Arguments, fence: Option<Fence>) -> Result<Page> {
    let timeout = arguments.web_timeout.map(Duration::from_secs);
    Page::new(&arguments.names().0, timeout, fence).map_err(Failure::from)
}

/// The ending goes to the page, and without secrets to the journal. What nobody has seen stays, for `vainstall NAME` to tell.
pub fn end(told: &mut Ending, shown: Told, progress: &Progress) {
    let seen = progress.page().is_some_and(|page| page.end(shown));
    if seen || told.secrets.is_empty() {
        State::of(&told.appliance).forget();
    } else {
        told.message.push_str(&format!(" Its secrets are told, once, by: vainstall {}", told.appliance));
    }
    told.secrets.clear();
    // its link is for the owner, and everybody who may read the journal could use it
    told.management = None;
}
