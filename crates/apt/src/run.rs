//! apt-get, run with its progress told.

use crate::{
    Error, Failure, Plan, name,
    output::{self, Cause},
    status::{self, Count, Status, Way},
};
use events::{Kind, Stream};
use exec::{From, Interrupter, Program};
use std::{
    collections::VecDeque,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

/// Progress is told at most this often.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);
/// So many last lines are kept to explain a failure.
const TAIL: usize = 60;

/// What apt-get is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    Install(Vec<String>),
    /// All pending updates, and the new packages they need. Removes nothing.
    Upgrade,
    /// The pending updates of these packages only. Removes nothing.
    UpgradeOnly(Vec<String>),
    /// These packages go, with their configuration files.
    Purge(Vec<String>),
    /// The same, and all that was installed for them only, recommendations and suggestions included.
    PurgeWithDependencies(Vec<String>),
}

/// How apt-get is run. apt itself asks nothing, a changed configuration file is kept, and apt's own protection
/// (signatures, downgrades, held packages) is never weakened.
#[derive(Debug, Clone, Default)]
pub struct Apt {
    /// Seconds to wait for a lock that another program holds.
    pub lock_wait: u32,
    /// Lets apt remove packages; only for [`Work::Install`].
    pub allow_removals: bool,
    /// Ends apt-get as Ctrl-C would: what dpkg has begun is finished.
    pub interrupter: Interrupter,
    /// The socket of whoever answers debconf's questions (`DEBCONF_PIPE`); without one nobody is asked.
    pub debconf: Option<PathBuf>,
    /// How many packages the plan changes, for "package 3 of 12"; 0: not known.
    pub expected: usize,
    /// Options of apt.conf(5) to add, e.g. `Dir::Etc::sourceparts=-`.
    pub options: Vec<String>,
}

/// Options with which apt writes no cache.
pub(crate) const IN_MEMORY: [&str; 2] = ["Dir::Cache::pkgcache=", "Dir::Cache::srcpkgcache="];

impl Apt {
    /// What the work would do. Changes nothing and takes no lock.
    pub fn plan(&self, work: &Work) -> Result<Plan, Error> {
        match self.look_ahead(work) {
            // apt keeps what it has read of the lists in files, and can do without
            Err(error) if error.cause() == Cause::DiskFull => {
                let mut bare = self.clone();
                bare.options.extend(IN_MEMORY.map(str::to_owned));
                bare.look_ahead(work)
            }
            other => other,
        }
    }

    fn look_ahead(&self, work: &Work) -> Result<Plan, Error> {
        let removals = Apt { allow_removals: true, ..self.clone() };
        let simulate = removals.work(self.apt_get().args(["-s", "-V"]), work)?;
        let sizes = self.sizes(work)?;
        let (simulated, sized) = thread::scope(|scope| {
            let sized = scope.spawn(|| sizes.output());
            (simulate.output(), sized.join())
        });
        let simulated = simulated?;
        if !simulated.success() {
            return Err(Failure::of(&simulated, &format!("planning {}", describe(work)), vec![]).into());
        }
        let mut plan = Plan::parse(&simulated.text());
        if let Ok(Ok(sized)) = sized {
            plan.add_sizes(&sized.text());
        }
        if !plan.kept_back.is_empty() {
            plan.mark_held(&Program::new("apt-mark").arg("showhold").run()?.text());
        }
        Ok(plan)
    }

    /// The same in a third of the time, without the packages' origins and architectures.
    pub fn outline(&self, work: &Work) -> Result<Plan, Error> {
        let program = self.sizes(work)?;
        let output = program.output()?;
        if !output.success() {
            return Err(Failure::of(&output, &format!("planning {}", describe(work)), vec![]).into());
        }
        match Plan::parse_outline(&output.text()) {
            Some(plan) => Ok(plan),
            None => self.plan(work),
        }
    }

    /// Fetches what the work needs and changes nothing, so it may be interrupted at any time; [`Apt::run`] finds it there.
    pub fn download(&self, work: &Work, say: &mut dyn FnMut(Kind)) -> Result<(), Error> {
        let program = self.work(self.apt_get_telling().args(["-y", "--download-only"]), work)?;
        self.told(&program, Way::of_download(), say)?.check(&format!("downloading for {}", describe(work)))
    }

    /// Does the work.
    pub fn run(&self, work: &Work, say: &mut dyn FnMut(Kind)) -> Result<(), Error> {
        let automatic = match work {
            Work::UpgradeOnly(packages) => automatic(packages)?,
            _ => vec![],
        };
        let program = self.work(self.apt_get_telling().arg("-y"), work)?;
        let ran = self.told(&program, Way::default(), say);
        if !automatic.is_empty() {
            // apt-get install marks what it is given as wanted by the owner: give the mark back
            Program::new("apt-mark").args(["auto", "--"]).args(&automatic).run()?;
        }
        ran?.check(&describe(work))
    }

