//! Who is there to be asked, and how.

use crate::{
    answers::Known,
    cli::Arguments,
    page::{
        Page,
        form::{Form, Typed},
    },
    progress::Progress,
    signals::Signals,
    terminal,
};
use anyhow::{Result, bail};
use appliance::seeds::SeedsFile;

/// The appliance's owner, as far as this run can reach them.
pub enum Owner {
    Absent,
    AtTheTerminal,
    AtThePage(Page),
}

impl Owner {
    pub fn of(arguments: &Arguments, progress: &Progress) -> Owner {
        match progress.page() {
            _ if arguments.non_interactive => Owner::Absent,
            Some(page) => Owner::AtThePage(page.clone()),
            None if terminal::is_there() => Owner::AtTheTerminal,
            None => Owner::Absent,
        }
    }

    pub fn is_there(&self) -> bool {
        !matches!(self, Owner::Absent)
    }

    /// Asks what nobody has answered.
    pub fn converse(
        &self,
        about: &SeedsFile,
        given: &Typed,
        known: &Known,
        signals: &Signals,
    ) -> Result<Typed> {
        match self {
            Owner::AtTheTerminal => {
                terminal::converse(&about.questions, given, known.in_use, known.host, signals)
            }
            Owner::AtThePage(page) => {
                let form = Form {
                    title: format!("Questions of {}", about.appliance),
                    notes: vec![sentence(&about.summary)],
                    questions: about.questions.clone(),
                    given: given.clone(),
                    in_use: known.in_use.clone(),
                    host: known.host.clone(),
                };
                page.ask(form, signals)
            }
            Owner::Absent => bail!("nobody is there to answer"),
        }
    }
}

/// A summary stands in the middle of a line elsewhere.
fn sentence(summary: &str) -> String {
    let mut letters = summary.chars();
    let first: String = letters.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
