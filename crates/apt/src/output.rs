//! What apt-get and dpkg say when something is wrong, understood.

use std::fmt;

/// Why the package manager failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// No route, no name, no answer.
    Network,
    /// Not signed, or not by a key that is trusted for this repository.
    Signature,
    /// `Valid-Until` has passed.
    Expired,
    /// The repository calls itself by another origin, label or suite than before (apt-secure(8)).
    Renamed,
    /// Size or hash differ from what the signed index says.
    Altered,
    /// No such suite, index or package file in the repository.
    Missing,
    /// No such package.
    NoPackage,
    /// The dependencies cannot be met.
    Unsatisfiable,
    DiskFull,
    /// Another program holds apt's or dpkg's lock.
    Locked,
    /// dpkg was interrupted before.
    Interrupted,
    /// A package's own script failed.
    Script,
    /// apt would have to remove packages, which was not allowed.
    Removal,
    /// Somebody asked it to stop.
    Stopped,
    Other,
}

impl Cause {
    /// What the person can do about it.
    pub fn advice(self) -> &'static str {
        match self {
            Cause::Network => {
                "check the network (ip address, ip route, /etc/resolv.conf) and the repository's address"
            }
            Cause::Signature => {
                "check that the repository's key is the right one (Signed-By in its .sources file)"
            }
            Cause::Expired => {
                "the repository has not been signed again in time: check this machine's clock (date), then ask the publisher"
            }
            Cause::Renamed => {
                "the repository calls itself by another name than before: ask its publisher, then accept it with apt-get update --allow-releaseinfo-change"
            }
            Cause::Altered => {
                "what was fetched is not what the repository's key vouches for: try again later, and tell the publisher if it stays so"
            }
            Cause::Missing => "check the repository's address and its suite",
            Cause::NoPackage => "check the name, and that the repository that has it is configured",
            Cause::Unsatisfiable => {
                "check for held packages (apt-mark showhold) and for repositories of another release"
            }
            Cause::DiskFull => "the disk is full: make room (apt-get clean, df -h) and run it again",
            Cause::Locked => "wait until the other program has ended and run it again",
            Cause::Interrupted => "dpkg --force-confdef --force-confold --configure -a",
            Cause::Script => "read the package's own messages; running it again goes on where it stopped",
            Cause::Removal => "apt would have to remove packages; look at the plan first",
            Cause::Stopped => "it was stopped as asked; running it again goes on from there",
            Cause::Other => "read the messages above; more is in /var/log/apt/term.log and /var/log/dpkg.log",
        }
    }
}

/// What each cause looks like, the surest sign first.
const SIGNS: &[(Cause, &[&str])] = &[
    (
        Cause::DiskFull,
        &["No space left on device", "You don't have enough free space", "not enough free disk space"],
    ),
    (Cause::Locked, &["Could not get lock", "Unable to acquire the dpkg frontend lock", "Unable to lock"]),
    (Cause::Interrupted, &["dpkg was interrupted"]),
    (
        Cause::Expired,
        &["is expired", "is not valid anymore", "is no longer valid", "Release file has expired"],
    ),
    (Cause::Renamed, &[" changed its '"]),
    (
        Cause::Signature,
        &[
            "is not signed",
            "signature verification failed",
            "GPG error",
            "NO_PUBKEY",
            "BADSIG",
            "couldn't be verified",
            "Missing key",
            "Sub-process /usr/bin/sqv returned an error code",
            "Clearsigned file isn't valid",
            "could not be authenticated",
        ],
    ),
    (
        Cause::Altered,
        &[
            "Hash Sum mismatch",
            "Hashes of ",
            "unexpected size",
            "Mirror sync in progress",
            "Unable to parse package file",
        ],
    ),
    (
        Cause::Network,
        &[
            "Could not resolve",
            "Temporary failure resolving",
            "Could not connect",
            "Unable to connect",
            "Connection failed",
            "Connection timed out",
            "Network is unreachable",
            "No route to host",
            "Certificate verification failed",
            "certificate verification failed",
        ],
    ),
    (Cause::Missing, &["does not have a Release file", "404  Not Found", "404 Not Found", "File not found"]),
    (
        Cause::NoPackage,
        &["Unable to locate package", "has no installation candidate", "Couldn't find any package"],
    ),
    (Cause::Removal, &["Packages need to be removed but remove is disabled"]),
    (Cause::Unsatisfiable, &["unmet dependencies", "Unable to correct problems", "held broken packages"]),
    (
        Cause::Script,
        &[
            "returned an error code (1)",
            "script subprocess returned",
            "subprocess returned error exit status",
        ],
    ),
];

