//! What starts tasks, with files in and out.

use crate::{
    cli::{
        follow, plugin,
        session::{self, Session, Usage, strange},
    },
    text,
};
use ::plugin::copy;
use anyhow::{Context, Result, bail};
use broker_protocol::{Answer, Ask, Task, Work};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Bytes between two looks at how much room the disk has.
const LOOK_EVERY: u64 = 8 << 20;

pub fn cancel(session: &Session, id: String) -> Result<ExitCode> {
    session.ask(Ask::Cancel { id: session::task_id(id)? })?;
    Ok(ExitCode::SUCCESS)
}

/// `action PLUGIN ACTION`
pub fn action(
    session: &Session,
    plugin: String,
    action: String,
    set: &[String],
    files: &[String],
    wait: bool,
) -> Result<ExitCode> {
    let mut parameters = BTreeMap::new();
    for pair in set {
        let (name, value) = split(pair)?;
        parameters.insert(name.into(), value_of(value)?);
    }
    let (parameters, _held) = with_files(session, parameters, files)?;
    run(session, Work::Action { plugin, action, parameters }, wait)
}

/// The parameters with those that are files (`NAME=PATH`) handed over, and what has to be held until the task has started.
pub fn with_files(
    session: &Session,
    mut parameters: BTreeMap<String, String>,
    files: &[String],
) -> Result<(BTreeMap<String, String>, Vec<File>)> {
    let mut held = vec![];
    for pair in files {
        let (name, path) = split(pair)?;
        let (id, file) = upload(session, Path::new(path))?;
        parameters.insert(name.into(), id);
        held.push(file);
    }
    Ok((parameters, held))
}

/// `backup NAME -o FILE`: runs the plugin's action, then fetches what it made.
pub fn backup(session: &Session, appliance: String, output: &Path) -> Result<ExitCode> {
    // better known before an hour of work than after it
    let (file, new) = beside(output)?;
    let fetched = make_and_fetch(session, appliance, file);
    let code = match &fetched {
        Ok(Some(size)) => {
            fs::rename(&new, output)
                .with_context(|| format!("cannot put the backup at {}", output.display()))?;
            let words = format!("{} ({})", output.display(), text::size(*size));
            if session.json {
                session.print_json(&serde_json::json!({ "file": output, "size": size }))?;
            } else {
                writeln!(io::stdout(), "{words}")?;
            }
            ExitCode::SUCCESS
        }
        _ => {
            let _ = fs::remove_file(&new);
            ExitCode::FAILURE
        }
    };
    fetched.map(|_| code)
}

/// Bytes of the backup, which is then in `file`; none when the task failed and has said so.
fn make_and_fetch(session: &Session, appliance: String, mut file: File) -> Result<Option<u64>> {
    let work = Work::Action { plugin: appliance, action: "backup".into(), parameters: BTreeMap::new() };
    let (task, code) = follow::to_the_end(session, start(session, work)?)?;
    if code != ExitCode::SUCCESS {
        return Ok(None);
    }
    let Some(artifact) = task.artifacts.first() else {
        bail!("the backup ended well but made no file: appliance-control task log {}", task.id);
    };
    let ask = Ask::Artifact { id: task.id.clone(), name: artifact.name.clone() };
    let (Answer::File { size }, descriptor) = session.ask_for_file(ask)? else { return Err(strange()) };
    let copied = io::copy(&mut File::from(descriptor), &mut file).context("cannot write the backup")?;
    if copied != size {
        bail!("the backup broke off: {copied} of {size} bytes came");
    }
    file.sync_all().context("cannot write the backup")?;
    Ok(Some(size))
}

/// `restore NAME FILE`
pub fn restore(session: &Session, appliance: String, file: &Path) -> Result<ExitCode> {
    let (id, _held) = upload(session, file)?;
    let parameters = BTreeMap::from([("archive".to_owned(), id)]);
    run(session, Work::Action { plugin: appliance, action: "restore".into(), parameters }, true)
}

