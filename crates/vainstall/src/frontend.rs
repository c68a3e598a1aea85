//! Being debconf's frontend while apt works: no question is lost, and none is answered by nobody.
//!
//! The seeds have answered what was foreseen. What a package asks beside that, at priority high or above, comes here:
//! a person who is there is asked; with nobody there the run stops, before anything is unpacked where debconf asks
//! that early ([`gate`]), and names the question. [`relay`] stands between debconf and this process, for debconf takes
//! the end of its frontend for empty answers and goes on.

pub mod gate;
pub mod person;
pub mod relay;

use crate::failure::{Exit, Failure, Result, fail};
use anyhow::Context;
use apt::Apt;
use debconf::passthrough::{Answered, Asked, Frontend, serve};
use events::Kind;
use exec::Program;
use relay::Relay;
use std::{
    collections::BTreeMap,
    io::{self, BufReader},
    os::unix::net::{UnixListener, UnixStream},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Asks a person all questions of a screen: its title, the questions, and whether they were asked just before.
type Ask<'a> = dyn Fn(&str, &[Asked], bool) -> io::Result<Answered> + Sync + 'a;

/// Who answers what nobody foresaw.
pub enum Who<'a> {
    Person(&'a Ask<'a>),
    Nobody,
    /// Nobody, and the packages' own defaults are wanted.
    Defaults,
}

/// What was asked of nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// debconf's name of the question.
    pub question: String,
    /// In the package's words.
    pub description: String,
    pub choices: Vec<String>,
    pub default: String,
}

/// What is there when the work begins. Has secrets.
pub struct Given {
    /// Answers that were given in advance, by debconf's names of the questions.
    pub answers: BTreeMap<String, String>,
    /// Packages that a run before this one has installed, and that stay.
    pub earlier: Vec<String>,
}

/// How often one question gets the answer given in advance: a package that asks again and again does not take it.
const REPEATS: u32 = 5;
/// How often one question is heard with nobody there: a package that takes no answer would ask for ever.
const CIRCLES: u32 = 20;

/// The frontend's desk: what came to it while apt worked.
pub struct Desk<'a> {
    who: &'a Who<'a>,
    given: &'a Given,
    repeated: Mutex<BTreeMap<String, u32>>,
    open: Mutex<Vec<Open>>,
    /// Why a person who was there did not answer.
    unanswered: Mutex<Option<io::Error>>,
    /// dpkg has begun: it is too late to stop with nothing changed.
    unpacking: AtomicBool,
    closed: AtomicBool,
    say: &'a (dyn Fn(Kind) + Sync),
}

/// Does the work with an [`Apt`] whose debconf asks here. An error of the work gives way to the questions that
/// were left open, which are its reason.
pub fn around<T>(
    apt: &Apt,
    who: &Who,
    given: &Given,
    say: &(dyn Fn(Kind) + Sync),
    work: impl FnOnce(&Apt, &mut dyn FnMut(Kind)) -> Result<T>,
) -> Result<T> {
    let relay = Relay::start().context("cannot stand between debconf and vainstall")?;
    let mut apt = Apt { debconf: Some(relay::DEBCONF.into()), ..apt.clone() };
    apt.options.extend(gate::options()?);
    let desk = Desk {
        who,
        given,
        repeated: Mutex::default(),
        open: Mutex::default(),
        unanswered: Mutex::default(),
        unpacking: AtomicBool::new(false),
        closed: AtomicBool::new(false),
        say,
    };
    let result = thread::scope(|scope| {
        scope.spawn(|| desk.receive(&relay.listener));
        let result = work(&apt, &mut |kind| {
            desk.watch(&kind);
            say(kind);
        });
        desk.close();
        result
    });
    relay.end();
    gate::open();
    let unpacked = desk.unpacking.load(Ordering::SeqCst);
    let open = desk.open.into_inner().unwrap_or_else(PoisonError::into_inner);
    let unanswered = desk.unanswered.into_inner().unwrap_or_else(PoisonError::into_inner);
    if open.is_empty() {
        return result
            .map_err(|failed| unanswered.map_or(failed, |why| not_answered(&why, unpacked, &given.earlier)));
    }
    if !unpacked {
        forget(&open)?;
    }
    Err(failure(&open, matches!(who, Who::Defaults), unpacked, &given.earlier))
}