/// The cause that the lines give away.
pub fn cause<'a>(lines: impl IntoIterator<Item = &'a str> + Clone) -> Cause {
    let seen = |signs: &[&str]| lines.clone().into_iter().any(|l| signs.iter().any(|s| l.contains(s)));
    SIGNS.iter().find(|(_, signs)| seen(signs)).map_or(Cause::Other, |(cause, _)| *cause)
}

/// So many lines explain a failure.
pub const EXPLAIN: usize = 20;

/// What the first of these packages said last: from the line that began its work to dpkg's word on it. None when that
/// is not among the lines; of a long story the end is given.
pub fn of_package(packages: &[String], lines: &[String]) -> Option<Vec<String>> {
    let package = packages.first()?;
    let plain = package.split(':').next().unwrap_or(package);
    let error =
        |line: &String| line.strip_prefix("dpkg: error processing ").is_some_and(|rest| rest.contains(plain));
    let end = lines.iter().position(error)?;
    let begins = |line: &String| {
        ["Setting up ", "Preparing to unpack ", "Removing ", "Processing triggers for "]
            .iter()
            .any(|verb| line.strip_prefix(verb).is_some_and(|rest| rest.contains(plain)))
    };
    let begin = lines[..end].iter().rposition(begins)?;
    // dpkg indents what it adds
    let more = lines[end + 1..].iter().take_while(|l| l.starts_with(' ')).count();
    let story = &lines[begin..=end + more];
    Some(story[story.len().saturating_sub(EXPLAIN)..].to_vec())
}

/// One source of packages that could not be refreshed. What was known of it before is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFailure {
    /// Address and suite, as apt prints them.
    pub source: String,
    pub cause: Cause,
    /// apt's own words.
    pub message: String,
}

impl fmt::Display for SourceFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.message)
    }
}

/// The sources that `apt-get update` failed on, from its output: each `Err:` line with what follows it indented,
/// and the `W:`/`E:` lines about a repository that had none.
pub fn source_failures(output: &str) -> Vec<SourceFailure> {
    let mut failures: Vec<SourceFailure> = vec![];
    let mut lines = output.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(source) = line.strip_prefix("Err:").and_then(|l| l.split_once(' ')).map(|(_, s)| s) {
            let mut message = vec![];
            while let Some(more) = lines.next_if(|l| l.starts_with("  ")) {
                message.push(more.trim());
            }
            add(&mut failures, source.trim(), &message.join(" "));
        } else if let Some((source, message)) = complaint(line) {
            add(&mut failures, source, message);
        }
    }
    failures
}

/// The source that a `W:` or `E:` line is about.
fn complaint(line: &str) -> Option<(&str, &str)> {
    let text = line.strip_prefix("W: ").or_else(|| line.strip_prefix("E: "))?;
    if let Some(quoted) =
        ["The repository '", "Repository '", "Release file for "].iter().find_map(|s| text.strip_prefix(s))
    {
        let end = quoted.find('\'').or_else(|| quoted.find(" is "))?;
        return Some((&quoted[..end], text));
    }
    let rest = text.strip_prefix("Failed to fetch ")?;
    Some((rest.split_whitespace().next()?, text))
}

