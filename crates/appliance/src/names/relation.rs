//! Relations between packages, as in `Depends` (Policy 7.1).

use super::Mistake;

/// One of the packages that fulfil a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative {
    pub package: String,
    /// After the colon: `any`, or an architecture.
    pub architecture: Option<String>,
    /// `<<`, `<=`, `=`, `>=` or `>>`, and the version.
    pub version: Option<(String, String)>,
}

/// One relation: alternatives with `|` between them.
pub fn relation(text: &str) -> Result<Vec<Alternative>, Mistake> {
    if let Some(at) = text.find(',') {
        return Err(
            Mistake::at(at, "several relations in one text").help("write each as an element of the list")
        );
    }
    let mut at = 0;
    let mut alternatives = vec![];
    for one in text.split('|') {
        let skipped = one.len() - one.trim_start().len();
        alternatives.push(alternative(one.trim()).map_err(|m| Mistake { at: m.at + at + skipped, ..m })?);
        at += one.len() + 1;
    }
    Ok(alternatives)
}

fn alternative(text: &str) -> Result<Alternative, Mistake> {
    let end = text.find([' ', '(', '[', '<', '=', '>']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let (name, architecture) = match name.split_once(':') {
        Some((name, arch)) => (name, Some(arch)),
        None => (name, None),
    };
    super::package(name)?;
    if let Some(arch) = architecture
        && (arch.is_empty()
            || !arch.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'))
    {
        return Err(Mistake::at(name.len() + 1, "not an architecture").help("write `:any`, or leave it out"));
    }
    let version = version(rest.trim_start(), end + rest.len() - rest.trim_start().len(), name)?;
    Ok(Alternative { package: name.into(), architecture: architecture.map(str::to_owned), version })
}

fn version(rest: &str, at: usize, name: &str) -> Result<Option<(String, String)>, Mistake> {
    if rest.is_empty() {
        return Ok(None);
    }
    let form = || format!("write it as `{name}` or `{name} (>= 1.2)`");
    let Some(inside) = rest.strip_prefix('(').and_then(|r| r.strip_suffix(')')) else {
        return Err(Mistake::at(at, "not a relation between packages").help(form()));
    };
    let operators = ["<<", "<=", ">=", ">>", "="];
    let trimmed = inside.trim_start();
    let at = at + 1 + inside.len() - trimmed.len();
    let Some(operator) = operators.into_iter().find(|o| trimmed.starts_with(o)) else {
        return Err(
            Mistake::at(at, "not a comparison of versions").help("there are `<<`, `<=`, `=`, `>=` and `>>`")
        );
    };
    let number = trimmed[operator.len()..].trim();
    super::version(number).map_err(|m| Mistake { at: at + operator.len() + 1 + m.at, ..m })?;
    Ok(Some((operator.into(), number.into())))
}
