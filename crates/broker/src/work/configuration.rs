//! Decisions about new versions of configuration files, and how updates are installed automatically.

use super::Ending;
use crate::{automatic, kept_files, tasks::log::Log};
use apt::Apt;
use broker_protocol::{Automatic, Which};
use events::Kind;
use std::path::Path;

/// Seconds to wait for somebody else's lock.
const LOCK_WAIT: u32 = 300;

pub fn decide(path: &str, seen: &str, adopt: bool) -> Ending {
    match kept_files::decide(Path::new(kept_files::PLACE), path, seen, adopt) {
        Ok(message) => Ending::ok(message),
        Err(message) => Ending::failed(message, vec![]),
    }
}

pub fn automatic(settings: &Automatic, log: &mut Log) -> Ending {
    if settings.install != Which::Nothing {
        let title = "Installing unattended-upgrades, where it is missing".into();
        log.tell(Kind::Phase { id: "install".into(), title, index: Some(1), of: Some(2) });
        let apt = Apt { lock_wait: LOCK_WAIT, ..Apt::default() };
        let work = apt::Work::Install(vec![automatic::PACKAGE.into()]);
        if let Err(error) = apt.run(&work, &mut |kind| log.tell(kind)) {
            return Ending::failed(error.to_string(), error.lines().to_vec());
        }
        let title = "Writing the settings".into();
        log.tell(Kind::Phase { id: "write".into(), title, index: Some(2), of: Some(2) });
    }
    if let Err(message) = automatic::apply(settings) {
        return Ending::failed(message, vec![]);
    }
    let restart = match &settings.restart {
        Some(at) => format!("; where an update asks for it, the machine restarts at {at}"),
        None => "; the machine never restarts by itself".into(),
    };
    Ending::ok(match settings.install {
        Which::Nothing => "No update is installed automatically.".into(),
        Which::Security => format!("Security updates are installed every day at {}{restart}.", settings.at),
        Which::All => format!("All updates are installed every day at {}{restart}.", settings.at),
    })
}
