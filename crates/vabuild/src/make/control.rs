//! Control paragraphs and the documents that every package carries.

use appliance::model::{Appliance, Package};
use deb::{Entry, Paragraph};
use flate2::{Compression, GzBuilder};
use std::io::Write;

/// What all packages of an appliance have in common. `Depends` and `Description` are the caller's.
pub fn of_appliance(appliance: &Appliance, package: &str, section: &str) -> Paragraph {
    let mut paragraph = Paragraph::new()
        .with("Package", package)
        .with("Version", &appliance.version)
        .with("Section", section)
        .with("Priority", "optional")
        .with("Architecture", "all")
        .with("Maintainer", &appliance.maintainer);
    if let Some(homepage) = &appliance.homepage {
        paragraph.set("Homepage", homepage);
    }
    paragraph
}

/// The paragraph of an ordinary package.
pub fn of_package(package: &Package) -> Paragraph {
    let mut paragraph = Paragraph::new()
        .with("Package", &package.name)
        .with("Version", &package.version)
        .with("Section", &package.section)
        .with("Priority", "optional")
        .with("Architecture", &package.architecture)
        .with("Maintainer", &package.maintainer);
    if let Some(homepage) = &package.homepage {
        paragraph.set("Homepage", homepage);
    }
    for (field, relations) in [("Depends", &package.depends), ("Recommends", &package.recommends)] {
        if !relations.is_empty() {
            paragraph.set(field, relations.join(", "));
        }
    }
    paragraph.set("Description", description(&package.summary, &package.description));
    paragraph
}

/// The field `Description`: a synopsis and a text whose paragraphs are parted by empty lines. Lines too long for a terminal
/// are broken; one that begins with a blank is shown as it is (Policy 5.6.13).
pub fn description(synopsis: &str, text: &str) -> String {
    let mut field = synopsis.lines().collect::<Vec<_>>().join(" ");
    for line in text.trim().lines() {
        for piece in wrap(line, 78) {
            field.push('\n');
            field.push_str(&piece);
        }
    }
    field
}

fn wrap(line: &str, width: usize) -> Vec<String> {
    if line.chars().count() <= width || line.starts_with(char::is_whitespace) {
        return vec![line.trim_end().to_owned()];
    }
    let mut pieces = vec![String::new()];
    for word in line.split_whitespace() {
        let last = pieces.last().map_or(0, |piece| piece.chars().count());
        match pieces.last_mut() {
            Some(piece) if last > 0 && last + 1 + word.chars().count() <= width => {
                *piece += &format!(" {word}")
            }
            Some(piece) if last == 0 => *piece += word,
            _ => pieces.push(word.to_owned()),
        }
    }
    pieces
}

/// Copyright and changelog, where Policy 12.5 and 12.7 want them. `date`: seconds since 1970.
pub fn documents(paragraph: &Paragraph, copyright: Vec<u8>, change: &str, date: u64) -> Vec<Entry> {
    let field = |name| paragraph.get(name).unwrap_or_default();
    let (package, version) = (field("Package"), field("Version"));
    let changelog = format!(
        "{package} ({version}) unstable; urgency=medium\n\n  * {change}\n\n -- {}  {}\n",
        field("Maintainer"),
        rfc2822(date)
    );
    // a version without a revision is a native package's, whose changelog has the plain name
    let name = if version.contains('-') { "changelog.Debian.gz" } else { "changelog.gz" };
    let folder = format!("/usr/share/doc/{package}");
    vec![
        Entry::bytes(format!("{folder}/copyright"), copyright, 0o644),
        Entry::bytes(format!("{folder}/{name}"), gzip(changelog.as_bytes()), 0o644),
    ]
}

/// lintian's overrides, each below its reason: pairs of a tag and why it does not apply. Nothing when there are none.
pub fn overrides<'a>(package: &str, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Entry> {
    let mut text = String::new();
    for (tag, reason) in tags {
        for line in reason.lines() {
            text += &format!("# {line}\n");
        }
        text += &format!("{package}: {}\n", tag.lines().next().unwrap_or_default());
    }
    (!text.is_empty()).then(|| Entry::bytes(format!("/usr/share/lintian/overrides/{package}"), text, 0o644))
}

/// The year of a time in seconds since 1970.
pub fn year(seconds: u64) -> String {
    rfc2822(seconds).split(' ').nth(3).unwrap_or_default().to_owned()
}

/// As `gzip -9n`: no name and no time in it.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    // 3: Unix, what gzip writes
    let mut writer = GzBuilder::new().mtime(0).operating_system(3).write(vec![], Compression::best());
    // writing into memory does not fail
    let _ = writer.write_all(bytes);
    writer.finish().unwrap_or_default()
}

/// `Thu, 01 Jan 2026 00:00:00 +0000`
fn rfc2822(seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let days = seconds / 86_400;
    // civil-from-days: years are counted from March, so that the leap day is a year's last
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year_of_era + u64::from(month >= 10);
    format!(
        "{}, {day:02} {} {year} {:02}:{:02}:{:02} +0000",
        DAYS[(days % 7) as usize],
        MONTHS[((month + 2) % 12) as usize],
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_date() {
        for seconds in [0, 951_782_400, 1_767_225_600, 4_107_542_399] {
            let date =
                exec::Program::new("date").args(["-u", "-R", "-d"]).arg(format!("@{seconds}")).run().unwrap();
            assert_eq!(rfc2822(seconds), date.text().trim());
        }
    }

    #[test]
    fn gzip_is_read_by_gzip_and_has_no_time() {
        let bytes = gzip(b"hello");
        assert_eq!(bytes[..10], [31, 139, 8, 0, 0, 0, 0, 0, 2, 3]);
        assert_eq!(exec::Program::new("gzip").arg("-dc").stdin(bytes).run().unwrap().text(), "hello");
    }

    #[test]
    fn long_lines_of_a_description_are_broken() {
        let text = description("short", &format!("{}\n\n verbatim {}", "word ".repeat(40), "x".repeat(90)));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "short");
        assert!(lines[1..4].iter().all(|line| line.len() <= 78));
        assert_eq!(lines[4], "");
        assert!(lines[5].starts_with(" verbatim xxx"));
    }
}
