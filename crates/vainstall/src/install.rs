//! The story: five stages, told in order.

use crate::{
    answers,
    cli::Arguments,
    ending,
    ending::{Ending, Planned},
    failure::{Exit, Failure, Result, fail},
    first_boot,
    frontend::{self, Given, Who, person},
    half_made, health, look,
    owner::Owner,
    page::board::Told,
    plan,
    planned::carry_out,
    progress::{Progress, harmless},
    reconfigure,
    remove::{self, Removal},
    repository, seeding, seeds, servers,
    signals::Signals,
    state::{State, Stored},
};
use appliance::{Host, seeds::SeedsFile};
use apt::{Apt, Plan, Work};
use configure::{Machine, debconf_copy};
use debconf::{Selection, passthrough::Asked};
use events::{Kind, Status};
use exec::Program;
use std::{
    collections::BTreeMap,
    io::{self, Write},
    process::ExitCode,
    sync::{Mutex, PoisonError},
    thread,
    time::Instant,
};

/// Does it, tells the ending, and gives the exit status.
pub fn run(arguments: &Arguments) -> ExitCode {
    if arguments.remove {
        return run_removal(arguments);
    }
    let started = Instant::now();
    let mut progress = Progress::new(arguments.style(), arguments.json);
    let mut told = Ending { appliance: arguments.names().0, ..Ending::default() };
    let result = Signals::watch().and_then(|signals| {
        let work = match () {
            () if arguments.first_boot => first_boot::first_boot,
            () if arguments.reconfigure => reconfigure::reconfigure,
            () => install,
        };
        if arguments.web {
            progress.show_on(first_boot::page(arguments, None)?);
        }
        let result = work(arguments, &signals, &mut progress, &mut told);
        signals.clean();
        result
    });
    told.seconds = (started.elapsed().as_secs_f64() * 10.0).round() / 10.0;
    let shown = Told::of(&told, result.as_ref().err().map(|f| (f.message(), f.lines.clone())));
    if let Err(failure) = result {
        let exit = failed(failure, told, arguments, &mut progress);
        progress.page().map(|page| page.end(shown));
        return exit;
    }
    progress.say(Kind::Result { status: Status::Ok, message: told.message.clone(), details: vec![] });
    if arguments.first_boot {
        first_boot::end(&mut told, shown, &progress);
        told.tell(arguments.json, progress.style());
        return ExitCode::SUCCESS;
    }
    told.tell(arguments.json, progress.style());
    progress.page().map(|page| page.end(shown));
    ExitCode::SUCCESS
}

/// The exit status of work that has nothing else to tell.
pub fn told(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("vainstall: {}", failure.message());
            ExitCode::from(failure.exit as u8)
        }
    }
}

fn run_removal(arguments: &Arguments) -> ExitCode {
    let mut progress = Progress::new(arguments.style(), arguments.json);
    let mut told = Removal { appliance: arguments.names().0, ..Removal::default() };
    let result =
        Signals::watch().and_then(|signals| remove::remove(arguments, &signals, &mut progress, &mut told));
    let exit = match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            (told.status, told.message) = ("failed", failure.message());
            failure.lines.iter().for_each(|line| eprintln!("    {}", harmless(line)));
            eprintln!("vainstall: {}", told.message);
            ExitCode::from(failure.exit as u8)
        }
    };
    progress.pause();
    let text = match (arguments.json, told.status) {
        (true, _) => serde_json::to_string_pretty(&told).unwrap_or_default(),
        (false, "failed") => return exit,
        (false, _) => told.text(),
    };
    let _ = writeln!(io::stdout(), "{text}");
    exit
}

fn failed(failure: Failure, mut told: Ending, arguments: &Arguments, progress: &mut Progress) -> ExitCode {
    let message = failure.message();
    let details = failure.lines.clone();
    progress.say(Kind::Result { status: Status::Failed, message: message.clone(), details: details.clone() });
    if !details.is_empty() && progress.style() != crate::progress::Style::Json {
        details.iter().for_each(|line| eprintln!("    {}", harmless(line)));
    }
    eprintln!("vainstall: {message}");
    if arguments.json {
        (told.status, told.message, told.details, told.exit) =
            ("failed", message, details, failure.exit as u8);
        told.tell(true, progress.style());
    }
    ExitCode::from(failure.exit as u8)
}

