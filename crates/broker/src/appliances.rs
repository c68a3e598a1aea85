//! The appliances on this machine and their health, as `appliance-configure` tells them.

use broker_protocol::{Appliance, Check, Reason, Refusal};
use exec::Program;
use serde::Deserialize;
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

pub const PROGRAM: &str = "/usr/bin/appliance-configure";
/// How long an answer serves everybody: a page and its parts ask within the same moment.
const FRESH: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(20);

/// Remembers the last look.
#[derive(Default)]
pub struct Appliances(Mutex<Option<(Instant, Vec<Appliance>)>>);

#[derive(Deserialize)]
struct Listed {
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    url: String,
    /// Its definition cannot be read.
    #[serde(default)]
    error: Option<String>,
}

impl Appliances {
    /// Looks, unless that was done a moment ago. Those who ask while somebody looks wait for what he sees.
    pub fn look(&self) -> Result<Vec<Appliance>, Refusal> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((when, seen)) = last.as_ref()
            && when.elapsed() < FRESH
        {
            return Ok(seen.clone());
        }
        let seen = look(&|args| {
            let program = Program::new(PROGRAM).args(args).timeout(TIMEOUT);
            program.output().map(|o| (o.success(), o.text(), o.tail(1).concat())).map_err(|e| e.to_string())
        })?;
        *last = Some((Instant::now(), seen.clone()));
        Ok(seen)
    }
}

/// Whether the program succeeded, its standard output, and the last line it wrote.
type Ran = Result<(bool, String, String), String>;

fn look(run: &dyn Fn(&[&str]) -> Ran) -> Result<Vec<Appliance>, Refusal> {
    let failed = |why: &str| Refusal {
        reason: Reason::Failed,
        message: format!(
            "Cannot list the appliances of this machine: {why}. Try `appliance-configure list` there."
        ),
    };
    let listed = match run(&["list", "--json"]) {
        // one that cannot be read makes the status 1, and stands in the list with its error
        Ok((good, text, last)) => serde_json::from_str::<Vec<Listed>>(&text)
            .map_err(|e| failed(&if good { e.to_string() } else { last }))?,
        Err(why) => return Err(failed(&why)),
    };
    Ok(listed
        .into_iter()
        .map(|l| {
            let checks = match l.error {
                None => health(&l.name, run),
                Some(message) => vec![Check { name: "definition".into(), ok: false, message }],
            };
            let healthy = checks.iter().all(|c| c.ok);
            Appliance { name: l.name, version: l.version, summary: l.summary, url: l.url, healthy, checks }
        })
        .collect())
}

/// A machine that is not healthy answers with status 1 and its checks; without checks something is wrong with the look.
fn health(name: &str, run: &dyn Fn(&[&str]) -> Ran) -> Vec<Check> {
    let unknown = |message: String| vec![Check { name: "health".into(), ok: false, message }];
    match run(&["health", name, "--json"]) {
        Ok((_, text, last)) => serde_json::from_str(&text).unwrap_or_else(|_| unknown(last)),
        Err(why) => unknown(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_what_the_checks_say() {
        let list = r#"[{"name":"good","version":"1","summary":"s","url":"http://x/","later":1},{"name":"bad"},{"name":"odd"},{"name":"torn","error":"no JSON"}]"#;
        let seen = look(&|args| match args {
            ["list", _] => Ok((false, list.into(), String::new())),
            ["health", "good", _] => {
                Ok((true, r#"[{"name":"u","ok":true,"message":"fine"}]"#.into(), String::new()))
            }
            ["health", "bad", _] => {
                Ok((false, r#"[{"name":"u","ok":false,"message":"down"}]"#.into(), String::new()))
            }
            _ => Ok((false, String::new(), "no such appliance".into())),
        })
        .unwrap();
        assert_eq!(seen.iter().map(|a| a.healthy).collect::<Vec<_>>(), [true, false, false, false]);
        assert_eq!(seen[3].checks[0].message, "no JSON");
        assert_eq!(seen[0].url, "http://x/");
        assert_eq!(seen[2].checks[0].message, "no such appliance");
    }

    #[test]
    fn a_list_that_fails_is_an_error_with_the_way_out() {
        for ran in [
            Err("cannot start".to_string()),
            Ok((false, String::new(), "broken".into())),
            Ok((true, "{".into(), String::new())),
        ] {
            let refusal = look(&|_| ran.clone()).unwrap_err();
            assert!(refusal.message.contains("appliance-configure list"));
        }
    }
}
