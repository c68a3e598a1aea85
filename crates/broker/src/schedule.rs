//! When the machine goes down: a timer of systemd, which outlives the page, the broker and the upgrade of both.
//!
//! It is not the one of shutdown(8): systemd-logind's needs D-Bus, is forgotten by the logind of Debian 12 when that restarts, and takes the
//! machine down in the middle of whatever runs. Ours asks the broker for a restart as root does, and waits while something is in
//! the way. One that was set with shutdown(8) is shown, and taken back, too. After a restart nothing is scheduled.

use crate::{
    handle::{broken, refusal, short},
    machine::clock,
    state::{self, State},
    tasks::record::boot,
};
use broker_protocol::{
    Power, Reason, Refusal, Scheduled, When, Work,
    machine::{FURTHEST, is_day, is_time},
};
use exec::Program;
use serde::{Deserialize, Serialize};
use std::{
    fs,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The timer, and the service that it starts.
const UNIT: &str = "appliance-schedule";
/// systemd-logind keeps there what shutdown(8) has scheduled.
const LOGIND: &str = "/run/systemd/shutdown/scheduled";
/// Two who order something at once do so one after the other.
static TURN: Mutex<()> = Mutex::new(());
const TIMEOUT: Duration = Duration::from_secs(30);

/// Who asked for what. Whether it is still so, the timer says.
#[derive(Serialize, Deserialize)]
struct Kept {
    what: Power,
    at: u64,
    by: String,
    boot: String,
}

pub fn look(state: &State) -> Option<Scheduled> {
    let kept = kept(state).filter(|_| lives()).map(|kept| (kept.what, kept.at, kept.by));
    let (what, at, by) = kept.or_else(|| {
        let (what, at) = logind(&fs::read_to_string(LOGIND).ok()?)?;
        Some((what, at, "shutdown(8)".to_owned()))
    })?;
    Some(Scheduled { what, at, local: clock::local(Some(at)), by })
}

/// Who scheduled this work, when its time has come.
pub fn due(state: &State, work: &Work) -> Option<String> {
    let what = match work {
        Work::Restart {} => Power::Restart,
        Work::Shutdown {} => Power::Shutdown,
        _ => return None,
    };
    kept(state)
        .filter(|kept| kept.what == what && kept.at <= state::now() + 1)
        .map(|kept| format!("{}, scheduled", kept.by))
}

pub fn set(state: &State, what: Power, when: &When, by: &str) -> Result<Scheduled, Refusal> {
    let at = moment(when)?;
    let kept = Kept { what, at, by: by.into(), boot: boot() };
    let program = Program::new("systemd-run")
        .args(["--quiet", "--collect", "--no-ask-password"])
        .arg(format!("--unit={UNIT}"))
        .arg(format!("--description=Scheduled {}", what.as_str()))
        // systemd.time(7): seconds since 1970
        .arg(format!("--on-calendar=@{at}"))
        .args(["--timer-property=AccuracySec=1s", "--timer-property=RemainAfterElapse=no"])
        .args(["--", "/usr/bin/appliance-control", what.as_str(), "--patient"]);
    instead(state, &kept, || stop(state), || run(&program))?;
    look(state).ok_or_else(|| {
        refusal(Reason::Failed, "The system manager has taken the order, and does not show its timer.".into())
    })
}

/// In place of what was there, which `stop` ends. What is written down has a timer.
fn instead(
    state: &State,
    kept: &Kept,
    stop: impl FnOnce() -> Result<(), Refusal>,
    start: impl FnOnce() -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    stop()?;
    let text = serde_json::to_vec(kept).map_err(|e| broken(e.into()))?;
    // before the timer, whose service asks for it
    state::write(&state.schedule(), &text).map_err(broken)?;
    start().inspect_err(|_| {
        let _ = fs::remove_file(state.schedule());
    })
}

/// Nothing is scheduled afterwards.
pub fn cancel(state: &State) -> Result<(), Refusal> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    stop(state)
}

fn stop(state: &State) -> Result<(), Refusal> {
    if lives() {
        let units = [format!("{UNIT}.timer"), format!("{UNIT}.service")];
        // not there any more is as good
        let stop = Program::new("systemctl").args(["--no-ask-password", "stop", "--"]).args(units);
        if let Err(error) = stop.timeout(TIMEOUT).output() {
            return Err(refused(&error.to_string()));
        }
        if lives() {
            return Err(refused("the timer is still there"));
        }
    }
    if fs::exists(LOGIND).unwrap_or(false) {
        run(&Program::new("shutdown").arg("-c"))?;
    }
    match fs::remove_file(state.schedule()) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(broken(e)),
        _ => Ok(()),
    }
}

fn kept(state: &State) -> Option<Kept> {
    let kept: Kept = serde_json::from_slice(&fs::read(state.schedule()).ok()?).ok()?;
    (kept.boot == boot()).then_some(kept)
}

