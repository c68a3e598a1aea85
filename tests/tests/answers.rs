//! The appliance's questions, answered in every way there is: each way ends in the same files.

use anyhow::{Context, Result, ensure};
use scenarios::{apt, definitions, lab, machine_with_tools, vainstall};
use std::{cell::Cell, fs, time::Duration};
use tempfile::TempDir;
use testbed::{Lab, Machine, machine::wait_until};

const LIMIT: Duration = Duration::from_secs(120);

const TOML: &str = r#"
site-name = "Ada's \"Site\" für alle"
domain = "example.org"
wants-mail = true
mail-port = 2525
colour = "green, light"
parts = ["shop", "blog"]
greeting = """
Hello
  you\\n
"""
listen = "2001:db8::7"
data-path = "/srv/a b"
workers = 8
code = "zz-99"
zone = "Europe/Berlin"
password = "correct horse"
"#;

/// What the file on the machine says then.
const EXPECT: &str = r#"code = "zz-99"
colour = "green, light"
contact = "root@example.org"
data_path = "/srv/a b"
domain = "example.org"
greeting = "Hello\n  you\\n"
listen = "2001:db8::7"
mail_port = "2525"
parts = ["blog", "shop"]
relay = "mx.example.org"
shade = "mint"
site_name = "Ada's \"Site\" für alle"
wants_mail = "true"
workers = "8"
zone = "Europe/Berlin"
"#;

const YAML: &str = r#"---
site-name: Ada's "Site" für alle
domain: example.org
wants-mail: true
mail-port: 2525
colour: green, light
parts:
  - shop
  - blog
greeting: "Hello\n  you\\n"
listen: "2001:db8::7"
data-path: /srv/a b
workers: 8
code: zz-99
zone: Europe/Berlin
password: correct horse
"#;

fn selections() -> String {
    let lines = [
        ("site-name string", "Ada's \"Site\" für alle"),
        ("domain string", "example.org"),
        ("wants-mail boolean", "true"),
        ("mail-port string", "2525"),
        ("colour select", "green, light"),
        ("parts multiselect", "blog, shop"),
        ("greeting string", "Hello%0A  you%5Cn"),
        ("listen string", "2001:db8::7"),
        ("data-path string", "/srv/a b"),
        ("workers string", "8"),
        ("code string", "zz-99"),
        ("zone string", "Europe/Berlin"),
        ("password password", "correct horse"),
    ];
    let owner = "every-question-appliance-seed";
    lines.iter().map(|(question, answer)| format!("{owner} {owner}/{question} {answer}\n")).collect()
}

/// A machine that knows the definition's packages.
fn asks() -> Result<(TempDir, Lab, Machine)> {
    let folder = tempfile::tempdir()?;
    let (dist, lab) = lab()?;
    let repository =
        definitions::repository_with(&dist, folder.path(), &definitions::path("every-question"))?;
    lab.http().serve_folder(&repository);
    let machine = machine_with_tools(&lab, &dist, "asks")?;
    Ok((folder, lab, machine))
}

fn answers_on(machine: &Machine) -> Result<(String, String)> {
    let secret = machine.sh("cat /etc/every-question.secret")?;
    // JSON may write an apostrophe as a number
    Ok((machine.sh("cat /etc/every-question.json")?.replace("\\u0027", "'"), secret.trim().to_owned()))
}

/// Without a trace, so that the next way begins anew.
fn purge(machine: &Machine) -> Result<()> {
    apt(machine, &["purge", "every-question-appliance", "every-question-appliance-seed"])?;
    ensure!(!machine.root().join("etc/every-question.json").exists(), "purge left the file behind");
    Ok(())
}

