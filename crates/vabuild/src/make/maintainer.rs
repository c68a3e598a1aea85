//! Maintainer scripts of ordinary packages: what debhelper's snippets do for systemd units, users, temporary files
//! and Python modules (dh_installsystemd(1), dh_installsysusers(1), dh_installtmpfiles(1), dh_python3(1)).

use super::{Error, shell::quote};
use appliance::model::{Package, PackageUnit};
use deb::Member;
use std::fmt::Write;

/// The scripts that the package needs, and only these.
pub fn scripts(package: &Package) -> Result<Vec<Member>, Error> {
    let units = Units::of(package)?;
    let scripts = [
        ("postinst", postinst(package, &units)),
        ("prerm", prerm(package, &units)),
        ("postrm", postrm(package, &units)),
    ];
    let needed = scripts.into_iter().filter(|(_, body)| !body.is_empty());
    Ok(needed.map(|(name, body)| Member::script(name, format!("#!/bin/sh\nset -e\n\n{body}"))).collect())
}

/// The file's name: the unit's.
pub fn unit_name(unit: &PackageUnit) -> Result<&str, Error> {
    let name = unit.source.rsplit('/').next().unwrap_or_default();
    match appliance::names::unit(name) {
        Ok(()) => Ok(name),
        Err(mistake) => Err(Error::Definition(format!("unit {}: {}", unit.source, mistake.message))),
    }
}

/// The units, by what is to be done with them. Each list quoted for a shell, empty when there is none.
#[derive(Default)]
struct Units {
    enable: Vec<String>,
    restart: String,
    /// Started by others, such as a socket: restarted on upgrade when they run.
    restart_running: String,
    start: String,
    stop: String,
    /// Patterns for the running instances of templates.
    instances: String,
    all: String,
}

impl Units {
    fn of(package: &Package) -> Result<Self, Error> {
        let mut units = Units::default();
        for unit in &package.units {
            let quoted = quote(unit_name(unit)?);
            let add = |list: &mut String| {
                list.push(' ');
                list.push_str(&quoted);
            };
            add(&mut units.all);
            // a template has no instance that could be started or stopped by this name
            if unit.source.contains("@.") {
                units.instances.push(' ');
                units.instances.push_str(&quote(&unit_name(unit)?.replace("@.", "@*.")));
            } else {
                add(&mut units.stop);
                // a socket goes on listening, so that whoever connects during an upgrade waits instead of being
                // refused; and a port that was just given up may not be free yet
                let keep = unit.keep_running || unit.source.ends_with(".socket");
                match unit.start {
                    true => add(if keep { &mut units.start } else { &mut units.restart }),
                    false if !keep && !unit.enable => add(&mut units.restart_running),
                    false => {}
                }
            }
            if unit.enable {
                units.enable.push(quoted);
            }
        }
        Ok(units)
    }
}