pub fn install(
    arguments: &Arguments,
    signals: &Signals,
    progress: &mut Progress,
    told: &mut Ending,
) -> Result<()> {
    let (name, package) = arguments.names();
    let apt = Apt {
        lock_wait: arguments.wait,
        allow_removals: arguments.yes,
        interrupter: signals.interrupter.clone(),
        ..Apt::default()
    };
    progress.phase(1, "look", "Looking at this machine");
    look::machine()?;
    let _only = look::only_one()?;
    if look::unfinished()?.is_empty() && is_there(&name, &package, arguments, told)? {
        return Ok(());
    }
    look::locks(arguments.wait, progress)?;
    // only now: what was unfinished may have been another program's work, at its end by now
    let unfinished = look::unfinished()?;
    if !unfinished.is_empty() {
        match arguments.dry_run {
            true => {
                progress.warn(format!("an interrupted installation would be finished first: {unfinished}"))
            }
            false => {
                signals.changing();
                // it may have stopped at just these questions
                let given = seeding::from_command_line(&arguments.set_in_debconf);
                seeding::give(&given)?;
                let host = configure::host::facts(&Machine::here());
                let state = State::of(&name);
                let mut answers = state.stored().given;
                answers.extend(seeding::by_question(&given, &[]));
                let given = Given { answers, earlier: vec![] };
                servers::start(&state.before()?.unwrap_or_default().servers)?;
                half_made::take_away(&state)?.into_iter().for_each(|text| progress.note(text));
                asking(arguments, &apt, &host, signals, &given, progress, |apt, _, say| {
                    look::repair(apt, &unfinished, &package, say)
                })?;
                not_stopped(signals)?;
            }
        }
    }
    repository::configure(arguments, signals, progress)?;
    let failures = repository::refresh(arguments, &package, &apt, progress)?;

    progress.phase(2, "answers", "Questions and answers");
    let host = configure::host::facts(&Machine::here());
    let seeds = seeds::fetch(&package, &name, &failures, progress)?;
    told.version = seeds.version.clone();
    let ready = prepare(arguments, &seeds, &package, &host, signals, progress)?;
    told.url = ending::url(&seeds.url, &host, &answers::values(&ready.answers));

    progress.phase(3, "plan", "Plan");
    let work = Work::Install(vec![package.clone()]);
    let first = servers::missing(&seeds.before)?;
    if !first.is_empty() {
        progress.note(format!("installed first, and running before the rest: {}", first.join(", ")));
    }
    let state = State::of(&name);
    let begin = |progress: &mut Progress| -> Result<()> {
        progress.phase(4, "install", &format!("Installing {package}"));
        signals.changing();
        not_stopped(signals)?;
        signals.keep();
        state.keep_before(&seeds.before)?;
        state.store(&ready.stored)?;
        seeding::give(&ready.selections)
    };
    // else apt is begun at the same time, and waits for what is decided; what servers need is known only then
    let planned_apart = arguments.dry_run || !seeds.before.is_empty();
    if planned_apart {
        let plan = apt.outline(&work)?;
        plan::check(&plan, arguments.yes, progress)?;
        if arguments.dry_run {
            would_do(told, &plan, &first, &ready);
            return Ok(());
        }
        begin(progress)?;
    }
    let was_there = look::is_installed(&package)?;
    let mut given = Given { answers: ready.given.clone(), earlier: vec![] };
    if !first.is_empty() {
        let work = Work::Install(first.clone());
        asking(arguments, &apt, &host, signals, &given, progress, |apt, _, say| {
            carry_out(apt, &work, None, say)
        })?;
        not_stopped(signals)?;
        given.earlier = first;
    }
    servers_run(&seeds.before, &state)?;
    if !seeds.before.is_empty() {
        half_made::note(&seeds.seeds, &state)?;
    }
    let (checks, management) = thread::scope(|scope| {
        let mut ahead = Ahead::new(&package, || {
            // the first look is slow where the application starts with its first request
            scope.spawn(|| health::now(&name));
            scope.spawn(|| ending::management(&host))
        });
        asking(arguments, &apt, &host, signals, &given, progress, |apt, progress, say| {
            let decide = |plan: &Plan| {
                let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
                plan::check(plan, arguments.yes, &mut progress)?;
                begin(&mut progress)
            };
            carry_out(apt, &work, (!planned_apart).then_some(&decide), &mut |kind| {
                ahead.watch(&kind);
                say(kind);
            })
        })?;
        if was_there {
            configure_again(&name)?;
        }
        progress.phase(5, "health", "Looking whether it works");
        let management = ahead.begun();
        let checks = health::wait(&name)?;
        Ok::<_, Failure>((checks, management.join().ok().flatten()))
    })?;
    (told.health, told.management) = (checks, management);
    health::tell(&told.health, &name, progress)?;
    told.url = ending::url_of_installed(&name).or(told.url.take());
    told.secrets = ready.secrets;
    (told.status, told.message) = ("ok", format!("{name} {} is ready.", seeds.version));
    if !arguments.first_boot {
        State::of(&name).forget();
    }
    Ok(())
}

