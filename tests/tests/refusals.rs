//! What vainstall says when it cannot, and that nothing has changed then.

use anyhow::Result;
use exec::Output;
use scenarios::{apt, definitions, lab, machine_with_tools, vainstall};
use testbed::{Lab, Machine};

/// The state that a refusal must leave alone: packages, answers, sources.
fn state(machine: &Machine) -> Result<String> {
    machine.sh("dpkg -l; cat /var/cache/debconf/config.dat; ls -lR /etc/apt /var/lib/appliances /var/lib/vainstall 2>/dev/null || true")
}

struct Refused<'a> {
    machine: &'a Machine,
    arguments: &'a [&'a str],
    status: i32,
    /// All of these stand in the message.
    says: &'a [&'a str],
}

impl Refused<'_> {
    fn check(&self) -> Result<()> {
        let before = state(self.machine)?;
        let output = vainstall(self.machine, self.arguments).output()?;
        self.check_output(&output);
        assert_eq!(state(self.machine)?, before, "{:?} changed something", self.arguments);
        Ok(())
    }
    fn check_output(&self, output: &Output) {
        let said = format!("{}{}", output.text(), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(self.status), "{:?} said: {said}", self.arguments);
        for text in self.says {
            assert!(said.contains(text), "{:?} does not say {text:?} but: {said}", self.arguments);
        }
    }
}

fn mail_relay(folder: &tempfile::TempDir) -> Result<(Lab, Machine)> {
    let (dist, lab) = lab()?;
    let repository = definitions::repository_with(&dist, folder.path(), &definitions::path("mail-relay"))?;
    lab.http().serve_folder(&repository);
    let machine = machine_with_tools(&lab, &dist, "refuses")?;
    Ok((lab, machine))
}

#[test]
fn bad_input_and_a_wrong_machine_are_refused_before_anything_changes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (_lab, machine) = mail_relay(&folder)?;
    let refused = |arguments: &[&str], status, says: &[&str]| {
        Refused { machine: &machine, arguments, status, says }.check()
    };
    refused(&["mail-relay", "--set", "mail-name=a b"], 2, &["relay-host", "mail-name", "--set relay-host="])?;
    refused(&["mail-relay", "--set", "relay-host=mx.example.test", "--set", "colour=red"], 2, &["colour"])?;
    refused(&["mail-relai"], 2, &["mail-relai", "mail-relay"])?;
    refused(&["mail-relay", "--answers", "/no/such/file"], 2, &["/no/such/file"])?;
    refused(&["mail-relay", "--repository", "http://127.0.0.1:9/"], 2, &["--key"])?;

    // a dry run shows the plan and changes nothing either
    refused(&["mail-relay", "--dry-run", "--set", "relay-host=mx.example.test"], 0, &["postfix"])?;

    machine.sh("cp /etc/os-release /root/; printf 'ID=plan9\\nPRETTY_NAME=\"Plan 9\"\\n' > /root/other; mount --bind /root/other /etc/os-release")?;
    refused(&["mail-relay"], 3, &["Plan 9", "Debian"])?;
    machine.sh(
        "printf 'ID=debian\\nVERSION_ID=\"11\"\\nPRETTY_NAME=\"Debian GNU/Linux 11\"\\n' > /root/other",
    )?;
    refused(&["mail-relay"], 3, &["11", "12"])?;
    machine.sh("umount /etc/os-release")?;

    let output = machine
        .program("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "vainstall", "mail-relay"])
        .output()?;
    Refused { machine: &machine, arguments: &["as nobody"], status: 3, says: &["root", "sudo"] }
        .check_output(&output);
    Ok(())
}

#[test]
fn what_the_repositorys_key_does_not_vouch_for_is_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (lab, machine) = mail_relay(&folder)?;
    let arguments = &["mail-relay", "--set", "relay-host=mx.example.test"];
    for (part, says) in
        [(".seeds", "seeds"), ("InRelease", "InRelease"), ("mail-relay-appliance_", "mail-relay-appliance")]
    {
        lab.http().alter(part);
        let output = vainstall(&machine, arguments).output()?;
        lab.http().alter_nothing();
        Refused { machine: &machine, arguments, status: 4, says: &[says] }.check_output(&output);
        let installed = machine.shell("dpkg-query -W -f '${Status}' mail-relay-appliance postfix")?.text();
        assert!(!installed.contains("install ok"), "after an altered {part}: {installed}");
    }
    lab.http().set_offline(true);
    let output = vainstall(&machine, arguments).output()?;
    lab.http().set_offline(false);
    Refused { machine: &machine, arguments, status: 4, says: &["network"] }.check_output(&output);

    // and with the network and the repository as they should be, the same command does it
    vainstall(&machine, arguments).run()?;
    assert_eq!(machine.sh("postconf -h relayhost")?.trim(), "[mx.example.test]:587");
    Ok(())
}

