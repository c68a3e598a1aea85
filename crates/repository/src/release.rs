//! The Release file: what a repository says of itself, and the hash of every index.

use crate::{COMPONENT, Settings, VALID_FOR, date};
use deb::Paragraph;
use std::{collections::BTreeSet, time::Duration};

/// A Release file, read or about to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    pub origin: String,
    pub label: String,
    pub suite: String,
    pub codename: String,
    pub description: Option<String>,
    /// Seconds since 1970.
    pub date: u64,
    /// Seconds since 1970; apt refuses the repository afterwards.
    pub valid_until: Option<u64>,
    pub architectures: BTreeSet<String>,
    pub indices: Vec<Index>,
}

/// An index, its path relative to the Release file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    pub path: String,
    pub size: u64,
    pub sha256: String,
}

impl Release {
    /// What is to be said next: the settings, where they are silent the published Release, else the defaults.
    pub fn next(settings: &Settings, published: Option<&Release>, now: u64) -> Release {
        let suite = settings.suite.clone();
        let keep = |given: &Option<String>, field: fn(&Release) -> &String, default: &str| {
            given.clone().unwrap_or_else(|| published.map_or(default.into(), |p| field(p).clone()))
        };
        let lasting =
            published.and_then(|p| Some(Duration::from_secs(p.valid_until?.saturating_sub(p.date))));
        let valid_for = settings.valid_for.or(lasting).unwrap_or(VALID_FOR);
        let mut architectures: BTreeSet<String> = settings.architectures.iter().cloned().collect();
        architectures.extend(published.iter().flat_map(|p| p.architectures.iter().cloned()));
        Release {
            origin: keep(&settings.origin, |p| &p.origin, &suite),
            label: keep(&settings.label, |p| &p.label, &suite),
            codename: keep(&settings.codename, |p| &p.codename, &suite),
            description: settings
                .description
                .clone()
                .or_else(|| published.and_then(|p| p.description.clone())),
            suite,
            date: now,
            valid_until: Some(now.saturating_add(valid_for.as_secs())),
            architectures,
            indices: vec![],
        }
    }

    pub fn parse(text: &str) -> Result<Release, String> {
        let paragraph = Paragraph::parse(text).map_err(|e| e.to_string())?;
        let field = |name: &str| paragraph.get(name).unwrap_or_default().to_string();
        let date = |name: &str| {
            paragraph
                .get(name)
                .map(|text| date::parse(text).ok_or_else(|| format!("the field {name} is no date: `{text}`")))
        };
        let index = |line: &str| {
            let mut parts = line.split_whitespace().map(str::to_string);
            let (sha256, size, path) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
            let sound = sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit());
            let inside = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
            (sound && inside).then_some(Index { path, size, sha256 })
        };
        let lines =
            paragraph.get("SHA256").unwrap_or_default().lines().filter(|line| !line.trim().is_empty());
        let indices =
            lines.map(|line| index(line).ok_or_else(|| format!("`{}` names no index", line.trim())));
        Ok(Release {
            origin: field("Origin"),
            label: field("Label"),
            suite: field("Suite"),
            codename: field("Codename"),
            description: paragraph.get("Description").map(str::to_string),
            date: date("Date").transpose()?.ok_or("the field Date is missing")?,
            valid_until: date("Valid-Until").transpose()?,
            architectures: field("Architectures").split_whitespace().map(str::to_string).collect(),
            indices: indices.collect::<Result<_, _>>()?,
        })
    }

    pub fn text(&self) -> String {
        let mut paragraph = Paragraph::new()
            .with("Origin", &self.origin)
            .with("Label", &self.label)
            .with("Suite", &self.suite)
            .with("Codename", &self.codename)
            .with("Date", date::format(self.date));
        if let Some(valid_until) = self.valid_until {
            paragraph.set("Valid-Until", date::format(valid_until));
        }
        paragraph.set("Acquire-By-Hash", "yes");
        // packages for all architectures are in every index, so that there is one index to fetch
        paragraph.set("No-Support-for-Architecture-all", "Packages");
        paragraph.set(
            "Architectures",
            self.architectures.iter().map(String::as_str).collect::<Vec<_>>().join(" "),
        );
        paragraph.set("Components", COMPONENT);
        if let Some(description) = &self.description {
            paragraph.set("Description", description);
        }
        let line = |index: &Index| format!("\n {} {:>9} {}", index.sha256, index.size, index.path);
        paragraph.set("SHA256", self.indices.iter().map(line).collect::<String>());
        paragraph.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_as_it_was_written_and_carries_on() {
        let settings = Settings {
            origin: Some("Example".into()),
            valid_for: Some(Duration::from_secs(100)),
            architectures: vec!["arm64".into()],
            ..Settings::default()
        };
        let mut release = Release::next(&settings, None, 1_700_000_000);
        release.indices.push(Index {
            path: "main/binary-arm64/Packages".into(),
            size: 3,
            sha256: "a".repeat(64),
        });
        assert_eq!(Release::parse(&release.text()).unwrap(), release);
        let next = Release::next(&Settings::default(), Some(&release), 1_700_000_500);
        assert_eq!((next.origin.as_str(), next.valid_until), ("Example", Some(1_700_000_600)));
        assert!(
            Release::parse(&release.text().replace("main/", "../")).unwrap_err().contains("names no index")
        );
    }
}
