//! The dates of a Release file: RFC 2822, always UTC, as in `Sun, 22 Nov 2026 07:42:24 UTC`.

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY: u64 = 24 * 3600;

/// Writes seconds since 1970.
pub fn format(seconds: u64) -> String {
    let (days, rest) = (seconds / DAY, seconds % DAY);
    let (year, month, day) = civil(days);
    let (weekday, month) = (DAYS[(days % 7) as usize], MONTHS[month as usize - 1]);
    format!(
        "{weekday}, {day:02} {month} {year} {:02}:{:02}:{:02} UTC",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

/// Reads such a date; `None` when it is none.
pub fn parse(text: &str) -> Option<u64> {
    let (_, text) = text.split_once(", ")?;
    let parts: Vec<&str> = text.split_whitespace().collect();
    let [day, month, year, time, "UTC" | "GMT" | "+0000"] = parts[..] else { return None };
    let month = MONTHS.iter().position(|m| *m == month)? as u64 + 1;
    let (year, day) = (year.parse::<u64>().ok()?, day.parse::<u64>().ok()?);
    let time: Vec<u64> = time.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [hour, minute, second] = time[..] else { return None };
    let sound =
        (1970..9999).contains(&year) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    sound.then(|| days(year, month, day) * DAY + hour * 3600 + minute * 60 + second)
}

/// Days since 1970 to year, month and day (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year + u64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
}

fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let (era, of_era) = (year / 400, year % 400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_date() {
        for seconds in [0, 951_782_399, 951_868_800, 1_700_000_000, 4_102_444_799, 1_795_419_744] {
            let date =
                exec::Program::new("date").args(["-u", "-R", "-d", &format!("@{seconds}")]).run().unwrap();
            assert_eq!(format(seconds), date.text().trim().replace("+0000", "UTC"));
            assert_eq!(parse(&format(seconds)), Some(seconds));
        }
        assert_eq!((parse(""), parse("Sat, 99 Nov 2026 00:00:00 UTC")), (None, None));
    }
}
