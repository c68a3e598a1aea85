//! Relations between packages, as in `Depends` (Policy 7.1), one at a time.

use super::Mistake;
use deb::relation::Relation;

/// One relation: alternatives with `|` between them.
pub fn relation(text: &str) -> Result<Vec<Relation>, Mistake> {
    if let Some(at) = text.find(',') {
        return Err(
            Mistake::at(at, "several relations in one text").help("write each as an element of the list")
        );
    }
    let mut at = 0;
    let mut alternatives = vec![];
    for one in text.split('|') {
        let blanks = one.len() - one.trim_start().len();
        alternatives.push(alternative(one.trim()).map_err(|m| Mistake { at: m.at + at + blanks, ..m })?);
        at += one.len() + 1;
    }
    Ok(alternatives)
}

fn alternative(text: &str) -> Result<Relation, Mistake> {
    let name = text.split([' ', '(', ':', '[', '<', '=', '>']).next().unwrap_or("");
    super::package(name)?;
    let form = || format!("write it as `{name}` or `{name} (>= 1.2)`");
    let relation: Relation = text.parse().map_err(|e| match e {
        deb::Error::Relation { message, .. } => {
            Mistake::at(name.len(), format!("not a relation between packages: {message}")).help(form())
        }
        other => Mistake::at(name.len(), other.to_string()).help(form()),
    })?;
    if !relation.architectures.is_empty() || !relation.profiles.is_empty() {
        return Err(Mistake::at(
            name.len(),
            "architectures in `[ ]` and profiles in `< >` are for source packages",
        )
        .help(form()));
    }
    Ok(relation)
}
