//! `task.json`: what a task is. Its shape is a promise to the `appliance-task` of other versions: an upgrade of this
//! package is itself a task.

use super::Order;
use crate::state;
use broker_protocol::{TaskId, Work};
use plugin::manifest::{Action, ParameterType};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{fs, io, path::Path};

pub const FILE: &str = "task.json";
/// The values of an action's parameters, or new answers; removed by the task as soon as it has read them.
pub const SECRETS: &str = "secrets.json";
/// Whoever removes this file decides: the broker, that the task is stopped, or the task, that it goes on to its end.
/// unlink(2) lets one of them win.
pub const STOPPABLE: &str = "stoppable";
/// Stands where a password or an answer was.
const HIDDEN: &str = "(not kept)";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub id: TaskId,
    pub title: String,
    /// Without passwords.
    pub work: Work,
    pub by: String,
    /// Seconds since 1970.
    pub started: u64,
    /// The boot it was started in: none of its processes has outlived that.
    pub boot: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// It begins with something that may be stopped, for as long as its [`STOPPABLE`] is there. Not so in records of earlier
    /// versions.
    #[serde(default)]
    pub stoppable: bool,
}

impl Record {
    pub fn new(order: &Order) -> io::Result<Record> {
        let started = state::now();
        let id = TaskId::try_from(format!("{}-{}", stamp(started), state::random(4)?))
            .map_err(io::Error::other)?;
        Ok(Record {
            id,
            title: order.title.clone(),
            work: without_passwords(&order.work, order.action.as_ref()),
            by: order.by.clone(),
            started,
            boot: boot(),
            action: order.action.clone(),
            stoppable: matches!(order.work, Work::Upgrade { .. }),
        })
    }

    /// None when there is no such task, or its record cannot be understood.
    pub fn load(folder: &Path) -> io::Result<Option<Record>> {
        match fs::read(folder.join(FILE)) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Takes the decision; false when it has been taken.
    pub fn decide(folder: &Path) -> io::Result<bool> {
        match fs::remove_file(folder.join(STOPPABLE)) {
            Ok(()) => state::sync(folder).map(|()| true),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Reads what is for the task alone, and removes its file: from here on it is in memory only.
    pub fn take_values<T: DeserializeOwned>(folder: &Path) -> io::Result<T> {
        let path = folder.join(SECRETS);
        let bytes = fs::read(&path)?;
        fs::remove_file(&path)?;
        Ok(serde_json::from_slice(&bytes)?)
    }

    pub fn save(&self, folder: &Path) -> io::Result<()> {
        state::write(&folder.join(FILE), &serde_json::to_vec_pretty(self)?)
    }
}

/// This boot's id (proc_sys_kernel(5)).
pub fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| "unknown".into(), |id| id.trim().into())
}

fn without_passwords(work: &Work, action: Option<&Action>) -> Work {
    let mut work = work.clone();
    // which of them are secrets is not known here
    if let Work::Settings { answers, .. } = &mut work {
        answers.values_mut().for_each(|answer| *answer = Some(HIDDEN.into()));
    }
    if let (Work::Action { parameters, .. }, Some(action)) = (&mut work, action) {
        for secret in action.parameters.iter().filter(|p| p.kind == ParameterType::Password) {
            if let Some(value) = parameters.get_mut(&secret.name) {
                *value = HIDDEN.into();
            }
        }
    }
    work
}

/// `YYYYMMDD-HHMMSS` in UTC, from seconds since 1970 (Hinnant, "chrono-compatible low-level date algorithms",
/// civil_from_days).
fn stamp(seconds: u64) -> String {
    let (days, time) = (seconds / 86400 + 719_468, seconds % 86400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}-{:02}{:02}{:02}", time / 3600, time / 60 % 60, time % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_agree_with_date() {
        let day = 86400;
        let output = |seconds: u64| {
            let date =
                exec::Program::new("date").args(["-u", "+%Y%m%d-%H%M%S", "-d"]).arg(format!("@{seconds}"));
            date.run().unwrap().text().trim().to_string()
        };
        // ends of February in years of every kind, and a few odd seconds
        for seconds in [
            0,
            951_782_399,
            951_782_400,
            1_709_164_800,
            1_709_251_199,
            4_107_542_399,
            4_107_542_400,
            60 * day - 1,
        ] {
            assert_eq!(stamp(seconds), output(seconds));
        }
    }

    #[test]
    fn a_boot_has_an_id() {
        assert_eq!(boot().len(), 36);
        assert_eq!(boot(), boot());
    }
}
