//! Every run of the package manager on this machine, whoever started it: apt's own logs, and dpkg's for what was done without apt.
//! Times are the machine's own, as the logs have them (`2026-11-23 08:20:11`).

use flate2::read::GzDecoder;
use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

/// Bytes of one log that are read: of the one in use its end, of an old one, unpacked, its beginning.
const LIMIT: u64 = 16 << 20;
/// Runs that are told: the newest.
const RUNS: usize = 2000;
/// Lines of one run's output that are told: the last.
const LINES: usize = 500;

/// One run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// `20261123-082011`, with `-2` and so on for more in one second.
    pub id: String,
    pub start: String,
    /// None when it was broken off, or runs.
    pub end: Option<String>,
    /// As it was called; `dpkg` where dpkg was called without apt.
    pub command: String,
    /// The user who asked through sudo, as apt writes it: `ada (1000)`.
    pub by: Option<String>,
    pub changes: Vec<Change>,
    pub error: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub what: What,
    pub name: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Installed,
    Updated,
    Downgraded,
    Removed,
}

/// All runs, the newest first, from the logs below `log` (`/var/log`).
pub fn runs(log: &Path) -> Vec<Run> {
    let mut runs: Vec<Run> =
        rotated(&log.join("apt"), "history.log").iter().flat_map(|p| of_apt(&text(p))).collect();
    let dpkg: String = rotated(log, "dpkg.log").iter().rev().map(|p| text(p)).collect();
    let mut by_hand = of_dpkg(&dpkg);
    let apts = |run: &Run| {
        runs.iter().any(|apt| apt.start <= run.start && *apt.end.as_ref().unwrap_or(&apt.start) >= run.start)
    };
    by_hand.retain(|run| !apts(run));
    runs.extend(by_hand);
    runs.sort_by(|a, b| b.start.cmp(&a.start));
    runs.truncate(RUNS);
    name(&mut runs);
    runs
}

/// What apt showed during the run that began then; empty when its log is gone, and for what was done without apt.
pub fn output(log: &Path, start: &str) -> Vec<String> {
    for path in rotated(&log.join("apt"), "term.log") {
        let text = text(&path);
        let mut lines = text
            .lines()
            .skip_while(|line| line.strip_prefix("Log started: ").is_none_or(|at| plain(at) != start));
        if lines.next().is_none() {
            continue;
        }
        let all: Vec<String> =
            lines.take_while(|line| !line.starts_with("Log ended: ")).map(str::to_owned).collect();
        return all[all.len().saturating_sub(LINES)..].to_vec();
    }
    vec![]
}

