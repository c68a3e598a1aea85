//! A web client with cookies: curl, as a person's browser would ask.

use anyhow::{Context, Result, ensure};
use exec::Program;
use tempfile::TempDir;
use testbed::Machine;

/// One browser's worth of cookies.
pub struct Client {
    folder: TempDir,
}

/// An answer: status, the address it came from in the end, and the body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub url: String,
    pub body: String,
}

impl Client {
    pub fn new() -> Result<Client> {
        Ok(Client { folder: tempfile::tempdir()? })
    }

    /// Asks with curl's own arguments; redirects are followed, self-signed certificates accepted.
    pub fn ask(&self, arguments: &[&str]) -> Result<Answer> {
        let cookies = self.folder.path().join("cookies");
        let output = Program::new("curl")
            .args(["--silent", "--show-error", "--location", "--insecure", "--max-time", "60"])
            .args(["--write-out", "\n%{http_code} %{url_effective}"])
            .arg("--cookie")
            .arg(&cookies)
            .arg("--cookie-jar")
            .arg(&cookies)
            .args(arguments)
            .run()?
            .text();
        let (body, last) = output.rsplit_once('\n').context("curl said nothing")?;
        let (status, url) = last.split_once(' ').context("curl gave no status")?;
        Ok(Answer { status: status.parse()?, url: url.into(), body: body.into() })
    }

    /// The session's token, as it stands in the cookie.
    pub fn session(&self) -> Result<String> {
        let jar = std::fs::read_to_string(self.folder.path().join("cookies"))?;
        let line = jar.lines().find(|l| l.contains("__Host-appliance-session"));
        Ok(line.and_then(|l| l.split('\t').next_back()).context("nobody is signed in")?.to_owned())
    }

    pub fn get(&self, url: &str) -> Result<Answer> {
        self.ask(&[url])
    }

    /// Sends a form, with the Origin that a browser would send.
    pub fn post(&self, url: &str, fields: &[(&str, &str)]) -> Result<Answer> {
        let origin = url.split('/').take(3).collect::<Vec<_>>().join("/");
        let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut arguments = vec![
            "--header".to_owned(),
            format!("Origin: {origin}"),
            "--header".into(),
            format!("Referer: {url}"),
        ];
        arguments.extend(pairs.into_iter().flat_map(|pair| ["--data-urlencode".to_owned(), pair]));
        if fields.is_empty() {
            arguments.extend(["--data".into(), String::new()]);
        }
        arguments.push(url.into());
        self.ask(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

impl Answer {
    pub fn ok(self) -> Result<Answer> {
        ensure!(self.status == 200, "{} answered {}:\n{}", self.url, self.status, self.body);
        Ok(self)
    }

    /// The value of the first input with this name.
    pub fn field(&self, name: &str) -> Result<String> {
        let input = self
            .body
            .split("<input")
            .skip(1)
            .map(|rest| rest.split('>').next().unwrap_or_default())
            .find(|input| input.contains(&format!("name=\"{name}\"")))
            .with_context(|| format!("{} has no input {name}", self.url))?;
        let value = input.split("value=\"").nth(1).and_then(|v| v.split('"').next());
        Ok(value.unwrap_or_default().to_owned())
    }
}

/// A fresh one-time sign-in link with the machine's own address in it.
pub fn sign_in_link(machine: &Machine) -> Result<String> {
    let answer: serde_json::Value =
        serde_json::from_str(&machine.run(&["appliance-control", "link", "--json"])?.text())?;
    let links = answer["links"].as_array().cloned().unwrap_or_default();
    let link = links.iter().filter_map(|l| l.as_str()).find(|l| l.contains(&machine.address.to_string()));
    Ok(link.context("no link names the machine's address")?.to_owned())
}