    /// Brings an interrupted installation to its end: dpkg first, then apt's dependencies. Removes nothing.
    /// Does nothing on a healthy machine.
    pub fn repair(&self, say: &mut dyn FnMut(Kind)) -> Result<(), Error> {
        self.configure_all(say)?;
        let fix = self.apt_get_telling().args(["-y", "--no-remove", "-f", "install"]);
        self.told(&fix, Way::default(), say)?.check("repairing the dependencies (apt-get -f install)")
    }

    /// `dpkg --configure -a`: finishes every package that is unpacked.
    pub fn configure_all(&self, say: &mut dyn FnMut(Kind)) -> Result<(), Error> {
        let dpkg = self.frontend(Program::new("dpkg")).own_group().args([
            "--force-confdef",
            "--force-confold",
            "--configure",
            "-a",
        ]);
        self.told(&dpkg, Way::default(), say)?
            .check("finishing an interrupted installation (dpkg --configure -a)")
    }

    /// apt prints the sizes only when it is not simulating. It stops there with --print-uris; --assume-no would not
    /// stop it, for apt asks nothing when no more than what was named is to be done.
    fn sizes(&self, work: &Work) -> Result<Program, Error> {
        let removals = Apt { allow_removals: true, ..self.clone() };
        removals.work(self.apt_get().args(["-V", "-o", "Debug::NoLocking=1", "--print-uris"]), work)
    }

    fn apt_get(&self) -> Program {
        let program = self
            .frontend(Program::new("apt-get"))
            // needrestart would ask at the terminal
            .env("NEEDRESTART_MODE", "a")
            .own_group()
            .interrupter(&self.interrupter)
            .args(["-q", "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"])
            .args(["-o", "APT::Color=0", "-o", "Dpkg::Progress-Fancy=0", "-o"])
            .arg(format!("DPkg::Lock::Timeout={}", self.lock_wait));
        self.options.iter().fold(program, |p, option| p.args(["-o", option]))
    }

    fn frontend(&self, program: Program) -> Program {
        match &self.debconf {
            None => program.env("DEBIAN_FRONTEND", "noninteractive"),
            Some(socket) => program.env("DEBIAN_FRONTEND", "passthrough").env("DEBCONF_PIPE", socket),
        }
    }

    pub(crate) fn apt_get_telling(&self) -> Program {
        self.apt_get().arg("-o").status_option("APT::Status-Fd=")
    }

    fn work(&self, program: Program, work: &Work) -> Result<Program, Error> {
        Ok(match work {
            Work::Install(packages) => {
                name::check(packages)?;
                let program = if self.allow_removals { program } else { program.arg("--no-remove") };
                program.args(["install", "--"]).args(packages)
            }
            Work::Upgrade => program.args(["--no-remove", "--with-new-pkgs", "upgrade"]),
            Work::UpgradeOnly(packages) => {
                name::check(packages)?;
                let program = if self.allow_removals { program } else { program.arg("--no-remove") };
                program.args(["--only-upgrade", "install", "--"]).args(packages)
            }
            Work::Purge(packages) => {
                name::check(packages)?;
                program.args(["purge", "--"]).args(packages)
            }
            Work::PurgeWithDependencies(packages) => {
                name::check(packages)?;
                // by default apt keeps what anything left on the machine recommends or suggests
                let weak = ["Suggests", "Recommends"].map(|w| format!("APT::AutoRemove::{w}Important=false"));
                let program = weak.iter().fold(program, |p, option| p.args(["-o", option]));
                program.args(["--autoremove", "purge", "--"]).args(packages)
            }
        })
    }

    /// Runs a program, tells its lines and its progress, keeps the last lines and the packages that failed.
    pub(crate) fn told(
        &self,
        program: &Program,
        mut way: Way,
        say: &mut dyn FnMut(Kind),
    ) -> Result<Ran, Error> {
        let mut told = Told { count: Count::new(self.expected), ..Told::default() };
        let mut tail: VecDeque<String> = VecDeque::new();
        let output = program.each_line(|from, line| {
            let stream = match from {
                From::Stdout => Stream::Stdout,
                From::Stderr => Stream::Stderr,
                From::Status => return tell_status(line, &mut way, &mut told, say),
            };
            let line = visible(line);
            if line.is_empty() {
                return;
            }
            if tail.len() == TAIL {
                tail.pop_front();
            }
            tail.push_back(line.clone());
            say(Kind::Log { stream, line });
        })?;
        Ok(Ran {
            output,
            packages: told.failed,
            tail: tail.into(),
            interrupted: self.interrupter.interrupted(),
        })
    }
}