/// The log and what logrotate has made of it, the newest first.
fn rotated(folder: &Path, name: &str) -> Vec<PathBuf> {
    let number = |path: &PathBuf| {
        let rest = path.file_name()?.to_str()?.strip_prefix(name)?;
        let rest = rest.strip_suffix(".gz").unwrap_or(rest);
        if rest.is_empty() { Some(0) } else { rest.strip_prefix('.')?.parse::<u32>().ok() }
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path());
    let mut found: Vec<(u32, PathBuf)> = entries.filter_map(|p| Some((number(&p)?, p))).collect();
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

/// A log that cannot be read has nothing to tell.
fn text(path: &Path) -> String {
    let mut bytes = vec![];
    if let Ok(mut file) = File::open(path) {
        let before = file.metadata().map_or(0, |m| m.len()).saturating_sub(LIMIT);
        let _ = match path.extension().is_some_and(|e| e == "gz") {
            true => GzDecoder::new(file).take(LIMIT).read_to_end(&mut bytes),
            false => {
                file.seek(SeekFrom::Start(before)).and_then(|_| file.take(LIMIT).read_to_end(&mut bytes))
            }
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `2026-11-23  08:20:11` with one space.
fn plain(time: &str) -> String {
    time.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Paragraphs of history.log.
fn of_apt(text: &str) -> Vec<Run> {
    let mut runs = vec![];
    for paragraph in text.split("\n\n") {
        let mut run = Run::default();
        for line in paragraph.lines() {
            let Some((field, value)) = line.split_once(": ") else { continue };
            let what = match field {
                "Start-Date" => {
                    run.start = plain(value);
                    continue;
                }
                "End-Date" => {
                    run.end = Some(plain(value));
                    continue;
                }
                "Commandline" => {
                    run.command = value.into();
                    continue;
                }
                "Requested-By" => {
                    run.by = Some(value.into());
                    continue;
                }
                "Error" => {
                    run.error = Some(value.into());
                    continue;
                }
                "Install" | "Reinstall" => What::Installed,
                "Upgrade" => What::Updated,
                "Downgrade" => What::Downgraded,
                "Remove" | "Purge" => What::Removed,
                _ => continue,
            };
            run.changes.extend(changes(what, value));
        }
        if !run.start.is_empty() {
            runs.push(run);
        }
    }
    runs
}

/// `a:amd64 (1.0, 1.1), b:amd64 (2.0, automatic)`
fn changes(what: What, list: &str) -> Vec<Change> {
    list.split("), ")
        .filter_map(|item| {
            let (name, inside) = item.split_once(" (")?;
            let mut versions =
                inside.trim_end_matches(')').split(", ").filter(|v| *v != "automatic").map(str::to_owned);
            let (first, second) = (versions.next(), versions.next());
            let (from, to) = match what {
                What::Installed => (None, first),
                What::Removed => (first, None),
                What::Updated | What::Downgraded => (first, second),
            };
            Some(Change { what, name: name.into(), from, to })
        })
        .collect()
}

/// What dpkg.log has between one start of dpkg and the next.
fn of_dpkg(text: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = vec![];
    for line in text.lines() {
        let Some((time, rest)) = line.split_at_checked(19) else { continue };
        let words: Vec<&str> = rest.split_whitespace().collect();
        if words.first() == Some(&"startup") {
            runs.push(Run {
                start: time.into(),
                command: format!("dpkg ({})", words[1..].join(" ")),
                ..Run::default()
            });
            continue;
        }
        let Some(run) = runs.last_mut() else { continue };
        run.end = Some(time.into());
        let &[verb, name, from, to] = words.as_slice() else { continue };
        let what = match verb {
            "install" => What::Installed,
            "upgrade" => What::Updated,
            "remove" | "purge" => What::Removed,
            _ => continue,
        };
        let version = |v: &str| (v != "<none>").then(|| v.to_owned());
        let change = Change { what, name: name.into(), from: version(from), to: version(to) };
        // dpkg may say one thing twice: removed, then purged
        if run.changes.iter().all(|c| (c.what, &c.name) != (change.what, &change.name)) {
            run.changes.push(change);
        }
    }
    runs.retain(|run| !run.changes.is_empty());
    runs
}

fn name(runs: &mut [Run]) {
    let mut last = (String::new(), 0);
    // the oldest first, so that a name stays when newer ones come
    for run in runs.iter_mut().rev() {
        let digits: String = run.start.chars().filter(char::is_ascii_digit).collect();
        let base = match digits.split_at_checked(8) {
            Some((day, time)) => format!("{day}-{time}"),
            None => digits,
        };
        last = if last.0 == base { (base, last.1 + 1) } else { (base, 1) };
        run.id = if last.1 == 1 { last.0.clone() } else { format!("{}-{}", last.0, last.1) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    const HISTORY: &str = "\nStart-Date: 2026-11-23  07:42:40\nCommandline: apt-get install -y a\nRequested-By: ada (1000)\nInstall: a:amd64 (1.0-1), b:all (2, automatic)\nUpgrade: c:amd64 (1.0, 1.1)\nEnd-Date: 2026-11-23  07:42:56\n\n\
        Start-Date: 2026-11-24  08:00:00\nCommandline: /usr/bin/unattended-upgrade\nUpgrade: c:amd64 (1.1, 1.2)\nRemove: old:amd64 (3)\nError: Sub-process /usr/bin/dpkg returned an error code (1)\nEnd-Date: 2026-11-24  08:00:09\n";

    fn change(what: What, name: &str, from: Option<&str>, to: Option<&str>) -> Change {
        Change { what, name: name.into(), from: from.map(Into::into), to: to.map(Into::into) }
    }

    #[test]
    fn all_runs_are_found_whoever_began_them() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path();
        fs::create_dir(log.join("apt")).unwrap();
        let (older, newer) = HISTORY.split_at(HISTORY.find("Start-Date: 2026-11-24").unwrap());
        let mut gzip =
            GzEncoder::new(File::create(log.join("apt/history.log.1.gz")).unwrap(), Compression::new(1));
        gzip.write_all(older.as_bytes()).unwrap();
        gzip.finish().unwrap();
        fs::write(log.join("apt/history.log"), newer).unwrap();
        fs::write(
            log.join("apt/term.log"),
            "\nLog started: 2026-11-24  08:00:00\nSetting up c\r\nLog ended: 2026-11-24  08:00:09\n",
        )
        .unwrap();
        fs::write(
            log.join("dpkg.log"),
            "2026-11-23 07:42:41 startup archives unpack\n2026-11-23 07:42:42 install a:amd64 <none> 1.0-1\n\
             2026-11-23 09:00:00 startup archives install\n2026-11-23 09:00:00 upgrade d:all 1 2\n2026-11-23 09:00:01 status installed d:all 2\n\
             2026-11-23 09:00:05 startup packages configure\n",
        )
        .unwrap();
        let runs = runs(log);
        let ids: Vec<&str> = runs.iter().map(|r| r.id.as_str()).collect();
        assert_eq!(ids, ["20261124-080000", "20261123-090000", "20261123-074240"]);
        assert_eq!(
            runs[0].changes,
            [
                change(What::Updated, "c:amd64", Some("1.1"), Some("1.2")),
                change(What::Removed, "old:amd64", Some("3"), None)
            ]
        );
        assert!(runs[0].error.as_ref().unwrap().contains("error code"));
        assert_eq!(runs[1].changes, [change(What::Updated, "d:all", Some("1"), Some("2"))]);
        assert_eq!(runs[2].by.as_deref(), Some("ada (1000)"));
        assert_eq!(runs[2].changes[1], change(What::Installed, "b:all", None, Some("2")));
        assert_eq!(output(log, "2026-11-24 08:00:00"), ["Setting up c"]);
        assert!(output(log, "2026-11-23 07:42:40").is_empty());
        assert!(super::runs(Path::new("/nonexistent")).is_empty());
    }

    #[test]
    fn of_a_log_that_is_too_long_the_newest_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dpkg.log");
        let filler = "2026-11-22 00:00:00 status installed x:all 1\n".repeat(LIMIT as usize / 45 + 10);
        let last =
            "2026-11-24 08:00:00 startup archives unpack\n2026-11-24 08:00:00 install a:all <none> 1\n";
        fs::write(&path, filler + last).unwrap();
        assert!(fs::metadata(&path).unwrap().len() > LIMIT);
        assert_eq!(runs(folder.path())[0].changes, [change(What::Installed, "a:all", None, Some("1"))]);
    }

    #[test]
    fn two_runs_in_one_second_have_names_of_their_own() {
        let run = |start: &str| Run { start: start.into(), ..Run::default() };
        let mut runs = [run("2026-11-24 08:00:01"), run("2026-11-24 08:00:00"), run("2026-11-24 08:00:00")];
        name(&mut runs);
        assert_eq!(runs.map(|r| r.id), ["20261124-080001", "20261124-080000-2", "20261124-080000"]);
    }
}