#[test]
fn every_way_to_answer_ends_in_the_same_files() -> Result<()> {
    let (_folder, _lab, machine) = asks()?;
    let write = |path: &str, text: &str| fs::write(machine.root().join(path), text);
    write("root/answers.toml", TOML)?;
    write("root/answers.yaml", YAML)?;
    let foreign = "tzdata tzdata/Areas select Europe\n";
    write("root/answers", &format!("# preseed\n{}{foreign}", selections()))?;
    machine.sh("mkdir -p /var/lib/cloud/instance; chmod 600 /root/answers*")?;
    let below: String = YAML.lines().skip(1).map(|line| format!("    {line}\n")).collect();
    let user_data = format!("#cloud-config\nhostname: x\nvainstall:\n  every-question:\n{below}");

    for way in
        ["answers.toml", "answers.yaml", "answers", "environment", "credentials", "user data", "debconf"]
    {
        let file = format!("/root/{way}");
        match way {
            "environment" => {
                let values: variables::Pairs = variables::pairs(&selections());
                let program = vainstall(&machine, &["every-question"]);
                values
                    .iter()
                    .fold(program, |p, (name, value)| p.env(format!("VAINSTALL_ANSWER_{name}"), value))
                    .run()?;
            }
            "credentials" => {
                let load = "LoadCredential=vainstall.every-question:/root/answers.toml";
                let run =
                    ["systemd-run", "--quiet", "--pipe", "--wait", "-p", load, "vainstall", "every-question"];
                machine.run(&run)?;
            }
            "user data" => {
                write("var/lib/cloud/instance/user-data.txt", &user_data)?;
                vainstall(&machine, &["every-question"]).run()?;
                fs::remove_file(machine.root().join("var/lib/cloud/instance/user-data.txt"))?;
            }
            "debconf" => {
                machine.program("debconf-set-selections").stdin(selections()).run()?;
                apt(&machine, &["install", "every-question-appliance"])?;
            }
            _ => {
                vainstall(&machine, &["every-question", "--answers", &file]).run()?;
            }
        }
        let (answers, secret) = answers_on(&machine).with_context(|| way.to_owned())?;
        assert_eq!(answers, EXPECT, "by {way}");
        assert_eq!(secret, "correct horse", "by {way}");
        if way == "answers" {
            let shown = machine.sh("echo 'GET tzdata/Areas' | debconf-communicate")?;
            assert_eq!(shown.trim(), "0 Europe", "the administrator's own answer did not arrive");
        }
        purge(&machine)?;
    }
    Ok(())
}

/// The answers as variables: `debconf`'s lines taken apart.
mod variables {
    pub type Pairs = Vec<(String, String)>;

    pub fn pairs(selections: &str) -> Pairs {
        let pair = |line: &str| {
            let (_, rest) = line.split_once('/')?;
            let mut words = rest.splitn(3, ' ');
            let name = words.next()?.replace('-', "_").to_uppercase();
            let value = words.nth(1)?.replace("%0A", "\n").replace("%5C", "\\");
            Some((name, value))
        };
        selections.lines().filter_map(pair).collect()
    }
}

#[test]
fn wrong_answers_are_all_told_at_once_and_nothing_changes() -> Result<()> {
    let (_folder, _lab, machine) = asks()?;
    let wrong = "domain = \"nonsense\"\nworkers = 65\nsite-nam = \"x\"\nparts = [\"blog\", \"pub\"]\nlisten = [\"::1\"]\n\
        code = 1.5\npassword = \"hunter2\u{1b}[2J\"\n";
    fs::write(machine.root().join("root/answers.toml"), wrong.replace('\u{1b}', "\\u001b"))?;
    let state = || {
        machine.sh("dpkg -l; cat /var/cache/debconf/config.dat; ls -lR /etc/apt /var/lib/vainstall 2>/dev/null || true")
    };
    let before = state()?;
    let output = vainstall(&machine, &["every-question", "--answers", "/root/answers.toml"]).output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    for part in [
        "answers.toml, line 1 must be a domain name",
        "answers.toml, line 2 must be a number from 1 to 64",
        "site-nam (from /root/answers.toml, line 3): there is no such question; did you mean site-name?",
        "answers.toml, line 4 must be some of blog, wiki, shop",
        "answers.toml:5:1: the answer to `listen` is a list",
        "answers.toml:6:1: the answer to `code` is a number with a point",
        "answers.toml, line 7 must be one line",
    ] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
    assert_eq!(state()?, before);
    Ok(())
}

/// A person at a terminal of the machine: what is typed after what is shown.
struct Person<'a> {
    machine: &'a Machine,
    read: Cell<usize>,
}