#[test]
fn a_lock_that_is_held_and_a_full_disk_are_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (_lab, machine) = mail_relay(&folder)?;
    let arguments = &["mail-relay", "--set", "relay-host=mx.example.test", "--wait", "1"];
    machine.sh("mkfifo /root/hold; flock /run/vainstall.lock -c 'cat /root/hold' > /dev/null 2>&1 & while ! pgrep -x cat > /dev/null; do :; done")?;
    Refused { machine: &machine, arguments, status: 3, says: &["vainstall"] }.check()?;
    machine.sh("echo > /root/hold; while pgrep -x cat > /dev/null; do :; done")?;

    // apt's own lock, held by another apt-get that waits for its caller
    machine.sh("mkfifo /root/apt; printf 'DPkg::Pre-Invoke {\"cat /root/apt\";};' > /root/hold.conf; \
        APT_CONFIG=/root/hold.conf setsid apt-get -y --reinstall install netbase > /root/apt.log 2>&1 & \
        while ! pgrep -x cat > /dev/null; do :; done")?;
    Refused { machine: &machine, arguments, status: 3, says: &["apt-get", "lock"] }.check()?;
    machine.sh("echo > /root/apt; while pgrep -x apt-get > /dev/null; do :; done")?;

    let used = machine.sh("df --output=used -BM / | tail -n 1")?;
    let used: u64 = used.trim().trim_end_matches('M').parse()?;
    machine.resize_disk(&format!("{}M", used + 3))?;
    let output = vainstall(&machine, arguments).output()?;
    Refused { machine: &machine, arguments, status: 5, says: &["disk"] }.check_output(&output);
    machine.resize_disk(testbed::machine::DISK)?;
    vainstall(&machine, arguments).run()?;
    Ok(())
}

/// Holds back what asks apt for its plan, until the file is away.
const SLOW_PLAN: &str = "#!/bin/sh
case \"$*\" in *--print-uris*) while test -e /root/slow; do sleep 0.1; done;; esac
exec /usr/bin/apt-get.real \"$@\"
";

#[test]
fn what_a_plan_would_remove_and_what_nobody_decided_on_is_not_begun() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (_lab, machine) = mail_relay(&folder)?;
    // another mail server, which cannot stay beside postfix
    apt(&machine, &["install", "exim4-daemon-light"])?;
    let arguments = &["mail-relay", "--set", "relay-host=mx.example.test"];
    let says = &["have to remove", "exim4-daemon-light", "--yes"];
    Refused { machine: &machine, arguments, status: 1, says }.check()?;

    // apt stands ready, its plan is not decided on, and vainstall is gone
    let before = state(&machine)?;
    std::fs::write(machine.root().join("root/apt-get"), SLOW_PLAN)?;
    machine.sh("mv /usr/bin/apt-get /usr/bin/apt-get.real; install -m 755 /root/apt-get /usr/bin; touch /root/slow; \
        systemd-run -q --unit=begun -p KillMode=process vainstall mail-relay --yes --set relay-host=mx.example.test; \
        while ! pgrep -f 'vainstall gate-debconf --plan' > /dev/null; do sleep 0.1; done; \
        kill -KILL $(systemctl show -P MainPID begun); while pgrep apt-get.real > /dev/null; do sleep 0.1; done; \
        rm /root/slow; mv /usr/bin/apt-get.real /usr/bin/apt-get")?;
    assert_eq!(state(&machine)?, before, "something was changed");

    vainstall(&machine, &[arguments.as_slice(), &["--yes"]].concat()).run()?;
    assert_eq!(machine.sh("postconf -h relayhost")?.trim(), "[mx.example.test]:587");
    Ok(())
}