/// What was told of a run so far.
#[derive(Default)]
struct Told {
    at: Option<Instant>,
    detail: String,
    count: Count,
    /// The packages dpkg could not work on.
    failed: Vec<String>,
}

fn tell_status(line: &str, way: &mut Way, told: &mut Told, say: &mut dyn FnMut(Kind)) {
    let Some(status) = status::parse(line) else { return };
    let percent = way.percent(&status);
    let (detail, step) = match status {
        Status::Download { text, .. } => (text, false),
        Status::Install { package, text, .. } => (told.count.say(&package, &text), true),
        Status::Conffile { package, .. } => {
            let message = format!("{package}: your changed configuration file was kept");
            return say(Kind::Warning { message });
        }
        Status::Error { package, text } => {
            say(Kind::Warning { message: format!("{package}: {text}") });
            return told.failed.push(package);
        }
    };
    // the last step before a long silence is what explains it, however soon it came after the one before
    let new = step && detail != told.detail;
    if new || told.at.is_none_or(|at| at.elapsed() >= PROGRESS_EVERY) || percent >= 100.0 {
        told.at = Some(Instant::now());
        told.detail.clone_from(&detail);
        say(Kind::Progress { percent, detail });
    }
}

/// A run that has ended, with what is needed to explain it.
pub(crate) struct Ran {
    pub output: exec::Output,
    packages: Vec<String>,
    tail: Vec<String>,
    interrupted: bool,
}

impl Ran {
    fn check(self, doing: &str) -> Result<(), Error> {
        if self.output.success() { Ok(()) } else { Err(self.failure(doing).into()) }
    }

    pub fn failure(self, doing: &str) -> Failure {
        let mut failure = Failure::of(&self.output, doing, self.packages);
        let last = self.tail.len().saturating_sub(output::EXPLAIN);
        failure.lines =
            output::of_package(&failure.packages, &self.tail).unwrap_or_else(|| self.tail[last..].to_vec());
        if self.interrupted {
            failure.cause = Cause::Stopped;
        }
        failure
    }
}

impl Failure {
    fn of(output: &exec::Output, doing: &str, packages: Vec<String>) -> Failure {
        let text = output.text_of_both();
        Failure {
            doing: doing.into(),
            cause: output::cause(text.lines()),
            packages,
            lines: output.tail(output::EXPLAIN),
        }
    }
}

pub(crate) trait Both {
    fn text_of_both(&self) -> String;
}

impl Both for exec::Output {
    fn text_of_both(&self) -> String {
        format!("{}\n{}", self.text(), String::from_utf8_lossy(&self.stderr))
    }
}

fn automatic(packages: &[String]) -> Result<Vec<String>, Error> {
    name::check(packages)?;
    let output = Program::new("apt-mark").args(["showauto", "--"]).args(packages).output()?;
    Ok(output.text().lines().map(str::to_owned).collect())
}

fn describe(work: &Work) -> String {
    match work {
        Work::Install(packages) => format!("installing {}", packages.join(" ")),
        Work::Upgrade => "installing the updates".into(),
        Work::UpgradeOnly(packages) => format!("updating {}", packages.join(" ")),
        Work::Purge(packages) | Work::PurgeWithDependencies(packages) => {
            format!("removing {}", packages.join(" "))
        }
    }
}

/// A line as a terminal would leave it: what stands after the last carriage return, without control characters.
fn visible(line: &str) -> String {
    let last = line.rsplit('\r').find(|part| !part.trim().is_empty()).unwrap_or_default();
    last.chars().filter(|c| !c.is_control() || *c == '\t').collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_a_terminal_would_show() {
        let reading =
            "(Reading database ... \r(Reading database ... 5%\r(Reading database ... 6963 files.)\r";
        assert_eq!(visible(reading), "(Reading database ... 6963 files.)");
        assert_eq!(visible("plain"), "plain");
        assert_eq!(visible("\x1b[1mbold"), "[1mbold");
        assert_eq!(visible("\r"), "");
    }

    #[test]
    fn an_operand_is_never_an_option_and_protection_stays() {
        let apt = Apt::default();
        assert!(apt.work(apt.apt_get(), &Work::Install(vec!["-oX=1".into()])).is_err());
        let line = apt.work(apt.apt_get(), &Work::Install(vec!["tree".into()])).unwrap().describe();
        assert!(line.contains("--no-remove install -- tree"), "{line}");
        for weak in ["allow", "unauthenticated", "force-yes", "insecure"] {
            assert!(!line.contains(weak), "{line}");
        }
    }
}
