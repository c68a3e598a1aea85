//! What apt-get writes to `APT::Status-Fd` (apt's README.progress-reporting).

use std::collections::BTreeSet;

/// One line of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// Percent of all that is to be downloaded.
    Download { percent: f32, text: String },
    /// Percent of all that dpkg has to do.
    Install { package: String, percent: f32, text: String },
    /// dpkg could not work on a package.
    Error { package: String, text: String },
    /// A configuration file that both the owner and the new package have changed.
    Conffile { package: String, text: String },
}

/// None for a line that is none of these.
pub fn parse(line: &str) -> Option<Status> {
    let (kind, rest) = line.trim_end().split_once(':')?;
    let (package, percent, text) = fields(rest)?;
    let (package, text) = (package.to_owned(), text.to_owned());
    match kind {
        "dlstatus" => Some(Status::Download { percent, text }),
        "pmstatus" => Some(Status::Install { package, percent, text }),
        "pmerror" => Some(Status::Error { package, text }),
        "pmconffile" => Some(Status::Conffile { package, text }),
        _ => None,
    }
}

/// `name:percent:text`, where the name may hold a colon and an architecture, and the text anything.
fn fields(rest: &str) -> Option<(&str, f32, &str)> {
    let mut from = 0;
    loop {
        let colon = from + rest[from..].find(':')?;
        let after = &rest[colon + 1..];
        let (number, text) = after.split_once(':')?;
        match number.parse::<f32>() {
            Ok(percent) if percent.is_finite() => {
                return Some((&rest[..colon], percent.clamp(0.0, 100.0), text));
            }
            _ => from = colon + 1,
        }
    }
}

/// Numbers the packages that dpkg comes to: `Configuring tree, package 3 of 12`. Each is unpacked once and configured once.
#[derive(Debug, Default)]
pub struct Count {
    /// 0: nobody knows.
    of: usize,
    unpacked: BTreeSet<String>,
    configured: BTreeSet<String>,
}

impl Count {
    pub fn new(of: usize) -> Count {
        Count { of, ..Count::default() }
    }

    /// apt's words for what is done with the package, with its number.
    pub fn say(&mut self, package: &str, text: &str) -> String {
        // apt adds the architecture, which tells an owner nothing
        let text = text.strip_suffix(')').and_then(|t| t.rsplit_once(" (")).map_or(text, |(t, _)| t);
        let seen = match text.split(' ').next() {
            Some("Unpacking") => &mut self.unpacked,
            Some("Configuring") => &mut self.configured,
            _ => return text.to_owned(),
        };
        seen.insert(package.to_owned());
        match seen.len() {
            number if number <= self.of => format!("{text}, package {number} of {}", self.of),
            _ => text.to_owned(),
        }
    }
}

/// Download and installation as one way from 0 to 100: a quarter for the download, when there is one.
#[derive(Debug, Default)]
pub struct Way {
    downloads: bool,
    nothing_follows: bool,
    at: f32,
}

impl Way {
    /// A download and no more.
    pub fn of_download() -> Self {
        Way { nothing_follows: true, ..Way::default() }
    }

    /// The percent to show; it never goes back.
    pub fn percent(&mut self, status: &Status) -> f32 {
        let percent = match status {
            Status::Download { percent, .. } => {
                self.downloads = true;
                if self.nothing_follows { *percent } else { percent * 0.25 }
            }
            Status::Install { percent, .. } if self.downloads => 25.0 + percent * 0.75,
            Status::Install { percent, .. } => *percent,
            Status::Error { .. } | Status::Conffile { .. } => self.at,
        };
        self.at = self.at.max(percent);
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_real_run_is_understood_and_goes_forward() {
        let mut way = Way::default();
        let mut last = 0.0;
        for line in include_str!("../testdata/status-fd.txt").lines() {
            let status = parse(line).unwrap_or_else(|| panic!("{line}"));
            let percent = way.percent(&status);
            assert!(percent >= last && percent <= 100.0);
            last = percent;
        }
        assert!(last > 90.0, "{last}");
    }

    #[test]
    fn errors_and_colons() {
        let error =
            parse("pmerror:libc6:amd64:33.3333:installed post-installation script: status 1").unwrap();
        let text = "installed post-installation script: status 1".to_string();
        assert_eq!(error, Status::Error { package: "libc6:amd64".into(), text });
        assert!(matches!(
            parse("pmconffile:/etc/x:10.0:'/etc/x' '/etc/x.dpkg-new' 1 1"),
            Some(Status::Conffile { .. })
        ));
        assert_eq!(parse("media-change:/media/cdrom:Debian:Insert"), None);
    }

    #[test]
    fn packages_are_numbered_as_they_come() {
        let mut count = Count::new(2);
        for (package, text, expect) in [
            ("dpkg-exec", "Running dpkg", "Running dpkg"),
            ("a", "Unpacking a (amd64)", "Unpacking a, package 1 of 2"),
            ("b", "Unpacking b (all)", "Unpacking b, package 2 of 2"),
            ("a", "Configuring a (amd64)", "Configuring a, package 1 of 2"),
            ("a", "Configuring a (amd64)", "Configuring a, package 1 of 2"),
            ("b", "Configuring b (all)", "Configuring b, package 2 of 2"),
            ("c", "Configuring c (all)", "Configuring c"),
        ] {
            assert_eq!(count.say(package, text), expect);
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_panic(line in "(dlstatus|pmstatus|pmerror)?.{0,80}") {
            parse(&line);
        }
    }
}
