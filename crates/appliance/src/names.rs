//! What names, versions, paths and relations may look like, each with its source.

mod paths;
mod relation;

pub use answer::Mistake;
pub use paths::{folder_path, machine_path, mode};
pub use relation::relation;

/// A package's name (Policy 5.6.7): lower case letters, digits, `+`, `-`, `.`; two characters at least.
pub fn package(name: &str) -> Result<(), Mistake> {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let help = "use lower case letters, digits and `+`, `-`, `.`, beginning with a letter or digit";
    if let Some(at) = name.find(|c: char| !letter(c) && !"+-.".contains(c)) {
        let suggestion = name.to_lowercase().replace(['_', ' '], "-");
        let wrong = Mistake::at(at, "not a Debian package name");
        let better = suggestion != name && package(&suggestion).is_ok();
        return Err(wrong.help(if better { format!("write `{suggestion}`") } else { help.into() }));
    }
    if name.len() < 2 || !name.starts_with(letter) {
        return Err(Mistake::new(
            "not a Debian package name: two characters at least, the first a letter or digit",
        )
        .help(help));
    }
    if name.len() > 100 {
        return Err(Mistake::new("too long for a package name").help("use at most 100 characters"));
    }
    Ok(())
}

/// An appliance's name: a package name that is also safe as a word in unit names, web addresses and file names.
pub fn appliance(name: &str) -> Result<(), Mistake> {
    package(name)?;
    if let Some(at) = name.find(['+', '.']) {
        return Err(Mistake::at(at, "an appliance's name has no `+` and no `.`")
            .help("use letters, digits and hyphens"));
    }
    if name.len() > 40 {
        return Err(Mistake::at(40, "an appliance's name has at most 40 characters"));
    }
    if name.ends_with("-appliance") || name.ends_with("-seed") || name.starts_with("appliance-control") {
        return Err(Mistake::new("this ending or beginning is taken by the packages that are made")
            .help("write the application's name only: `moinmoin` becomes `moinmoin-appliance`"));
    }
    Ok(())
}

