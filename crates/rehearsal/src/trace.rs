//! debconf's trace (`DEBCONF_DEBUG=developer`): each command of each script, and debconf's reply.
//!
//! It tells what no frontend is told: the question's own name, whose script asks, and what was asked although it was
//! answered already. A script can write such lines itself, and deceives nobody but the reader of its own package.

use std::collections::{BTreeMap, BTreeSet};

/// More is no honest script's: what follows is left out (lines).
const LIMIT: usize = 200_000;
const MARK: &str = "debconf (developer): ";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    Low,
    Medium,
    High,
    Critical,
}

/// When a script ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before anything was unpacked, all packages one after the other.
    Preconfiguration,
    /// While its package was unpacked or configured.
    Installation,
}

/// One time that a script asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    pub question: String,
    pub priority: Priority,
    /// The package whose script asked, or the program that is nobody's script (`ucf`).
    pub package: String,
    pub moment: Moment,
    /// Handed to the frontend: nobody had answered it, and its priority was high enough.
    pub shown: bool,
}

/// All that is known from one installation.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    pub inputs: Vec<Input>,
    /// Questions of shared templates: question to template, with the package that registered it.
    pub registered: BTreeMap<String, (String, String)>,
    /// Which packages' scripts did anything with a question that was there: question and package. One that is registered in
    /// advance is not registered again by its package.
    pub used: BTreeSet<(String, String)>,
    /// Questions that a script marked as never seen, so that they are asked although they were answered.
    pub forgotten: BTreeSet<String>,
    /// What scripts put into the templates' texts, by question and variable.
    pub substituted: BTreeMap<String, BTreeMap<String, String>>,
    /// Values that scripts gave to questions themselves, in their order: question, package, value. May hold secrets.
    pub set: Vec<(String, String, String)>,
    /// Packages in the order in which they were preconfigured.
    pub preconfigured: Vec<String>,
    package: String,
    moment: Option<Moment>,
    command: Vec<String>,
    lines: usize,
}

impl Priority {
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "low" => Some(Priority::Low),
            "medium" => Some(Priority::Medium),
            "high" => Some(Priority::High),
            "critical" => Some(Priority::Critical),
            _ => None,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Priority::Low => "low",
            Priority::Medium => "medium",
            Priority::High => "high",
            Priority::Critical => "critical",
        }
    }
}

impl Trace {
    /// Reads one line of what apt and dpkg write; most are nothing to it.
    pub fn line(&mut self, line: &str) {
        let Some((_, said)) = line.split_once(MARK) else { return };
        self.lines += 1;
        if self.lines > LIMIT {
            return;
        }
        if let Some(package) = said.strip_prefix("frontend running, package name is") {
            self.package = package.trim().to_owned();
            self.moment = Some(Moment::Installation);
        } else if said == "frontend started" {
            self.package.clear();
        } else if let Some(command) = said.strip_prefix("starting ") {
            self.starts(command);
        } else if let Some(command) = said.strip_prefix("<-- ") {
            self.command = command.split(' ').map(str::to_owned).collect();
        } else if let Some(reply) = said.strip_prefix("--> ") {
            self.replied(reply);
        }
    }

    /// The strongest with which a question was asked.
    pub fn strongest(&self, question: &str) -> Option<&Input> {
        self.inputs.iter().filter(|i| i.question == question).max_by_key(|i| i.priority)
    }

    /// `starting /var/cache/debconf/tmp.ci/NAME.config.XXXXXX configure` is preconfiguration; any other script's package
    /// was told a line before.
    fn starts(&mut self, command: &str) {
        let program = command.split(' ').next().unwrap_or_default();
        let name = program.rsplit('/').next().unwrap_or_default();
        let preconfigured = name.rsplit_once('.').and_then(|(rest, _)| rest.strip_suffix(".config"));
        if let Some(package) = preconfigured.filter(|_| program.starts_with("/var/cache/debconf/tmp.ci/")) {
            self.package = package.to_owned();
            self.moment = Some(Moment::Preconfiguration);
            self.preconfigured.push(package.to_owned());
        } else if self.package.is_empty() {
            self.package = name.to_owned();
            self.moment = Some(Moment::Installation);
        }
    }

