//! apt's run, begun while its plan is still being looked at: apt thinks for as long as the plan takes, so it does both
//! at once, and waits at the [`gate`] for what is decided.

use crate::{
    failure::{Exit, Failure, Result, fail},
    frontend::gate::{self, Undecided},
};
use apt::{Apt, Cause, Plan, Work};
use events::Kind;
use std::thread;

/// Looks at a plan. An error refuses it, and nothing is unpacked.
pub type Decide<'a> = &'a (dyn Fn(&Plan) -> Result<()> + Sync);

/// Does the work; with a `decide`, only what that lets pass. To be called while [`crate::frontend::around`] works.
pub fn carry_out(
    apt: &Apt,
    work: &Work,
    decide: Option<Decide<'_>>,
    say: &mut dyn FnMut(Kind),
) -> Result<()> {
    let stopped =
        |failure: Failure| failure.context("not finished; run the same command again to go on from there");
    let mut ran = match decide {
        Some(decide) => decided(apt, work, decide, say)?,
        None => apt.run(work, say),
    };
    if ran.as_ref().is_err_and(|e| e.cause() == Cause::Missing) {
        let message = "a package is not where the list says: the list is refreshed, and the work begun again";
        say(Kind::Warning { message: message.into() });
        apt.update(say)?;
        ran = apt.run(work, say);
    }
    ran.map_err(|e| stopped(e.into()))
}

/// How apt's run ended, or why it was not let begin.
fn decided(
    apt: &Apt,
    work: &Work,
    decide: Decide<'_>,
    say: &mut dyn FnMut(Kind),
) -> Result<std::result::Result<(), apt::Error>> {
    let undecided = Undecided::hold()?;
    let (ran, decision) = thread::scope(|scope| {
        let deciding = scope.spawn(move || {
            let decision = apt.outline(work).map_err(Failure::from).and_then(|plan| decide(&plan));
            // where the gate cannot be shut, apt waits there until it is interrupted
            let waiting = (decision.is_err() && gate::shut().is_err()).then_some(undecided);
            if decision.is_err() {
                apt.interrupter.interrupt();
            }
            (decision, waiting)
        });
        (apt.run(work, say), deciding.join())
    });
    let Ok((decision, _waiting)) = decision else { return fail(Exit::Failed, "planning was cut off") };
    decision.map(|()| ran)
}
