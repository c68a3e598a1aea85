//! Sizes, times and lines from elsewhere, written for a person's eyes.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// `2026-11-23T07:42:25Z` of seconds since 1970.
pub fn iso(seconds: u64) -> String {
    let (year, month, day) = civil(seconds / 86_400);
    let (h, m, s) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}Z")
}

/// `23 Nov 2026, 07:42 UTC`
pub fn date(seconds: u64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (year, month, day) = civil(seconds / 86_400);
    let name = MONTHS.get(month as usize - 1).copied().unwrap_or("?");
    format!("{day} {name} {year}, {:02}:{:02} UTC", seconds / 3600 % 24, seconds / 60 % 60)
}

/// Days since 1970 as year, month and day of the Gregorian calendar
/// (algorithm `civil_from_days` of H. Hinnant, "chrono-compatible low-level date algorithms").
pub(crate) fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let doe = z % 146_097;
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + u64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

/// `Firefox on Linux`, of what a browser says of itself (User-Agent): enough to know one's own again.
pub fn browser(agent: &str) -> String {
    let first = |known: &[(&str, &str)]| {
        known.iter().find(|(part, _)| agent.contains(part)).map(|(_, name)| (*name).to_owned())
    };
    // each of these names those behind it, too
    let program = first(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    match (program, system) {
        (Some(program), Some(system)) => format!("{program} on {system}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => harmless(agent.split(' ').next().unwrap_or_default()).chars().take(40).collect(),
    }
}

/// `1.4 GB`: decimal units, as disks and apt count.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let (mut value, mut unit) = (bytes as f64 / 1000.0, 0);
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let unit = UNITS[unit];
    if value < 9.95 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

/// Where a package comes from, as people say it: `Debian:13.2/stable, Debian-Security:13/stable-security` (apt's words)
/// becomes `Debian 13, Debian 13 security`.
pub fn origin(raw: &str) -> String {
    let mut said: Vec<String> = vec![];
    for one in raw.split(", ").filter(|one| !one.is_empty()) {
        let one = one_origin(one);
        if !said.contains(&one) {
            said.push(one);
        }
    }
    harmless(&said.join(", "))
}

/// `Label:Version/Suite`, where the version may be missing.
fn one_origin(raw: &str) -> String {
    let (label, rest) = raw.split_once(':').unwrap_or((raw, ""));
    let (version, suite) = match rest.split_once('/') {
        Some(parts) => parts,
        None if rest.starts_with(|c: char| c.is_ascii_digit()) => (rest, ""),
        None => ("", rest),
    };
    let debian = label == "Debian" || label.starts_with("Debian-") || label.starts_with("Debian ");
    let (name, version) = match debian {
        // a point release is no release of its own
        true => ("Debian", version.split(['.', '-']).next().unwrap_or_default()),
        false => (label, version),
    };
    // of `stable-security`, `trixie-updates`: what makes it another one than the release itself
    let part = suite.split_once('-').map(|(_, part)| part.replace('-', " "));
    let part = part.or_else(|| label.ends_with("-Security").then(|| "security".to_owned()));
    [name, version, &part.unwrap_or_default()]
        .into_iter()
        .filter(|w| !w.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Percent-encoding for a part of a link (RFC 3986, section 2.1).
pub fn percent(text: &str) -> String {
    let safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    text.bytes().map(|b| if safe(b) { (b as char).to_string() } else { format!("%{b:02X}") }).collect()
}

/// `3 days, 4 h`, `12 min`, `41 s`: the two largest units at most.
pub fn span(seconds: u64) -> String {
    let (d, h, m, s) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let days = if d == 1 { "1 day".to_owned() } else { format!("{d} days") };
    match (d, h, m) {
        (0, 0, 0) => format!("{s} s"),
        (0, 0, _) if m < 5 && s > 0 => format!("{m} min {s} s"),
        (0, 0, _) => format!("{m} min"),
        (0, _, 0) => format!("{h} h"),
        (0, _, _) => format!("{h} h {m} min"),
        (_, 0, _) => days,
        _ => format!("{days}, {h} h"),
    }
}

/// `just now`, `12 min ago`, `3 days ago`: one unit.
pub fn ago(then: u64, now: u64) -> String {
    let gone = now.saturating_sub(then);
    let plural = |n: u64, word: &str| format!("{n} {word}{} ago", if n == 1 { "" } else { "s" });
    match gone {
        0..60 => "just now".into(),
        60..3600 => format!("{} min ago", gone / 60),
        3600..86_400 => plural(gone / 3600, "hour"),
        _ => plural(gone / 86_400, "day"),
    }
}

/// Each line harmless.
pub fn lines(text: &str) -> String {
    text.split('\n').map(harmless).collect::<Vec<_>>().join("\n")
}

/// A line of somebody else's output, made harmless: terminal escape sequences go (ECMA-48: CSI, OSC and the like), what a
/// carriage return overwrites goes, and characters that a reader cannot see or that turn the writing direction
/// (Unicode TR 36) become `\u{fffd}`.
pub fn harmless(line: &str) -> String {
    let line = line.trim_end_matches(['\r', '\n']);
    let line = line.rsplit('\r').next().unwrap_or(line);
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.next() {
                Some('[') => skip(&mut chars, |c| ('\u{40}'..='\u{7e}').contains(&c)),
                Some(']' | 'P' | 'X' | '^' | '_') => {
                    skip(&mut chars, |c| matches!(c, '\u{7}' | '\u{9c}' | '\\'))
                }
                Some('(' | ')' | '#' | ' ' | '%') => drop(chars.next()),
                _ => {}
            },
            '\u{9b}' => skip(&mut chars, |c| ('\u{40}'..='\u{7e}').contains(&c)),
            '\t' => out.push('\t'),
            c if c.is_control() => {}
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{feff}' => {
                out.push('\u{fffd}')
            }
            c => out.push(c),
        }
    }
    out
}

fn skip(chars: &mut impl Iterator<Item = char>, end: impl Fn(char) -> bool) {
    for c in chars {
        if end(c) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_what_people_say() {
        for (raw, expect) in [
            ("Debian:13.2/stable", "Debian 13"),
            ("Debian-Security:13/stable-security", "Debian 13 security"),
            ("Debian:13.2/stable, Debian-Security:13/stable-security", "Debian 13, Debian 13 security"),
            ("Debian:13-updates/stable-updates", "Debian 13 updates"),
            ("Debian Backports:13-backports/stable-backports", "Debian 13 backports"),
            ("Debian:12.11/oldstable, Debian:12.11/oldstable", "Debian 12"),
            ("Virtual Appliance Tools:stable", "Virtual Appliance Tools"),
            ("Virtual Appliance Tools:1.0/stable", "Virtual Appliance Tools 1.0"),
            ("Ubuntu:24.04/noble-security", "Ubuntu 24.04 security"),
            ("Example", "Example"),
            ("", ""),
        ] {
            assert_eq!(origin(raw), expect, "{raw}");
        }
    }

    #[test]
    fn times_and_sizes() {
        for (seconds, expect) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_419_745, "2026-11-23T07:42:25Z"),
            (4_102_444_799, "2099-12-31T23:59:59Z"),
        ] {
            assert_eq!(iso(seconds), expect);
        }
        assert_eq!(date(1_795_419_745), "23 Nov 2026, 07:42 UTC");
        for (bytes, expect) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (9_960, "10 kB"),
            (999_600, "1.0 MB"),
            (1_400_000_000, "1.4 GB"),
        ] {
            assert_eq!(size(bytes), expect);
        }
        for (seconds, expect) in
            [(41, "41 s"), (65, "1 min 5 s"), (3600, "1 h"), (90_000, "1 day, 1 h"), (200_000, "2 days, 7 h")]
        {
            assert_eq!(span(seconds), expect);
        }
        assert_eq!(ago(0, 59), "just now");
        assert_eq!(ago(0, 3_700), "1 hour ago");
        assert_eq!(ago(10, 5), "just now");
    }

    #[test]
    fn a_hostile_line_is_only_text() {
        for (line, expect) in [
            ("plain\ttext", "plain\ttext"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;http://evil\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{9b}2Jx", "x"),
            ("10%\r20%\r30%\r", "30%"),
            ("a\u{0}b\u{8}c", "abc"),
            ("user\u{202e}txt.exe", "user\u{fffd}txt.exe"),
            ("cut \u{1b}[3", "cut "),
            ("<script>", "<script>"),
        ] {
            assert_eq!(harmless(line), expect, "{line:?}");
        }
    }
}