impl Person<'_> {
    fn shown(&self) -> String {
        let bytes = fs::read(self.machine.root().join("root/typescript")).unwrap_or_default();
        String::from_utf8_lossy(bytes.get(self.read.get()..).unwrap_or_default()).into_owned()
    }

    /// Waits until the text is shown after what was shown before, then types a line.
    fn types(&self, after: &str, line: &str) -> Result<()> {
        let there = wait_until(LIMIT, || self.shown().contains(after));
        ensure!(there, "{after:?} is not shown, but: {}", self.shown());
        let end = self.shown().find(after).unwrap_or_default() + after.len();
        self.read.set(self.read.get() + end);
        self.machine.program("sh").args(["-c", "printf '%s\\n' \"$0\" > /root/keys", line]).run()?;
        Ok(())
    }
}

#[test]
fn a_person_at_the_terminal_goes_back_and_forth_in_german() -> Result<()> {
    let (_folder, _lab, machine) = asks()?;
    machine.sh(
        "mkfifo /root/keys; cd /root; exec 3<>/root/keys; \
         env -u LC_ALL LANG=de_DE.UTF-8 setsid script -qfec 'vainstall every-question --set zone=Etc/UTC' typescript <&3 >/dev/null 2>&1 &",
    )?;
    let person = Person { machine: &machine, read: Cell::new(0) };
    person.types("Besucher lesen ihn.\r\nName der Seite [Site of ", "x")?;
    person.types("must have at least 2 characters", "Meine Seite")?;
    person.types("Domain of the site: ", "example.org")?;
    person.types("-- Post --\r\nShall it send mail (yes/no) [no]: ", "yes")?;
    person.types("Port of the relay [25]: ", "2525")?;
    person.types("Relay that takes the mail [mx.example.org]: ", "<")?;
    person.types("Port of the relay [2525]: ", "<")?;
    person.types("Shall it send mail (yes/no) [yes]: ", "no")?;
    person.types("Mail address of its owner [root@example.org]: ", "<")?;
    person.types("Shall it send mail (yes/no) [no]: ", "yes")?;
    // typed before, and not lost on the way
    person.types("Port of the relay [2525]: ", "")?;
    person.types("Relay that takes the mail [mx.example.org]: ", "mail.example.net")?;
    person.types("Mail address of its owner [root@example.org]: ", "")?;
    person.types("2. grün, hell\r\n  3. blau\r\nOne of them [rot]: ", "3")?;
    person.types("Some of them, with commas [blog]: ", "2 3")?;
    person.types("Greeting (several lines; a line with only a dot ends them) [Welcome]: ", "one")?;
    person.types("one", "two")?;
    person.types("two", ".")?;
    person.types("Address to listen at [", "192.0.2.300")?;
    person.types("must be a network address", "192.0.2.3")?;
    person.types("Folder of its data [/srv/site]: ", "")?;
    person.types("Number of workers [4]: ", "")?;
    person.types("Code of the site [ab-1]: ", "AB")?;
    person.types("must be two letters, a hyphen and a number", "")?;
    person.types("Password [Enter: one is made]: ", "geheim geheim")?;
    person.types("The same again: ", "geheim geheim")?;
    let done = wait_until(LIMIT, || person.shown().contains("is ready."));
    ensure!(done, "it did not end, but showed: {}", person.shown());
    let all = fs::read_to_string(machine.root().join("root/typescript"))?;
    assert!(!all.contains("geheim"), "the password was shown");
    let (answers, secret) = answers_on(&machine)?;
    assert_eq!(secret, "geheim geheim");
    for line in [
        "colour = \"blue\"",
        "greeting = \"one\\ntwo\"",
        "listen = \"192.0.2.3\"",
        "mail_port = \"2525\"",
        "parts = [\"wiki\", \"shop\"]",
        "relay = \"mail.example.net\"",
        "shade = \"\"",
        "site_name = \"Meine Seite\"",
    ] {
        assert!(answers.lines().any(|l| l == line), "{line} is not in {answers}");
    }
    // debconf speaks German as well
    let templates = machine.sh("cat /var/lib/dpkg/info/every-question-appliance-seed.templates")?;
    assert!(templates.contains("Choices-de.UTF-8: rot, grün\\, hell, blau"), "{templates}");
    Ok(())
}
