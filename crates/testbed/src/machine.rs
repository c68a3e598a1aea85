//! One booted machine: systemd-nspawn with systemd as process 1, over a fresh overlay of a base root.

use crate::lab::{folder, gateway, ip, note_process};
use anyhow::{Context, Result, bail};
use exec::{Output, Program};
use std::{
    cell::Cell,
    collections::BTreeMap,
    fs::{self, File},
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

/// Memory that the files a machine writes may take; its disk is a tmpfs of this size.
pub const DISK: &str = "6G";

pub struct Machine {
    pub name: String,
    pub address: Ipv4Addr,
    dir: PathBuf,
    lab: u8,
    network: String,
    nspawn: Option<Child>,
    leader: Cell<u32>,
    credentials: BTreeMap<String, PathBuf>,
}

impl Machine {
    pub(crate) fn boot(lab: u8, index: u8, name: &str, base: &Path, proxy: &str) -> Result<Machine> {
        let dir = folder(lab).join(name);
        let network = format!("vat{lab}m{index}");
        let address = Ipv4Addr::new(10, 213, lab, 10 + index);
        let mut machine = Machine {
            name: name.into(),
            address,
            dir,
            lab,
            network,
            nspawn: None,
            leader: Cell::new(0),
            credentials: BTreeMap::new(),
        };
        machine.mount(base)?;
        machine.connect()?;
        machine.prepare(proxy)?;
        machine.start()?;
        Ok(machine)
    }

    /// The machine's files as the host sees them.
    pub fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// A program in the machine, as root, to be run with `run`, `output` or `each_line`.
    pub fn program(&self, name: &str) -> Program {
        let leader = self.leader.get().to_string();
        Program::new("nsenter")
            .args(["-t", &leader, "-m", "-u", "-i", "-n", "-p", "-r", "-w", "--", name])
            .env("HOME", "/root")
            .env("TERM", "xterm")
    }

    /// Runs a program in the machine; a status other than 0 is an error with its last lines.
    pub fn run(&self, command: &[&str]) -> Result<Output> {
        let (name, args) = command.split_first().context("no program given")?;
        self.program(name).args(args).run().with_context(|| format!("in the machine {}", self.name))
    }

    /// Runs a line of shell in the machine (a test's own text) and gives its output; any status is a result.
    pub fn shell(&self, line: &str) -> Result<Output> {
        Ok(self.program("sh").args(["-c", line]).output()?)
    }

    /// Runs a line of shell that must succeed, and gives what it printed.
    pub fn sh(&self, line: &str) -> Result<String> {
        Ok(self
            .program("sh")
            .args(["-c", line])
            .run()
            .with_context(|| format!("in the machine {}", self.name))?
            .text())
    }

    /// Shuts the machine down in order and starts it again.
    pub fn reboot(&mut self) -> Result<()> {
        self.shell("systemctl poweroff")?;
        self.wait_for_the_end(Duration::from_secs(90))?;
        self.connect()?;
        self.start()
    }

    /// After the machine has restarted or shut down by itself: nspawn has ended; starts it again.
    pub fn start_again(&mut self) -> Result<()> {
        self.wait_for_the_end(Duration::from_secs(90))?;
        self.connect()?;
        self.start()
    }

    /// As if the power had failed. Files stay; [`Machine::start_again`] boots them.
    pub fn cut_power(&mut self) -> Result<()> {
        let cgroup = cgroup_root().join(format!("vat{}", self.lab)).join(&self.name);
        end_all(&cgroup);
        if let Some(child) = &mut self.nspawn {
            child.kill()?;
        }
        let ended = self.wait_for_the_end(Duration::from_secs(20));
        // what was killed by its cgroup leaves a mark there: Linux also kills what a later process of that cgroup
        // starts in another one (kill_seq), and half the services of the next start would be gone
        remove_empty(&cgroup);
        ended
    }

    /// Stops every process of the machine where it is, or lets all go on (cgroup v2, `cgroup.freeze`): what was seen
    /// for a moment only can be looked at again, and stays so when the power is cut.
    pub fn freeze(&self, frozen: bool) -> Result<()> {
        let cgroup = cgroup_root().join(format!("vat{}", self.lab)).join(&self.name);
        let path = cgroup.join("cgroup.freeze");
        fs::write(&path, if frozen { "1" } else { "0" })
            .with_context(|| format!("cannot write {}", path.display()))?;
        let state = format!("frozen {}", u8::from(frozen));
        let events = || fs::read_to_string(cgroup.join("cgroup.events")).unwrap_or_default();
        anyhow::ensure!(
            wait_until(Duration::from_secs(20), || events().contains(&state)),
            "not so: {}",
            events()
        );
        Ok(())
    }

    /// Gives the machine a credential from its next start on, as whoever starts a virtual machine can (systemd.exec(5)).
    pub fn give_credential(&mut self, name: &str, text: &str) -> Result<()> {
        let path = self.dir.join(format!("credential-{name}"));
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        self.credentials.insert(name.into(), path);
        Ok(())
    }

    /// Pulls the network cable, or puts it back.
    pub fn cable(&self, plugged: bool) -> Result<()> {
        ip(&["link", "set", &format!("{}h", self.network), if plugged { "up" } else { "down" }])
    }

    /// Sets the size of the machine's disk, e.g. to fill it: `600M`.
    pub fn resize_disk(&self, size: &str) -> Result<()> {
        Program::new("mount").args(["-o", &format!("remount,size={size}")]).arg(&self.dir).run()?;
        Ok(())
    }

    fn mount(&self, base: &Path) -> Result<()> {
        fs::create_dir_all(&self.dir)?;
        Program::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={DISK},mode=0755"), "tmpfs"])
            .arg(&self.dir)
            .run()?;
        for part in ["upper", "work", "root"] {
            fs::create_dir(self.dir.join(part))?;
        }
        let dir = self.dir.display();
        let options = format!("lowerdir={},upperdir={dir}/upper,workdir={dir}/work", base.display());
        Program::new("mount").args(["-t", "overlay", "-o", &options, "overlay"]).arg(self.root()).run()?;
        Ok(())
    }

    /// The machine's end of a cable to the lab's bridge. The namespace goes when the machine ends.
    fn connect(&self) -> Result<()> {
        let (net, host) = (&self.network, format!("{}h", self.network));
        let _ = Program::new("ip").args(["link", "del", &host]).output();
        let _ = Program::new("ip").args(["netns", "del", net]).output();
        ip(&["netns", "add", net])?;
        ip(&["link", "add", &host, "type", "veth", "peer", "name", "host0", "netns", net])?;
        ip(&["link", "set", &host, "master", &format!("vat{}", self.lab), "up"])?;
        ip(&["-n", net, "addr", "add", &format!("{}/24", self.address), "dev", "host0"])?;
        ip(&["-n", net, "link", "set", "lo", "up"])?;
        ip(&["-n", net, "link", "set", "host0", "up"])?;
        ip(&["-n", net, "route", "add", "default", "via", &gateway(self.lab).to_string()])
    }

    fn prepare(&self, proxy: &str) -> Result<()> {
        let write = |path: &str, text: String| {
            let path = self.root().join(path);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
        };
        write("etc/hostname", format!("{}\n", self.name))?;
        write("etc/hosts", format!("127.0.0.1 localhost\n127.0.1.1 {0}.example.test {0}\n", self.name))?;
        write("etc/resolv.conf", format!("nameserver {}\n", gateway(self.lab)))?;
        write(
            "etc/apt/apt.conf.d/90lab-proxy",
            format!(
                "Acquire::http::Proxy \"http://{proxy}\";\nAcquire::http::Proxy::{} \"DIRECT\";\n",
                gateway(self.lab)
            ),
        )
    }

    fn start(&mut self) -> Result<()> {
        let console = File::options().append(true).create(true).open(self.dir.join("console"))?;
        let cgroup = cgroup_of(self.lab, &self.name)?;
        let credential =
            |(name, path): (&String, &PathBuf)| format!("--load-credential={name}:{}", path.display());
        // the shell moves itself into the machine's own cgroup and becomes nspawn
        let script = "echo $$ > \"$1/cgroup.procs\" && shift && exec systemd-nspawn \"$@\"";
        let mut child = Program::new("sh")
            .args(["-c", script, "sh"])
            .arg(&cgroup)
            .args([
                "--quiet",
                "--register=no",
                "--keep-unit",
                "--boot",
                "--console=pipe",
                "--link-journal=no",
                // or it would be the host's, whose name servers nobody reaches from here
                "--resolv-conf=off",
            ])
            .arg(format!("--machine={}", self.name))
            .arg(format!("--network-namespace-path=/run/netns/{}", self.network))
            // the network is the machine's own, and so are its rules
            .arg("--capability=CAP_NET_ADMIN")
            .args(self.credentials.iter().map(credential))
            .arg("--directory")
            .arg(self.root())
            .env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1")
            .own_group()
            .spawn(Stdio::from(console.try_clone()?), Stdio::from(console))?;
        drop(child.stdin.take());
        note_process(self.lab, child.id())?;
        let pid = child.id();
        self.nspawn = Some(child);
        let found =
            wait_until(Duration::from_secs(30), || leader_of(pid).map(|l| self.leader.set(l)).is_some());
        if !found {
            bail!("the machine {} did not start; {}", self.name, self.console_tail());
        }
        self.wait_for_boot()
    }

    fn wait_for_boot(&self) -> Result<()> {
        let up = wait_until(Duration::from_secs(90), || {
            let state = self.shell("systemctl is-system-running").map(|o| o.text()).unwrap_or_default();
            matches!(state.trim(), "running" | "degraded")
        });
        if up {
            return Ok(());
        }
        bail!("the machine {} did not finish booting within 90 s; {}", self.name, self.console_tail())
    }

    fn wait_for_the_end(&mut self, limit: Duration) -> Result<()> {
        let Some(mut child) = self.nspawn.take() else { return Ok(()) };
        let ended = wait_until(limit, || !matches!(child.try_wait(), Ok(None)));
        if !ended {
            child.kill()?;
            child.wait()?;
            bail!("the machine {} did not shut down within {} s", self.name, limit.as_secs());
        }
        Ok(())
    }

    fn console_tail(&self) -> String {
        let text = fs::read(self.dir.join("console")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        format!("its console said last:\n{}", lines[lines.len().saturating_sub(15)..].join("\n"))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.cut_power();
        let _ = Program::new("umount").args(["--lazy"]).arg(self.root()).output();
        let _ = Program::new("umount").args(["--lazy"]).arg(&self.dir).output();
        let _ = Program::new("ip").args(["link", "del", &format!("{}h", self.network)]).output();
        let _ = Program::new("ip").args(["netns", "del", &self.network]).output();
    }
}

/// Polls until the condition is true; false when the limit has passed.
#[allow(clippy::disallowed_methods, reason = "what is waited for here sends no event to this process")]
pub fn wait_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    condition()
}

/// Process 1 of the machine, as the host numbers it: nspawn's grandchild or child called systemd.
fn leader_of(nspawn: u32) -> Option<u32> {
    let children = |pid: u32| -> Vec<u32> {
        let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        text.split_whitespace().filter_map(|p| p.parse().ok()).collect()
    };
    let is_init = |pid: &u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let inner = status.lines().find_map(|l| l.strip_prefix("NSpid:")).unwrap_or_default();
        inner.split_whitespace().last() == Some("1") && status.starts_with("Name:\tsystemd\n")
    };
    let near = children(nspawn);
    near.iter().copied().chain(near.iter().flat_map(|p| children(*p))).find(is_init)
}