impl Desk<'_> {
    fn watch(&self, kind: &Kind) {
        if let Kind::Log { line, .. } = kind
            && ["Selecting previously ", "Unpacking ", "Setting up "].iter().any(|w| line.starts_with(w))
        {
            self.unpacking.store(true, Ordering::SeqCst);
        }
    }

    fn receive(&self, listener: &UnixListener) {
        thread::scope(|scope| {
            for stream in listener.incoming() {
                if self.closed.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(stream) = stream {
                    scope.spawn(move || self.talk(&stream));
                }
            }
        });
    }

    /// One process of debconf's. Where its question stays open, the relay sees us go and ends that process.
    fn talk(&self, stream: &UnixStream) {
        let (mut reader, mut writer) = (BufReader::new(stream), stream);
        let served = serve(&mut reader, &mut writer, &mut Screen { desk: self, before: vec![] });
        if let Err(error) = served.as_ref()
            && self.open().is_empty()
        {
            (self.say)(Kind::Warning {
                message: format!("a question of a package was not answered: {error}"),
            });
        }
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        // wakes the thread that waits for connections
        let _ = UnixStream::connect(relay::PERSON);
    }

    /// The answer that was given in advance to a question that is asked all the same: some packages, tripwire for one,
    /// mark theirs as never seen before they ask.
    fn given(&self, question: &Asked) -> Option<&String> {
        let name = question.question();
        let answer = self.given.answers.get(&name)?;
        (self.times(name) <= REPEATS).then_some(answer)
    }

    /// How often this was asked by now.
    fn times(&self, name: String) -> u32 {
        let mut repeated = self.repeated.lock().unwrap_or_else(PoisonError::into_inner);
        let times = repeated.entry(name).or_default();
        *times += 1;
        *times
    }

    /// Sees that nothing is unpacked, when there is still time for it.
    fn stop(&self) -> io::Result<()> {
        if self.unpacking.load(Ordering::SeqCst) { Ok(()) } else { gate::shut() }
    }

    fn open(&self) -> MutexGuard<'_, Vec<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, title: &str, question: &Asked) {
        let text = [visible(&question.description), visible(&question.extended)].join(" ");
        (self.say)(Kind::Warning { message: format!("{}: {}", visible(title), text.trim()) });
    }
}

/// One conversation at the desk.
struct Screen<'a, 'b> {
    desk: &'a Desk<'b>,
    /// The templates of the questions on the screen before.
    before: Vec<String>,
}

impl Frontend for Screen<'_, '_> {
    fn ask(&mut self, title: &str, questions: &[Asked], _back: bool) -> io::Result<Answered> {
        let desk = self.desk;
        let names = questions.iter().filter(|q| q.wants_answer()).map(|q| q.template.clone()).collect();
        let before = std::mem::replace(&mut self.before, names);
        let again = !before.is_empty() && before == self.before;
        let given: Vec<Option<&String>> = questions.iter().map(|q| desk.given(q)).collect();
        if questions.iter().zip(&given).all(|(q, given)| given.is_some() || !q.wants_answer())
            && given.iter().any(Option::is_some)
        {
            return Ok(Answered::Values(given.into_iter().map(|g| g.cloned().unwrap_or_default()).collect()));
        }
        let defaults = || Answered::Values(questions.iter().map(|q| q.default.clone()).collect());
        if let Who::Person(ask) = desk.who {
            return ask(title, questions, again).map_err(|why| {
                let told = io::Error::new(why.kind(), why.to_string());
                let stopped = desk.stop();
                *desk.unanswered.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
                stopped.err().unwrap_or(told)
            });
        }
        for shown in questions.iter().filter(|q| !q.wants_answer()) {
            desk.tell(title, shown);
        }
        let asked: Vec<&Asked> = questions.iter().filter(|q| q.wants_answer()).collect();
        let circles = asked.iter().filter(|q| desk.times(q.question()) > CIRCLES).count() > 0;
        if asked.is_empty() || matches!(desk.who, Who::Defaults) && !circles {
            return Ok(defaults());
        }
        for open in asked.into_iter().map(Open::of) {
            let mut all = desk.open();
            if !all.contains(&open) {
                all.push(open);
            }
        }
        desk.stop()?;
        match desk.unpacking.load(Ordering::SeqCst) || circles {
            // the rest is asked too, so that all can be named at once; none of it is kept, for the gate is shut
            false => Ok(defaults()),
            true => Err(io::Error::other("nobody is there to answer")),
        }
    }
}