/// The name of a question, step, action or parameter: lower case letters, digits and single hyphens, a letter first.
pub fn question(name: &str) -> Result<(), Mistake> {
    let help = || match corrected(name) {
        better if better != name && question(&better).is_ok() => format!("write `{better}`"),
        _ => "use lower case letters, digits and hyphens, a letter first".into(),
    };
    let wrong = |at| Mistake::at(at, "not a valid name");
    if let Some(at) = name.find(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit() && c != '-') {
        return Err(wrong(at).help(help()));
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || name.ends_with('-') || name.contains("--") {
        return Err(wrong(0).help(help()));
    }
    if name.len() > 60 {
        return Err(wrong(60).help("use at most 60 characters"));
    }
    Ok(())
}

/// What was probably meant by a name that is none.
pub(crate) fn corrected(name: &str) -> String {
    let hyphened = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    name.chars().map(hyphened).collect::<String>().trim_matches('-').to_owned()
}

/// A debconf question, as debconf-show(1) prints it: `package/name`, printable and without spaces.
pub fn debconf_question(name: &str) -> Result<(), Mistake> {
    if let Some(at) = name.find(|c: char| !c.is_ascii_graphic()) {
        return Err(Mistake::at(at, "not the name of a debconf question").help("use ASCII without spaces"));
    }
    match name.split_once('/') {
        Some((owner, rest)) if !owner.is_empty() && !rest.is_empty() => Ok(()),
        _ => Err(Mistake::new("not the name of a debconf question")
            .help("write it as `debconf-show PACKAGE` prints it, such as `postfix/mailname`")),
    }
}

/// A version (Policy 5.6.12): `[epoch:]upstream[-revision]`, the upstream version beginning with a digit.
pub fn version(version: &str) -> Result<(), Mistake> {
    let help = "write one such as `1.0`, `2.0~b5-1` or `1:1.2-3`";
    if version.len() > 100 {
        return Err(Mistake::at(100, "a version of more than 100 characters").help(help));
    }
    match version.parse::<deb::Version>() {
        Ok(_) => Ok(()),
        Err(deb::Error::Version { message, .. }) => {
            Err(Mistake::new(format!("not a Debian version: {message}")).help(help))
        }
        Err(other) => Err(Mistake::new(other.to_string()).help(help)),
    }
}

/// A maintainer (Policy 5.6.2): `Name <address>`.
pub fn maintainer(text: &str) -> Result<(), Mistake> {
    let wrong =
        |at, why: &str| Err(Mistake::at(at, why).help("write it as `Ada Lovelace <ada@example.org>`"));
    let Some((name, rest)) = text.split_once('<') else {
        return wrong(0, "a maintainer is a name and a mail address in `<` `>`");
    };
    if name.trim().is_empty() || name.contains(['>', '"']) || text.contains(char::is_control) {
        return wrong(0, "the maintainer's name is missing or has characters that do not belong there");
    }
    match rest.strip_suffix('>') {
        Some(address) if crate::answers::forms::email(address).is_ok() => Ok(()),
        _ => wrong(name.len(), "not a mail address in `<` `>`"),
    }
}

/// A system user or group as systemd takes it in its strict mode (systemd.io, "User/Group Name Syntax").
pub fn user(name: &str) -> Result<(), Mistake> {
    let help = "use lower case letters, digits, `_` and `-`, a letter or `_` first, at most 31 characters";
    if let Some(at) =
        name.find(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit() && c != '_' && c != '-')
    {
        return Err(Mistake::at(at, "not a user's name").help(help));
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') || name.len() > 31 {
        return Err(Mistake::new("not a user's name").help(help));
    }
    Ok(())
}

/// A unit's name with its suffix (systemd.unit(5)).
pub fn unit(name: &str) -> Result<(), Mistake> {
    const KINDS: [&str; 8] =
        [".service", ".socket", ".timer", ".path", ".target", ".mount", ".automount", ".slice"];
    if let Some(at) = name.find(|c: char| !c.is_ascii_alphanumeric() && !":-_.\\@".contains(c)) {
        return Err(Mistake::at(at, "not a unit's name")
            .help("a unit's name has letters, digits and `:`, `-`, `_`, `.`, `@`"));
    }
    match KINDS.iter().find_map(|k| name.strip_suffix(k)) {
        Some(stem) if !stem.is_empty() && name.len() <= 255 => Ok(()),
        _ => Err(Mistake::new("a unit's name without its suffix")
            .help(format!("write `{name}.service`, or the suffix of its kind"))),
    }
}

/// A site, module or configuration of Apache: a file's name without its folder and suffix.
pub fn apache(name: &str) -> Result<(), Mistake> {
    if let Some(stem) = name.strip_suffix(".conf").or(name.strip_suffix(".load")) {
        return Err(Mistake::at(stem.len(), "named without its suffix").help(format!("write `{stem}`")));
    }
    if let Some(at) = name.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c)) {
        return Err(Mistake::at(at, "not a name in Apache's folders")
            .help("write the file's name only, without folder and suffix"));
    }
    if name.is_empty() || name.starts_with(['-', '.']) {
        return Err(
            Mistake::new("not a name in Apache's folders").help("write a file's name, such as `000-default`")
        );
    }
    Ok(())
}

/// A code name of Debian: lower case letters.
pub fn release(name: &str) -> Result<(), Mistake> {
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase()) {
        return Err(
            Mistake::new("not the code name of a Debian release").help("write a code name such as `trixie`")
        );
    }
    Ok(())
}

/// Of an archive: 64 lower case hexadecimal digits.
pub fn sha256(text: &str) -> Result<(), Mistake> {
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() == 64 && text.bytes().all(digit) {
        return Ok(());
    }
    let help = if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        format!("write it in lower case: `{}`", text.to_lowercase())
    } else {
        "`sha256sum FILE` prints it".into()
    };
    Err(Mistake::new("not a SHA256: it has 64 hexadecimal digits in lower case").help(help))
}
