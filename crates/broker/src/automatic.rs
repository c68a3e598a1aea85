//! Updates that install themselves: by unattended-upgrades, Debian's own program, which we tell what, when, and when it may restart
//! the machine. All that is written is our own: a file of apt.conf(5) behind Debian's, and drop-ins for apt's timers.

use crate::machine::file;
use apt::installed;
use broker_protocol::{Automatic, Which};
use exec::Program;
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// Debian's program.
pub const PACKAGE: &str = "unattended-upgrades";
/// When Debian's timer installs.
const DEBIANS_TIME: &str = "06:00";
/// In front of the settings as JSON: the file is what they are read from, too.
const MARK: &str = "// settings: ";
const PATIENCE: Duration = Duration::from_secs(60);

/// Our file of apt.conf(5). Later than Debian's `20auto-upgrades` and `50unattended-upgrades`.
fn configuration(root: &Path) -> PathBuf {
    root.join("etc/apt/apt.conf.d/60appliance-control")
}

fn drop_in(root: &Path, timer: &str) -> PathBuf {
    root.join(format!("etc/systemd/system/{timer}.d/appliance-control.conf"))
}

/// The settings in use: ours, or what the machine does without.
pub fn look() -> Automatic {
    if let Some(own) = read(Path::new("/")) {
        return own;
    }
    let there =
        installed::package(PACKAGE).ok().flatten().is_some_and(|p| p.state == installed::State::Installed);
    let asked =
        Program::new("apt-config").args(["shell", "ON", "APT::Periodic::Unattended-Upgrade"]).output();
    let on = asked.is_ok_and(|o| {
        o.text().trim().trim_start_matches("ON=").trim_matches('\'').parse().is_ok_and(|n: u32| n > 0)
    });
    // Debian's own configuration installs corrections of the release, too
    let install = if there && on { Which::All } else { Which::Nothing };
    Automatic { install, at: DEBIANS_TIME.into(), restart: None }
}

fn read(root: &Path) -> Option<Automatic> {
    let text = fs::read_to_string(configuration(root)).ok()?;
    serde_json::from_str(text.lines().find_map(|l| l.strip_prefix(MARK))?).ok()
}

/// Writes the files, and tells the system manager.
pub fn apply(settings: &Automatic) -> Result<(), String> {
    write(Path::new("/"), settings).map_err(|e| format!("The settings cannot be written: {e}."))?;
    let timers = ["apt-daily.timer", "apt-daily-upgrade.timer"];
    let mut orders = vec![vec!["daemon-reload"]];
    if settings.install != Which::Nothing {
        orders.push([&["enable"], &timers[..]].concat());
        orders.push([&["restart"], &timers[..]].concat());
    }
    for order in orders {
        let output =
            Program::new("systemctl").arg("--no-ask-password").args(order).timeout(PATIENCE).output();
        match output {
            Ok(output) if output.success() => {}
            Ok(output) => return Err(format!("The system manager refused: {}.", output.tail(2).join(" "))),
            Err(error) => return Err(format!("The system manager could not be asked: {error}.")),
        }
    }
    Ok(())
}

fn write(root: &Path, settings: &Automatic) -> io::Result<()> {
    file::put(&configuration(root), &apt_conf(settings)?)?;
    let before = an_hour_before(&settings.at);
    for (timer, at, spread) in [
        ("apt-daily.timer", before.as_str(), "30min"),
        ("apt-daily-upgrade.timer", settings.at.as_str(), "10min"),
    ] {
        let path = drop_in(root, timer);
        if settings.install == Which::Nothing {
            match fs::remove_file(&path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => continue,
            }
        }
        // the empty one takes Debian's times away (systemd.timer(5))
        file::put(
            &path,
            &format!("[Timer]\nOnCalendar=\nOnCalendar=*-*-* {at}\nRandomizedDelaySec={spread}\n"),
        )?;
    }
    Ok(())
}

fn apt_conf(settings: &Automatic) -> io::Result<String> {
    let on = if settings.install == Which::Nothing { "0" } else { "1" };
    let mut text = format!(
        "// Written by the management page (Updates); what you change here, it overwrites.\n{MARK}{}\n",
        serde_json::to_string(settings)?
    );
    text += &format!("APT::Periodic::Unattended-Upgrade \"{on}\";\n");
    if settings.install == Which::Nothing {
        return Ok(text);
    }
    text +=
        "APT::Periodic::Update-Package-Lists \"1\";\nAPT::Periodic::Download-Upgradeable-Packages \"1\";\n";
    text += "#clear Unattended-Upgrade::Allowed-Origins;\n#clear Unattended-Upgrade::Origins-Pattern;\n";
    text += match settings.install {
        Which::All => "Unattended-Upgrade::Origins-Pattern { \"origin=*\"; };\n",
        _ => {
            "Unattended-Upgrade::Origins-Pattern {\n  \"origin=Debian,codename=${distro_codename},label=Debian-Security\";\n  \
             \"origin=Debian,codename=${distro_codename}-security,label=Debian-Security\";\n};\n"
        }
    };
    text += "// nothing is taken away, and no question stops it\n\
             Unattended-Upgrade::Remove-Unused-Dependencies \"false\";\n\
             Unattended-Upgrade::Remove-New-Unused-Dependencies \"false\";\n\
             Dpkg::Options { \"--force-confdef\"; \"--force-confold\"; };\n";
    text += &match &settings.restart {
        Some(at) => format!(
            "Unattended-Upgrade::Automatic-Reboot \"true\";\nUnattended-Upgrade::Automatic-Reboot-WithUsers \"true\";\n\
             Unattended-Upgrade::Automatic-Reboot-Time \"{at}\";\n"
        ),
        None => "Unattended-Upgrade::Automatic-Reboot \"false\";\n".into(),
    };
    Ok(text)
}

/// The lists are read before: `05:30` for `06:30`.
fn an_hour_before(at: &str) -> String {
    let (hours, minutes) = at.split_once(':').unwrap_or(("6", "00"));
    let hours: u32 = hours.parse().unwrap_or(6);
    format!("{:02}:{minutes}", (hours + 23) % 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_goes_again() {
        let root = tempfile::tempdir().unwrap();
        let settings =
            Automatic { install: Which::Security, at: "00:30".into(), restart: Some("04:00".into()) };
        assert_eq!(read(root.path()), None);
        write(root.path(), &settings).unwrap();
        assert_eq!(read(root.path()), Some(settings.clone()));
        let timer = |name| fs::read_to_string(drop_in(root.path(), name));
        assert!(timer("apt-daily-upgrade.timer").unwrap().contains("OnCalendar=\nOnCalendar=*-*-* 00:30\n"));
        assert!(timer("apt-daily.timer").unwrap().contains("*-*-* 23:30\n"));
        let text = fs::read_to_string(configuration(root.path())).unwrap();
        assert!(text.contains("Automatic-Reboot-Time \"04:00\"") && !text.contains("origin=*"), "{text}");

        let off = Automatic { install: Which::Nothing, ..settings };
        write(root.path(), &off).unwrap();
        assert_eq!(read(root.path()), Some(off));
        assert!(timer("apt-daily.timer").is_err() && timer("apt-daily-upgrade.timer").is_err());
    }
}
