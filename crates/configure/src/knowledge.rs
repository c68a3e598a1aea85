//! What the desired state is made from: the answers, the secrets, the host.
//!
//! Answers come from debconf (in a maintainer script), from earlier runs, from defaults; secrets that nobody gave are made
//! here. They are kept in the state folder, secrets in files of their own, and passwords are wiped from debconf.

use crate::{
    Error, Installed, Machine, Result,
    database::dbconfig,
    debconf_copy, host,
    record::make_private_folder,
    tree::{self, Meta, State},
};
use appliance::{
    Host,
    answers::{Obstacle, Origin, Refusal, SecretError, Source, collect},
    question::QuestionType,
    template,
};
use debconf::{Confmodule, confmodule};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead, Read, Write},
    path::{Path, PathBuf},
};

/// Answers and host of one appliance on this machine. Has no `Debug`: it holds secrets.
#[derive(Clone, Default)]
pub struct Knowledge {
    pub host: Host,
    /// By question; what is no secret.
    pub answers: BTreeMap<String, String>,
    /// By question.
    pub secrets: BTreeMap<String, String>,
    /// Questions whose condition does not hold: their answers are empty, and are not stored.
    pub not_asked: BTreeSet<String>,
}

/// What is stored, and for the rest what would be taken; a secret that is still to be made is empty. Changes nothing.
pub fn look(machine: &Machine, installed: &Installed) -> Result<Knowledge> {
    let mut questions = installed.definition.questions.clone();
    questions.iter_mut().filter(|q| q.is_secret()).for_each(|q| q.optional = true);
    let host = host::facts(machine);
    let stored = [stored(machine, installed)?];
    let unmade = &mut |_: &mut [u8]| Err(SecretError("not now".into()));
    questions.iter_mut().for_each(|q| q.generate = None);
    let found = collect(&questions, &stored, &host, unmade).map_err(|e| refused(installed, e))?;
    let mut knowledge = knowledge(host, found);
    adopt(machine, installed, &mut knowledge)?;
    Ok(knowledge)
}

/// As [`look`], with secrets that are nobody's: for what must not read them.
pub fn without_secrets(machine: &Machine, installed: &Installed) -> Result<Knowledge> {
    let mut questions = installed.definition.questions.clone();
    questions.retain(|q| !q.is_secret());
    let host = host::facts(machine);
    let stored = [stored_answers(machine, installed)?];
    let found = collect(&questions, &stored, &host, &mut random).map_err(|e| refused(installed, e))?;
    let mut knowledge = knowledge(host, found);
    knowledge.secrets = dummies(installed, "x");
    Ok(knowledge)
}

/// Secrets that stand in for the real ones.
pub fn dummies(installed: &Installed, value: &str) -> BTreeMap<String, String> {
    let secret = installed.definition.questions.iter().filter(|q| q.is_secret());
    secret.map(|q| (q.name.clone(), value.to_string())).collect()
}

/// Collects the answers, makes the secrets, stores both.
pub fn settle<R: BufRead, W: Write>(
    machine: &Machine,
    installed: &Installed,
    debconf: Option<&mut Confmodule<R, W>>,
) -> Result<Knowledge> {
    let host = host::facts(machine);
    let mut sources = vec![];
    let mut debconf = debconf;
    if let Some(module) = &mut debconf {
        sources.push(asked(module, installed)?);
    }
    sources.push(stored(machine, installed)?);
    let found = collect(&installed.definition.questions, &sources, &host, &mut random)
        .map_err(|e| refused(installed, e))?;
    let mut knowledge = knowledge(host, found);
    adopt(machine, installed, &mut knowledge)?;
    store(machine, installed, &knowledge)?;
    if let Some(module) = debconf {
        forget_passwords(module, installed)?;
    }
    Ok(knowledge)
}

impl Knowledge {
    /// For templates.
    pub fn context(&self, installed: &Installed) -> template::Context {
        let questions = installed.definition.questions.iter();
        let lists = questions.filter(|q| q.kind == QuestionType::Multiselect);
        template::Context {
            host: self.host.clone(),
            appliance_name: installed.appliance.name.clone(),
            appliance_version: installed.appliance.version.clone(),
            answers: self.answers.clone(),
            secrets: self.secrets.clone(),
            lists: lists.map(|q| q.name.clone()).collect(),
            databases: installed.definition.databases.clone(),
        }
    }

    /// The text with every secret in it made unreadable.
    pub fn mask(&self, text: &str) -> String {
        let long = self.secrets.values().filter(|s| s.len() >= 4);
        long.fold(text.to_string(), |text, secret| text.replace(secret.as_str(), "********"))
    }
}

/// A password that an administrator gave dbconfig-common before us counts.
pub(crate) fn adopt(machine: &Machine, installed: &Installed, knowledge: &mut Knowledge) -> Result<()> {
    for database in &installed.definition.databases {
        if let Some(password) = dbconfig::password(machine, database)? {
            knowledge.secrets.insert(database.secret(), password);
        }
    }
    Ok(())
}

pub(crate) fn knowledge(host: Host, found: BTreeMap<String, appliance::answers::Answer>) -> Knowledge {
    let mut knowledge = Knowledge { host, ..Default::default() };
    for (name, answer) in found {
        if answer.origin == Origin::NotAsked {
            knowledge.not_asked.insert(name.clone());
        }
        let map = if answer.is_secret() { &mut knowledge.secrets } else { &mut knowledge.answers };
        map.insert(name, answer.expose().to_string());
    }
    knowledge
}