/// After [`Signals::changing`], a signal only asks: here it is answered.
fn not_stopped(signals: &Signals) -> Result<()> {
    if signals.interrupter.interrupted() {
        return fail(Exit::Failed, "stopped as asked; run the same command again to go on");
    }
    Ok(())
}

/// The fast way out: installed and healthy.
fn is_there(name: &str, package: &str, arguments: &Arguments, told: &mut Ending) -> Result<bool> {
    let Some(installed) =
        apt::installed::package(package)?.filter(|p| p.state == apt::installed::State::Installed)
    else {
        return Ok(false);
    };
    let checks = health::now(name)?;
    if checks.iter().any(|c| !c.ok) {
        return Ok(false);
    }
    told.health = checks;
    told.version = installed.version;
    told.status = if arguments.dry_run { "planned" } else { "ok" };
    told.message =
        format!("{name} {} is installed and healthy already; nothing had to be done.", told.version);
    let state = State::of(name);
    // a run that was killed after the installation has secrets to show
    let stored = state.stored();
    if !arguments.dry_run {
        told.secrets = unseen(&stored);
    }
    if !arguments.dry_run && !arguments.first_boot {
        state.forget();
    }
    Ok(true)
}

/// The secrets that were made and that nobody has seen yet.
fn unseen(stored: &Stored) -> BTreeMap<String, String> {
    let unseen = stored.answers.iter().filter(|(question, _)| stored.generated.contains(*question));
    unseen.map(|(question, answer)| (question.clone(), answer.clone())).collect()
}

/// What stage 4 needs.
struct Ready {
    answers: answers::Answers,
    selections: Vec<Selection>,
    /// What the frontend answers by itself.
    given: BTreeMap<String, String>,
    stored: Stored,
    secrets: BTreeMap<String, String>,
}

fn prepare(
    arguments: &Arguments,
    seeds: &SeedsFile,
    package: &str,
    host: &Host,
    signals: &Signals,
    progress: &mut Progress,
) -> Result<Ready> {
    let before = State::of(&seeds.appliance).stored();
    if look::is_installed(package)? {
        // its answers are with the appliance; debconf would only keep a second copy of the secrets
        let answers = BTreeMap::new();
        let selections = seeding::from_command_line(&arguments.set_in_debconf);
        let given = seeding::by_question(&selections, &[]);
        let secrets = unseen(&before);
        return Ok(Ready { answers, selections, given, stored: before, secrets });
    }
    let own: Vec<String> =
        seeds.questions.iter().map(|q| seeding::own_question(&seeds.appliance, q)).collect();
    let foreign = seeds.seeds.iter().map(|s| s.question.as_str());
    let mut known = seeding::answered(own.iter().map(String::as_str).chain(foreign))?;
    let mut administrators = answers::foreign(arguments, seeds)?;
    administrators.extend(seeding::from_command_line(&arguments.set_in_debconf));
    known.extend(administrators.iter().map(|s| (s.question.clone(), s.value.clone())));
    let answers = answers::all(
        arguments,
        seeds,
        &answers::Known { stored: &before, debconf: &known, in_use: &BTreeMap::new(), host },
        signals,
        progress,
    )?;
    let values = answers::values(&answers);
    let rendered = seeding::rendered(&seeds.seeds, host, &values)?;
    let open = plan::open_seeds(rendered, &known, progress);
    let mut selections = seeding::selections(&seeds.appliance, &seeds.questions, &values, &open);
    selections.extend(administrators);
    let given = seeding::by_question(&selections, &open);
    let complete = before.complete || Owner::of(arguments, progress).is_there();
    let mut stored = answers::to_store(&answers, &before, &seeds.questions, complete);
    stored.given = given.clone();
    let secrets = unseen(&stored);
    Ok(Ready { answers, selections, given, stored, secrets })
}

