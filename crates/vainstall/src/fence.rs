//! The fence around a machine that boots for the first time: until its questions are answered, nothing of it is
//! reachable from outside but the page that asks them, and SSH. That holds for what it forwards as well, to its containers: which of
//! its networks is outside cannot be known, so nothing new is forwarded in any direction.
//!
//! A table of our own in nftables, one for each appliance, so that other rules are left alone. It is raised before the network is
//! there (vainstall-fence@.service), and lifted when the appliance is configured or that unit is stopped.

use crate::{
    failure::{Exit, Failure, Result},
    progress::Progress,
};
use anyhow::Context;
use exec::Program;
use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
};

/// What getty(8) shows before the login, until the next boot.
const ISSUES: &str = "/run/issue.d";

#[derive(Debug, Clone)]
pub struct Fence {
    appliance: String,
}

impl Fence {
    pub fn of(appliance: &str) -> Fence {
        Fence { appliance: appliance.into() }
    }

    /// A name that nft takes: those of packages have `+`, `-` and `.` beside letters and digits.
    fn table(&self) -> String {
        format!("vainstall_{}", self.appliance.replace('-', "_").replace(['+', '.'], "/"))
    }

    /// Closes the machine, at once and as a whole. Raising it again is no gap.
    pub fn raise(&self) -> Result<()> {
        let rules = self.rules();
        nft(&rules).map_err(|why| {
            let message = format!(
                "the machine cannot be closed until its questions are answered: {why:#}. Install nftables in the image, \
                 with a kernel that has it; the application is not to be started before"
            );
            Failure::new(Exit::Machine, message)
        })
    }

    fn rules(&self) -> String {
        let table = self.table();
        // numbers of protocols: their names stand in a file that a small system lacks
        // 6 TCP, 17 UDP, 33 DCCP, 132 SCTP, 136 UDP-Lite; DHCP's answers come to ports 68 and 546
        format!(
            "table inet {table} {{}}\ndelete table inet {table}\n\
             table inet {table} {{\n  set page {{ type inet_service; }}\n  chain inbound {{\n    \
             type filter hook input priority -10; policy accept;\n    \
             iifname \"lo\" accept\n    ct state established,related accept\n    \
             tcp dport 22 accept\n    tcp dport @page accept\n    udp dport {{ 68, 546 }} accept\n    \
             meta l4proto {{ 6, 17, 33, 132, 136 }} drop\n  }}\n  chain forwarded {{\n    \
             type filter hook forward priority -10; policy accept;\n    \
             ct state established,related accept\n    meta l4proto {{ 6, 17, 33, 132, 136 }} drop\n  }}\n}}\n"
        )
    }

    /// Opens the page's port in it.
    pub fn admit(&self, port: u16) -> anyhow::Result<()> {
        nft(&format!("add element inet {} page {{ {port} }}\n", self.table()))
            .with_context(|| format!("the page's port {port} cannot be opened"))
    }

    /// Opens the machine. Nothing happens when it is open.
    pub fn lower(&self) -> Result<()> {
        let table = self.table();
        let lowered = nft(&format!("table inet {table} {{}}\ndelete table inet {table}\n"));
        lowered.map_err(|why| {
            let message =
                format!("the fence cannot be lifted: {why:#}. Lift it with nft delete table inet {table}");
            Failure::new(Exit::Machine, message)
        })
    }

    /// For good: the units that raise it and ask are not started any more, nor does any unit wait for them.
    pub fn lift(&self, progress: &mut Progress) -> Result<()> {
        let units =
            ["vainstall-fence", "vainstall-first-boot"].map(|u| format!("{u}@{}.service", self.appliance));
        let disabled = Program::new("systemctl").args(["--quiet", "disable"]).args(&units).run();
        if let Err(error) = disabled {
            progress.warn(format!("the machine would be closed again at the next boot: {error}"));
        }
        // the fence's unit is not stopped: that would stop whatever still requires it, this very process first
        self.lower()
    }

    pub fn issue(&self) -> PathBuf {
        PathBuf::from(ISSUES).join(format!("vainstall-{}.issue", self.appliance))
    }

    /// Shows the link on the console, and before the login. Nobody has to look there, so nothing waits for it.
    pub fn publish_link(&self, text: &str) {
        let _ = fs::create_dir_all(ISSUES);
        if let Err(error) = fs::write(self.issue(), format!("{text}\n")) {
            eprintln!("warning: the link cannot be shown before the login: {error}");
        }
        let _ = Program::new("agetty").arg("--reload").output();
        let nonblocking = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY).bits();
        let console = OpenOptions::new().write(true).custom_flags(nonblocking as i32).open("/dev/console");
        if let Ok(mut console) = console {
            let _ = console.write_all(format!("\n{text}\n").replace('\n', "\r\n").as_bytes());
        }
    }

    pub fn withdraw_link(&self) {
        if fs::remove_file(self.issue()).is_ok() {
            let _ = Program::new("agetty").arg("--reload").output();
        }
    }
}

fn nft(rules: &str) -> anyhow::Result<()> {
    Program::new("nft").args(["-f", "-"]).stdin(rules).run().map(drop).context("nft failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_name_is_one_for_nft() {
        assert_eq!(Fence::of("my-c++.app").table(), "vainstall_my_c///app");
        let rules = Fence::of("wiki").rules();
        assert!(
            rules.starts_with("table inet vainstall_wiki {}\ndelete table inet vainstall_wiki\ntable inet")
        );
    }
}
