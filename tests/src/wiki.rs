//! MoinMoin as a person with a browser uses it.

use crate::client::{Answer, Client};
use anyhow::{Result, ensure};
use testbed::Machine;

/// A wiki and one browser's worth of cookies.
pub struct Wiki {
    client: Client,
    base: String,
}

impl Wiki {
    pub fn on(machine: &Machine) -> Result<Wiki> {
        Ok(Wiki { client: Client::new()?, base: format!("http://{}", machine.address) })
    }

    pub fn get(&self, path: &str) -> Result<Answer> {
        self.client.get(&format!("{}{path}", self.base))
    }

    /// The front page's title, as a browser shows it.
    pub fn title(&self) -> Result<String> {
        let page = self.get("/")?.ok()?.body;
        let title = page
            .split_once("<title>")
            .and_then(|(_, rest)| rest.split_once("</title>"))
            .map(|(title, _)| title);
        let mut title = title.unwrap_or_default().to_owned();
        for (entity, character) in
            [("&#34;", "\""), ("&quot;", "\""), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")]
        {
            title = title.replace(entity, character);
        }
        Ok(title.trim().to_owned())
    }

    /// Whether the wiki takes the name and the password.
    pub fn sign_in(&self, name: &str, password: &str) -> Result<bool> {
        let fields = [
            ("login_username", name),
            ("login_password", password),
            ("login_submit", "1"),
            ("login_nexturl", "/Home"),
        ];
        self.client.post(&format!("{}/+login", self.base), &fields)?;
        Ok(self.get("/Home")?.ok()?.body.contains("moin-logout"))
    }

    pub fn write(&self, page: &str, text: &str) -> Result<()> {
        let kind = "itemtype=default&contenttype=text%2Fx.moin.wiki%3Bcharset%3Dutf-8&template=";
        let fields = [
            ("content_form_data_text", text),
            ("comment", ""),
            ("meta_form_acl", "None"),
            ("meta_form_name", page),
            ("meta_form_summary", ""),
            ("meta_form_tags", ""),
        ];
        let saved = self.client.post(&format!("{}/+modify/{page}?{kind}", self.base), &fields)?.ok()?;
        ensure!(saved.url.ends_with(&format!("/{page}")), "the page was not saved, but led to {}", saved.url);
        Ok(())
    }

    pub fn delete(&self, page: &str) -> Result<()> {
        self.client.post(&format!("{}/+delete/{page}", self.base), &[("delete_item_comment", "")])?;
        let status = self.get(&format!("/{page}"))?.status;
        ensure!(status == 404, "the deleted page answers {status}");
        Ok(())
    }

    /// Whether the full-text search leads to the page.
    pub fn finds(&self, word: &str, page: &str) -> Result<bool> {
        let found = self.get(&format!("/+search?q={word}"))?.ok()?.body;
        Ok(found.contains(&format!("href=\"/{page}?")))
    }
}
