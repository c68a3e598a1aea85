//! What dpkg knows of the packages on the machine.

use crate::Error;
use exec::Program;
use std::collections::BTreeSet;

/// One package that dpkg knows, whatever its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// With the architecture where dpkg needs it to tell two apart (`libc6:i386`).
    pub name: String,
    pub version: String,
    pub summary: String,
    pub state: State,
}

/// How far dpkg is with it (dpkg(1), "Package states").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Installed,
    /// Removed, its configuration files are still there.
    ConfigFiles,
    /// Unpacked or half done: an interrupted or failed run.
    Unfinished,
    /// Installed but for a trigger, which the next run of apt or dpkg sees to.
    Triggers,
    /// Must be unpacked again.
    Broken,
    NotInstalled,
}

/// All packages that dpkg knows, by name.
pub fn packages() -> Result<Vec<Package>, Error> {
    let format = "${db:Status-Abbrev}\t${binary:Package}\t${Version}\t${binary:Summary}\n";
    let output = Program::new("dpkg-query").args(["-W", "-f", format]).run()?;
    Ok(parse(&output.text()))
}

/// One package; None when dpkg does not know it.
pub fn package(name: &str) -> Result<Option<Package>, Error> {
    crate::name::check(&[name])?;
    let format = "${db:Status-Abbrev}\t${binary:Package}\t${Version}\t${binary:Summary}\n";
    let output = Program::new("dpkg-query").args(["-W", "-f", format, "--", name]).output()?;
    Ok(parse(&output.text()).into_iter().next())
}

/// Those that are there in any way, be it with their configuration files only, by the names that apt prints: with the
/// architecture only where it is not the machine's own.
pub fn names() -> Result<BTreeSet<String>, Error> {
    let native = format!(":{}", Program::new("dpkg").arg("--print-architecture").run()?.text().trim());
    let there = packages()?.into_iter().filter(|p| p.state != State::NotInstalled);
    Ok(there.map(|p| p.name.strip_suffix(&native).map(str::to_owned).unwrap_or(p.name)).collect())
}

fn parse(text: &str) -> Vec<Package> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.splitn(4, '\t');
            let state = state(fields.next()?);
            let mut field = || fields.next().map(str::to_owned);
            Some(Package { state, name: field()?, version: field()?, summary: field().unwrap_or_default() })
        })
        .collect()
}

/// Wanted, status and error, one letter each: `ii `, `iHR`.
fn state(abbreviation: &str) -> State {
    let mut letters = abbreviation.chars().skip(1);
    match (letters.next(), letters.next()) {
        (_, Some('R')) => State::Broken,
        (Some('i'), _) => State::Installed,
        (Some('t' | 'W'), _) => State::Triggers,
        (Some('c'), _) => State::ConfigFiles,
        (Some('n') | None, _) => State::NotInstalled,
        _ => State::Unfinished,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_fields() {
        let text = "ii \tadduser\t3.152\tadd and remove users\niHR\tfoo\t1\t\nrc \tbar\t2\tx\niU \tbaz\t1\ty\niF \tq\t1\tz\nit \tt\t1\tz\nun \tnone\t\t\n";
        let states: Vec<State> = parse(text).iter().map(|p| p.state).collect();
        use State::*;
        assert_eq!(states, [Installed, Broken, ConfigFiles, Unfinished, Unfinished, Triggers, NotInstalled]);
        assert_eq!(parse(text)[0].summary, "add and remove users");
    }
}