pub fn start(session: &Session, work: Work) -> Result<Task> {
    match session.ask(Ask::Start { work })? {
        Answer::Task(task) => Ok(task),
        _ => Err(strange()),
    }
}

/// Starts the work, and follows it to its end unless it shall only be started.
pub fn run(session: &Session, work: Work, wait: bool) -> Result<ExitCode> {
    started(session, start(session, work)?, wait)
}

/// Follows a task that was just started, or says how to.
pub fn started(session: &Session, task: Task, wait: bool) -> Result<ExitCode> {
    if wait {
        let (task, code) = follow::to_the_end(session, task)?;
        for artifact in task.artifacts.iter().filter(|_| !session.json) {
            writeln!(io::stdout(), "{} lies in task {}", text::harmless(&artifact.name), task.id)?;
        }
        if task.secrets > 0 && !session.json {
            plugin::secrets(session, task.id)?;
        }
        return Ok(code);
    }
    if session.json {
        session.print_json(&task)?;
    } else {
        let title = text::harmless(&task.title);
        writeln!(
            io::stdout(),
            "{title}: started. Follow it with: appliance-control task log --follow {}",
            task.id
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

pub fn split(pair: &str) -> Result<(&str, &str)> {
    let Some(parts) = pair.split_once('=').filter(|(name, _)| !name.is_empty()) else {
        bail!(Usage("a parameter is given as NAME=VALUE".into()));
    };
    Ok(parts)
}

/// `@FILE` and `@-` keep passwords out of the list of processes.
pub fn value_of(value: &str) -> Result<String> {
    let mut text = String::new();
    match value.strip_prefix('@') {
        None => return Ok(value.into()),
        Some("-") => io::stdin().read_to_string(&mut text).context("cannot read standard input")?,
        Some(path) => {
            let mut file = File::open(path).with_context(|| format!("cannot open {path}"))?;
            file.read_to_string(&mut text).with_context(|| format!("cannot read {path}"))?
        }
    };
    Ok(text.strip_suffix('\n').unwrap_or(&text).into())
}

/// Hands a file to the broker; its id is the parameter's value. The broker keeps the upload for as long as the file that
/// comes with it is held.
fn upload(session: &Session, path: &Path) -> Result<(String, File)> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) => bail!(Usage(format!("cannot open {}: {error}", path.display()))),
    };
    let (Answer::Upload { id }, descriptor) = session.ask_for_file(Ask::CreateUpload {})? else {
        return Err(strange());
    };
    let held = File::from(descriptor);
    let handed = || loop {
        copy::room(&held)?;
        if io::copy(&mut (&file).take(LOOK_EVERY), &mut &held)? == 0 {
            return Ok(());
        }
    };
    handed().map_err(|e: io::Error| {
        anyhow::Error::new(e).context(format!("cannot hand over {}", path.display()))
    })?;
    Ok((id, held))
}

/// A new file beside `output`, for root alone, to be renamed when it is whole.
fn beside(output: &Path) -> Result<(File, PathBuf)> {
    let Some(name) = output.file_name() else {
        bail!(Usage(format!("{} is no file name", output.display())))
    };
    let mut new = name.to_owned();
    new.push(".part");
    let new = output.with_file_name(new);
    // one that is there may be a link, or be somebody else's and open to him
    let _ = fs::remove_file(&new);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let file = options.open(&new).with_context(|| format!("cannot write {}", new.display()))?;
    Ok((file, new))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, symlink};

    #[test]
    fn a_backup_follows_no_link_and_takes_no_file_that_lies_in_wait() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("victim"), "kept").unwrap();
        symlink(path("victim"), path("link.part")).unwrap();
        fs::write(path("open.part"), "").unwrap();
        fs::set_permissions(path("open.part"), std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
        for name in ["link", "open"] {
            let (_, new) = beside(&path(name)).unwrap();
            let meta = fs::symlink_metadata(new).unwrap();
            assert!(meta.is_file() && meta.mode() & 0o777 == 0o600, "{name}");
        }
        assert_eq!(fs::read_to_string(path("victim")).unwrap(), "kept");
    }
}