/// Does the work with an [`Apt`] whose questions come here.
fn asking<T>(
    arguments: &Arguments,
    apt: &Apt,
    host: &Host,
    signals: &Signals,
    given: &Given,
    progress: &mut Progress,
    work: impl FnOnce(&Apt, &Mutex<&mut Progress>, &mut dyn FnMut(Kind)) -> Result<T>,
) -> Result<T> {
    let owner = Owner::of(arguments, progress);
    let progress = Mutex::new(progress);
    let say = |kind| progress.lock().unwrap_or_else(PoisonError::into_inner).say(kind);
    let ask = |title: &str, questions: &[Asked], again| {
        person::ask(&owner, &progress, host, signals, title, questions, again)
    };
    let who = match (arguments.accept_defaults, owner.is_there()) {
        (true, _) => Who::Defaults,
        (false, false) => Who::Nobody,
        (false, true) => Who::Person(&ask),
    };
    frontend::around(apt, &who, given, &say, |apt, say| work(apt, &progress, say))
}

/// Begins something as soon as the package is configured: apt's last moments belong to triggers and its own order.
struct Ahead<B, T> {
    /// As apt's status says it; of some apt the architecture follows, in brackets.
    configured: String,
    begin: B,
    begun: Option<T>,
}

impl<B: FnMut() -> T, T> Ahead<B, T> {
    fn new(package: &str, begin: B) -> Self {
        Ahead { configured: format!("Installed {package}"), begin, begun: None }
    }

    fn watch(&mut self, kind: &Kind) {
        let Kind::Progress { detail, .. } = kind else { return };
        if detail.split(" (").next() == Some(&self.configured) {
            self.begun.get_or_insert_with(&mut self.begin);
        }
    }

    /// What was begun; at the latest now.
    fn begun(mut self) -> T {
        self.begun.take().unwrap_or_else(self.begin)
    }
}

/// Sees that what the rest relies on runs, also after an interruption.
fn servers_run(servers: &[String], state: &State) -> Result<()> {
    if servers.is_empty() {
        return Ok(());
    }
    let before = state.before()?.unwrap_or_default().packages;
    servers::mark_automatic(servers, &before)?;
    // those that came with them as well: the server may be a dependency of the package that is named
    let known: Vec<String> = apt::installed::names()?.difference(&before).cloned().collect();
    servers::must_run(&known)
}

/// It was installed and not healthy: apt may have had nothing to do, and something may be missing that could not be made
/// then, a database whose server did not run.
fn configure_again(name: &str) -> Result<()> {
    let program = Program::new("appliance-configure").args(["apply", "--", name]);
    let output = program.output()?;
    match output.success() {
        true => Ok(()),
        false => {
            let message =
                format!("{name} is installed and cannot be configured: `appliance-configure apply {name}`");
            Err(Failure { lines: output.tail(10), ..Failure::new(Exit::Failed, message) })
        }
    }
}

fn would_do(told: &mut Ending, plan: &Plan, first: &[String], ready: &Ready) {
    let own = debconf_copy::seed_package(&told.appliance);
    let others = ready.selections.iter().filter(|s| s.owner != own);
    let shown = |s: &Selection| if s.kind == "password" { "(secret)".to_owned() } else { s.value.clone() };
    let seeds = others.map(|s| (s.question.clone(), shown(s))).collect();
    told.plan = Some(Planned::new(plan, first, &ready.answers, seeds));
    (told.status, told.message) = ("planned", "This would be done; nothing has been changed.".into());
}
