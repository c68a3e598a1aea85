//! What the unit runs after its program has ended (ExecStopPost in systemd.service(5)), however that came about.

use crate::{
    audit,
    tasks::{log, record::Record},
};
use broker_protocol::{TaskId, Work};
use events::{Kind, Status};
use exec::Program;
use std::{env, path::Path, time::Duration};

/// The unit's own patience with what comes after its end is longer.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// Writes the result when there is none, and clears up.
pub fn run(root: &Path, id: &TaskId) -> anyhow::Result<Status> {
    let folder = root.join("tasks").join(id.as_str());
    log::clear(&folder);
    let details = repair(&folder);
    if log::result(&folder)?.is_none() {
        let said = |name: &str| env::var(name).unwrap_or_default();
        let message = message(&said("SERVICE_RESULT"), &said("EXIT_CODE"), &said("EXIT_STATUS"));
        log::append(&folder, Kind::Result { status: Status::Failed, message, details })?;
    } else {
        details.iter().for_each(|line| eprintln!("<4>appliance-backup: {line}"));
    }
    if let (Some(record), Some(event)) = (Record::load(&folder)?, log::result(&folder)?) {
        audit::log_end(&record, &event);
    }
    Ok(Status::Ok)
}

/// A backup or a restore that was killed has left units stopped and a journal; nobody else would come by to look at it.
fn repair(folder: &Path) -> Vec<String> {
    let Ok(Some(Record { work: Work::Action { plugin, .. }, action: Some(action), .. })) =
        Record::load(folder)
    else {
        return vec![];
    };
    if !action.configures && action.units.is_empty() {
        return vec![];
    }
    let program = Program::new("/usr/bin/appliance-backup").args(["repair", "--", &plugin]).timeout(PATIENCE);
    match program.output() {
        Ok(output) if output.success() => vec![],
        Ok(output) => output.tail(3),
        Err(error) => vec![error.to_string()],
    }
}

/// What systemd knows of the end, in the owner's words.
fn message(result: &str, code: &str, status: &str) -> String {
    let why = match (result, code, status) {
        ("oom-kill", ..) => "it needed more memory than there is".into(),
        ("timeout", ..) => "it did not stop in time and was killed".into(),
        // 200 to 242 are systemd's own (systemd.exec(5), "Process Exit Codes")
        (_, "exited", "226") => {
            "its sandbox could not be made; is a folder that it needs missing? See `journalctl -u appliance-task-*`".into()
        }
        (_, "exited", status) => format!("its program ended with status {status}"),
        (_, "killed" | "dumped", signal) => format!("its program was killed (signal {signal})"),
        _ => "its program was not started".into(),
    };
    format!("It was interrupted: {why}.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::record::SECRETS;
    use std::fs;

    #[test]
    fn only_a_missing_result_is_written() {
        let root = tempfile::tempdir().unwrap();
        let id = TaskId::try_from("20260101-000000-00000000".to_string()).unwrap();
        let folder = root.path().join("tasks").join(id.as_str());
        fs::create_dir_all(folder.join("making")).unwrap();
        fs::write(folder.join(log::FILE), "").unwrap();
        run(root.path(), &id).unwrap();
        let first = fs::read_to_string(folder.join(log::FILE)).unwrap();
        assert!(first.contains("interrupted") && !folder.join("making").exists());
        run(root.path(), &id).unwrap();
        assert_eq!(fs::read_to_string(folder.join(log::FILE)).unwrap(), first);
    }

    #[test]
    fn no_secret_stays_when_the_result_cannot_be_written() {
        let root = tempfile::tempdir().unwrap();
        let id = TaskId::try_from("20260101-000000-00000000".to_string()).unwrap();
        let folder = root.path().join("tasks").join(id.as_str());
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(SECRETS), "{}").unwrap();
        // every write fails, as on a full disk (full(4))
        std::os::unix::fs::symlink("/dev/full", folder.join(log::FILE)).unwrap();
        run(root.path(), &id).unwrap_err();
        assert!(!folder.join(SECRETS).exists());
    }

    #[test]
    fn every_end_has_its_words() {
        assert!(message("oom-kill", "killed", "KILL").contains("memory"));
        assert!(message("signal", "killed", "KILL").contains("signal KILL"));
        assert!(message("exit-code", "exited", "226").contains("sandbox"));
        assert!(message("", "", "").contains("not started"));
    }
}