pub(crate) fn stored(machine: &Machine, installed: &Installed) -> Result<Source> {
    let mut source = stored_answers(machine, installed)?;
    for question in installed.definition.questions.iter().filter(|q| q.is_secret()) {
        if let Some(secret) = secret(machine, &installed.appliance.name, &question.name)? {
            source.answers.insert(question.name.clone(), secret);
        }
    }
    Ok(source)
}

pub(crate) fn stored_answers(machine: &Machine, installed: &Installed) -> Result<Source> {
    let path = folder(installed).join("answers.json");
    let answers = match tree::look(machine, &path)? {
        (State::File { .. }, bytes) => {
            serde_json::from_slice(&bytes).map_err(|e| Error::Record { path, message: e.to_string() })?
        }
        _ => BTreeMap::new(),
    };
    Ok(Source::new(Origin::Stored, answers))
}

/// A stored secret; none when it has not been made or given.
pub fn secret(machine: &Machine, appliance: &str, question: &str) -> Result<Option<String>> {
    let path = Path::new(crate::machine::STATE).join(appliance).join("secrets").join(question);
    match tree::look(machine, &path)? {
        (State::File { .. }, bytes) => String::from_utf8(bytes)
            .map(Some)
            .map_err(|_| Error::Record { path, message: "it is no UTF-8 text".into() }),
        _ => Ok(None),
    }
}

pub(crate) fn store(machine: &Machine, installed: &Installed, knowledge: &Knowledge) -> Result<()> {
    let folder = folder(installed);
    make_private_folder(machine, &folder.join("secrets"))?;
    let asked = |name: &String| !knowledge.not_asked.contains(name);
    let answers: BTreeMap<_, _> = knowledge.answers.iter().filter(|(name, _)| asked(name)).collect();
    let text = serde_json::to_vec_pretty(&answers)
        .map_err(|e| Error::Record { path: folder.join("answers.json"), message: e.to_string() })?;
    keep(machine, &folder.join("answers.json"), &text)?;
    // a secret that is not asked for now stays: it may be wanted again
    for (name, secret) in knowledge.secrets.iter().filter(|(name, _)| asked(name)) {
        keep(machine, &folder.join("secrets").join(name), secret.as_bytes())?;
    }
    Ok(())
}

fn keep(machine: &Machine, path: &Path, bytes: &[u8]) -> Result<()> {
    let place = tree::place(machine, path)?;
    let wanted = State::File { sha256: tree::sha256(bytes), meta: Meta { mode: 0o600, uid: 0, gid: 0 } };
    if place.look()?.0 == wanted { Ok(()) } else { place.write(bytes, Meta { mode: 0o600, uid: 0, gid: 0 }) }
}

fn asked<R: BufRead, W: Write>(module: &mut Confmodule<R, W>, installed: &Installed) -> Result<Source> {
    let mut answers = BTreeMap::new();
    for question in &installed.definition.questions {
        match module.get(&debconf_name(installed, &question.name)) {
            // nobody has answered; an earlier answer or the default counts
            Ok(value) if value.is_empty() && !question.optional => {}
            Ok(value) if value.is_empty() && question.is_secret() => {}
            Ok(value) => {
                answers.insert(question.name.clone(), question.of_debconf(&value));
            }
            // the seed package is not there, or is an older one
            Err(confmodule::Error::Unknown { .. }) => {}
            Err(e) => return Err(Error::Debconf { message: e.to_string() }),
        }
    }
    Ok(Source::new(Origin::Debconf, answers))
}

/// Debconf is no safe: the password is in the state folder now.
fn forget_passwords<R: BufRead, W: Write>(
    module: &mut Confmodule<R, W>,
    installed: &Installed,
) -> Result<()> {
    let own = installed.definition.questions.iter().filter(|q| q.is_secret());
    let own = own.map(|question| debconf_name(installed, &question.name));
    let databases = installed.definition.databases.iter().flat_map(|database| database.seeds());
    let given = databases.filter(|seed| seed.kind == "password").map(|seed| seed.question);
    for name in own.chain(given) {
        match module.reset(&name).and_then(|()| module.fset(&name, "seen", false)) {
            Ok(()) | Err(confmodule::Error::Unknown { .. }) => {}
            Err(e) => return Err(Error::Debconf { message: e.to_string() }),
        }
    }
    Ok(())
}

fn debconf_name(installed: &Installed, question: &str) -> String {
    debconf_copy::name_of(&installed.appliance.name, question)
}

fn folder(installed: &Installed) -> PathBuf {
    Path::new(crate::machine::STATE).join(&installed.appliance.name)
}

pub(crate) fn random(buffer: &mut [u8]) -> Result<(), SecretError> {
    let source = Path::new("/dev/urandom");
    File::open(source)
        .and_then(|mut f| f.read_exact(buffer))
        .map_err(|e| SecretError(format!("{}: {e}", source.display())))
}

pub(crate) fn refused(installed: &Installed, refusal: Refusal) -> Error {
    let Refusal::Obstacles(obstacles) = refusal else {
        return Error::Answer { question: "generated secrets".into(), message: refusal.to_string() };
    };
    let missing = |o: &Obstacle| match o {
        Obstacle::Missing { question, .. } => Some(question.clone()),
        _ => None,
    };
    if let Some(wrong) = obstacles.iter().find(|o| missing(o).is_none()) {
        return Error::Answer { question: installed.appliance.name.clone(), message: wrong.to_string() };
    }
    Error::Missing {
        appliance: installed.appliance.name.clone(),
        questions: obstacles.iter().filter_map(missing).collect(),
    }
}