/// The unified hierarchy, alone or beside the old one.
fn cgroup_root() -> &'static Path {
    let hybrid = Path::new("/sys/fs/cgroup/unified");
    if hybrid.exists() { hybrid } else { Path::new("/sys/fs/cgroup") }
}

fn cgroup_of(lab: u8, name: &str) -> Result<PathBuf> {
    let dir = cgroup_root().join(format!("vat{lab}")).join(name);
    fs::create_dir_all(&dir).with_context(|| format!("cannot make the cgroup {}", dir.display()))?;
    Ok(dir)
}

/// Whether machines of a lab may have been left behind.
pub(crate) fn has_cgroups(lab: u8) -> bool {
    cgroup_root().join(format!("vat{lab}")).exists()
}

/// Kills every process in a cgroup and those below. When nspawn alone is killed, the machine goes on without it.
fn end_all(cgroup: &Path) {
    if fs::write(cgroup.join("cgroup.kill"), "1").is_ok() {
        let empty = || {
            let events = fs::read_to_string(cgroup.join("cgroup.events")).unwrap_or_default();
            !events.contains("populated 1")
        };
        wait_until(Duration::from_secs(10), empty);
    }
}

/// Ends what runs in the cgroups of a lab and removes them, the innermost first.
pub(crate) fn remove_cgroups(lab: u8) {
    let top = cgroup_root().join(format!("vat{lab}"));
    end_all(&top);
    remove_empty(&top);
}

fn remove_empty(cgroup: &Path) {
    for entry in fs::read_dir(cgroup).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove_empty(&entry.path());
        }
    }
    let _ = fs::remove_dir(cgroup);
}