    fn replied(&mut self, reply: &str) {
        let command = std::mem::take(&mut self.command);
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let code = reply.split(' ').next().unwrap_or_default();
        let asks = words.first().is_some_and(|verb| verb.eq_ignore_ascii_case("INPUT"));
        if let Some(question) = words.get(if asks { 2 } else { 1 }).filter(|_| matches!(code, "0" | "30")) {
            self.used.insert(((*question).to_owned(), self.package.clone()));
        }
        match words[..] {
            [verb, priority, question, ..] if verb.eq_ignore_ascii_case("INPUT") => {
                let Some(priority) = Priority::parse(priority) else { return };
                // 10 and 20 are a question that is not there; 30 is one that is not shown
                if !matches!(code, "0" | "30") {
                    return;
                }
                self.inputs.push(Input {
                    question: question.into(),
                    priority,
                    package: self.package.clone(),
                    moment: self.moment.unwrap_or(Moment::Installation),
                    shown: code == "0",
                });
            }
            [verb, question, ..] if verb.eq_ignore_ascii_case("SET") && code == "0" => {
                self.set.push((question.into(), self.package.clone(), words[2..].join(" ")));
            }
            [verb, question, "seen", "false"] if verb.eq_ignore_ascii_case("FSET") && code == "0" => {
                self.forgotten.insert(question.into());
            }
            [verb, template, question, ..] if verb.eq_ignore_ascii_case("REGISTER") && code == "0" => {
                let by = (template.to_owned(), self.package.clone());
                self.registered.entry(question.to_owned()).or_insert(by);
            }
            [verb, question, variable, ..] if verb.eq_ignore_ascii_case("SUBST") && code == "0" => {
                let value = words[3..].join(" ");
                let variables = self.substituted.entry(question.to_owned()).or_default();
                variables.insert(variable.to_owned(), value);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // shortened from installations of slapd, postfix and phpmyadmin on Debian 13
    const TRACE: &str = "\
Preconfiguring packages ...
debconf (developer): starting /var/cache/debconf/tmp.ci/libc6.d.config.D83CQR configure 
debconf (developer): <-- INPUT high postfix/main_mailer_type
debconf (developer): --> 30 question skipped
debconf (developer): <-- INPUT medium postfix/root_address
debconf (developer): --> 0 question will be asked
debconf (developer): <-- INPUT high postfix/none
debconf (developer): --> 10 \"postfix/none\" doesn't exist
Selecting previously unselected package slapd.
Unpacking without a line enddebconf (developer): frontend started
debconf (developer): frontend running, package name is phpmyadmin
debconf (developer): starting /var/lib/dpkg/info/phpmyadmin.config configure 
debconf (developer): <-- REGISTER dbconfig-common/mysql/app-pass phpmyadmin/mysql/app-pass
debconf (developer): --> 0 question registered
debconf (developer): <-- SUBST phpmyadmin/mysql/app-pass pkg php my admin
debconf (developer): --> 0
debconf (developer): <-- SET phpmyadmin/mysql/app-pass a b
debconf (developer): --> 0 value set
debconf (developer): <-- FSET phpmyadmin/mysql/app-pass seen false
debconf (developer): --> 0 false
debconf (developer): <-- FSET phpmyadmin/mysql/app-user seen true
debconf (developer): --> 0 true
debconf (developer): <-- INPUT critical phpmyadmin/mysql/app-pass
debconf (developer): --> 0 question will be asked
debconf (developer): frontend started
debconf (developer): frontend running, package name is 
debconf (developer): starting /usr/bin/ucf /usr/share/x.ini /etc/x.ini
debconf (developer): <-- INPUT critical ucf/changeprompt
debconf (developer): --> 0 question will be asked
";

    #[test]
    fn who_asks_what_and_whether_it_is_shown() {
        let mut trace = Trace::default();
        TRACE.lines().for_each(|line| trace.line(line));
        let told: Vec<String> = trace
            .inputs
            .iter()
            .map(|i| format!("{} {} {} {:?} {}", i.package, i.priority.word(), i.question, i.moment, i.shown))
            .collect();
        assert_eq!(
            told,
            [
                "libc6.d high postfix/main_mailer_type Preconfiguration false",
                "libc6.d medium postfix/root_address Preconfiguration true",
                "phpmyadmin critical phpmyadmin/mysql/app-pass Installation true",
                "ucf critical ucf/changeprompt Installation true",
            ]
        );
        assert_eq!(
            trace.registered["phpmyadmin/mysql/app-pass"],
            ("dbconfig-common/mysql/app-pass".into(), "phpmyadmin".into())
        );
        assert_eq!(trace.substituted["phpmyadmin/mysql/app-pass"]["pkg"], "php my admin");
        assert_eq!(trace.set, [("phpmyadmin/mysql/app-pass".into(), "phpmyadmin".into(), "a b".into())]);
        assert_eq!(trace.forgotten, ["phpmyadmin/mysql/app-pass".to_owned()].into());
        assert!(trace.used.contains(&("phpmyadmin/mysql/app-pass".into(), "phpmyadmin".into())));
        assert!(!trace.used.iter().any(|(question, _)| question == "postfix/none"));
        assert_eq!(trace.preconfigured, ["libc6.d"]);
    }

    proptest! {
        #[test]
        fn any_lines_are_read_without_panic(lines in prop::collection::vec(
            "(debconf \\(developer\\): )?(<-- |--> |starting |frontend running, package name is ?)?(INPUT|REGISTER|SUBST|0|30)?[ -~é]{0,30}", 0..40)) {
            let mut trace = Trace::default();
            lines.iter().for_each(|line| trace.line(line));
        }
    }
}
