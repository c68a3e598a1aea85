//! A real Chromium, driven through WebDriver (W3C Recommendation) by Debian's chromedriver.
//!
//! The dozen commands that tests use, spoken directly: the crates that wrap the protocol bring an
//! asynchronous runtime and a TLS library, for a loopback connection with JSON on it.

use crate::{host, machine::wait_until};
use anyhow::{Context, Result, bail};
use exec::Program;
use serde_json::{Value, json};
use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

/// The key under which WebDriver returns an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

const NETWORK_CHANGED: &str = "ERR_NETWORK_CHANGED";

pub struct Browser {
    driver: Child,
    session: String,
    agent: ureq::Agent,
    profile: PathBuf,
    /// Where downloads go.
    pub downloads: PathBuf,
}

impl Browser {
    /// Starts Chromium with a new profile; `width` and `height` in CSS pixels. Self-signed certificates are accepted.
    pub fn start(width: u32, height: u32, dark: bool) -> Result<Browser> {
        host::need(&[("chromium", "chromium"), ("chromedriver", "chromium-driver")])?;
        let profile =
            std::env::temp_dir().join(format!("vat-chromium-{}-{}", std::process::id(), free_port()?));
        let downloads = profile.join("downloads");
        fs::create_dir_all(&downloads)?;
        let port = free_port()?;
        let driver = Program::new("chromedriver")
            .arg(format!("--port={port}"))
            .env("HOME", &profile)
            .own_group()
            .spawn(Stdio::null(), Stdio::null())?;
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(120)))
            .build()
            .into();
        let mut browser =
            Browser { driver, session: format!("http://127.0.0.1:{port}"), agent, profile, downloads };
        let status = format!("{}/status", browser.session);
        if !wait_until(Duration::from_secs(20), || browser.agent.get(&status).call().is_ok()) {
            bail!("chromedriver does not answer");
        }
        let mut args = vec![
            "--headless".to_owned(),
            format!("--window-size={width},{height}"),
            format!("--user-data-dir={}", browser.profile.join("data").display()),
        ];
        args.extend(
            [
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--hide-scrollbars",
            ]
            .map(String::from),
        );
        if dark {
            args.push("--blink-settings=preferredColorScheme=0".into());
        }
        let options = json!({"args": args, "prefs": {"download.default_directory": browser.downloads}});
        let capabilities = json!({"acceptInsecureCerts": true, "goog:chromeOptions": options});
        let answer = browser.post("session", json!({"capabilities": {"alwaysMatch": capabilities}}))?;
        let id = answer["sessionId"].as_str().context("chromedriver gave no session")?;
        browser.session = format!("{}/session/{id}", browser.session);
        // narrower than Chromium lets a window be: the screen itself is emulated
        browser.devtools(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}),
        )?;
        Ok(browser)
    }

    /// Chromium gives up a page when an interface comes or goes on the host, which other labs' do: such a page is opened
    /// again.
    pub fn open(&self, url: &str) -> Result<()> {
        for _ in 0..5 {
            match self.post("url", json!({ "url": url })) {
                Err(error) if error.to_string().contains(NETWORK_CHANGED) => {}
                Err(error) => return Err(error),
                Ok(_) if self.text().is_ok_and(|text| text.contains(NETWORK_CHANGED)) => {}
                Ok(_) => return Ok(()),
            }
        }
        bail!("{url} cannot be opened: {NETWORK_CHANGED}")
    }
    pub fn url(&self) -> Result<String> {
        Ok(self.get("url")?.as_str().unwrap_or_default().to_owned())
    }
    /// The text that a person sees on the page.
    pub fn text(&self) -> Result<String> {
        self.script("return document.body.innerText").map(|v| v.as_str().unwrap_or_default().to_owned())
    }
    /// Runs JavaScript in the page.
    pub fn script(&self, script: &str) -> Result<Value> {
        self.post("execute/sync", json!({"script": script, "args": []}))
    }
    /// Clicks the first element that the CSS selector finds.
    pub fn click(&self, selector: &str) -> Result<()> {
        let element = self.find("css selector", selector)?;
        self.post(&format!("element/{element}/click"), json!({})).map(drop)
    }
    /// Clicks the link or button with this text.
    pub fn click_text(&self, text: &str) -> Result<()> {
        let path = format!(
            "//*[self::a or self::button or self::summary][contains(normalize-space(.), \"{text}\")]"
        );
        let element = self.find("xpath", &path)?;
        self.post(&format!("element/{element}/click"), json!({})).map(drop)
    }
    /// Types into an input; for a file input the path of the file.
    pub fn fill(&self, selector: &str, text: &str) -> Result<()> {
        let element = self.find("css selector", selector)?;
        self.post(&format!("element/{element}/value"), json!({ "text": text })).map(drop)
    }
    /// Types into an input in the place of what is in it.
    pub fn replace(&self, selector: &str, text: &str) -> Result<()> {
        let element = self.find("css selector", selector)?;
        self.post(&format!("element/{element}/clear"), json!({}))?;
        self.post(&format!("element/{element}/value"), json!({ "text": text })).map(drop)
    }
    pub fn wait_for_text(&self, text: &str, limit: Duration) -> Result<()> {
        if wait_until(limit, || self.text().is_ok_and(|t| t.contains(text))) {
            return Ok(());
        }
        bail!(
            "{:?} did not appear within {} s on {}, which says:\n{}",
            text,
            limit.as_secs(),
            self.url()?,
            self.text()?
        )
    }
    /// Waits until the folder of downloads has a complete file and gives its path.
    pub fn wait_for_download(&self, limit: Duration) -> Result<PathBuf> {
        let mut found = None;
        wait_until(limit, || {
            let files = fs::read_dir(&self.downloads).into_iter().flatten().flatten().map(|e| e.path());
            let (partial, complete): (Vec<_>, Vec<_>) = files.partition(|p| {
                p.extension().is_some_and(|e| e == "crdownload")
                    || p.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'))
            });
            found = complete.into_iter().next().filter(|_| partial.is_empty());
            found.is_some()
        });
        found.with_context(|| format!("no download within {} s", limit.as_secs()))
    }
    /// A PNG of the whole page.
    pub fn screenshot(&self, path: &Path) -> Result<()> {
        let shot =
            self.devtools("Page.captureScreenshot", json!({"format": "png", "captureBeyondViewport": true}))?;
        let bytes = decode_base64(shot["data"].as_str().unwrap_or_default())
            .context("the screenshot is no base64")?;
        fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
    }

    fn devtools(&self, command: &str, params: Value) -> Result<Value> {
        self.post("goog/cdp/execute", json!({"cmd": command, "params": params}))
    }
    fn find(&self, using: &str, value: &str) -> Result<String> {
        let mut found = None;
        wait_until(Duration::from_secs(10), || {
            found = self.post("element", json!({"using": using, "value": value})).ok();
            found.is_some()
        });
        let id = found.as_ref().and_then(|f| f[ELEMENT].as_str().map(String::from));
        id.with_context(|| {
            let (url, text) = (self.url().unwrap_or_default(), self.text().unwrap_or_default());
            format!("nothing on {url} matches {value}; it says:\n{text}")
        })
    }
    fn get(&self, path: &str) -> Result<Value> {
        let mut response = self.agent.get(&format!("{}/{path}", self.session)).call()?;
        unwrap(response.body_mut().read_json()?)
    }
    fn post(&self, path: &str, body: Value) -> Result<Value> {
        let mut response = self.agent.post(&format!("{}/{path}", self.session)).send_json(body)?;
        unwrap(response.body_mut().with_config().limit(64 << 20).read_json()?)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.agent.delete(&self.session).call();
        // chromedriver leads a process group of its own with Chromium in it
        if let Some(group) = rustix::process::Pid::from_raw(self.driver.id() as i32) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.driver.wait();
        let _ = fs::remove_dir_all(&self.profile);
    }
}

fn unwrap(answer: Value) -> Result<Value> {
    let value = answer.get("value").cloned().unwrap_or_default();
    match value.get("error") {
        Some(error) => bail!(
            "the browser says: {error}: {}",
            value["message"].as_str().unwrap_or_default().lines().next().unwrap_or_default()
        ),
        None => Ok(value),
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// RFC 4648, standard alphabet.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut buffer, mut bits) = (vec![], 0u32, 0);
    for c in text.bytes().filter(|c| *c != b'=') {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        buffer = buffer << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((buffer >> bits) as u8);
            buffer &= (1 << bits) - 1;
        }
    }
    Some(bytes)
}