impl Open {
    fn of(asked: &Asked) -> Self {
        Open {
            question: asked.question(),
            description: visible(&asked.description),
            choices: asked.choices.iter().map(|c| visible(c)).collect(),
            default: visible(&asked.default),
        }
    }

    fn line(&self) -> String {
        let mut line = format!("{}: {}", visible(&self.question), self.description);
        if !self.choices.is_empty() {
            line.push_str(&format!(" (one of: {})", self.choices.join(", ")));
        }
        line
    }
}

fn state(unpacked: bool, earlier: &[String]) -> String {
    match unpacked {
        false if earlier.is_empty() => "nothing has been installed".to_owned(),
        false => format!("nothing has been installed but what comes first ({})", earlier.join(", ")),
        true => {
            "the package that asks is not configured; the same command with the answer goes on from there"
                .to_owned()
        }
    }
}

fn not_answered(why: &io::Error, unpacked: bool, earlier: &[String]) -> Failure {
    let exit = if why.kind() == io::ErrorKind::TimedOut { Exit::Input } else { Exit::Failed };
    Failure::new(
        exit,
        format!("a question of a package was not answered: {why}; {}", state(unpacked, earlier)),
    )
}

fn failure(open: &[Open], defaults: bool, unpacked: bool, earlier: &[String]) -> Failure {
    let first = open.first().map(|o| visible(&o.question)).unwrap_or_default();
    let names = open.iter().map(|o| visible(&o.question)).collect::<Vec<_>>().join(", ");
    let state = state(unpacked, earlier);
    let message = match defaults {
        true => format!(
            "a package asks again and again, and does not take its own default: {names}. Answer with --set '{first}=…', \
             or at a terminal; {state}"
        ),
        false => format!(
            "packages ask what nobody has answered: {names}. Answer with --set '{first}=…' each, or at a terminal, or \
             take the packages' own defaults with --accept-defaults; {state}"
        ),
    };
    let lines = open.iter().map(Open::line).collect();
    Failure { lines, ..Failure::new(Exit::Input, message) }
}

/// Takes back what debconf has kept of answers that nobody gave.
fn forget(open: &[Open]) -> Result<()> {
    let plain = open.iter().filter(|o| !o.question.contains(char::is_whitespace));
    let commands: String = plain.map(|o| format!("RESET {}\n", o.question)).collect();
    let program = Program::new("debconf-communicate").arg("vainstall").stdin(commands);
    // a question that debconf did not keep is unknown to it, which is as well
    let output = program.env("DEBIAN_FRONTEND", "noninteractive").output()?;
    if output.tail(20).iter().any(|l| l.contains("is locked by another process")) {
        return fail(
            Exit::Machine,
            "debconf's database is locked: see who uses it with fuser /var/cache/debconf/config.dat",
        );
    }
    Ok(())
}

/// Text of a package as it may go to a terminal: in one line, without control characters.
fn visible(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_have_debconfs_names_and_harmless_words() {
        let mut asked = Asked {
            template: "dbconfig-common/mysql/app-pass".into(),
            description: "Pass\x1b[31mword\nfor it".into(),
            ..Asked::default()
        };
        asked.variables.insert("pkg".into(), "roundcube".into());
        let open = Open::of(&asked);
        assert_eq!(open.question, "roundcube/mysql/app-pass");
        assert_eq!(open.line(), "roundcube/mysql/app-pass: Pass [31mword for it");
        let told = failure(&[open], false, false, &[]);
        assert!(told.message().contains("--set 'roundcube/mysql/app-pass=…'") && told.exit == Exit::Input);
        assert!(told.message().ends_with("; nothing has been installed"), "{}", told.message());
        let told = failure(&[], false, false, &["mariadb-server".into()]).message();
        assert!(told.ends_with("nothing has been installed but what comes first (mariadb-server)"), "{told}");
    }
}
