//! Restart and shutdown, through the system manager.

use super::Ending;
use exec::Program;
use std::{path::Path, time::Duration};

/// The page that asked is still on its way to the browser, with its style and its script: a small machine restarts
/// faster than that.
const FAREWELL: Duration = Duration::from_secs(2);

/// `systemctl VERB`, after a moment. It returns when the manager has taken the order; the result is written in the time until this
/// unit is asked to stop, and that it was asked is not listened to.
#[allow(clippy::disallowed_methods, reason = "nothing says when the browser has what it needs")]
pub fn go(verb: &str, message: &str) -> Ending {
    // somebody else's: ours does not start beside a restart
    let dpkg = ["/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock"];
    if let Some(holder) = dpkg.iter().find_map(|lock| apt::locks::holder_of(Path::new(lock))) {
        let message = format!("Packages are being installed: {holder}. Try again when that has ended.");
        return Ending::failed(message, vec![]);
    }
    std::thread::sleep(FAREWELL);
    let program =
        Program::new("systemctl").args(["--no-ask-password", verb]).timeout(Duration::from_secs(60));
    match program.output() {
        Ok(output) if output.success() => Ending::ok(message),
        Ok(output) => Ending::failed("The system manager refused it.", output.tail(10)),
        Err(error) => Ending::failed(format!("The system manager could not be asked: {error}."), vec![]),
    }
}