/// One entry for each source; a surer cause replaces a vague one.
fn add(failures: &mut Vec<SourceFailure>, source: &str, message: &str) {
    let found = cause([message]);
    let source = plain_source(source);
    match failures.iter_mut().find(|f| same_source(&f.source, &source)) {
        None => failures.push(SourceFailure { source, cause: found, message: message.to_owned() }),
        Some(known) if known.cause == Cause::Other => {
            (known.cause, known.message) = (found, message.to_owned());
        }
        Some(_) => {}
    }
}

/// `http://host/debian trixie InRelease` without the last word; `http://host/debian/dists/trixie/InRelease` likewise.
fn plain_source(source: &str) -> String {
    let words: Vec<&str> = source.split_whitespace().collect();
    if let [one] = words[..] {
        return match one.split_once("/dists/") {
            Some((base, rest)) => format!("{base} {}", rest.split('/').next().unwrap_or_default()),
            None => one.to_owned(),
        };
    }
    let suite = words.get(1).and_then(|w| w.split('/').next()).unwrap_or_default();
    format!("{} {suite}", words.first().unwrap_or(&""))
}

fn same_source(a: &str, b: &str) -> bool {
    let plain = |s: &str| s.replace("/ ", " ");
    plain(a) == plain(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_failed_package_its_own_lines_are_told() {
        let lines = "Setting up other (1) ...\nSetting up broken:amd64 (2) ...\nno such user\n\
                     dpkg: error processing package broken:amd64 (--configure):\n installed script failed\n\
                     Setting up third (1) ...\nErrors were encountered while processing:\n broken:amd64";
        let lines: Vec<String> = lines.lines().map(str::to_owned).collect();
        assert_eq!(of_package(&["broken:amd64".into()], &lines).unwrap(), lines[1..5]);
        assert_eq!(of_package(&["absent".into()], &lines), None);
        assert_eq!(of_package(&[], &lines), None);
    }
    use proptest::prelude::*;

    #[test]
    fn a_repository_with_another_name_is_told_once() {
        let text = "\
E: Repository 'http://h:1 stable InRelease' changed its 'Origin' value from 'stable' to 'Others'
E: Repository 'http://h:1 stable InRelease' changed its 'Label' value from 'stable' to 'Others'
";
        let found = source_failures(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].source.as_str(), found[0].cause), ("http://h:1 stable", Cause::Renamed));
    }

    #[test]
    fn each_failing_source_is_named_once_with_its_cause() {
        let failures = source_failures(include_str!("../testdata/update-failures.txt"));
        let found: Vec<_> = failures.iter().map(|f| (f.source.as_str(), f.cause)).collect();
        assert_eq!(
            found,
            [
                ("file:/nonexist trixie", Cause::Missing),
                ("http://deb.debian.org/debian trixie-updates", Cause::Signature),
                ("http://deb.debian.org/debian nosuchsuite", Cause::Missing),
                ("http://no.such.host.invalid/debian trixie", Cause::Network),
                ("http://127.0.0.1:9/debian trixie", Cause::Network),
            ]
        );
    }

    #[test]
    fn causes() {
        let check = |line: &str, expect: Cause| assert_eq!(cause([line]), expect, "{line}");
        check("E: Unable to locate package foo", Cause::NoPackage);
        check("E: You don't have enough free space in /var/cache/apt/archives/.", Cause::DiskFull);
        check(
            "dpkg: error processing archive x.deb (--unpack): cannot copy: No space left on device",
            Cause::DiskFull,
        );
        check(
            "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7 (apt-get)",
            Cause::Locked,
        );
        check("E: Failed to fetch http://x/y.deb  Hash Sum mismatch", Cause::Altered);
        check("E: Sub-process /usr/bin/dpkg returned an error code (1)", Cause::Script);
        check(
            "E: Release file for http://x/ is expired (invalid since 3d). Updates for it will not be applied.",
            Cause::Expired,
        );
        check("all is well", Cause::Other);
    }

    proptest! {
        #[test]
        fn any_output_is_read_without_panic(text in "(Err:1 |E: The repository '|W: Failed to fetch |[a-z/ :'\n]){0,30}") {
            source_failures(&text);
        }
    }
}