/// Whether the timer waits, or what it has started waits for others.
fn lives() -> bool {
    let units = [format!("{UNIT}.timer"), format!("{UNIT}.service")];
    let show = Program::new("systemctl").args(["show", "--property=ActiveState", "--"]).args(units);
    let shown = show.timeout(TIMEOUT).output().map(|o| o.text()).unwrap_or_default();
    shown.lines().any(|line| matches!(line, "ActiveState=active" | "ActiveState=activating"))
}

/// What, and seconds since 1970. The file is lines of NAME=VALUE.
fn logind(text: &str) -> Option<(Power, u64)> {
    let get = |name: &str| text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix('='));
    let what = match get("MODE")? {
        "reboot" | "kexec" | "soft-reboot" => Power::Restart,
        _ => Power::Shutdown,
    };
    Some((what, get("USEC")?.parse::<u64>().ok()? / 1_000_000))
}

/// Seconds since 1970.
fn moment(when: &When) -> Result<u64, Refusal> {
    let now = state::now();
    let invalid = |why: String| Err(refusal(Reason::Invalid, why));
    let at = match when {
        When::Minutes(minutes) => now + u64::from(*minutes) * 60,
        When::At(text) if is_time(text) => match date(text) {
            Some(today) if today > now => today,
            _ => date(&format!("tomorrow {text}")).unwrap_or(0),
        },
        When::At(text) if text.split_once(' ').is_some_and(|(day, time)| is_day(day) && is_time(time)) => {
            date(text).unwrap_or(0)
        }
        When::At(text) => {
            let message = format!("“{}” is no time: write 03:30, or 2026-11-24 03:30.", short(text));
            return invalid(message);
        }
    };
    if at == 0 {
        return invalid("There is no such time in the machine's time zone: its clocks are changed then, or the day does not exist.".into());
    }
    if at <= now {
        return invalid("That time is over.".into());
    }
    if at > now + u64::from(FURTHEST) * 60 {
        return invalid(format!("That is too far ahead: at most {} days.", FURTHEST / 1440));
    }
    Ok(at)
}

/// The machine's own time as seconds since 1970. The text was checked: date(1) understands more than times.
fn date(text: &str) -> Option<u64> {
    let program = Program::new("date").arg(format!("--date={text}")).arg("+%s").timeout(TIMEOUT);
    program.output().ok().filter(|o| o.success())?.text().trim().parse().ok()
}

fn run(program: &Program) -> Result<(), Refusal> {
    match program.clone().timeout(TIMEOUT).output() {
        Ok(output) if output.success() => Ok(()),
        Ok(output) => Err(refused(&output.tail(2).join(" "))),
        Err(error) => Err(refused(&error.to_string())),
    }
}

fn refused(why: &str) -> Refusal {
    let why = why.trim_end_matches('.');
    refusal(Reason::Failed, format!("The system manager did not take the order: {why}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::mpsc, thread};

    #[test]
    fn a_time_is_the_next_one_and_only_a_time() {
        let now = state::now();
        let at = |text: &str| moment(&When::At(text.into()));
        for text in ["00:00", "12:34", "23:59"] {
            let moment = at(text).unwrap();
            // a day in which clocks are changed has another hour
            assert!(moment > now && moment <= now + 25 * 3600, "{text}");
        }
        assert_eq!(moment(&When::Minutes(10)).unwrap() / 10, (now + 600) / 10);
        for bad in [
            "",
            "now",
            "3:30",
            "03:30; reboot",
            "tomorrow 03:30",
            "@0",
            "2026-02-30 03:30",
            "1999-01-01 03:30",
            "9999-01-01 03:30",
        ] {
            assert_eq!(at(bad).unwrap_err().reason, Reason::Invalid, "{bad}");
        }
        assert!(moment(&When::Minutes(0)).is_err() && moment(&When::Minutes(FURTHEST + 1)).is_err());
    }

    #[test]
    fn one_at_a_time_and_nothing_without_a_timer() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path().join("state")).unwrap();
        let order = |by: &str, start: &dyn Fn() -> Result<(), Refusal>| {
            let kept = Kept { what: Power::Restart, at: 1, by: by.into(), boot: boot() };
            instead(&state, &kept, || Ok(()), start)
        };
        assert!(order("nobody", &|| Err(refused("full"))).is_err());
        assert!(!state.schedule().exists());
        // the second begins while the first has written it down and waits for the timer
        let (begun, wait) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                order("first", &|| {
                    begun.send(()).unwrap();
                    thread::yield_now();
                    assert!(TURN.try_lock().is_err());
                    assert_eq!(kept(&state).unwrap().by, "first");
                    Ok(())
                })
                .unwrap();
            });
            wait.recv().unwrap();
            order("second", &|| Ok(())).unwrap();
        });
        assert_eq!(kept(&state).unwrap().by, "second");
    }

    #[test]
    fn what_shutdown_has_scheduled_is_understood() {
        let text = "USEC=1764000000000000\nWARN_WALL=1\nMODE=reboot\nUID=0\n";
        assert_eq!(logind(text), Some((Power::Restart, 1_764_000_000)));
        assert_eq!(logind("USEC=1000000\nMODE=poweroff\n"), Some((Power::Shutdown, 1)));
        assert_eq!(logind(""), None);
    }
}