fn postinst(package: &Package, units: &Units) -> String {
    let mut body = String::new();
    if package.sysusers.is_some() {
        let _ =
            writeln!(body, "    systemd-sysusers ${{DPKG_ROOT:+--root=\"$DPKG_ROOT\"}} {}", conf(package));
    }
    if package.tmpfiles.is_some() {
        let _ = writeln!(
            body,
            "    if [ -x \"$(command -v systemd-tmpfiles)\" ]; then\n        \
             systemd-tmpfiles ${{DPKG_ROOT:+--root=\"$DPKG_ROOT\"}} --create {} || true\n    fi",
            conf(package)
        );
    }
    for folder in &package.python {
        let _ = writeln!(
            body,
            "    if command -v py3compile >/dev/null 2>&1; then\n        py3compile -p {} {}\n    fi",
            quote(&package.name),
            quote(folder)
        );
    }
    for unit in &units.enable {
        // an administrator who disabled the unit finds it disabled after the upgrade
        let _ = write!(
            body,
            "    deb-systemd-helper unmask {unit} >/dev/null || true\n    \
             if deb-systemd-helper --quiet was-enabled {unit}; then\n        \
             deb-systemd-helper enable {unit} >/dev/null || true\n    else\n        \
             deb-systemd-helper update-state {unit} >/dev/null || true\n    fi\n"
        );
    }
    if !package.units.is_empty() {
        body.push_str("    if [ -z \"${DPKG_ROOT:-}\" ] && [ -d /run/systemd/system ]; then\n");
        body.push_str("        systemctl --system daemon-reload >/dev/null || true\n");
        if !units.restart.is_empty() {
            body.push_str("        action=start\n        if [ -n \"$2\" ]; then action=restart; fi\n");
            let _ =
                writeln!(body, "        deb-systemd-invoke \"$action\"{} >/dev/null || true", units.restart);
        }
        if !units.start.is_empty() {
            let _ = writeln!(body, "        deb-systemd-invoke start{} >/dev/null || true", units.start);
        }
        if !units.restart_running.is_empty() {
            // deb-systemd-invoke passes over a static unit that does not run, saying so
            let _ = writeln!(
                body,
                "        if [ -n \"$2\" ]; then deb-systemd-invoke restart{} >/dev/null 2>&1 || true; fi",
                units.restart_running
            );
        }
        body.push_str("    fi\n");
    }
    match body.is_empty() {
        true => body,
        false => format!(
            "case \"$1\" in\nconfigure | abort-upgrade | abort-deconfigure | abort-remove)\n{body}    ;;\nesac\n"
        ),
    }
}

fn prerm(package: &Package, units: &Units) -> String {
    let mut body = String::new();
    if !package.python.is_empty() {
        let name = quote(&package.name);
        let _ = write!(
            body,
            "if command -v py3clean >/dev/null 2>&1; then\n    py3clean -p {name}\nelse\n    \
             dpkg -L {name} | sed -En -e '/^(.*)\\/(.+)\\.py$/s,,rm \"\\1/__pycache__/\\2\".*,e'\nfi\n"
        );
    }
    if !units.stop.is_empty() {
        let _ = write!(
            body,
            "if [ -z \"${{DPKG_ROOT:-}}\" ] && [ \"$1\" = remove ] && [ -d /run/systemd/system ]; then\n    \
             deb-systemd-invoke stop{} >/dev/null || true\nfi\n",
            units.stop
        );
    }
    if !units.instances.is_empty() {
        let _ = write!(
            body,
            "if [ -z \"${{DPKG_ROOT:-}}\" ] && [ \"$1\" = remove ] && [ -d /run/systemd/system ]; then\n    \
             systemctl --system stop{} >/dev/null || true\nfi\n",
            units.instances
        );
    }
    body
}

fn postrm(package: &Package, units: &Units) -> String {
    let mut body = String::new();
    if !package.units.is_empty() {
        let _ = write!(
            body,
            "if [ \"$1\" = remove ] && [ -z \"${{DPKG_ROOT:-}}\" ] && [ -d /run/systemd/system ]; then\n    \
             systemctl --system daemon-reload >/dev/null || true\nfi\n\
             if [ \"$1\" = purge ] && command -v deb-systemd-helper >/dev/null; then\n    \
             deb-systemd-helper purge{} >/dev/null || true\nfi\n",
            units.all
        );
    }
    if !package.purge.is_empty() {
        let folders: Vec<String> = package.purge.iter().map(|folder| quote(folder)).collect();
        let _ = write!(body, "if [ \"$1\" = purge ]; then\n    rm -rf -- {}\nfi\n", folders.join(" "));
    }
    body
}

/// Where sysusers.d(5) and tmpfiles.d(5) files are installed: by the package's name.
pub fn conf_name(package: &Package) -> String {
    format!("{}.conf", package.name)
}

fn conf(package: &Package) -> String {
    quote(&conf_name(package))
}
