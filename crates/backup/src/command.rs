//! The program `appliance-backup`: for a person, and with `--plugin` as an action of the management page (events as JSON
//! Lines on standard output, the parameters as one line of JSON on standard input; crate `plugin`).

use crate::{Error, Work, create, journal::Held, quiesce::Systemd, restore};
use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use configure::{Machine, installed};
use events::{Kind, Status};
use std::{
    collections::BTreeMap,
    env, io,
    io::{BufRead, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
    time::{SystemTime, UNIX_EPOCH},
};

/// Saves an appliance's data, answers and secrets in one file, and puts them back.
///
/// Exit status: 0 done, 1 it failed, 2 the archive or the definition is wrong, 3 not possible here, 5 the disk is full.
#[derive(Parser)]
#[command(name = "appliance-backup", version)]
pub struct Arguments {
    /// Speak the plugin protocol on standard input and output
    #[arg(long)]
    plugin: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Saves the appliance
    Create {
        name: String,
        /// The file to write [default: NAME-DATE.tar.zst here]
        #[arg(short, long)]
        output: Option<PathBuf>,
    },
    /// Ends what a run that was killed has left: lets the units run again, brings the old data back or keeps the new
    Repair {
        /// Of all appliances, without a name
        name: Option<String>,
    },
    /// Puts a backup back; on any error the machine is as it was
    Restore { name: String, file: Option<PathBuf> },
}

/// Reads the arguments, does the work, prints what went wrong.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let plugin = arguments.plugin;
    let tell = &mut |kind: Kind| if plugin { event(&kind) } else { line(&kind) };
    match run(arguments, tell) {
        Ok(message) => {
            tell(Kind::Result { status: Status::Ok, message, details: vec![] });
            ExitCode::SUCCESS
        }
        Err(error) => {
            let found = error.downcast_ref::<Error>();
            let status =
                if matches!(found, Some(Error::Stopped)) { Status::Cancelled } else { Status::Failed };
            tell(Kind::Result { status, message: format!("{error:#}"), details: vec![] });
            ExitCode::from(found.map_or(1, Error::exit_code))
        }
    }
}

fn run(arguments: Arguments, tell: &mut dyn FnMut(Kind)) -> Result<String> {
    if !rustix::process::geteuid().is_root() {
        return Err(Error::from(configure::Error::NotRoot).into());
    }
    let (machine, plugin) = (Machine::here(), arguments.plugin);
    let parameters = if plugin { parameters()? } else { BTreeMap::new() };
    match arguments.command {
        Command::Create { name, output } => {
            let path = output.map_or_else(|| target(&name, plugin), Ok)?;
            let size = with(&machine, &name, tell, &mut |work| create(work, &path))?;
            if plugin {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                tell(Kind::Artifact { name, size, title: Some("Backup".into()) });
            }
            Ok(format!("saved in {} ({} kB)", shown(&path, plugin), size.div_ceil(1000)))
        }
        Command::Restore { name, file } => {
            let Some(file) = file.or_else(|| parameters.get("archive").map(PathBuf::from)) else {
                bail!("no backup was named");
            };
            with(&machine, &name, tell, &mut |work| restore(work, &file))?;
            Ok("the backup is in place and the application runs with it".into())
        }
        Command::Repair { name } => repair(&machine, name),
    }
}

/// Does the work on an appliance, until SIGTERM or SIGINT.
fn with<T>(
    machine: &Machine,
    name: &str,
    tell: &mut dyn FnMut(Kind),
    work: &mut dyn FnMut(&mut Work) -> crate::Result<T>,
) -> Result<T> {
    let installed = installed::load(machine, name).map_err(Error::from)?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, stop.clone()).context("cannot listen to signals")?;
    }
    Ok(work(&mut Work { machine, installed: &installed, services: &Systemd, stop, tell })?)
}

fn repair(machine: &Machine, name: Option<String>) -> Result<String> {
    let names = match name {
        Some(name) => vec![installed::load(machine, &name).map_err(Error::from)?.appliance.name],
        None => installed::list(machine).map_err(Error::from)?.into_iter().map(|(name, _)| name).collect(),
    };
    let left: Vec<String> = names.into_iter().filter(|name| Held::is_left(machine, name)).collect();
    for name in &left {
        Held::take(machine, name, &Systemd)?;
    }
    Ok(if left.is_empty() { "nothing to repair".into() } else { format!("repaired: {}", left.join(", ")) })
}

/// `NAME-YYYYMMDD-HHMMSS.tar.zst`, UTC, where artifacts go or here.
fn target(name: &str, plugin: bool) -> Result<PathBuf> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let file = format!("{name}-{}.tar.zst", stamp(seconds));
    match (plugin, env::var_os("ARTIFACTS_DIRECTORY")) {
        (true, Some(folder)) => Ok(Path::new(&folder).join(file)),
        (true, None) => bail!("ARTIFACTS_DIRECTORY is not set"),
        (false, _) => Ok(file.into()),
    }
}

/// Civil date of a time in UTC (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn stamp(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}-{:02}{:02}{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}

fn shown(path: &Path, plugin: bool) -> String {
    let name = if plugin { path.file_name().unwrap_or_default() } else { path.as_os_str() };
    name.to_string_lossy().into_owned()
}

/// The line of parameters that a plugin's program gets; bounded.
fn parameters() -> Result<BTreeMap<String, String>> {
    #[derive(serde::Deserialize)]
    struct Input {
        #[serde(default)]
        parameters: BTreeMap<String, String>,
    }
    let mut line = String::new();
    io::stdin().lock().take(1 << 20).read_line(&mut line).context("cannot read the parameters")?;
    if line.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    Ok(serde_json::from_str::<Input>(&line)
        .context("the parameters are no JSON of the known form")?
        .parameters)
}

fn event(kind: &Kind) {
    let line = serde_json::to_string(kind).unwrap_or_default();
    // nobody reads: the work goes on, its result is on disk
    let _ = writeln!(io::stdout(), "{line}");
}

fn line(kind: &Kind) {
    let mut err = io::stderr();
    let _ = match kind {
        Kind::Phase { title, index, of, .. } => {
            writeln!(err, "[{}/{}] {title}", index.unwrap_or(0), of.unwrap_or(0))
        }
        Kind::Progress { percent, detail } => writeln!(err, "  {percent:3.0} % {detail}"),
        Kind::Warning { message } => writeln!(err, "warning: {message}"),
        Kind::Result { status: Status::Ok, message, .. } => writeln!(io::stdout(), "{message}"),
        Kind::Result { message, .. } => writeln!(err, "appliance-backup: {message}"),
        _ => Ok(()),
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn stamps_are_what_date_prints() {
        // date -u -d @N +%Y%m%d-%H%M%S
        let cases =
            [(0, "19700101-000000"), (951_827_696, "20000229-123456"), (1_795_420_799, "20261123-075959")];
        for (seconds, text) in cases {
            assert_eq!(super::stamp(seconds), text);
        }
    }
}
