//! `cargo xtask demo`: a fresh Debian 13 becomes the MoinMoin appliance, in front of one's eyes.

use crate::dist::{self, Dist};
use anyhow::{Context, Result, ensure};
use std::{fs, sync::mpsc, time::Instant};
use testbed::{Lab, Machine};

#[derive(clap::Args)]
pub struct Arguments {
    /// Check what was installed, print one line of figures, clean up and end
    #[arg(long)]
    check: bool,
    /// The Debian release of the machine
    #[arg(long, default_value = "trixie")]
    release: String,
}

/// Seconds of each stage, in order.
struct Figures(Vec<(&'static str, f64)>, Instant);

impl Figures {
    fn stage(&mut self, name: &'static str) {
        self.0.push((name, self.1.elapsed().as_secs_f64()));
        self.1 = Instant::now();
    }
    fn line(&self) -> String {
        let total: f64 = self.0.iter().map(|s| s.1).sum();
        let stages: Vec<String> = self.0.iter().map(|(name, s)| format!("{name} {s:.1} s")).collect();
        format!("demo: {}, total {total:.1} s", stages.join(", "))
    }
}

pub fn run(arguments: &Arguments) -> Result<()> {
    testbed::host::need_root()?;
    testbed::host::need_machine_tools()?;
    testbed::lab::clean_leftovers()?;
    let stop = on_ctrl_c()?;
    let mut figures = Figures(vec![], Instant::now());
    let built = dist::run()?;
    figures.stage("build");
    testbed::base::root(&arguments.release)?;
    figures.stage("base");
    let lab = Lab::new(&built.repository)?;
    println!("booting a fresh Debian ({})", arguments.release);
    let machine = lab.boot("wiki", &arguments.release)?;
    figures.stage("boot");
    bootstrap(&machine, &lab, &built)?;
    figures.stage("tools");
    println!("\n# vainstall moinmoin-appliance\n");
    let status =
        machine.program("vainstall").args(["moinmoin-appliance", "--non-interactive"]).interactive()?;
    ensure!(status.success(), "vainstall ended with {status}");
    figures.stage("install");
    let link = one_time_link(&machine)?;
    if arguments.check {
        check(&machine, &link)?;
        figures.stage("check");
        println!("{}", figures.line());
        return Ok(());
    }
    println!("\nThe wiki:             http://{}/", machine.address);
    println!("The management page:  https://{}:8080/", machine.address);
    println!("Sign in there, once:  {link}");
    println!("\nIt stays up until Ctrl-C, and is gone then.");
    let _ = stop.recv();
    println!("\ncleaning up");
    Ok(())
}

/// What the owner of a fresh Debian does once: name the repository with its key, and install our tools.
pub fn bootstrap(machine: &Machine, lab: &Lab, built: &Dist) -> Result<()> {
    println!("naming the repository, installing appliance-tools");
    let etc = machine.root().join("etc/apt");
    fs::create_dir_all(etc.join("keyrings"))?;
    fs::copy(&built.key, etc.join("keyrings/appliances.asc"))?;
    let source = format!(
        "Types: deb\nURIs: {}\nSuites: stable\nComponents: main\nSigned-By: /etc/apt/keyrings/appliances.asc\n",
        lab.repository()
    );
    fs::write(etc.join("sources.list.d/appliances.sources"), source)?;
    machine.run(&["apt-get", "-q", "update"])?;
    machine
        .program("apt-get")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["-q", "-y", "install", "appliance-tools"])
        .run()?;
    Ok(())
}

/// A fresh sign-in link with the machine's address in it.
pub fn one_time_link(machine: &Machine) -> Result<String> {
    let text = machine.run(&["appliance-control", "link", "--json"])?.text();
    let answer: serde_json::Value =
        serde_json::from_str(&text).context("`appliance-control link --json` gave no JSON")?;
    let links = answer["links"].as_array().cloned().unwrap_or_default();
    let link = links.iter().filter_map(|l| l.as_str()).find(|l| l.contains(&machine.address.to_string()));
    Ok(link.with_context(|| format!("no link names {}: {text}", machine.address))?.to_owned())
}

/// Reads the wiki's front page and signs in to the management page, as a browser would.
fn check(machine: &Machine, link: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let curl = |arguments: &[&str]| -> Result<String> {
        let program = exec::Program::new("curl")
            .args(["--silent", "--show-error", "--fail", "--location", "--insecure", "--max-time", "60"])
            .arg("--cookie-jar")
            .arg(folder.path().join("cookies"))
            .arg("--cookie")
            .arg(folder.path().join("cookies"))
            .args(arguments);
        Ok(program.run()?.text())
    };
    let wiki = curl(&[&format!("http://{}/", machine.address)])?;
    ensure!(wiki.contains("My Wiki"), "the wiki's front page does not show its name");
    ensure!(curl(&[link])?.contains("<form"), "the sign-in link shows no form");
    let origin = format!("Origin: https://{}:8080", machine.address);
    let page = curl(&["--header", &origin, "--data", "", link])?;
    ensure!(
        page.contains("moinmoin") && page.contains("Sign out"),
        "signing in did not lead to the overview"
    );
    println!("checked: the wiki's front page, signing in to the management page");
    Ok(())
}

/// Ctrl-C, SIGTERM and SIGHUP arrive here; before that they end a program in the foreground as usual.
fn on_ctrl_c() -> Result<mpsc::Receiver<()>> {
    let (send, receive) = mpsc::channel();
    ctrlc::set_handler(move || {
        let _ = send.send(());
    })
    .context("cannot watch for Ctrl-C")?;
    Ok(receive)
}
