//! The control part, and what dpkg wants of the control paragraph.

use super::plan::Plan;
use crate::{Deb, Error, Member, Relations, Result, Version, paragraph, relation, tape, xz};
use std::io::{self, Write};

/// What names the package.
pub struct Identity<'a> {
    pub package: &'a str,
    pub version: Version,
    pub architecture: &'a str,
}

const NEEDED: [&str; 5] = ["Package", "Version", "Architecture", "Maintainer", "Description"];
const RELATIONS: [&str; 8] =
    ["Depends", "Pre-Depends", "Recommends", "Suggests", "Enhances", "Breaks", "Conflicts", "Replaces"];

/// Checks the control paragraph and the members' names.
pub fn identity(deb: &Deb) -> Result<Identity<'_>> {
    let package = deb.control.get("Package").unwrap_or_default();
    let error = |message: String| Error::Build { package: package.into(), message };
    for name in NEEDED {
        if deb.control.get(name).is_none_or(|value| value.trim().is_empty()) {
            return Err(error(format!("the field {name} is missing")));
        }
    }
    if !relation::is_package_name(package) {
        return Err(error("a package's name has lower case letters, digits and + - . only".into()));
    }
    let architecture = deb.control.get("Architecture").unwrap_or_default();
    if !architecture.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        return Err(error(format!("`{architecture}` is no architecture")));
    }
    if let Some((name, _)) = deb.control.iter().find(|(name, _)| !paragraph::is_field_name(name)) {
        return Err(error(format!("`{name}` is no field name")));
    }
    for name in RELATIONS {
        let text = deb.control.get(name).unwrap_or_default();
        text.parse::<Relations>().map_err(|e| error(format!("{name}: {e}")))?;
    }
    check_members(&deb.members).map_err(error)?;
    let version = deb.control.get("Version").unwrap_or_default();
    let version = version.parse().map_err(|e: Error| error(e.to_string()))?;
    Ok(Identity { package, version, architecture })
}

fn check_members(members: &[Member]) -> Result<(), String> {
    for (index, member) in members.iter().enumerate() {
        let name = member.name.as_str();
        let word = |b: u8| b.is_ascii_alphanumeric() || b"-_.+".contains(&b);
        if name.is_empty() || name.len() > 90 || name.starts_with('.') || !name.bytes().all(word) {
            return Err(format!("`{name}` is no name for a member of the control part"));
        }
        if matches!(name, "control" | "md5sums") {
            return Err(format!("the member {name} is made, not given"));
        }
        if members[..index].iter().any(|other| other.name == name) {
            return Err(format!("the member {name} is there twice"));
        }
    }
    Ok(())
}

/// `control.tar.xz`.
pub fn write(deb: &Deb, plan: &Plan, sums: &str) -> io::Result<Vec<u8>> {
    let mut control = deb.control.clone();
    if control.get("Installed-Size").is_none() {
        control.set_after("Maintainer", "Installed-Size", plan.installed_size().to_string());
    }
    let mut members = deb.members.clone();
    members.push(Member::file("control", control.to_string()));
    let conffiles = plan.conffiles();
    if !conffiles.is_empty() && !members.iter().any(|m| m.name == "conffiles") {
        members.push(Member::file("conffiles", conffiles));
    }
    if !sums.is_empty() {
        members.push(Member::file("md5sums", sums));
    }
    members.sort_by(|a, b| a.name.cmp(&b.name));
    let size = members.iter().map(|m| tape::entry_size(&m.name, "", m.content.len() as u64)).sum();
    let mut out = xz::encoder(vec![], size)?;
    tape::write_header(&mut out, &header("./", b'5', 0o755, 0, deb.mtime))?;
    let mut written = tape::BLOCK as u64;
    for member in &members {
        let len = member.content.len() as u64;
        tape::write_header(
            &mut out,
            &header(&format!("./{}", member.name), b'0', member.mode, len, deb.mtime),
        )?;
        out.write_all(&member.content)?;
        tape::pad(&mut out, len)?;
        written += tape::entry_size(&member.name, "", len);
    }
    tape::finish(&mut out, written)?;
    out.finish()
}

fn header(name: &str, kind: u8, mode: u32, size: u64, mtime: u64) -> tape::Header<'_> {
    tape::Header { name, kind, link: "", mode, size, mtime, owner: ("root", 0), group: ("root", 0) }
}
